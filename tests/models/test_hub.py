"""The hub source against a small server of our own, in a process of its own: the endpoint is read at import."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot import __version__
from bot.config import PROJECT
from bot.errors import ModelError
from bot.models import files
from bot.models.catalogue import Catalogue, Entry, HubSource

from .tiny import MODEL, sha256

MakeEntry = Callable[..., Entry]

PULL = """
import json, sys
from pathlib import Path
from bot.errors import BotError
from bot.models import fetch, hub
from bot.models.catalogue import Entry

hub.PAUSE_SECONDS = 0.01
steps = []
try:
    fetch.pull(Entry.model_validate_json(sys.argv[1]), Path(sys.argv[2]), lambda step: steps.append(list(step)))
    error = None
except BotError as caught:
    error = str(caught)
print(json.dumps({"error": error, "fetched": [step[2] for step in steps if step[1] == "fetch"]}))
"""


@dataclass
class FakeHub:
    """What the server holds and how it misbehaves; the rest notes what it was asked."""

    data: bytes = MODEL
    etag: str = sha256(MODEL)
    status: int = 200
    break_after: int = 0  # bytes, once
    ignore_range: bool = False
    paths: set[str] = field(default_factory=set)
    ranges: list[str | None] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)

    def head(self, request: BaseHTTPRequestHandler) -> None:
        self.note(request)
        known = request.path == "/some/repo/resolve/main/tiny.gguf"
        request.send_response(self.status if known else 404)
        request.send_header("X-Repo-Commit", "c" * 40)
        request.send_header("ETag", f'"{self.etag}"')
        request.send_header("Content-Length", str(len(self.data)))
        request.end_headers()

    def get(self, request: BaseHTTPRequestHandler) -> None:
        self.note(request)
        asked = request.headers["range"]
        self.ranges.append(asked)
        start = 0 if self.ignore_range else int((asked or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(self.data) - start))
        request.end_headers()
        body, self.break_after = self.data[start : self.break_after or None], 0
        request.wfile.write(body)

    def note(self, request: BaseHTTPRequestHandler) -> None:
        self.paths.add(request.path)
        self.agents.add(request.headers["user-agent"])

    @contextmanager
    def serve(self) -> Iterator[str]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.head(self)

            def do_GET(self) -> None:
                hub.get(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def pull(entry: Entry, models: Path, hub: FakeHub) -> tuple[str | None, list[int]]:
    """The error, if any, and the bytes reported while fetching."""
    private = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "BOT_"))}
    with hub.serve() as endpoint:
        done = subprocess.run(
            [sys.executable, "-c", PULL, entry.model_dump_json(), str(models)],
            env={**private, "HF_ENDPOINT": endpoint, "HF_HOME": str(models / "hf"), "NO_PROXY": "127.0.0.1"},
            cwd=PROJECT,
            check=True,
            stdout=subprocess.PIPE,
        )
    answer = json.loads(done.stdout)
    return answer["error"], answer["fetched"]


@pytest.fixture
def entry(make_entry: MakeEntry) -> Entry:
    return make_entry(bytes=None, sha256=None, sources=(HubSource(via="huggingface", repo="some/repo"),))


def test_the_stated_sum_is_checked_and_remembered(tmp_path: Path, entry: Entry) -> None:
    hub, known = FakeHub(), Catalogue(path=Path("catalogue.toml"), entries=(entry,))
    error, fetched = pull(entry, tmp_path, hub)
    assert (error, fetched[-1]) == (None, len(MODEL))
    assert files.resolve("tiny", tmp_path, "llm", known).sha256 == sha256(MODEL)
    assert hub.agents == {f"citebot/{__version__}"}
    assert hub.paths == {"/some/repo/resolve/main/tiny.gguf"}
    (tmp_path / "tiny.gguf").write_bytes(MODEL[:-1])
    with pytest.raises(ModelError, match="damaged"):
        files.resolve("tiny", tmp_path, "llm", known)


def test_after_a_break_it_asks_for_the_rest(tmp_path: Path, entry: Entry) -> None:
    hub = FakeHub(break_after=3000)
    error, fetched = pull(entry, tmp_path, hub)
    assert (error, fetched[-1]) == (None, len(MODEL))
    assert hub.ranges == ["bytes=0-", "bytes=3000-"]


def half_fetched(tmp_path: Path, entry: Entry, data: bytes, owner: str) -> None:
    folder = tmp_path / ".fetch" / entry.name
    folder.mkdir(parents=True)
    (folder / "tiny.gguf.part").write_bytes(data)
    (folder / "tiny.gguf.sha256").write_text(owner, encoding="ascii")


@pytest.mark.parametrize(
    ("owner", "ignore_range", "asked"),
    [
        (sha256(MODEL), False, "bytes=5000-"),
        (sha256(MODEL), True, "bytes=5000-"),
        ("f" * 64, False, "bytes=0-"),  # half of another version
    ],
)
def test_a_later_run_uses_what_is_there(
    tmp_path: Path, entry: Entry, owner: str, ignore_range: bool, asked: str
) -> None:
    half_fetched(tmp_path, entry, MODEL[:5000], owner)
    hub = FakeHub(ignore_range=ignore_range)
    assert pull(entry, tmp_path, hub)[0] is None
    assert hub.ranges == [asked]
    assert (tmp_path / "tiny.gguf").read_bytes() == MODEL


def test_a_file_that_is_all_there_is_not_asked_for(tmp_path: Path, entry: Entry) -> None:
    half_fetched(tmp_path, entry, MODEL, sha256(MODEL))
    hub = FakeHub()
    assert pull(entry, tmp_path, hub)[0] is None
    assert hub.ranges == []


@pytest.mark.parametrize(
    ("hub", "says"),
    [
        (FakeHub(data=MODEL[:-1] + b"?"), "kept aside as"),
        (FakeHub(etag="d" * 40), "states no size and SHA-256"),
        (FakeHub(status=404), "404"),
        (FakeHub(status=403), "403"),
    ],
)
def test_what_the_hub_cannot_deliver_is_a_reason(tmp_path: Path, entry: Entry, hub: FakeHub, says: str) -> None:
    error, _ = pull(entry, tmp_path, hub)
    assert error is not None
    assert "Hugging Face some/repo: " in error
    assert says in error
    assert "\n" not in error
    assert not (tmp_path / "tiny.gguf").exists()


def test_another_size_than_the_catalogues_is_refused_unfetched(tmp_path: Path, entry: Entry) -> None:
    hub = FakeHub(data=MODEL + b"?")
    error, _ = pull(entry.model_copy(update={"bytes": len(MODEL), "sha256": sha256(MODEL)}), tmp_path, hub)
    assert error is not None
    assert f"has {len(MODEL) + 1} bytes, not {len(MODEL)}" in error
    assert hub.ranges == []


def test_without_a_network_the_reason_is_one_line(tmp_path: Path, entry: Entry) -> None:
    hub = FakeHub()
    with hub.serve():
        pass
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-c", PULL, entry.model_dump_json(), str(tmp_path)]
    done = subprocess.run(command, env=environment, cwd=PROJECT, check=True, stdout=subprocess.PIPE)
    error = json.loads(done.stdout)["error"]
    assert error.startswith("tiny could not be fetched. Hugging Face some/repo: ")
    assert "\n" not in error
