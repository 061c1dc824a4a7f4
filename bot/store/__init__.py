"""Articles and the vectors of their chunks, kept in Chroma."""

from bot.store.chroma import Near, Store
from bot.store.records import Signature, newest_first

__all__ = ["Near", "Signature", "Store", "newest_first"]
