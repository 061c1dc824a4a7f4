"""The reports of a run as CI, GitHub and a real browser read them, with hostile words wherever others write."""

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, sync_playwright

from bot.errors import DatasetError
from bot.evaluate.cases import Question
from bot.evaluate.causes import Judged
from bot.evaluate.junit import junit
from bot.evaluate.markdown import code, markdown
from bot.evaluate.page.charts import charts
from bot.evaluate.page.render import page
from bot.evaluate.report import report
from bot.evaluate.run import Row, make_row
from bot.evaluate.written import Files, check_asked, judge_all, write, write_all
from bot.schema import Span

from .library import TEXT, citation, make_answer, passage, question

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
HOSTILE = (
    "<script>window.hit = 1</script><img src='http://127.0.0.1:9/x' onerror='window.hit = 1'>"
    '"\'><svg onload=window.hit=1></svg></details></style><a href="javascript:window.hit=1">{{ 7 * 7 }}</a> | `x` '
    "@you #1 \x00\x1b]]>"
)
SHOWN = HOSTILE.replace("\x00", "").replace("\x1b", "").strip()
META = {
    "time": "2026-11-26T05:37:04+00:00", "revision": "b4f371189fbba68ddd7997985f13b1943ef48cb2", "scope": "open",
    "models": {"small": "0" * 64, HOSTILE: "unknown"}, "questions": {"file": f"/far/{HOSTILE}.jsonl", "sha256": "0"},
    "settings": {"llm.model": HOSTILE, "llm.server": None},
}  # fmt: skip


def cases() -> tuple[list[Question], list[Row]]:
    """Each outcome once, and one whose every word is hostile."""
    refusal = {"refused": True, "reason": "not_answered"}
    far = {"retrieved": (passage("inland", 0, 20),)}
    hidden = {"evidence": (Span(article="coast", start=0, end=4),)}
    told: list[tuple[Question, str, list[Any], dict[str, Any]]] = [
        (question("good", kind=HOSTILE), "Mara.", [citation(15, 45)], {}),
        (question("lost"), "No.", [], refusal | far),
        (question("hidden"), "No.", [], refusal | hidden),
        (question("shy"), "No.", [], refusal),
        (question("wrong", distractors=[]), "Ivo.", [citation(0, 30)], {}),
        (question("uncited"), "Mara.", [citation(31, 41)], {}),
        (question("bold", False), "Mara.", [citation(0, 5)], {}),
        (question("modest", False), "No.", [], refusal),
        (question("bare", answers=[], evidence=[], distractors=[]), "Mara.", [], {}),
    ]
    nasty = question(HOSTILE, question=HOSTILE, answers=[HOSTILE], distractors=[], history=[{"question": HOSTILE}])
    told.append((nasty, HOSTILE, [citation(0, 30)], {"dropped_sentences": (HOSTILE,)}))
    rows = [
        make_row(one, make_answer(one.question, text, 1, *cited, **given)).model_copy(update={"answerable": sure / 10})
        for sure, (one, text, cited, given) in enumerate(told)
    ]
    return [one for one, *_ in told], rows


def texts(ids: Sequence[str]) -> Mapping[str, str]:
    return dict.fromkeys(ids, f"{TEXT[:30]} {HOSTILE} {'and so on ' * 100}")


def made() -> tuple[dict[str, Any], list[Judged]]:
    questions, rows = cases()
    return report(rows, questions, META, None, ["kind"]), judge_all(rows, questions, None)


# -- the page --


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is missing: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    questions, rows = cases()
    out = tmp_path_factory.mktemp("run")
    html, _, _ = write_all(out, report(rows, questions, META, None, ["kind"]), rows, questions, texts)
    return html


