"""Articles and the vectors of their chunks, kept in Chroma."""

from bot.store.chroma import Store
from bot.store.records import Near, Prepared, Signature, StoredSentence, View, newest_first

__all__ = ["Near", "Prepared", "Signature", "Store", "StoredSentence", "View", "newest_first"]
