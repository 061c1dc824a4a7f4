"""The page with a log-in: who gets in, what is refused to others, and that users see nothing of each other."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from conftest import Visit, reload, served
from fake_bot import FakeBot
from playwright.sync_api import Page, expect
from starlette.routing import Mount
from test_app import CITED, LONG, ask, ask_and_wait
from test_talks import kept_as, talks

from bot.config import ChatSettings
from bot.conversations import Conversations, folder_of
from bot.errors import UIError, UserError
from bot.ui.server import make_server, prepare
from bot.users import Users, folder_name
from bot.users.attempts import PER_NAME, WINDOW_S

Open = Callable[..., Visit]
PASSWORDS = {"Anna": "anna's password", "Bo": "bo's own password"}

# What the log-in page consists of.
OPEN = {
    "/", "/login", "/login/", "/logout", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt",
    "/assets/{path:path}", "/static/{path:path}", "/svelte/{path:path}",
}  # fmt: skip


class Place(NamedTuple):
    address: str
    bot: FakeBot
    users: Users
    data: Path
    clock: list[float]

    @contextmanager
    def client(self, name: str = "", password: str = "") -> Iterator[httpx.Client]:
        """A browser without a screen, logged in where a name is given."""
        with httpx.Client(base_url=self.address, timeout=30) as client:
            if name:
                assert self.log_in(client, name, password or PASSWORDS[name]) == 200
            yield client

    def log_in(self, client: httpx.Client, name: str, password: str) -> int:
        return client.post("/login", data={"username": name, "password": password}).status_code


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    clock = [0.0]
    users = Users(tmp_path, lambda: clock[0], rounds=4)
    for name, password in PASSWORDS.items():
        users.add(name, password)
    bot = FakeBot(pause=0.002)
    with served(bot, tmp_path, users=users) as address:
        yield Place(address, bot, users, tmp_path, clock)


def enter(page: Page, name: str, password: str = "") -> None:
    """Fill in the log-in page."""
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password or PASSWORDS[name])
    page.get_by_role("button", name="Login").click()


def logged_in(visit: Open, place: Place, name: str, address: str = "") -> Page:
    page = visit(address or place.address).page
    enter(page, name)
    expect(page.get_by_role("link", name="Log out")).to_be_visible()
    return page


# -- without a log-in --


def routes(users: Users, data: Path) -> list[tuple[str, str]]:
    """Method and path of all that the server answers, Gradio's own and ours."""
    with ThreadPoolExecutor(1) as pool:
        app: Any = pool.submit(make_server, FakeBot(), data, users=users).result().config.app
    return [(method, route.path) for route in walk(app.routes) for method in sorted(route.methods)]


def walk(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        if isinstance(route, Mount):
            yield from walk(route.app.routes)  # type: ignore[attr-defined]
        elif hasattr(route, "original_router"):  # one that FastAPI includes
            yield from walk(route.original_router.routes)
        else:
            yield route


def test_every_route_is_refused_but_for_the_log_in_page(place: Place, tmp_path: Path) -> None:
    every = routes(place.users, tmp_path / "other")
    assert {path for _, path in every} >= OPEN | {"/conversations/{name}", "/config", "/gradio_api/queue/join"}
    assert len(every) > 50
    with place.client() as client:
        opened = {
            path for method, path in every if client.request(method, re.sub(r"\{[^}]*\}", "x", path)).status_code != 401
        }
    assert opened == OPEN


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere", "/gradio_api/file=/etc/passwd", "/gradio_api/nowhere", "//config", "/./config", "/assets/../config",
        "/assets/%2e%2e/config", "/config?x=/assets/", "/conversations/0123456789abcdef.md", "/LOGIN", "/login/x",
    ],
)  # fmt: skip
def test_odd_paths_are_no_way_in(place: Place, path: str) -> None:
    port = httpx.URL(place.address).port
    url = httpx.URL(scheme="http", host="127.0.0.1", port=port, raw_path=path.encode())
    with place.client() as client:
        assert client.get(url).status_code in {401, 403, 404}


