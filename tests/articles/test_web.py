"""Fetching from real servers on this machine: which are asked, how far redirects go, and that limits hold."""

import gzip
import socket
import ssl
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from itertools import repeat
from pathlib import Path

import pytest
from servers import Page, Site, free_port, site

from bot import __version__
from bot.articles import Skipped, read_url
from bot.articles.address import IPAddress
from bot.articles.web import MAX_BYTES, Fetcher
from bot.errors import ArticleError
from bot.schema import Article

from .test_pdf import PAGE, make_pdf

NAMES = {
    "news.test": ["127.0.0.1"],
    "inside.test": ["10.0.0.7"],
    "both.test": ["93.184.216.34", "10.0.0.7"],
    "second.test": ["::1", "127.0.0.1"],
}
NOT_PUBLIC = """
    127.0.0.1 127.1 0x7f.1 0x7f000001 2130706433 017700000001 0 0.0.0.0 localhost LOCALHOST. 10.0.0.1 192.168.0.1
    169.254.169.254 100.64.0.1 224.0.0.1 255.255.255.255 [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:10.0.0.1]
    [::ffff:7f00:1] [fe80::1] [fd00::1] [64:ff9b::7f00:1] [2002:7f00:1::] １２７.0.0.1"""
STORY = "The harbour ferry left at noon, and the mayor of Lindaby waved from the quay as the band played on. " * 4
SENTENCE = "The harbour ferry left at noon, and the mayor of Lindaby waved from the quay as the band…"
HTML = f"<html><head><title>Ferry</title></head><body><article><p>{STORY}</p><p>{STORY}</p></article></body></html>"
CERTIFICATE = Path(__file__).with_name("news.test.pem")  # of news.test, signed by itself, good for a hundred years


def names(table: Mapping[str, Sequence[str]] = NAMES) -> Callable[[str], list[IPAddress]]:
    def resolve(host: str) -> list[IPAddress]:
        if host in table:
            return [ip_address(ip) for ip in table[host]]
        if host[0].isdigit():
            return [ip_address(host)]
        raise socket.gaierror(host)

    return resolve


def is_here(ip: IPAddress) -> bool:
    return ip.is_loopback


def fetcher(seconds: float = 10.0, tls: ssl.SSLContext | None = None) -> Fetcher:
    """One that takes the servers of this machine for public ones, and no others."""
    return Fetcher(is_here, names(), seconds=seconds, tls=tls)


def to(location: str, status: int = 302) -> Page:
    return Page(status=status, headers={"Location": location, "Set-Cookie": "seen=1", "Content-Length": "0"})


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()


