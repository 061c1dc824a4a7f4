"""What a check finds, and what both checks share: the lines of a file, JSON's faults, Unicode forms.

It knows neither questions nor articles.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError, computed_field

from bot.errors import DatasetError
from bot.schema import Frozen

Kind = Literal["questions", "corpus"]
Level = Literal["error", "warning"]

SHOWN = 60  # characters of a text that a message repeats
BOM = b"\xef\xbb\xbf"

_JSON = re.compile(r"Invalid JSON: (.*) at line \d+ column (\d+)", re.DOTALL)
_LONE = re.compile("[\ud800-\udfff]")


class Finding(Frozen):
    """Something wrong in `line` (from 1) of `file`; 0 is the file as a whole. `what` ends with what to do."""

    file: str
    line: int
    level: Level
    what: str


class Checked(Frozen):
    """All that was found in `file`, by line; `checked` counts its questions or articles that load."""

    file: str
    kind: Kind
    checked: int
    findings: tuple[Finding, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def errors(self) -> int:
        return sum(one.level == "error" for one in self.findings)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def warnings(self) -> int:
        return sum(one.level == "warning" for one in self.findings)


class Said(NamedTuple):
    """A finding that does not know its place yet."""

    level: Level
    what: str


def raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, numbered from 1, without their ends and the mark that UTF-8 may begin with.

    Raises DatasetError where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                bare = (line.removeprefix(BOM) if number == 1 else line).rstrip(b"\r\n")
                if bare.decode("utf-8", "replace").strip():
                    yield number, bare
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from None


def json_fault(error: ValidationError, line: bytes) -> str | None:
    """What is wrong with `line` as JSON, with the column in characters from 1; None if that is not what is wrong."""
    first = error.errors(include_url=False)[0]
    found = _JSON.fullmatch(first["msg"]) if first["type"] == "json_invalid" else None
    if found is None:
        return None
    if _lone(line):
        return "it holds half a character (a lone surrogate such as \\ud83d). Write the whole one, as UTF-8."
    column = len(line[: int(found[2])].decode("utf-8", "replace"))
    return f"it is not JSON ({found[1]}, column {column}). Mend that line."


def _lone(line: bytes) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return _LONE.search(json.dumps(value, ensure_ascii=False)) is not None


def decomposed(text: str) -> bool:
    """Whether it is not in Unicode's composed form (NFC), in which most keyboards and models write."""
    return not unicodedata.is_normalized("NFC", text)


def short(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
