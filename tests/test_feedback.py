"""feedback: no rating is lost, the last one of an answer counts, and an export is what `bot eval` reads."""

import datetime as dt
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from anything import damaged
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from remedies import told
from samples import FERRY, STORM

from bot.config import flatten, load
from bot.errors import FeedbackError
from bot.evaluate.cases import Question, check_evidence, load_questions
from bot.feedback import REASON, Feedback, Kept, as_lines, as_questions
from bot.schema import Answer, Citation, Filters, Span, Trace, Turn

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
TEXTS = {"ferry": FERRY, "storm": STORM}
LIMITED = Trace(searched="How much?", filters=Filters(articles=("ferry",), since=dt.date(2025, 1, 1)))


def cited(article: str, quote: str, sentence: int = 0) -> Citation:
    start = TEXTS[article].index(quote)
    return Citation(
        article=article, start=start, end=start + len(quote), quote=quote, sentence=sentence, marker=1, title=article
    )


def answer(text: str = "It costs 4 crowns.", **more: Any) -> Answer:
    given = {"citations": (cited("ferry", "A single ticket costs 4 crowns."),)} | more
    return Answer(question="How much?", text=text, **given)


def refusal(**more: Any) -> Answer:
    return answer("The articles do not say.", citations=(), refused=True, reason="not_answered", **more)


def feedback(question: str = "How much?", **more: Any) -> Feedback:
    given = {"at": NOON, "good": True, "answer": answer(), "model": "small", "settings": {}, "version": "1"}
    return Feedback(question=question, **given | {"answered": NOON} | more)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "data" / "feedback.jsonl")


def test_feedback_is_read_as_it_was_kept(kept: Kept) -> None:
    settings = load({"llm.api_key": "hunter2", "llm.server": "http://ada:hunter3@127.0.0.1:1"}, None, {}).settings
    one = feedback(
        reason="  Ünïcode: 你好 \n", turns=(Turn(question="Who?", answer="Ada Quill."),), settings=flatten(settings),
        answer=answer(trace=LIMITED), user="ada", talk="0" * 16,
        answered=dt.datetime(2026, 3, 1, 13, tzinfo=dt.timezone(dt.timedelta(hours=1))),
    )  # fmt: skip
    kept.add(one)
    other = feedback("And why?", good=False)
    kept.add(other)
    assert Kept(kept.path).all() == [one, other]
    assert one.reason == "Ünïcode: 你好"
    assert (one.answered, one.answered.tzinfo) == (NOON, dt.UTC)
    assert b"hunter" not in kept.path.read_bytes()


