"""Lines of a .jsonl file → articles: `{id, title, date, url, text}`, also source and author; other keys are ignored.

The text is taken exactly as it stands, because offsets of evaluation sets point into it.
"""

import json
from pathlib import Path
from typing import Any

from bot.articles import fields
from bot.errors import ArticleError
from bot.schema import Article


def read_line(line: bytes, number: int, path: Path) -> Article:
    """The article of one line; without an id it gets the file's name and `number`. Raises ArticleError."""
    record = _record(line)
    date = _text(record, "date")
    return fields.build(
        path,
        _text(record, "text") or "",
        ident=_text(record, "id") or f"{fields.slug(path.stem)[:180]}-{number}",
        title=_text(record, "title"),
        date=fields.parse_date(date) if date else None,
        url=_text(record, "url"),
        source=_text(record, "source"),
        author=_text(record, "author"),
    )


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise ArticleError("it is not UTF-8. Save the file again as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise ArticleError(f"it is not JSON ({error.msg}, column {error.colno}). Mend that line.") from None
    except (ValueError, RecursionError):
        raise ArticleError("its JSON is nested too deep or holds too long a number. Mend that line.") from None
    if not isinstance(record, dict):
        raise ArticleError('it is not a JSON object. Write {"id": …, "text": …}.')
    return record


def _text(record: dict[str, Any], key: str) -> str | None:
    value = record.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and key == "id":
        return str(value)
    if value is not None and not isinstance(value, str):
        raise ArticleError(f"its {key} is not a string. Put it in quotation marks.")
    return value
