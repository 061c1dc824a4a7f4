"""Article → chunks that fit the embedder's window, with the heading that carries title and date.

Chunks are runs of whole sentences. Where to cut is chosen for the whole article at once, as Knuth and Plass break
paragraphs into lines (Software: Practice and Experience 11, 1981): the sum of squared empty room plus a price for every
cut inside a paragraph is least. It knows no tokeniser; it is handed one.
"""

from collections.abc import Callable
from typing import NamedTuple

from bot.articles import sentences
from bot.schema import Article, Chunk

HEADING_WORDS = 24
CUT_IN_PARAGRAPH = 0.2  # as dear as a chunk that is 45% empty

CountTokens = Callable[[str], int]


class _Unit(NamedTuple):
    """A sentence, or a piece of one that is longer than the window; `closes`: a good place to end a chunk."""

    start: int
    end: int
    tokens: int
    closes: bool


def chunk(article: Article, count_tokens: CountTokens, max_tokens: int) -> list[Chunk]:
    """Chunks of `article`, each at most `max_tokens` long as `embedding_text` gives it, by `count_tokens`.

    Every character that is not white space lies in exactly one of them. Only where a single character with the heading
    is longer than the window does a chunk exceed it.
    """
    head = heading(article, count_tokens, max_tokens)
    empty = count_tokens("")  # what a tokeniser adds to every text, such as [CLS] and [SEP]
    room = max(1, max_tokens - max(count_tokens(head), empty))

    def fits(start: int, end: int) -> bool:
        return count_tokens(_headed(article, start, end, head)) <= max_tokens

    units = _units(article.text, lambda piece: max(1, count_tokens(piece) - empty), room, fits)
    spans = [span for run in _pack(units, room) for span in _fitting(article.text, run, fits)]
    return [Chunk(article=article.id, start=start, end=end, index=index) for index, (start, end) in enumerate(spans)]


def heading(article: Article, count_tokens: CountTokens, max_tokens: int) -> str:
    """`Title (YYYY-MM-DD)` and a line end; the title at most 24 words and a quarter of `max_tokens`."""
    words = article.title.split()[:HEADING_WORDS]
    while len(words) > 1 and count_tokens(" ".join(words)) > max_tokens // 4:
        words.pop()
    title = " ".join(words)
    while title and count_tokens(title) > max_tokens // 4:
        title = title[: len(title) // 2]
    return _line(title, article)


def embedding_text(article: Article, chunk: Chunk, heading: str) -> str:
    """What is embedded and searched for `chunk`: the article's heading, then its text.

    The title is left out of the heading where the chunk begins with it.
    """
    return _headed(article, chunk.start, chunk.end, heading)


def _headed(article: Article, start: int, end: int, head: str) -> str:
    text = article.text[start:end]
    title = article.title.rstrip("…").strip()
    return (_line("", article) if title and text.startswith(title) else head) + text


def _line(title: str, article: Article) -> str:
    parts = [title] if title else []
    if article.date:
        parts.append(f"({article.date.isoformat()})")
    return " ".join(parts) + "\n" if parts else ""


def _units(text: str, size: CountTokens, room: int, fits: Callable[[int, int], bool]) -> list[_Unit]:
    spans = sentences.split(text)
    nexts = [*(start for start, _ in spans), len(text)][1:]
    units: list[_Unit] = []
    for (start, end), following in zip(spans, nexts, strict=True):
        tokens = size(text[start:end])
        if tokens <= room:
            units.append(_Unit(start, end, tokens, _closes(text, end, following)))
            continue
        pieces = _pieces(text, start, end, fits)
        for piece_start, piece_end in pieces:
            closes = piece_end == end and _closes(text, end, following)
            units.append(_Unit(piece_start, piece_end, size(text[piece_start:piece_end]), closes))
    return units


def _closes(text: str, end: int, following: int) -> bool:
    """A blank line or the text's end follows, and it is no heading, which belongs to what comes after."""
    return following == len(text) or (text.count("\n", end, following) > 1 and not text[end - 1].isalnum())


def _pieces(text: str, start: int, end: int, fits: Callable[[int, int], bool]) -> list[sentences.Offsets]:
    """A too long sentence, halved at word borders until every piece fits."""
    if end - start < 2 or fits(start, end):
        return [(start, end)]
    left, right = _middle(text, start, end)
    return _pieces(text, start, left, fits) + _pieces(text, right, end, fits)


def _middle(text: str, start: int, end: int) -> sentences.Offsets:
    """End of the first half and start of the second, either side of the white space nearest to the middle."""
    middle = (start + end) // 2
    for distance in range(middle - start):
        for position in (middle - distance, middle + distance):
            if text[position].isspace():
                left, right = text[start:position].rstrip(), text[position:end].lstrip()
                return start + len(left), end - len(right)
    return middle, middle


def _pack(units: list[_Unit], room: int) -> list[list[_Unit]]:
    """The cheapest way to put the units, in order, into chunks of `room` tokens."""
    costs, cuts = [0.0], [0]
    for stop in range(1, len(units) + 1):
        border = 0.0 if units[stop - 1].closes else CUT_IN_PARAGRAPH
        best, cut, size = float("inf"), stop - 1, 0
        for start in range(stop - 1, -1, -1):
            size += units[start].tokens
            if size > room and start < stop - 1:
                break
            cost = costs[start] + max(0.0, 1 - size / room) ** 2 + border
            if cost < best:
                best, cut = cost, start
        costs.append(best)
        cuts.append(cut)
    packed, stop = [], len(units)
    while stop:
        packed.append(units[cuts[stop] : stop])
        stop = cuts[stop]
    return packed[::-1]


def _fitting(text: str, run: list[_Unit], fits: Callable[[int, int], bool]) -> list[sentences.Offsets]:
    """The run's offsets if it fits as a whole, else those of its parts: counts of parts need not add up exactly."""
    start, end = run[0].start, run[-1].end
    if fits(start, end):
        return [(start, end)]
    if len(run) == 1:
        return _pieces(text, start, end, fits)
    middle = len(run) // 2
    return _fitting(text, run[:middle], fits) + _fitting(text, run[middle:], fits)