def test_hostile_words_do_nothing_in_a_browser(browser: Browser, file: Path) -> None:
    tab = browser.new_page()
    asked: list[str] = []
    told: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: told.append(message.text))
    tab.on("pageerror", lambda error: told.append(str(error)))
    tab.goto(file.as_uri())
    tab.locator("#open").click()
    tab.wait_for_timeout(100)
    assert tab.evaluate("window.hit") is None
    assert (asked, told) == ([file.as_uri()], [])
    assert tab.locator("img, body > svg, a[href^=javascript], iframe").count() == 0
    assert SHOWN in tab.locator(".question", has_text="onerror").last.text_content()  # it is there to read
    tab.close()


def test_the_policy_stops_what_is_not_ours(browser: Browser, file: Path, tmp_path: Path) -> None:
    planted = "<script>window.hit = 1</script><img src='http://127.0.0.1:9/x' onerror='window.hit = 1'></body>"
    changed = tmp_path / "changed.html"
    changed.write_text(file.read_text(encoding="utf-8").replace("</body>", planted), encoding="utf-8")
    tab = browser.new_page()
    tab.goto(changed.as_uri())
    assert tab.evaluate("window.hit") is None
    assert tab.locator("#open").is_visible()  # our own script ran
    tab.close()


def test_questions_are_found_by_their_words_and_causes_lead_to_them(browser: Browser, file: Path) -> None:
    tab = browser.new_page()
    tab.goto(file.as_uri())
    tab.get_by_role("link", name="refused_wrongly").click()
    assert tab.url.endswith("#cause-refused_wrongly")
    assert (
        tab.evaluate("document.querySelector('#cause-refused_wrongly + details .asked').textContent") == "Who is shy?"
    )
    tab.get_by_label("Find").fill("who is wrong")
    assert tab.locator(".question:visible").count() == 1
    assert tab.locator("#found").text_content() == "1 of 10"
    tab.close()


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (360, "light")])
def test_it_is_for_everyone(browser: Browser, file: Path, width: int, scheme: Any) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    tab = context.new_page()
    tab.goto(file.as_uri())
    tab.locator("#open").click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(tab).response["violations"]
    assert [
        (one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")
    ] == []
    context.close()


def test_all_is_there_without_a_script(browser: Browser, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(file.as_uri())
    assert tab.locator(".question").count() == 10
    assert not tab.locator("#find").is_visible()
    context.close()


def test_what_the_page_says(file: Path) -> None:
    html = file.read_text(encoding="utf-8")
    levels = [int(level) for level in re.findall(r"<h(\d)", html)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    assert "26 November 2026, 05:37 UTC" in html
    assert "<dd>b4f371189f</dd>" in html
    assert f'<mark class="gold">{TEXT[:15]}</mark>' in html
    assert f'<mark class="gold cited">{TEXT[15:30]}</mark><sup>[1]</sup>' in html
    assert len(re.findall(r'class="plot"', html)) == 5
    assert re.findall(r"(?<![\w-])style=", html) == []
    assert html.count("<style>") == html.count("<script>") == 1


def test_a_run_of_300_questions_is_a_page_that_opens_at_once() -> None:
    asked = [question(f"q{number}") for number in range(300)]
    rows = [make_row(one, make_answer(one.question, "Mara. " * 40, 1, citation(15, 45))) for one in asked]
    long = {"coast": TEXT + " The tide came in and went out again." * 500}
    html = page(report(rows, asked, META, None), judge_all(rows, asked, None), lambda ids: long)
    assert len(html.encode()) < 5_000_000


@pytest.mark.parametrize("meta", [{}, {"time": "yesterday", "models": {}, "corpus": None, "questions": None}])
def test_a_run_may_lack_what_earlier_versions_did_not_write(meta: dict[str, Any]) -> None:
    one = question("q", answers=[], evidence=[], gold=[], distractors=[])
    row = make_row(one, make_answer("q", "Mara.", 1, citation(0, 30))).model_copy(update={"said": ()})
    html = page(report([row], [one], meta, None), judge_all([row], [one], None), lambda ids: {})
    assert re.search(r"<dt>Answer</dt>\s*<dd>Mara\.<sup>\[1\]</sup>", html)
    assert "its text is not at hand" in html


def test_plots_that_have_nothing_to_show_are_left_out() -> None:
    assert charts(report([], [], {}, None), []) == []
    questions, rows = cases()
    unknown = [row.model_copy(update={"answerable": None}) for row in rows]
    shown = charts(report(unknown, questions, {}, None), judge_all(unknown, questions, None))
    assert [chart.title for chart in shown] == ["How long answers took", "Where the search found it"]


# -- Markdown --


def test_markdown_is_two_tables_as_github_reads_it() -> None:
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown(*made()))
    outcomes = dict(re.findall(r"<td><code>(\w+)</code></td>\s*<td[^>]*>(\d+)</td>", html))
    assert outcomes["not_retrieved"] == outcomes["cited_wrong"] == outcomes["not_judged"] == "1"
    assert outcomes["good"] == "2"
    assert html.count("<table>") == 2
    assert "<img" not in html
    assert "<a " not in html
    for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL):
        assert len(re.findall(r"<t[dh]\b", row)) == 4
    assert "<td>0.500</td>" in re.sub(r" style=\"[^\"]*\"", "", html)  # refusal_recall: bold and modest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", "`a\\|b`"),
        ("`@you`", "`'@you'`"),
        ("two\nlines\t.", "`two lines .`"),
        ("", "–"),
        ("\x00 ", "–"),
        ("x" * 81, f"`{'x' * 79}…`"),
    ],
)
def test_words_of_others_stand_in_code_spans(text: str, expected: str) -> None:
    assert code(text) == expected


