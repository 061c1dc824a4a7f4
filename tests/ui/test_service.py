"""The page as a service, over the wire as its callers reach it: gradio_client, plain HTTP, an MCP client."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import served
from fake_bot import COST, FakeBot, tram_answer
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from bot.config import ChatSettings
from bot.errors import UIError
from bot.schema import Filters
from bot.ui import service
from bot.ui.server import listen, make_server

Call = Callable[..., Any]
NAMES = ["ask", "search", "articles"]
ANSWER = tram_answer("When did it open?").model_dump(mode="json", exclude={"trace"})
README = Path(__file__).resolve().parents[2] / "README.md"
LONG = "A long question"  # the fake bot takes six seconds to read for it


@pytest.fixture(scope="module")
def address(bot: FakeBot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(bot, tmp_path_factory.mktemp("data"), mcp=True) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False, analytics_enabled=False)


def speak(address: str, do: Callable[[ClientSession], Awaitable[Any]], headers: dict[str, str] | None = None) -> Any:
    """What `do` makes of a session with the MCP server."""

    async def session() -> Any:
        async with (
            httpx.AsyncClient(headers=headers, timeout=20) as http,
            streamable_http_client(f"{address}/gradio_api/mcp", http_client=http) as (receive, send, _),
            ClientSession(receive, send) as session,
        ):
            await session.initialize()
            return await do(session)

    with ThreadPoolExecutor(1) as pool:  # in this thread a browser's event loop may run
        return pool.submit(asyncio.run, session()).result()


def of_tool(result: CallToolResult) -> Any:
    (content,) = result.content
    if result.isError:
        raise RuntimeError(content.text)
    return json.loads(content.text)


def of_events(address: str, path: str, body: Any) -> Any:
    """As curl: the call is posted, then its events are read up to the last."""
    posted = httpx.post(f"{address}/gradio_api/call/{path}", content=json.dumps(body), headers=JSON)
    name = path.removeprefix("v2/")
    text = httpx.get(f"{address}/gradio_api/call/{name}/{posted.json()['event_id']}", timeout=20).text
    kind, data = text.strip().split("\n\n")[-1].split("\n")
    value = json.loads(data.removeprefix("data: "))
    if kind == "event: error":
        raise RuntimeError(value["error"])
    assert kind == "event: complete"
    assert text.count("event: complete") == 1
    (result,) = value
    return result


def of_response(address: str, name: str, data: list[Any]) -> Any:
    body = json.dumps({"data": data})
    response = httpx.post(f"{address}/gradio_api/run/{name}", content=body, headers=JSON, timeout=20)
    if response.status_code != 200:
        raise RuntimeError(response.json()["error"])
    (result,) = response.json()["data"]
    return result


JSON = {"Content-Type": "application/json"}
WAYS = ["python", "curl", "curl in one request", "mcp"]
DEFAULTS = {
    "ask": {"question": "", "articles": [], "sources": [], "since": "", "until": ""},
    "search": {"question": "", "count": 10, "articles": [], "sources": [], "since": "", "until": ""},
    "articles": {"query": ""},
}


@pytest.fixture(params=WAYS)
def call(request: pytest.FixtureRequest, address: str, client: Client) -> Call:
    """Calls a function with named values, one way or another."""

    def called(name: str, **values: Any) -> Any:
        if request.param == "python":
            return client.predict(api_name=f"/{name}", **values)
        if request.param == "curl":
            return of_events(address, f"v2/{name}", values)
        if request.param == "mcp":
            return of_tool(speak(address, lambda session: session.call_tool(name, values)))
        return of_response(address, name, list((DEFAULTS[name] | values).values()))

    return called


def test_ask_gives_the_answer_without_its_trace(call: Call, bot: FakeBot) -> None:
    assert call("ask", question=" When did it open? ") == ANSWER
    assert bot.asked[-1] == ("When did it open?", [])
    assert bot.filters[-1] == Filters()


def test_questions_are_limited(call: Call, bot: FakeBot) -> None:
    days = {"since": "2025-01-31", "until": "2025-12-31"}
    limits = {"articles": ["bees", "tram"], "sources": ["Harbour Courier"], **days}
    wanted = Filters.model_validate(limits)
    call("ask", question="Who?", **limits)
    assert bot.filters[-1] == wanted
    found = call("search", question="Who?", **limits)
    assert {passage["article"] for passage in found} == {"bees", "tram"}
    assert bot.searched[-1] == ("Who?", 10, wanted)


def test_search_gives_passages(call: Call, bot: FakeBot) -> None:
    first, second = call("search", question="How much was it?", count=2)
    assert set(first) == {"article", "title", "date", "source", "url", "start", "end", "text", "score"}
    assert (first["article"], first["date"], first["start"], first["end"]) == ("tram", "2025-03-10", 0, 400)
    assert COST in second["text"]
    assert bot.article("tram").text[second["start"] : second["end"]] == second["text"]


@pytest.mark.parametrize(
    ("values", "ids"),
    [({}, ["tram", "bees", "hostile"]), ({"query": "courier 2025-02"}, ["bees"]), ({"query": "nowhere"}, [])],
)
def test_articles_are_listed(call: Call, values: dict[str, str], ids: list[str]) -> None:
    found = call("articles", **values)
    assert [info["id"] for info in found] == ids
    assert all(set(info) == {"id", "title", "date", "source", "url", "chunks"} for info in found)


WRONG = [
    ("ask", {"question": "  "}, "The question is empty. Type one."),
    ("ask", {"question": "a" * 4001}, "question has 4,001 characters. Shorten it to 4,000."),
    ("ask", {"question": "Who?", "since": "yesterday"}, "“yesterday” is no day. Write it as 2025-01-31."),
    ("ask", {"question": "Who?", "until": "9" * 21}, "until has 21 characters. Shorten it to 20."),
    ("ask", {"question": "Who?", "since": "2025-02-01", "until": "2025-01-01"}, "2025-02-01 is after 2025-01-01."),
    ("ask", {"question": "Who?", "articles": ["bees", "gone"]}, "There is no article gone. The function articles"),
    ("ask", {"question": "break it"}, "The model broke. Start the bot again."),
    ("search", {"question": ""}, "The question is empty. Type one."),
    ("search", {"question": "Who?", "count": 0}, "count must be a whole number. Give one between 1 and 50."),
    ("search", {"question": "Who?", "count": 51}, "count must be a whole number. Give one between 1 and 50."),
    ("search", {"question": "Who?", "articles": ["gone"]}, "There is no article gone."),
    ("articles", {"query": "a" * 4001}, "query has 4,001 characters."),
]


@pytest.mark.parametrize(("name", "values", "message"), WRONG)
def test_a_wrong_call_is_told_what_is_wrong(
    call: Call, capfd: pytest.CaptureFixture[str], name: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises((AppError, RuntimeError)) as caught:
        call(name, **values)
    assert str(caught.value).strip("'").startswith(message)
    assert capfd.readouterr() == ("", "")  # no traceback, and no question, in the terminal


HOSTILE = [
    ("ask", [5, [], [], "", ""], 'question must be a text. Write it as "…".'),
    ("ask", [None, [], [], "", ""], "question must be a text."),
    ("ask", ["Who?", "bees", [], "", ""], 'articles must be a list of texts. Write it as ["…", "…"].'),
    ("ask", ["Who?", [], [["bees"]], "", ""], "each of sources must be a text."),
    ("ask", ["Who?", [], [], 20250131, ""], "since must be a text."),
    ("ask", ["Who?", ["\ud800"], [], "", ""], "There is no article ?."),
    ("ask", ["Who?"], "These values are missing: articles, sources, since, until. Send all,"),
    ("search", ["Who?", True, [], [], "", ""], "count must be a whole number."),
    ("search", ["Who?", "3", [], [], "", ""], "count must be a whole number."),
    ("articles", [{"$ne": 1}], "query must be a text."),
]


@pytest.mark.parametrize(("name", "data", "message"), HOSTILE)
@pytest.mark.parametrize("queued", [True, False])
def test_values_of_other_types_are_refused(
    address: str, capfd: pytest.CaptureFixture[str], name: str, data: list[Any], message: str, queued: bool
) -> None:
    with pytest.raises(RuntimeError) as caught:
        of_events(address, name, {"data": data}) if queued else of_response(address, name, data)
    assert str(caught.value).startswith(message)
    assert capfd.readouterr() == ("", "")


def test_half_a_surrogate_pair_is_asked_as_a_question_mark(address: str, bot: FakeBot) -> None:
    assert of_response(address, "ask", ["Who? \ud800", [], [], "", ""])["question"] == "Who? ?"


@pytest.mark.parametrize("arguments", [{"question": 5}, {}, {"question": "Who?", "history": []}])
def test_an_mcp_client_is_told_of_wrong_arguments(address: str, arguments: dict[str, Any]) -> None:
    result = speak(address, lambda session: session.call_tool("ask", arguments))
    assert result.isError
    assert "Traceback" not in result.content[0].text


def test_a_fault_of_ours_shows_no_more_than_its_kind(tmp_path: Path) -> None:
    class Broken(FakeBot):
        def ask(self, *_: Any, **__: Any) -> Any:
            raise ZeroDivisionError("secret")

        def search(self, *_: Any) -> Any:
            raise ZeroDivisionError("secret")

    with served(Broken(), tmp_path) as address:
        for name in ("ask", "search"):
            with pytest.raises(RuntimeError, match=r"^The bot failed \(ZeroDivisionError\); its terminal says more\.$"):
                of_response(address, name, list((DEFAULTS[name] | {"question": "Who?"}).values()))


# -- what is offered --


def test_the_three_are_all_that_is_listed(address: str, client: Client) -> None:
    for everything in ("", "?all_endpoints=true"):
        info = httpx.get(f"{address}/gradio_api/info{everything}").json()
        assert list(info["named_endpoints"]) == [f"/{name}" for name in NAMES]
        assert info["unnamed_endpoints"] == {}
    public = [one["api_name"] for one in client.config["dependencies"] if one["api_visibility"] != "private"]
    assert public == NAMES
    tools = speak(address, lambda session: session.list_tools()).tools
    assert [tool.name for tool in tools] == NAMES
    assert speak(address, lambda session: session.list_resources()).resources == []
    assert speak(address, lambda session: session.list_prompts()).prompts == []


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_typed_and_described(address: str, name: str) -> None:
    listed = httpx.get(f"{address}/gradio_api/info").json()["named_endpoints"][f"/{name}"]
    (tool,) = (one for one in speak(address, lambda session: session.list_tools()).tools if one.name == name)
    assert len(listed["description"]) > 20
    assert tool.description.startswith(listed["description"])
    properties = tool.inputSchema["properties"]
    assert [one["parameter_name"] for one in listed["parameters"]] == list(DEFAULTS[name]) == list(properties)
    kinds = {str: "string", int: "integer", list: "array"}
    for parameter in listed["parameters"]:
        called = parameter["parameter_name"]
        assert parameter["type"]["type"] == kinds[type(DEFAULTS[name][called])] == properties[called]["type"]
        assert parameter["python_type"]["description"] == properties[called]["description"] != ""
        if called == "question":
            assert not parameter["parameter_has_default"]
        else:
            assert parameter["parameter_default"] == DEFAULTS[name][called]
    assert listed["returns"][0]["type"]["type"] == ("object" if name == "ask" else "array")
    assert tool.inputSchema.get("required", []) == [one for one in DEFAULTS[name] if one == "question"]


def test_headers_and_hosts_are_as_the_pages(address: str) -> None:
    for path in ("mcp", "info", "run/ask"):
        answered = httpx.get(f"{address}/gradio_api/{path}", headers={"Accept": "application/json"})
        assert "default-src 'self'" in answered.headers["content-security-policy"]
        refused = httpx.post(f"{address}/gradio_api/{path}", headers={"Host": "evil.example"}, json={})
        assert refused.status_code == 400


def test_a_header_makes_the_server_call_nobody(address: str, bot: FakeBot) -> None:
    with listen("127.0.0.1", 0) as other:
        other.settimeout(0.2)
        headers = {"X-Forwarded-Host": f"127.0.0.1:{other.getsockname()[1]}"}
        result = speak(address, lambda session: session.call_tool("ask", {"question": "When did it open?"}), headers)
        assert of_tool(result) == ANSWER
        with pytest.raises(TimeoutError):
            other.accept()


def test_mcp_is_off_unless_it_is_turned_on(tmp_path: Path) -> None:
    with served(FakeBot(), tmp_path) as address:
        assert httpx.post(f"{address}/gradio_api/mcp", json={}).status_code in {404, 405}
        assert of_response(address, "articles", [""])


def test_mcp_without_its_package_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(UIError, match=r'Install it: \S+ -m pip install "mcp>=1.21,<2"$'):
        make_server(FakeBot(), tmp_path, ChatSettings(mcp=True))
    assert list(tmp_path.iterdir()) == []
    with served(FakeBot(), tmp_path) as address:
        assert of_response(address, "articles", [""])


def test_the_readmes_calls_work(address: str, bot: FakeBot, capsys: pytest.CaptureFixture[str]) -> None:
    text = README.read_text(encoding="utf-8").partition("## As a service\n")[2].partition("\n## ")[0]
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", text.replace("http://127.0.0.1:7860", address), re.DOTALL))
    exec(blocks["python"])
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{ANSWER['text']} ['The new tram line")
    if shutil.which("curl") is None:
        pytest.skip("curl is missing")
    called = subprocess.run(["sh", "-c", blocks["sh"]], capture_output=True, check=True, text=True)
    assert json.loads(called.stdout)["data"][0]["text"] == ANSWER["text"]
    asked = [question for question, _ in bot.asked[-2:]]
    assert asked == ["Why did the mayor switch off the chatbot?"] * 2
    assert bot.filters[-1] == bot.filters[-2] == Filters.model_validate({"since": "2025-01-01"})
    assert json.loads(blocks["json"])["mcpServers"]["citebot"]["url"] == f"{address}/gradio_api/mcp"


# -- callers who go away --

LEAVES = """
import sys
from gradio_client import Client
Client(sys.argv[1], verbose=False, analytics_enabled=False).predict(sys.argv[2], api_name="/ask")
"""


def until(true: Callable[[], bool], within: float) -> float:
    """The seconds that it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within
        time.sleep(0.01)
    return time.monotonic() - began


