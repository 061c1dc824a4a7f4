"""The bot's work in a place without a network: articles are added, the page is served and asked, an evaluation runs.

Called as `offline.py FOLDER MODEL`; what the commands print, and whom they call, is left in FOLDER.
"""

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

FOLDER, MODEL = Path(sys.argv[1]), sys.argv[2]
QUESTION = "What does a ticket from Quillhaven cost?"
UP = 0x1  # IFF_UP


def raise_loopback() -> None:
    """In a namespace of its own the loopback device is there, but down."""
    with socket.socket() as any_socket:
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, 0x8913, struct.pack("16sh", b"lo", 0)))[1]
        if not flags & UP:
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", flags | UP))


def command(name: str, *words: str) -> list[str]:
    traced = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(FOLDER / f"{name}.trace")]
    own = [sys.executable, "-m", "bot", "--data-dir", str(FOLDER / "data"), "--set", "llm.threads=1"]
    return [*(traced if os.environ.get("STRACE") else []), *own, *words]


def run(name: str, *words: str) -> int:
    with (FOLDER / f"{name}.out").open("wb") as out, (FOLDER / f"{name}.err").open("wb") as err:
        return subprocess.run(command(name, *words), stdout=out, stderr=err, timeout=600, check=False).returncode


def chat() -> list[int]:
    """The statuses of what was asked of the page."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = command("chat", "chat", "--port", str(port), "--model", MODEL)
    with (FOLDER / "chat.out").open("wb") as out, (FOLDER / "chat.err").open("wb") as err:
        process = subprocess.Popen(words, stdout=out, stderr=err, start_new_session=True)
        try:
            return [ask(f"http://127.0.0.1:{port}{path}", body) for path, body in calls(process)]
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # strace by itself does not listen
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise


def calls(process: "subprocess.Popen[bytes]") -> Iterator[tuple[str, object]]:
    """What is asked of the page, once it is served."""
    until = time.monotonic() + 300
    while b"The page is on" not in (FOLDER / "chat.out").read_bytes():
        assert process.poll() is None, (FOLDER / "chat.err").read_text()
        assert time.monotonic() < until
        time.sleep(0.2)
    yield "/", None
    yield "/config", None
    yield "/gradio_api/run/ask", {"data": [QUESTION, [], [], "", ""]}
    yield "/gradio_api/run/search", {"data": [QUESTION, 3, [], [], "", ""]}
    for path in ("run/ask", "run/search"):
        yield from ((f"/gradio_api/{path}", body) for body in WRONG)


# Calls that go wrong within Gradio or our own functions.
WRONG = [
    {"data": [QUESTION]},
    {"data": [{"text": QUESTION}, QUESTION, [QUESTION], [{}], QUESTION, 5]},
    {"data": QUESTION},
    {"data": [{"path": QUESTION, "meta": {"_type": "gradio.FileData"}}, [], [], "", ""]},
]


def ask(address: str, body: object) -> int:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


raise_loopback()
done = {
    "ingest": run("ingest", "ingest", str(FOLDER / "articles")),
    "ask": run("ask", "ask", "--model", MODEL, QUESTION),
    "server": run("server", "--set", "llm.server=http://127.0.0.1:1/v1", "ask", QUESTION),
    "chat": chat(),
    "eval": run("eval", "eval", str(FOLDER / "questions.jsonl"), "--corpus", str(FOLDER / "articles"), "--out",
                str(FOLDER / "out"), "--model", MODEL),
}  # fmt: skip
(FOLDER / "done.json").write_text(json.dumps(done))
