"""The only importer of llama_cpp: models, contexts and decoding, over llama.cpp's own functions.

It knows tokens and cells, not messages, questions or passages. llama.cpp's C functions are used rather than the
`Llama` class: a prompt must be read in slices (to report progress and to stop), text of users and articles tokenised
without control tokens, and cells of several sequences joined. Not safe for two threads at once; callers hold a lock.
"""

import ctypes
import functools
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

# llama.cpp's threads wait for each other after every operation, by default spinning for long: one other busy process
# makes answers three to eight times slower (docs/experiments.md). GNU's OpenMP reads this once, as llama_cpp loads.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import llama_cpp  # noqa: E402
import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402

from bot.errors import LLMError, ModelError  # noqa: E402

log = logging.getLogger("bot.llama")
ABORTED = 2  # llama_decode's answer when its abort callback said yes
CELL_TYPES = {"f16": 1, "q8_0": 8}  # ggml_type by the name that the settings know
SCORED = 4  # so many last tokens at most
END = -1  # llama.cpp's "up to the last position"
AUTO, OFF = llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO, llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
Vectors = npt.NDArray[np.float32]

# ggml_log_level warn and error; all else is debug. What matters to users becomes an exception; a stop is an error, too.
_LEVELS = {3: logging.DEBUG, 4: logging.INFO}


@functools.cache
def _backend() -> object:
    """Start llama.cpp once a process and send its messages to `logging`; the result keeps the callback alive."""

    def forward(level: int, text: bytes, _: object) -> None:
        line = text.decode("utf-8", "replace").strip()
        if line:
            log.log(_LEVELS.get(level, logging.DEBUG), line)

    callback = llama_cpp.llama_log_callback(forward)
    llama_cpp.llama_log_set(callback, None)
    llama_cpp.llama_backend_init()
    return callback


def llama_version() -> str:
    """What saved cells must be read with again: their form is llama.cpp's own."""
    return str(llama_cpp.__version__)


def supports_gpu() -> bool:
    """Whether llama.cpp was compiled for a GPU and finds one."""
    _backend()
    return bool(llama_cpp.llama_supports_gpu_offload())


def repacks() -> bool:
    """Not with AMX: there weights that llama.cpp repacks may end the process (its issue 20824)."""
    return b"AMX_INT8 = 1" not in llama_cpp.llama_print_system_info()


def default_threads() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Model:
    """The weights and vocabulary of one GGUF file.

    `repacked` lays weights out anew for this processor, in memory of their own: by processor and quantization that is
    faster, slower, or faster for one token and slower for many. `mapped` models of one file share its pages, which
    a repacked one keeps besides. Raises ModelError where the file cannot be loaded: damaged, unknown, too big.
    """

    def __init__(self, path: Path, *, gpu_layers: int = -1, repacked: bool = True, mapped: bool = True) -> None:
        _backend()
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = 999 if gpu_layers < 0 else gpu_layers
        params.use_extra_bufts = self.repacked = repacked and repacks()
        params.load_mode = llama_cpp.LLAMA_LOAD_MODE_AUTO if mapped else llama_cpp.LLAMA_LOAD_MODE_NONE
        self.path = path
        self.handle = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
        if not self.handle:
            raise ModelError(
                f"{path} could not be loaded. `bot models verify` checks the file; a model that is whole may need "
                "more memory than is free, or a newer llama-cpp-python."
            )
        self.vocab = llama_cpp.llama_model_get_vocab(self.handle)

    def tokenize(self, text: str, *, control: bool, ends: bool = False) -> list[int]:
        """Token ids of `text`; without `control`, "<|im_end|>" is ordinary text; `ends` adds marks of start and end."""
        cut = None if control or ends else self._marks
        return [token for one in (cut.split(text) if cut else [text]) for token in self._tokens(one, control, ends)]

    @functools.cached_property
    def _marks(self) -> re.Pattern[str] | None:
        """Where words that llama.cpp makes one token of in any text are cut: markup such as Qwen's <tool_call>."""
        made, every = llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED, range(llama_cpp.llama_vocab_n_tokens(self.vocab))
        found = [self.piece(i, control=True) for i in every if llama_cpp.llama_vocab_get_attr(self.vocab, i) & made]
        rest = [re.escape(one[1:].decode("utf-8", "replace")) for one in found if one.startswith(b"<") and one[1:]]
        return re.compile(f"(?<=<)(?={'|'.join(rest)})") if rest else None

    def _tokens(self, text: str, control: bool, ends: bool) -> list[int]:
        raw = text.encode("utf-8", "replace")
        size = len(raw) + 16
        buffer = (llama_cpp.llama_token * size)()
        count = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), buffer, size, ends, control)
        if count < 0:
            raise LLMError("The text could not be split into tokens: it is too long. Ask with a shorter text.")
        return list(buffer[:count])

    def piece(self, token: int, *, control: bool = False) -> bytes:
        """The bytes that `token` stands for: part of a character sometimes; b"" for control tokens."""
        buffer = ctypes.create_string_buffer(256)
        count = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, control)
        return buffer.raw[:count] if count > 0 else b""

    def ends_answer(self, token: int) -> bool:
        return bool(llama_cpp.llama_vocab_is_eog(self.vocab, token))

    def bos(self) -> list[int]:  # the one that texts begin with, where the vocabulary wants it
        return [int(llama_cpp.llama_vocab_bos(self.vocab))] if llama_cpp.llama_vocab_get_add_bos(self.vocab) else []

    def trained_context(self) -> int:
        """Tokens that the model was trained to read at once."""
        return int(llama_cpp.llama_model_n_ctx_train(self.handle))

    def window(self) -> int:  # tokens back that some of its layers see; 0 where all see all
        return int(llama_cpp.llama_model_n_swa(self.handle))

    def dimension(self) -> int:
        return int(llama_cpp.llama_model_n_embd(self.handle))

    def metadata(self, key: str) -> str | None:
        """A value of the GGUF header as text, None where it is not set."""
        for size in (1 << 16, 1 << 24):
            buffer = ctypes.create_string_buffer(size)
            count = llama_cpp.llama_model_meta_val_str(self.handle, key.encode(), buffer, size)
            if count < size:
                break
        return None if count < 0 else buffer.value.decode("utf-8", "replace")

    def close(self) -> None:
        if self.handle:
            llama_cpp.llama_model_free(self.handle)
            self.handle = None


