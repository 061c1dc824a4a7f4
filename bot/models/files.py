"""From a model's name or path to a file whose sum is known; the sums are remembered, so that a start is quick.

A full SHA-256 is taken when a file arrives and whenever its size or time of change differs from what was remembered
in MODELS_DIR/.sums; otherwise the remembered sum is trusted. It fetches nothing.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from bot.errors import ModelError
from bot.models.catalogue import Catalogue, Entry, Kind, load, nearest

MAGIC = b"GGUF"
BLOCK = 4 << 20

Stage = Literal["wait", "fetch", "check", "convert"]


class Progress(NamedTuple):
    """`done` of `total` bytes of one stage of one model's job; `total` is 0 where nobody knows."""

    model: str
    stage: Stage
    done: int
    total: int
    detail: str = ""


Report = Callable[[Progress], None]


class ModelFile(NamedTuple):
    """A file that can be loaded; `name` is the catalogue's, or the file's own without .gguf."""

    path: Path
    name: str
    sha256: str
    entry: Entry | None


class Status(NamedTuple):
    """What `verify` found; `detail` says what to do unless the file is ok."""

    entry: Entry
    path: Path
    state: Literal["ok", "missing", "wrong"]
    detail: str


def sha256_of(path: Path, tick: Callable[[int], None] = lambda done: None) -> str:
    """SHA-256 of a file in hex; `tick` gets the bytes read so far."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            done += len(block)
            tick(done)
    return digest.hexdigest()


def known_sum(path: Path, models_dir: Path, report: Report | None = None) -> str:
    """The SHA-256 of a file, remembered from before if its size and time of change are the same."""
    known = remembered_sum(path, models_dir)
    return known or _remember(path, models_dir, sha256_of(path, _ticker(path.name, path, report)))


def remembered_sum(path: Path, models_dir: Path) -> str | None:
    """The SHA-256 that was taken of the file as it is now, by size and time of change; None where it was not."""
    mark = _mark(path)
    with suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads(_stamp_path(path, models_dir).read_text(encoding="utf-8"))
        if {key: stored[key] for key in mark} == mark:
            return str(stored["sha256"])
    return None


def remember(path: Path, models_dir: Path, sha256: str, stated: bool = False) -> None:
    """Store a sum just checked; `stated`: the source gave it, and it is all there is to check the file by."""
    _remember(path, models_dir, sha256, sha256 if stated else None)


def resolve(name_or_path: str, models_dir: Path, kind: Kind, catalogue: Catalogue | None = None) -> ModelFile:
    """The file that a setting means: a name in the catalogue, or the path of any GGUF file.

    A relative path counts from the current folder, then from `models_dir`. Raises ModelError if it is unknown,
    missing, of the other kind, not a GGUF file, or its sum is not the catalogue's.
    """
    catalogue = catalogue or load()
    entry = catalogue.find(name_or_path)
    if entry is None:
        path = by_path(name_or_path, models_dir, catalogue)
        return ModelFile(path, path.stem, known_sum(path, models_dir), None)
    if entry.kind != kind:
        fitting = ", ".join(other.name for other in catalogue.entries if other.kind == kind)
        raise ModelError(f"{entry.name} is not an {_KINDS[kind]}. Choose one of: {fitting}.")
    path = models_dir / entry.file
    if not path.is_file():
        raise ModelError(f"{entry.name} is not here ({path}); run `bot models pull {entry.name}`.")
    check_magic(path)
    found, expected = known_sum(path, models_dir), expected_sum(entry, models_dir)
    if expected not in (None, found):
        raise ModelError(f"{path} is damaged: {_wrong(found, expected)}; run `bot models pull {entry.name}`.")
    return ModelFile(path, entry.name, found, entry)


def expected_sum(entry: Entry, models_dir: Path) -> str | None:
    """The sum a catalogue file must have: the catalogue's, else what its source stated at arrival, else None."""
    if entry.sha256:
        return entry.sha256
    with suppress(OSError, ValueError, AttributeError):
        stored = json.loads(_stamp_path(models_dir / entry.file, models_dir).read_text(encoding="utf-8"))
        return str(stated) if (stated := stored.get("stated")) else None
    return None


