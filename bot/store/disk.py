"""Chroma's folder as files: what is damaged in it, and the articles that can still be read; it opens no Chroma.

SQLite is read with Python's own copy of the library. Chroma has another, and two copies in one process do not see each
other's locks: nothing here may run while this process has the same folder open for writing.
"""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bot.errors import StoreError
from bot.store import hnsw

CHROMA, DATABASE = "chroma", "chroma.sqlite3"
REBUILT, WHOLE = "rebuilt", "whole"  # a folder that a repair fills, and the mark in it that says that it is full
LOOKED_AT = "looked-at.json"
ARTICLES = "citebot-articles"
TEXT = "chroma:document"
DELETED = 3  # the operation of Chroma's log that removes a record
STILL_SECONDS, TRIES = 0.3, 10  # files that somebody writes are looked at again
SKIPS = 4_000  # tries to get beyond what cannot be read, before a table is given up: 125,000 records

_NOT_NOW = ("unable to open", "locked", "readonly")  # what SQLite says of a database that may be whole
Marks = list[list[int] | None]

_INDEXES = """
    SELECT collections.name, collections.id, collections.dimension, vectors.id, records.id, max_seq_id.seq_id
    FROM collections
    JOIN segments AS vectors ON vectors.collection = collections.id AND vectors.scope = 'VECTOR'
    JOIN segments AS records ON records.collection = collections.id AND records.scope = 'METADATA'
    LEFT JOIN max_seq_id ON max_seq_id.segment_id = vectors.id
"""


class Damaged(Exception):
    """What is wrong with the folder, without a full stop."""


class Raw(NamedTuple):
    """An article as it lies there: its record (JSON), and the copies of its text that can be read."""

    record: str
    texts: tuple[str, ...]


class _Index(NamedTuple):
    """`seen` is up to where the vectors of Chroma's log are in the files of the index; None: there are none yet."""

    collection: str
    topic: str
    dimension: int | None
    folder: Path
    records: str
    seen: int | None

    @property
    def is_written(self) -> bool:
        return self.seen is not None or (self.folder / hnsw.NAMES).exists()


def refuse_damaged(folder: Path, *, chunks: bool = True) -> None:
    """Raise Damaged for what Chroma would not notice or would die of; what it tells itself is left to it.

    Without `chunks` their vectors may be damaged: they are made anew.
    """
    chroma = folder / CHROMA
    if not chroma.exists() and (folder / REBUILT / WHOLE).exists():
        raise Damaged("a repair was broken off before its end")
    if problem := _without_database(chroma):
        raise Damaged(problem)
    if not (chroma / DATABASE).exists():
        return
    try:
        with _opened(chroma, "ro") as database:
            indexes = _indexes(chroma, database)
    except sqlite3.Error:
        return
    written = [index for index in indexes if index.is_written and (chunks or index.collection == ARTICLES)]
    marks = {index.folder.name: _marks(index.folder) for index in written}
    if marks == _remembered(folder):
        return
    for index in written:
        if problem := _fault_at_rest(index):
            raise Damaged(problem)
    _remember(folder, marks)


def faults(folder: Path) -> list[str]:
    """All that is wrong with the folder's database and vector indexes, a sentence without full stop each.

    Raises StoreError where files cannot be read, or another process holds them.
    """
    chroma = folder / CHROMA
    with contextlib.suppress(OSError):
        (folder / LOOKED_AT).unlink(missing_ok=True)  # what is remembered does not count here
    try:
        refuse_damaged(folder)
        if not (chroma / DATABASE).exists():
            return []
        with _opened(chroma, "rw") as database:
            found = [str(row[0]) for row in database.execute("PRAGMA integrity_check(3)")]
            if found != ["ok"]:
                return [f"{DATABASE} is damaged ({found[0].splitlines()[-1]})"]
            if problem := _words_fault(database):
                return [problem]
            problems = [_unfit(index, database) for index in _indexes(chroma, database)]
            return [problem for problem in problems if problem]
    except Damaged as error:
        return [str(error)]
    except OSError as error:
        raise StoreError(
            f"{error.filename or chroma} cannot be read: {error.strerror}. Check its permissions."
        ) from error
    except sqlite3.Error as error:
        if any(reason in str(error) for reason in _NOT_NOW):
            raise StoreError(
                f"{chroma / DATABASE} cannot be read ({error}). Check its permissions, and whether another process "
                "changes articles now."
            ) from error
        return [f"{DATABASE} is damaged ({error})"]


