"""A bot for the page's tests: it plays fixed answers with the events and the timing of a real one."""

import datetime as dt
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.errors import ArticleError, LLMError, StoreError
from bot.line import Line
from bot.schema import (
    Answer,
    AnswerEvent,
    Article,
    ArticleInfo,
    Citation,
    Event,
    Filters,
    LeftOut,
    Passage,
    Progress,
    PromptMessage,
    Sentence,
    SentenceEvent,
    Setup,
    Span,
    StageEvent,
    TextEvent,
    Timings,
    Tokens,
    Trace,
    Turn,
)

HOSTILE = "<img src=x onerror=alert(1)>"
OPENED = "The new tram line across the Orla opened on Monday with free rides until Sunday."
COST = "The bridge cost 84 million crowns, four million less than planned"
STORM = "Work stopped twice last winter, when storms lifted the river over the footings."

FILLER = (
    "Planners began to draw the line nine years ago, after a ferry that had linked both banks was given up. "
    "Shop owners in the old harbour asked for a stop of their own and got one, between the fish hall and the library. "
    "The cars are built low, so that prams and wheelchairs roll in without a step, and each takes four bicycles. "
)
TRAM = "\n\n".join([OPENED, *(FILLER for _ in range(6)), f"{COST}, the city's treasurer said.", STORM, FILLER])

RANKS = [(1, 2), (4, 1), (2, 6), (3, None)]

ARTICLES = [
    Article(
        id="tram", title="Tram crosses the Orla at last", text=TRAM, date=dt.date(2025, 3, 10),
        source="Harbour Courier", author="Ines Falk", url="https://courier.example/tram", credit="Photo: city archive",
    ),
    Article(
        id="bees", title="City bees winter well", text="Nine of ten hives on the city's roofs came through the winter.",
        date=dt.date(2025, 2, 2), source="Harbour Courier",
    ),
    Article(
        id="hostile", title=HOSTILE, text=f"{HOSTILE}<script>alert(2)</script> stands here. ${{alert(3)}} {{{{x}}}}",
        date=dt.date(2024, 12, 1), source=f"<b>{HOSTILE}", url="javascript:alert(4)",
    ),
]  # fmt: skip


class FakeBot:
    """`asked` keeps each question with its history; `pause` is the time between words, in seconds."""

    model_name = "fake-model"

    def __init__(self, articles: Sequence[Article] = ARTICLES, pause: float = 0.02) -> None:
        self._articles = {article.id: article for article in articles}
        self.pause = pause
        self._line, self.busy = Line(), False
        self.asked: list[tuple[str, list[Turn]]] = []
        self.filters: list[Filters] = []
        self.searched: list[tuple[str, int, Filters]] = []
        self.progress = Progress(0, 0)

    def articles(self) -> list[ArticleInfo]:
        fields = ("id", "title", "date", "url", "source", "origin", "content_hash")
        return [
            ArticleInfo(**{name: getattr(article, name) for name in fields}, characters=len(article.text))
            for article in self._articles.values()
        ]

    def article(self, article_id: str) -> Article:
        if article_id not in self._articles:
            raise StoreError(f"There is no article {article_id}. `bot articles list` shows those there are.")
        return self._articles[article_id]

    def setup(self) -> Setup | None:
        return None

    def begin(self) -> None:
        raise AssertionError("there is nothing to fetch")

    def reading(self) -> Progress:
        return self.progress

    def add_files(self, paths: Sequence[Path]) -> list[str]:
        if any(path.stem == "bug" for path in paths):
            raise ZeroDivisionError("a fault of ours")
        return [self._add(path) for path in paths]

    def add_url(self, url: str) -> list[str]:
        if "missing" in url:
            raise ArticleError(f"{url} is not there (404). Check the address.")
        article = Article(id="page", title=f"The page {url}", text="Words of the page.", url=url)
        self._articles[article.id] = article
        return [f"added: {article.id}"]

    def remove(self, article_id: str) -> None:
        if self._articles.pop(article_id, None) is None:
            raise StoreError(f"There is no article {article_id!r}. `bot articles list` shows all ids.")

    def search(self, question: str, count: int, filters: Filters) -> list[Passage]:
        self.searched.append((question, count, filters))
        infos = {info.id: info for info in self.articles()}
        return [one for one in passages() if filters.match(infos[one.article])][:count]

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters = Filters(),  # noqa: B008 - frozen
        stop: threading.Event | None = None,
    ) -> Iterator[Event]:
        self.asked.append((question, list(history)))
        self.filters.append(filters)
        stop = stop or threading.Event()
        with self._line.place() as place:
            for before in place.moves(stop):
                yield StageEvent(stage="waiting", before=before)
            self.busy = True
            try:
                yield from self._play(question, stop)
            finally:
                self.busy = False

    def _play(self, question: str, stop: threading.Event) -> Iterator[Event]:
        yield StageEvent(stage="searching")
        if "break" in question:
            raise LLMError("The model broke. Start the bot again.")
        for done in range(0, 1201, 20 if "long" in question else 300):
            if stop.is_set():
                yield self._stopped(question)
                return
            yield StageEvent(stage="reading", done=done, total=1200)
            time.sleep(5 * self.pause)
        yield StageEvent(stage="answering")
        if "president" in question:
            yield AnswerEvent(answer=self._refusal(question))
            return
        answer = hostile_answer(question) if "hostile" in question else tram_answer(question)
        yield from self._sentences(answer, stop, self.pause * (10 if "slow" in question else 1))

    def _sentences(self, answer: Answer, stop: threading.Event, pause: float) -> Iterator[Event]:
        for index, sentence in enumerate(answer.sentences):
            for word in sentence.text.split(" "):
                if stop.is_set():
                    yield AnswerEvent(answer=self._cut(answer, index))
                    return
                yield TextEvent(text=f"{word} ")
                time.sleep(pause)
            cited = tuple(citation for citation in answer.citations if citation.sentence == index)
            yield SentenceEvent(sentence=sentence, citations=cited)
        yield AnswerEvent(answer=answer)

    def _cut(self, answer: Answer, sentences: int) -> Answer:
        kept = tuple(citation for citation in answer.citations if citation.sentence < sentences)
        return answer.model_copy(update={
            "sentences": answer.sentences[:sentences], "citations": kept, "stopped": True, "dropped_sentences": ()
        })  # fmt: skip

    def _stopped(self, question: str) -> AnswerEvent:
        return AnswerEvent(answer=Answer(question=question, text="", stopped=True))

    def _refusal(self, question: str) -> Answer:
        tram = self._articles["tram"]
        nearest = Passage(article="tram", start=0, end=10, title=tram.title, text=tram.text[:10])
        return Answer(
            question=question, text="Your articles do not answer this question.", refused=True,
            reason="not_answered", retrieved=(nearest,), timings=Timings(total_s=0.6),
        )  # fmt: skip

    def _add(self, path: Path) -> str:
        if path.suffix != ".txt":
            return f"skipped: {path.name} ({path.suffix} files cannot be read)"
        text = path.read_text(encoding="utf-8")
        self._articles[path.stem] = Article(id=path.stem, title=text.splitlines()[0], text=text)
        return f"added: {path.name}"


