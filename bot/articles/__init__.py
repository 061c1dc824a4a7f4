"""Files in, articles and chunks out: pure code that knows neither models nor store.

`find_files` and `read_file` give articles (or the reason why not), `chunk` cuts them for the embedder,
`sentences.split` finds sentences. Every offset points into `Article.text`.
"""

from bot.articles.chunk import chunk, embedding_text, heading
from bot.articles.fields import article_id, content_hash
from bot.articles.read import SUFFIXES, Skipped, find_files, read_file

__all__ = [
    "SUFFIXES",
    "Skipped",
    "article_id",
    "chunk",
    "content_hash",
    "embedding_text",
    "find_files",
    "heading",
    "read_file",
]
