"""The file of drafts, and beside it a file of those that were left out; it knows no model and no page.

`make` adds lines while `review` replaces the file whole: both hold its lock for the moment that this takes. What it
does not change stays byte for byte, so a file may hold other questions, too.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

from filelock import FileLock, Timeout
from pydantic import ValidationError

from bot import jsonlines
from bot.errors import DatasetError
from bot.evaluate.cases import Question, explain

LOCK_SECONDS = 5.0
ONLY_FOR_REVIEW = ("draft", "context", "changed")  # fields that an accepted question does without


class Line(NamedTuple):
    """`raw` as it stands in the file, without its line end; `question` None for a blank line."""

    raw: bytes
    question: Question | None = None

    @property
    def id(self) -> str:
        return self.question.id if self.question else ""

    @property
    def is_draft(self) -> bool:
        return bool(self.question and self.extra.get("draft"))

    @property
    def extra(self) -> Mapping[str, Any]:
        """The fields that a question's form does not know."""
        return (self.question and self.question.model_extra) or {}

    @property
    def value(self) -> dict[str, Any]:
        """All fields, as they stand there."""
        return cast(dict[str, Any], json.loads(self.raw))

    def changed(self, fields: Mapping[str, Any], without: Sequence[str] = ()) -> "Line":
        """With other values of these fields; the rest stays, in its order."""
        value = {name: was for name, was in {**self.value, **fields}.items() if name not in without}
        return line_of(value)


def line_of(value: Mapping[str, Any]) -> Line:
    return Line(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"), Question.model_validate(value))


class DraftFile:
    """Questions in `path`, a JSON object a line; `left_out` beside it holds those that were left out, with `why`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left_out = path.with_name(f"{path.stem}.left-out{path.suffix}")
        self.backup = path.with_name(f"{path.name}.bak")
        self._lock = path.with_name(f"{path.name}.lock")

    def lines(self) -> list[Line]:
        """All whole lines; none where there is no file. Raises DatasetError where it cannot be read or is damaged."""
        return [_parsed(raw, self.path, number) for number, raw in _raw(self.path)]

    def mend(self) -> None:
        """Take away a last line that was broken off, which other readers would stumble over. Raises DatasetError."""
        with _told(self.path), FileLock(self._lock, timeout=LOCK_SECONDS):
            whole = [raw for _, raw in _raw(self.path)]
            if self.path.exists() and self.path.stat().st_size > sum(len(raw) + 1 for raw in whole):
                _replace(self.path, whole)

    def left_out_ids(self) -> set[str]:
        """Ids of what was left out. Raises DatasetError where it cannot be read."""
        return {_id(raw) for _, raw in _raw(self.left_out)}

    def add(self, value: Mapping[str, Any]) -> None:
        """Add a question; it is on the disk then. Raises DatasetError where it cannot be written."""
        with _told(self.path):
            jsonlines.append(self.path, value, self._lock)

    def leave_out(self, value: Mapping[str, Any], why: str) -> None:
        """Note a draft that was left out. Raises DatasetError where it cannot be written."""
        with _told(self.left_out):
            jsonlines.append(self.left_out, {**value, "why": why}, _beside(self.left_out))

    def take_back(self, id: str) -> None:
        """Forget that the draft was left out."""
        kept = [raw for _, raw in _raw(self.left_out) if _id(raw) != id]
        with _told(self.left_out), FileLock(_beside(self.left_out), timeout=LOCK_SECONDS):
            _replace(self.left_out, kept)

    @contextmanager
    def changing(self) -> Iterator[list[Line]]:
        """The lines, to be changed in place: the file is replaced by them at the end, all at once.

        The file as it was before the first change stays beside it with the ending .bak. Raises DatasetError.
        """
        with _told(self.path), FileLock(self._lock, timeout=LOCK_SECONDS):
            lines = self.lines()
            before = list(lines)
            yield lines
            if lines == before:
                return
            if not self.backup.exists():
                shutil.copy2(self.path, self.backup)
            _replace(self.path, [line.raw for line in lines])


@contextmanager
def held(path: Path) -> Iterator[None]:
    """While one `make` writes to `path`, no other does. Raises DatasetError where one does already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f"{path.name}.making"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DatasetError(
            f"Drafts are being written to {path} already. Wait for that, or name another --out."
        ) from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be written: {error.strerror}. Choose another --out.") from None
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):
            Path(lock.lock_file).unlink()


def _raw(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        yield from enumerate(jsonlines.lines(path), start=1)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from None


def _id(raw: bytes) -> str:
    """A draft that was left out may be no question at all, so nothing else is asked of it."""
    try:
        return str(json.loads(raw)["id"])
    except (ValueError, LookupError, TypeError):
        return ""


def _parsed(raw: bytes, path: Path, number: int) -> Line:
    if not raw.strip():
        return Line(raw)
    try:
        return Line(raw, Question.model_validate_json(raw.removeprefix(b"\xef\xbb\xbf")))
    except ValidationError as error:
        raise DatasetError(f"{path}, line {number}: {explain(error)}. Mend that line.") from None


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except Timeout:
        raise DatasetError(f"{path} is held by another program. Try again, or end that program.") from None
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be written: {error.strerror}. Make room there, or check its permissions."
        ) from error


def _replace(path: Path, lines: Sequence[bytes]) -> None:
    """All at once: a reader, or a run after a power cut, sees the old file or the new one."""
    real = path.resolve()  # a link stays one
    handle, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(real, name)
        os.replace(name, real)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
