"""The loop that drafts: a sentence, a question, the rules, the model's own check, a line in the file.

It goes on where a file ends, so that it may be killed at any moment. It builds no model and reads no articles.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from bot.drafts.file import DraftFile
from bot.drafts.judge import fault, standing
from bot.drafts.near import Names
from bot.drafts.pick import Source, Split, order
from bot.drafts.write import Writer, Written
from bot.errors import Stopped
from bot.schema import Article

MIN_ODDS = 0.0  # of the check; below it, the model finds it likelier that its answer is wrong
CLOSEST = 3  # sentences with the new name that the model is shown, and that should not answer the question
NEAR = "-near"  # what the id of a question ends in that was made of another
DOUBTED, OPEN = "is doubted by the model itself", "may be answered after all"

Report = Callable[[int, int], None]
"""Gets how many drafts there are, and how many there shall be."""


class Plan(NamedTuple):
    """How many drafts the file shall hold in all, which `seed` draws the sentences, which share has no answer."""

    drafts: int
    seed: int = 0
    unanswerable: float = 0.0

    @property
    def open(self) -> int:
        """How many of them shall have no answer."""
        return min(round(self.drafts * self.unanswerable), self.drafts - 1)  # they are made of those that have one


class Made(NamedTuple):
    """How many drafts the file holds now, with those reviewed; how many `added` now; why others were left out."""

    drafts: int
    added: int
    left_out: Counter[str]


class Maker:
    """Drafts about `articles` with `writer` into `file`; `left_out` counts why drafts were left out."""

    def __init__(self, articles: Sequence[Article], split: Split, writer: Writer, file: DraftFile, plan: Plan) -> None:
        self._articles, self._split, self._writer, self._file, self._plan = articles, split, writer, file, plan
        self._names = Names(articles, split) if plan.open else None
        self.left_out: Counter[str] = Counter()
        self.added = 0

    def make(self, report: Report, stop: threading.Event) -> Made:
        """Until the file holds as many drafts as planned, or every sentence was asked about.

        Drafts of earlier runs count, also those accepted; what was left out is not drafted again. Raises DatasetError
        where the file cannot be read or written, LLMError when the model fails, and Stopped when `stop` was set.
        """
        self._file.mend()
        there = [line for line in self._file.lines() if line.question]
        tried = {id.removesuffix(NEAR) for id in {line.id for line in there} | self._file.left_out_ids()}
        made = [line.question for line in there if line.question and "made_by" in line.extra]
        asked = [line.question.question for line in there if line.question]
        answerable = sum(question.answerable for question in made)
        counts = [answerable, len(made) - answerable]
        report(sum(counts), self._plan.drafts)
        for source in order(self._articles, self._split, self._plan.seed):
            if sum(counts) >= self._plan.drafts:
                break
            if source.id in tried:
                continue
            for value in self._drafts(source, asked, counts, stop):
                self._file.add(value)
                self.added += 1
                asked.append(value["question"])
                counts[not value["answerable"]] += 1
                report(sum(counts), self._plan.drafts)
        return Made(sum(counts), self.added, self.left_out)

    def _drafts(
        self, source: Source, asked: Sequence[str], counts: Sequence[int], stop: threading.Event
    ) -> Iterator[dict[str, Any]]:
        """What of a sentence's question goes into the file: itself, as long as such are wanted, and its near miss."""
        written = self._writer.write(source, self._chance(source).choice(source.answers), stop)
        if stop.is_set():  # it may be half a question
            raise Stopped
        wrong = fault(written.question, written.answer, source, asked) or self._doubt(source, written, stop)
        if wrong:
            self._leave_out(self._draft(source, written.question, answers=[written.answer]), wrong)
            return
        answerable, unanswerable = counts
        closed = self._plan.drafts - self._plan.open
        if answerable < closed:
            words = standing(written.answer, source.text) or written.answer
            yield self._draft(source, written.question, answers=[words])
            answerable += 1
        if unanswerable * closed < self._plan.open * answerable:
            yield from self._near(source, written, stop)

    def _chance(self, source: Source) -> random.Random:
        """For each sentence its own, so that a run that goes on draws as one that was not broken off."""
        return random.Random(f"{self._plan.seed} {source.id}")

    def _doubt(self, source: Source, written: Written, stop: threading.Event) -> str | None:
        odds = self._writer.right(written, source.text, stop)
        return DOUBTED if odds is not None and odds < MIN_ODDS else None

    def _near(self, source: Source, written: Written, stop: threading.Event) -> Iterator[dict[str, Any]]:
        """The question with a name exchanged, unless the model finds it answered by the sentences nearest to it."""
        near = self._names and self._names.near(written.question, source.article.id, self._chance(source))
        if not near or not self._names:
            return
        draft = self._draft(source, near.question, changed=[near.was, near.now]) | {"id": f"{source.id}{NEAR}"}
        odds = (self._writer.answered(near.question, text, stop) for text in self._names.nearest(near, CLOSEST))
        if any(one is not None and one >= MIN_ODDS for one in odds):
            self._leave_out(draft, OPEN)
        else:
            yield draft

    def _draft(
        self, source: Source, question: str, answers: Sequence[str] = (), changed: Sequence[str] = ()
    ) -> dict[str, Any]:
        """A line of the file; one with names `changed` is a question without an answer."""
        article, closed = source.article, not changed
        span = {"article": article.id, "start": source.start, "end": source.end, "text": source.text}
        date = article.date.isoformat() if article.date else None
        around = {"title": article.title, "date": date, "before": source.before, "after": source.after}
        return {
            "id": source.id,
            "question": question,
            "answerable": closed,
            "answers": list(answers),
            "gold": [article.id] if closed else [],
            "evidence": [span] if closed else [],
            "draft": True,
            "made_by": self._writer.name,
            **({"changed": list(changed)} if changed else {}),
            "context": around | {"text": source.text},
        }

    def _leave_out(self, draft: dict[str, Any], why: str) -> None:
        self.left_out[why] += 1
        self._file.leave_out(draft, why)