# -- JUnit --


def test_junit_has_a_case_for_each_question() -> None:
    result, told = made()
    root = ET.fromstring(junit(result["run"], told))
    (suite,) = root
    counts = {"tests": "10", "failures": "6", "errors": "0", "skipped": "1", "time": "25.000"}
    assert {name: suite.get(name) for name in counts} == {name: root.get(name) for name in counts} == counts
    failures = {case.attrib["name"]: case[0] for case in suite.iter("testcase") if case.find("failure") is not None}
    assert [one.get("type") for one in failures.values()] == [
        "not_retrieved", "not_shown", "refused_wrongly", "answered_wrong", "cited_wrong", "answered_unanswerable",
    ]  # fmt: skip
    wrong = failures["wrong: Who is wrong?"]
    assert wrong.text == "question: Who is wrong?\ngold answers: Mara\nanswer: Ivo."
    assert failures["bold: Who is bold?"].text.splitlines()[1] == "gold answers: none: not answerable"
    assert [case.get("name") for case in suite.iter("testcase") if case.find("skipped") is not None] == [
        "bare: Who is bare?"
    ]
    assert SHOWN in str(list(suite.iter("testcase"))[-1].get("name"))


# -- files --


def test_only_what_is_named_is_written_and_replaced_whole(tmp_path: Path) -> None:
    result, told = made()
    (tmp_path / "a.xml").write_text("old", encoding="utf-8")
    written = write(Files(junit=tmp_path / "a.xml", markdown=tmp_path / "a.md"), result, told, texts)
    assert (
        sorted(path.name for path in written) == sorted(path.name for path in tmp_path.iterdir()) == ["a.md", "a.xml"]
    )
    assert (tmp_path / "a.xml").read_text(encoding="utf-8").startswith("<?xml")
    with pytest.raises(DatasetError, match=r"cannot be written: .*name another file"):
        write(Files(junit=tmp_path / "nowhere" / "a.xml"), result, told, texts)


def test_questions_must_be_those_that_were_asked() -> None:
    questions, rows = cases()
    check_asked(Path("run"), rows, questions)
    with pytest.raises(DatasetError, match=r"'good' of run is not in the question file\. Pass .*--questions"):
        check_asked(Path("run"), rows, questions[1:])
    other = [questions[0].model_copy(update={"question": "Who?"}), *questions[1:]]
    with pytest.raises(DatasetError, match="'good' of run has other words"):
        check_asked(Path("run"), rows, other)
