"""Articles and the vectors of their chunks, kept in Chroma."""

from bot.store.audit import Audit, audit
from bot.store.chroma import Store
from bot.store.records import Near, Prepared, Signature, StoredSentence, View, newest_first

__all__ = ["Audit", "Near", "Prepared", "Signature", "Store", "StoredSentence", "View", "audit", "newest_first"]
