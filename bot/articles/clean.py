"""Plain news text → the story, with what is not story set aside.

Set aside are the `date YYYY-MM-DD` at the start or below the title, link headlines in capitals, plugs for apps and
newsletters, and credit lines. When in doubt a paragraph stays: each rule below asks for several signs at once. Kept
text is not altered, so every character is afterwards either in `text` or in `dropped`.
"""

import datetime as dt
import re
from collections.abc import Sequence
from typing import NamedTuple

from bot.schema import Dropped

DATE = "date line"
HEADLINE = "link headline in capitals"
PLUG = "plug for an app or newsletter"
CREDIT = "credit line"

_DAY = r"(?:date|(?:date|Date|DATE):)[ \t]+(?P<day>\d{4}-\d{2}-\d{2})"
_DATE = re.compile(rf"(?P<line>\s*{_DAY}(?!\S)\s*)")
_DATE_BELOW = re.compile(rf"\s*\S[^\n]*\n\s*(?P<line>{_DAY}[^\S\n]*(?:\n|\Z))")  # alone on the line after the first
_BLOCK = re.compile(r"\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*")
_LINE = re.compile(r"\S[^\n]*")
_ENDS_SENTENCE = re.compile(r"[.!?…][\"'”’»)\]]*$|[\"”»)\]]$")

_CLOSING = {"“": "”", "„": "“”", "«": "»", '"': '"'}
_QUOTE = re.compile('[“”„«»"]')

_MIN_WORDS, _MAX_WORDS = 4, 30
_MAX_HEADLINE_SHARE = 1 / 3
_MAX_PLUG = 200

_SAYS = re.compile(r"\b(?:said|says|say|told|tells|asked|wrote|writes|added|read|reads)\b", re.IGNORECASE)
_PLUGS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:click|tap) here (?:to|for) (?:get|download|install|sign up|subscribe|receive|join|follow|more)\b[^.;:!?]*"
        r"\b(?:apps?|newsletters?|briefings?|emails?|alerts|updates|coverage|news|stories|podcasts?)\b[^;:!?]{0,40}",
        r"(?:download|get|install) (?:the|our) [^.,;:!?]{0,60}\bapp"
        r"(?: (?:here|now|today|for free|on (?:ios|android|the app store|google play)|and|or))*[.!]?",
        r"(?:sign up|subscribe|register) (?:here )?(?:for|to) [^.;:!?]{0,80}"
        r"\b(?:newsletters?|briefings?|emails?|alerts|podcasts?)\b[^.;:!?]{0,60}[.!]?",
    )
)
_SHOUTED_PLUG = re.compile(r"(?:CLICK|TAP) HERE (?:TO|FOR) [^“”\"]+")

_LINK_WORDS = re.compile(
    r"and|of|the|in|for|with|from|at|to|an?|by|also|(?:writer|reporter|correspondent|journalist|editor|producer)s?|staff"
    r"|del?|della|d[ia]|van|von|de[rn]|l[ae]|[ae]l|bin|ibn|y|e"
)
_CONTRIBUTED = re.compile(
    r"(?P<who>.{2,300}?),? contributed "
    r"(?:to this (?:report|story|article|piece|post)|reporting(?: to this (?:report|story|article|piece))?)"
    r"(?: from (?P<place>.{2,100}?))?\.?"
)
_BY_JOB = re.compile(
    r"(?:additional |with )?(?:reporting|writing|editing)(?:,? and (?:reporting|writing|editing))? by "
    r"(?P<who>.{2,200})",
    re.IGNORECASE,
)
_NEXT_JOB = re.compile(r"[;.]\s+(?=(?:additional |with )?(?:reporting|writing|editing)\b)", re.IGNORECASE)


class Cleaned(NamedTuple):
    text: str
    date: dt.date | None
    credit: str | None
    dropped: tuple[Dropped, ...]


def clean(text: str, date_line: bool = True) -> Cleaned:
    """The story in `text`; `date_line` says whether it may begin with `date YYYY-MM-DD`."""
    body, date, dropped = take_date(text) if date_line else (text, None, [])
    spans = _blocks(body)
    blocks = [body[start:end] for start, end in spans]
    reasons = _judge(blocks)
    kept = "".join(
        body[start : spans[index + 1][0] if index + 1 < len(spans) else end]
        for index, (start, end) in enumerate(spans)
        if reasons[index] is None
    ).rstrip()
    dropped += [Dropped(text=block, reason=reason) for block, reason in zip(blocks, reasons, strict=True) if reason]
    credit = " ".join(" ".join(piece.text.split()) for piece in dropped if piece.reason == CREDIT)
    return Cleaned(kept, date, credit or None, tuple(dropped))


