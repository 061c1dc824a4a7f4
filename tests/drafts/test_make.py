"""The loop that drafts: what goes into the file, what is left out, and going on after any end."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeLLM

from bot.articles.sentences import split
from bot.drafts.file import DraftFile, held
from bot.drafts.make import CLOSEST, Made, Maker, Plan
from bot.drafts.write import Writer
from bot.errors import DatasetError, LLMError, Stopped
from bot.evaluate.cases import check_evidence, load_questions
from drafts.library import BRIDGE, FERRY, prompts

ARTICLES = [BRIDGE, FERRY]
# A question to each answer that may be chosen.
ASKED = {
    "3.2 million crowns": "How much did the repairs of the Halden bridge cost?",
    "Ruth Oster": "Which engineer led the repairs of the Halden bridge?",
    "2019": "In which year did the bridge at Halden reopen?",
    "14 passengers": "How many people does Jon Reyes call hurt after the Aurelia struck the pier?",
    "Jon Reyes": "Who said that passengers of the ferry Aurelia were hurt?",
    "2021": "In which year did Captain Reyes blame a failed engine?",
    "Mellin": "At which place did the ferry Aurelia strike a pier?",
    "Aurelia": "Which ferry struck the pier at Mellin?",
    "Captain Reyes": "Who blamed the engine of the Aurelia?",
}


class Asker(FakeLLM):
    """Writes the fitting question to each answer; of texts with the word `doubts`, it says No."""

    def __init__(self, doubts: str = "\0", fails_after: int = 99, **odd: str) -> None:
        super().__init__(log_odds=1.0)
        self.doubts, self.left, self.odd = doubts, fails_after, odd

    def stream(self, messages: Any, **how: Any) -> Iterator[Any]:  # type: ignore[override]
        self.left -= 1
        asked = [message.content for message in messages if "Answer: " in message.content][-1]
        answer = asked.rpartition("Answer: ")[2].splitlines()[0]
        self.replies.append(LLMError("It broke. Mend it.") if self.left < 0 else (ASKED | self.odd)[answer])
        return super().stream(messages, **how)

    def odds(self, messages: Any, words: tuple[str, str], *, stop: threading.Event) -> float | None:
        super().odds(messages, words, stop=stop)
        return -1.0 if self.doubts in messages[-1].content else 1.0


def make(file: Path, plan: Plan, llm: FakeLLM | None = None, stop: threading.Event | None = None) -> Made:
    maker = Maker(ARTICLES, split, Writer(llm or Asker(), *prompts()), DraftFile(file), plan)
    return maker.make(lambda done, total: None, stop or threading.Event())


def values(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "q.jsonl"


def test_drafts_are_questions_with_evidence(file: Path) -> None:
    made = make(file, Plan(3))
    assert (made.drafts, made.added, made.left_out.total()) == (3, 3, 0)
    questions = load_questions(file)
    check_evidence(questions, {one.id: one.text for one in ARTICLES})
    assert len(questions) == 3
    for value, question in zip(values(file), questions, strict=True):
        assert (value["draft"], value["made_by"], question.answerable) == (True, "fake", True)
        assert ASKED[question.answers[0]] == question.question
        assert question.gold == (question.evidence[0].article,)
        assert question.answers[0] in question.evidence[0].text
        around = value["context"]
        article = next(one for one in ARTICLES if one.id == question.gold[0])
        assert around["before"] + around["text"] + around["after"] == article.text
        assert around["title"] == article.title


def test_articles_take_turns(file: Path) -> None:
    make(file, Plan(4, seed=3))
    assert sorted(question.gold[0] for question in load_questions(file)[:2]) == ["bridge", "ferry"]


def test_it_ends_where_the_articles_do(file: Path) -> None:
    made = make(file, Plan(50))
    assert made.drafts == len(load_questions(file)) < 50
    assert make(file, Plan(50)) == Made(made.drafts, 0, made.left_out)


def test_what_is_wrong_is_left_out_and_told(file: Path) -> None:
    llm = Asker(**dict.fromkeys(ASKED, "What does it say?"))
    made = make(file, Plan(2, 1), llm)
    assert made.drafts == 0
    assert not file.exists()
    [why] = made.left_out
    noted = values(DraftFile(file).left_out)
    assert {value["why"] for value in noted} == {why} == {"names nothing"}
    asked = len(llm.asked)
    assert make(file, Plan(2, 1), llm).left_out.total() == 0
    assert len(llm.asked) == asked, "nothing is drafted again"


def test_what_the_model_doubts_is_left_out(file: Path) -> None:
    made = make(file, Plan(50), Asker(doubts="Answer: Ruth Oster\n"))
    whole = make(file.with_name("whole.jsonl"), Plan(50))
    assert made.left_out == {} or made.drafts == whole.drafts - made.left_out.total()
    doubted = make(file.with_name("none.jsonl"), Plan(50), Asker(doubts="Answer: "))
    assert doubted.drafts == 0
    assert doubted.left_out == {"is doubted by the model itself": whole.drafts}


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_run_that_was_broken_off_goes_on_and_ends_as_a_whole_one(file: Path, after: int) -> None:
    whole = file.with_name("whole.jsonl")
    plan = Plan(5, 2, 0.4)
    make(whole, plan, Asker(doubts="exactly this question?\0"))
    with pytest.raises(LLMError):
        make(file, plan, Asker(fails_after=after))
    if file.exists():
        file.write_bytes(file.read_bytes() + b'{"id": "draft-half')  # killed while it wrote
    llm = Asker()
    make(file, plan, llm)
    assert values(file) == values(whole)
    if after:
        assert len(llm.asked) < 5


def test_a_stop_leaves_no_half_question(file: Path) -> None:
    stop = threading.Event()

    class Halted(Asker):
        def stream(self, messages: Any, **how: Any) -> Iterator[Any]:  # type: ignore[override]
            stop.set()
            return super().stream(messages, **how)

    with pytest.raises(Stopped):
        make(file, Plan(3), Halted(), stop)
    assert not list(file.parent.glob("*.jsonl"))


def test_open_questions_are_made_of_answerable_ones(file: Path) -> None:
    llm = Asker()
    llm.doubts = "Does the text state the answer to exactly this question?"  # the check of open ones
    made = make(file, Plan(4, 0, 0.5), llm)
    questions = {question.id: question for question in load_questions(file)}
    open_ones = [question for question in questions.values() if not question.answerable]
    assert made.drafts == 4
    assert len(open_ones) == 2
    for question in open_ones:
        was, now = (question.model_extra or {})["changed"]
        assert question.question.replace(now, was) in ASKED.values()
        assert question.question not in ASKED.values()
        assert (question.answers, question.gold, question.evidence) == ((), (), ())
    assert len(llm.weighed) <= 2 * 4 + 2 * (CLOSEST + 1)


def test_an_open_question_that_the_model_finds_answered_is_left_out(file: Path) -> None:
    made = make(file, Plan(4, 0, 0.5))
    assert all(question.answerable for question in load_questions(file))
    assert set(made.left_out) == {"may be answered after all"}


def test_other_questions_of_the_file_stay_and_are_not_asked_again(file: Path) -> None:
    own = b'{"id": "own", "question": "How much did repairs of the Halden bridge cost?",  "answerable": true}'
    file.parent.mkdir()
    file.write_bytes(own)
    made = make(file, Plan(50))
    assert file.read_bytes().startswith(own + b"\n")
    assert made.drafts == len(load_questions(file)) - 1
    assert "How much did the repairs of the Halden bridge cost?" not in {value["question"] for value in values(file)}


def test_a_damaged_file_is_told_and_left_alone(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"id": "x"}\n', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"q\.jsonl, line 1: .*Mend that line"):
        make(file, Plan(1))
    assert file.read_text(encoding="utf-8") == '{"id": "x"}\n'


def test_only_one_drafts_into_a_file(file: Path) -> None:
    with held(file), pytest.raises(DatasetError, match="being written to .* already"), held(file):
        pass
    with held(file):
        pass
    assert not list(file.parent.iterdir())
