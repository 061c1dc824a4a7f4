"""Pages of a file that is mapped into this process: let go where nothing needs them for now.

They stay in the system's cache as long as there is memory to spare, and come back by themselves when they are read.
"""

import ctypes
import os
from collections.abc import Container
from pathlib import Path

MAPS = Path("/proc/self/maps")  # address range, permissions, offset, device, inode, path; where Linux runs
DONTNEED = 4  # madvise's
Mapping = tuple[int, int]  # addresses of the first byte, and of the first after the last


def mappings(path: Path, maps: Path = MAPS) -> set[Mapping]:
    """Those of the file that nothing can be written to; none where the system does not tell them."""
    try:
        lines = maps.read_text("utf-8", "surrogateescape").split("\n")
    except OSError:
        return set()
    file, found = os.path.realpath(path), set()
    for line in lines:
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5] == file and fields[1].startswith("r--"):
            start, end = (int(address, 16) for address in fields[0].split("-"))
            found.add((start, end))
    return found


def let_go(path: Path, among: Container[Mapping] | None = None) -> int:
    """Bytes of the file's mappings whose pages are let go: of all, or of those that are `among` these.

    The mappings stay as they are: whoever reads them finds the file's bytes.
    """
    gone = 0
    for start, end in mappings(path):
        if among is None or (start, end) in among:
            advise = ctypes.CDLL(None).madvise
            advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
            gone += 0 if advise(start, end - start, DONTNEED) else end - start
    return gone
