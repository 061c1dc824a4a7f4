"""Which kind of file it is, and its check."""

import json
from pathlib import Path

from bot.datasets.corpus import check_corpus
from bot.datasets.found import Checked, Finding, Kind, raw_lines
from bot.datasets.questions import check_questions
from bot.errors import DatasetError

LOOKED_AT = 100  # lines, for one that tells the kind

_NOT_LINES = {
    b"\xff\xfe": "it is UTF-16. Save it again as UTF-8.",
    b"\xfe\xff": "it is UTF-16. Save it again as UTF-8.",
    b"[": "it is one JSON list. Write one JSON object a line, without commas between them.",
}


def check(path: Path, corpus: Path | None = None, kind: Kind | None = None) -> Checked:
    """All that is wrong with the questions or corpus `path`; with `corpus`, questions are compared with its articles.

    Raises DatasetError where a file cannot be read, or where its kind cannot be told and `kind` is None.
    """
    if not path.exists():
        raise DatasetError(f"There is no file or folder {path}. Check its spelling.")
    if path.is_dir() or path.suffix.lower() not in (".jsonl", ".json", ""):
        kind = kind or "corpus"
    elif fault := _not_lines(path):
        finding = Finding(file=str(path), line=0, level="error", what=fault)
        return Checked(file=str(path), kind=kind or "questions", checked=0, findings=(finding,))
    if (kind or _kind_of(path)) == "corpus":
        return check_corpus(path)
    return check_questions(path, corpus)


def _not_lines(path: Path) -> str | None:
    """Why none of its lines could be read, in place of an error for each."""
    _, first = next(raw_lines(path), (0, b""))
    known = next((what for start, what in _NOT_LINES.items() if first.lstrip().startswith(start)), None)
    if known is None and first.strip() == b"{":
        return "an object goes over several lines. Write each on one line."
    return known


def _kind_of(path: Path) -> Kind:
    none = True
    for number, line in raw_lines(path):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            if "question" in value or "answerable" in value:
                return "questions"
            if "text" in value:
                return "corpus"
            none = False
        if number >= LOOKED_AT:
            break
    if none:
        return "questions"  # no line is an object, which the check tells of each
    raise DatasetError(
        f"{path} has no line that tells whether it holds questions or articles. Pass --kind questions or --kind corpus."
    )