def test_nothing_is_there_at_first(kept: Kept, tmp_path: Path) -> None:
    assert kept.all() == []
    assert not list(tmp_path.iterdir()), "no folder before there is something to keep"


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": "x" * (REASON + 1)},
        {"question": ""},
        {"at": dt.datetime(2026, 3, 1)},
        {"answered": dt.datetime(2026, 3, 1)},
        {"settings": {"llm.api_key": load({"llm.api_key": "x"}, None, {}).settings.llm.api_key}},
        {"stars": 5},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_cannot_be_feedback(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        feedback(**wrong)


@pytest.mark.parametrize(
    ("again", "same"),
    [
        ({}, True),
        ({"good": False, "reason": "It is 5.", "at": NOON + dt.timedelta(days=1)}, True),
        ({"answered": NOON + dt.timedelta(microseconds=1)}, False),
        ({"talk": "1" * 16}, False),
        ({"user": "bea"}, False),
        ({"question": "How much now?"}, False),
    ],
)
def test_the_last_rating_of_an_answer_counts(kept: Kept, again: dict[str, Any], same: bool) -> None:
    first, other = feedback(), feedback("Why?")
    second = feedback(**{"question": "How much?"} | again)
    for one in (first, other, second):
        kept.add(one)
    assert kept.all() == ([other, second] if same else [first, other, second])
    assert len({question.id for question in as_questions(kept.all(), drafts=True)}) == len(kept.all())


def test_broken_off_anywhere_it_is_the_old_or_the_new(kept: Kept) -> None:
    """As if the process was killed after each byte of the second line; then one more is added."""
    kept.add(feedback("First?"))
    one = kept.path.read_bytes()
    kept.add(feedback("Second?"))
    two = kept.path.read_bytes()
    for end in range(len(one), len(two) + 1, 7):
        kept.path.write_bytes(two[:end])
        expected = ["First?", "Second?"] if end >= len(two) - 1 else ["First?"]
        assert [one.question for one in kept.all()] == expected
        kept.add(feedback("Third?"))
        assert [one.question for one in kept.all()] == [*expected, "Third?"]


@pytest.mark.parametrize(
    "damage", ["\udcff", "null", "[" * 100_000, '{"form": 9}', '{"form": 1, "feedback": {"good": true}}'],
    ids=["no UTF-8", "null", "deep", "another form", "fields missing"],
)  # fmt: skip
def test_damage_is_told_and_nothing_is_lost(kept: Kept, damage: str) -> None:
    kept.add(feedback("First?"))
    whole = kept.path.read_bytes()
    bad = damage.encode("utf-8", "surrogateescape") + b"\n"
    kept.path.write_bytes(bad + whole + b"\n" + bad)
    with pytest.raises(FeedbackError, match=r"feedback\.jsonl is damaged in lines 1, 4\. Mend .* or move it"):
        kept.all()
    kept.add(feedback("Second?"))
    with pytest.raises(FeedbackError, match=r"damaged in lines 1, 4\."):
        kept.all()
    kept.path.write_bytes(kept.path.read_bytes().replace(bad, b""))
    assert [one.question for one in kept.all()] == ["First?", "Second?"]


def test_an_error_names_few_of_many_damaged_lines(kept: Kept) -> None:
    kept.path.parent.mkdir()
    kept.path.write_text("x\n", encoding="utf-8")
    with pytest.raises(FeedbackError, match=r"in line 1\. Mend"):
        kept.all()
    kept.path.write_text("x\n" * 20, encoding="utf-8")
    with pytest.raises(FeedbackError, match=r"in lines 1, 2, 3, 4, 5, 6, 7, 8 and 12 more\. Mend"):
        kept.all()


def test_a_place_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FeedbackError, match="was not kept in .*Not a directory. Make room"):
        Kept(tmp_path / "file" / "data" / "feedback.jsonl").add(feedback())
    with pytest.raises(FeedbackError, match="cannot be read: Is a directory. Check"):
        Kept(tmp_path).all()


