"""How fast this machine reads and writes with a model, laid out one way or another: measured once, then kept.

What is fastest differs: repacked weights may write faster and read slower, and two threads on one core may cost more
than they bring. It takes some seconds, at the first start with a model.
"""

import contextlib
import itertools
import json
import logging
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import ModelError
from bot.llama import Decoder, Model, default_threads, llama_version, supports_gpu
from bot.llm.cells import SLICE

log = logging.getLogger("bot.llm")
WRITTEN = 8  # tokens, one by one
ROUNDS = 3
BETTER = 1.05  # a difference that counts: two layouts of one file take the memory of both


class Tuned(BaseModel):
    """Threads (0: one a processor), and whether weights are repacked for writing and for reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int = 0
    writes_repacked: bool = True
    reads_repacked: bool = True


class Speed(NamedTuple):
    """Tokens a second."""

    reads: float
    writes: float


AS_IT_COMES = Tuned()
AS_THE_FILE = Tuned(writes_repacked=False, reads_repacked=False)  # takes no memory beside the file's pages
Measure = Callable[[int], Mapping[bool, Speed]]


def choose(measure: Measure, processors: int) -> Tuned:
    """The fastest by `measure` (threads → speeds, by whether weights are repacked): layouts, then half the threads."""
    layouts = measure(processors)
    writes = layouts[True].writes * BETTER >= layouts[False].writes
    reads = writes
    if layouts[not writes].reads > layouts[writes].reads * BETTER:
        reads = not writes
    threads = 0
    if processors >= 4:  # where two threads share a core, half as many may be faster
        half = measure(processors // 2)
        gains = half[writes].writes / layouts[writes].writes, half[reads].reads / layouts[reads].reads
        if min(gains) > 1 / BETTER and max(gains) > BETTER:
            threads = processors // 2
    return Tuned(threads=threads, writes_repacked=writes, reads_repacked=reads)


def tuned(
    path: Path, sha256: str, file: Path, tell: Callable[[str], None] = lambda line: None, gpu_layers: int = 0
) -> Tuned:
    """What `file` says of this model on this machine, else what is measured now and noted there.

    Where `gpu_layers` of it run on a GPU, processors matter little: then nothing is measured.
    `tell` gets a line before it is measured. A file that cannot be read or written only costs the time.
    """
    if gpu_layers and supports_gpu():
        return AS_IT_COMES
    key = " ".join((sha256, _processor(), str(default_threads()), llama_version()))
    known = _read(file)
    with contextlib.suppress(KeyError, ValidationError):
        return Tuned.model_validate(known[key])
    tell("Measuring once how this machine runs the model …")
    try:
        found = choose(lambda threads: speeds(path, threads), default_threads())
    except ModelError as error:  # too little memory for a second one; what is loaded next will tell
        log.warning("The model's speed could not be measured: %s", error)
        return AS_IT_COMES
    _write(file, known | {key: found.model_dump()})
    return found


def speeds(path: Path, threads: int) -> dict[bool, Speed]:
    """By whether weights are repacked: the best of some rounds, in which both take turns, as other programs run, too.

    The first round is slow, whatever comes first in it: memory is touched for the first time.
    """
    with contextlib.ExitStack() as opened:
        decoders: dict[bool, Decoder] = {}
        for repacked in (True, False):
            model = Model(path, gpu_layers=0, repacked=repacked)
            opened.callback(model.close)
            decoders[repacked] = Decoder(model, tokens=2 * SLICE, threads=threads, slice_tokens=SLICE)
            opened.callback(decoders[repacked].close)
        words = decoders[True].model.tokenize("The ferry sails at noon. ", control=False)
        text = list(itertools.islice(itertools.cycle(words), SLICE))
        found = dict.fromkeys(decoders, Speed(0, 0))
        for repacked, decoder in [*decoders.items()] * ROUNDS:
            decoder.keep(0)
            reads = SLICE / _seconds(decoder, [text], 0)
            writes = WRITTEN / _seconds(decoder, [text[:1]] * WRITTEN, SLICE)
            best = found[repacked]
            found[repacked] = Speed(max(best.reads, reads), max(best.writes, writes))
        return found


def _seconds(decoder: Decoder, batches: Sequence[Sequence[int]], at: int) -> float:
    """For reading these one after the other from position `at`."""
    began = time.perf_counter()
    for batch in batches:
        decoder.read(batch, at)
        at += len(batch)
    return time.perf_counter() - began


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read(file: Path) -> dict[str, object]:
    try:
        known = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(file: Path, known: Mapping[str, object]) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(known, indent=1), "utf-8")
        part.replace(file)
    except OSError as error:
        log.warning("%s cannot be written (%s), so speeds are measured anew at the next start.", file, error.strerror)
