"""Who gets in: with a log-in, every request of nobody's is refused here but for those that the log-in page needs.

Gradio makes the log-in page, the cookies and the sessions; it guards some of its routes only, so all pass through here.
What a user may do is the same for all, but for sessions: each belongs to the user who used it first.
"""

import asyncio
import json
import logging
from typing import Any

from fastapi import HTTPException, Request
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.errors import UserError
from bot.ui.gate import STATIC
from bot.ui.pace import USER
from bot.users import Users, key

log = logging.getLogger("bot.ui")

GREETING = "This is Citebot. After too many wrong passwords, the right one is refused for a minute, too."
# What the log-in page consists of; it holds nothing of the user's. Without a log-in "/" is that page.
OPEN = frozenset({"/", "/login", "/login/", "/logout", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt"})
FORMS = frozenset({"/login", "/login/", "/gradio_api/upload"})  # they name no session
FORM = "application/x-www-form-urlencoded"


def user_of(connection: HTTPConnection) -> str:
    """The name of the user who sent this, "" where nobody need log in."""
    return str(connection.scope.get(USER, ""))


class Door:
    """Knows who is logged in, from Gradio's sessions; a user who was removed, or has a new password, is so no more."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._marks: dict[str, str] = {}  # of users, as they were when they logged in
        self._owners: dict[str, str] = {}  # sessions (a tab each) → users
        self.gradio: Any = None  # the mounted app; until it is known, nobody gets in

    async def log_in(self, name: str, password: str) -> bool:
        """Gradio's `auth`: whether this is the user's password."""
        try:
            mark = self._users.mark(name)
            right = await asyncio.to_thread(self._users.check, name, password)
        except UserError as error:
            log.error("%s", error)
            return False
        if right:
            self._renew(name, mark)
        return right

    def who(self, connection: HTTPConnection) -> str:
        """The name of the user who sent this, "" for nobody."""
        if self.gradio is None:
            return ""
        cookies, number = connection.cookies, self.gradio.cookie_id
        token = cookies.get(f"access-token-{number}") or cookies.get(f"access-token-unsecure-{number}")
        name = str(self.gradio.tokens.get(token, ""))
        try:
            mark = self._users.mark(name) if name else ""
        except UserError as error:
            log.error("%s", error)
            return ""
        return name if name and self._renew(name, mark) else ""

    async def own_session(self, request: Request) -> None:
        """A dependency of all of Gradio's routes; raises 403 where a request names another user's session.

        Browsers make the names of sessions up, of random letters that are not meant to be a secret.
        """
        if not (user := key(user_of(request))):
            return  # the log-in page, which names none
        names = [request.path_params.get("session_hash"), *request.query_params.getlist("session_hash")]
        if request.url.path not in FORMS:
            if request.headers.get("content-type", "").lower().startswith(("multipart/", FORM)):
                raise HTTPException(403, "Only files and log-ins are sent in this form.")
            names.append(_session_in(await request.body()))
        if any(self._owners.setdefault(name, user) != user for name in names if name):
            raise HTTPException(403, "This session is another user's. Load the page again.")

    def _renew(self, name: str, mark: str) -> bool:
        """Whether the user is as at the last log-in; if not, all who are logged in under this name are logged out."""
        same = bool(mark) and self._marks.get(key(name)) == mark
        if not same:
            for token, other in list(self.gradio.tokens.items()):
                if key(other) == key(name):
                    self.gradio.tokens.pop(token, None)
            self._marks[key(name)] = mark
        return same


class Guard:
    """ASGI middleware: lets through who is logged in, and others to OPEN only."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the server's own beginning and end
            await self._app(scope, receive, send)
            return
        user = self._door.who(HTTPConnection(scope))
        path = scope["path"]
        if user or path in OPEN or path.startswith(STATIC):
            await self._app({**scope, USER: user}, receive, _stricter(scope, send))
        else:
            await PlainTextResponse("Log in first.", 401)(scope, receive, send)


def _session_in(body: bytes) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return str(value.get("session_hash") or "") if isinstance(value, dict) else ""


def _stricter(scope: Scope, send: Send) -> Send:
    """Cookies go to no request that another site makes, and over HTTPS only if they came so; browsers keep no page."""

    async def stricter(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            cookies = headers.getlist("set-cookie")
            del headers["set-cookie"]
            for cookie in cookies:
                secure = "; Secure" if scope["scheme"] == "https" and "Secure" not in cookie else ""
                headers.append("set-cookie", cookie.replace("SameSite=none", "SameSite=lax") + secure)
            if not scope["path"].startswith(STATIC):
                headers["cache-control"] = "no-store"
        await send(message)

    return stricter
