"""How much a visitor may send: requests, bytes and files on their way in; what is over that is refused, not queued.

A visitor is a user, or where nobody logs in an address of the network. It knows nothing of what is sent.
"""

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.ui.gate import STATIC
from bot.ui.uploads import Folder
from bot.users import key

USER = "citebot.user"  # in a request's scope: who sent it
UPLOAD = "/gradio_api/upload"
LONGEST_BODY = 8_000_000  # bytes; the longest text that may be pasted, in any script
AT_ONCE_S = 10  # a visitor may do at once what is allowed in so many seconds: a page comes in many requests
AGAIN_S = 600  # after so many seconds a visitor may upload as much again
MOST_OPEN = 200  # requests of a visitor in work; a tab has two or three
PATIENCE_S, SLOWEST = 60.0, 10_000  # a body may take so long, and longer if so many bytes come in a second
LOOK_BYTES = 16_000_000  # between two looks at how full the folder of uploads is
MOST_VISITORS = 10_000  # who are remembered

_TOO_OFTEN = "These are too many requests. Wait a few seconds and load the page again."
_TOO_LONG = f"More than {LONGEST_BODY // 1_000_000} MB cannot be sent at once. Add long texts as files."
_TOO_SLOW = "The rest did not come in time. Send it again."
_NO_ROOM = "There is no room for more uploads at the moment. Try again when those that came are added."


class Allowance:
    """`most` at once for each of many, and `per_second` again of it. For one thread."""

    def __init__(self, most: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self._per_second, self._clock = most, per_second, clock
        self._spent: dict[str, tuple[float, float]] = {}  # by name: how much, and when

    def left(self, who: str) -> float:
        spent, at = self._spent.get(who, (0.0, 0.0))
        return self.most - max(0.0, spent - (self._clock() - at) * self._per_second)

    def take(self, who: str, amount: float = 1.0) -> bool:
        """Whether there was so much left; if not, nothing is taken."""
        left = self.left(who)
        if amount > left:
            return False
        if len(self._spent) >= MOST_VISITORS:
            self._spent = {name: one for name, one in self._spent.items() if self.left(name) < self.most}
            if len(self._spent) >= MOST_VISITORS and who not in self._spent:
                return False
        self._spent[who] = (self.most - left + amount, self._clock())
        return True


class Pace:
    """ASGI middleware: `per_second` requests (0: any number), and `upload_mb` MB of uploads in ten minutes."""

    def __init__(
        self,
        app: ASGIApp,
        uploads: Folder,
        per_second: int,
        upload_mb: int,
        clock: Callable[[], float] = time.monotonic,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._app, self._uploads, self._limited, self._patience_s = app, uploads, per_second > 0, patience_s
        self._requests = Allowance(per_second * AT_ONCE_S, per_second, clock)
        self._bytes = Allowance(upload_mb * 1e6, upload_mb * 1e6 / AGAIN_S, clock)
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(STATIC):
            await self._app(scope, receive, send)
            return
        who = visitor(scope)
        if self._limited and (self._open[who] >= MOST_OPEN or not self._requests.take(who)):
            await PlainTextResponse(_TOO_OFTEN, 429, {"Retry-After": "5"})(scope, receive, send)
            return
        self._open[who] += 1
        try:
            await self._pass_on(scope, receive, send, who)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, who: str) -> None:
        body = _Body(receive, self._take(scope, who), self._patience_s)
        body.expect(Headers(scope=scope).get("content-length", ""))
        began = False

        async def unless_refused(message: Message) -> None:
            nonlocal began
            if body.refusal is None or began:
                began = True
                await send(message)

        if body.refusal is None:
            try:
                await self._app(scope, body.receive, unless_refused)
            except Exception:
                if body.refusal is None:
                    raise
        if body.refusal is not None and not began:
            told, status = body.refusal
            await PlainTextResponse(told, status, {"Connection": "close"})(scope, receive, send)

    def _take(self, scope: Scope, who: str) -> "Take":
        if scope["path"].rstrip("/") != UPLOAD:
            return _no_longer_than(LONGEST_BODY)
        looked = -LOOK_BYTES

        def take(come: int, more: int, announced: bool) -> Refusal | None:
            nonlocal looked
            if come + more - looked >= LOOK_BYTES:
                looked = come + more
                if not self._uploads.has_room(more if announced else 0):
                    return _NO_ROOM, 507
            enough = self._bytes.left(who) >= more if announced else self._bytes.take(who, more)
            return None if enough else (self._too_much(), 413)

        return take

    def _too_much(self) -> str:
        most = int(self._bytes.most // 1e6)
        return f"More than {most} MB in {AGAIN_S // 60} minutes are not taken. Wait, or use `bot ingest`."


Refusal = tuple[str, int]  # what to say, with which status
# Bytes that have come, and how many more come now, or are announced; what is wrong with that.
Take = Callable[[int, int, bool], Refusal | None]


class _Body:
    """A request's body on its way in. Once there is a `refusal`, the reader is told that the visitor has left."""

    def __init__(self, receive: Receive, take: Take, patience_s: float) -> None:
        self._receive, self._take, self._patience_s = receive, take, patience_s
        self._began, self._come, self._whole = time.monotonic(), 0, False
        self.refusal: Refusal | None = None

    def expect(self, announced: str) -> None:
        if announced.isdecimal() and int(announced) > 0:
            self.refusal = self._take(0, int(announced), True)

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        left = self._began + self._patience_s + self._come / SLOWEST - time.monotonic()
        try:
            async with asyncio.timeout(left):
                message = await self._receive()
        except TimeoutError:
            return self._refuse((_TOO_SLOW, 408))
        if message["type"] != "http.request":
            return message
        come = len(message.get("body", b""))
        if come and (refusal := self._take(self._come, come, False)):
            return self._refuse(refusal)
        self._come += come
        self._whole = not message.get("more_body")
        return message

    def _refuse(self, refusal: Refusal) -> Message:
        self.refusal, self._whole = refusal, True
        return {"type": "http.disconnect"}


def visitor(scope: Scope) -> str:
    """Who sent a request; of IPv6 addresses the network, as each machine has many."""
    if user := scope.get(USER, ""):
        return f"user {key(user)}"
    address = (scope.get("client") or ("",))[0]
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return str(address)
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


def _no_longer_than(most: int) -> Take:
    return lambda come, more, announced: (_TOO_LONG, 413) if come + more > most else None
