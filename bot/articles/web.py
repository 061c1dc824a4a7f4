"""Web addresses → bytes; the only importer of httpcore. It knows nothing of what is in a page.

Servers are untrusted, and so are addresses: somebody may want us to ask a machine that only we can reach. So each
name is resolved by us, once a request; all its addresses must be allowed; and the connection is made to one of these,
so that another answer of the name server a moment later changes nothing. Size and time have limits.

Proxies of the environment are not used: a proxy resolves names itself, after the check. No cookies are kept or sent.
"""

import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from http.client import responses
from ipaddress import ip_address
from threading import Thread
from typing import TypeVar

import httpcore

from bot import __version__
from bot.articles.address import Address, Fetched, IPAddress, is_public, parse, redirected
from bot.errors import ArticleError

MAX_BYTES = 10_000_000  # of a page, unpacked
MAX_REDIRECTS = 5
SECONDS = 20.0  # for all of it
CONNECT_SECONDS = 5.0  # for each address of a name

_REDIRECTS = (301, 302, 303, 307, 308)
_PIECE = 65536
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{2,40})", re.IGNORECASE)
_HEADERS = (
    ("User-Agent", f"citebot/{__version__}"),
    ("Accept", "text/html, application/xhtml+xml, text/plain, text/markdown, application/pdf"),
    ("Accept-Encoding", "gzip"),
    ("Connection", "close"),
)
_DAMAGED = "what the server sent is damaged. Try again later, or save the page as a file."
_LATE = "the server took too long. Try again later, or save the page as a file."

T = TypeVar("T")


def resolve(host: str) -> list[IPAddress]:
    """All addresses of a host, by the system's resolver. Raises OSError or UnicodeError where it has none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(place[0])) for *_, place in found))


class Fetcher:
    """Fetches from hosts all of whose addresses are `allowed`. Threads may share one.

    `tls` says which certificates are trusted, by default the system's and certifi's.
    """

    def __init__(
        self,
        allowed: Callable[[IPAddress], bool] = is_public,
        resolve: Callable[[str], Sequence[IPAddress]] = resolve,
        *,
        tls: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._allowed, self._resolve, self._tls, self._seconds = allowed, resolve, tls, seconds

    def fetch(self, url: str) -> Fetched:
        """What the server gives for an address, at most MAX_BYTES, within `seconds` and 5 redirects.

        Raises ArticleError for addresses that are wrong or not allowed, and for all that goes wrong on the way.
        """
        deadline = _Deadline(self._seconds)
        typed = here = parse(url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask(here, deadline)
            if isinstance(answer, Fetched):
                return answer
            here = redirected(here, answer, typed)
        raise ArticleError(f"it redirects more than {MAX_REDIRECTS} times. Give the address that a browser ends at.")

    def _ask(self, here: Address, deadline: "_Deadline") -> Fetched | str:
        """The answer of one server, or where it redirects to."""
        origin = httpcore.Origin(here.scheme.encode(), here.host.encode(), here.port)
        url = httpcore.URL(scheme=here.scheme, host=here.host, port=here.port, target=here.target)
        backend = _Checked(self._allowed, self._resolve, deadline)
        headers = [("Host", here.place), *_HEADERS]
        try:
            with (
                httpcore.HTTPConnection(origin, ssl_context=self._tls, network_backend=backend) as connection,
                connection.stream("GET", url, headers=headers) as response,
            ):
                return _read(response, here)
        except httpcore.TimeoutException:
            raise ArticleError(_LATE) from None
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLError):
                why = getattr(error.__cause__, "verify_message", "").rstrip(".") or "it speaks no TLS that we know"
                raise ArticleError(f"{here.host} did not prove who it is: {why}. Check the address.") from None
            raise ArticleError(f"{here.host} does not answer. Check the address and your connection.") from None
        except (httpcore.NetworkError, httpcore.ProtocolError):
            raise ArticleError("the server broke off or sent no proper answer. Try again later.") from None


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self, most: float | None = None) -> float:
        """Seconds until then, `most` at most. Raises httpcore.ReadTimeout where none are left."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if most is None else min(left, most)


class _Checked(httpcore.NetworkBackend):
    """Connects to what a name stands for, if all of it is allowed. Raises ArticleError where it is not."""

    def __init__(
        self, allowed: Callable[[IPAddress], bool], resolve: Callable[[str], Sequence[IPAddress]], deadline: _Deadline
    ) -> None:
        self._allowed, self._resolve, self._deadline = allowed, resolve, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError()
        for ip in self._addresses(host):
            try:
                seconds = self._deadline.left(CONNECT_SECONDS)
                stream = httpcore.SyncBackend().connect_tcp(str(ip), port, seconds, local_address, socket_options)
                return _Stream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def _addresses(self, host: str) -> Sequence[IPAddress]:
        try:
            found = _within(self._deadline.left(), lambda: self._resolve(host))
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise ArticleError(f"there is no server {host}, or no connection to the internet. Check both.")
        if not all(map(self._allowed, found)):
            raise ArticleError(f"{host} is no public server, and no other is asked. Save the page as a file instead.")
        return found


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends by the deadline, however little comes at a time."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = self._deadline.left(timeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, seconds), self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _within(seconds: float, call: Callable[[], T]) -> T:
    """What `call` gives, or TimeoutError; it goes on alone then, as nothing can break off a system's resolver."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except Exception as error:
            result.set_exception(error)

    Thread(target=run, daemon=True).start()
    return result.result(seconds)


def _read(response: httpcore.Response, here: Address) -> Fetched | str:
    headers = {name.lower(): value for name, value in reversed(response.headers)}  # of two alike, the first
    if response.status in _REDIRECTS and b"location" in headers:
        return headers[b"location"].decode("utf-8", "replace")
    if not 200 <= response.status < 300:
        answer = f"{response.status} {responses.get(response.status, '')}".strip()
        raise ArticleError(f"the server answered {answer}. Open the address in a browser to see why.")
    kind = headers.get(b"content-type", b"").decode("latin-1")
    charset = _CHARSET.search(kind)
    data = _joined(_unpacked(response.iter_stream(), headers.get(b"content-encoding", b"")))
    return Fetched(data, here.url, kind.partition(";")[0].strip().lower(), charset[1] if charset else None)


def _joined(pieces: Iterable[bytes]) -> bytes:
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > MAX_BYTES:
            raise ArticleError(f"it is longer than {MAX_BYTES // 1_000_000} MB. Save a part of it as a file.")
    return bytes(data)


def _unpacked(pieces: Iterable[bytes], encoding: bytes) -> Iterator[bytes]:
    """Small pieces, so that who reads them can stop before a bomb has gone off."""
    if encoding.lower() in (b"", b"identity"):
        yield from pieces
        return
    if encoding.lower() not in (b"gzip", b"x-gzip"):
        raise ArticleError("it is packed in a way that was not asked for. Save the page as a file instead.")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for piece in pieces:
            while piece and not unpacker.eof:
                yield unpacker.decompress(piece, _PIECE)
                piece = unpacker.unconsumed_tail
            if piece or unpacker.unused_data:
                raise zlib.error("more after the end")
        yield unpacker.flush()
        if not unpacker.eof:
            raise zlib.error("no end")
    except zlib.error:
        raise ArticleError(_DAMAGED) from None
