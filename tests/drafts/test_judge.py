"""What is wrong with a draft, by rules."""

import pytest

from bot.drafts.judge import fault, is_repeated, standing
from drafts.library import COST, QUESTION

PRICE = "3.2 million crowns"


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        (QUESTION, PRICE, None),
        ("Who led the repairs of the Halden bridge?", "Ruth Oster", None),
        ("", PRICE, "is no question"),
        ("The repairs of the Halden bridge cost much.", PRICE, "is no question"),
        ("Did the repairs of the Halden bridge cost much?", PRICE, "is no question"),
        ("Who led the repairs at Halden? What did they cost?", PRICE, "is no question"),
        ("What did Halden?", PRICE, "short or long"),
        (f"How much did {'very ' * 30}good repairs at Halden cost?", PRICE, "short or long"),
        (QUESTION, "4 million crowns", "does not stand"),
        (QUESTION, "million crown", "does not stand"),
        (QUESTION, "", "does not stand"),
        ("Who paid 3.2 million crowns for the repairs at Halden?", PRICE, "gives its answer away"),
        ("Which repairs at Halden did the engineer Oster, called Ruth, lead?", "Ruth Oster", "gives its answer away"),
        ("According to the article, what did the repairs at Halden cost?", PRICE, "speaks of the text"),
        ("Which sum for the repairs at Halden is mentioned?", PRICE, "speaks of the text"),
        ("What did the repairs at Halden cost last year?", PRICE, "day"),
        ("What did the repairs at Halden cost on Monday?", PRICE, "day"),
        ("What did the repairs of the Mellin bridge cost?", PRICE, "names what the article does not"),
        ("What did the 40 repairs of the Halden bridge cost?", PRICE, "names what the article does not"),
        ("How much did the repairs of the bridge cost?", PRICE, "names nothing"),
        ("In which year did the bridge of Halden reopen?", PRICE, "something else"),
        ("What did it cost, after Ruth Oster had led them?", PRICE, "leans"),
    ],
)  # fmt: skip
def test_faults(question: str, answer: str, expected: str | None) -> None:
    found = fault(question, answer, COST)
    expected = "is too short or too long" if expected == "short or long" else expected
    assert found == expected if expected is None else expected in (found or "nothing")


@pytest.mark.parametrize(
    ("earlier", "repeated"),
    [
        ("How much did the repairs at the Halden bridge cost?", True),
        ("Who led the repairs of the Halden bridge?", False),
        ("How many passengers were hurt?", False),
    ],
)
def test_a_question_is_asked_once(earlier: str, repeated: bool) -> None:
    assert is_repeated(QUESTION, [earlier]) == repeated
    assert (fault(QUESTION, PRICE, COST, [earlier]) is not None) == repeated


@pytest.mark.parametrize(
    ("answer", "evidence", "expected"),
    [
        ("The Harbour Mass", "He wrote “Harbour Mass,” for horns.", "Harbour Mass"),
        ("the town's clerk", "It was the town’s clerk, he said.", "town’s clerk"),
        ("10 am", "It opens at 10 a.m. tomorrow.", "10 a.m."),
        ("two words", "They are two\n  words.", "two words"),
        ("art", "The party was over.", None),
        ("8.40 crowns", "It costs 840 crowns.", "840 crowns"),
        ("?!", "What?!", None),
    ],
)
def test_an_answer_stands_in_the_evidences_own_words(answer: str, evidence: str, expected: str | None) -> None:
    assert standing(answer, evidence) == expected
