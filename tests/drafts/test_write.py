"""What the model is asked for a question, and how its reply is read."""

import threading

import pytest
from fakes import FakeLLM

from bot.articles.sentences import split
from bot.drafts.pick import sources
from bot.drafts.write import Writer, Written
from bot.llm import LlamaCpp
from drafts.library import COST, FERRY, QUESTION, prompts

STOP = threading.Event()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (QUESTION, QUESTION),
        (f"Question: {QUESTION}\nAnswer: 4", QUESTION),
        (f"\n\n**Question:** “{QUESTION}”\n", QUESTION),
        ("", ""),
    ],
)
def test_the_question_is_read_from_the_reply(reply: str, expected: str) -> None:
    llm = FakeLLM([reply] if "Halden" in reply or not reply else [reply, reply])
    assert Writer(llm, *prompts()).write(COST, "3.2 million crowns", STOP) == Written(expected, "3.2 million crowns")
    asked = llm.asked[0][-1].content
    assert asked.splitlines() == [
        "Article: Halden bridge opens, 2019-05-05",
        "It begins: The bridge of Halden reopened in 2019.",
        f"Sentence: {COST.text}",
        "Answer: 3.2 million crowns",
        "Name: Halden",
    ]


def test_a_question_without_a_name_is_asked_for_again() -> None:
    llm = FakeLLM(["How much did it cost?", QUESTION])
    assert Writer(llm, *prompts()).write(COST, "3.2 million crowns", STOP).question == QUESTION
    first, second = llm.asked
    assert second[: len(first)] == first, "so that what was read is not read again"
    assert [message.role for message in second[len(first) :]] == ["assistant", "user"]
    assert second[-1].content.endswith("so that it says Halden.")


def test_what_is_checked_is_the_question_with_its_answer() -> None:
    llm = FakeLLM(log_odds=0.5)
    made = Writer(llm, *prompts())
    assert made.right(Written(QUESTION, "4 crowns"), "It costs\n4 crowns.", STOP) == 0.5
    assert made.answered(QUESTION, "It costs 4 crowns.", STOP) == 0.5
    right, answered = (messages[-1].content for messages in llm.weighed)
    assert right.startswith(f"Text: It costs 4 crowns.\n\nQuestion: {QUESTION}\nAnswer: 4 crowns\n")
    assert "4 crowns" in answered
    assert "Answer:" not in answered


@pytest.mark.parametrize("place", [1, 2])
def test_the_checks_examples_say_yes_and_no_alike(place: int) -> None:
    fills = {"passages": [{"text": "It rained."}], "question": "Why?", "answer": "It"}
    said = [one.content for one in prompts()[place].render(fills) if one.role == "assistant"]
    assert said.count("Yes") == said.count("No") == len(said) // 2 > 0


def test_the_small_model_writes_something_and_can_be_asked(small_llm: LlamaCpp) -> None:
    made = Writer(small_llm, *prompts())
    [source] = [one for one in sources(FERRY, split) if "14" in one.text]
    written = made.write(source, "14 passengers", STOP)
    assert written.question
    assert isinstance(made.right(written, source.text, STOP), float)