def read(folder: Path) -> Iterator[Raw]:
    """All articles that the database still tells of, also where it is damaged; each with at least a record or a text.

    No index of SQLite is used, tables are read record by record, and Chroma keeps a text up to three times.
    """
    with contextlib.suppress(sqlite3.Error), _opened(folder / CHROMA, "rw") as database:
        database.execute("PRAGMA writable_schema = ON")  # so that a file that was cut short is read as far as it goes
        records: dict[int, str] = {}
        texts: dict[int, list[str]] = {}
        for number, key, value in _rows(
            database, "embedding_metadata", "id, key, string_value", f"key IN ('article', '{TEXT}')"
        ):
            if key == TEXT:
                texts.setdefault(number, []).append(str(value))
            elif _is_record(str(value)):
                records[number] = str(value)
        for number, text in _rows(database, "embedding_fulltext_search_content", "id, c0"):
            if number in records or number in texts:
                texts.setdefault(number, []).append(str(text))
        logged = _logged(database)
        known = set()
        for number in records.keys() | texts.keys():
            record = records.get(number, "")
            name = _id_of(record)
            known.add(name)
            yield Raw(record, (*texts.get(number, ()), *(logged[name].texts if name in logged else ())))
        yield from (one for name, one in logged.items() if name not in known)


def _words_fault(database: sqlite3.Connection) -> str:
    """What is wrong with the index of words: nobody asks it, but Chroma keeps it up with every article."""
    try:
        database.execute("PRAGMA query_only = OFF")  # the check is written as an insertion; it changes nothing
        database.execute("INSERT INTO embedding_fulltext_search (embedding_fulltext_search) VALUES ('integrity-check')")
        database.rollback()
    except sqlite3.DatabaseError as error:
        return f"{DATABASE} is damaged in its index of words" if "malformed" in str(error) else ""
    finally:
        database.execute("PRAGMA query_only = ON")
    return ""


def _without_database(chroma: Path) -> str:
    """What is wrong where Chroma would begin a new database over an old store."""
    if not chroma.is_dir() or not any(path.is_dir() for path in chroma.iterdir()):
        return ""
    database = chroma / DATABASE
    if not database.exists():
        return f"{DATABASE} is missing"
    return "" if database.stat().st_size else f"{DATABASE} is empty"


@contextlib.contextmanager
def _opened(chroma: Path, mode: str) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(f"{(chroma / DATABASE).absolute().as_uri()}?mode={mode}", uri=True, timeout=5)
    database.text_factory = lambda value: value.decode("utf-8", "replace")
    try:
        database.execute("PRAGMA query_only = ON")
        yield database
    finally:
        database.close()


def _indexes(chroma: Path, database: sqlite3.Connection) -> list[_Index]:
    return [
        _Index(name, topic, dimension, chroma / str(vectors), records, seen)
        for name, topic, dimension, vectors, records, seen in database.execute(_INDEXES)
    ]


def _fault_at_rest(index: _Index, *, full: bool = False) -> str:
    """What is wrong with an index while nobody writes it; one that is always being written is not judged."""
    for _ in range(TRIES):
        before = _marks(index.folder)
        problem = _fault(index, full)
        if not problem:
            return ""
        time.sleep(STILL_SECONDS)
        if before == _marks(index.folder):
            return f"the vector index of {index.collection} is damaged: {problem}"
    return ""


def _fault(index: _Index, full: bool) -> str:
    if not index.is_written or index.dimension is None:
        return ""  # all of it is still in the database
    return hnsw.fault(index.folder, index.dimension, unit=index.collection != ARTICLES, full=full)


def _marks(folder: Path) -> Marks:
    """Sizes and times of change of an index's files, None for one that is not there."""
    marks: Marks = []
    for name in hnsw.FILES:
        try:
            status = (folder / name).stat()
            marks.append([status.st_size, status.st_mtime_ns])
        except OSError:
            marks.append(None)
    return marks