def leave_python(address: str, bot: FakeBot, question: str) -> None:
    with subprocess.Popen([sys.executable, "-c", LEAVES, address, question]) as process:
        until(lambda: bot.busy, 20)
        time.sleep(0.5)  # it asks first, and then listens
        process.kill()


def cancel_python(address: str, bot: FakeBot, question: str) -> None:
    job = Client(address, verbose=False, analytics_enabled=False).submit(question, api_name="/ask")
    until(lambda: bot.busy, 20)
    job.cancel()


def leave_curl(address: str, bot: FakeBot, question: str) -> None:
    event = httpx.post(f"{address}/gradio_api/call/v2/ask", json={"question": question}).json()["event_id"]
    with httpx.stream("GET", f"{address}/gradio_api/call/ask/{event}", timeout=5) as events:
        next(events.iter_lines())
        until(lambda: bot.busy, 20)


def leave_one_request(address: str, bot: FakeBot, question: str) -> None:
    body = json.dumps({"data": [question, [], [], "", ""]})
    head = "POST /gradio_api/run/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        until(lambda: bot.busy, 20)


def leave_mcp(address: str, bot: FakeBot, question: str) -> None:
    async def leave(session: ClientSession) -> None:
        asking = asyncio.create_task(session.call_tool("ask", {"question": question}))
        await asyncio.to_thread(until, lambda: bot.busy, 20)
        asking.cancel()

    speak(address, leave)