class Decoder:
    """A context that reads and writes text with `model`: `sequences` of texts that share `tokens` cells.

    A sequence is the keys and values of tokens, each in a cell at a position. Cells can be given to another sequence
    (they are of both then, at one position), moved to other positions, saved and loaded.
    """

    def __init__(
        self,
        model: Model,
        *,
        tokens: int,
        threads: int,
        slice_tokens: int = 512,
        sequences: int = 1,
        cell_type: str = "f16",
        flash: bool = True,
    ) -> None:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = tokens, slice_tokens, slice_tokens
        params.n_seq_max, params.kv_unified = sequences, sequences > 1
        params.n_outputs_max = max(sequences, SCORED)  # room for those of a whole slice takes 60 MB
        params.type_k = params.type_v = CELL_TYPES[cell_type]
        params.flash_attn_type = AUTO if flash or cell_type != "f16" else OFF  # only f16 can do without
        params.n_threads = params.n_threads_batch = threads or default_threads()
        params.no_perf = True
        # Called between operations by threads that must not wait for Python's lock: C's strlen, of one letter or none.
        self._stop = ctypes.create_string_buffer(2)
        self._abort = ctypes.cast(ctypes.CDLL(None).strlen, llama_cpp.ggml_abort_callback)
        params.abort_callback, params.abort_callback_data = self._abort, ctypes.addressof(self._stop)
        self.model = model
        self.handle = llama_cpp.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise ModelError(
                f"{model.path.name} does not fit in memory with {tokens} tokens of context. "
                "Choose a smaller model or a smaller llm.context_tokens."
            )
        self.tokens = int(llama_cpp.llama_n_ctx(self.handle))
        self.slice_tokens = slice_tokens
        self.memory = llama_cpp.llama_get_memory(self.handle)
        self.vocab_size = int(llama_cpp.llama_vocab_n_tokens(model.vocab))
        self._batch = llama_cpp.llama_batch_init(slice_tokens, 0, 1)

    def keep(self, count: int, sequence: int = 0) -> int:
        """Forget a sequence's cells from position `count` on; how many are kept.

        0 where the model cannot forget a part: then the cells of all sequences are gone.
        """
        if llama_cpp.llama_memory_seq_rm(self.memory, sequence, count, END):
            return count
        llama_cpp.llama_memory_clear(self.memory, True)
        return 0

    def can_join(self) -> bool:
        """Whether cells can be moved, and some forgotten, alone: not with all models."""
        keeps_state = llama_cpp.llama_model_is_recurrent, llama_cpp.llama_model_is_hybrid  # a state "shifts", too
        return not any(f(self.model.handle) for f in keeps_state) and llama_cpp.llama_memory_can_shift(self.memory)

    def forget(self, sequence: int, start: int, end: int = END) -> None:
        """Take the cells at positions `start` to `end` from the sequence."""
        llama_cpp.llama_memory_seq_rm(self.memory, sequence, start, end)

    def give(self, sequence: int, other: int, start: int = 0, end: int = END) -> None:
        """Make the cells at these positions the `other` sequence's, too."""
        llama_cpp.llama_memory_seq_cp(self.memory, sequence, other, start, end)

    def move(self, sequence: int, start: int, end: int, by: int) -> None:
        """Move the cells at these positions `by` positions; they must be of no other sequence."""
        llama_cpp.llama_memory_seq_add(self.memory, sequence, start, end, by)

    def save(self, sequence: int) -> bytes:
        """A sequence's cells with their positions."""
        size = llama_cpp.llama_state_seq_get_size(self.handle, sequence)
        buffer = (ctypes.c_uint8 * size)()
        return ctypes.string_at(buffer, llama_cpp.llama_state_seq_get_data(self.handle, buffer, size, sequence))

    def load(self, saved: bytes, sequence: int) -> bool:
        """Make what `save` gave the cells of `sequence`, at their old positions; False where they have no room.

        What comes from a disk has to be checked before: llama.cpp trusts it.
        """
        buffer = ctypes.cast(ctypes.c_char_p(saved), ctypes.POINTER(ctypes.c_uint8))  # only read, so not copied
        return bool(llama_cpp.llama_state_seq_set_data(self.handle, buffer, len(saved), sequence))

    def stop(self, now: bool = True) -> None:
        """Break off a `read` that another thread is in, at once; `now=False` lets reads go on again."""
        self._stop[0] = b"\x01" if now else b"\x00"

    def read(self, tokens: Sequence[int], position: int, sequence: int = 0, scored: int = 1) -> bool:
        """Read at most `slice_tokens` tokens into the cells from `position`; logits are kept for the `scored` last.

        False if it was stopped: then the cells from `position` on are unknown, and `keep` forgets them.
        """
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = position + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = index >= len(tokens) - scored
        status = llama_cpp.llama_decode(self.handle, batch)
        if status == ABORTED:
            return False
        if status:
            raise LLMError(f"llama.cpp could not read the prompt (status {status}). Ask again with a shorter question.")
        return True

    def logits(self, back: int = 0) -> Vectors:
        """Scores of the token after the last one read, or one `back`; shape (vocabulary,), overwritten by `read`."""
        pointer = llama_cpp.llama_get_logits_ith(self.handle, -1 - back)
        return np.ctypeslib.as_array(pointer, shape=(self.vocab_size,))

    def close(self) -> None:
        if self.handle:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self.handle)
            self.handle = None


