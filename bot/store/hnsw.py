"""Whether the files of one of Chroma's vector indexes hang together: hnswlib reads them unseen, and may die of it.

A number out of range there is an address out of range in its code: a damaged file ends the process, or silently loses
vectors. The form is that of chroma-hnswlib, version 1; what is of another form is not judged. It opens no Chroma.
"""

import math
import pickle  # nosec B403 # read by _Plain only, which calls nothing
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

HEADER, DATA, LINKS, LENGTHS, NAMES = (
    "header.bin",
    "data_level0.bin",
    "link_lists.bin",
    "length.bin",
    "index_metadata.pickle",
)
FILES = (HEADER, DATA, LINKS, LENGTHS, NAMES)
VERSION = 1
SPARE = 100_000  # elements that room may be kept for beyond twice those there are
HIGHEST = 64  # levels of a graph
BLOCK = 20_000  # elements looked at together
LENGTH_OFF = 0.01  # by which a unit vector's length may miss 1

_Layout = struct.Struct("<i6QiI3QdQ")


class _Header(NamedTuple):
    """Sizes and places are in bytes; `level0` is where the first element begins within the data."""

    version: int
    level0: int
    room: int
    filled: int
    size: int
    label_at: int
    vector_at: int
    top: int
    entry: int
    links_above: int
    links_below: int
    links: int
    factor: float
    effort: int


def fault(folder: Path, dimension: int, *, unit: bool = False, full: bool = False) -> str:
    """What is wrong with the index in `folder`, of vectors with so many numbers; "" for nothing.

    With `unit`, vectors must have the length 1: the lengths that are noted, with `full` the vectors themselves.
    Raises OSError where a file cannot be read.
    """
    for name in FILES:
        if not (folder / name).is_file():
            return f"{name} is missing"
    if (folder / HEADER).stat().st_size != _Layout.size:
        return f"{HEADER} has the wrong size"
    header = _Header(*_Layout.unpack((folder / HEADER).read_bytes()))
    if header.version != VERSION:
        return "" if 1 < header.version < 100 else f"{HEADER} is damaged"
    if not _is_sound(header, dimension):
        return f"{HEADER} is damaged"
    if not (folder / NAMES).stat().st_size:
        return f"{NAMES} is empty"
    held = header.filled or header.room  # an index that is still empty keeps all its room
    for name, size in ((DATA, held * header.size), (LENGTHS, held * 4)):
        if (folder / name).stat().st_size != size:
            return f"{name} has the wrong size"
    if not header.filled:
        return ""
    levels = _levels(folder / LINKS, header)
    if levels is None or int(levels.max()) != header.top or levels[header.entry] != header.top:
        return f"{LINKS} is damaged"
    lengths = np.fromfile(folder / LENGTHS, dtype="<f4")
    if unit and not (np.abs(lengths - 1) <= LENGTH_OFF).all():
        return f"{LENGTHS} is damaged"
    return "" if _elements_are_sound(folder / DATA, header, dimension, unit and full) else f"{DATA} is damaged"


def names(folder: Path) -> set[str]:
    """Ids of the vectors in the index. Raises OSError or ValueError where its file of names cannot be read."""
    try:
        with (folder / NAMES).open("rb") as file:
            found: Any = _Plain(file).load()
        return set(map(str, found["id_to_label"]))
    except OSError:
        raise
    except Exception as error:  # unpickling damaged bytes raises whatever it likes
        raise ValueError(f"{NAMES} is damaged") from error


class _Plain(pickle.Unpickler):
    """Numbers, texts and dictionaries: nothing in the file is ever called."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")


def _is_sound(header: _Header, dimension: int) -> bool:
    above, below = header.links_above, header.links_below
    return (
        header.level0 == 0
        and header.links == above
        and 2 <= above <= 4096
        and below == 2 * above
        and header.vector_at == 4 * below + 4
        and header.label_at == header.vector_at + 4 * dimension
        and header.size == header.label_at + 8
        and header.filled <= header.room <= 2 * header.filled + SPARE
        and (0 <= header.top <= HIGHEST and header.entry < header.filled if header.filled else header.top == -1)
        and math.isclose(header.factor, 1 / math.log(above), rel_tol=1e-6)
        and 0 < header.effort <= 1_000_000
    )


def _levels(path: Path, header: _Header) -> NDArray[np.int64] | None:
    """The level of each element, of shape (filled,); None where the lists above level 0 do not hang together."""
    if path.stat().st_size % 4:
        return None
    data = np.fromfile(path, dtype="<u4")
    sizes = data.tolist()  # numbers of Python's own are sooner read one by one
    step = header.links_above + 1  # numbers of one list: how many links, then the links
    levels = np.zeros(header.filled, dtype=np.int64)
    lists: list[int] = []
    at, end = 0, len(data)
    for element in range(header.filled):
        if at >= end:
            return None
        numbers, rest = divmod(sizes[at], 4)
        if rest or numbers % step or numbers > step * HIGHEST or at + 1 + numbers > end:
            return None
        levels[element] = numbers // step
        lists.extend(range(at + 1, at + 1 + numbers, step))
        at += 1 + numbers
    if at != end:
        return None
    links = data[np.array(lists, dtype=np.int64)[:, np.newaxis] + np.arange(step)] if lists else np.empty((0, step))
    return levels if _links_are_sound(links, header) else None


def _links_are_sound(links: NDArray[Any], header: _Header) -> bool:
    """Rows of: how many links (the upper half holds marks), then the numbers of other elements."""
    often = links[:, 0].astype(np.int64) & 0xFFFF
    if (often > links.shape[1] - 1).any():
        return False
    used = np.arange(links.shape[1] - 1) < often[:, np.newaxis]
    return not (used & (links[:, 1:] >= header.filled)).any()


def _elements_are_sound(path: Path, header: _Header, dimension: int, unit: bool) -> bool:
    form = np.dtype([("links", "<u4", header.links_below + 1), ("vector", "<f4", dimension), ("label", "<u8")])
    data = np.memmap(path, dtype=form, mode="r", shape=(header.filled,))
    labels = np.sort(data["label"])
    if (labels[1:] == labels[:-1]).any():
        return False
    for start in range(0, header.filled, BLOCK):
        part = data[start : start + BLOCK]
        if not _links_are_sound(part["links"], header):
            return False
        if unit and not (np.abs(np.linalg.norm(part["vector"], axis=1) - 1) <= LENGTH_OFF).all():
            return False
    return True