LEAVE = [leave_python, cancel_python, leave_curl, leave_one_request, leave_mcp]


@pytest.mark.parametrize("leave", LEAVE)
def test_a_caller_who_leaves_frees_the_model(
    address: str, bot: FakeBot, leave: Callable[[str, FakeBot, str], None]
) -> None:
    leave(address, bot, LONG)
    assert bot.asked[-1][0] == LONG
    until(lambda: not bot.busy, 1)
    assert of_response(address, "ask", ["When did it open?", [], [], "", ""]) == ANSWER


@pytest.mark.parametrize("fetches", [False, True])
def test_a_call_whose_events_nobody_fetches_is_ended(
    address: str, bot: FakeBot, monkeypatch: pytest.MonkeyPatch, fetches: bool
) -> None:
    monkeypatch.setattr(service, "FETCH_S", 1.0)
    if fetches:
        assert of_events(address, "v2/ask", {"question": LONG}) == ANSWER | {"question": LONG}
        return
    event = httpx.post(f"{address}/gradio_api/call/v2/ask", json={"question": LONG}).json()["event_id"]
    until(lambda: bot.busy, 20)
    assert until(lambda: not bot.busy, 3) > 0.8
    told = httpx.get(f"{address}/gradio_api/call/ask/{event}").text
    assert "Nobody fetched the answer's events for 1 seconds. Ask again." in told


def test_the_server_stops_while_somebody_waits(tmp_path: Path) -> None:
    bot = FakeBot()
    given: list[httpx.Response] = []
    with served(bot, tmp_path) as address:
        body = {"data": [LONG, [], [], "", ""]}
        post = lambda: given.append(httpx.post(f"{address}/gradio_api/run/ask", json=body, timeout=20))  # noqa: E731
        asking = threading.Thread(target=post)
        asking.start()
        until(lambda: bot.busy, 20)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    asking.join(5)
    assert given[0].json()["data"][0]["stopped"]


def test_two_callers_are_both_answered(address: str) -> None:
    question = "When did it open?"
    with ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(of_events, address, "v2/ask", {"question": question}),
            pool.submit(of_response, address, "ask", [question, [], [], "", ""]),
        ]
        assert [one.result() for one in calls] == [ANSWER, ANSWER]
