"""How fast this machine reads and writes with a model, laid out and run one way or another: measured once, then kept.

What is fastest differs: repacked weights may write faster and read slower, two threads on one core may cost more than
they bring, flash attention may be slower than plain, and a GPU reads many tokens at once faster than few. It takes some
seconds, at the first start with a model.
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

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.errors import ModelError
from bot.llama import Decoder, Model, default_threads, llama_version, supports_gpu
from bot.llm.cells import SLICE

log = logging.getLogger("bot.llm")
WRITTEN = 8  # tokens, one by one
ROUNDS, FEWEST = 3, 2  # of measuring; the fewest where they take longer than ENOUGH_S
ENOUGH_S = 5
BETTER = 1.05  # a difference that counts: two layouts of one file take the memory of both
COARSER = 1.1  # the same for longer slices: fewer of a prompt's are whole, and only those are used again
LONGER, LONGER_ON_GPU = 256, 512  # tokens of a slice, beside SLICE


class Tuned(BaseModel):
    """Threads (0: one a processor), whether weights are repacked for writing and for reading, and how is decoded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int = Field(0, ge=0)
    writes_repacked: bool = True
    reads_repacked: bool = True
    slice_tokens: int = Field(SLICE, ge=SLICE, le=LONGER_ON_GPU)
    flash: bool = True


class Way(NamedTuple):
    """A way to run the model, as Tuned has it."""

    repacked: bool = True
    threads: int = 0
    slice_tokens: int = SLICE
    flash: bool = True


class Speed(NamedTuple):
    """Tokens a second."""

    reads: float
    writes: float


AS_IT_COMES = Tuned()
AS_THE_FILE = Tuned(writes_repacked=False, reads_repacked=False)  # takes no memory beside the file's pages
Measure = Callable[[Sequence[Way]], Sequence[Speed]]  # of each, measured side by side


def choose(measure: Measure, processors: int, *, gpu: bool = False) -> Tuned:
    """The fastest by `measure`: layouts, then half the threads, then attention and slices of what reads prompts.

    On a GPU only the last: layouts and threads are the processor's.
    """
    found = AS_IT_COMES if gpu else _layouts_and_threads(measure, processors)
    as_now = Way(found.reads_repacked, found.threads)
    sliced = as_now._replace(slice_tokens=LONGER_ON_GPU if gpu else LONGER)
    now, plain = measure([as_now, as_now._replace(flash=False)])
    flash = not _pays(plain, now)
    now, longer = measure([as_now, sliced])
    slice_tokens = sliced.slice_tokens if longer.reads > now.reads * COARSER else as_now.slice_tokens
    return found.model_copy(update={"slice_tokens": slice_tokens, "flash": flash})


def _layouts_and_threads(measure: Measure, processors: int) -> Tuned:
    layouts = dict(zip((True, False), measure([Way(True), Way(False)]), strict=True))
    writes = layouts[True].writes * BETTER >= layouts[False].writes
    reads = writes
    if layouts[not writes].reads > layouts[writes].reads * BETTER:
        reads = not writes
    threads = 0
    if processors >= 4:  # where two threads share a core, half as many may be faster
        fewer = processors // 2
        half = dict(zip((True, False), measure([Way(True, fewer), Way(False, fewer)]), strict=True))
        one = Speed(half[reads].reads, half[writes].writes)
        if _pays(one, Speed(layouts[reads].reads, layouts[writes].writes)):
            threads = fewer
    return Tuned(threads=threads, writes_repacked=writes, reads_repacked=reads)


def _pays(other: Speed, now: Speed) -> bool:
    """Whether it is faster at one and hardly slower at the other."""
    gains = other.reads / now.reads, other.writes / now.writes
    return min(gains) > 1 / BETTER and max(gains) > BETTER


def tuned(
    path: Path, sha256: str, file: Path, tell: Callable[[str], None] = lambda line: None, gpu_layers: int = 0
) -> Tuned:
    """What `file` says of this model on this machine, else what is measured now and noted there.

    `gpu_layers` of it run on a GPU, where there is one. `tell` gets a line before it is measured. A file that cannot be
    read or written only costs the time.
    """
    gpu = bool(gpu_layers) and supports_gpu()
    where = f"gpu {gpu_layers}" if gpu else str(default_threads())
    key = " ".join((sha256, _processor(), where, llama_version()))
    known = _read(file)
    with contextlib.suppress(KeyError, ValidationError):
        return Tuned.model_validate(known[key])
    tell("Measuring once how this machine runs the model …")
    try:
        found = choose(lambda ways: speeds(path, ways, gpu_layers if gpu else 0), default_threads(), gpu=gpu)
    except ModelError as error:  # too little memory for a second one; what is loaded next will tell
        log.warning("The model's speed could not be measured: %s", error)
        return AS_IT_COMES
    _write(file, known | {key: found.model_dump()})
    return found


def speeds(path: Path, ways: Sequence[Way], gpu_layers: int = 0) -> list[Speed]:
    """The best of some rounds, in which all take turns, as other programs run, too.

    All read as many tokens: the longest slice. The first round is slow, whatever comes first in it: memory is touched
    for the first time.
    """
    length, ends = max(way.slice_tokens for way in ways), time.monotonic() + ENOUGH_S
    with contextlib.ExitStack() as opened:
        models: dict[bool, Model] = {}
        decoders: list[Decoder] = []
        for way in ways:
            if way.repacked not in models:
                models[way.repacked] = Model(path, gpu_layers=gpu_layers, repacked=way.repacked)
                opened.callback(models[way.repacked].close)
            decoders.append(
                Decoder(
                    models[way.repacked],
                    tokens=length + SLICE,
                    threads=way.threads,
                    slice_tokens=way.slice_tokens,
                    flash=way.flash,
                )
            )
            opened.callback(decoders[-1].close)
        words = decoders[0].model.tokenize("The ferry sails at noon. ", control=False)
        text = list(itertools.islice(itertools.cycle(words), length))
        found = [Speed(0, 0)] * len(ways)
        for done in range(ROUNDS):
            if done >= FEWEST and time.monotonic() > ends:
                break
            for index, decoder in enumerate(decoders):
                now, before = _speed(decoder, text), found[index]
                found[index] = Speed(max(before.reads, now.reads), max(before.writes, now.writes))
        return found


def _speed(decoder: Decoder, text: Sequence[int]) -> Speed:
    """Of reading `text` in slices, and of some tokens after it, one by one."""
    decoder.keep(0)
    step, length = decoder.slice_tokens, len(text)
    reads = length / _seconds(decoder, [text[at : at + step] for at in range(0, length, step)], 0)
    return Speed(reads, WRITTEN / _seconds(decoder, [text[:1]] * WRITTEN, length))


def _seconds(decoder: Decoder, batches: Sequence[Sequence[int]], at: int) -> float:
    """For reading these one after the other from position `at`."""
    began = time.perf_counter()
    for batch in batches:
        decoder.read(batch, at)
        decoder.logits()  # a GPU is waited for
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
