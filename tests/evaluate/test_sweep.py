"""sweep: which points no other beats, what is taken up again, and a page that shows hostile names as text."""

import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEmbedder, FakeLLM
from samples import CHEESE, FERRY

from bot.cli import main, sweep
from bot.errors import DatasetError
from bot.evaluate.cases import Question, load_questions
from bot.evaluate.compare import compare, load_run
from bot.evaluate.grid import Plan, Point
from bot.evaluate.report import MEASURES, report
from bot.evaluate.run import make_row, run
from bot.evaluate.sweep import Found, answered, best, settings_told, summary, table
from bot.evaluate.tradeoffs import page

from .library import citation, make_answer, question

PLAN = Plan(questions=Path("q.jsonl"), corpus=Path("articles"), out=Path("out"))
HOSTILE = '</title><script>alert("x")</script>'


def found(name: str, accuracy: float | None, seconds: float | None, **settings: Any) -> Found:
    metrics = {"accuracy": accuracy, "total_s_p50": seconds, "n": {"questions": 1}}
    return Found(Point(name, settings), {"metrics": metrics, "intervals": {}, "run": {}})


def asked(name: str, right: int, **settings: Any) -> Found:
    """A real report of four questions, of which one has no answer, and `right` are answered rightly."""
    cases = [question(f"q{number}", answerable=number < 3) for number in range(4)]
    rows = [
        make_row(one, make_answer(one.question, "Mara" if number < right else "Ivo", 1, citation(0, 30)))
        for number, one in enumerate(cases)
    ]
    rows = [row.model_copy(update={"answerable": 0.7}) for row in rows]
    return Found(Point(name, settings), report(rows, cases, {"revision": "abc"}, FakeEmbedder().embed_documents))


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([("slow", 0.9, 9.0), ("quick", 0.5, 1.0), ("worse", 0.4, 2.0)], ["slow", "quick"]),
        ([("same", 0.5, 1.0), ("as", 0.5, 1.0)], ["same", "as"]),  # neither beats the other
        ([("slower", 0.5, 2.0), ("one", 0.5, 1.0), ("less", 0.4, 1.0)], ["one"]),
        ([("unknown", None, 0.1), ("untimed", 1.0, None), ("one", 0.1, 5.0)], ["one"]),
        ([], []),
    ],
)
def test_the_front_has_what_no_other_beats(
    points: list[tuple[str, float | None, float | None]], front: list[str]
) -> None:
    assert best([found(*point) for point in points]) == front


def test_table_and_summary() -> None:
    points = [asked("one", 3, **{"llm.model": "a"}), asked("two", 0, **{"llm.server": "http://me:pass@host"})]
    head, first, second = table(points)
    assert head[:2] == ("point", "accuracy")
    assert head[-2:] == ("median seconds", "n")
    assert (first[:2], first[-2:]) == (("one", "1.000 (1.000 to 1.000)"), ("2.50", "4"))
    assert second[:2] == ("two", "0.000 (0.000 to 0.000)")
    told = json.loads(json.dumps(summary(PLAN, points)))
    assert [(one["name"], one["on_front"], one["settings"]) for one in told["points"]] == [
        ("one", True, {"llm.model": "a"}),
        ("two", False, {"llm.server": "http://**********@host"}),
    ]
    assert told["points"][0]["metrics"]["n"]["questions"] == 4
    assert settings_told(Point("plain", {})) == "as they are"


def test_the_page_stands_by_itself_and_shows_what_is_hostile_as_text() -> None:
    plan = Plan(questions=Path(HOSTILE), corpus=Path("c"), out=Path("o"))
    html = page(plan, [asked("one", 3, **{"llm.model": HOSTILE}), asked(HOSTILE, 1)])
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 4
    assert html.count("<svg") == 4
    assert set(re.findall(r"https?://[^\s\"<]*", html)) == {"http://www.w3.org/2000/svg"}
    for figure in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ET.fromstring(figure)
    assert "default-src 'none'" in html


def test_a_page_of_what_was_no_case() -> None:
    rows = [make_row(question("q", answerable=False), make_answer("Who is q?", "No.", 1, refused=True))]
    empty = Found(Point("one", {}), report(rows, [question("q", False)], {}, FakeEmbedder().embed_documents))
    assert page(PLAN, [empty]).count("No question was a case for it.") == 4
    assert page(PLAN, []).count("No question was a case for it.") == 4


