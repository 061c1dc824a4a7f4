"""BM25 over the chunks of a store: derived from it, saved beside it, and brought up to date article by article.

Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), in Lucene's form, whose idf is
never negative: Kamphuis et al., "Which BM25 Do You Mean?" (ECIR 2020). Scores are worked out when asked, so that a new
article changes them all without an index made anew. It knows chunks and words, not vectors.
"""

from bot.lexical.index import Hit, Known, Lexical
from bot.lexical.saved import is_damaged, known, load, save

__all__ = ["Hit", "Known", "Lexical", "is_damaged", "known", "load", "save"]
