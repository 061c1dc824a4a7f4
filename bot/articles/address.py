"""Web addresses: checked and written one way, the id of the article there, and which machines may be asked at all.

It opens no connection and resolves no name.
"""

import hashlib
import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

import idna

from bot.articles import fields
from bot.errors import ArticleError

IPAddress = IPv4Address | IPv6Address
PORTS = {"http": 80, "https": 443}
MAX_LENGTH = 2000  # characters of an address
MAX_READABLE = 100  # characters of an id before its hash

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_KEPT = "/%:@!$&'()*+,;=~?"  # what stands in a path or query as it is; `%` begins what is quoted already
_UNICAST = IPv6Network("2000::/3")  # all that is given out of IPv6; Python calls much of the rest global
_NAT64 = IPv6Network("64:ff9b::/96")


class Address(NamedTuple):
    """An address without its fragment: `host` in ASCII, IPv6 without brackets; `target` is the path with its query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def place(self) -> str:
        """Host and port as addresses and the Host header have them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.place}{self.target}"

    @property
    def article_id(self) -> str:
        """Host and path, `/` as `_`; where that is cut or could be another address's, a part of a hash after it."""
        bare = self.place + ("" if self.target == "/" else self.target)
        flat = bare.replace("/", "_")
        told = self.scheme == "https" and "_" not in bare and fields.slug(flat) == flat
        if told and len(flat) <= MAX_READABLE:
            return flat
        readable = fields.slug(unquote(flat))[:MAX_READABLE].rstrip("-_.")
        return f"{readable}-{hashlib.sha256(self.url.encode()).hexdigest()[:8]}"


class Fetched(NamedTuple):
    """What is at `url`, the address after all redirects; `media_type` in small letters, "" where none was told."""

    data: bytes
    url: str
    media_type: str
    charset: str | None


def parse(given: str) -> Address:
    """The address that a person or a server wrote. Raises ArticleError for one that is wrong or not for the web."""
    try:
        parts = urlsplit(given.strip())
        host, port = _host(parts.hostname or ""), parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if not host or port == 0 or not given.strip().isprintable():
        raise ArticleError("it is not a web address. Copy it from the browser again, with its https://.")
    if parts.scheme not in PORTS:
        raise ArticleError("only addresses of http and https are fetched. Save the article as a file and add that.")
    if "@" in parts.netloc:
        raise ArticleError("it holds a user name or password. Take out what stands before the @, or save the page.")
    target = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    address = Address(parts.scheme, host, port or PORTS[parts.scheme], target)
    if len(address.url) > MAX_LENGTH:
        raise ArticleError(f"its address is longer than {MAX_LENGTH} characters. Save the page as a file and add that.")
    return address


def redirected(here: Address, location: str, typed: Address) -> Address:
    """Where the server at `here` sends us, who came from the address that was `typed`. Raises ArticleError if nowhere.

    Never from https to http, and to no port but the usual ones and, on the same host, the one that was typed: else a
    page could have us knock at any door.
    """
    try:
        there = parse(urljoin(here.url, location))
    except (ArticleError, ValueError) as error:
        raise ArticleError(f"it redirects to an address that is not followed: {error}") from None
    if (here.scheme, there.scheme) == ("https", "http"):
        raise ArticleError("it redirects from https to http, which is not followed. Save the page as a file instead.")
    if there.port != PORTS[there.scheme] and (there.host, there.port) != (typed.host, typed.port):
        raise ArticleError(f"it redirects to port {there.port}, which is not followed. Give that address itself.")
    return there


def is_public(ip: IPAddress) -> bool:
    """Whether it is a machine of the public internet: not this one, its network, multicast or a reserved address.

    IPv6 addresses that stand for an IPv4 one are judged by that.
    """
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast
    inner = ip.ipv4_mapped or ip.sixtofour or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
    return is_public(inner) if inner else ip in _UNICAST and ip.is_global


def _host(given: str) -> str:
    """In ASCII and one spelling; "" for what is no host's name. Raises ValueError for some that are not."""
    if ":" in given:
        return "" if "%" in given else str(IPv6Address(given))
    name = given.removesuffix(".")
    if not name.isascii():
        name = idna.encode(name, uts46=True).decode("ascii")  # as browsers do; Python's own makes straße.de strasse.de
    return name if _NAME.fullmatch(name) else ""
