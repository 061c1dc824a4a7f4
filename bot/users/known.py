"""The file of users: names with password hashes (bcrypt), and a password compared with them.

A name means the same user in capitals or small letters. It does not know who is logged in, nor what a user may do.
"""

import hashlib
import hmac
import os
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import bcrypt
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.errors import UserError
from bot.users.attempts import Attempts

ROUNDS = 12  # bcrypt's cost: 2^12 rounds, a third of a second
LONGEST_NAME = 64  # characters
SHORTEST_PASSWORD = 8  # characters
LONGEST_PASSWORD = 72  # bytes: bcrypt reads no more
LOCK_SECONDS = 5.0


class _User(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    hash: str = Field(pattern=r"^\$2b\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    form: Literal[1] = 1
    users: tuple[_User, ...] = ()


class Users:
    """Those in `folder`/users.json, which is made with the first. Several threads and processes may use it at once."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic, rounds: int = ROUNDS) -> None:
        self.path = folder / "users.json"
        self._attempts = Attempts(clock)
        self._rounds = rounds

    def names(self) -> list[str]:
        """In the order of the alphabet. UserError where the file cannot be read."""
        return [user.name for _, user in sorted(self._read().items())]

    def check(self, name: str, password: str) -> bool:
        """Whether this is the user's password; false after too many wrong ones, whatever it is.

        It takes as long for names that are not known. UserError where the file cannot be read.
        """
        user = self._read().get(key(name))
        attempt = self._attempts.begin(key(name) if _is_name(name) else "")
        if not attempt:
            return False
        fault = _fault(password)
        given = _bytes("" if fault else password)
        stored = user.hash.encode() if user else bcrypt.gensalt(self._rounds)
        right = hmac.compare_digest(bcrypt.hashpw(given, stored), stored) and not fault
        if right:
            self._attempts.take_back(attempt)
        return right

    def mark(self, name: str) -> str:
        """Changes when the user gets another password; "" for one that is not known. UserError as in `names`."""
        user = self._read().get(key(name))
        return user.hash if user else ""

    def refuse_new(self, name: str) -> None:
        """UserError if no user can be added under this name."""
        if not _is_name(name):
            raise UserError(f"A name has 1 to {LONGEST_NAME} letters, digits, signs or spaces. Choose another name.")
        if known := self._read().get(key(name)):
            raise UserError(
                f"There is a user {known.name} already. Choose another name, or remove that user first with "
                f'`bot users remove "{known.name}"`.'
            )

    def add(self, name: str, password: str) -> None:
        """UserError for a name or a password that will not do, and where the file cannot be written."""
        self.refuse_new(name)
        if fault := _fault(password):
            raise UserError(f"{fault} Choose another password.")
        new = _User(name=name.strip(), hash=bcrypt.hashpw(_bytes(password), bcrypt.gensalt(self._rounds)).decode())
        with self._writing():
            self.refuse_new(name)  # another process may have been first
            self._write([*self._read().values(), new])

    def remove(self, name: str) -> str:
        """The name as it stood there. UserError where there is no such user, or the file cannot be written."""
        with self._writing():
            users = self._read()
            if not (gone := users.pop(key(name), None)):
                raise UserError(f"There is no user {name!r}. `bot users list` shows those there are.")
            self._write(list(users.values()))
        return gone.name

    def require_some(self) -> None:
        """UserError where nobody could log in."""
        if not self._read():
            raise UserError(
                "The page asks for a log-in (chat.login), but there are no users. Add one with `bot users add NAME`."
            )

    def _read(self) -> dict[str, _User]:
        """By key; read anew each time, as other processes change it."""
        try:
            found = _File.model_validate_json(self.path.read_bytes()).users
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UserError(f"{self.path} cannot be read: {error.strerror}. Check its permissions.") from error
        except ValidationError as error:
            raise self._damaged(error.errors()[0]["msg"]) from None
        users = {key(user.name): user for user in found}
        if len(users) < len(found):
            raise self._damaged("a name stands there twice")
        return users

    def _damaged(self, why: str) -> UserError:
        return UserError(
            f"The file of users {self.path} is damaged ({why}), so nobody can log in. Mend it, or move it away and add "
            "the users again with `bot users add NAME`."
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=LOCK_SECONDS):
                yield
        except (OSError, Timeout) as error:
            why = getattr(error, "strerror", None) or "another process holds it"
            raise UserError(
                f"{self.path} cannot be written: {why}. Make room there, or check its permissions."
            ) from error

    def _write(self, users: list[_User]) -> None:
        handle, name = tempfile.mkstemp(prefix="users-", suffix=".new", dir=self.path.parent)  # only we may read it
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(_File(users=tuple(users)).model_dump_json(indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        finally:
            Path(name).unlink(missing_ok=True)


def key(name: str) -> str:
    """The same for all ways to write a user's name."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).casefold())


def folder_name(name: str) -> str:
    """A folder for what is this user's: nothing that a name could hold reaches the disk."""
    return hashlib.sha256(key(name).encode("utf-8", "replace")).hexdigest()[:32]


def _is_name(name: str) -> bool:
    return 0 < len(name.strip()) <= LONGEST_NAME and name.strip().isprintable()


def _fault(password: str) -> str:
    """What is wrong with a password, "" for nothing."""
    if len(password) < SHORTEST_PASSWORD:
        return f"A password has at least {SHORTEST_PASSWORD} characters."
    if not password.isprintable():
        return "A password has no control characters."
    if len(_bytes(password)) > LONGEST_PASSWORD:
        return f"This password is longer than {LONGEST_PASSWORD} bytes."
    return ""


def _bytes(password: str) -> bytes:
    """One way to write accented letters: keyboards of different systems send them differently."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace")
