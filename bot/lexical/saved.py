"""An index on disk: a file a segment, and a note of those that are in use. Lost or damaged, it is made anew."""

import contextlib
import json
import logging
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from bot.lexical.index import Lexical
from bot.lexical.segment import Segment, Version

log = logging.getLogger("bot.lexical")
FORM = 2  # raise when terms or files change, so that saved indexes are not used. 2: segments of our own
NOTE = "note.json"
OLD = 3600.0  # seconds after which a file that the note does not name was left behind, and is no other process's


def save(lexical: Lexical, folder: Path, made: str) -> None:
    """Keep the index in `folder` for `load` with the same `made`; a failure costs only time later."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = [f"{one.name}.npz" for one in lexical.segments]
        for name, one in zip(names, lexical.segments, strict=True):
            if not (folder / name).exists():
                _write(folder / name, one)
        fresh = folder / f"{NOTE}.{os.getpid()}"
        fresh.write_text(json.dumps({"form": FORM, "made": made, "segments": names}), encoding="utf-8")
        fresh.replace(folder / NOTE)
        _sweep(folder, {NOTE, *names})
    except OSError as error:
        log.warning("The BM25 index could not be saved in %s: %s", folder, error)


def load(folder: Path, made: str) -> Lexical | None:
    """The saved index if it was made of the chunks `made` and is whole, otherwise None. `update` it before use."""
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        if (note["form"], note["made"]) != (FORM, made):
            return None
        return Lexical([_read(folder / name) for name in note["segments"]])
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as error:
        log.info("No saved BM25 index in %s: %s", folder, error)
        return None


def is_damaged(folder: Path) -> bool:
    """Whether there is an index that cannot be read; one made of other chunks, or by another version, is no damage."""
    if not (folder / NOTE).exists():
        return False
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return note["form"] == FORM and load(folder, note["made"]) is None
    except (OSError, ValueError, KeyError, TypeError):
        return True


def known(folder: Path) -> set[str]:
    """Ids of the articles that a saved index tells of, removed ones among them; none where it cannot be read."""
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        found = load(folder, note["made"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {version.article for one in found.segments for version in one.versions} if found else set()


def _write(path: Path, one: Segment) -> None:
    """Under another name first: a file of the right name is whole."""
    fresh = path.with_suffix(f".{os.getpid()}")
    words = {"versions": list(one.versions), "terms": list(one.terms)}
    with fresh.open("wb") as file:
        np.savez(
            file,
            words=np.frombuffer(json.dumps(words).encode(), dtype=np.uint8),
            places=one.places,
            lengths=one.lengths,
            begins=one.begins,
            holders=one.holders,
            often=one.often,
        )
    fresh.replace(path)


def _read(path: Path) -> Segment:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    words = json.loads(arrays.pop("words").tobytes())
    versions = [Version(*version) for version in words["versions"]]
    return Segment(
        versions=versions,
        terms={term: number for number, term in enumerate(words["terms"])},
        name=path.stem,
        **arrays,
    )


def _sweep(folder: Path, used: set[str]) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another process may sweep, too
            if path.name not in used and time.time() - path.stat().st_mtime > OLD:
                path.unlink()
