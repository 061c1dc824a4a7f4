"""Files and web pages in, articles and chunks out: code that knows neither models nor store.

`find_files` and `read_file` give articles (or the reason why not), `read_url` that of a page that a `web.Fetcher`
fetches, the only code here that opens connections. `chunk` cuts them for the embedder,
`sentences.split` finds sentences. Every offset points into `Article.text`.
"""

from bot.articles.address import Fetched
from bot.articles.chunk import chunk, embedding_text, heading
from bot.articles.fields import article_id, content_hash, parse_date, slug
from bot.articles.jsonl import read_line
from bot.articles.read import SUFFIXES, Skipped, find_files, read_file, read_numbered, read_url

__all__ = [
    "SUFFIXES",
    "Fetched",
    "Skipped",
    "article_id",
    "chunk",
    "content_hash",
    "embedding_text",
    "find_files",
    "heading",
    "parse_date",
    "read_file",
    "read_line",
    "read_numbered",
    "read_url",
    "slug",
]
