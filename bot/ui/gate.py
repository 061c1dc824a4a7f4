"""What may come in at all: names that the page is reached by, pages that may call it, and what there is to be called.

It knows no user and reads no body. The enemy is a foreign web page in the browser of somebody who uses Citebot: it
can send requests to this machine from inside, and name servers can be made to say that its own name means this machine.
"""

import ipaddress
import re
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
ANY_HOST = "*"
OWN_NETWORK = "names of this network"  # IP addresses, and names that no public name server gives
_OWN_ENDINGS = (".local", ".lan", ".home.arpa", ".internal")

# All that the page, the API and the MCP server need. What else Gradio serves reads files (file=, stream), has this
# machine call others (proxy=, file=https://…), keeps states on disk (deep_link) or is for development.
STATIC = ("/assets/", "/static/", "/svelte/")
_API = "/gradio_api"
_EXACT = frozenset({
    "/", "/login", "/logout", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt",
    *(f"{_API}/{name}" for name in (
        "app_id", "cancel", "info", "login_check", "mcp", "openapi.json", "queue/data", "queue/join", "queue/status",
        "reset", "startup-events", "theme.css", "upload", "upload_progress", "user",
    )),
})  # fmt: skip
_BELOW = (*STATIC, "/conversations/", *(f"{_API}/{name}/" for name in ("api", "call", "heartbeat", "mcp", "run")))
_METHODS = frozenset({"GET", "HEAD", "POST"})
_ODD = re.compile(r"(^|/)\.{1,2}(/|$)|//|[\\\x00-\x1f\x7f]")


class Gate:
    """ASGI middleware: refuses all but requests to `hosts`, of this page or of no page, for what is served."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # the page has none
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http" and (refusal := self._refusal(scope)):
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        if not is_known(headers.getlist("host"), self._hosts):
            return PlainTextResponse("Citebot is not reached by this name. chat.names lists those it has.", 400)
        if not is_own(scope["method"], path, headers):
            return PlainTextResponse("Another web page may not use Citebot.", 403)
        if not is_served(path):
            return PlainTextResponse("There is no such page.", 404)
        if scope["method"] not in _METHODS and not path.startswith(f"{_API}/mcp"):
            return PlainTextResponse("This is done in another way.", 405)
        return None


def trusted_hosts(host: str, bound: str, names: Sequence[str] = (), login: bool = False) -> list[str]:
    """The names to answer to when `host` was asked for and the socket is bound to the IP address `bound`.

    A foreign page whose name is made to point here ("DNS rebinding") sends its own name, and is refused. On a wildcard
    address this machine has names that we cannot know. Nobody can be made to point the local ones here; with a log-in
    all are answered, as the browser keeps the log-in of one name from the pages of another.
    """
    if ipaddress.ip_address(bound).is_unspecified:
        return [ANY_HOST] if login else [*LOCAL_HOSTS, OWN_NETWORK, *names]
    return [*LOCAL_HOSTS, in_address(host), *names]


def in_address(host: str) -> str:
    """`host` as it stands in a web address, where browsers write an IPv6 address in its short form."""
    return f"[{ipaddress.ip_address(host).compressed}]" if ":" in host else host


def is_known(given: Sequence[str], hosts: Collection[str]) -> bool:
    """Whether the one Host header of a request is a name of ours, whatever its port."""
    if len(given) != 1 or not (name := re.sub(r":\d{1,5}$", "", given[0].lower())):
        return False
    return ANY_HOST in hosts or name in map(str.lower, hosts) or (OWN_NETWORK in hosts and _is_of_network(name))


def is_own(method: str, path: str, headers: Headers) -> bool:
    """Whether no other web page made this request; to follow a link from one to the page itself is no use of it.

    Browsers tell where a request comes from, and no page can change that; other programs tell nothing.
    """
    site = headers.get("sec-fetch-site", "none")
    link = method == "GET" and path == "/" and headers.get("sec-fetch-mode") == "navigate"
    if site not in {"same-origin", "none"} and not (link and headers.get("sec-fetch-dest") == "document"):
        return False
    origins = headers.getlist("origin")
    called = headers.get("x-forwarded-host", "").split(",")[0].strip() or headers.get("host", "")
    return all(_bare(urlsplit(origin).netloc) == _bare(called) for origin in origins)


def is_served(path: str) -> bool:
    return not _ODD.search(path) and ((path.rstrip("/") or "/") in _EXACT or path.startswith(_BELOW))


def _bare(place: str) -> str:
    return re.sub(r":(80|443)$", "", place.lower())


def _is_of_network(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name or name.endswith(_OWN_ENDINGS)
    return True
