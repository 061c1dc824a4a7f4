"""Pages of a file that is mapped into this process: let go where nothing needs them for now.

They stay in the system's cache as long as there is memory to spare, and come back by themselves when they are read.
"""

import ctypes
import os
from pathlib import Path

MAPS = Path("/proc/self/maps")  # address range, permissions, offset, device, inode, path; where Linux runs
DONTNEED = 4  # madvise's


def let_go(path: Path, maps: Path = MAPS) -> int:
    """Bytes of mappings of `path` that nothing can be written to, whose pages are let go; 0 where the system has none.

    The mappings stay as they are: whoever reads them finds the file's bytes.
    """
    try:
        lines = maps.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return 0
    advise, file = ctypes.CDLL(None).madvise, os.path.realpath(path)
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    gone = 0
    for line in lines:
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5] == file and fields[1].startswith("r--"):
            start, end = (int(address, 16) for address in fields[0].split("-"))
            gone += 0 if advise(start, end - start, DONTNEED) else end - start
    return gone
