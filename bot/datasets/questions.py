"""A questions file: all that is wrong with it, line by line, where loading stops at the first fault.

What does not load (bot/evaluate/cases.py) or cannot be measured is an error, what only may be a slip is a warning.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from bot.datasets import place
from bot.datasets.corpus import Spelling, Texts, load_texts
from bot.datasets.found import Checked, Finding, Said, decomposed, json_fault, raw_lines, short
from bot.evaluate.cases import Evidence, Question
from bot.evaluate.metrics import normalise, words

SHORT = 3  # words of an answer that is likely a copy of the evidence's
SEARCHED = 100_000_000  # characters of articles that are searched for words written otherwise, in all: 4 s
MISSPELT = 0.85  # difflib's ratio from which a field's name is taken for another's


class Held(NamedTuple):
    line: int
    question: Question


def check_questions(path: Path, corpus: Path | None = None) -> Checked:
    """With `corpus`, evidence and gold are compared with its articles.

    Raises DatasetError where a file cannot be read.
    """
    held: list[Held] = []
    said: list[tuple[int, Said]] = []
    for number, line in raw_lines(path):
        parsed = _parse(line)
        if isinstance(parsed, Question):
            held.append(Held(number, parsed))
            said += [(number, one) for one in _judge(parsed)]
        else:
            said += [(number, one) for one in parsed]
    if not held and not said:
        said.append((0, Said("error", "it holds no questions. Write one JSON object a line.")))
    said += _twice(held)
    if corpus is not None:
        said += _compare(held, corpus)
    said.sort(key=lambda one: one[0])
    findings = tuple(Finding(file=str(path), line=line, level=one.level, what=one.what) for line, one in said)
    return Checked(file=str(path), kind="questions", checked=len(held), findings=findings)


def _parse(line: bytes) -> Question | list[Said]:
    try:
        return Question.model_validate_json(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        what = f"it is not UTF-8 ({error.reason}, byte {error.start + 1} of the line). Save the file as UTF-8."
        return [Said("error", what)]
    except ValidationError as error:
        fault = json_fault(error, line)
        if fault:
            return [Said("error", fault)]
        return [Said("error", _form_fault(one["loc"], one["msg"])) for one in error.errors(include_url=False)]


def _form_fault(loc: tuple[int | str, ...], message: str) -> str:
    field = ".".join(map(str, loc))
    said = message[:1].lower() + message[1:]
    return f"{field}: {said}. Mend that field (docs/answer.md)." if field else f"{said}. Write one object a line."


def _judge(one: Question) -> Iterator[Said]:
    yield from _fields(one)
    yield from _right_and_wrong(one)
    yield from _measurable(one)
    if (one.model_extra or {}).get("draft"):
        yield Said("warning", "not finished: it is a draft. Complete it and delete `draft` (docs/feedback.md).")


def _fields(one: Question) -> Iterator[Said]:
    for name in ("id", "question"):
        if not getattr(one, name).strip():
            yield Said("error", f"its {name} is blank. Write one, or delete the line.")
    if any(not text.strip() for text in (*one.answers, *one.distractors)):
        yield Said("warning", "an answer or distractor of it is blank. Delete that.")
    absent = [name for name in Question.model_fields if name not in one.model_fields_set]
    for name in one.model_extra or {}:
        if near := difflib.get_close_matches(name, absent, n=1, cutoff=MISSPELT):
            yield Said("warning", f"its field {name!r} is not read. Write {near[0]!r} if that is meant.")
    for name, texts in (("question", (one.question,)), ("answers", one.answers)):
        if any(map(decomposed, texts)):
            what = f"its {name} has letters in parts (not Unicode NFC), so that equal words differ. Save it in NFC."
            yield Said("warning", what)


def _right_and_wrong(one: Question) -> Iterator[Said]:
    if not one.answerable and one.answers:
        yield Said("error", "it is not answerable and has answers. Delete them, or set answerable to true.")
    if not one.answerable and one.evidence:
        yield Said("error", "it is not answerable and has evidence. Delete that, or set answerable to true.")
    right = {normalise(text) for text in one.answers}
    if both := [text for text in one.distractors if normalise(text) in right]:
        yield Said("error", f"its distractor {short(both[0])} is an answer of it, too. Delete one of them.")


def _measurable(one: Question) -> Iterator[Said]:
    if not one.answerable:
        return
    if not one.answers and not one.evidence:
        yield Said("warning", "it has neither answers nor evidence, so that hardly anything is measured. Give some.")
    lacking = dict.fromkeys(span.article for span in one.evidence if span.article not in one.gold)
    if lacking:
        yield Said("warning", f"its gold lacks {', '.join(map(short, lacking))}, where its evidence stands. Add that.")
    if one.evidence and _copied(one) and not _stands(one):
        what = f"its answer {short(one.answers[0])} does not stand in its evidence. Compare the two."
        yield Said("warning", what)


def _copied(one: Question) -> bool:
    """Whether its answers are likely words of the article: short; beside distractors, they are often in other words."""
    answers = [normalise(text) for text in one.answers]
    return (
        bool(answers)
        and not one.distractors
        and all(0 < len(text.split()) <= SHORT and text not in ("yes", "no") for text in answers)
    )


def _stands(one: Question) -> bool:
    """Punctuation parts words here: "four" does stand in "a four-valve engine"."""
    evidence = f" {' '.join(words(' '.join(span.text for span in one.evidence)))} "
    return any(f" {' '.join(words(text))} " in evidence for text in one.answers)


def _twice(held: list[Held]) -> Iterator[tuple[int, Said]]:
    ids: dict[str, int] = {}
    asked: dict[object, int] = {}
    for line, one in held:
        if one.id in ids:
            yield line, Said("error", f"its id {one.id!r} is that of line {ids[one.id]}. Give each question its own.")
        ids.setdefault(one.id, line)
        key = (" ".join(one.question.casefold().split()), one.history, one.today)
        if key in asked:
            yield line, Said("warning", f"it asks the same as line {asked[key]}. Delete one of them.")
        asked.setdefault(key, line)


def _compare(held: list[Held], corpus: Path) -> Iterator[tuple[int, Said]]:
    texts = load_texts(corpus, {span.article for _, one in held for span in one.evidence})
    if texts.unread:
        what = f"{texts.unread} files or lines of the corpus do not load. Run `bot dataset check {corpus}`."
        yield 0, Said("warning", what)
    spelling, known, places = Spelling(texts.ids), frozenset(texts.ids), _Places(texts)
    for line, one in held:
        for name in dict.fromkeys([*one.gold, *(span.article for span in one.evidence)]):
            if name not in known:
                yield line, Said("error", _absent(name, spelling))
        for number, span in enumerate(one.evidence, start=1):
            if fault := places.fault(span):
                yield line, Said("error", f"evidence {number}: {fault}")


def _absent(name: str, spelling: Spelling) -> str:
    near = spelling.near(name)
    hint = f"Did you mean {near!r}?" if near else "Add the article, or mend the id."
    return f"the corpus lacks the article {name!r}. {hint}"


class _Places:
    """Where evidence stands in the texts; in bounded time, so after many faults it looks for exact words alone."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts.texts
        self._left = SEARCHED

    def fault(self, span: Evidence) -> str | None:
        """What is wrong with its place, with the nearest where the text does stand; None if nothing is."""
        text = self._texts.get(span.article)
        if text is None or text[span.start : span.end] == span.text:
            return None
        found = place.exactly(text, span.text, span.start)
        self._left -= 0 if found else len(text)
        return _misplaced(span, text, found, look=self._left > 0)


def _misplaced(span: Evidence, text: str, found: place.Place | None, *, look: bool) -> str:
    there = f"{span.article!r} has {short(text[span.start : span.end])} at {span.start}–{span.end}"
    if found:
        return f"{there}; its text is found at {found.start}–{found.end}. Mend start and end."
    if look and (found := place.loosely(text, span.text, span.start)):
        says = short(text[found.start : found.end])
        return f"{there}; {says}, written otherwise, is found at {found.start}–{found.end}. Take the article's words."
    if look and (found := place.beginning(text, span.text, span.start)):
        after = short(text[found.end : found.end + 20])
        return (
            f"{there}; of its text the first {found.end - found.start} characters are found at "
            f"{found.start}–{found.end}, then the article says {after}. Take the article's words."
        )
    return f"{there}, and nowhere {short(span.text)}. Mend the text or the article's id."
