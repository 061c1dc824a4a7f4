"""Headers of every response: they keep the browser from calling other hosts and from running what we did not write.

It knows nothing of what is in a page but the scripts that stand in it.
"""

import hashlib
import re
from base64 import b64encode

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = frozenset({"/", "/login", "/login/"})  # what is HTML
# Gradio makes functions of texts ("unsafe-eval") and sets styles; scripts in HTML, such as an article's, do not run.
# Every address but our own is refused, so that neither Gradio nor an article can make the browser call anyone.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'{hashes}; script-src-attr 'none'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; media-src 'none'; frame-src 'none'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
UNUSED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
}
_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)


class Headers:
    """ASGI middleware. A page's own scripts are named by their sums, so it is held back until it is whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if page := scope["path"] in PAGES:  # packed, its scripts could not be read
            scope = {**scope, "headers": [one for one in scope["headers"] if one[0] != b"accept-encoding"]}
        held: list[Message] = []

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({**HEADERS, "Content-Security-Policy": POLICY.format(hashes="")})
            if not page:
                await send(message)
                return
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                body = b"".join(part.get("body", b"") for part in held[1:])
                MutableHeaders(scope=held[0])["Content-Security-Policy"] = POLICY.format(hashes=_hashes(body))
                for part in held:
                    await send(part)
                held.clear()

        await self._app(scope, receive, send_with_headers)


def _hashes(html: bytes) -> str:
    """The scripts that stand in a page, as a policy names them: the browser runs these and no others."""
    sums = (b64encode(hashlib.sha256(_as_parsed(script)).digest()).decode() for script in _SCRIPT.findall(html))
    return "".join(f" 'sha256-{one}'" for one in dict.fromkeys(sums))


def _as_parsed(script: bytes) -> bytes:
    return script.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
