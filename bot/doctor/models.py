"""The model files that the settings name, and others of the catalogue that are here: there, whole, of the right sum."""

from collections.abc import Iterator
from pathlib import Path

from bot.config import Settings
from bot.doctor.findings import Finding, Level
from bot.errors import ModelError
from bot.models import catalogue, files
from bot.models.catalogue import Catalogue, Entry

PART = "models"


def check_models(settings: Settings, *, full: bool = False) -> Iterator[Finding]:
    """`full` takes the SHA-256 of each; otherwise one that was remembered for a file as it is now counts."""
    try:
        known = catalogue.load()
    except ModelError as error:
        yield Finding(PART, "error", str(error))
        return
    wanted = {settings.embed.model} | (set() if settings.llm.server else {settings.llm.model})
    for name in sorted(wanted):
        entry = known.find(name)
        yield (
            _own(name, settings.models_dir, known)
            if entry is None
            else _file(entry, settings.models_dir, full, "error")
        )
    for entry in known.entries:
        if entry.name not in wanted and (settings.models_dir / entry.file).is_file():
            yield _file(entry, settings.models_dir, full, "warning")


def _own(name: str, models_dir: Path, known: Catalogue) -> Finding:
    """A file that the settings name by its path: nobody knows its sum."""
    try:
        path = files.by_path(name, models_dir, known)
    except ModelError as error:
        return Finding(PART, "error", str(error))
    return Finding(PART, "ok", f"{path} is a GGUF file; no sum is known to compare it with.")


def _file(entry: Entry, models_dir: Path, full: bool, level: Level) -> Finding:
    path = models_dir / entry.file
    pull = f"Run `bot models pull {entry.name}`."
    if not path.is_file():
        return Finding(PART, level, f"{entry.name} is not here ({path}).", pull)
    try:
        files.check_magic(path)
        size = path.stat().st_size
        if entry.bytes and size != entry.bytes:
            cut = "cut short" if size < entry.bytes else "too long"
            return Finding(PART, level, f"{path} is {cut}: {size} of {entry.bytes} bytes.", pull)
        remembered = files.remembered_sum(path, models_dir)
    except ModelError as error:
        return Finding(PART, level, str(error), pull)
    if not full and remembered in (None, files.expected_sum(entry, models_dir)):
        how = "its sum was right" if remembered else "its sum was not taken (`--full` does)"
        return Finding(PART, "ok", f"{entry.name} has the right size; {how}.")
    (status,) = files.verify(models_dir, Catalogue(path=path, entries=(entry,)))
    if status.state == "ok":
        return Finding(PART, "ok", f"{entry.name} is whole: {status.detail}.")
    return Finding(PART, level, f"{path} is damaged: {status.detail.partition(';')[0]}.", pull)
