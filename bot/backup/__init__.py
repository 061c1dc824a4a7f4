"""A user's own things in one zip file, and back: articles, settings, conversations, ratings, users.

What derives from them (chunks, vectors, indexes, kept passages) is left out and made again; so are models.
"""

from bot.backup.form import Manifest, Member
from bot.backup.pack import pack
from bot.backup.restore import restore
from bot.backup.unpack import Backup

__all__ = ["Backup", "Manifest", "Member", "pack", "restore"]
