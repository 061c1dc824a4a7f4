"""The model's words as they come → sentences that are cited, or left out."""

import re
from collections.abc import Iterator, Sequence

from bot.cite import Attributor, MarkerFilter, Split, Support, is_yes_or_no, parted, rounded, settled
from bot.config import CiteSettings
from bot.schema import Citation, Event, LeftOut, Sentence, SentenceEvent, TextEvent

ENDS = ".!?…”\"')"
# No article speaks of the passages that the model was given: such a sentence declines, whatever words it repeats.
_OF_PASSAGES = re.compile(r"(the |these |this )?(given |provided )?passages? (\w+ )?(do|does) not ")
# A small model now and then begins as its prompt does: a passage there, or the sentences that it repeats.
_HEADS = (
    *(f"the words nearest to the question{end}" for end in (":", " are", " is")),
    *("according to the passage,", "according to the passages,"),
    *(f"the passage {verb}s that" for verb in ("state", "say", "mention", "indicate")),
    *(f"the passages {verb} that" for verb in ("state", "say", "mention", "indicate")),
)
_NAMED = 'passage from "'  # the head of a passage, up to its title
_GAP = " \t\n,:"
_HEAD = re.compile(
    rf"(?P<head>{_NAMED}[^\"\n]*\"(?: of [\d-]+)?:|(?:{'|'.join(_HEADS)})(?![\w'’-]))[{_GAP}]*(?P<first>[^{_GAP}])",
    re.IGNORECASE,
)
_GOES_ON = tuple(",:;–—-")  # after a Yes or No, within its sentence
_QUOTES = "\"“‘'«"
# Ways of a model to say that it does not know; news says such things of others, but not in so few words.
_DECLINES = re.compile(
    r"(i (do not|don't|cannot|can't) (know|answer|say)|i'm (not sure|sorry)|unknown$"
    r"|(the |these |this )?(passages?|articles?|texts?|information)( provided| given| above)? (do|does) not "
    r"(\w+ ){0,2}(answer|mention|state|say|specify|provide|contain|give|include)"
    r"|there is (no|not enough) (information|mention|answer)"
    r"|(it|this|that) is not (mentioned|stated|specified)( \w+){0,4}$)"
)


class Writer:
    """Turns pieces of text into events: words as they come, each sentence settled when it is finished."""

    def __init__(self, attributor: Attributor, split: Split, refusal: str, settings: CiteSettings) -> None:
        self._attributor, self._split = attributor, split
        self._refusal, self._settings = _plain(refusal), settings
        self._markers = MarkerFilter()
        self._text = ""  # of the sentence being written
        self._sent = 0  # how much of it was sent
        self.sentences: list[Sentence] = []
        self.citations: list[Citation] = []
        self.left_out: list[LeftOut] = []
        self.declined = False

    @property
    def dropped(self) -> tuple[str, ...]:
        return tuple(one.text for one in self.left_out if one.reason == "unsupported")

    @property
    def dropped_markers(self) -> int:
        return self._markers.dropped

    def feed(self, piece: str) -> Iterator[Event]:
        piece = piece.encode("utf-8", "replace").decode()  # half a surrogate pair, as a server may send
        self._text += self._markers.feed(piece)
        yield from self._settle(everything=False)
        yield from self._send()

    def close(self, *, whole: bool) -> Iterator[Event]:
        """Settle what is left; words that break off in the middle of a sentence (not `whole`) end in dots."""
        self._text += self._markers.feed("", last=True)
        if not whole and self._text.strip() and self._text.rstrip()[-1] not in ENDS:
            self._text = f"{self._text.rstrip()}…"
        yield from self._settle(everything=True)

    def _settle(self, *, everything: bool) -> Iterator[Event]:
        self._text = self._bare(self._text.lstrip())
        spans = _joined(self._text, self._split(self._text))
        finished = spans if everything else spans[:-1]
        for start, end in finished:
            yield self._sentence(self._bare(self._text[start:end]))
        if finished:
            self._text = self._text[finished[-1][1] :].lstrip()
            self._sent = 0

    def _send(self) -> Iterator[Event]:
        """Words not sent yet, unless they may still become the refusal, or such a beginning as `_bare` takes off."""
        text = self._bare(self._text)
        rest = parted(text)[1]
        if not self._sent and _may_be_head(rest):
            return
        withheld = (self._refusal, "yes", "no")  # what comes after a Yes may be the refusal
        if self.declined or any(one.startswith(_plain(rest)) for one in withheld) or self._declines(rest):
            return
        if len(text) > self._sent:
            yield TextEvent(text=text[self._sent :])
            self._sent = len(text)

    def _bare(self, text: str) -> str:
        """`text` without a beginning that speaks of the prompt; but an article may speak of a passage itself."""
        rest = parted(text)[1]
        said = text[: len(text) - len(rest)]
        while (match := _HEAD.match(rest)) and not self._attributor.has(match["head"]):
            first = match["first"]
            rest = (first if said.rstrip().endswith(_GOES_ON) else first.upper()) + rest[match.end() :]
        return said + rest

    def _sentence(self, text: str) -> SentenceEvent:
        rest = parted(text)[1]
        of_passages = bool(_OF_PASSAGES.match(_plain(rest)))
        if self.declined or self._refuses(rest) or (of_passages and not self._attributor.has("passage")):
            self.declined = True  # whatever it adds after that, it said that it does not know
            return self._leave_out(text)
        support = self._attributor.support(text)
        told = not of_passages or any("passag" in one.words for one in support.sentences)  # of a passage at sea, say
        if not told or not support.sentences or support.score < self._settings.min_support:
            self.declined = of_passages or self._declines(rest)
            if self.declined or self._settings.unsupported == "leave_out":
                return self._leave_out(text, support)
            self.sentences.append(settled(text, support))
            return SentenceEvent(sentence=self.sentences[-1])
        sentence, citations = self._attributor.cite(text, len(self.sentences), support)
        self.sentences.append(sentence)
        self.citations.extend(citations)
        return SentenceEvent(sentence=sentence, citations=tuple(citations))

    def _leave_out(self, text: str, support: Support | None = None) -> SentenceEvent:
        self.left_out.append(
            LeftOut(
                text=text,
                reason="declined" if self.declined else "unsupported",
                support=round(support.score, 4) if support else None,
                doubts=support.doubts if support else (),
                odds=rounded(support.odds) if support else None,
                nearest=support.sentences[0].span if support and support.sentences else None,
            )
        )
        return SentenceEvent(sentence=None)

    def _refuses(self, text: str) -> bool:
        """Whether it is the refusal, or begins with it; somebody who is quoted may say more in the same words."""
        plain = _plain(text)
        return plain == self._refusal or (plain.startswith(self._refusal) and text.lstrip()[0] not in _QUOTES)

    def _declines(self, text: str) -> bool:
        return self._refuses(text) or bool(_DECLINES.match(_plain(text)))


def _joined(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """`spans`, with a Yes or No that is a sentence of its own as part of the next one, which says what is so."""
    made: list[tuple[int, int]] = []
    for start, end in spans:
        joined = made and is_yes_or_no(text[slice(*made[-1])])
        made.append((made.pop()[0] if joined else start, end))
    return made


def _may_be_head(text: str) -> bool:
    """Whether `text` may go on as one of the beginnings that are taken off, or is one with nothing after it yet."""
    low = text.lower()
    whole = low.rstrip(_GAP)
    if low.startswith(_NAMED) or _NAMED.startswith(low):
        return True
    return any(head.startswith(low) or head.rstrip(_GAP) == whole for head in _HEADS)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s']", "", text.lower().replace("’", "'")).split())
