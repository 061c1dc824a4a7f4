"""The typed things that the rooms hand to each other: frozen, validated, without behaviour.

Offsets are Python string indices into an article's stored text (code points, not bytes), half open:
`article.text[start:end]`. Times are seconds. It knows nothing of files, models or pages.
"""

import datetime as dt
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(Frozen):
    """Characters `start` to `end` of the article with id `article`."""

    article: str
    start: int = Field(ge=0)
    end: int

    @model_validator(mode="after")
    def _forward(self) -> "Span":
        if self.end <= self.start:
            raise ValueError(f"span ends at {self.end}, not after its start {self.start}")
        return self

    def overlap(self, other: "Span") -> int:
        """Characters that both spans cover; 0 for different articles."""
        if self.article != other.article:
            return 0
        return max(0, min(self.end, other.end) - max(self.start, other.start))


class Dropped(Frozen):
    """A piece of the input that is not part of the story, kept so that the user can check."""

    text: str
    reason: str


class Article(Frozen):
    """One article as stored: `text` is what every offset points into.

    `id` is unique in a store; `origin` is the file or web address that it came from; `source` the site or
    publisher; `content_hash` covers everything that a reader would see, so that an unchanged article is recognised.
    """

    id: str = Field(min_length=1, max_length=200)
    title: str
    text: str
    date: dt.date | None = None
    url: str | None = None
    source: str | None = None
    author: str | None = None
    credit: str | None = None
    origin: str = ""
    dropped: tuple[Dropped, ...] = ()
    content_hash: str = ""


class ArticleInfo(Frozen):
    """An article without its text, as lists show it."""

    id: str
    title: str
    date: dt.date | None = None
    url: str | None = None
    source: str | None = None
    origin: str = ""
    chunks: int = 0
    characters: int = 0
    content_hash: str = ""


class Chunk(Span):
    """A run of whole sentences of one article; `index` counts from 0 within it."""

    index: int = Field(ge=0)


class Filters(Frozen):
    """Which articles a question is asked of; None or empty means all.

    `today` is the day from which words of the question such as "this week" count; None is the clock's.
    """

    articles: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    since: dt.date | None = None
    until: dt.date | None = None
    today: dt.date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Filters":
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since {self.since} is after until {self.until}")
        return self

    def match(self, info: ArticleInfo) -> bool:
        """Whether they let this article through; one without a date is outside every range of dates."""
        if self.articles and info.id not in self.articles:
            return False
        if self.sources and (info.source or "") not in self.sources:
            return False
        if info.date is None:
            return not (self.since or self.until)
        return (self.since or info.date) <= info.date <= (self.until or info.date)


class Passage(Span):
    """A chunk found for a question; ranks count from 1, None where that search did not find it."""

    title: str
    text: str
    date: dt.date | None = None
    url: str | None = None
    source: str | None = None
    score: float = 0.0
    similarity: float | None = None
    dense_rank: int | None = None
    bm25_rank: int | None = None


class Segment(Frozen):
    """A stretch of an article as a prompt has it: what a model has read of it can be kept for other questions.

    `texts` are all its sentences, each with what parts it from the one before; `shown` are the indices (ascending) of
    those that the prompt shows. `head` names the article, `tail` stands after it; `opens` and `closes` say whether the
    prompt shows them. What a model makes of a segment depends on head, texts and tail alone. Words that stand after all
    articles in many prompts are a segment, too (`last`).
    """

    head: str
    texts: tuple[str, ...]
    tail: str
    shown: tuple[int, ...]
    opens: bool = True
    closes: bool = True
    last: bool = False

    def text(self) -> str:
        """What the prompt shows of it, with dots where sentences between are left out."""
        words = [self.head] if self.opens else []
        for before, index in zip((None, *self.shown), self.shown, strict=False):
            words += [" …"] * (before is not None and index != before + 1) + [self.texts[index]]
        return "".join([*words, self.tail] if self.closes else words)


class Message(Frozen):
    """`parts`, where there are any, are `content` taken apart, so that segments can be told from the rest."""

    role: Literal["system", "user", "assistant"]
    content: str
    parts: tuple[str | Segment, ...] = Field(default=(), exclude=True, repr=False)


class Days(Frozen):
    """The words `text` name the days from `first` to `last`, both included."""

    text: str
    first: dt.date
    last: dt.date


class Citation(Span):
    """`quote` is exactly the article's text from `start` to `end`; `sentence` is the index of the answer's sentence.

    `days` are the days that words of the quote such as "on Monday" mean, seen from the article's date.
    """

    marker: int = Field(ge=1)
    quote: str
    sentence: int = Field(ge=0)
    title: str
    date: dt.date | None = None
    url: str | None = None
    score: float = 0.0
    days: tuple[Days, ...] = ()


