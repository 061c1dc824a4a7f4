"""Who may log in to the page: a file of names and password hashes. It knows no page and no browser."""

from bot.users.known import Users, folder_name, key

__all__ = ["Users", "folder_name", "key"]