PACKED = {"Content-Encoding": "gzip"}
PAGES = {
    "/story": Page(HTML.encode()),
    "/packed": Page(gzip.compress(HTML.encode()), headers=PACKED),
    "/one": to("/two?x=1#top"),
    "/two?x=1": to("http://news.test:{port}/story", 301),
    "/loop": to("/loop"),
    "/inside": to("http://inside.test/"),
    "/metadata": to("http://169.254.169.254/latest/meta-data"),
    "/file": to("file:///etc/passwd"),
    "/nowhere": Page(HTML.encode(), status=302),
    "/big": Page(pieces=repeat(bytes(100_000))),
    "/bomb": Page(bomb(100), headers=PACKED),
    "/cut": Page(gzip.compress(HTML.encode())[:-20], headers=PACKED),
    "/more": Page(gzip.compress(HTML.encode()) * 2, headers=PACKED),
    "/not-packed": Page(HTML.encode(), headers=PACKED),
    "/brotli": Page(b"?", headers={"Content-Encoding": "br"}),
    "/short": Page(b"half", headers={"Content-Length": "1000"}),
    "/drip": Page(pieces=repeat(b"<p>"), seconds=0.05),
    "/picture": Page(b"\x89PNG", kind="image/png"),
    "/report.pdf": Page(make_pdf([PAGE]), kind="application/pdf"),
    "/download.pdf": Page(make_pdf([PAGE]), kind="application/octet-stream"),
    "/readme.md": Page(f"---\nsource: Gazette\n---\n# Ferry\n\n{STORY}".encode(), kind="text/plain"),
    "/plain": Page(STORY.encode(), kind="Text/Plain"),
    "/untold.txt": Page(STORY.encode(), kind=None),
    "/untold": Page(STORY.encode(), kind=None),
    "/cyrillic": Page("Паром ушёл.".encode("koi8-r"), kind='text/plain; charset="KOI8-R"'),
    "/quoted": Page("“Ahoy,” she said.".encode("cp1252"), kind="text/plain; charset=iso-8859-1"),
    "/both": Page(HTML.replace("<title>", '<meta charset="koi8-r"><title>É').encode(), kind="text/html; charset=UTF-8"),
    "/only-meta": Page(HTML.replace("<title>", '<meta charset="utf-8"><title>É').encode(), kind="text/html; charset=x"),
    "/empty": Page(b"", kind="text/plain"),
    "/broken": Page(b"", status=500),
} | {f"/down/{number}": to(f"/down/{number - 1}" if number else "/story") for number in range(7)}


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    pages = dict(PAGES)
    with site(pages) as running:
        for path, page in PAGES.items():
            headers = {name: value.format(port=running.port) for name, value in page.headers.items()}
            pages[path] = page._replace(headers=headers)
        yield running


@pytest.fixture
def news(server: Site) -> Site:
    server.asked.clear()
    return server


def at(news: Site, path: str, host: str = "news.test") -> str:
    return f"http://{host}:{news.port}{path}"


# -- what is fetched, and how it is asked for --


@pytest.mark.parametrize("path", ["/story", "/packed", "/one"])
def test_a_page_is_fetched(news: Site, path: str) -> None:
    page = fetcher().fetch(at(news, path))
    assert page.data == HTML.encode()
    assert (page.media_type, page.charset) == ("text/html", "utf-8")
    assert page.url == at(news, "/story" if path == "/one" else path)


def test_servers_are_told_little(news: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither cookies nor where we come from; and a proxy of the environment is not asked."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    fetcher().fetch(at(news, "/one#part"))
    assert [path for path, _ in news.asked] == ["/one", "/two?x=1", "/story"]
    for _, headers in news.asked:
        assert headers["host"] == f"news.test:{news.port}"
        assert headers["user-agent"] == f"citebot/{__version__}"
        assert set(headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}


def test_the_host_header_of_an_ipv6_address_has_brackets(news: Site) -> None:
    Fetcher(is_here, lambda host: [ip_address("127.0.0.1")]).fetch(at(news, "/story", "[2606:4700::1]"))
    assert news.asked[0][1]["host"] == f"[2606:4700::1]:{news.port}"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/loop", "more than 5 times"),
        ("/down/6", "more than 5 times"),
        ("/inside", "inside.test is no public server"),
        ("/metadata", "169.254.169.254 is no public server"),
        ("/file", "not followed"),
        ("/nowhere", "answered 302 Found"),
        ("/big", "longer than 10 MB"),
        ("/bomb", "longer than 10 MB"),
        ("/cut", "damaged"),
        ("/more", "damaged"),
        ("/not-packed", "damaged"),
        ("/brotli", "not asked for"),
        ("/short", "broke off"),
        ("/gone", "answered 404 Not Found. Open"),
        ("/broken", "answered 500 Internal Server Error. Open"),
    ],
)
def test_what_cannot_be_had(news: Site, path: str, reason: str) -> None:
    with pytest.raises(ArticleError, match=reason) as error:
        fetcher().fetch(at(news, path))
    assert str(error.value).count(". ") >= 1


def test_five_redirects_are_followed(news: Site) -> None:
    assert fetcher().fetch(at(news, "/down/4")).url == at(news, "/story")
    assert len(news.asked) == 6


