"""The user's own files in the data folder, and small ones beside them: whether they can be read, and what was left.

Each is read as its room reads it. Lines that are damaged can be moved aside; they are never deleted.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.config import Settings
from bot.conversations import Conversations, folder_of
from bot.doctor.findings import REPAIR, Finding, Mend
from bot.errors import BotError, ConversationError, FeedbackError, UserError
from bot.feedback import Kept
from bot.llm.kept import fault
from bot.running import is_held
from bot.store.disk import CHROMA
from bot.users import Users

LITTLE, TOO_LITTLE = 1 << 30, 100 << 20  # bytes free
LOCKS = {
    "store/write.lock": "articles are being changed",
    "conversations/write.lock": "a conversation is being written",
    "feedback.lock": "a rating is being written",
    "users.lock": "users are being changed",
}


def check_folder(data_dir: Path) -> Iterator[Finding]:
    """Whether it can be read and written, and how much room is left there."""
    part = "data folder"
    if not data_dir.exists():
        yield Finding(part, "ok", f"{data_dir} is not there yet; it is made when something is kept.")
        return
    try:
        list(data_dir.iterdir())
        with tempfile.TemporaryFile(dir=data_dir) as file:
            file.write(b"x" * 4096)
        free = shutil.disk_usage(data_dir).free
    except OSError as error:
        text = f"{data_dir} cannot be read and written: {error.strerror}."
        yield Finding(part, "error", text, "Check its permissions, and that the disk is not full.")
        return
    room = f"{data_dir} can be read and written; {free / (1 << 30):.1f} GiB are free."
    if free >= LITTLE:
        yield Finding(part, "ok", room)
    else:
        yield Finding(part, "error" if free < TOO_LITTLE else "warning", room, "Make room on that disk.")


def check_talks(data_dir: Path) -> Iterator[Finding]:
    """Every line of every conversation, of all users."""
    part, whole = "conversations", 0
    users = folder_of(data_dir) / "users"
    try:
        folders = [folder_of(data_dir), *(sorted(users.iterdir()) if users.is_dir() else ())]
        for folder in folders:
            talks = Conversations(folder)
            for talk in talks.ids():
                finding = _talk(talks, talk)
                whole += finding is None
                if finding:
                    yield finding
    except OSError as error:
        yield Finding(part, "error", f"{error.filename} cannot be read: {error.strerror}.", "Check its permissions.")
    yield Finding(part, "ok", f"{whole} conversations can be read.")


def _talk(talks: Conversations, talk: str) -> Finding | None:
    try:
        talks.read(talk)
        broken = talks.is_broken_off(talk)
    except ConversationError as error:
        mend = Mend(f"move the damaged lines of conversation {talk} aside", lambda: _moved(talks.mend(talk)))
        return Finding("conversations", "error", str(error), mend=mend if "damaged" in str(error) else None)
    if not broken:
        return None
    text = f"The last line of conversation {talk} was broken off, so it does not count."
    mend = Mend(f"move the broken line of conversation {talk} aside", lambda: _moved(talks.mend(talk)))
    return Finding("conversations", "warning", text, mend=mend)


def check_feedback(data_dir: Path) -> Finding:
    part = "feedback"
    kept = Kept(data_dir / "feedback.jsonl")
    mend = Mend("move the damaged lines of feedback.jsonl aside", lambda: _moved(kept.mend()))
    try:
        found = kept.all()
        if found and kept.is_broken_off():
            text = "The last line of feedback.jsonl was broken off, so it does not count."
            return Finding(part, "warning", text, mend=mend)
    except FeedbackError as error:
        return Finding(part, "error", str(error), mend=mend if "damaged" in str(error) else None)
    return Finding(part, "ok", f"{len(found)} ratings can be read.")


def check_users(settings: Settings) -> Finding:
    users = Users(settings.data_dir)
    try:
        names = users.names()
        if settings.chat.login:
            users.require_some()
    except UserError as error:
        return Finding("users", "error", str(error))
    return Finding("users", "ok", f"{len(names)} users may log in." if names else "There are no users.")


def check_derived(data_dir: Path, *, full: bool = False) -> Iterator[Finding]:
    """What is made again by itself: the cells that a model has read, and how fast this machine is."""
    read, speed = data_dir / "read", data_dir / "speed.json"
    if problem := fault(read, full=full):
        drop = Mend(f"drop {read}; it is made again", lambda: _removed(read))
        yield Finding("kept passages", "warning", f"{read} is damaged ({problem}).", REPAIR, drop)
    elif read.is_dir():
        yield Finding("kept passages", "ok", "What the model has read is whole.")
    if speed.exists() and not _is_object(speed):
        drop = Mend(f"drop {speed}; it is measured again", lambda: _removed(speed))
        yield Finding("small files", "warning", f"{speed} is damaged; speeds are measured again.", mend=drop)


def check_left(data_dir: Path) -> Iterator[Finding]:
    """Locks that a live process holds, and what processes that were killed left behind."""
    for name, meaning in LOCKS.items():
        if is_held(data_dir / name):
            yield Finding("locks", "ok", f"Another process runs and holds {name}: {meaning}.")
    runs = data_dir / "uploads"
    held = [one for one in _inside(runs, "run-*.lock") if is_held(one)]
    if held:
        yield Finding("locks", "ok", f"{len(held)} pages run on this data folder.")
    unheld = [one for one in _inside(runs, "run-*") if one.is_dir() and Path(f"{one}.lock") not in held]
    parts = [one for pattern in ("*.part", "users-*.new", "*.jsonl.new") for one in _inside(data_dir, pattern)]
    for one in [*unheld, *parts]:
        drop = Mend(f"remove {one}, which a process that was killed left", lambda one=one: _removed(one))  # type: ignore[misc]
        yield Finding("left over", "warning", f"{one} was left by a process that was killed.", mend=drop)
    aside = [*_inside(data_dir, "**/*.damaged"), *_inside(data_dir / "store", f"{CHROMA}.damaged-*")]
    for one in aside:
        yield Finding("put aside", "ok", f"{one} holds what was damaged; remove it when nothing of it is missed.")


def _inside(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _is_object(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False


def _moved(lines: int) -> str:
    return f"{lines} lines were moved to the file beside that ends in .damaged"


def _removed(path: Path) -> str:
    remove: Callable[[Path], object] = shutil.rmtree if path.is_dir() else Path.unlink
    try:
        remove(path)
    except OSError as error:
        raise BotError(f"{path} cannot be removed: {error.strerror}. Check its permissions.") from error
    return f"{path} was removed"