@pytest.mark.parametrize("path", ["/", "/?deep_link=x", "/?c=0123456789abcdef", "/logout"])
def test_the_log_in_page_tells_nothing(place: Place, path: str) -> None:
    with place.client() as client:
        text = client.get(path, follow_redirects=True).text
    assert '"auth_required":true' in text
    assert '"components":[]' in text
    for word in ("fake-model", "Anna", str(place.data)):
        assert word not in text


@pytest.mark.parametrize("cookie", ["", "x", "None"])
def test_a_made_up_cookie_is_no_way_in(place: Place, cookie: str) -> None:
    with place.client("Anna") as client:
        names = list(client.cookies)
        assert client.get("/config").status_code == 200
    assert len(names) == 2
    with place.client() as client:
        header = "; ".join(f"{name}={cookie}" for name in names)
        assert client.get("/config", headers={"Cookie": header}).status_code == 401


# -- logging in and out --


@pytest.mark.parametrize(
    ("name", "password"),
    [("Anna", PASSWORDS["Bo"]), ("Anna", ""), ("", ""), ("Cy", PASSWORDS["Bo"]), ("Anna", "x" * 5000), ("\n", "\0")],
)
def test_a_wrong_password_is_refused(place: Place, name: str, password: str) -> None:
    with place.client() as client:
        assert place.log_in(client, name, password) in {400, 422}
        assert client.get("/config").status_code == 401
        assert not client.cookies


def test_in_the_browser(place: Place, visit: Open) -> None:
    seen = visit(f"{place.address}?c=0123456789abcdef")
    page = seen.page
    expect(page.get_by_text("This is Citebot")).to_be_visible()
    assert seen.messages == []
    enter(page, "Anna", "wrong password")
    expect(page.get_by_text("Incorrect Credentials")).to_be_visible()
    assert [message for message in seen.messages if "400 (Bad Request)" not in message] == []
    seen.messages.clear()
    enter(page, "Anna")
    expect(page.locator(".cb-user bdi")).to_have_text("Anna")
    page.wait_for_timeout(3500)  # the header is drawn anew every 3 seconds
    expect(page.locator(".cb-user bdi")).to_have_text("Anna")
    ask_and_wait(page, CITED)
    cookies = page.context.cookies()
    assert {(cookie["httpOnly"], cookie["sameSite"]) for cookie in cookies} == {(True, "Lax")}
    page.get_by_role("link", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    old = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies)
    assert httpx.get(f"{place.address}/config", headers={"Cookie": old}).status_code == 401
    page.go_back()
    expect(page.get_by_label("Password")).to_be_visible()
    assert page.get_by_text(CITED).count() == 0


def test_a_name_is_shown_as_text(place: Place, visit: Open) -> None:
    place.users.add("<img src=x onerror=alert(1)>", "a good password")
    page = visit(place.address).page
    enter(page, "<img src=x onerror=alert(1)>", "a good password")
    expect(page.locator(".cb-user bdi")).to_have_text("<img src=x onerror=alert(1)>")
    assert page.locator(".cb-user img").count() == 0


def test_without_a_log_in_nobody_is_asked(visit: Open, tmp_path: Path) -> None:
    with served(FakeBot(), tmp_path) as address:
        page = visit(address).page
        expect(page.get_by_placeholder("Ask your articles")).to_be_visible()
        assert page.get_by_role("link", name="Log out").count() == 0
        page.context.close()


def test_over_https_cookies_come_back_over_https_only(place: Place) -> None:
    with place.client() as client:
        given = {"username": "Anna", "password": PASSWORDS["Anna"]}
        answer = client.post("/login", data=given, headers={"X-Forwarded-Proto": "https"})
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    assert all("; Secure" in cookie and "; HttpOnly" in cookie and "SameSite=lax" in cookie for cookie in cookies)


def test_attempts_are_limited(place: Place) -> None:
    with place.client() as client:
        for _ in range(PER_NAME):
            assert place.log_in(client, "anna", "wrong password") == 400
        assert place.log_in(client, "Anna", PASSWORDS["Anna"]) == 400
        assert place.log_in(client, "Bo", PASSWORDS["Bo"]) == 200
        place.clock[0] += WINDOW_S
        assert place.log_in(client, "Anna", PASSWORDS["Anna"]) == 200


