"""The page's head: fetching the models where they are missing, and what the settings are."""

import threading
from pathlib import Path

from conftest import served
from fake_bot import ARTICLES, FakeBot
from playwright.sync_api import expect
from test_app import CITED, Open, ask, ask_and_wait

from bot.errors import FetchError
from bot.late import Late, Report
from bot.ui import chosen


class Fetch:
    """Fails once, then reports and waits for `go`."""

    def __init__(self) -> None:
        self.go, self.failed = threading.Event(), False

    def __call__(self, report: Report) -> None:
        if not self.failed:
            self.failed = True
            raise FetchError("No source has it. Check the network.")
        while not self.go.wait(0.05):
            report("big-model: fetch", 500_000_000, 1_000_000_000)


def test_missing_models_are_fetched_on_the_page(visit: Open, tmp_path: Path) -> None:
    fetch = Fetch()
    bot = Late("big-model", "big-model (1,000 MB)", fetch, FakeBot)  # type: ignore[arg-type]
    with served(bot, tmp_path) as address:
        page = visit(address).page
        expect(page.locator(".cb-setup")).to_contain_text("Not here yet: big-model (1,000 MB).")
        expect(page.locator("#cb-conversation")).to_contain_text("The models are not here yet")
        page.get_by_role("tab", name="Articles").click()
        expect(page.locator(".cb-list")).to_contain_text("The models are not here yet")
        page.get_by_role("tab", name="Ask").click()
        ask(page, CITED)
        expect(page.locator(".cb-exchange .cb-problem")).to_contain_text("Fetch them first")
        page.get_by_role("button", name="New chat").click()
        page.get_by_role("button", name="Fetch now").click()
        expect(page.locator(".cb-setup .cb-problem")).to_contain_text("No source has it")
        page.get_by_role("button", name="Fetch now").click()
        expect(page.locator(".cb-setup")).to_contain_text("big-model: fetch 500 of 1,000 MB")
        expect(page.get_by_role("progressbar", name="Fetching")).to_have_attribute("value", "500000000")
        fetch.go.set()
        expect(page.locator(".cb-setup")).to_have_count(0)
        expect(page.locator("#cb-conversation")).to_contain_text(f"Ask about your {len(ARTICLES)} articles")
        ask_and_wait(page, CITED)
        expect(page.locator(".cb-sources li")).to_have_count(4)


def test_the_settings_are_in_sight(visit: Open, tmp_path: Path) -> None:
    with served(FakeBot(), tmp_path, add_by_url=True) as address:
        page = visit(address).page
        page.get_by_role("tab", name="Settings").click()
        for name, value in [("Strictness", "0.15"), ("Web pages", "yes"), ("MCP server", "no")]:
            expect(page.get_by_role("row", name=name).locator("td").first).to_have_text(value)


def test_settings_are_shown_as_text() -> None:
    html = chosen.table({"llm.model": "<img src=x onerror=alert(1)>", "llm.server": None, "answer.quick": False})
    assert "<img" not in html
    assert "&lt;img" in html
    assert "server" not in html