class Sentence(Frozen):
    """One sentence of an answer; `support` is 0 (none) to 1, `markers` are those of its citations.

    `doubts` are words of it that speak against it: figures and names that the nearest sentences lack, opposites of
    theirs. `odds` are the model's log-odds (natural) that the passages state all of it; None where it was not asked.
    """

    text: str
    markers: tuple[int, ...] = ()
    support: float = 0.0
    doubts: tuple[str, ...] = ()
    odds: float | None = None


Refusal = Literal["nothing_found", "not_answered", "not_supported"]


class Timings(Frozen):
    """Seconds from the question's arrival; None where that point was not reached."""

    retrieve_s: float = 0.0
    checked_s: float | None = None
    first_token_s: float | None = None
    total_s: float = 0.0


class Tokens(Frozen):
    """`prompt` counts the whole prompt, `reused` those of them that did not have to be read again."""

    prompt: int = 0
    reused: int = 0
    answer: int = 0


class PromptMessage(Frozen):
    """A message of the prompt; `tokens` are those of its words, without the markup that a chat puts around them."""

    role: Literal["system", "user", "assistant"]
    content: str
    tokens: int = 0


class LeftOut(Frozen):
    """A sentence that the model wrote and no reader sees.

    `support` is None where it was not looked for; `nearest` is the evidence sentence that came closest to it; `doubts`
    and `odds` are as those of a Sentence.
    """

    text: str
    reason: Literal["declined", "unsupported"]
    support: float | None = None
    doubts: tuple[str, ...] = ()
    odds: float | None = None
    nearest: Span | None = None


class Trace(Frozen):
    """How an answer came about, as far as the rest of the Answer does not tell.

    `searched` and `filters` are what passages were looked for with; `evidence_tokens` are those of the words of each
    passage shown, in the order of `Answer.evidence`; `min_support` is what a sentence needed to stay. `answerable` is
    the probability that the passages answer the question, made of `signals` (or more, where the model was not asked and
    some odds were assumed); None where it is not known. Below `min_answerable` nothing was written.
    """

    searched: str
    filters: Filters = Filters()
    messages: tuple[PromptMessage, ...] = ()
    evidence_tokens: tuple[int, ...] = ()
    min_support: float = 0.0
    signals: dict[str, float] = Field(default_factory=dict)
    answerable: float | None = None
    min_answerable: float = 0.0
    left_out: tuple[LeftOut, ...] = ()


class Answer(Frozen):
    """What the bot says to one question, with everything that shows why.

    `text` is what a reader sees, without markers; for a refusal it is one plain sentence and there are no citations.
    `evidence` is what the model was shown (or would have been, had the question not been refused before), `retrieved`
    the ranked passages it was chosen from, `dropped_markers` how many citation marks the model invented,
    `dropped_sentences` what it said without support, `stopped` whether the user ended it early; `trace` tells the rest,
    for those who look at how the answer was made. `period` is set where words such as "this week", of the question or
    of one that it leans on, limited the search to articles of certain dates.
    """

    question: str
    text: str
    sentences: tuple[Sentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    refused: bool = False
    reason: Refusal | None = None
    evidence: tuple[Span, ...] = ()
    retrieved: tuple[Passage, ...] = ()
    dropped_markers: int = 0
    dropped_sentences: tuple[str, ...] = ()
    stopped: bool = False
    model: str = ""
    timings: Timings = Timings()
    tokens: Tokens = Tokens()
    period: Days | None = None
    trace: Trace | None = None


class Turn(Frozen):
    """A finished exchange; `answer` is what the user saw, `day` when it was asked (None: as the question after it)."""

    question: str
    answer: str
    refused: bool = False
    day: dt.date | None = None


class Progress(NamedTuple):
    """`done` of `total` are finished; `current` is the one at hand."""

    done: int
    total: int
    current: str = ""


class Setup(Frozen):
    """What is `missing` before it can answer; while `running`, `done` of `total` bytes (0: unknown) of `stage` are."""

    missing: str
    running: bool = False
    stage: str = ""
    done: int = 0
    total: int = 0
    problem: str = ""  # why the last try failed


class StageEvent(Frozen):
    """The work has reached `stage`; `done` of `total` tokens read while reading; while waiting, `before` come first."""

    kind: Literal["stage"] = "stage"
    stage: Literal["waiting", "searching", "checking", "reading", "answering"]
    done: int = 0
    total: int = 0
    before: int = 0


class TextEvent(Frozen):
    """More words of the sentence being written: tentative until a SentenceEvent or AnswerEvent settles them."""

    kind: Literal["text"] = "text"
    text: str


class SentenceEvent(Frozen):
    """A sentence is settled: its text replaces the tentative words, with its citations. None: it was left out."""

    kind: Literal["sentence"] = "sentence"
    sentence: Sentence | None
    citations: tuple[Citation, ...] = ()


class AnswerEvent(Frozen):
    """The whole answer, always the last event."""

    kind: Literal["answer"] = "answer"
    answer: Answer


Event = StageEvent | TextEvent | SentenceEvent | AnswerEvent