def test_who_is_removed_or_gets_another_password_is_out_at_once(place: Place) -> None:
    with place.client("Anna") as first, place.client("Bo") as bo:
        assert first.get("/config").status_code == 200
        place.users.remove("Anna")
        assert first.get("/config").status_code == 401
        place.users.add("Anna", "a new password")
        assert first.get("/config").status_code == 401
        with place.client("Anna", "a new password") as second:
            assert first.get("/config").status_code == 401
            place.users.remove("Anna")
            place.users.add("Anna", "the next password")
            assert place.log_in(first, "Anna", "the next password") == 200, "before the old one comes again"
            assert second.get("/config").status_code == 401
            assert first.get("/config").status_code == 200
        assert bo.get("/config").status_code == 200


def test_a_damaged_file_of_users_lets_nobody_in_and_the_terminal_says_so(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    with place.client("Anna") as client:
        whole = place.users.path.read_text(encoding="utf-8")
        place.users.path.write_text("{", encoding="utf-8")
        with caplog.at_level(logging.ERROR, "bot.ui"):
            assert client.get("/config").status_code == 401
            assert place.log_in(client, "Anna", PASSWORDS["Anna"]) == 400
        assert "is damaged" in caplog.text
        assert PASSWORDS["Anna"] not in caplog.text
        place.users.path.write_text(whole, encoding="utf-8")
        assert client.get("/config").status_code == 200, "once it is mended"


# -- users apart --


def test_users_do_not_see_each_others_conversations(place: Place, visit: Open) -> None:
    anna = logged_in(visit, place, "Anna")
    ask_and_wait(anna, CITED)
    talk = kept_as(anna)
    bo = logged_in(visit, place, "Bo", f"{place.address}?c={talk}")
    expect(bo.get_by_text("Ask about your 3 articles")).to_be_visible()
    assert bo.locator(".cb-question").count() == 0
    talks(bo)
    expect(bo.get_by_text("Your conversations will be listed here.")).to_be_visible()
    bo.get_by_placeholder("Find words of").press_sequentially("tram", delay=100)
    expect(bo.get_by_text("No conversation has these words.")).to_be_visible()
    bo.get_by_role("tab", name="Ask").click()
    ask_and_wait(bo, LONG)
    talks(anna)
    expect(anna.locator(".cb-talk")).to_have_count(1)
    for form in ("md", "json"):
        with place.client("Anna") as client:
            assert CITED in client.get(f"/conversations/{talk}.{form}").text
        with place.client("Bo") as client:
            assert client.get(f"/conversations/{talk}.{form}").status_code == 404
    kept = {name: Conversations(folder_of(place.data, folder_name(name))) for name in PASSWORDS}
    assert {name: [one.title for one in mine.all()] for name, mine in kept.items()} == {"Anna": [CITED], "Bo": [LONG]}
    assert Conversations(folder_of(place.data)).all() == []


def test_another_way_to_write_the_name_is_the_same_user(place: Place, visit: Open) -> None:
    anna = logged_in(visit, place, "Anna")
    ask_and_wait(anna, CITED)
    other = visit(f"{place.address}?c={kept_as(anna)}").page
    enter(other, "aNNA", PASSWORDS["Anna"])
    expect(other.locator(".cb-question")).to_have_text([CITED])


def test_a_conversation_that_is_named_by_another_user_is_neither_opened_nor_removed(place: Place, visit: Open) -> None:
    anna = logged_in(visit, place, "Anna")
    ask_and_wait(anna, CITED)
    talk = kept_as(anna)
    bo = logged_in(visit, place, "Bo")
    ask_and_wait(bo, LONG)
    for act in ("talk", "forget"):
        talks(bo)
        button = bo.locator(".cb-talk > button")
        expect(button).to_be_visible()
        button.evaluate(
            "(button, data) => { delete button.dataset.talk; Object.assign(button.dataset, data); }", {act: talk}
        )
        button.click()
        bo.wait_for_timeout(500)
        assert bo.get_by_text(CITED).count() == 0
        reload(bo)
    assert len(Conversations(folder_of(place.data, folder_name("Anna"))).all()) == 1


def test_nobody_reads_or_stops_what_another_asks(place: Place, visit: Open) -> None:
    anna = visit(place.address).page
    with anna.expect_request(re.compile("/gradio_api/queue/data")) as joined:
        enter(anna, "Anna")
    session = httpx.URL(joined.value.url).params["session_hash"]
    expect(anna.get_by_role("link", name="Log out")).to_be_visible()
    place.bot.pause = 0.02
    ask(anna, LONG)
    expect(anna.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    with place.client("Bo") as bo, place.client("Anna") as own:
        functions = [one["id"] for one in bo.get("/config").json()["dependencies"]]
        assert len(functions) > 10
        for number in functions:
            body = {"session_hash": session, "fn_index": number, "data": [], "event_id": "x"}
            for path in ("queue/join", "run/predict", "api/predict", "cancel", "call/x", "call/v2/x"):
                assert bo.post(f"/gradio_api/{path}", json=body).status_code == 403, (number, path)
        for path in (f"queue/data?session_hash={session}", f"queue/data?session_hash=mine&session_hash={session}"):
            assert bo.get(f"/gradio_api/{path}").status_code == 403
        assert bo.get(f"/gradio_api/heartbeat/{session}").status_code == 403
        for path in (f"stream/{session}/1/1/playlist.m3u8", "component_server", f"deep_link?session_hash={session}"):
            assert bo.get(f"/gradio_api/{path}").status_code == 404, "served to nobody"
        answer = own.post("/gradio_api/cancel", json={"session_hash": session, "fn_index": 999, "event_id": "x"})
        assert answer.status_code == 200, "it is hers"
    place.bot.pause = 0.002
    expect(anna.locator(".cb-sources")).to_be_visible()
    assert anna.get_by_text("Stopped here.").count() == 0


def test_logging_out_stops_the_answer(place: Place, visit: Open) -> None:
    seen = visit(place.address)
    page = seen.page
    enter(page, "Anna")
    expect(page.get_by_role("link", name="Log out")).to_be_visible()
    place.bot.pause = 0.05
    ask(page, LONG)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    page.get_by_role("link", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.wait_for_timeout(1500)
    assert not place.bot.busy
    seen.messages.clear()  # the browser tells that it broke off what it was reading


def test_uploads_need_a_log_in_and_work_with_one(place: Place, visit: Open) -> None:
    files = {"files": ("note.txt", b"A note\n\nof a few words.", "text/plain")}
    with place.client() as client:
        assert client.post("/gradio_api/upload", files=files).status_code == 401
    assert list((place.data / "uploads").rglob("note*")) == []
    page = logged_in(visit, place, "Bo")
    page.get_by_role("tab", name="Articles").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "note.txt", "mimeType": "text/plain", "buffer": files["files"][1]}
    )
    expect(page.get_by_text("added: note.txt")).to_be_visible()


# -- before it is served --


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"login": True}, UserError, "there are no users. Add one with `bot users add NAME`"),
        ({"login": True, "host": "0.0.0.0"}, UserError, "there are no users"),
        ({"host": "0.0.0.0"}, UIError, "Other machines can reach 0.0.0.0.*Set chat.login.*set chat.open_to_network"),
        ({"host": "::"}, UIError, "Other machines can reach ::"),
        ({"host": "192.0.2.1"}, UIError, "Other machines can reach 192.0.2.1"),
    ],
)
def test_what_is_not_safe_is_not_served(
    tmp_path: Path, settings: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        prepare(ChatSettings(**settings), tmp_path)


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "127.0.0.1"},
        {"host": "localhost"},
        {"host": "127.0.0.1", "login": True},
        {"host": "0.0.0.0", "login": True},
        {"host": "0.0.0.0", "open_to_network": True},
    ],
)
def test_what_is_safe_or_wished_is_served(tmp_path: Path, settings: dict[str, Any]) -> None:
    Users(tmp_path, rounds=4).add("Anna", PASSWORDS["Anna"])
    with served(FakeBot(), tmp_path / "busy") as other:
        port = httpx.URL(other).port
    listener, users = prepare(ChatSettings(port=port, **settings), tmp_path)
    listener.close()
    assert (users is not None) is settings.get("login", False)