def verify(models_dir: Path, catalogue: Catalogue, report: Report | None = None) -> list[Status]:
    """Take the full sum of every catalogue file that is present, whatever is remembered."""
    return [_verified(entry, models_dir, report) for entry in catalogue.entries]


_KINDS: dict[Kind, str] = {"llm": "LLM", "embedder": "embedder"}


def _verified(entry: Entry, models_dir: Path, report: Report | None) -> Status:
    path, expected = models_dir / entry.file, expected_sum(entry, models_dir)
    if not path.is_file():
        return Status(entry, path, "missing", f"run `bot models pull {entry.name}`")
    try:
        found = sha256_of(path, _ticker(entry.name, path, report))
    except OSError as error:
        return Status(entry, path, "wrong", f"cannot be read: {error.strerror}; check its permissions")
    if expected is None:
        return Status(entry, path, "ok", f"SHA-256 {found}; no sum is known to compare it with")
    if found != expected:
        return Status(entry, path, "wrong", f"{_wrong(found, expected)}; run `bot models pull {entry.name}`")
    _remember(path, models_dir, found)
    return Status(entry, path, "ok", f"SHA-256 {found}")


def _wrong(found: str, expected: str | None) -> str:
    return f"its SHA-256 is {found}, not {expected}"


def by_path(given: str, models_dir: Path, catalogue: Catalogue) -> Path:
    """The GGUF file at a path, which counts from the current folder, then from `models_dir`; ModelError for none."""
    path = Path(given).expanduser()
    for candidate in (path.absolute(), models_dir / path):
        if candidate.is_file():
            check_magic(candidate)
            return candidate
    if path.suffix == ".gguf" or len(path.parts) > 1:
        raise ModelError(f"There is no model file {given}. Check the path, or name one that `bot models list` shows.")
    raise ModelError(
        f"Unknown model {given!r}.{nearest(given, catalogue.names)} "
        "Give a name that `bot models list` shows, or the path of a .gguf file."
    )


def check_magic(path: Path) -> None:
    """ModelError for a file that cannot be read or is not in GGUF form."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from None
    if magic != MAGIC:
        raise ModelError(f"{path} is not a GGUF file. Give the path of a model in GGUF form.")


def _ticker(name: str, path: Path, report: Report | None) -> Callable[[int], None]:
    if report is None:
        return lambda done: None
    total = path.stat().st_size
    return lambda done: report(Progress(name, "check", done, total, path.name))


def _stamp_path(path: Path, models_dir: Path) -> Path:
    """Stamps of files elsewhere live in the models folder too: the user's own folders are not written to."""
    inside = path.parent.absolute() == models_dir.absolute()
    key = "" if inside else hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16] + "-"
    return models_dir / ".sums" / f"{key}{path.name}.json"


def _mark(path: Path) -> dict[str, int]:
    stat = path.stat()
    return {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _remember(path: Path, models_dir: Path, sha256: str, stated: str | None = None) -> str:
    stamp = _stamp_path(path, models_dir)
    content: dict[str, int | str] = {**_mark(path), "sha256": sha256}
    # A models folder that may only be read costs a sum at each start, which is no reason to fail.
    with suppress(OSError):
        stamp.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError, ValueError, AttributeError):
            stated = stated or json.loads(stamp.read_text(encoding="utf-8")).get("stated")
        if stated:
            content["stated"] = stated
        fresh = stamp.with_name(f"{stamp.name}.{os.getpid()}.new")
        fresh.write_text(json.dumps(content), encoding="utf-8")
        os.replace(fresh, stamp)
    return sha256
