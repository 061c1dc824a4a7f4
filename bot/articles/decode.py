"""Bytes of a text file → text: encoding detected, line ends made one kind, control characters taken out.

Nothing else is altered. It knows nothing of what the text means.
"""

import codecs
import re

import charset_normalizer

from bot.errors import ArticleError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What text is really written in, by Python's names; its other codecs (punycode, unicode-escape, EBCDIC pages …) are not
# for files. UTF-16 is found by its marks or zeros: where a name could be read in the bytes, they are not UTF-16.
_DECLARABLE = re.compile(
    r"utf-8(-sig)?|iso8859-\d+|cp(125\d|437|7\d\d|8[56]\d|874|932|949|950)|koi8-[rtu]|kz1048|tis-620|mac-\w+"
    r"|shift_jis\w*|euc_\w+|iso2022_jp\w*|gb\w+|big5\w*|johab"
)
_LINE_END = re.compile("\r\n?|[\v\f\x1c-\x1e\x85]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")
_SAMPLE = 100_000
_BINARY_SHARE = 0.05
_NOT_TEXT = "it is not a text file. Give its real suffix, or convert it to text first."


def decode(data: bytes, declared: str | None = None) -> str:
    """The text of `data`; `declared` is an encoding that the file itself names, tried before guessing.

    One that is unknown, or in which no text is written, is passed over.

    Raises ArticleError if it is binary or in no known encoding.
    """
    text = _text(data, declared)
    if len(_CONTROL.findall(text)) > _BINARY_SHARE * len(text):
        raise ArticleError(_NOT_TEXT)
    return plain_text(text)


def as_utf8(data: bytes, charset: str | None) -> bytes:
    """The same text as UTF-8 with its mark, if `charset`, which a server names, is right for it; else `data`."""
    codec = _declarable(charset)
    if codec is None or data.startswith(tuple(mark for mark, _ in _BOMS)):
        return data
    try:
        return codecs.BOM_UTF8 + data.decode(codec).encode("utf-8")
    except UnicodeError:
        return data


def plain_text(text: str) -> str:
    """`text` with line ends as one line feed, and without control characters."""
    return _CONTROL.sub("", _LINE_END.sub("\n", text))


def _text(data: bytes, declared: str | None) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], encoding)
    candidates = [_unmarked_utf16(data), _declarable(declared), "utf-8"]
    for candidate in candidates:
        if candidate:
            try:
                return data.decode(candidate)
            except UnicodeError:
                continue
    return _strict(data, _guess(data))


def _declarable(name: str | None) -> str | None:
    try:
        codec = codecs.lookup(name or "").name
    except (LookupError, ValueError):
        return None
    if codec == "iso8859-1":
        return "cp1252"  # as browsers do: pages that name the one are often written in the other
    return codec if _DECLARABLE.fullmatch(codec) else None


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeError:
        raise ArticleError(f"it is not valid {encoding.upper()}. Save it again as UTF-8.") from None


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 of mostly Latin text has a zero in every other byte."""
    head = data[: _SAMPLE // 2 * 2]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _guess(data: bytes) -> str:
    if data.count(0) > _BINARY_SHARE * len(data):
        raise ArticleError(_NOT_TEXT)
    if _looks_western(data):
        return "cp1252"
    found = charset_normalizer.from_bytes(_telling(data)).best()
    if found is None:
        raise ArticleError(_NOT_TEXT)
    return found.encoding


def _looks_western(data: bytes) -> bool:
    """Few bytes outside ASCII, all of them letters or marks of Windows-1252: too few for a statistical guess."""
    high = sum(byte >= 0x80 for byte in data[:_SAMPLE])
    if high > 0.05 * len(data[:_SAMPLE]):
        return False
    try:
        return not _CONTROL.search(data.decode("cp1252"))
    except UnicodeDecodeError:
        return False


def _telling(data: bytes) -> bytes:
    """A sample from where the first byte outside ASCII stands: detection takes time with the length."""
    first = re.search(rb"[\x80-\xff]", data)
    start = data.rfind(b"\n", 0, first.start()) + 1 if first else 0
    return data[start : start + _SAMPLE]
