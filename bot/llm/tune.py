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

from bot.errors import LLMError, ModelError
from bot.llama import END, SCORED, Decoder, Model, default_threads, llama_version, repacks, supports_gpu
from bot.llm.cells import SLICE
from bot.llm.guess import GUESSED

log = logging.getLogger("bot.llm")
WRITTEN = 8  # tokens, one by one, and then about as many in batches that are scored
BEFORE = 1024  # tokens that stand before what is read, about as in prompts; they are joined, not read
ROUNDS, MOST = 2, 3  # of layouts the most, where there is time: other programs run, too
ENOUGH_S = 15  # after which no more ways are tried: who waits for a slow machine waits for the first answer
BETTER = 1.05  # a difference that counts
SECOND = 1.2  # the same for a second layout to read with: one file's two take the memory of both
COARSER = 1.1  # the same for longer slices: fewer of a prompt's are whole, and only those are used again
LONGER, LONGER_ON_GPU = 256, 512  # tokens of a slice, beside SLICE
ALONE, GUESSING = 0.10, 0.29  # for each token of an answer: tokens read by themselves, and batches with guesses
AT_ONCE = 2000  # tokens a second: a prompt of 700, which is a long one, takes a third of a second then
PROMPT, LOADED = range(2)  # sequences


class Tuned(BaseModel):
    """Threads (0: one a processor), whether weights are repacked for writing and for reading, and how is decoded.

    `mapped`: whether the file's pages stay in memory, which weights that are all repacked have no use for. `joins`:
    whether to join what was read before, which gains little where a whole prompt is read at once. `guesses`: of so many
    tokens of an answer the model is asked at once, where they may be known from the prompt (bot.llm.guess).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int = Field(0, ge=0)
    writes_repacked: bool = True
    reads_repacked: bool = True
    mapped: bool = True
    joins: bool = True
    slice_tokens: int = Field(SLICE, ge=SLICE, le=LONGER_ON_GPU)
    flash: bool = True
    guesses: int = Field(0, ge=0, le=GUESSED)


class Way(NamedTuple):
    """A way to run the model, as Tuned has it."""

    repacked: bool = True
    threads: int = 0
    slice_tokens: int = SLICE
    flash: bool = True


class Speed(NamedTuple):
    """Tokens a second; `scores` where as many as there can be are read at once, with what comes after each."""

    reads: float
    writes: float
    scores: float = 0.0

    @property
    def answers(self) -> float:
        """Tokens of answers a second, with guesses where that is faster."""
        guessed = self.scores and 1 / (ALONE / self.writes + GUESSING * SCORED / self.scores)
        return max(self.writes, guessed)


AS_IT_COMES = Tuned()
AS_THE_FILE = Tuned(writes_repacked=False, reads_repacked=False)  # takes no memory beside the file's pages
Measure = Callable[[Sequence[Way]], Sequence[Speed]]  # of each, measured once, one after the other


def choose(
    measure: Measure, processors: int, *, gpu: bool = False, in_time: Callable[[], bool] = lambda: True
) -> Tuned:
    """The fastest by `measure`: layouts, then half the threads, then attention and slices of what reads prompts.

    On a GPU only the last: layouts and threads are the processor's. What is other than usual must be better twice, and
    stays untried where there is no time for it. Whether to guess hangs on what writes.
    """
    found = AS_IT_COMES if gpu else _layouts_and_threads(measure, processors, in_time)
    now = Way(found.reads_repacked, found.threads)
    sliced, plain = now._replace(slice_tokens=LONGER_ON_GPU if gpu else LONGER), now._replace(flash=False)
    reads, flash, long = {now: 0.0, sliced: 0.0}, True, False
    guesses = [] if gpu else [found.guesses]

    def beside(other: Way) -> Sequence[Speed]:
        speeds = measure([other, now])
        for way, speed in zip((other, now), speeds, strict=True):
            reads[way] = max(speed.reads, reads.get(way, 0.0))
        if gpu:
            guesses.append(_guesses(speeds[1]))
        return speeds

    try:
        flash = not in_time() or not all(_pays(*beside(plain)) for _ in range(ROUNDS))
        long = in_time() and all(_reads_better(*beside(sliced)) for _ in range(ROUNDS))
    except (ModelError, LLMError) as error:  # no memory for it, perhaps: then it is no better
        log.warning("Other ways to read could not be measured: %s", error)
    way = sliced if long else now
    chosen = {"slice_tokens": way.slice_tokens, "flash": flash, "joins": reads[way] < AT_ONCE}
    return found.model_copy(update={**chosen, "guesses": min(guesses, default=0)})


def _layouts_and_threads(measure: Measure, processors: int, in_time: Callable[[], bool]) -> Tuned:
    layouts = _layouts(measure, 0, in_time)
    writes = reads = _faster(layouts[True], layouts[False])
    if layouts[not writes].reads > layouts[writes].reads * SECOND:
        reads = not writes
    threads = 0
    if processors >= 4:  # where two threads share a core, half as many may be faster
        half = _layouts(measure, processors // 2, in_time)
        if _pays(half[writes]._replace(reads=half[reads].reads), layouts[writes]._replace(reads=layouts[reads].reads)):
            threads, layouts = processors // 2, half
    return Tuned(
        threads=threads,
        writes_repacked=writes,
        reads_repacked=reads,
        mapped=not (writes and reads),
        guesses=_guesses(layouts[writes]),
    )


def _faster(repacked: Speed, plain: Speed) -> bool:
    """Whether repacked weights write faster, or, where that is alike, read faster; plain ones are loaded sooner."""
    if repacked.answers > plain.answers * BETTER:
        return True
    return repacked.answers * BETTER >= plain.answers and repacked.reads > plain.reads * BETTER


def _guesses(speed: Speed) -> int:
    """How many tokens to guess ahead."""
    return GUESSED if speed.answers > speed.writes * BETTER else 0


def _layouts(measure: Measure, threads: int, in_time: Callable[[], bool]) -> dict[bool, Speed]:
    """The best of some rounds, by whether weights are repacked."""
    rounds: list[Sequence[Speed]] = []
    while len(rounds) < ROUNDS or (len(rounds) < MOST and in_time()):
        rounds.append(measure([Way(True, threads), Way(False, threads)]))
    best = [Speed(*(max(speeds) for speeds in zip(*found, strict=True))) for found in zip(*rounds, strict=True)]
    return dict(zip((True, False), best, strict=True))


def _pays(other: Speed, now: Speed) -> bool:
    """Whether it is faster at one and hardly slower at the other."""
    gains = other.reads / now.reads, other.answers / now.answers
    return min(gains) > 1 / BETTER and max(gains) > BETTER


def _reads_better(longer: Speed, now: Speed) -> bool:
    return longer.reads > now.reads * COARSER


def tuned(
    path: Path, sha256: str, file: Path, tell: Callable[[str], None] = lambda line: None, gpu_layers: int = 0
) -> Tuned:
    """What `file` says of this model on this machine, else what is measured now and noted there.

    `gpu_layers` of it run on a GPU, where there is one. `tell` gets a line before it is measured. A file that cannot be
    read or written only costs the time.
    """
    gpu = bool(gpu_layers) and supports_gpu()
    where = f"gpu {gpu_layers}" if gpu else str(default_threads())
    key = " ".join((sha256, _processor(), where, llama_version(), *([] if repacks() else ["not repacked"])))
    known = _read(file)
    if (noted := _noted(known.get(key))) is not None:
        return noted
    tell("Measuring once how this machine runs the model …")
    try:
        with contextlib.ExitStack() as opened:
            machine, ends = Machine(path, gpu_layers if gpu else 0, opened), time.monotonic() + ENOUGH_S
            found = choose(machine.measure, default_threads(), gpu=gpu, in_time=lambda: gpu or time.monotonic() < ends)
    except (ModelError, LLMError) as error:  # too little memory for a second one; what is loaded next will tell
        log.warning("The model's speed could not be measured: %s", error)
        return AS_IT_COMES
    if not repacks():  # two of the layouts that were measured are one, and differ by chance
        found = found.model_copy(update={"writes_repacked": False, "reads_repacked": False, "mapped": True})
    _write(file, known | {key: found.model_dump()})
    return found


def _noted(entry: object) -> Tuned | None:
    """None also where an earlier version measured less."""
    if not isinstance(entry, dict) or entry.keys() != Tuned.model_fields.keys():
        return None
    with contextlib.suppress(ValidationError):
        return Tuned.model_validate(entry)
    return None


class Machine:
    """Runs one model in any way; what it has opened it uses again, until `opened` is closed."""

    def __init__(self, path: Path, gpu_layers: int, opened: contextlib.ExitStack) -> None:
        self._path, self._gpu_layers, self._opened = path, gpu_layers, opened
        self._models: dict[bool, Model] = {}
        self._decoders: dict[Way, tuple[Decoder, bytes]] = {}

    def measure(self, ways: Sequence[Way]) -> list[Speed]:
        """Of each: all read as many tokens, the longest slice, after others that are joined as in a prompt."""
        length = max(way.slice_tokens for way in ways)
        return [_speed(*self._decoder(way), length) for way in ways]

    def _decoder(self, way: Way) -> tuple[Decoder, bytes]:
        """With the cells of a slice: reading it also touches memory for the first time, which is slow."""
        if way not in self._decoders:
            if way.repacked not in self._models:
                model = Model(self._path, gpu_layers=self._gpu_layers, repacked=way.repacked)
                self._models[way.repacked] = model
                self._opened.callback(model.close)
            decoder = Decoder(
                self._models[way.repacked],
                tokens=BEFORE + 2 * LONGER_ON_GPU,
                threads=way.threads,
                slice_tokens=way.slice_tokens,
                sequences=2,
                flash=way.flash,
            )
            self._opened.callback(decoder.close)
            decoder.read(_text(decoder, SLICE), 0)
            self._decoders[way] = decoder, decoder.save(PROMPT)
        return self._decoders[way]


def _speed(decoder: Decoder, cells: bytes, length: int) -> Speed:
    """Of reading `length` tokens in slices, joining what stands before them, and of some more, one by one."""
    decoder.keep(0)
    text, step = _text(decoder, length), decoder.slice_tokens
    began = time.perf_counter()
    if decoder.can_join():
        for at in range(0, BEFORE, SLICE):
            decoder.load(cells, LOADED)
            decoder.move(LOADED, 0, END, at)
            decoder.give(LOADED, PROMPT)
            decoder.forget(LOADED, 0)
    else:
        decoder.load(cells, PROMPT)
    start = BEFORE if decoder.can_join() else SLICE
    for at in range(0, length, step):
        _decode(decoder, text[at : at + step], start + at)
    read = time.perf_counter()
    for at in range(WRITTEN):
        _decode(decoder, text[:1], start + length + at)
    written, after = time.perf_counter(), start + length + WRITTEN
    scores = 0.0
    if decoder.can_join():  # else wrong guesses could not be forgotten
        for at in range(0, WRITTEN, SCORED):
            _decode(decoder, text[:SCORED], after + at, SCORED)
        scores = WRITTEN / (time.perf_counter() - written)
    return Speed(length / (read - began), WRITTEN / (written - read), scores)


def _decode(decoder: Decoder, tokens: Sequence[int], at: int, scored: int = 1) -> None:
    decoder.read(tokens, at, scored=scored)
    decoder.logits()  # a GPU is waited for


def _text(decoder: Decoder, length: int) -> list[int]:
    words = decoder.model.tokenize("The ferry sails at noon. ", control=False)
    return list(itertools.islice(itertools.cycle(words), length))


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
