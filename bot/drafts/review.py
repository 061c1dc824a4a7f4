"""What a person decides on drafts, one at a time, and its place in the file; it knows no page.

Every decision and every edit is on the disk before the next draft is shown.
"""

import threading
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.drafts.file import ONLY_FOR_REVIEW, DraftFile, Line
from bot.drafts.judge import standing

DROPPED = "was dropped in review"
GONE = "That draft was decided already."


class Context(BaseModel):
    """Where a draft's sentence, `text`, stands in its article."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    title: str = ""
    date: str | None = None
    before: str = ""
    text: str = ""
    after: str = ""


class Shown(NamedTuple):
    """A draft as it is shown; `changed` are the old and the new name of a question that should have no answer."""

    id: str
    question: str
    answers: tuple[str, ...]
    answerable: bool
    context: Context
    changed: tuple[str, ...] = ()


class Counts(NamedTuple):
    left: int
    accepted: int
    dropped: int


class _Undo(NamedTuple):
    """A decision on the line that stood at `place`."""

    line: Line
    place: int
    dropped: bool


class Review:
    """The drafts of a file; several threads may use it at once. All raise DatasetError where a file fails them.

    `accepted` and `dropped` of its counts, and what `back` takes back, are those since it was made.
    """

    def __init__(self, file: DraftFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._undo: list[_Undo] = []

    def first(self) -> Shown | None:
        """The first draft of the file; None where no drafts are left."""
        return next((_shown(line) for line in self._file.lines() if line.is_draft), None)

    def counts(self) -> Counts:
        left = sum(line.is_draft for line in self._file.lines())
        dropped = sum(one.dropped for one in self._undo)
        return Counts(left, len(self._undo) - dropped, dropped)

    def edit(self, id: str, question: str, answers: Sequence[str]) -> str:
        """Keep what was typed; what is wrong with it, "" if nothing. It stays a draft."""
        with self._lock, self._file.changing() as lines:
            place = _place(lines, id)
            if place is None or not question.strip():
                return "" if place is None else "A question needs words: the last ones are kept."
            lines[place] = _edited(lines[place], question, answers)
            return _warning(lines[place])

    def accept(self, id: str, question: str, answers: Sequence[str]) -> str:
        """Make a question of it, so worded; what should be known of that, "" if nothing."""
        if not question.strip():
            return "Type a question first, or drop the draft."
        with self._lock:
            with self._file.changing() as lines:
                if (place := _place(lines, id)) is None:
                    return GONE
                edited = _edited(lines[place], question, answers)
                lines[place] = edited.changed({}, without=ONLY_FOR_REVIEW)
            self._undo.append(_Undo(edited, place, dropped=False))
        return f"Accepted. {warning}" if (warning := _warning(edited)) else ""

    def drop(self, id: str) -> str:
        """Move it to the file of what was left out; what should be known of that, "" if nothing."""
        with self._lock:
            with self._file.changing() as lines:
                if (place := _place(lines, id)) is None:
                    return GONE
                dropped = lines.pop(place)
                self._file.leave_out(dropped.value, DROPPED)  # before it goes: killed now, it is in both
            self._undo.append(_Undo(dropped, place, dropped=True))
        return ""

    def back(self) -> Shown | None:
        """Take back the last decision: the draft is one again, and is shown. None where there is no decision."""
        with self._lock:
            if not self._undo:
                return None
            last = self._undo[-1]
            with self._file.changing() as lines:
                there = next((number for number, line in enumerate(lines) if line.id == last.line.id), None)
                if there is None:
                    lines.insert(min(last.place, len(lines)), last.line)
                else:
                    lines[there] = last.line
            if last.dropped:
                self._file.take_back(last.line.id)
            self._undo.pop()
            return _shown(last.line)


def _place(lines: Sequence[Line], id: str) -> int | None:
    return next((number for number, line in enumerate(lines) if line.is_draft and line.id == id), None)


def _edited(line: Line, question: str, answers: Sequence[str]) -> Line:
    """With these words, and untouched where they are those that it has."""
    fields = {"question": question.strip(), "answers": [one.strip() for one in answers if one.strip()]}
    shown = _shown(line)
    same = fields == {"question": shown.question, "answers": list(shown.answers)}
    return line if same else line.changed(fields)


def _warning(line: Line) -> str:
    """Answers that a run would look for in vain."""
    shown = _shown(line)
    if not shown.answerable:
        return "It is marked as having no answer, so none is looked for." if shown.answers else ""
    if not shown.answers:
        return "Without an answer, nobody can tell whether the bot's is right."
    text = " … ".join(one.text for one in line.question.evidence) if line.question else ""
    missing = [one for one in shown.answers if text and standing(one, text) is None]
    return f"This does not stand in the marked words: {missing[0]}" if missing else ""


def _shown(line: Line) -> Shown:
    if line.question is None:
        raise ValueError("a blank line shows nothing")
    one = line.question
    try:
        context = Context.model_validate(line.extra.get("context") or {})
    except ValidationError:  # by hand; the draft can be read without
        context = Context()
    if not context.text:
        context = context.model_copy(update={"text": " … ".join(span.text for span in one.evidence)})
    changed = line.extra.get("changed")
    names = tuple(map(str, changed)) if isinstance(changed, list) else ()
    return Shown(one.id, one.question, one.answers, one.answerable, context, names)