def cite(marker: int, article: Article, quote: str, sentence: int) -> Citation:
    start = article.text.index(quote)
    return Citation(
        marker=marker, article=article.id, start=start, end=start + len(quote), quote=quote, sentence=sentence,
        title=article.title, date=article.date, url=article.url,
    )  # fmt: skip


def found(article: Article, start: int, end: int, dense: int | None, bm25: int | None) -> Passage:
    return Passage(
        article=article.id, start=start, end=end, title=article.title, text=article.text[start:end], date=article.date,
        score=sum(1 / (60 + rank) for rank in (dense, bm25) if rank),
        similarity=0.7 - dense / 50 if dense else None, dense_rank=dense, bm25_rank=bm25,
    )  # fmt: skip


def passages() -> list[Passage]:
    """All of one article but for the last two, whose titles are another's and a hostile one."""
    tram, bees, hostile = ARTICLES
    cost = tram.text.index(COST)
    parts = [(0, 400), (cost - 200, cost + 160), (400, 900), (900, 1400)]
    ranked = [found(tram, *part, dense, bm25) for part, (dense, bm25) in zip(parts, RANKS, strict=True)]
    return [*ranked, found(bees, 0, len(bees.text), 7, None), found(hostile, 0, len(hostile.text), None, 9)]


def trace(question: str, answered: Sequence[Passage]) -> Trace:
    """As of a question that followed another; the mayor's sentence was left out."""
    told = "\n\n".join(f'Passage from "{one.title}" of {one.date}: {one.text}' for one in reversed(answered))
    return Trace(
        searched=f"Where is the tram? {question}", min_support=0.5,
        messages=(
            PromptMessage(role="system", content="Answer the question from the passages below.", tokens=43),
            PromptMessage(role="user", content=f"Passages:\n{told}\n\nQuestion: {question}", tokens=1140),
        ),
        evidence_tokens=tuple(len(one.text) // 4 for one in answered),
        left_out=(
            LeftOut(
                text="The mayor drove the first tram.", reason="unsupported", support=0.31,
                nearest=Span(article="tram", start=0, end=len(OPENED)),
            ),
        ),
    )  # fmt: skip


def tram_answer(question: str) -> Answer:
    tram, bees = ARTICLES[0], ARTICLES[1]
    retrieved = passages()
    shown = [*retrieved[:2], *retrieved[4:]]
    said = [
        ("The new tram line over the Orla opened on Monday, and rides are free until Sunday.", (1,)),
        ("Its bridge cost 84 million crowns, and storms held up the work twice.", (2, 3)),
        ("The city's beehives came through the winter, too.", (4,)),
    ]
    return Answer(
        question=question, text=" ".join(text for text, _ in said),
        sentences=tuple(Sentence(text=text, markers=markers, support=0.9) for text, markers in said),
        citations=(
            cite(1, tram, OPENED, 0), cite(2, tram, COST, 1), cite(3, tram, STORM, 1), cite(4, bees, bees.text, 2),
        ),
        dropped_sentences=("The mayor drove the first tram.",), model="fake-model", retrieved=tuple(retrieved),
        evidence=tuple(Span(article=one.article, start=one.start, end=one.end) for one in shown),
        trace=trace(question, shown),
        timings=Timings(retrieve_s=0.2, first_token_s=0.9, total_s=3.4), tokens=Tokens(prompt=1200, answer=58),
    )  # fmt: skip


def hostile_answer(question: str) -> Answer:
    hostile = ARTICLES[2]
    sentence = Sentence(text=f"It says {HOSTILE} and **bold**.", markers=(1,), support=0.9)
    cited = cite(1, hostile, HOSTILE, 0)
    return Answer(question=question, text=sentence.text, sentences=(sentence,), citations=(cited,))