def _remembered(folder: Path) -> dict[str, Marks] | None:
    """Marks of the indexes that were whole when they were last looked at: to read large ones takes seconds."""
    try:
        found: Any = json.loads((folder / LOOKED_AT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _remember(folder: Path, marks: dict[str, Marks]) -> None:
    fresh = folder / f"{LOOKED_AT}.{os.getpid()}"
    with contextlib.suppress(OSError):  # then they are looked at again
        fresh.write_text(json.dumps(marks), encoding="utf-8")
        fresh.replace(folder / LOOKED_AT)


def _unfit(index: _Index, database: sqlite3.Connection) -> str:
    """What is wrong with an index beside its records: vectors of no sense, or records without a vector."""
    if problem := _fault_at_rest(index, full=True):
        return problem
    try:
        missing = _missing(index, database)
        if missing:  # or an article was added while these were counted
            time.sleep(STILL_SECONDS)
            missing &= _missing(index, database)
    except ValueError as error:
        return f"the vector index of {index.collection} is damaged: {error}"
    return f"the vector index of {index.collection} lacks {len(missing)} vectors" if missing else ""


def _missing(index: _Index, database: sqlite3.Connection) -> set[str]:
    """Ids of records whose vector is neither in the files nor in Chroma's log. Raises ValueError for damaged names."""
    queued = database.execute("SELECT id FROM embeddings_queue WHERE topic LIKE '%/' || ?", (index.topic,))
    held = {str(row[0]) for row in queued}
    if index.is_written:
        held |= hnsw.names(index.folder)
    wanted = database.execute("SELECT embedding_id FROM embeddings WHERE segment_id = ?", (index.records,))
    return {str(row[0]) for row in wanted} - held


def _rows(database: sqlite3.Connection, table: str, columns: str, where: str = "1") -> Iterator[tuple[Any, ...]]:
    """Rows in the order of their numbers; after one that cannot be read, the next that can."""
    query = f"SELECT rowid, {columns} FROM {table} NOT INDEXED WHERE rowid > ? AND {where} ORDER BY rowid"  # noqa: S608  # nosec B608 # names of ours
    last: int | None = -1
    while last is not None:
        try:
            for number, *row in database.execute(query, (last,)):
                last = number
                yield tuple(row)
            return
        except sqlite3.Error as error:
            if any(hopeless in str(error) for hopeless in ("no such", "not a database")):
                return
            last = _beyond(database, query, last)


def _beyond(database: sqlite3.Connection, query: str, bad: int) -> int | None:
    """The least number after `bad` from which rows can be read again, None where there is none near."""

    def is_readable(after: int) -> bool:
        try:
            database.execute(query, (after,)).fetchone()
        except sqlite3.Error:
            return False
        return True

    step, good = 0, bad
    while not is_readable(good := good + 1 + step // 64):
        bad, step = good, step + 1
        if step > SKIPS:
            return None
    while good - bad > 1:
        middle = (good + bad) // 2
        bad, good = (bad, middle) if is_readable(middle) else (middle, good)
    return good


def _logged(database: sqlite3.Connection) -> dict[str, Raw]:
    """Articles by id, of the end of Chroma's log: what was written last."""
    found: dict[str, Raw] = {}
    for name, operation, metadata in _rows(database, "embeddings_queue", "id, operation, metadata"):
        try:
            value = json.loads(metadata) if metadata else {}
            record = str(value["article"])
        except (ValueError, KeyError, TypeError):
            value, record = {}, ""
        if operation == DELETED:
            found.pop(name, None)
        elif _is_record(record) and TEXT in value:
            found[name] = Raw(record, (str(value[TEXT]),))
    return found


def _is_record(value: str) -> bool:
    """Records of chunks have an article's id in the place of an article's record."""
    return value.startswith("{") and '"content_hash"' in value


def _id_of(record: str) -> str:
    try:
        return str(json.loads(record)["id"])
    except (ValueError, KeyError, TypeError):
        return ""
