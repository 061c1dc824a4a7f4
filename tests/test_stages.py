"""stages: what can be asked at each, what is told beforehand, and which options do not go together."""

import re
from typing import Any

import pytest

from bot.cli.stages import askable, check, notes
from bot.config import LLMSettings, Settings
from bot.errors import BotError, ConfigError, DatasetError
from bot.evaluate.cases import Question

EVIDENCE = [{"article": "a", "start": 0, "end": 4, "text": "Mara"}]


def asked(*lines: dict[str, Any]) -> list[Question]:
    return [
        Question.model_validate({"id": f"q{number}", "question": "Who?", "answerable": True, **line})
        for number, line in enumerate(lines)
    ]


@pytest.mark.parametrize(
    ("scope", "stage", "repeat", "error", "told"),
    [
        ("all", "full", 1, DatasetError, "--scope all is unknown. Choose open or article"),
        ("open", "search", 1, DatasetError, "--stage search is unknown. Choose full, retrieve or answer"),
        ("open", "retrieve", 2, ConfigError, "--repeat asks the model again"),
        ("open", "retrieve", 1, None, ""),
        ("article", "answer", 5, None, ""),
    ],
)
def test_options(scope: str, stage: str, repeat: int, error: type[BotError] | None, told: str) -> None:
    if error is None:
        check(scope, stage, repeat)
    else:
        with pytest.raises(error, match=told):
            check(scope, stage, repeat)


def test_the_answer_stage_asks_what_has_evidence() -> None:
    cases = asked({"evidence": EVIDENCE}, {}, {"answerable": False})
    assert [one.id for one in askable(cases, "answer")] == ["q0"]
    assert askable(cases, "full") == askable(cases, "retrieve") == cases
    with pytest.raises(DatasetError, match="No question has evidence"):
        askable(cases[1:], "answer")


@pytest.mark.parametrize(
    ("lines", "stage", "repeat", "given", "told"),
    [
        ([{"evidence": EVIDENCE}], "answer", 1, {}, []),
        ([{"evidence": EVIDENCE}, {}], "full", 1, {}, []),
        ([{"evidence": EVIDENCE}, {}], "answer", 1, {}, ["^1 of 2 questions have no evidence"]),
        ([{"draft": True}, {}, {"draft": True}], "full", 1, {}, ["^2 of 3 questions are drafts.*such as 'q0'.*delete"]),
        ([{}], "full", 3, {}, [r"^llm.temperature is 0:.* to the next\. Raise it"]),
        ([{}], "full", 3, {"server": "http://127.0.0.1:1/v1"}, ["though a server may vary"]),
        ([{}], "full", 3, {"temperature": 0.5}, []),
    ],
)
def test_what_is_told(
    lines: list[dict[str, Any]], stage: str, repeat: int, given: dict[str, Any], told: list[str]
) -> None:
    found = notes(Settings(llm=LLMSettings(**given)), asked(*lines), stage, repeat)
    assert len(found) == len(told)
    assert all(re.search(wanted, line) for wanted, line in zip(told, found, strict=True))
