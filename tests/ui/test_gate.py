"""Visitors who mean harm: foreign web pages, names that were made to point here, and paths to files of this machine."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest
import servers
from conftest import Visit, served
from fake_bot import FakeBot
from playwright.sync_api import Browser, Error, Frame, Page, expect
from starlette.routing import Mount
from test_app import ask_and_wait

from bot.ui.gate import ANY_HOST, LOCAL_HOSTS, OWN_NETWORK, is_known, trusted_hosts
from bot.ui.server import make_server

Open = Callable[..., Visit]
CANARY = "canary-7f3a"
QUESTION = "When did it open?"
BODY = {"data": [QUESTION, [], [], "", ""]}

# -- foreign web pages --

# Each way in which a page can make a browser ask another server; what could be read is returned.
ATTEMPTS = """
async ([at, body]) => {
  const read = [];
  const tries = {
    simple: () => fetch(`${at}/gradio_api/run/ask`, {method: 'POST', body}),
    blind: () => fetch(`${at}/gradio_api/run/ask`, {method: 'POST', body, mode: 'no-cors'}),
    typed: () => fetch(`${at}/gradio_api/run/ask`, {method: 'POST', body,
      headers: {'Content-Type': 'application/json', 'X-Forwarded-Host': location.host}}),
    queued: () => fetch(`${at}/gradio_api/call/ask`, {method: 'POST', body}),
    listed: () => fetch(`${at}/config`),
    file: () => { const form = new FormData(); form.append('files', new Blob(['a foreign text']), 'foreign.txt');
      return fetch(`${at}/gradio_api/upload`, {method: 'POST', body: form, mode: 'no-cors'}); },
  };
  for (const [name, send] of Object.entries(tries)) {
    try { const text = await (await send()).text(); if (text) read.push(`${name}: ${text.slice(0, 80)}`); } catch {}
  }
  const waited = (made, ok, fail) => new Promise((done) => {
    made.addEventListener(ok, () => done(true)); made.addEventListener(fail, () => done(false));
    setTimeout(() => done(false), 3000); });
  const events = new EventSource(`${at}/gradio_api/heartbeat/foreign`);
  if (await waited(events, 'message', 'error')) read.push('events');
  events.close();
  const socket = new WebSocket(`${at.replace('http', 'ws')}/gradio_api/queue/join`);
  if (await waited(socket, 'open', 'error')) read.push('socket');
  const script = document.createElement('script');
  script.src = `${at}/gradio_api/info`;
  document.head.append(script);
  if (await waited(script, 'load', 'error')) read.push('script');
  return read;
}
"""
FORM = """
<form id="sent" method="post" enctype="text/plain" target="aim" action="{at}/gradio_api/run/ask">
<input name='{{"data": ["When did it open?", [], [], "", ""], "x": "' value='"}}'></form>
<iframe name="aim"></iframe><iframe id="page" src="{at}/"></iframe>
"""
SANDBOXED = '<iframe sandbox="allow-scripts allow-forms" src="/inner"></iframe>'


class Attacked(NamedTuple):
    address: str
    bot: FakeBot
    data: Path

    def uploads(self) -> list[Path]:
        return [path for path in (self.data / "uploads").rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Attacked]:
    bot = FakeBot(pause=0.001)
    with served(bot, tmp_path, mcp=True) as address:
        yield Attacked(address, bot, tmp_path)


@contextmanager
def foreign(browser: Browser, host: str, html: str) -> Iterator[Page]:
    """A page of another server of this machine, in a browser."""
    pages = {"/": servers.Page(html.encode()), "/inner": servers.Page(b"<p>a frame of no origin</p>")}
    with servers.site(pages) as site:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://{host}:{site.port}/")
        yield page
        context.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example"])
def test_a_foreign_page_can_neither_ask_nor_read_nor_upload(attacked: Attacked, browser: Browser, host: str) -> None:
    with foreign(browser, host, FORM.format(at=attacked.address)) as page:
        assert page.evaluate(ATTEMPTS, [attacked.address, json.dumps(BODY)]) == []
        page.evaluate("document.querySelector('#sent').submit()")
        page.wait_for_timeout(1000)
        assert [frame for frame in page.frames if shows_citebot(frame)] == []
    assert attacked.bot.asked == []
    assert attacked.uploads() == []


def test_nor_can_a_page_of_no_origin(attacked: Attacked, browser: Browser) -> None:
    with foreign(browser, "127.0.0.1", SANDBOXED) as page:
        inner = next(frame for frame in page.frames if frame.url.endswith("/inner"))
        assert inner.evaluate("origin") == "null"
        assert inner.evaluate(ATTEMPTS, [attacked.address, json.dumps(BODY)]) == []
    assert (attacked.bot.asked, attacked.uploads()) == ([], [])


def test_a_name_that_was_made_to_point_here_shows_nothing(attacked: Attacked, browser: Browser) -> None:
    page = browser.new_context().new_page()
    answer = page.goto(attacked.address.replace("127.0.0.1", "evil.example"))
    assert answer
    assert answer.status == 400
    body = json.dumps(BODY)
    script = "async (body) => (await fetch('/gradio_api/run/ask', {method: 'POST', body})).status"
    assert page.evaluate(script, body) == 400
    assert attacked.bot.asked == []
    page.context.close()


def test_the_page_itself_can_do_what_foreign_ones_cannot(attacked: Attacked, browser: Browser) -> None:
    """Or the tests above would show nothing."""
    page = browser.new_context().new_page()
    page.goto(attacked.address)
    read = page.evaluate(ATTEMPTS, [attacked.address, json.dumps(BODY)])
    assert [line.split(":")[0] for line in read] == ["simple", "blind", "typed", "queued", "listed", "file", "events"]
    assert attacked.bot.asked
    assert [path.name for path in attacked.uploads()] == ["foreign.txt"]
    page.context.close()


def test_a_link_on_a_foreign_page_opens_citebot(attacked: Attacked, browser: Browser) -> None:
    with foreign(browser, "evil.example", f'<a href="{attacked.address}/?c=x">Citebot</a>') as page:
        page.get_by_role("link").click()
        expect(page.get_by_placeholder("Ask your articles")).to_be_visible(timeout=30_000)


def shows_citebot(frame: Frame) -> bool:
    try:
        return frame.locator("gradio-app").count() > 0 or "84 million" in frame.content()
    except Error:  # an error page of the browser's own
        return False


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "{own}"}, 200),
        ({"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://bot.example", "X-Forwarded-Host": "bot.example"}, 200),
        ({"Origin": "https://bot.example", "X-Forwarded-Host": "bot.example:443, inner"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "{own}.evil.example"}, 403),
        ({"Origin": "http://evil.example", "X-Forwarded-Host": "bot.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403),
        ({"Origin": "{own}", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_where_a_request_comes_from(library: Attacked, headers: dict[str, str], status: int) -> None:
    sent = {name: value.replace("{own}", library.address) for name, value in headers.items()}
    before = len(library.bot.asked)
    answer = httpx.post(f"{library.address}/gradio_api/run/ask", headers=sent, json=BODY)
    assert answer.status_code == status
    assert len(library.bot.asked) - before == (status == 200)
    assert "evil" not in answer.headers.get("access-control-allow-origin", "")


@pytest.mark.parametrize(("dest", "status"), [("document", 200), ("iframe", 403), ("object", 403), ("", 403)])
@pytest.mark.parametrize(("path", "served"), [("/", True), ("/logout", False), ("/config", False)])
def test_a_link_leads_to_the_page_and_nowhere_else(
    library: Attacked, path: str, served: bool, dest: str, status: int
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": dest}
    assert httpx.get(library.address + path, headers=headers).status_code == (status if served else 403)


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
def test_no_other_methods(library: Attacked, method: str) -> None:
    answer = httpx.request(method, f"{library.address}/gradio_api/run/ask")
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


# -- names --


@pytest.mark.parametrize(
    ("name", "hosts", "known"),
    [
        ("127.0.0.1:7860", LOCAL_HOSTS, True),
        ("LOCALHOST", LOCAL_HOSTS, True),
        ("[::1]:7860", LOCAL_HOSTS, True),
        ("localhost:7860:1", LOCAL_HOSTS, False),
        ("user@localhost", LOCAL_HOSTS, False),
        ("evil.example", LOCAL_HOSTS, False),
        ("evil.example", [ANY_HOST], True),
        ("", [ANY_HOST], False),
        (":7860", [ANY_HOST], False),
        ("192.168.1.5:7860", [OWN_NETWORK], True),
        ("[fd00::5]:7860", [OWN_NETWORK], True),
        ("news-box:7860", [OWN_NETWORK], True),
        ("news-box.local", [OWN_NETWORK], True),
        ("evil.example", [OWN_NETWORK], False),
        ("evil.local.example", [OWN_NETWORK], False),
        ("192.168.1.5.evil.example", [OWN_NETWORK], False),
        ("Bot.Example", [OWN_NETWORK, "bot.example"], True),
    ],
)
def test_names(name: str, hosts: list[str], known: bool) -> None:
    assert is_known([name], hosts) is known
    assert not is_known([], hosts)
    assert not is_known([name, name], hosts)


@pytest.mark.parametrize(
    ("host", "bound", "names", "login", "expected"),
    [
        ("127.0.0.1", "127.0.0.1", [], False, [*LOCAL_HOSTS, "127.0.0.1"]),
        ("127.0.0.1", "127.0.0.1", ["bot.example"], True, [*LOCAL_HOSTS, "127.0.0.1", "bot.example"]),
        ("0.0.0.0", "0.0.0.0", ["bot.example"], False, [*LOCAL_HOSTS, OWN_NETWORK, "bot.example"]),
        ("::", "::", [], False, [*LOCAL_HOSTS, OWN_NETWORK]),
        ("0", "0.0.0.0", [], True, [ANY_HOST]),
    ],
)
def test_which_names_are_trusted(host: str, bound: str, names: list[str], login: bool, expected: list[str]) -> None:
    assert trusted_hosts(host, bound, names, login) == expected


# -- files of this machine --

SECRETS = ("users.json", "config.toml", "feedback.jsonl", "conversations/0123456789abcdef.jsonl", "store/bm25/a.json")
SERVED = {
    "/", "/login", "/login/", "/logout", "/config", "/config/", "/theme.css", "/favicon.ico", "/manifest.json",
    "/robots.txt", "/assets/{path:path}", "/static/{path:path}", "/svelte/{path:path}", "/conversations/{name}",
    *(f"/gradio_api/{name}" for name in (
        "app_id", "app_id/", "cancel", "info", "info/", "login_check", "login_check/", "openapi.json", "queue/data",
        "queue/join", "queue/status", "reset", "reset/", "startup-events", "theme.css", "upload", "upload_progress",
        "user", "user/", "api/{api_name}", "api/{api_name}/", "run/{api_name}", "run/{api_name}/", "call/{api_name}",
        "call/{api_name}/", "call/v2/{api_name}", "call/v2/{api_name}/", "call/{api_name}/{event_id}",
        "call/v2/{api_name}/{event_id}", "heartbeat/{session_hash}",
    )),
}  # fmt: skip


def walk(routes: Iterable[Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of all routes, those of Gradio's included."""
    for route in routes:
        if isinstance(route, Mount):
            yield from walk(getattr(route.app, "routes", ()), above + route.path.rstrip("/"))
        elif hasattr(route, "original_router"):  # one that FastAPI includes
            yield from walk(route.original_router.routes, above)
        else:
            yield from ((method, above + route.path) for method in sorted(route.methods or ()))


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(make_server, FakeBot(), tmp_path_factory.mktemp("routes")).result()
        app: Any = made.config.app
        return list(walk(app.routes))


