"""A backup becomes a data folder: built in a folder beside, then renamed, so that it is there whole or not at all."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bot.articles import content_hash
from bot.backup.form import ARTICLES
from bot.backup.unpack import Backup
from bot.embed import Embedder
from bot.errors import BackupError
from bot.ingest import Ingester
from bot.running import is_held, is_served
from bot.schema import Progress
from bot.store import Store, audit

Report = Callable[[Progress], None]


class Opened(NamedTuple):
    """What articles are prepared with, and how a store in a folder is opened with it."""

    embedder: Embedder
    open_store: Callable[[Path], Store]
    open_ingester: Callable[[Store], Ingester]


def restore(
    backup: Backup,
    data_dir: Path,
    opened: Callable[[Path], Opened],
    *,
    replace: bool = False,
    keep: Path | None = None,
    without: tuple[str, ...] = (),
    report: Report | None = None,
) -> Path | None:
    """Make `data_dir` of the backup; where what was there lies now, None if nothing was.

    `opened` gets the folder that it was unpacked to, settings file included. With `replace`, a folder that is not empty
    is put aside; `keep` is a folder in it that stays (models). Members `without` are left out. Raises BackupError where
    the folder is not empty, the backup is damaged, a page still runs, or the disk is full: nothing is changed then.
    """
    _refuse_filled(data_dir, replace, keep)
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    built = data_dir.with_name(f"{data_dir.name}.restoring-{os.getpid()}")
    try:
        built.mkdir(mode=0o700)
        backup.unpack(built)
        for name in without:
            (built / name).unlink(missing_ok=True)
        _ingest(backup, built, opened(built), report)
        (built / ARTICLES).unlink()
        return _swap(built, data_dir, keep)
    except OSError as error:
        raise BackupError(
            f"{backup.file} was not restored to {data_dir}: {error.strerror or error}. Make room there, or check its "
            "permissions; nothing was changed."
        ) from error
    finally:
        shutil.rmtree(built, ignore_errors=True)


def _refuse_filled(data_dir: Path, replace: bool, keep: Path | None) -> None:
    filled = data_dir.exists() and any(path != keep for path in data_dir.iterdir())
    if filled and not replace:
        raise BackupError(
            f"{data_dir} is not empty. Restore into another folder with --into, or put this one aside with --replace."
        )
    if is_served(data_dir) or is_held(data_dir / "store" / "write.lock"):
        raise BackupError(f"A page or another command runs on {data_dir}. End it first.")


def _ingest(backup: Backup, built: Path, opened: Opened, report: Report | None) -> None:
    """All articles with the ids, dates and origins that they had; vectors are made of their texts."""
    store = opened.open_store(built / "store")
    try:
        ingester = opened.open_ingester(store)
        with store.writing():
            for number, article in enumerate(backup.articles(built)):
                if content_hash(article) != article.content_hash:
                    raise BackupError(f"The article {article.id} in {backup.file} is damaged. Take another backup.")
                if report:
                    report(Progress(number, backup.manifest.articles, article.id))
                store.put(ingester.prepare(article))
        found = audit(store)
    finally:
        store.close()
    if found.wrong or found.nobodys or found.articles != backup.manifest.articles:
        raise BackupError(
            f"{backup.file} was not restored: {found.articles} of {backup.manifest.articles} articles are whole. "
            "Check that the disk is not full, and try again."
        )


def _swap(built: Path, data_dir: Path, keep: Path | None) -> Path | None:
    if not data_dir.exists() or not any(data_dir.iterdir()):
        built.rename(data_dir)
        return None
    aside = data_dir.with_name(f"{data_dir.name}.before-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    data_dir.rename(aside)
    try:
        if keep and keep.is_relative_to(data_dir):
            _move(keep.relative_to(data_dir), aside, built)
        built.rename(data_dir)
    except OSError:
        if keep and keep.is_relative_to(data_dir):
            _move(keep.relative_to(data_dir), built, aside)
        aside.rename(data_dir)
        raise
    if any(aside.iterdir()):
        return aside
    aside.rmdir()
    return None


def _move(part: Path, source: Path, target: Path) -> None:
    if (source / part).exists():
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        (source / part).rename(target / part)
