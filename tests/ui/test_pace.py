"""Visitors who send too much, too often, too slowly or the wrong things: what is refused leaves nothing on the disk."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import Visit, reload, served
from fake_bot import FakeBot
from playwright.sync_api import expect
from starlette.types import Message, Receive, Scope, Send
from test_app import ask_and_wait

from bot.articles.read import SUFFIXES, Skipped, read_file
from bot.config import ChatSettings
from bot.ui import connection, uploads
from bot.ui.arriving import MARKS, MOST_FILES, PDF, TEXTS, fits
from bot.ui.pace import AGAIN_S, AT_ONCE_S, LONGEST_BODY, MOST_VISITORS, Allowance, Pace, visitor
from bot.ui.uploads import Folder

Open = Callable[..., Visit]
MB = 1_000_000
SOAK = os.environ.get("BOT_SOAK") == "1"
EDGE = b"--edge\r\n"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with served(FakeBot(), tmp_path, upload_mb=3) as address:
        yield address


def held(data: Path) -> dict[str, int]:
    """What lies in the folder of uploads: names and bytes."""
    found: dict[str, int] = {}
    for folder, _, names in os.walk(data / "uploads"):
        for name in names:
            with suppress(FileNotFoundError):  # the page takes files away while we look
                if not name.endswith(".lock"):
                    found[name] = (Path(folder) / name).stat().st_size
    return found


def part(name: str) -> bytes:
    return EDGE + f'Content-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()


def stream(name: str, size: int, piece: int = 65536) -> Iterator[bytes]:
    """A form with one file, made while it is sent."""
    yield part(name)
    for done in range(0, size, piece):
        yield b"x" * min(piece, size - done)
    yield b"\r\n--edge--\r\n"


def send(address: str, content: Any, length: int | None = None) -> int:
    """The status of an upload; 0 where the server hung up before it was told."""
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    if length is not None:
        headers["Content-Length"] = str(length)
    try:
        return httpx.post(f"{address}/gradio_api/upload", content=content, headers=headers, timeout=600).status_code
    except (httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
        return 0


# -- uploads --


def test_what_is_small_enough_arrives(address: str, tmp_path: Path) -> None:
    assert send(address, stream("a.txt", 2 * MB)) == 200
    assert held(tmp_path) == {"a.txt": 2 * MB}


@pytest.mark.parametrize("announced", [True, False])
def test_too_much_is_refused_while_it_comes_and_leaves_nothing(address: str, tmp_path: Path, announced: bool) -> None:
    assert send(address, stream("a.txt", 4 * MB), sum(map(len, stream("a.txt", 4 * MB))) if announced else None) in {
        413,
        0,
    }
    assert held(tmp_path) == {}


def test_a_visitor_can_upload_so_much_in_ten_minutes_however_it_is_cut(address: str, tmp_path: Path) -> None:
    statuses = [send(address, stream(f"{number}.txt", MB)) for number in range(5)]
    assert statuses[:2] == [200, 200]
    assert set(statuses[3:]) <= {413, 0}
    assert sum(held(tmp_path).values()) <= 3 * MB


@pytest.mark.skipif(not SOAK, reason="5 GB: BOT_SOAK=1")
def test_five_gigabytes_do_not_fill_the_disk(tmp_path: Path) -> None:
    with served(FakeBot(), tmp_path) as address:
        most, done = 0, threading.Event()

        def watch() -> None:
            nonlocal most
            while not done.wait(0.05):
                most = max(most, sum(held(tmp_path).values()))

        watching = threading.Thread(target=watch)
        watching.start()
        began = time.monotonic()
        assert send(address, stream("a.txt", 5_000 * MB, MB)) in {413, 0}
        done.set()
        watching.join()
        print(f"at most {most / MB:.0f} MB of 5,000 were held, {time.monotonic() - began:.1f} s")
        assert 0 < most <= 106 * MB  # one file at most, and Gradio counts in MiB
        assert held(tmp_path) == {}


def test_an_upload_that_breaks_off_leaves_nothing(address: str, tmp_path: Path) -> None:
    place = urlsplit(address)
    head = (
        b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=edge\r\n"
    )
    with socket.create_connection((place.hostname, place.port)) as connected:
        connected.sendall(head + b"Content-Length: 900000\r\n\r\n" + part("a.txt") + b"x" * 400_000)
        until(lambda: sum(held(tmp_path).values()) > 0)
    until(lambda: held(tmp_path) == {})


def until(true: Callable[[], bool], within: float = 20) -> None:
    ends = time.monotonic() + within
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_too_many_files_are_refused_and_leave_nothing(address: str, tmp_path: Path) -> None:
    many = b"".join(part(f"{number}.txt") + b"words\r\n" for number in range(MOST_FILES + 1)) + b"--edge--\r\n"
    assert send(address, many) == 400
    assert held(tmp_path) == {}


def test_a_field_that_is_no_file_is_not_kept_in_memory(address: str, tmp_path: Path) -> None:
    field = EDGE + b'Content-Disposition: form-data; name="x"\r\n\r\n' + b"x" * MB + b"\r\n--edge--\r\n"
    assert send(address, field) == 413
    assert held(tmp_path) == {}


KINDS = [
    ("a.txt", b"words", True),
    ("a.MD", b"words", True),
    ("a.jsonl", b"{}", True),
    ("a.pdf", b"%PDF-1.7", True),
    ("a.pdf", b"\n" * 900 + b"%PDF-1.7", True),
    ("a.txt", "w\0o\0r\0d\0".encode("latin-1"), True),
    ("a.pdf", b"<html>", False),
    ("a.pdf", b"", False),
    ("a.zip", b"PK\x03\x04", False),
    ("a.exe", b"words", False),
    ("a", b"words", False),
    ("../../a.sh", b"words", False),
    *(("a.txt", mark, False) for mark in MARKS),
]


@pytest.mark.parametrize(("name", "beginning", "kept"), KINDS)
def test_kinds_by_name_and_content(name: str, beginning: bytes, kept: bool) -> None:
    assert fits(name, (beginning + b"x" * 2000)[:1024]) is kept


def test_of_what_is_no_article_only_the_name_arrives(tmp_path: Path) -> None:
    with served(FakeBot(), tmp_path) as address:
        for name, beginning, kept in KINDS:
            content = beginning + b"x" * 100_000
            answer = httpx.post(f"{address}/gradio_api/upload", files={"files": (name, content)})
            (path,) = map(Path, answer.json())
            assert path.stat().st_size == (len(content) if kept else 0), (name, beginning)
            assert path.is_relative_to(tmp_path / "uploads")


def test_the_kinds_are_those_that_articles_are_read_from(tmp_path: Path) -> None:
    assert {*TEXTS, PDF} == set(SUFFIXES)
    for name in ("a.txt", "a.pdf", "a.html", "a.zip", "a.jsonl"):
        (tmp_path / name).write_bytes(b"")
        assert all(isinstance(one, Skipped) for one in read_file(tmp_path / name)), "what has not arrived is no article"


def test_a_full_folder_or_disk_takes_no_more(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert send(address, stream("a.txt", MB)) == 200
    monkeypatch.setattr(uploads, "MOST_HELD", MB // 2)
    assert send(address, stream("b.txt", 1000)) == 507
    monkeypatch.setattr(uploads, "MOST_HELD", 2 * MB)
    assert send(address, stream("b.txt", 1000)) == 200
    monkeypatch.setattr(uploads, "SPARED", 2**62)
    assert send(address, stream("c.txt", 1000)) == 507
    assert held(tmp_path) == {"a.txt": MB, "b.txt": 1000}


def test_what_nobody_claims_goes_after_an_hour_and_what_is_in_work_stays(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    old = time.time() - uploads.STRAY_S - 1
    for name, age in [("new", None), ("old", old), ("claim-1", old), ("pasted-1", old)]:
        (folder.path / name).mkdir()
        (folder.path / name / "a.txt").write_text("words")
        if age:
            os.utime(folder.path / name, (age, age))
    assert folder.has_room()
    assert {path.name for path in folder.path.iterdir()} == {"new", "claim-1", "pasted-1"}


def test_uploads_go_when_the_page_ends(tmp_path: Path) -> None:
    with served(FakeBot(), tmp_path) as address:
        assert send(address, stream("a.txt", 1000)) == 200
        assert held(tmp_path)
    assert list((tmp_path / "uploads").glob("run-*")) == []


# -- other requests --


@pytest.mark.parametrize("announced", [True, False])
def test_a_long_body_is_refused(address: str, announced: bool) -> None:
    body = b'{"data": ["' + b"x" * LONGEST_BODY + b'"]}'
    content: Any = body if announced else (body[at : at + MB] for at in range(0, len(body), MB))
    with suppress(httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):  # it may hang up, as we go on sending
        assert httpx.post(f"{address}/gradio_api/run/ask", content=content, timeout=60).status_code == 413


def test_the_longest_text_that_may_be_pasted_fits() -> None:
    assert len(("漢\n" * 500_000).encode()) * 1.5 < LONGEST_BODY


def test_a_question_is_measured_on_the_server_too(tmp_path: Path) -> None:
    bot = FakeBot()
    with served(bot, tmp_path) as address, httpx.Client(base_url=address, timeout=30) as client:
        config = client.get("/config").json()
        asked = next(one for one in config["dependencies"] if any(kind == "submit" for _, kind in one["targets"]))
        body = {"data": ["x" * 4001, None, None, None, "", None], "fn_index": asked["id"], "session_hash": "v"}
        assert client.post("/gradio_api/queue/join", json=body).status_code == 200
        with client.stream("GET", "/gradio_api/queue/data?session_hash=v") as events:
            lines = [line for line in events.iter_lines() if "data" in line]
    assert any("Shorten it to 4,000" in line for line in lines)
    assert bot.asked == []


def test_requests_are_limited_for_each_visitor(tmp_path: Path) -> None:
    with served(FakeBot(), tmp_path, requests_per_second=1) as address, httpx.Client(base_url=address) as client:
        statuses = [client.get("/config").status_code for _ in range(3 * AT_ONCE_S)]
        assert statuses[:AT_ONCE_S] == [200] * AT_ONCE_S
        refused = client.get("/config")
        assert 429 in statuses
        if refused.status_code == 429:  # on a slow machine a second has passed
            assert "Wait" in refused.text
            assert refused.headers["x-frame-options"] == "DENY"
        assert client.get("/static/img/logo.svg").status_code in {200, 404}, "what the page consists of is not counted"


def test_twenty_pages_of_one_visitor_are_far_below_the_limit(visit: Open, tmp_path: Path) -> None:
    """A page that is loaded, asked and looked through sends so many requests that are counted."""
    counted: list[str] = []
    refused: list[int] = []
    with served(FakeBot(pause=0.001), tmp_path) as address:
        seen = visit(address)
        began = time.monotonic()
        seen.page.on("request", lambda one: counted.append(one.url))
        seen.page.on("response", lambda one: one.status >= 400 and refused.append(one.status))
        reload(seen.page)
        ask_and_wait(seen.page, "When did it open?")
        for name in ("Articles", "Chats", "Settings", "Ask"):
            seen.page.get_by_role("tab", name=name).click()
        expect(seen.page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
        seconds = time.monotonic() - began
        seen.check()
    sent = [url for url in counted if not any(one in url for one in ("/assets/", "/static/", "/svelte/", "data:"))]
    per_second = ChatSettings().requests_per_second
    print(f"{len(sent)} requests of {len(counted)} are counted, in {seconds:.0f} s")
    assert refused == []
    assert 5 < len(sent) <= per_second * AT_ONCE_S / 20 + 20 * seconds / 10


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_allowance_is_there_again_after_a_while() -> None:
    clock = Clock()
    allowance = Allowance(3, 0.5, clock)
    assert [allowance.take("a") for _ in range(5)] == [True, True, True, False, False]
    assert allowance.take("b", 3)
    assert not allowance.take("b", 0.1)
    clock.now = 2.0
    assert [allowance.take("a"), allowance.take("a")] == [True, False]
    clock.now = 1000.0
    assert allowance.left("a") == 3
    assert not allowance.take("a", 3.1)


def test_many_visitors_take_no_memory_for_ever() -> None:
    clock = Clock()
    allowance = Allowance(2, 1, clock)
    assert all(allowance.take(str(number)) for number in range(MOST_VISITORS))
    assert not allowance.take("one more"), "while all of them have just come"
    assert allowance.take("5")
    clock.now = 10.0
    assert allowance.take("one more")
    assert len(allowance._spent) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"client": ("192.168.1.5", 1)}, {"client": ("192.168.1.5", 2)}, True),
        ({"client": ("192.168.1.5", 1)}, {"client": ("192.168.1.6", 1)}, False),
        ({"client": ("fd00::1", 1)}, {"client": ("fd00::2", 1)}, True),
        ({"client": ("fd00::1", 1)}, {"client": ("fd00:0:0:1::1", 1)}, False),
        ({"client": ("1.1.1.1", 1), "citebot.user": "Anna"}, {"client": ("2.2.2.2", 1), "citebot.user": "aNNA"}, True),
        ({"client": ("1.1.1.1", 1), "citebot.user": "Anna"}, {"client": ("1.1.1.1", 1), "citebot.user": "Bo"}, False),
        ({"client": None}, {}, True),
    ],
)
def test_who_is_a_visitor(one: Scope, other: Scope, same: bool) -> None:
    assert (visitor(one) == visitor(other)) is same


def test_uploads_are_allowed_again_within_ten_minutes(tmp_path: Path) -> None:
    clock = Clock()
    pace = Pace(takes_all, Folder(tmp_path), 1, 1, clock)
    assert [sent(pace, MB), sent(pace, 1000)] == [200, 413]
    clock.now = AGAIN_S / 2
    assert [sent(pace, MB // 2), sent(pace, MB)] == [200, 413]


async def takes_all(scope: Scope, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError("the visitor has left")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def sent(pace: Pace, size: int, every_s: float = 0.0, piece: int = 100_000) -> int:
    """The status of an upload whose pieces come so many seconds apart."""
    pieces = [min(piece, size - at) for at in range(0, size, piece)]
    statuses: list[int] = []

    async def receive() -> Message:
        await asyncio.sleep(every_s)
        length = pieces.pop(0)
        return {"type": "http.request", "body": b"x" * length, "more_body": bool(pieces)}

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    scope = {"type": "http", "path": "/gradio_api/upload", "headers": [], "client": ("127.0.0.1", 1)}
    with ThreadPoolExecutor(1) as pool:  # in this thread the browser's event loop runs
        pool.submit(asyncio.run, pace(scope, receive, send)).result()
    return statuses[0]


@pytest.mark.parametrize(("every_s", "piece", "status"), [(0.0, 100, 200), (0.3, 100, 408), (0.05, 5_000, 200)])
def test_a_body_that_trickles_in_is_not_waited_for(tmp_path: Path, every_s: float, piece: int, status: int) -> None:
    pace = Pace(takes_all, Folder(tmp_path), 50, 10, patience_s=0.5)
    assert sent(pace, 10 * piece, every_s, piece) == status


# -- connections --


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(connection.Connection, "head_s", 1.0)
    with served(FakeBot(), tmp_path) as address, closing(connected(address)) as visitor:
        began = time.monotonic()
        visitor.settimeout(20)
        sending = threading.Thread(target=trickle, args=(visitor, said))
        sending.start()
        with suppress(ConnectionResetError):  # a letter came just as it was closed
            assert visitor.recv(100) == b""
        sending.join()
        assert 0.9 < time.monotonic() - began < 15


def trickle(visitor: socket.socket, said: bytes) -> None:
    """A letter now and then, for as long as anyone listens."""
    try:
        for letter in (said or b"")[:40]:
            visitor.sendall(bytes([letter]))
            time.sleep(0.2)
    except OSError:
        pass


def connected(address: str) -> socket.socket:
    place = urlsplit(address)
    return socket.create_connection((place.hostname, place.port))


def test_an_answer_that_takes_long_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.Connection, "head_s", 0.2)
    with served(FakeBot(pause=0.01), tmp_path) as address, httpx.Client(base_url=address, timeout=60) as client:
        for _ in range(2):
            body = {"data": ["When did it open?", [], [], "", ""]}
            assert client.post("/gradio_api/run/ask", json=body).status_code == 200


def test_a_head_has_a_limit(address: str) -> None:
    assert httpx.get(address, headers={"X-A": "b" * (connection.LONGEST_HEAD // 2)}).status_code == 200
    with closing(connected(address)) as visitor:
        visitor.settimeout(20)
        try:
            visitor.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"b" * 4 * connection.LONGEST_HEAD)
            assert visitor.recv(100).startswith(b"HTTP/1.1 400")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it hung up before all was sent