ONE_THREAD = 32  # tokens that one thread embeds as soon as several, which wait for each other; the sums are the same


class Encoder:
    """A context that turns token lists of at most `window` tokens into unit vectors, for embedding models."""

    def __init__(self, model: Model, *, window: int, threads: int = 0, batch_tokens: int = 128) -> None:
        self.model = model
        self.max_tokens = min(window, model.trained_context())
        self.batch_tokens = batch_tokens
        # A batch is seen at once: the longest text needs room; `batch_tokens` are packed, as attention runs over all.
        self._room = max(batch_tokens, self.max_tokens)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = self._room
        params.n_seq_max, params.kv_unified = 64, True
        self._threads = params.n_threads = params.n_threads_batch = threads or default_threads()
        params.embeddings = params.no_perf = True
        self.handle = llama_cpp.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise ModelError(f"{model.path.name} cannot be used for embeddings. Choose another embed.model.")
        if llama_cpp.llama_pooling_type(self.handle) in (0, 4):  # none, rank
            raise ModelError(f"{model.path.name} is no embedding model: it has no pooling. Choose another embed.model.")
        self._batch = llama_cpp.llama_batch_init(self._room, 0, 1)

    def encode(self, texts: Sequence[Sequence[int]]) -> Vectors:
        """Unit vectors, shape (texts, dimension); texts are token ids with their special tokens, none too long."""
        vectors = np.empty((len(texts), self.model.dimension()), dtype=np.float32)
        for group in self._groups(texts):
            for index, vector in zip(group, self._encode_group([texts[index] for index in group]), strict=True):
                vectors[index] = vector
        return vectors

    def _groups(self, texts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Indices of texts packed together: of like length, at most `batch_tokens` tokens, or one long text alone."""
        group: list[int] = []
        used = 0
        for index in sorted(range(len(texts)), key=lambda index: len(texts[index])):
            size = len(texts[index])
            if group and (used + size > self.batch_tokens or len(group) == 64):
                yield group
                group, used = [], 0
            group.append(index)
            used += size
        if group:
            yield group

    def _encode_group(self, texts: Sequence[Sequence[int]]) -> Iterator[Vectors]:
        batch, count = self._batch, 0
        for sequence, tokens in enumerate(texts):
            for position, token in enumerate(tokens):
                batch.token[count] = token
                batch.pos[count] = position
                batch.n_seq_id[count] = 1
                batch.seq_id[count][0] = sequence
                batch.logits[count] = 1
                count += 1
        batch.n_tokens = count
        memory = llama_cpp.llama_get_memory(self.handle)
        if memory:
            llama_cpp.llama_memory_clear(memory, True)
        threads = 1 if count <= ONE_THREAD else self._threads
        llama_cpp.llama_set_n_threads(self.handle, threads, threads)
        status = llama_cpp.llama_decode(self.handle, batch)
        if status:
            raise ModelError(f"llama.cpp could not embed a text (status {status}). Run `bot models verify`.")
        for sequence in range(len(texts)):
            pointer = llama_cpp.llama_get_embeddings_seq(self.handle, sequence)
            vector = np.array(np.ctypeslib.as_array(pointer, shape=(self.model.dimension(),)))
            yield (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)

    def close(self) -> None:
        if self.handle:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self.handle)
            self.handle = None
