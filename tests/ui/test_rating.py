"""Rating answers on the page: what is kept, and what the reader sees."""

from pathlib import Path

import pytest
from conftest import reload, served
from fake_bot import FakeBot
from playwright.sync_api import Page, expect
from test_app import CITED, Open, ask, ask_and_wait

from bot.feedback import Feedback, Kept


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def kept(folder: Path) -> list[Feedback]:
    return Kept(folder / "feedback.jsonl").all()


def rate(page: Page, said: str, exchange: int = 0) -> None:
    page.locator(".cb-exchange").nth(exchange).get_by_role("button", name=f"{said} answer").click()


def test_a_rating_is_kept_with_its_answer_and_then_the_reason(visit: Open, folder: Path) -> None:
    with served(FakeBot(), folder) as address:
        page = visit(address).page
        why = page.get_by_label("Why?")
        ask_and_wait(page, "Who is president?")
        ask_and_wait(page, CITED, exchanges=2)
        expect(why).to_be_hidden()
        rate(page, "Bad", exchange=1)
        expect(page.locator(".cb-status")).to_contain_text("Kept on this machine")
        expect(page.locator(".cb-exchange").nth(1).get_by_role("button", name="Bad answer")).to_have_attribute(
            "aria-pressed", "true"
        )
        [first] = kept(folder)
        assert (first.good, first.reason, first.question, first.model) == (False, "", CITED, "fake-model")
        assert [turn.question for turn in first.turns] == ["Who is president?"]
        assert first.answer.citations
        assert first.answer.trace
        why.fill("The bridge cost less.")
        why.press("Enter")
        expect(why).to_be_hidden()
        [second] = kept(folder)
        assert (second.good, second.reason) == (False, "The bridge cost less.")
        assert second.answered == first.answered


def test_another_rating_replaces_the_first_and_refusals_are_rated_too(visit: Open, folder: Path) -> None:
    with served(FakeBot(), folder) as address:
        page = visit(address).page
        ask_and_wait(page, "Who is president?")
        for said in ("Good", "Bad", "Good"):
            rate(page, said)
            pressed = page.get_by_role("button", name=f"{said} answer", pressed=True)
            expect(pressed).to_have_count(1)
        [only] = kept(folder)
        assert only.good
        assert only.answer.refused
        reload(page)
        expect(page.get_by_role("button", name="Good answer", pressed=True)).to_have_count(1)
        rate(page, "Bad")
        expect(page.get_by_role("button", name="Bad answer", pressed=True)).to_have_count(1)
        [only] = kept(folder)
        assert not only.good, "the same answer after a reload"
        ask(page, CITED)
        expect(page.get_by_label("Why?")).to_be_hidden()


def test_the_same_rating_again_keeps_the_reason(visit: Open, folder: Path) -> None:
    with served(FakeBot(), folder) as address:
        page = visit(address).page
        ask_and_wait(page, CITED)
        why = page.get_by_label("Why?")
        rate(page, "Bad")
        why.fill("The date is wrong. \ud83d")
        page.get_by_role("button", name="Send").click()
        expect(why).to_be_hidden()
        reload(page)
        rate(page, "Bad")
        expect(why).to_have_value("The date is wrong. \ufffd")
        [only] = kept(folder)
        assert (only.good, only.reason) == (False, "The date is wrong. \ufffd")


def test_what_cannot_be_kept_is_told(visit: Open, folder: Path) -> None:
    with served(FakeBot(), folder) as address:
        page = visit(address).page
        ask_and_wait(page, CITED)
        (folder / "feedback.jsonl").mkdir()
        rate(page, "Good")
        expect(page.locator(".cb-status")).to_contain_text("The feedback was not kept")
        expect(page.get_by_role("button", name="Good", pressed=True)).to_have_count(0)
