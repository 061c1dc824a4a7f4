"""Conversations on disk: a file each, to which one line is added for each question that was answered.

A line is there whole or not at all (bot.jsonlines). It knows no page and no model.
"""

import datetime as dt
import json
import logging
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import AwareDatetime

from bot import jsonlines
from bot.errors import ConversationError
from bot.schema import Answer, Frozen

log = logging.getLogger("bot.conversations")
FORM = 1  # of the files; raise it when what stands in them changes
TITLE = 80  # characters at most
_DAMAGE = (ValueError, KeyError, TypeError, RecursionError)
_NAME = re.compile(r"[0-9a-f]{16}")


class Said(Frozen):
    """A question with its answer."""

    question: str
    answer: Answer
    at: AwareDatetime


class Talk(NamedTuple):
    """A conversation in a list: `title` is its first question, `changed` when it was last added to."""

    id: str
    title: str
    changed: dt.datetime
    questions: int
    damaged: bool = False


class Conversations:
    """Those in `folder`, which is made when the first is kept. Several threads and processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self, query: str = "") -> list[Talk]:
        """The last changed first; with `query`, those that hold each of its words in a question or an answer."""
        words = query.casefold().split()
        found = []
        for path in self._files():
            try:
                said = self._read(path)
            except ConversationError:
                changed = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
                if not words:
                    found.append(Talk(path.stem, "", changed, 0, damaged=True))
                continue
            except OSError:  # removed just now
                continue
            text = " ".join(f"{one.question} {one.answer.text}" for one in said).casefold()
            if said and all(word in text for word in words):
                found.append(Talk(path.stem, titled(said[0].question), said[-1].at, len(said)))
        return sorted(found, key=lambda talk: (talk.changed, talk.id), reverse=True)

    def ids(self) -> list[str]:
        """Those of all conversations, damaged ones included."""
        return sorted(path.stem for path in self._files())

    def is_broken_off(self, talk: str) -> bool:
        """Whether the last line counts as not written. Raises OSError where the file cannot be read."""
        return jsonlines.is_broken_off(self._path(talk))

    def mend(self, talk: str) -> int:
        """Move damaged lines to the file beside that ends in `.damaged`; how many. ConversationError if it cannot."""
        try:
            return jsonlines.set_aside(self._path(talk), _is_said, self._folder / "write.lock")
        except OSError as error:
            raise ConversationError(
                f"{self._path(talk)} cannot be mended: {error.strerror}. Make room there, or check its permissions."
            ) from error

    def read(self, talk: str) -> list[Said]:
        """All of a conversation, oldest first. ConversationError where there is none, or it is damaged."""
        try:
            return self._read(self._path(talk))
        except FileNotFoundError:
            raise ConversationError("This conversation is not there any more. Begin a new one.") from None
        except OSError as error:
            raise ConversationError(
                f"{self._path(talk)} cannot be read: {error.strerror}. Check its permissions."
            ) from error

    def add(
        self,
        talk: str,
        question: str,
        answer: Answer,
        *,
        at: dt.datetime | None = None,
        instead: dt.datetime | None = None,
    ) -> str:
        """Add to the conversation, "" for a new one, what was said `at` a moment (now); the conversation's id.

        What was said at the moment `instead` is replaced, where it still is what was said last.

        One that was removed meanwhile begins anew with what is added. Raises ConversationError where it cannot be
        written; what was there stays.
        """
        talk = talk or secrets.token_hex(8)
        path = self._path(talk)
        said = Said(question=question, answer=answer, at=at or dt.datetime.now(dt.UTC))
        line = {"form": FORM, "instead": instead and instead.isoformat(), "said": said.model_dump(mode="json")}
        try:
            jsonlines.append(path, line, self._folder / "write.lock")
        except OSError as error:
            raise ConversationError(
                f"The conversation was not kept in {self._folder}: {error.strerror}. "
                "Make room there, or check its permissions."
            ) from error
        return talk

    def remove(self, talk: str) -> None:
        """Forget a conversation; nothing where there is none."""
        try:
            self._path(talk).unlink(missing_ok=True)
        except OSError as error:
            raise ConversationError(
                f"The conversation in {self._folder} cannot be removed: {error.strerror}. Check its permissions."
            ) from error

    def _files(self) -> list[Path]:
        return [path for path in self._folder.glob("*.jsonl") if _NAME.fullmatch(path.stem)]

    def _path(self, talk: str) -> Path:
        """Ids come from browsers: only ours name a file."""
        if not _NAME.fullmatch(talk):
            raise ConversationError("This conversation is not there. Begin a new one.")
        return self._folder / f"{talk}.jsonl"

    def _read(self, path: Path) -> list[Said]:
        said: list[Said] = []
        for number, (instead, one) in enumerate(_lines(path), start=1):
            if one is None:
                raise ConversationError(
                    f"{path} is damaged in line {number}. Remove the conversation, or run `bot doctor --repair`, which "
                    "moves that line aside."
                )
            if said and instead == said[-1].at:
                said.pop()
            said.append(one)
        return said


def folder_of(data_dir: Path, user: str = "") -> Path:
    """Where conversations lie: those of a user, whose folder is called `user`, or of everyone who needs no log-in."""
    folder = data_dir / "conversations"
    return folder / "users" / user if user else folder


def titled(question: str) -> str:
    """The first words of a question, on one line."""
    line = " ".join(question.split())
    return line if len(line) <= TITLE else f"{line[: TITLE - 1].rstrip()}…"


def _lines(path: Path) -> Iterator[tuple[dt.datetime | None, Said | None]]:
    """What each whole line says, None for one that cannot be read, and when what it replaces was said."""
    for line in jsonlines.lines(path):
        try:
            yield _one(line)
        except _DAMAGE as error:
            log.warning("%s: %s", path, str(error).split("\n")[0])
            yield None, None


def _one(line: bytes) -> tuple[dt.datetime | None, Said]:
    value = json.loads(line)
    if value["form"] != FORM:
        raise ValueError("another form")
    instead = dt.datetime.fromisoformat(value["instead"]) if value["instead"] else None
    return instead, Said.model_validate(value["said"])


def _is_said(line: bytes) -> bool:
    try:
        return bool(_one(line))
    except _DAMAGE:
        return False