# -- resuming --

META: dict[str, Any] = {
    "scope": "open",
    "questions": {"file": "q.jsonl", "sha256": "22"},
    "settings": {"llm.seed": 0, "chat.port": 1},
}


def with_run(folder: Path, meta: Mapping[str, Any]) -> list[Question]:
    cases = [question("q1"), question("q2")]
    run(cases[:1], lambda asked, _history, _filters: make_answer(asked, "Mara"), folder, dict(meta), "open")
    return cases


def test_what_is_answered_already_is_counted(tmp_path: Path) -> None:
    cases = with_run(tmp_path / "one", META)
    assert answered(tmp_path / "one", cases, META | {"settings": {"llm.seed": 0, "chat.port": 2}}) == 1
    assert answered(tmp_path / "none", cases, META) == 0


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"settings": {"llm.seed": 1, "chat.port": 1}}, "llm.seed 0, not 1"),
        ({"scope": "article"}, "scope 'open', not 'article'"),
        ({"questions": {"file": "q.jsonl", "sha256": "33"}}, "questions '22', not '33'"),
    ],
)
def test_what_was_made_otherwise_is_told_before_anything_is_asked(
    tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    cases = with_run(tmp_path, META)
    with pytest.raises(DatasetError, match=f"{told}.*--fresh"):
        answered(tmp_path, cases, META | changed)


# -- the command --


class Desk:
    """Runs `bot sweep` over two articles and a question file, and counts the models that it opens."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._patch, self._capsys = folder, monkeypatch, capsys
        (folder / "articles").mkdir()
        (folder / "articles" / "ferry.txt").write_text(FERRY, encoding="utf-8")
        (folder / "articles" / "cheese.txt").write_text(CHEESE, encoding="utf-8")
        lines = [
            {"id": "ticket", "question": "What does a single ticket cost?", "answers": ["4 crowns"], "gold": ["ferry"],
             "answerable": True},
            {"id": "moon", "question": "Who painted the moon?", "answerable": False},
        ]  # fmt: skip
        (folder / "q.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")

    def __call__(self, text: str, *words: str) -> tuple[int, str, str]:
        head = f"questions = '{self.folder}/q.jsonl'\ncorpus = '{self.folder}/articles'\nout = '{self.folder}/out'\n"
        (self.folder / "grid.toml").write_text(head + text, encoding="utf-8")
        return self.bot("sweep", f"{self.folder}/grid.toml", *words)

    def bot(self, *words: str) -> tuple[int, str, str]:
        self._patch.setattr(sys, "argv", ["bot", "--data-dir", f"{self.folder}/data", *words])
        self._capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        out, err = self._capsys.readouterr()
        return int(str(code or 0)), out, err


@pytest.fixture
def desk(
    tmp_path: Path,
    clean_environment: None,
    models_dir: Path,
    embedder_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Desk:
    monkeypatch.setenv("BOT_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("COLUMNS", "300")
    return Desk(tmp_path, monkeypatch, capsys)


TWO_MODELS = """
[grid]
"chunk.max_tokens" = [100, 150]
"llm.server" = ["http://127.0.0.1:9/one", "http://127.0.0.1:9/two"]
"answer.min_answerable" = 0
"""


def test_models_are_opened_once_and_articles_ingested_once_for_each_store(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[FakeLLM] = []

    def open_llm(settings: Any) -> FakeLLM:
        assert all(llm.closed for llm in opened), "two models at once may not fit into memory"
        opened.append(FakeLLM(["A single ticket costs 4 crowns."] * 4))
        return opened[-1]

    monkeypatch.setattr(sweep, "open_llm", open_llm)
    code, out, err = desk(TWO_MODELS)
    assert code == 0, err
    assert "Points: 4. Questions for each: 2. To be asked: 8." in out
    assert [len(llm.asked) for llm in opened] == [4, 4]
    assert out.count("2 added, 0 replaced, 0 unchanged") == 2
    assert len(list((desk.folder / "out" / "stores").iterdir())) == 2
    told = json.loads((desk.folder / "out" / "sweep.json").read_text())
    names = [point["name"] for point in told["points"]]
    assert names == [
        f"max_tokens-{tokens}_server-http-127.0.0.1-9-{model}" for tokens in (100, 150) for model in ("one", "two")
    ]  # as in the file, in whatever order they were asked
    assert [point["metrics"]["accuracy"] for point in told["points"]] == [1.0] * 4
    stores = {(desk.folder / "out" / name / "store").resolve(strict=True) for name in names}
    assert {store.parent.parent for store in stores} == {desk.folder / "out" / "stores"}
    runs = [load_run(desk.folder / "out" / name) for name in names]
    one = compare(runs[0], runs[1], load_questions(desk.folder / "q.jsonl"))
    assert [different.name for different in one.different] == ["llm.server"]
    assert "<svg" in (desk.folder / "out" / "sweep.html").read_text(encoding="utf-8")

    opened.clear()
    code, out, err = desk(TWO_MODELS, "--dry-run")
    assert (code, "To be asked: 0." in out, opened) == (0, True, [])
    code, out, err = desk(TWO_MODELS)
    assert (code, [len(llm.asked) for llm in opened]) == (0, [0, 0])


def test_what_cannot_run_is_told_before_anything_does(desk: Desk) -> None:
    def wrong(text: str, *words: str) -> str:
        code, out, err = desk(text, *words)
        assert (code != 0, out) == (True, "")
        assert not (desk.folder / "out").exists()
        return " ".join(err.split())

    models = '[grid]\n"llm.model" = ["nope.gguf", "nil.gguf"]\n"embed.model" = "neither.gguf"'
    told = wrong(models)
    assert [name in told for name in ("nope.gguf", "nil.gguf", "neither.gguf")] == [True] * 3
    assert "llm.nope is not a setting" in wrong('[grid]\n"llm.nope" = 1')
    (desk.folder / "articles").rename(desk.folder / "moved")
    assert "There are no articles at" in wrong('[[points]]\nname = "a"')


def test_the_small_model_through_the_command_line(desk: Desk, small_llm_path: Path) -> None:
    grid = f"""
    limit = 1
    [grid]
    "llm.model" = '{small_llm_path}'
    "retrieve.characters" = [300, 600]
    "llm.answer_tokens" = 16
    "llm.threads" = 1
    "llm.spare_memory" = true
    "answer.min_answerable" = 0
    """
    code, out, err = desk(grid)
    assert code == 0, err
    for name in ("characters-300", "characters-600"):
        folder = desk.folder / "out" / name
        assert {"answers.jsonl", "run.json", "report.json"} <= {path.name for path in folder.iterdir()}
        assert json.loads((folder / "report.json").read_text())["metrics"]["n"]["questions"] == 1
        assert re.search(rf"^ ?{name} ", out, re.MULTILINE)


def test_a_point_is_what_bot_eval_makes_of_the_same_settings(desk: Desk, small_llm_path: Path) -> None:
    given = {
        "llm.model": str(small_llm_path),
        "llm.answer_tokens": "16",
        "llm.threads": "1",
        "llm.spare_memory": "true",
    }
    settings = "\n".join(f"\"{name}\" = '{value}'" for name, value in given.items())
    code, _, err = desk(
        f"[[points]]\nname = 'before'\n\"llm.seed\" = 1\n{settings}\n[[points]]\nname = 'own'\n{settings}"
    )
    assert code == 0, err
    flags = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    out = desk.folder / "eval"
    code, _, err = desk.bot(
        *flags, "eval", f"{desk.folder}/q.jsonl", "--corpus", f"{desk.folder}/articles", "--out", f"{out}"
    )
    assert code == 0, err
    both = compare(load_run(desk.folder / "out" / "own"), load_run(out), load_questions(desk.folder / "q.jsonl"))
    assert both.different == ()
    own, other = (json.loads((folder / "report.json").read_text()) for folder in (desk.folder / "out" / "own", out))
    assert own.keys() == other.keys()
    assert [own["intervals"][name] == other["intervals"][name] for name in MEASURES] == [True] * len(MEASURES)
    rows = [load_run(folder).rows for folder in (desk.folder / "out" / "own", out)]
    assert [row.answer for row in rows[0].values()] == [row.answer for row in rows[1].values()]
