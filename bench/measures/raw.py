"""llama.cpp as it comes, in a process of its own: reads and writes the tokens that standard input tells.

    python bench/measures/raw.py MODEL

A line {"read": [TOKEN …]} is answered with the seconds to read these as a prompt and choose the word after it,
{"write": [TOKEN …]} with the seconds to go on from there by each of these and choose the one after it. llama_cpp's own
functions, with the parameters that it comes with, but for room for 4096 tokens, 512 at once (as its `Llama` has it),
and as many threads as there are processors. It imports nothing of ours.
"""

import ctypes
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import llama_cpp

ROOM, AT_ONCE = 4096, 512


class Raw:
    """A model with one context, and how much of it the last prompt takes."""

    def __init__(self, path: str) -> None:
        llama_cpp.llama_backend_init()
        weights = llama_cpp.llama_model_default_params()
        weights.use_extra_bufts = b"AMX_INT8 = 1" not in llama_cpp.llama_print_system_info()  # see bot.llama.repacks
        self._model = llama_cpp.llama_model_load_from_file(os.fsencode(path), weights)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch = ROOM, AT_ONCE
        params.n_threads = params.n_threads_batch = processors()
        self._context = llama_cpp.llama_init_from_model(self._model, params) if self._model else None
        if not self._context:
            sys.exit(f"{path} could not be loaded.")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._greedy: Any = llama_cpp.llama_sampler_init_greedy()
        self._length = 0

    def read(self, tokens: Sequence[int]) -> float:
        llama_cpp.llama_memory_seq_rm(self._memory, 0, -1, -1)
        parts = [in_c(tokens[start : start + AT_ONCE]) for start in range(0, len(tokens), AT_ONCE)]
        began = time.perf_counter()
        for part in parts:
            self._decode(part)
        self._choose()
        self._length = len(tokens)
        return time.perf_counter() - began

    def write(self, tokens: Sequence[int]) -> float:
        llama_cpp.llama_memory_seq_rm(self._memory, 0, self._length, -1)
        parts = [in_c([token]) for token in tokens]
        began = time.perf_counter()
        for part in parts:
            self._decode(part)
            self._choose()
        return time.perf_counter() - began

    def _decode(self, part: "ctypes.Array[Any]") -> None:
        if llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(part, len(part))):
            sys.exit("llama.cpp could not read the tokens.")

    def _choose(self) -> None:
        llama_cpp.llama_sampler_sample(self._greedy, self._context, -1)


def in_c(tokens: Sequence[int]) -> "ctypes.Array[Any]":
    return (llama_cpp.llama_token * len(tokens))(*tokens)


def processors() -> int:
    """Those that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    raw = Raw(sys.argv[1])
    jobs = {"read": raw.read, "write": raw.write}
    for line in sys.stdin:
        ((job, tokens),) = json.loads(line).items()
        print(jobs[job](tokens), flush=True)


if __name__ == "__main__":
    main()
