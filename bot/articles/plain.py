"""Plain text and Markdown files → articles."""

import datetime as dt
import re
from pathlib import Path
from typing import NamedTuple

import yaml

from bot.articles import fields
from bot.articles.clean import clean, take_date
from bot.articles.decode import decode
from bot.errors import ArticleError
from bot.schema import Article

MAX_HEADER = 10_000
MAX_BRACKETS = 500  # the YAML parser's time grows with the square of the open ones

_HEADER = re.compile(r"---[^\S\n]*\n(.*?)^(?:---|\.\.\.)[^\S\n]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_OPEN_HEADER = re.compile(r"---[^\S\n]*\n[A-Za-z_]+:")
_TITLE = re.compile(r"^# +(\S.*)$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_NULLS = ("", "~", "null", "Null", "NULL")


class _Value(NamedTuple):
    text: str
    line: int  # in the file, from 1


def read_text(data: bytes, path: Path) -> Article:
    """An article of plain news text, see `clean`. Raises ArticleError."""
    text = decode(data)
    fields.check_length(text)
    story = clean(text)
    return fields.build(path, story.text, date=story.date, credit=story.credit, dropped=story.dropped)


def read_markdown(data: bytes, path: Path) -> Article:
    """An article of Markdown; its text is all below the front matter but a date line. Raises ArticleError."""
    text = decode(data)
    fields.check_length(text)
    header, body = _front_matter(text)
    body, day, dropped = (body, _date(header["date"]), []) if "date" in header else take_date(body)
    headline = _TITLE.search(_FENCE.sub("", body))
    given = {name: value.text for name, value in header.items()}
    return fields.build(
        path,
        body,
        ident=given.get("id"),
        title=given.get("title") or (_bare(headline[1]) if headline else None),
        date=day,
        url=given.get("url"),
        source=given.get("source"),
        author=given.get("author"),
        dropped=tuple(dropped),
    )


def _bare(headline: str) -> str:
    """Without the marks that may close a heading; no pattern, as one would try each of a million blanks."""
    line = headline.rstrip()
    rest = line.rstrip("#")
    return rest.rstrip() if rest.endswith((" ", "\t")) else line


def _front_matter(text: str) -> tuple[dict[str, _Value], str]:
    match = _HEADER.match(text)
    if match is None:
        if _OPEN_HEADER.match(text):
            raise ArticleError("line 1: the header has no end. Add a line of --- below it.")
        return {}, text.strip()
    values = _values(match[1])
    # Text between two rules is no header.
    return ({}, text.strip()) if values is None else (values, text[match.end() :].strip())


def _values(header: str) -> dict[str, _Value] | None:
    """Its entries as written, nothing converted, so that an id of 007 stays one; None if it is no mapping."""
    if len(header) > MAX_HEADER or header.count("[") + header.count("{") > MAX_BRACKETS:
        raise ArticleError("line 1: the header is too long or too nested. Keep only title, date and the like in it.")
    try:
        # Composing builds no objects and follows no aliases, so it is safe with any input.
        root = yaml.compose(header, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line, header.count("\n") - 1) + 2 if mark else 1
        raise ArticleError(f"line {line}: the header is not YAML ({error.problem}). Mend that line.") from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise ArticleError("line 1: the header is not YAML. Mend or remove it.") from None
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        return None
    found = {}
    for key, node in root.value:
        text = _scalar(node)
        if isinstance(key, yaml.ScalarNode) and text not in _NULLS:
            found[key.value.lower()] = _Value(text, key.start_mark.line + 2)
    return found


def _scalar(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return ", ".join(str(item.value) for item in node.value if isinstance(item, yaml.ScalarNode))
    return ""


def _date(value: _Value) -> dt.date:
    try:
        return fields.parse_date(value.text)
    except ArticleError as error:
        raise ArticleError(f"line {value.line}: {error}") from None
