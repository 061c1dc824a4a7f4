"""Text to unit vectors with a small embedding model run by llama.cpp.

Queries and documents go through separate functions, because many embedding models want different prefixes; the
default model wants none. Texts longer than the model's window are cut, which callers avoid by counting first.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from bot.llama import Encoder, Model, Vectors

WINDOW = 256  # word pieces that all-MiniLM-L6-v2 was trained to embed; longer texts are embedded badly
STRIDE = 256  # texts between two reports of progress


class Embedder(Protocol):
    """What the other rooms need: `name` and `sha256` say which model made a vector."""

    name: str
    sha256: str
    dimension: int
    max_tokens: int

    def count_tokens(self, text: str) -> int: ...
    def embed_query(self, text: str) -> Vectors: ...
    def embed_documents(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> Vectors: ...


class LlamaEmbedder:
    """An embedding GGUF in this process; safe for several threads, which wait for each other."""

    def __init__(self, path: Path, *, name: str, sha256: str, threads: int = 0) -> None:
        self.name, self.sha256 = name, sha256
        self._model = Model(path, gpu_layers=0)
        self._encoder = Encoder(self._model, window=WINDOW, threads=threads)
        self._lock = threading.Lock()
        self.dimension = self._model.dimension()
        self.max_tokens = self._encoder.max_tokens

    def count_tokens(self, text: str) -> int:
        """Tokens of `text`, with those that mark its start and end."""
        return len(self._model.tokenize(text, control=False, ends=True))

    def embed_query(self, text: str) -> Vectors:
        """Unit vector of a question, shape (dimension,)."""
        vector: Vectors = self.embed_documents([text])[0]
        return vector

    def embed_documents(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> Vectors:
        """Unit vectors, shape (texts, dimension); `done` hears how many texts are finished."""
        parts = []
        for start in range(0, len(texts), STRIDE):
            tokens = [self._tokens(text) for text in texts[start : start + STRIDE]]
            with self._lock:
                parts.append(self._encoder.encode(tokens))
            if done:
                done(start + len(tokens))
        return np.concatenate(parts) if parts else np.empty((0, self.dimension), dtype=np.float32)

    def _tokens(self, text: str) -> list[int]:
        tokens = self._model.tokenize(text, control=False, ends=True)
        return tokens if len(tokens) <= self.max_tokens else [*tokens[: self.max_tokens - 1], tokens[-1]]

    def close(self) -> None:
        self._encoder.close()
        self._model.close()
