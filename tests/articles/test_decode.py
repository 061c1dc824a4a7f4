"""Encodings, line ends, control characters and files that are no text."""

import codecs

import pytest

from bot.articles.decode import as_utf8, decode
from bot.errors import ArticleError

ENGLISH = "“No ferry today,” said Zoë – a ticket costs £5 at the café. " * 3
RUSSIAN = "Паром в Сельм вышел в море в понедельник, на борту был мэр города. " * 5
JAPANESE = "月曜日に新しいフェリーが出航した。市長も乗っていた。" * 10


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ENGLISH, "utf-8"),
        (ENGLISH, "utf-8-sig"),
        (ENGLISH, "utf-16"),
        (ENGLISH, "utf-16-le"),
        (ENGLISH, "utf-16-be"),
        (ENGLISH, "utf-32"),
        (ENGLISH, "cp1252"),
        (RUSSIAN, "utf-8"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        ("", "utf-8"),
    ],
)
def test_encoding_is_found(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_declared_encoding_goes_before_guessing() -> None:
    assert decode("Größe".encode("cp850"), "cp850") == "Größe"


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        ("Größe", "utf-8", "no-such-encoding"),
        ("Größe", "utf-8", "undefined"),
        ("Größe", "utf-8", "punycode"),
        ("Größe", "utf-8", "idna"),
        ("Größe", "utf-8", "rot13"),
        ("Größe", "utf-8", "cp037"),
        (r"C:\new\u0041", "ascii", "unicode_escape"),
        (r"C:\new\u0041", "ascii", "raw-unicode-escape"),
        ("a +AGE- b", "ascii", "utf-7"),
        ("even", "ascii", "utf-16"),
        (RUSSIAN, "koi8-r", "KOI8-R"),
        (RUSSIAN, "cp1251", "windows-1251"),
        (RUSSIAN, "mac-cyrillic", "x-mac-cyrillic"),
        (JAPANESE, "shift_jis", "Shift_JIS"),
        (JAPANESE, "iso2022_jp", "iso-2022-jp"),
        ("Größe", "latin-1", "ISO-8859-1"),
        ("“Größe”", "cp1252", "ISO-8859-1"),
        ("渡輪", "big5", "Big5"),
        ("渡轮", "gbk", "GB2312"),
        ("나룻배", "euc-kr", "EUC-KR"),
    ],
)
def test_only_encodings_of_text_may_be_declared(text: str, encoding: str, declared: str) -> None:
    assert decode(text.encode(encoding), declared) == text


def test_line_ends_and_control_characters() -> None:
    text = "one\r\ntwo\rthree\x0cfour\x85five\x00\x07\x7f\x9f six\tseven \u202e\u200d" + "." * 80
    assert decode(text.encode()) == "one\ntwo\nthree\nfour\nfive six\tseven \u202e\u200d" + "." * 80


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
        bytes(1000),
        b"\x7fELF\x02\x01\x01" + bytes(60) + bytes(range(128, 256)),
        codecs.BOM_UTF16_LE + b"\x00\xd8\x00\xd8a",
        b"\x01\x02\x03\x04 a",
    ],
)
def test_no_text(data: bytes) -> None:
    with pytest.raises(ArticleError, match="it is not"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "charset", "expected"),
    [
        (RUSSIAN.encode("koi8-r"), "koi8-r", RUSSIAN.encode("utf-8-sig")),
        (b"plain", "utf-8", b"\xef\xbb\xbfplain"),
        (b"\xef\xbb\xbfmarked", "cp1251", b"\xef\xbb\xbfmarked"),
        (b"\xff is wrong", "utf-8", b"\xff is wrong"),
        (b"a +AGE- b", "utf-7", b"a +AGE- b"),
        (b"plain", None, b"plain"),
    ],
)
def test_a_charset_that_is_right_becomes_a_mark(data: bytes, charset: str | None, expected: bytes) -> None:
    assert as_utf8(data, charset) == expected
