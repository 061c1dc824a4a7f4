"""The store of articles: its database, vector indexes, records and chunks; and how each of them is mended.

A database or an index that is damaged is made anew from the articles that can be read, beside the old one, which is
put aside. What only lacks chunks is completed in place.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bot import lexical
from bot.articles import content_hash
from bot.config import Settings
from bot.doctor.findings import REPAIR, Finding, Mend, Tools
from bot.embed import Embedder
from bot.errors import BotError, StoreBusy, StoreError, StoreMismatch
from bot.running import is_served
from bot.schema import Article
from bot.store import Audit, Store, audit, disk
from bot.store.chroma import LOCK, LOCK_SECONDS
from bot.store.records import read_article
from bot.store.shared import Shared

PART = "articles"
SHOWN, NAMED = 5, 50  # articles that a line names
AGAIN = "Ingest it again from where it came, or restore a backup (`bot restore`)."


class Judged(list[Article]):
    """Articles whose text is what was stored; `damaged` are the others, as they lie there."""

    def __init__(self, raws: Iterator[disk.Raw]) -> None:
        super().__init__()
        self.damaged: list[disk.Raw] = []
        for raw in raws:
            article = _whole(raw)
            if article is None:
                self.damaged.append(raw)
            else:
                self.append(article)


def check_library(settings: Settings, tools: Tools) -> Iterator[Finding]:
    """The store in the data folder, or what can be seen of it through a server."""
    folder = settings.data_dir / "store"
    if not settings.store.server:
        if not folder.is_dir() or not any((folder / name).exists() for name in (disk.CHROMA, disk.REBUILT)):
            yield Finding(PART, "ok", "There are no articles yet.")
            return
        found = list(_in_files(folder, tools))
        yield from found
        if found:
            return
    yield from _by_chroma(folder, tools, settings.store.server is None)
    if lexical.is_damaged(folder / "bm25"):
        drop = Mend("drop the BM25 index; it is made again", lambda: _dropped(folder / "bm25"))
        yield Finding(PART, "warning", "The BM25 index is damaged; it is made again at the next question.", mend=drop)


def _in_files(folder: Path, tools: Tools) -> Iterator[Finding]:
    """What is wrong in the files, before Chroma reads them."""
    try:
        if (folder / disk.CHROMA).exists():
            with Shared(folder).opening():  # mends what a kill leaves
                pass
        problems = disk.faults(folder)
    except StoreError as error:
        yield Finding(PART, "error", str(error))
        return
    if (folder / disk.REBUILT / disk.WHOLE).exists() and not (folder / disk.CHROMA).exists():
        mend = Mend("bring the repair that was broken off to its end", lambda: rebuild(folder, tools))
        yield Finding(PART, "error", "A repair was broken off shortly before its end.", REPAIR, mend)
        return
    judged = Judged(disk.read(folder))
    known = f"{len(judged)} articles can be read whole"
    mend = Mend(
        f"make the store anew from the {len(judged)} articles that can be read, and put the old one aside"
        if judged
        else "put the store aside, as no article in it can be read",
        lambda: rebuild(folder, tools),
    )
    remedy = REPAIR if judged else f"{REPAIR} Then restore a backup (`bot restore`), or ingest the articles again."
    for problem in problems:
        yield Finding(PART, "error", f"The store is damaged: {problem}; {known}.", remedy, mend)
    for raw in judged.damaged:
        name, origin = _named(raw)
        from_ = f" (from {origin})" if origin else ""
        text = f"The article {name}{from_} is damaged: it is not what was stored, so it is no longer to be quoted."
        yield Finding(PART, "error", text, f"{REPAIR} {AGAIN}", mend)


def _by_chroma(folder: Path, tools: Tools, own: bool) -> Iterator[Finding]:
    """`own` is a store in the folder, whose files are the doctor's business; a server's are not."""
    try:
        embedder = tools.open_embedder()
    except BotError:
        yield Finding(PART, "warning", "Chunks and vectors were not looked at: the embedder does not load.")
        return
    try:
        store = tools.open_store(embedder, None)
    except StoreMismatch as error:
        yield Finding(PART, "error", str(error))
        return
    except StoreError as error:
        yield Finding(PART, "error", str(error))
        return
    try:
        yield from _audited(store, folder, tools)
    except StoreError as error:
        if own and not isinstance(error, StoreBusy):
            mend = Mend("make the store anew from its articles", lambda: rebuild(folder, tools))
            yield Finding(PART, "error", str(error), REPAIR, mend)
        else:
            yield Finding(PART, "error", str(error))
    finally:
        store.close()


def _audited(store: Store, folder: Path, tools: Tools) -> Iterator[Finding]:
    found = audit(store)
    ids = list(found.wrong)
    if ids:
        shown = "; ".join(f"{one}: {found.wrong[one]}" for one in ids[:SHOWN])
        more = f"; and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
        mend = Mend(f"chunk and embed {len(ids)} articles again", lambda: _complete(tools, ids))
        yield Finding(PART, "error", f"{len(ids)} articles lack chunks ({shown}{more}).", REPAIR, mend)
    if found.nobodys:
        sweep = Mend(f"remove {found.nobodys} vectors that no article owns", lambda: _complete(tools, []))
        text = f"{found.nobodys} vectors belong to no article; the next ingest removes them."
        yield Finding(PART, "warning", text, mend=sweep)
    if not ids:
        yield Finding(PART, "ok", f"{found.articles} articles are whole, with all their chunks and vectors.")


def _complete(tools: Tools, ids: Sequence[str]) -> str:
    embedder = tools.open_embedder()
    store = tools.open_store(embedder, None)
    try:
        ingester = tools.open_ingester(embedder, store)
        with store.writing():
            for one in store.articles(ids):
                store.put(ingester.prepare(one))
            swept = store.sweep()
    finally:
        store.close()
    return f"{len(ids)} articles were chunked and embedded again; {swept} vectors that no article owned were removed"


def rebuild(folder: Path, tools: Tools) -> str:
    """Make the store in `folder` anew from the articles that can be read; what it did.

    Until all is done the old one stays as it is, afterwards it lies beside, renamed. Articles that are damaged go to a
    file in the data folder. Raises StoreError where a page runs, another process writes, or the disk is full.
    """
    if is_served(folder.parent):
        raise StoreBusy(f"A page runs on {folder.parent}. End it first: it would go on with the old store.")
    try:
        with FileLock(folder / LOCK, timeout=LOCK_SECONDS):
            return _rebuilt(folder, tools)
    except Timeout:
        raise StoreBusy(f"Another process is changing the articles in {folder}. Try again when it is done.") from None


def _rebuilt(folder: Path, tools: Tools) -> str:
    new, done = folder / disk.REBUILT, folder / disk.REBUILT / disk.WHOLE
    told = "the repair that was broken off was brought to its end"
    if (folder / disk.CHROMA).exists() or not done.exists():  # otherwise it was killed just before its end
        judged = Judged(disk.read(folder))
        shutil.rmtree(new, ignore_errors=True)
        try:
            _fill(new, judged, tools)
            told = f"{len(judged)} articles were saved{_lost(folder, judged)}"
            if judged.damaged:
                told += f"; {len(judged.damaged)} damaged ones are in {_set_aside(folder.parent, judged.damaged)}"
            done.touch()
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    with Shared(folder).changing():
        told += _swapped(folder, new)
    shutil.rmtree(new)
    _dropped(folder / "bm25")
    return told


def _swapped(folder: Path, new: Path) -> str:
    told = ""
    if (folder / disk.CHROMA).exists() and (new / disk.CHROMA).exists():
        told = "; what is missing can be ingested again, or restored from a backup (`bot restore`)"
        aside = folder / f"{disk.CHROMA}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        (folder / disk.CHROMA).rename(aside)
        told += f"; the old store lies in {aside}"
    if (new / disk.CHROMA).exists():
        (new / disk.CHROMA).rename(folder / disk.CHROMA)
    return told


def _lost(folder: Path, saved: Sequence[Article]) -> str:
    """What the BM25 index, which is damaged seldom at the same time, knew besides."""
    ids = sorted(lexical.known(folder / "bm25") - {article.id for article in saved})
    shown = ", ".join(ids[:NAMED]) + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")
    return f" (not found, unless they were removed before: {shown})" if ids else ""


def _fill(new: Path, articles: Sequence[Article], tools: Tools) -> None:
    embedder: Embedder = tools.open_embedder()
    store = tools.open_store(embedder, new)
    try:
        ingester = tools.open_ingester(embedder, store)
        with store.writing():
            for article in articles:
                store.put(ingester.prepare(article))
        found: Audit = audit(store)
    finally:
        store.close()
    if found.wrong or found.articles != len(articles):
        raise StoreError(f"The new store in {new} is not whole. Check that the disk is not full, and try again.")


def _set_aside(data_dir: Path, damaged: Sequence[disk.Raw]) -> Path:
    path = data_dir / "articles.damaged"
    with path.open("a", encoding="utf-8", errors="replace") as file:
        file.writelines(f"{json.dumps(raw._asdict())}\n" for raw in damaged)
        file.flush()
        os.fsync(file.fileno())
    return path


def _dropped(folder: Path) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    return f"{folder} was dropped"


def _whole(raw: disk.Raw) -> Article | None:
    """The article, with the first copy of its text that is what was stored."""
    for text in raw.texts:
        with suppress(ValueError, KeyError, TypeError):
            article = read_article({"article": raw.record}, text)
            if content_hash(article) == article.content_hash:
                return article
    return None


def _named(raw: disk.Raw) -> tuple[str, str]:
    """Its id and where it came from, as far as that can be read."""
    try:
        record = json.loads(raw.record)
        return str(record["id"]), str(record.get("origin", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"“{' '.join(raw.texts[0].split())[:60]}…”" if raw.texts else "without a name", ""
