"""Text → sentences, as character offsets; the only importer of sentencex.

sentencex gives offsets in characters, also after emoji. Its time grows with the square of the window where many
quotation marks are left open, so it sees at most WINDOW characters at once. Small rules mend what it does wrong in
news and encyclopaedia text. It knows nothing of articles.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

import sentencex

WINDOW = 2000
LONG = 400

Offsets = tuple[int, int]

_BLANKS = {
    ord(blank): " "
    for blank in "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
}

_LINE = re.compile(r"[^\n]*\n?")
_OWN_LINE = re.compile(r"\s*(?:#{1,6}\s|\||[-*+•]\s)")
_HEADING = re.compile(r"\s*#{1,6}\s")
_NUMBERED = re.compile(r"\s*\(?\d{1,2}[.)]\s")
_ENUMERATOR = re.compile(r"(?:^|\n)[^\S\n]*\(?(?:\d{1,3}|[IVXLC]{1,6}|[A-Za-z])[.)]\s*$")
_AFTER_PARENTHESIS = re.compile(r"\([^()]*[.!?]\)\s+(?=[^\W\d_a-z]|[\"“(])")
_AFTER_QUOTE = re.compile(r"(?:[^\"“”]*(?:\"[^\"“”]*\.'?\"|“[^\"“”]*\.[’']?”))\s+(?=[^\W\d_a-z]|[\"“])")
_INSIDE = re.compile(r"(?<=[^\W\d_A-Z][^\W\d_A-Z])[.!?]\s+(?=[^\W\d_a-z]|[“(])")
_GLUED_NOTE = re.compile(r"(?:\[[^\[\]\n]{1,40}\]|:\d[\d:,–-]*)+")
_OPENING = re.compile(r"(?<=\s)[“‘«„(\[]+\s*$")
_TITLE = re.compile(r"\b(?:St|Mt|Ft|Dr|Mr|Mrs|Ms|Prof|Gen|Sen|Gov|Rep|Lt|Col|Capt|Sgt|Rev|Hon)\.$")


def split(text: str, start: int = 0, end: int | None = None) -> list[Offsets]:
    """Sentences of `text[start:end]` as (start, end) offsets into `text`, in order.

    They are trimmed of white space, don't overlap, cover every other character, and never cross a blank line. Lines of
    lists, tables and Markdown headings stand alone. A sentence of more than WINDOW characters comes in pieces.
    """
    found: list[Offsets] = []
    for segment_start, segment_end in _segments(text, start, len(text) if end is None else min(end, len(text))):
        if not text[segment_start:segment_end].isspace():
            found += _sentences(text, segment_start, segment_end)
    return found


def _segments(text: str, start: int, end: int) -> Iterator[Offsets]:
    """Runs of lines that may hold one sentence: cut at blank lines and round lines that stand alone."""
    begin, previous = start, ""
    position = start
    while position < end:
        match = _LINE.match(text, position, end)
        line = match[0] if match else text[position:end]
        if not line.strip() or _breaks_before(text, begin, position, previous, line):
            yield begin, position
            begin = position
        position, previous = position + len(line), line
    yield begin, end


def _breaks_before(text: str, begin: int, position: int, previous: str, line: str) -> bool:
    if _OWN_LINE.match(line) or _HEADING.match(previous):
        return True
    numbered = _NUMBERED.match(line) is not None
    return numbered and (previous.rstrip().endswith(":") or _NUMBERED.match(text, begin, position) is not None)


def _sentences(text: str, start: int, end: int) -> list[Offsets]:
    borders = [start, *(_mended(text, first, last, end) for first, last in _boundaries(text, start, end))]
    raw = [piece for first, last in pairwise(borders) for piece in _cut(text, first, last)]
    trimmed = [span for span in (_trim(text, first, last) for first, last in raw) if span[0] < span[1]]
    return _merge(text, trimmed)


def _boundaries(text: str, start: int, end: int) -> Iterator[Offsets]:
    """What sentencex finds, window by window; the next window begins where the last whole sentence ended."""
    while start < end:
        stop = min(end, start + WINDOW)
        if stop < end:
            stop = _word_border(text, start, stop)
        ends = [start + end for end in _ends(text[start:stop])]
        if stop < end and len(ends) > 1:
            ends.pop()
        elif not ends or ends[-1] < stop:
            ends.append(stop)
        yield from pairwise([start, *ends])
        start = ends[-1]


def _ends(text: str) -> list[int]:
    """Where sentencex finds ends; none where it fails.

    It takes every blank for one byte, and fails at others (a non-breaking one between "Ada Q" and its full stop). As it
    is compiled, its faults are no Exceptions and would end the program.
    """
    try:
        return [boundary["end_index"] for boundary in sentencex.get_sentence_boundaries("en", text.translate(_BLANKS))]
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return []


def _word_border(text: str, start: int, stop: int) -> int:
    for position in range(stop, start, -1):
        if text[position - 1].isspace():
            return position
    return stop


def _mended(text: str, first: int, last: int, end: int) -> int:
    """Where the sentence from `first` to `last` should end: with its footnote mark, before the next one's quote."""
    if last == end:
        return last
    opening = _OPENING.search(text[max(first, last - 10) : last])
    if opening:
        return last - len(opening[0])
    note = None if text[last - 1].isspace() else _GLUED_NOTE.match(text, last, end)
    return note.end() if note else last


def _cut(text: str, start: int, end: int) -> Iterator[Offsets]:
    """sentencex joins `(He left.) She stayed.` and `"No." Then …`: cut after the closing mark.

    It takes quotations whole; a long one is cut at the sentences inside it.
    """
    while match := _AFTER_PARENTHESIS.match(text, start, end) or _AFTER_QUOTE.match(text, start, end):
        yield start, match.end()
        start = match.end()
    if end - start > LONG:
        for match in _INSIDE.finditer(text, start, end):
            yield start, match.end()
            start = match.end()
    yield start, end


def _trim(text: str, start: int, end: int) -> Offsets:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _merge(text: str, spans: list[Offsets]) -> list[Offsets]:
    """Join pieces without a word to the sentence before, and bare enumerators (`2.`) to the one after."""
    merged: list[Offsets] = []
    for start, end in spans:
        if merged and _joins(text, merged[-1], (start, end)):
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _joins(text: str, before: Offsets, after: Offsets) -> bool:
    if after[1] - before[0] > WINDOW:
        return False
    if not any(char.isalnum() for char in text[slice(*after)]):
        return True
    tail = text[max(before[0], before[1] - 10) : before[1]]
    return _ENUMERATOR.search(tail) is not None or _TITLE.search(tail) is not None
