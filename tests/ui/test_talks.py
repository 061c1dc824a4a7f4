"""Conversations on the page: kept across reloads and restarts, found, exported, removed; questions asked again."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import Visit, reload, served
from fake_bot import COST, HOSTILE, OPENED, FakeBot
from playwright.sync_api import Page, expect
from test_app import CITED, LONG, ask, ask_and_wait, marker

from bot.conversations import Conversations
from bot.schema import Answer

Open = Callable[..., Visit]
REFUSED = "Who is the president of France?"


class Place(NamedTuple):
    """A page of its own, with what it keeps."""

    page: Page
    bot: FakeBot
    address: str
    kept: Conversations
    folder: Path


@pytest.fixture
def place(visit: Open, tmp_path: Path) -> Iterator[Place]:
    bot = FakeBot(pause=0.002)
    with served(bot, tmp_path) as address:
        kept = Conversations(tmp_path / "conversations")
        page = visit(address).page
        yield Place(page, bot, address, kept, tmp_path / "conversations")
        page.context.close()  # before its server ends


def talks(page: Page) -> None:
    page.get_by_role("tab", name="Chats").click()


def kept_as(page: Page) -> str:
    """The conversation that the address names."""
    page.wait_for_url(re.compile(r"\?c=[0-9a-f]{16}$"))
    return page.url.rpartition("=")[2]


def test_a_reload_shows_the_conversation_again(place: Place) -> None:
    page = place.page
    ask_and_wait(page, CITED)
    ask_and_wait(page, REFUSED, exchanges=2)
    talk = kept_as(page)
    assert [said.question for said in place.kept.read(talk)] == [CITED, REFUSED]
    reload(page)
    expect(page.locator(".cb-question")).to_have_text([CITED, REFUSED])
    expect(page.locator(".cb-refusal")).to_be_visible()
    marker(page, 2)
    expect(page.locator("mark.cb-here")).to_have_text(COST)
    ask_and_wait(page, CITED, exchanges=3)
    assert [turn.question for turn in place.bot.asked[-1][1]] == [CITED, REFUSED]
    assert kept_as(page) == talk
    assert len(place.kept.read(talk)) == 3


def test_a_restart_shows_it_too_and_a_new_tab_begins_anew(visit: Open, tmp_path: Path) -> None:
    with served(FakeBot(), tmp_path) as address:
        page = visit(address).page
        ask_and_wait(page, CITED)
        talk = kept_as(page)
        page.context.close()
    with served(FakeBot(), tmp_path) as address:
        expect(visit(f"{address}?c={talk}").page.locator(".cb-question")).to_have_text([CITED])
        fresh = visit(address).page
        expect(fresh.get_by_text("Ask about your 3 articles")).to_be_visible()
        talks(fresh)
        fresh.get_by_role("button", name=CITED).click()
        expect(fresh.locator(".cb-question")).to_have_text([CITED])
        assert kept_as(fresh) == talk


@pytest.mark.parametrize("named", ["0123456789abcdef", "../../etc/passwd", "<img src=x onerror=alert(1)>"])
def test_an_address_of_no_conversation_begins_a_new_one(place: Place, visit: Open, named: str) -> None:
    page = visit(f"{place.address}?c={named}").page
    expect(page.get_by_text("Ask about your 3 articles")).to_be_visible()
    ask_and_wait(page, CITED)
    assert kept_as(page) != named


def test_conversations_are_found_opened_and_removed(place: Place) -> None:
    page = place.page
    ask_and_wait(page, CITED)
    first = kept_as(page)
    page.get_by_role("button", name="New chat").click()
    expect(page).to_have_url(re.compile(r"/$"))
    ask_and_wait(page, f"{HOSTILE} hostile")
    second = kept_as(page)
    assert first != second
    talks(page)
    items = page.locator(".cb-talk")
    expect(items).to_have_count(2)
    expect(items.first).to_contain_text(f"{HOSTILE} hostile")
    expect(items.first).to_contain_text("1 question")
    assert page.locator(".cb-list img").count() == 0
    expect(items.first.locator("button[aria-current]")).to_have_count(1)
    page.get_by_placeholder("Find words of").fill("beehives")
    expect(items).to_have_count(1)
    page.get_by_role("button", name=CITED).click()
    expect(page.locator(".cb-question")).to_have_text([CITED])
    assert kept_as(page) == first
    talks(page)
    items.locator("summary").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("No conversation has these words.")).to_be_visible()
    page.get_by_placeholder("Find words of").fill("")
    expect(items).to_have_count(1)
    page.get_by_role("tab", name="Ask").click()
    expect(page.locator(".cb-exchange")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/$"))
    assert [talk.id for talk in place.kept.all()] == [second]


def test_nothing_is_opened_or_removed_while_an_answer_is_written(place: Place) -> None:
    page = place.page
    ask_and_wait(page, CITED)
    place.bot.pause = 0.02
    ask(page, LONG)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    talks(page)
    page.get_by_role("button", name=CITED).click()
    page.get_by_role("tab", name="Ask", exact=True).click()
    expect(page.locator(".cb-question")).to_have_text([CITED, LONG])
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()


@pytest.mark.parametrize(("name", "form"), [("Markdown", "md"), ("JSON", "json")])
def test_a_conversation_is_exported(place: Place, name: str, form: str) -> None:
    page = place.page
    ask_and_wait(page, CITED)
    talk = kept_as(page)
    talks(page)
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    assert download.value.suggested_filename == f"conversation-{talk}.{form}"
    text = Path(download.value.path()).read_text(encoding="utf-8")
    if form == "json":
        assert [one["question"] for one in json.loads(text)] == [CITED]
    else:
        assert text.startswith(f"## {CITED}\n\n")
        assert f"[1] “{OPENED}” — Tram crosses the Orla at last, 2025-03-10" in text


@pytest.mark.parametrize(
    "name", ["0123456789abcdef.md", "0123456789abcdef", "..%2Fsettings.json", "x.md", "write.lock"]
)
def test_what_is_no_conversation_is_not_there(place: Place, name: str) -> None:
    answer = place.page.request.get(f"{place.address}/conversations/{name}")
    assert answer.status == 404


def test_the_last_question_is_asked_again(place: Place) -> None:
    page = place.page
    ask_and_wait(page, REFUSED)
    ask_and_wait(page, CITED, exchanges=2)
    talk = kept_as(page)
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    expect(page.locator(".cb-question")).to_have_text([REFUSED, CITED])
    assert [question for question, _ in place.bot.asked] == [REFUSED, CITED, CITED]
    assert [turn.question for turn in place.bot.asked[-1][1]] == [REFUSED]
    assert [said.question for said in place.kept.read(talk)] == [REFUSED, CITED]


def test_the_last_question_is_edited(place: Place) -> None:
    page = place.page
    ask_and_wait(page, REFUSED)
    page.get_by_role("button", name="Edit the question").click()
    box = page.get_by_placeholder("Ask your articles")
    expect(box).to_have_value(REFUSED)
    box.fill(CITED)
    box.press("Enter")
    expect(page.locator(".cb-sources")).to_be_visible()
    expect(page.locator(".cb-question")).to_have_text([CITED])
    assert [said.question for said in place.kept.read(kept_as(page))] == [CITED]
    ask_and_wait(page, REFUSED, exchanges=2)
    assert len(place.kept.read(kept_as(page))) == 2, "only once"


def test_what_failed_is_not_kept_and_asking_again_replaces_nothing_else(place: Place) -> None:
    page = place.page
    ask_and_wait(page, CITED)
    talk = kept_as(page)
    ask_and_wait(page, "Does this break?", exchanges=2)
    page.get_by_role("button", name="Edit the question").click()
    expect(page.get_by_placeholder("Ask your articles")).to_have_value("Does this break?")
    page.get_by_placeholder("Ask your articles").fill(REFUSED)
    page.get_by_placeholder("Ask your articles").press("Enter")
    expect(page.locator(".cb-refusal")).to_be_visible()
    expect(page.locator(".cb-question")).to_have_text([CITED, REFUSED])
    assert [said.question for said in place.kept.read(talk)] == [CITED, REFUSED]


def test_typing_while_it_is_asked_again_changes_nothing(place: Place) -> None:
    page = place.page
    ask_and_wait(page, LONG)
    place.bot.pause = 0.02
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    ask(page, CITED)
    expect(page.locator(".cb-question")).to_have_text([LONG])
    expect(page.get_by_placeholder("Ask your articles")).to_have_value(CITED)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped here.")).to_be_visible()
    place.bot.pause = 0.002
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".cb-sources")).to_be_visible()
    assert [said.answer.stopped for said in place.kept.read(kept_as(page))] == [False], "the first answer was replaced"


def test_an_answer_is_copied_with_its_quotes(place: Place) -> None:
    page = place.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask_and_wait(page, CITED)
    page.get_by_role("button", name="Copy with quotes").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("The new tram line over the Orla opened on Monday, and rides are free until Sunday. [1] Its")
    assert f"[2] “{COST}” — Tram crosses" in text


def test_a_damaged_conversation_is_told_and_can_be_removed(place: Place) -> None:
    talk = place.kept.add("", "Whole?", Answer(question="Whole?", text="Yes."))
    (place.folder / f"{talk}.jsonl").write_text("{}\n")
    reload(place.page)
    talks(place.page)
    expect(place.page.locator(".cb-talk")).to_contain_text(f"A damaged conversation ({talk})")
    place.page.locator(".cb-talk summary").click()
    place.page.get_by_role("button", name="Delete for good").click()
    expect(place.page.get_by_text("Your conversations will be listed here.")).to_be_visible()


def test_a_folder_that_cannot_be_written_is_told_and_the_answer_stays(place: Place) -> None:
    place.folder.write_text("in the way")
    ask_and_wait(place.page, CITED)
    expect(place.page.locator(".cb-problem")).to_contain_text("The conversation was not kept")
    expect(place.page.locator(".cb-sources")).to_be_visible()
    ask_and_wait(place.page, CITED, exchanges=2)


def test_conversations_need_not_be_kept(visit: Open, tmp_path: Path) -> None:
    with served(FakeBot(), tmp_path, keep_conversations=False) as address:
        page = visit(address).page
        ask_and_wait(page, CITED)
        expect(page.get_by_role("tab", name="Chats")).to_have_count(0)
        assert page.request.get(f"{address}/conversations/0123456789abcdef.md").status == 404
        assert not (tmp_path / "conversations").exists()
        page.get_by_role("button", name="Edit the question").click()
        expect(page.get_by_placeholder("Ask your articles")).to_have_value(CITED)
        ask_and_wait(page, REFUSED)
        expect(page.locator(".cb-question")).to_have_text([REFUSED])