def take_date(text: str) -> tuple[str, dt.date | None, list[Dropped]]:
    """The text without its date line, which stands at the start or below the title; its day; what was taken out."""
    match = _DATE.match(text) or _DATE_BELOW.match(text)
    if not match:
        return text, None, []
    try:
        date = dt.date.fromisoformat(match["day"])
    except ValueError:
        return text, None, []
    start, end = match.span("line")
    return text[:start] + text[end:], date, [Dropped(text=match["line"].strip(), reason=DATE)]


def _blocks(text: str) -> list[tuple[int, int]]:
    """Paragraphs: set off by blank lines, or each line one where there is no blank line at all."""
    pattern = _BLOCK if re.search(r"\n[^\S\n]*\n", text.strip()) else _LINE
    return [(match.start(), match.start() + len(match[0].rstrip())) for match in pattern.finditer(text)]


def _judge(blocks: Sequence[str]) -> list[str | None]:
    """For each paragraph the reason to drop it, or None."""
    reasons: list[str | None] = [None, *(_plug_or_credit(block) for block in blocks[1:])][: len(blocks)]
    headlines = _headlines(blocks, reasons)
    if len(headlines) <= _MAX_HEADLINE_SHARE * len(blocks):
        for index in headlines:
            reasons[index] = HEADLINE
    return reasons


def _plug_or_credit(block: str) -> str | None:
    if is_plug(block):
        return PLUG
    return CREDIT if is_credit(block) else None


def is_plug(block: str) -> bool:
    """Whether a paragraph only advertises an app, newsletter or more coverage."""
    if "\n" in block or len(block) > _MAX_PLUG:
        return False
    if in_capitals(block) and _SHOUTED_PLUG.fullmatch(block):
        return True
    return not _SAYS.search(block) and any(pattern.fullmatch(block) for pattern in _PLUGS)


def is_credit(block: str) -> bool:
    """Whether a paragraph only names who reported, wrote or edited: names, and no other words."""
    line = " ".join(block.split())
    match = _CONTRIBUTED.fullmatch(line)
    if match:
        return _only_names(match["who"]) and (match["place"] is None or _only_names(match["place"]))
    if line.startswith("(") and line.endswith(")"):
        line = line[1:-1]
    jobs = [_BY_JOB.fullmatch(part) for part in _NEXT_JOB.split(line)]
    return all(job is not None and _only_names(job["who"]) for job in jobs)


def _only_names(words: str) -> bool:
    found = re.findall(r"[^\W\d_][\w.'’&-]*", words)
    names = [word for word in found if word[0].isupper()]
    return bool(names) and all(word[0].isupper() or _LINK_WORDS.fullmatch(word) for word in found)


def in_capitals(block: str) -> bool:
    """Whether all letters that have a case are capitals, but for names such as McCain and a genitive s."""
    bare = re.sub(r"(?<=\w)['’]s\b|(?<=\bM)a?c(?=[A-Z])", "", block)
    letters = [char for char in bare if char.isalpha()]
    return sum(char.isupper() for char in letters) > len(letters) / 2 and not any(char.islower() for char in letters)


def _headlines(blocks: Sequence[str], reasons: Sequence[str | None]) -> list[int]:
    """Places of the paragraphs in capitals that no sign ties to the story around them."""
    found: list[int] = []
    before, opened = "", ""
    for index, block in enumerate(blocks):
        if reasons[index] is not None:
            continue
        free = index > 0 and not opened and _ENDS_SENTENCE.search(before) is not None and not in_capitals(before)
        after = next((blocks[i] for i in range(index + 1, len(blocks)) if reasons[i] is None), "")
        if free and not after[:1].islower() and _looks_like_headline(block):
            found.append(index)
            continue
        before, opened = block, _open_quote(block, opened)
    return found


def _looks_like_headline(block: str) -> bool:
    words = [word for word in block.split() if any(char.isalpha() for char in word)]
    return (
        "\n" not in block
        and block[0].isalnum()
        and _MIN_WORDS <= len(words) <= _MAX_WORDS
        and (block[-1].isalnum() or block[-1] in "'’)%")
        and in_capitals(block)
    )


def _open_quote(block: str, opened: str) -> str:
    """The quotation mark still open after `block`; `opened` is the one open before it, '' for none."""
    for match in _QUOTE.finditer(block):
        if opened and match[0] in _CLOSING[opened]:
            # A quotation of several paragraphs opens each of them again and closes once.
            opened = opened if match.start() == 0 and opened == '"' else ""
        elif not opened and match[0] in _CLOSING:
            opened = match[0]
    return opened
