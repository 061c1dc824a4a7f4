"""The page of drafts in a real browser, over a real server and real files."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Visit, reload, serving
from fake_bot import HOSTILE
from playwright.sync_api import Page, expect
from test_app import until

from bot.drafts.file import DraftFile
from bot.drafts.review import Review
from bot.ui.review import Decisions, ReviewPage
from bot.ui.server import make_small_server

Open = Callable[..., Visit]
TEXT = "It cost 3.2 million crowns."


def draft(number: int, **more: Any) -> dict[str, Any]:
    span = {"article": "bridge", "start": 8, "end": 8 + len(TEXT), "text": TEXT}
    context = {"title": "The bridge", "date": "2019-05-05", "before": "Before. ", "text": TEXT, "after": " After."}
    value = {
        "id": f"d{number}", "question": f"What did bridge {number} cost?", "answerable": True,
        "answers": ["3.2 million"],
        "gold": ["bridge"], "evidence": [span], "draft": True, "made_by": "small", "context": context,
    }  # fmt: skip
    return value | more


@contextmanager
def served(file: Path) -> Iterator[str]:
    made = Review(DraftFile(file))
    decisions = Decisions(made.first, made.counts, made.edit, made.accept, made.drop, made.back)
    page = lambda: ReviewPage(decisions, file.name)  # noqa: E731
    with serving(lambda: make_small_server(page, file.parent / "uploads")) as address:
        yield address


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*drafts: dict[str, Any]) -> Path:
        file = tmp_path / "q.jsonl"
        file.write_text("".join(json.dumps(one) + "\n" for one in drafts), encoding="utf-8")
        return file

    return write


def by_id(file: Path) -> dict[str, Any]:
    return {value["id"]: value for value in map(json.loads, file.read_bytes().splitlines())}


def shows(page: Page, question: str) -> None:
    expect(page.get_by_label("Question")).to_have_value(question)


def test_drafts_are_accepted_edited_dropped_and_taken_back(visit: Open, write: Callable[..., Path]) -> None:
    file = write(*(draft(number) for number in range(1, 5)))
    with served(file) as address:
        page = visit(address).page
        question, answer = page.get_by_label("Question"), page.get_by_label("Answer")
        status = page.locator(".cb-header")
        shows(page, "What did bridge 1 cost?")
        expect(answer).to_have_value("3.2 million")
        expect(status).to_contain_text("4 drafts left")
        expect(page.locator(".cb-review mark")).to_have_text(TEXT)
        expect(page.locator(".cb-review .cb-text")).to_have_text(f"Before. {TEXT} After.")
        expect(page.get_by_role("button", name="Back")).to_be_disabled()

        question.fill("What was the bridge's price?")
        answer.fill("4 million")
        answer.blur()
        expect(page.locator("#cb-typed")).to_contain_text("does not stand in the marked words: 4 million")
        page.get_by_role("button", name="Accept").click()
        shows(page, "What did bridge 2 cost?")
        expect(page.locator("#cb-said")).to_contain_text("Accepted. This does not stand")
        one = by_id(file)["d1"]
        assert (one["question"], one["answers"]) == ("What was the bridge's price?", ["4 million"])
        assert "draft" not in one

        page.get_by_role("button", name="Drop").click()
        shows(page, "What did bridge 3 cost?")
        assert "d2" not in by_id(file)
        expect(status).to_contain_text("2 drafts left · 1 accepted · 1 dropped")

        reload(page)
        shows(page, "What did bridge 3 cost?")
        page.get_by_role("button", name="Back").click()
        shows(page, "What did bridge 2 cost?")
        assert by_id(file)["d2"] == draft(2)
        page.get_by_role("button", name="Back").click()
        shows(page, "What was the bridge's price?")
        expect(answer).to_have_value("4 million")
        page.get_by_role("button", name="Accept").click()
        shows(page, "What did bridge 2 cost?")
        question.fill("What did the second one cos")
        question.press_sequentially("t?")
        until(lambda: by_id(file)["d2"]["question"] == "What did the second one cost?", 20)
    with served(file) as address:  # the program was ended and begun anew
        page = visit(address).page
        shows(page, "What did the second one cost?")
        for _ in range(3):
            page.get_by_role("button", name="Accept").click()
            page.wait_for_timeout(300)
        expect(page.get_by_text("No drafts are left")).to_be_visible()
        expect(page.get_by_label("Question")).to_be_hidden()
        expect(page.get_by_role("button", name="Accept")).to_be_disabled()
    assert len(by_id(file)) == 4
    assert not any("draft" in value or "context" in value for value in by_id(file).values())
    assert [json.loads(line) for line in file.with_name("q.jsonl.bak").read_bytes().splitlines()] == [
        draft(number) for number in range(1, 5)
    ]


def test_keys_decide_but_not_while_one_types(visit: Open, write: Callable[..., Path]) -> None:
    file = write(*(draft(number) for number in range(1, 4)))
    with served(file) as address:
        page = visit(address).page
        shows(page, "What did bridge 1 cost?")
        page.keyboard.press("a")
        shows(page, "What did bridge 2 cost?")
        page.keyboard.press("d")
        shows(page, "What did bridge 3 cost?")
        page.keyboard.press("b")
        shows(page, "What did bridge 2 cost?")
        box = page.get_by_label("Question")
        box.press("End")
        box.press_sequentially(" bad")
        shows(page, "What did bridge 2 cost? bad")
        box.press("Escape")
        page.keyboard.press("Control+d")
        shows(page, "What did bridge 2 cost? bad")
        page.keyboard.press("a")
        shows(page, "What did bridge 3 cost?")
    assert {id: "draft" in value for id, value in by_id(file).items()} == {"d1": False, "d2": False, "d3": True}


def test_a_late_edit_never_reaches_another_draft(visit: Open, write: Callable[..., Path]) -> None:
    file = write(*(draft(number, answers=[f"{number} million"]) for number in range(1, 12)))
    with served(file) as address:
        page = visit(address).page
        for number in range(1, 11):
            shows(page, f"What did bridge {number} cost?")
            page.get_by_label("Question").press("End")
            page.get_by_label("Question").press_sequentially("x" * number)
            page.get_by_role("button", name="Accept").click()
        shows(page, "What did bridge 11 cost?")
    for number in range(1, 12):
        value = by_id(file)[f"d{number}"]
        said = value["question"]
        assert value["answers"] == [f"{number} million"]
        assert said.replace("x", "") == f"What did bridge {number} cost?"
        assert said.count("x") == (number if number < 11 else 0)


def test_two_tabs_decide_each_draft_once(visit: Open, write: Callable[..., Path]) -> None:
    file = write(draft(1), draft(2))
    with served(file) as address:
        first, second = visit(address).page, visit(address).page
        shows(second, "What did bridge 1 cost?")
        shows(first, "What did bridge 1 cost?")
        first.get_by_role("button", name="Accept").click()
        shows(first, "What did bridge 2 cost?")
        second.get_by_role("button", name="Drop").click()
        shows(second, "What did bridge 2 cost?")
        expect(second.locator("#cb-said")).to_have_text("That draft was decided already.")
    assert list(by_id(file)) == ["d1", "d2"]


def test_an_open_question_says_what_was_exchanged_and_has_no_answer(visit: Open, write: Callable[..., Path]) -> None:
    file = write(draft(1, answerable=False, answers=[], gold=[], evidence=[], changed=["Halden", "Vell"]))
    with served(file) as address:
        page = visit(address).page
        expect(page.locator(".cb-open")).to_contain_text("should have no answer: Halden was made Vell.")
        expect(page.get_by_label("Answer")).to_be_hidden()
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_text("No drafts are left")).to_be_visible()
    one = by_id(file)["d1"]
    assert (one["answerable"], one["answers"]) == (False, [])
    assert {"draft", "changed", "context"}.isdisjoint(one)


def test_a_hostile_draft_executes_nothing(visit: Open, write: Callable[..., Path]) -> None:
    bad = f"{HOSTILE}<script>alert(2)</script> ${{alert(3)}} {{{{x}}}} </textarea>"
    context = {"title": bad, "date": bad, "before": bad, "text": bad, "after": bad}
    file = write(draft(1, question=bad, answers=[bad], context=context), draft(2, answerable=False, changed=[bad, bad]))
    with served(file) as address:
        page = visit(address).page
        shows(page, bad)
        expect(page.locator(".cb-review h2")).to_have_text(bad)
        expect(page.locator(".cb-review .cb-text")).to_have_text(bad * 3)
        expect(page.get_by_label("Answer")).to_have_value(bad)
        page.get_by_role("button", name="Accept").click()
        expect(page.locator("#cb-said")).to_contain_text("alert(2)")
        expect(page.locator(".cb-open")).to_contain_text("alert(2)")
        assert page.locator(".cb-review img, .cb-review script, .cb-note img, .cb-note script").count() == 0


def test_an_error_is_told_and_the_draft_stays(visit: Open, write: Callable[..., Path]) -> None:
    file = write(draft(1))
    with served(file) as address:
        page = visit(address).page
        shows(page, "What did bridge 1 cost?")
        file.write_text("{}\n", encoding="utf-8")
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_role("alert")).to_contain_text("line 1")
        shows(page, "What did bridge 1 cost?")
    assert file.read_text(encoding="utf-8") == "{}\n"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_used_by_all(visit: Open, write: Callable[..., Path], scheme: str) -> None:
    long = {"title": "The bridge " * 20, "before": "before " * 80, "text": TEXT, "after": " after" * 80 + "x" * 300}
    with served(write(draft(1, context=long))) as address:
        page = visit(address, viewport={"width": 360, "height": 740}, color_scheme=scheme).page
        shows(page, "What did bridge 1 cost?")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for name in ("Accept", "Drop", "Back"):
            box = page.get_by_role("button", name=name).bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
        expect(page.locator(".cb-review mark")).to_be_in_viewport()
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found] == []
