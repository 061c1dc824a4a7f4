"""grid: a file of settings to try becomes named points, or one error that says everything that is wrong with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.config import describe, load
from bot.errors import ConfigError
from bot.evaluate.grid import LONGEST_NAME, Plan, Point, as_name, in_loading_order, load_plan

HEAD = 'questions = "q.jsonl"\ncorpus = "articles"\nout = "out"\n'
KNOWN = list(describe())


def check(values: Mapping[str, Any]) -> object:
    return load(values, environ={}, origin_of_flags="grid")


def read(folder: Path, text: str, head: str = HEAD) -> tuple[Plan, list[Point]]:
    file = folder / "grid.toml"
    file.write_text(head + text, encoding="utf-8")
    return load_plan(file, KNOWN, check)


def test_every_combination_is_a_point_and_so_is_each_of_the_list(tmp_path: Path) -> None:
    plan, points = read(
        tmp_path,
        """
        scope = "article"
        sample = 20
        seed = 3
        [grid]
        "llm.model" = ["a", "models/b.gguf"]
        retrieve.characters = [1200, 2400]
        "chunk.max_tokens" = 100
        [grid.answer]
        quick = [true, false]
        [[points]]
        name = "plain"
        [[points]]
        name = "warm"
        "llm.temperature" = 0.5
        """,
    )
    assert plan == Plan(
        questions=Path("q.jsonl"), corpus=Path("articles"), out=Path("out"), scope="article", sample=20, seed=3
    )
    assert [point.name for point in points] == [
        "model-a_characters-1200_quick-true",
        "model-a_characters-1200_quick-false",
        "model-a_characters-2400_quick-true",
        "model-a_characters-2400_quick-false",
        "model-models-b.gguf_characters-1200_quick-true",
        "model-models-b.gguf_characters-1200_quick-false",
        "model-models-b.gguf_characters-2400_quick-true",
        "model-models-b.gguf_characters-2400_quick-false",
        "plain",
        "warm",
    ]
    assert points[3].settings == {
        "llm.model": "a",
        "retrieve.characters": 2400,
        "chunk.max_tokens": 100,
        "answer.quick": False,
    }
    assert points[-2].settings == {}
    assert points[-1].settings == {"llm.temperature": 0.5}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('[grid]\n"llm.model" = "a"\n"answer.quick" = true', ["model-a_quick-true"]),  # nothing changes: all of it
        ('[grid]\n"llm.model" = ["a", "b"]\n"embed.model" = ["c", "d"]', [
            "llm.model-a_embed.model-c", "llm.model-a_embed.model-d",
            "llm.model-b_embed.model-c", "llm.model-b_embed.model-d",
        ]),
        ('[grid]\n"llm.server" = ["http://me:pass@one", "http://two"]', [
            "server-http-one", "server-http-two"  # no password
        ]),
    ],
)  # fmt: skip
def test_names_tell_what_changes(tmp_path: Path, text: str, names: list[str]) -> None:
    assert [point.name for point in read(tmp_path, text)[1]] == names


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["there is no point: give [grid] or [[points]]"]),
        ("[grid]\n", ["there is no point"]),
        ("grid = 3", ["grid: a table of settings"]),
        ("points = 3", ["tables that begin with [[points]]"]),
        ("points = [3]", ["tables that begin with [[points]]"]),
        ('[grid]\n"llm.model" = []', ["grid: llm.model has no values"]),
        ('[grid]\n"llm.modle" = ["a"]', ["grid: llm.modle is not a setting (did you mean llm.model?)"]),
        ('[grid]\n"llm.api_key" = ["a", "b"]', ["llm.api_key is a secret"]),
        ("[[points]]\nanswer.quick = true", ["points: number 1 has no name"]),
        ('[[points]]\nname = "../up"', ["'../up' cannot name a folder"]),
        ('[[points]]\nname = ".."', ["'..' cannot name a folder"]),
        ('[[points]]\nname = "Stores"', ["'Stores' cannot name a folder"]),
        (f'[[points]]\nname = "{"x" * (LONGEST_NAME + 1)}"', ["cannot name a folder"]),
        (
            '[[points]]\nname = "one"\n[[points]]\nname = "One"\nanswer.quick = true',
            ["two points are named One"],
        ),
        ('[grid]\n"llm.model" = ["a b", "a/b"]', ["two points are named model-a-b"]),
        ('[[points]]\nname = "one"\n[[points]]\nname = "two"', ["one and two have the same settings"]),
        ('[grid]\n"llm.seed" = [1, 1]', ["two points are named seed-1"]),
        (
            '[grid]\n"llm.seed" = [' + ", ".join(map(str, range(40))) + ']\n"llm.threads" = ['
            + ", ".join(map(str, range(40))) + "]",
            ["it makes 1600 points, and 1000 are the most"],
        ),
        ("limit = 0", ["limit: input should be greater than or equal to 1"]),
        ("limit = 1\nsample = 1", ["limit and sample choose in two ways"]),
        ('scope = "all"', ["scope: input should be 'open' or 'article'"]),
        ("limits = 3", ["limits: extra inputs are not permitted"]),
        # A wrong value is told once, however many points have it.
        (
            '[grid]\n"retrieve.characters" = [5, 1200]\n"chunk.max_tokens" = [1, 100]\n"llm.seed" = [1, 2]',
            ["retrieve.characters (grid): input should be greater than or equal to 100, got 5", "chunk.max_tokens"],
        ),
        (
            '[[points]]\nname = "long"\n"llm.answer_tokens" = 400\n"llm.context_tokens" = 600',
            ["long: llm.answer_tokens (grid): must be at most half of llm.context_tokens, which is 600"],
        ),
        # What is wrong in several places comes at once.
        (
            'scope = "all"\n[grid]\n"x.y" = 1\n[[points]]\nname = "a/b"\n"llm.seed" = "k"',
            ["scope: ", "x.y is not a setting", "'a/b' cannot name", "llm.seed (grid)"],
        ),
    ],
)  # fmt: skip
def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path, text: str, faults: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, text)
    told = str(raised.value)
    assert told.startswith(str(tmp_path / "grid.toml"))
    assert told.endswith("`bot config show` lists the settings.")
    for fault in faults:
        assert told.count(fault) == 1, told


def test_settings_that_are_right_together_may_be_wrong_alone(tmp_path: Path) -> None:
    _, points = read(tmp_path, '[[points]]\nname = "a"\n"llm.answer_tokens" = 4000\n"llm.context_tokens" = 8192')
    assert len(points) == 1


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"questions = ", "is not valid TOML"),
        (b"\xff", "is not valid TOML"),
        (b'out = "o"\n[[points]]\nname = "a"', "questions: field required; corpus: field required"),
    ],
)
def test_a_file_that_is_no_plan(tmp_path: Path, head: bytes, told: str) -> None:
    file = tmp_path / "grid.toml"
    file.write_bytes(head)
    with pytest.raises(ConfigError, match=told):
        load_plan(file, KNOWN, check)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_plan(tmp_path / "none.toml", KNOWN, check)


@pytest.mark.parametrize(
    ("value", "name"),
    [(True, "true"), (0.15, "0.15"), ("a/b c", "a-b-c"), ("", "none"), ("é", "none"), ("http://a:b@c", "http-c")],
)
def test_values_as_a_part_of_a_name(value: object, name: str) -> None:
    assert as_name(value) == name


def test_what_needs_the_same_comes_one_after_the_other() -> None:
    points = [Point(name, {}) for name in ("b1", "a1", "b2", "a2", "a1x", "b1x")]
    ordered = in_loading_order(points, lambda one: one.name[0], lambda one: one.name[1])
    assert [point.name for point in ordered] == ["b1", "b1x", "b2", "a1", "a1x", "a2"]
