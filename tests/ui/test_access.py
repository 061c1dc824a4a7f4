"""axe-core over the page as people meet it: nothing serious may keep anyone from using it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import served
from fake_bot import FakeBot
from playwright.sync_api import Page, expect
from test_app import CITED, Open, ask_and_wait, marker

GRAVE = ("serious", "critical")


def grave(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]} {node['any'][0]['message'] if node['any'] else ''}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


def nothing(page: Page) -> None:
    expect(page.get_by_text("Ask about your")).to_be_visible()


def answered(page: Page) -> None:
    ask_and_wait(page, "Who is president?")
    ask_and_wait(page, CITED, exchanges=2)
    marker(page, 2)
    expect(page.locator("mark.cb-here")).to_be_in_viewport()  # a click while the page moves there may be lost
    page.locator(".cb-how summary").click()
    page.locator(".cb-exchange").nth(1).get_by_role("button", name="Bad answer").click()
    expect(page.get_by_label("Why?")).to_be_visible()
    page.locator('.cb-answer p button[data-marker="3"]').hover()
    expect(page.locator(".cb-card:visible")).to_have_count(1)


def articles(page: Page) -> None:
    page.get_by_role("tab", name="Articles").click()
    page.get_by_role("button", name="Paste a text").click()
    page.get_by_role("button", name="City bees winter well").click()
    page.get_by_role("button", name="Ask only this article").click()
    expect(page.locator(".cb-chips")).to_be_attached()


def conversations(page: Page) -> None:
    ask_and_wait(page, CITED)
    page.get_by_role("tab", name="Chats").click()
    page.locator(".cb-forget summary").first.click()


def settings(page: Page) -> None:
    page.get_by_role("tab", name="Settings").click()
    expect(page.get_by_role("row", name="Strictness")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("show", [nothing, answered, articles, conversations, settings])
def test_nothing_serious_is_found(
    visit: Open, tmp_path: Path, show: Callable[[Page], None], width: int, scheme: str
) -> None:
    with served(FakeBot(), tmp_path, add_by_url=True) as address:
        page = visit(address, viewport={"width": width, "height": 844}, color_scheme=scheme).page
        show(page)
        assert grave(page) == []


def test_what_is_serious_is_found(page: Page) -> None:
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<button></button><img src=data:,>')")
    assert {line.split(":")[0] for line in grave(page)} >= {"button-name", "image-alt"}


@pytest.fixture
def page(visit: Open, address: str) -> Page:
    return visit(address).page