def test_a_bomb_does_not_go_off(news: Site) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ArticleError, match="longer than"):
            fetcher().fetch(at(news, "/bomb"))
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BYTES
    finally:
        tracemalloc.stop()


# -- which machines are asked --


@pytest.mark.parametrize("host", NOT_PUBLIC.split())
def test_machines_that_are_not_public_are_not_asked(news: Site, host: str) -> None:
    with pytest.raises(ArticleError, match="no public server"):
        Fetcher().fetch(at(news, "/story", host))
    assert news.asked == []


def test_one_private_address_of_a_name_is_enough(news: Site) -> None:
    with pytest.raises(ArticleError, match="both.test is no public server"):
        Fetcher(resolve=names()).fetch("http://both.test/")


def test_a_name_is_resolved_once_and_what_was_checked_is_asked(news: Site) -> None:
    """A name server that says something else the second time does not move the connection."""
    answers = [["127.0.0.1"], ["10.0.0.7"], ["10.0.0.7"]]

    def resolve(host: str) -> list[IPAddress]:
        return [ip_address(ip) for ip in answers.pop(0)]

    rebound = Fetcher(is_here, resolve)
    assert rebound.fetch(at(news, "/story", "rebound.test")).data == HTML.encode()
    assert len(answers) == 2
    assert news.asked[0][1]["host"] == f"rebound.test:{news.port}"
    with pytest.raises(ArticleError, match="no public server"):
        rebound.fetch(at(news, "/story", "rebound.test"))


def test_each_redirect_is_checked_anew(news: Site) -> None:
    answers = [["127.0.0.1"], ["10.0.0.7"]]
    with pytest.raises(ArticleError, match="no public server"):
        Fetcher(is_here, lambda host: list(map(ip_address, answers.pop(0)))).fetch(at(news, "/one"))
    assert [path for path, _ in news.asked] == ["/one"]


def test_the_next_address_is_tried_where_one_does_not_answer(news: Site) -> None:
    assert fetcher().fetch(at(news, "/story", "second.test")).media_type == "text/html"


@pytest.mark.parametrize("host", ["nosuch.test", f"{'a' * 70}.test"])
def test_a_name_without_a_server(host: str) -> None:
    def resolve(asked: str) -> list[IPAddress]:
        asked.encode("idna")  # as the system's resolver does first
        raise socket.gaierror(asked)

    with pytest.raises(ArticleError, match="there is no server"):
        Fetcher(is_here, resolve).fetch(f"http://{host}/")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(ArticleError, match="news.test does not answer"):
        fetcher().fetch(f"http://news.test:{free_port()}/")


# -- TLS --


@pytest.fixture
def secure() -> Iterator[Site]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    pages = {"/story": Page(HTML.encode()), "/down": to("http://news.test/"), "/on": to("/story")}
    with site(pages, tls) as running:
        yield running


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATE))


def test_tls_and_the_host_header_have_the_name(secure: Site) -> None:
    page = fetcher(tls=trusting()).fetch(f"https://news.test:{secure.port}/on")
    assert page.url == f"https://news.test:{secure.port}/story"
    assert secure.names == ["news.test"] * 2
    assert {headers["host"] for _, headers in secure.asked} == {f"news.test:{secure.port}"}


def test_https_does_not_go_down_to_http(secure: Site) -> None:
    with pytest.raises(ArticleError, match="from https to http"):
        fetcher(tls=trusting()).fetch(f"https://news.test:{secure.port}/down")


@pytest.mark.parametrize(
    ("host", "tls", "reason"),
    [
        ("second.test", trusting(), "second.test did not prove who it is: Hostname mismatch"),
        ("news.test", None, "news.test did not prove who it is: self.signed"),
    ],
    ids=["another name", "not trusted"],
)
def test_certificates_are_checked(secure: Site, host: str, tls: ssl.SSLContext | None, reason: str) -> None:
    with pytest.raises(ArticleError, match=reason):
        fetcher(tls=tls).fetch(f"https://{host}:{secure.port}/story")
    assert secure.asked == []