def test_many_at_once(kept: Kept) -> None:
    start = threading.Barrier(8)

    def add(number: int) -> None:
        start.wait()
        kept.add(feedback(f"{number}?"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert sorted(one.question for one in kept.all()) == [f"{number}?" for number in range(8)]


# -- export --


def exported(tmp_path: Path, *given: Feedback, drafts: bool = False) -> list[Question]:
    """By the way of the file, as `bot eval` reads it."""
    path = tmp_path / "questions.jsonl"
    path.write_text(as_lines(as_questions(given, drafts=drafts)), encoding="utf-8")
    questions = load_questions(path)
    check_evidence(questions, TEXTS)
    return questions


def test_a_good_answer_is_what_is_right(tmp_path: Path) -> None:
    ticket, hall = "A single ticket costs 4 crowns.", "Two hundred passengers slept in the hall."
    citations = (cited("ferry", ticket), cited("storm", hall, 1), cited("ferry", ticket, 1))
    turns = (Turn(question="Who?", answer="Ada\u2028Quill."), Turn(question="Stopped?", answer=""))
    given = answer("It costs\n4 crowns.", citations=citations)
    (one,) = exported(tmp_path, feedback(answer=given, turns=turns, reason="“Yes”"))
    assert (one.question, one.answerable, one.answers) == ("How much?", True, ("It costs\n4 crowns.",))
    assert one.gold == ("ferry", "storm")
    assert [(span.article, span.text) for span in one.evidence] == [("ferry", ticket), ("storm", hall)]
    assert [(turn.question, turn.answer) for turn in one.history] == [("Who?", "Ada\u2028Quill."), ("Stopped?", None)]
    assert one.today == NOON.astimezone().date()
    assert one.model_extra == {"rating": "good", "reason": "“Yes”", "model": "small", "at": NOON.isoformat()}


def test_a_good_refusal_is_what_is_right(tmp_path: Path) -> None:
    (one,) = exported(tmp_path, feedback(answer=refusal()))
    assert (one.answerable, one.answers, one.gold, one.evidence) == (False, (), (), ())
    assert one.model_extra == {"rating": "good", "reason": "", "model": "small", "at": NOON.isoformat()}


@pytest.mark.parametrize(
    ("given", "answerable"),
    [
        (feedback(good=False, reason="It is 5."), True),
        (feedback(good=False, reason="It is 5.", answer=refusal()), True),
        (feedback(reason="It is 5.", answer=refusal(trace=LIMITED)), False),
        (feedback(reason="It is 5.", answer=answer("", citations=())), True),
    ],
    ids=["bad answer", "bad refusal", "good refusal in some articles", "good of nothing"],
)
def test_where_it_is_not_known_what_is_right_it_is_a_draft(tmp_path: Path, given: Feedback, answerable: bool) -> None:
    assert as_questions([given]) == []
    (one,) = exported(tmp_path, given, drafts=True)
    assert (one.answerable, one.answers, one.gold, one.evidence) == (answerable, (), (), ())
    more = one.model_extra or {}
    assert (more["draft"], more["reason"], more["said"]) == (True, "It is 5.", given.answer.text)
    assert more["refused"] == given.answer.refused


def test_a_draft_is_completed_by_copying(tmp_path: Path) -> None:
    """As docs/feedback.md says."""
    shown = tuple(Span(article=name, start=0, end=9) for name in ("storm", "ferry", "storm"))
    (line,) = as_lines(as_questions([feedback(good=False, answer=answer(evidence=shown))], drafts=True)).splitlines()
    draft = json.loads(line)
    assert draft["shown"] == ["storm", "ferry"]
    assert {name: draft.pop(name) for name in ("draft", "answers", "gold", "evidence")} == {
        "draft": True, "answers": [], "gold": [], "evidence": [],
    }  # fmt: skip
    draft |= {"answers": ["4 crowns"], "gold": ["ferry"], "evidence": draft["cited"]}
    path = tmp_path / "completed.jsonl"
    path.write_text(json.dumps(draft), encoding="utf-8")
    (one,) = load_questions(path)
    check_evidence([one], TEXTS)
    assert [span.text for span in one.evidence] == ["A single ticket costs 4 crowns."]


def test_limits_are_told_and_the_day_is_that_of_the_question(tmp_path: Path) -> None:
    day = dt.date(2025, 5, 5)
    at_day = Trace(searched="How much?", filters=Filters(today=day))
    given = [feedback(answer=answer(trace=LIMITED)), feedback("And then?", answer=answer(trace=at_day))]
    limited, other = exported(tmp_path, *given)
    assert (limited.model_extra or {})["limits"] == {"articles": ["ferry"], "since": "2025-01-01"}
    assert "limits" not in (other.model_extra or {})
    assert other.today == day


def test_ids_stay_and_are_each_ones_own(tmp_path: Path) -> None:
    given = [feedback(user=user, answered=at) for user in ("", "ada") for at in (NOON, NOON + dt.timedelta(seconds=1))]
    ids = [one.id for one in exported(tmp_path, *given)]
    assert [one.id for one in exported(tmp_path, *reversed(given))] == ids[::-1]
    assert len(set(ids)) == 4
    assert ids[0] == "feedback-" + ids[0][9:21]
    rated_again = feedback(good=False, at=NOON + dt.timedelta(days=1))
    assert [one.id for one in as_questions([rated_again], drafts=True)] == ids[:1]


def test_it_is_not_told_who_rated() -> None:
    text = as_lines(as_questions([feedback(user="Ada Quill", talk="f" * 16, good=False)], drafts=True))
    assert "Ada Quill" not in text
    assert "f" * 16 not in text


def test_any_file_is_feedback_or_an_error(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "whole.jsonl")
    kept.add(feedback())
    whole = kept.path.read_bytes()
    early = whole.replace(b"2026-03-01T12:00:00Z", b"0001-01-01T00:00:00+14:00")
    assert early != whole

    @given(damaged(whole, early) | st.just(early))
    def is_read(data: bytes) -> None:
        kept.path.write_bytes(data)
        with told(FeedbackError, about=kept.path):
            as_lines(as_questions(kept.all(), drafts=True))

    is_read()
