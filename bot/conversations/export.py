"""A conversation as text for elsewhere: Markdown with its quotes, or JSON with all there is. Pure."""

import json
import re
from collections.abc import Sequence

from bot.conversations.kept import Said
from bot.schema import Answer

_MARKS = re.compile(r"([\\`*_\[\]<>#|~&])")
_LIST = re.compile(r"^(\d*)([-+.)])(?=\s)")


def as_markdown(said: Sequence[Said]) -> str:
    """Questions as headings, answers with numbered quotes beneath."""
    return "\n\n".join(f"## {_plain(one.question)}\n\n{answer_as_markdown(one.answer)}" for one in said) + "\n"


def answer_as_markdown(answer: Answer) -> str:
    """The sentences with their numbers, then each number's quote with title, date and address."""
    if not answer.sentences:
        return _plain(answer.text)
    text = " ".join(_plain(one.text) + "".join(f" [{number}]" for number in one.markers) for one in answer.sentences)
    quotes = []
    for citation in sorted(
        {one.marker: one for one in reversed(answer.citations)}.values(), key=lambda one: one.marker
    ):
        where = [_plain(citation.title) or "Untitled", *([citation.date.isoformat()] if citation.date else [])]
        if citation.url:
            where.append(
                f"<{citation.url}>" if re.fullmatch(r"https?://[^\s<>]+", citation.url) else _plain(citation.url)
            )
        quotes.append(f"[{citation.marker}] “{_plain(citation.quote)}” — {', '.join(where)}")
    return "\n\n".join([text, "  \n".join(quotes)] if quotes else [text])


def as_json(said: Sequence[Said]) -> str:
    """A list of objects with `question`, `at` and `answer`, which is as docs/answer.md has it."""
    return json.dumps([one.model_dump(mode="json") for one in said], ensure_ascii=False, indent=2) + "\n"


def _plain(text: str) -> str:
    """Words on one line that Markdown shows as they are."""
    return _LIST.sub(r"\1\\\2", _MARKS.sub(r"\\\1", " ".join(text.split())))
