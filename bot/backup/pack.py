"""Writes a backup while the page may run: each part is read while its writers wait."""

import contextlib
import datetime as dt
import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from bot.backup.form import ARTICLES, FEEDBACK, MANIFEST, SAMPLES, SETTINGS, TALK, TALKS, USERS, Manifest, Member
from bot.errors import BackupError
from bot.schema import Article

BLOCK = 1 << 20
LOCK_SECONDS = 10.0


class _Part(NamedTuple):
    """A file of the data folder, and the lock that its writers take."""

    name: str
    path: Path
    lock: Path | None


def pack(
    file: Path, data_dir: Path, articles: Iterable[Article], version: str, *, settings: Path | None, users: bool
) -> Manifest:
    """Write the `articles`, and what else of the user's is in `data_dir`, to the new `file`; what is in it.

    `articles` are taken while nobody changes them. `settings` is the settings file, if there is one; without `users`,
    the file of users (names and password hashes) is left out. Raises BackupError where it cannot be written or another
    process writes for long; then there is no `file`.
    """
    if file.exists():
        raise BackupError(f"{file} is there already. Choose another name, or remove it first.")
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:  # only we may read it
            with zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive:
                manifest = _filled(archive, data_dir, articles, version, settings, users)
            opened.flush()
            os.fsync(opened.fileno())
        part.rename(file)
    except OSError as error:
        raise BackupError(
            f"The backup was not written to {file}: {error.strerror or error}. Make room there, check the permissions "
            "of the folder and of what is kept, or choose another place."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _filled(
    archive: zipfile.ZipFile,
    data_dir: Path,
    articles: Iterable[Article],
    version: str,
    settings: Path | None,
    users: bool,
) -> Manifest:
    members, count = [], 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        with _held(data_dir / "store" / "write.lock"):
            for article in articles:
                count += 1
                yield f"{article.model_dump_json()}\n".encode("utf-8", "surrogatepass")

    members.append(_member(archive, ARTICLES, lines()))
    for part in _parts(data_dir, settings, users):
        with contextlib.suppress(FileNotFoundError), _held(part.lock):  # removed meanwhile
            if part.path.is_file():
                members.append(_member(archive, part.name, _blocks(part.path)))
    manifest = Manifest(
        version=version,
        made=dt.datetime.now(dt.UTC),
        articles=count,
        conversations=sum(one.name.startswith(TALKS) for one in members),
        members=tuple(members),
    )
    archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
    return manifest


def _parts(data_dir: Path, settings: Path | None, users: bool) -> Iterator[_Part]:
    if settings:
        yield _Part(SETTINGS, settings, None)
    yield _Part(SAMPLES, data_dir / SAMPLES, None)
    yield _Part(FEEDBACK, data_dir / FEEDBACK, data_dir / "feedback.lock")
    if users:
        yield _Part(USERS, data_dir / USERS, data_dir / "users.lock")
    for path in sorted((data_dir / TALKS).glob("**/*.jsonl")):
        name = path.relative_to(data_dir).as_posix()
        if TALK.fullmatch(name):
            yield _Part(name, path, path.with_name("write.lock"))


@contextlib.contextmanager
def _held(lock: Path | None) -> Iterator[None]:
    """Nobody writes meanwhile; in a folder that may only be read, nobody does anyway."""
    if lock is None or not os.access(lock.parent, os.W_OK):
        yield
        return
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise BackupError(f"Another process holds {lock}. Try again when it has finished.") from None


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def _member(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> Member:
    digest, size = hashlib.sha256(), 0
    with archive.open(name, "w", force_zip64=True) as out:
        for piece in pieces:
            out.write(piece)
            digest.update(piece)
            size += len(piece)
    return Member(name=name, bytes=size, sha256=digest.hexdigest())
