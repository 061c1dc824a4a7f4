"""Every parser that reads what others wrote, as a function of bytes: what the fuzzer and the kept findings are run on.

A parser may refuse with its own error, whose message says what to do; anything else that it raises is a fault. It
knows no fuzzer.
"""

import datetime as dt
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fakes import FakeEmbedder
from remedies import check, told
from samples import article, passage

from bot import dates, jsonlines
from bot.articles import Skipped, chunk, read_file
from bot.articles.address import parse
from bot.articles.decode import decode
from bot.articles.sentences import split
from bot.cite import Attributor, MarkerFilter, evidence_sentences
from bot.config import flatten, load
from bot.conversations import Conversations
from bot.doubt import opposed, strange
from bot.errors import ArticleError, ConfigError, ConversationError, DatasetError, ModelError, PromptError
from bot.evaluate.cases import load_questions
from bot.figures import figures
from bot.followup import resolve
from bot.llm.template import ChatTemplate
from bot.prompt import read
from bot.schema import Message, Turn

STORY = "The ferry left at noon on Monday. “It was full,” said Ada Quill.\n\nSix crowns a ticket, the mayor said.\n"
SOURCE = article("a", STORY, date="2025-05-18")


class Parser(NamedTuple):
    """`seeds` are what a fuzzer begins with, `words` what it may put in."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[str, ...] = ()


def _file(name: str, use: Callable[[Path], None]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            use(path)

    return run


def _article(path: Path) -> None:
    for found in read_file(path):
        if isinstance(found, Skipped):
            check(found.reason)
            continue
        found.text.encode()
        spans = split(found.text)
        assert all(found.text[start:end].strip() for start, end in spans)
        parts = chunk(found, lambda text: len(text.split()) + 2, 60)
        assert "".join(found.text[one.start : one.end] for one in parts).split() or not found.text.strip()


def _questions(path: Path) -> None:
    with told(DatasetError, about=path):
        load_questions(path)


def _settings(path: Path) -> None:
    with told(ConfigError):
        flatten(load({}, path, {}).settings)


def _prompt(path: Path) -> None:
    with told(PromptError, about=path):
        made = read(path)
        made.render({name: [] for name in made.header.fills})


def _conversation(path: Path) -> None:
    kept = Conversations(path.parent)
    kept.all("ferry")
    with told(ConversationError, about=path):
        kept.read(path.stem)


def _lines(path: Path) -> None:
    before = list(jsonlines.lines(path))
    jsonlines.append(path, {"a": 1}, path.with_suffix(".lock"))
    assert list(jsonlines.lines(path)) == [*before, b'{"a": 1}']


def _decode(data: bytes) -> None:
    with told(ArticleError):
        assert "\0" not in decode(data)


def _address(data: bytes) -> None:
    with told(ArticleError):
        made = parse(_text(data))
        assert parse(made.url) == made


class _Plain:
    def tokenize(self, text: str, *, control: bool) -> list[int]:
        return [-ord(letter) if control else ord(letter) for letter in text]


def _template(data: bytes) -> None:
    """The first line is what is said, the rest the template."""
    said, _, source = _text(data).partition("\n")
    with told(ModelError):
        messages = [Message(role="system", content="Be brief."), Message(role="user", content=said)]
        ChatTemplate(source, bos="<s>", eos="</s>").tokens(messages, _Plain())


def _marks(data: bytes) -> None:
    text = _text(data)
    whole, letters = MarkerFilter(), MarkerFilter()
    at_once = whole.feed(text) + whole.feed("", last=True)
    assert at_once == "".join(map(letters.feed, text)) + letters.feed("", last=True)
    by = Attributor("What?", evidence_sentences([passage(SOURCE)], split), FakeEmbedder().embed_documents)
    for index, (start, end) in enumerate(split(at_once)):
        words = at_once[start:end]
        for one in by.cite(words, index, by.support(words))[1]:
            assert STORY[one.start : one.end] == one.quote != ""


def _words(data: bytes) -> None:
    """The first four letters are the day on which the rest was written."""
    text = _text(data)
    day = dt.date.fromordinal(1 + int.from_bytes(data[:4], "big") % dt.date.max.toordinal())
    for one in dates.find(text, day):
        assert 0 <= one.start < one.end <= len(text)
    dates.asked(text, day)
    figures(text, day)
    strange(text, STORY * 4)
    opposed(text, STORY)
    resolve(text, [Turn(question="Who was it?", answer=STORY)])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


_LINE = json.dumps({"id": "a", "title": "T", "date": "2025-05-18", "url": "https://x.example/", "text": STORY})
_ASKED = json.dumps({"id": "q1", "question": "Who?", "answers": ["Ada"], "answerable": True, "today": "2025-05-18"})
_SAID = json.dumps({"form": 1, "instead": None, "said": {"question": "Who?", "at": "2025-05-18T00:00:00Z", "answer": {
    "question": "Who?", "text": "Ada."}}})  # fmt: skip
_HTML = (
    '<html><head><meta charset="utf-8"><title>The ferry</title><meta property="article:published_time" '
    f'content="2025-05-18"></head><body><article><h1>The ferry</h1><p>{STORY * 3}</p><ul><li>One</li></ul>'
    "<table><tr><td>Two</td></tr></table><pre>x</pre></article></body></html>"
)
_PDF = (
    "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [4 0 R] /Count 1 >>\n"
    "endobj\n3 0 obj\n<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>\nendobj\n4 0 obj\n<< /Type /Page /Parent "
    "2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents 5 0 R >>\nendobj\n5 0 obj\n"
    "<< /Length 60 >>\nstream\nBT /F1 11 Tf 50 700 Td (The ferry left at noon.) Tj 0 -14 Td ET\nendstream\nendobj\n"
    "trailer\n<< /Size 6 /Root 1 0 R /Info << /Title (The ferry) >> >>\n%%EOF\n"
)
_PROMPT = (
    "---\ntask: t\nfills: [passages, question]\nrefusal: No.\n---\n=== system\nx\n=== user\n"
    "{% for one in passages %}{{ one.title }}{% endfor %}{{ question }}\n"
)
_TEMPLATE = "Why?\n{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
_DAYS = ("yesterday", "last ", "week", "Monday", "ſunday", " ago", "sıx", "million", "18 October", "$5m", "not ")


PARSERS: dict[str, Parser] = {
    "html": Parser(
        _file("a.html", _article), (_HTML.encode(),), ("<p>", "<meta ", "<table>", "charset=", "<!--", "&#0;")
    ),
    "markdown": Parser(
        _file("a.md", _article), (f"# The ferry\ndate 2025-05-18\n\n{STORY}".encode(),), ("# ", "```", "|", "date ")
    ),
    "front_matter": Parser(
        _file("a.md", _article),
        (f"---\ntitle: T\ndate: 2025-05-18\ntags: [a, b]\n---\n{STORY}".encode(),),
        ("---\n", "...\n", "? ", ": ", "&a ", "*a", "!!x ", "|\n", "{", "["),
    ),
    "text": Parser(
        _file("a.txt", _article),
        (f"date 2025-05-18\n{STORY}".encode(), STORY.encode("utf-16"), STORY.encode("cp1252")),
        ("date 2025-05-18\n", "CLICK HERE TO ", "Reporting by ", "“", "\n\n"),
    ),
    "decode": Parser(_decode, (STORY.encode(), STORY.encode("utf-16-be"), STORY.encode("shift_jis", "ignore"))),
    "pdf": Parser(
        _file("a.pdf", _article), (_PDF.encode(),), ("/Type", "/Filter /FlateDecode", " 0 R", "endobj\n", "<<", ">>")
    ),
    "jsonl": Parser(_file("a.jsonl", _article), (_LINE.encode(),), ('"id": ', '"date": ', "\\ud800", "[[[[", "1e999")),
    "questions": Parser(
        _file("q.jsonl", _questions), (_ASKED.encode(),), ('"history": ', '"evidence": ', "\\ud800", "[[[[")
    ),
    "settings": Parser(
        _file("c.toml", _settings),
        (b'data_dir = "x"\n[llm]\nseed = 3\ntemperature = 0.5\n[chat]\nlogin = true\n',),
        ("[chat]\n", "[[llm]]\n", "= {", '"""', "\\u0000", "1979-05-27", "0x", "inf", "~nobody/"),
    ),
    "prompt": Parser(
        _file("p.md", _prompt), (_PROMPT.encode(),), ("=== user\n", "{{ ", " }}", "{% if ", "%}", "fills: [")
    ),
    "template": Parser(
        _template, (_TEMPLATE.encode(),), ("{{ ", " }}", "{% for ", "{% endfor %}", "\ue0000\ue001", "| trim")
    ),
    "lines": Parser(_file("k.jsonl", _lines), (b'{"a": 1}\n{"b": [', b'{"c": {}}'), ("{", "}", "\n", "\r\n", "[[[[")),
    "conversation": Parser(
        _file(f"{'0' * 16}.jsonl", _conversation), (_SAID.encode() + b"\n",), ('"at": ', '"instead": ', "[[[[")
    ),
    "address": Parser(
        _address, (b"https://example.org:8443/a%20b?c=d#e", b"http://[::1]/"), ("://", "@", "[::", "xn--", "%")
    ),
    "marks": Parser(
        _marks,
        ("The ferry [1] left at noon [2, 3]. Six 【4†x】 crowns [^5].".encode(),),
        ("[1]", "【", "】", "[[", "^"),
    ),
    "words": Parser(
        _words, (b"\0\0\0\1" + STORY.encode(), "On ſunday, sıx of 12 million left two days ago.".encode()), _DAYS
    ),
}
