"""Real servers, started by tests: as processes of their own, and a web site in a thread."""

import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], ready: str, log: Path, seconds: float = 60) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers at the address `ready`; stopped at the end. Its output goes to `log`."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            until = time.monotonic() + seconds
            while not _answers(ready):
                assert process.poll() is None, f"{command} ended:\n{log.read_text()[-2000:]}"
                assert time.monotonic() < until, f"{command} does not answer:\n{log.read_text()[-2000:]}"
                time.sleep(0.2)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False
    return True


class Page(NamedTuple):
    """What a site gives at one address: whole, or in `pieces` with so many `seconds` before each."""

    body: bytes = b""
    kind: str | None = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = {}
    pieces: Iterable[bytes] = ()
    seconds: float = 0.0


class Site(NamedTuple):
    """`asked` are the paths with their headers, `names` those that clients asked for by TLS."""

    port: int
    asked: list[tuple[str, dict[str, str]]]
    names: list[str | None]


@contextmanager
def site(pages: Mapping[str, Page], tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A web server in this process, on 127.0.0.1."""
    asked: list[tuple[str, dict[str, str]]] = []
    names: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            page = pages.get(self.path, Page(b"<p>There is no such page.</p>", status=404))
            self.send_response(page.status)
            for name, value in {"Content-Type": page.kind, **page.headers}.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            for piece in page.pieces or (page.body,):
                time.sleep(page.seconds)
                self.wfile.write(piece)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        block_on_close = False  # a page that never ends would be waited for

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # clients break off here on purpose

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            tls.sni_callback = lambda _, name, __: names.append(name)  # type: ignore[assignment]
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Site(server.server_port, asked, names)
        finally:
            server.shutdown()
            thread.join()
