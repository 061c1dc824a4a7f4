"""Conversations kept on the user's own disk, and what they look like elsewhere."""

from bot.conversations.export import answer_as_markdown, as_json, as_markdown
from bot.conversations.kept import Conversations, Said, Talk, folder_of

__all__ = ["Conversations", "Said", "Talk", "answer_as_markdown", "as_json", "as_markdown", "folder_of"]
