"""Web addresses: which are taken, how they are written, the ids made of them, and which machines are public."""

from ipaddress import ip_address

import pytest
from anything import texts
from hypothesis import given
from hypothesis import strategies as st

from bot.articles import article_id
from bot.articles.address import MAX_LENGTH, is_public, parse, redirected
from bot.errors import ArticleError

NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.254 127.0.0.1 127.8.8.8 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0
    64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::7f00:1 64:ff9b:1::8.8.8.8 100::1 2001::1 2001:db8::1
    2002:7f00:1:: 2002:a00:1::1 2002:a9fe:a9fe:: fc00::1 fd12:3456::1 fe80::1 fe80::1%1 fec0::1 ff02::1 ff0e::1
    4000::1"""
PUBLIC = """
    1.1.1.1 100.63.255.255 100.128.0.1 172.32.0.1 8.8.8.8 223.255.255.254 2606:4700::1111 2a00:1450:4001::1
    ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1"""


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://example.org", "https://example.org/"),
        (" https://Example.ORG:443/A?b=c#d \n", "https://example.org/A?b=c"),
        ("http://example.org.:80/", "http://example.org/"),
        ("http://example.org:8080/a", "http://example.org:8080/a"),
        ("https://köln.example/Dom läuft", "https://xn--kln-sna.example/Dom%20l%C3%A4uft"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://example.org/a%20b?q=ü&r=%C3%BC", "https://example.org/a%20b?q=%C3%BC&r=%C3%BC"),
        ("https://[2606:4700::0:1]/", "https://[2606:4700::1]/"),
        ("https://[2606:4700::1]:8443/", "https://[2606:4700::1]:8443/"),
        ("HTTPS://example.org/x\\y", "https://example.org/x%5Cy"),
        ("https://１２７.0.0.1/", "https://127.0.0.1/"),
    ],
)
def test_addresses_are_written_one_way(given: str, url: str) -> None:
    assert parse(given).url == url
    assert parse(url) == parse(given)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "not a web address"),
        ("example.org/a", "not a web address"),
        ("https://", "not a web address"),
        ("https:///etc/passwd", "not a web address"),
        ("https://exa mple.org/", "not a web address"),
        ("https://example.org\\@127.0.0.1/", "not a web address|user name"),
        ("https://a..b/\x00", "not a web address"),
        ("https://example.org/a\nHost: b", "not a web address"),
        ("https://example.org:0/", "not a web address"),
        ("https://example.org:70000/", "not a web address"),
        ("https://[::1/", "not a web address"),
        ("https://[fe80::1%25eth0]/", "not a web address"),
        ("https://[v1.x:y]/", "not a web address"),
        ("https://exam%70le.org/", "not a web address"),
        ("ftp://example.org/a", "http and https"),
        ("file://example.org/etc/passwd", "http and https"),
        ("https://user@example.org/", "user name or password"),
        ("https://user:secret@example.org/", "user name or password"),
        (f"https://example.org/{'a' * MAX_LENGTH}", "longer than 2000"),
    ],
)
def test_addresses_that_are_not_taken(given: str, reason: str) -> None:
    with pytest.raises(ArticleError, match=reason) as error:
        parse(given)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "ident"),
    [
        ("https://example.org/", "example.org"),
        ("https://example.org/news/harbour-ferry.html", "example.org_news_harbour-ferry.html"),
        ("https://example.org/news/", "example.org_news_"),
        ("https://example.org/a_b", "example.org_a_b-"),
        ("https://example.org/a/b", "example.org_a_b"),
        ("http://example.org/a/b", "example.org_a_b-"),
        ("https://example.org/a--b", "example.org_a-b-"),
        ("https://example.org/a?page=2", "example.org_a-page-2-"),
        ("https://example.org:8443/", "example.org-8443-"),
        ("https://de.example.org/wiki/K%C3%B6ln", "de.example.org_wiki_Köln-"),
        ("https://example.org/%FF%00", "example.org-"),
        ("https://[2606:4700::1]/", "2606-4700-1-"),
        (f"https://example.org/{'long/' * 50}", f"example.org_{'long_' * 17}lon-"),
    ],
)
def test_ids(given: str, ident: str) -> None:
    """An address that another may look like has eight digits of a hash in its id."""
    made = parse(given).article_id
    assert made.startswith(ident)
    assert len(made) == len(ident) + (8 if ident.endswith("-") else 0)
    assert article_id(made) == made


def test_no_two_addresses_share_an_id() -> None:
    paths = [
        "/a/b",
        "/a_b",
        "/a-b",
        "/a--b",
        "/a/b/",
        "/a/b?",
        "/a/b?c",
        "/a/b/c",
        "/a.b",
        "/A/b",
        "/a%2Fb",
        "/a//b",
        "",
    ]
    long = [f"/{'x' * 150}{end}" for end in "ab"]
    hosts = ["https://example.org", "http://example.org", "https://example.org:8443", "https://example.org_a"]
    addresses = {parse(host + path) for host in hosts for path in ["", *paths, *long]}
    assert len({address.article_id for address in addresses}) == len(addresses) > 50


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("b?c#d", "http://example.org:8080/a/b?c"),
        ("//other.example/", "http://other.example/"),
        ("https://other.example/", "https://other.example/"),
        ("http://example.org:8080/", "http://example.org:8080/"),
        ("http://other.example:8080/", "port 8080"),
        ("http://example.org:22/", "port 22"),
        ("https://example.org:80/", "port 80"),
        ("file:///etc/passwd", "not followed"),
        ("https://user:secret@example.org/", "user name"),
        ("http://[::1", "not followed"),
    ],
)
def test_redirects(location: str, expected: str) -> None:
    typed = parse("http://example.org:8080/a/")
    if expected.startswith("http"):
        assert redirected(typed, location, typed).url == expected
    else:
        with pytest.raises(ArticleError, match=expected):
            redirected(typed, location, typed)


def test_a_redirect_may_lead_back_to_the_port_that_was_typed() -> None:
    typed, between = parse("http://example.org:8080/a"), parse("http://other.example/")
    assert redirected(between, "http://example.org:8080/b", typed).url == "http://example.org:8080/b"
    with pytest.raises(ArticleError, match="port 8080"):
        redirected(between, "http://other.example:8080/b", typed)


def test_redirects_keep_the_lock() -> None:
    secure = parse("https://example.org/a")
    with pytest.raises(ArticleError, match="from https to http"):
        redirected(secure, "http://example.org/a", secure)
    assert redirected(secure, "/b", secure).url == "https://example.org/b"


@pytest.mark.parametrize("ip", NOT_PUBLIC.split())
def test_machines_that_are_not_public(ip: str) -> None:
    assert not is_public(ip_address(ip))


@pytest.mark.parametrize("ip", PUBLIC.split())
def test_machines_that_are_public(ip: str) -> None:
    assert is_public(ip_address(ip))


@pytest.mark.parametrize("given", ["https://.../", "https://a..b/", "https://.a/"])
def test_names_without_letters_between_dots_are_refused(given: str) -> None:
    with pytest.raises(ArticleError, match="not a web address"):
        parse(given)


PARTS = st.sampled_from(
    [*"/:@?#[]%&=. \\", "http", "https:", "//", "example.org", "127.0.0.1", "[::1]", "xn--", "%2F", "ü", "８", ":80"]
)
WRITTEN = st.lists(PARTS | texts(2), max_size=8).map("".join) | PARTS.map(lambda part: f"https://example.org/{part}")


@given(WRITTEN)
def test_any_address_is_written_one_way_or_refused(given: str) -> None:
    try:
        address = parse(given)
    except ArticleError:
        return
    assert address.url.isascii()
    assert address.url.isprintable()
    assert " " not in address.url
    assert len(address.url) <= MAX_LENGTH
    assert parse(address.url) == address
    assert article_id(address.article_id) == address.article_id


@given(WRITTEN, WRITTEN)
def test_any_redirect_leads_to_a_usual_port_or_nowhere(here: str, location: str) -> None:
    typed = parse("https://example.org:8443/a")
    for start in (typed, parse("http://example.org/")):
        try:
            there = redirected(start, location, typed)
        except ArticleError:
            continue
        assert (there.scheme, there.port) in (("http", 80), ("https", 443)) or there.place == typed.place
        assert (start.scheme, there.scheme) != ("https", "http")