def test_a_server_without_tls(news: Site) -> None:
    with pytest.raises(ArticleError, match="no TLS that we know"):
        fetcher(tls=trusting()).fetch(f"https://news.test:{news.port}/story")


# -- time --


def test_drips_end_on_time(news: Site) -> None:
    began = time.monotonic()
    with pytest.raises(ArticleError, match="took too long"):
        fetcher(seconds=0.5).fetch(at(news, "/drip"))
    assert 0.4 < time.monotonic() - began < 10


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_silence_ends_on_time(scheme: str) -> None:
    """A server that takes the connection and says nothing, not even in TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(ArticleError, match="took too long"):
            fetcher(seconds=0.5, tls=trusting()).fetch(f"{scheme}://news.test:{silent.getsockname()[1]}/")
        assert 0.4 < time.monotonic() - began < 10


def test_a_slow_name_server_ends_on_time() -> None:
    def resolve(host: str) -> list[IPAddress]:
        time.sleep(3)
        return [ip_address("127.0.0.1")]

    began = time.monotonic()
    with pytest.raises(ArticleError, match="took too long"):
        Fetcher(is_here, resolve, seconds=0.5).fetch("http://news.test/")
    assert time.monotonic() - began < 2


def test_time_is_for_all_redirects_together(news: Site) -> None:
    def resolve(host: str) -> list[IPAddress]:
        time.sleep(0.3)
        return [ip_address("127.0.0.1")]

    with pytest.raises(ArticleError, match="took too long"):
        Fetcher(is_here, resolve, seconds=0.8).fetch(at(news, "/down/4"))


# -- pages as articles --


@pytest.mark.parametrize(
    ("path", "title", "begins"),
    [
        ("/story", "Ferry", "The harbour ferry left"),
        ("/report.pdf", "Ferry report", "Ferry report\n\nThe ferry to Selm"),
        ("/download.pdf", "Ferry report", "Ferry report\n\nThe ferry to Selm"),
        ("/readme.md", "Ferry", "# Ferry"),
        (
            "/plain",
            "The harbour ferry left at noon, and the mayor of Lindaby waved from the quay as the band…",
            "The har",
        ),
        (
            "/untold.txt",
            "The harbour ferry left at noon, and the mayor of Lindaby waved from the quay as the band…",
            "The",
        ),
        ("/cyrillic", "Паром ушёл.", "Паром ушёл."),
        ("/quoted", "“Ahoy,” she said.", "“Ahoy,” she said."),
        ("/both", "ÉFerry", "The harbour ferry left"),
        ("/only-meta", "ÉFerry", "The harbour ferry left"),
    ],
)
def test_pages_of_all_kinds_are_read(news: Site, path: str, title: str, begins: str) -> None:
    article = read_url(at(news, path), fetcher().fetch)
    assert isinstance(article, Article)
    assert (article.title, article.text[: len(begins)]) == (title, begins)
    assert article.url == article.origin == at(news, path)
    assert article.source == ("Gazette" if path == "/readme.md" else "news.test")
    assert article.id.startswith(f"news.test-{news.port}_{path[1:]}-")


def test_an_article_is_known_by_where_it_was_found(news: Site) -> None:
    direct, led = (read_url(at(news, path), fetcher().fetch) for path in ("/story#end", "/one"))
    assert direct == led
    assert isinstance(led, Article)
    assert led.url == at(news, "/story")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/picture", "it is image/png, which cannot be read"),
        ("/untold", "of no kind that the server names"),
        ("/gone", "answered 404"),
        ("/empty", "no text"),
    ],
)
def test_pages_that_give_no_article(news: Site, path: str, reason: str) -> None:
    read = read_url(at(news, path), fetcher().fetch)
    assert isinstance(read, Skipped)
    assert read.origin == at(news, path)
    assert reason in read.reason