@pytest.fixture(scope="module")
def library(every: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """Made after `every`, as Gradio knows one folder of uploads in a process."""
    data, bot = tmp_path_factory.mktemp("library"), FakeBot()
    for name in SECRETS:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(f"{CANARY} in {name}", encoding="utf-8")
    with served(bot, data, requests_per_second=0) as address:
        yield Attacked(address, bot, data)


def test_what_gradio_serves_and_the_page_does_not_need_is_closed(
    library: Attacked, every: list[tuple[str, str]]
) -> None:
    assert len(every) > 60
    assert {path for _, path in every} >= SERVED | {
        "/gradio_api/file={path_or_url:path}",
        "/gradio_api/component_server",
    }
    told = "There is no such page."
    with httpx.Client(base_url=library.address, timeout=30) as client:
        closed = {path for method, path in every if first_words(client, method, filled(path, "x")) == told}
    assert {path for _, path in every} - closed == SERVED


def filled(path: str, value: str) -> str:
    return re.sub(r"\{[^}]*\}", lambda _: value, path)


def first_words(client: httpx.Client, method: str, path: str) -> str:
    """The beginning of an answer that may never end."""
    url = httpx.URL(scheme="http", host="127.0.0.1", port=client.base_url.port, raw_path=path.encode())
    try:
        with client.stream(method, url, timeout=5, json={} if method == "POST" else None) as answer:
            return next(answer.iter_text(), "")
    except httpx.TimeoutException:
        return ""


def spellings(target: Path) -> list[str]:
    """Ways to write the path of a file in an address."""
    path, up = str(target), "../" * 12
    plain = [path, path.lstrip("/"), f"{up}{path.lstrip('/')}", f"x/{up}{path.lstrip('/')}", f"....//{path}"]
    coded = [quote(one, safe="") for one in plain[:3]] + [quote(quote(one, safe=""), safe="") for one in plain[:3]]
    dots = plain[2].replace("../", "%2e%2e/"), plain[2].replace("../", "..%2f"), plain[2].replace("../", "..%5c")
    return [*plain, *coded, *dots, f"file://{path}", f"{path}%00.txt", plain[2].replace("../", "%c0%ae%c0%ae/")]


def test_no_route_gives_a_file_of_this_machine(library: Attacked, every: list[tuple[str, str]]) -> None:
    cwd = Path(__file__).resolve().parents[2] / "pyproject.toml"
    targets = [*(library.data / name for name in SECRETS), Path("/etc/passwd"), cwd]
    with_parts = sorted({path for method, path in every if "{" in path and method in ("GET", "POST")})
    bare = ["/{path}", "/gradio_api/{path}", "/file={path}", "/file/{path}", "/conversations/{path}.md"]
    asked = 0
    with httpx.Client(base_url=library.address) as client:
        for target in targets:
            words = target.read_text(encoding="utf-8")[:30].splitlines()[0]
            for spelling in spellings(target):
                for path in [*with_parts, *bare]:
                    asked += 1
                    assert words not in first_words(client, "GET", filled(path, spelling)), (path, spelling)
    assert asked > 2000


def uploaded(address: str, name: str, content: bytes) -> str:
    """The path that Gradio tells the page."""
    answer = httpx.post(f"{address}/gradio_api/upload", files={"files": (name, content)})
    assert answer.status_code == 200
    (path,) = answer.json()
    return str(path)


def add(address: str, path: str) -> None:
    """What the page sends when a file has been uploaded, with any path in it."""
    with httpx.Client(base_url=address, timeout=30) as client:
        config = client.get("/config").json()
        (file,) = (one["id"] for one in config["components"] if one["type"] == "file")
        (number,) = (one["id"] for one in config["dependencies"] if [file, "upload"] in one["targets"])
        value = [{"path": path, "url": path, "orig_name": "a.txt", "meta": {"_type": "gradio.FileData"}}]
        body = {"data": [value], "fn_index": number, "session_hash": "visitor", "event_data": None, "trigger_id": file}
        assert client.post("/gradio_api/queue/join", json=body).status_code == 200
        with client.stream("GET", "/gradio_api/queue/data?session_hash=visitor") as events:
            for line in events.iter_lines():
                if '"process_completed"' in line:
                    return
    raise AssertionError("it did not end")


def test_a_file_that_was_uploaded_is_added(library: Attacked) -> None:
    """Or the next test would show nothing."""
    add(library.address, uploaded(library.address, "note.txt", b"A note\n\nof a few words."))
    assert "note" in {info.id for info in library.bot.articles()}


@pytest.mark.parametrize("spelled", ["{path}", "{folder}/../../../{name}", "{folder}/../../{name}", "file={path}"])
@pytest.mark.parametrize("kind", [".json", ".txt"])
def test_a_file_of_this_machine_cannot_be_added(library: Attacked, kind: str, spelled: str) -> None:
    """Gradio itself looks at paths only where the page was launched by it, and we serve the page."""
    name = f"secret{len(spelled)}{kind}"
    target = library.data / name
    target.write_text(f"{CANARY} in {name}", encoding="utf-8")
    known = {info.id for info in library.bot.articles()}
    (folder,) = (path for path in (library.data / "uploads").iterdir() if path.is_dir())
    add(library.address, spelled.format(path=target, folder=folder, name=name))
    assert target.read_text(encoding="utf-8") == f"{CANARY} in {name}"
    assert {info.id for info in library.bot.articles()} == known
    assert [path for path in library.uploads() if CANARY in path.read_text(encoding="utf-8")] == []
    target.unlink()


def test_a_link_in_the_folder_of_uploads_leads_nowhere(library: Attacked) -> None:
    (folder,) = (path for path in (library.data / "uploads").iterdir() if path.is_dir())
    (folder / "link").symlink_to(library.data)
    add(library.address, str(folder / "link" / "users.json"))
    assert (library.data / "users.json").is_file()
    (folder / "link").unlink()


def test_an_address_in_place_of_a_file_is_not_fetched(library: Attacked) -> None:
    with servers.site({"/a.txt": servers.Page(b"words", "text/plain")}) as site:
        add(library.address, f"http://127.0.0.1:{site.port}/a.txt")
        httpx.get(f"{library.address}/gradio_api/file=http://127.0.0.1:{site.port}/a.txt")
        httpx.get(f"{library.address}/gradio_api/proxy=http://127.0.0.1:{site.port}/a.txt")
        time.sleep(0.2)
        assert site.asked == []


# -- what the browser may do --

HARM = "<img src=x onerror='window.harmed = 1'><script>window.harmed = 2</script><iframe src='https://evil.example'>"


def test_the_page_works_under_its_policy_and_scripts_in_texts_do_not_run(visit: Open, tmp_path: Path) -> None:
    with served(FakeBot(pause=0.001), tmp_path) as address:
        seen = visit(address)
        ask_and_wait(seen.page, QUESTION)
        seen.page.get_by_role("tab", name="Articles").click()
        expect(seen.page.locator("button[data-article=bees]")).to_be_visible()
        seen.page.get_by_role("tab", name="Settings").click()
        seen.check()
        seen.page.evaluate(f"document.body.insertAdjacentHTML('beforeend', {json.dumps(HARM)})")
        seen.page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'harmed = 3'}))"
        )
        seen.page.wait_for_timeout(500)
        assert seen.page.evaluate("window.harmed") is None
        assert any("Content Security Policy" in message for message in seen.messages)
        seen.messages.clear()


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "localhost", 200),
        ("/nowhere", "localhost", 404),
        ("/", "evil.example", 400),
        ("/assets/x", "localhost", 404),
    ],
)
def test_headers_stand_on_every_response(library: Attacked, path: str, host: str, status: int) -> None:
    answer = httpx.get(library.address + path, headers={"Host": host})
    assert answer.status_code == status
    told = answer.headers
    policy = {part.split()[0]: part.split()[1:] for part in told["content-security-policy"].split(";")}
    assert policy["default-src"] == policy["connect-src"] == ["'self'"]
    assert policy["object-src"] == policy["frame-ancestors"] == policy["frame-src"] == ["'none'"]
    assert "'unsafe-inline'" not in policy["script-src"]
    assert not any("//" in source or "*" in source for sources in policy.values() for source in sources)
    assert (told["x-content-type-options"], told["referrer-policy"], told["x-frame-options"]) == (
        "nosniff", "no-referrer", "DENY",
    )  # fmt: skip
    assert told["cross-origin-resource-policy"] == told["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in told["permissions-policy"]
    assert "server" not in told
