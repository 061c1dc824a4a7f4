"""BM25 over the chunks of a store: derived from it, saved beside it, built anew when the articles have changed.

The only importer of bm25s. Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009);
Lù, "BM25S" (2024). It knows chunks and words, not vectors.
"""

import json
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import bm25s
import numpy as np
import numpy.typing as npt
import Stemmer
from bm25s.tokenization import Tokenized

from bot.schema import Chunk

log = logging.getLogger("bot.lexical")
FORM = 1  # raise when what is indexed changes, so that saved indexes are not used


class Hit(NamedTuple):
    chunk: Chunk
    score: float


class Lexical:
    """An index of `chunks`, in their order."""

    def __init__(self, index: bm25s.BM25 | None, chunks: Sequence[Chunk]) -> None:
        self._index = index
        self.chunks = chunks

    @classmethod
    def build(cls, chunks: Sequence[Chunk], texts: Sequence[str]) -> "Lexical":
        """Index `texts[i]` as the words of `chunks[i]`."""
        words = _words(texts) if texts else None
        if words is None or not words.vocab:
            return cls(None, chunks)
        index = bm25s.BM25()
        index.index(words, show_progress=False)
        return cls(index, chunks)

    def search(self, question: str, count: int, allowed: npt.NDArray[np.bool_] | None = None) -> list[Hit]:
        """The `count` best chunks that share a word with `question`; `allowed`, shape (chunks,), limits them."""
        if self._index is None or (allowed is not None and not allowed.any()):
            return []
        words = bm25s.tokenize(
            question, stopwords="en", stemmer=Stemmer.Stemmer("english"), show_progress=False, return_ids=False
        )
        if not set(words[0]) & self._index.vocab_dict.keys():
            return []
        mask = None if allowed is None else allowed.astype(np.float32)
        count = min(count, len(self.chunks))
        places, scores = self._index.retrieve(words, k=count, show_progress=False, weight_mask=mask)
        hits = zip(places[0].tolist(), scores[0].tolist(), strict=True)
        ordered = sorted(((score, place) for place, score in hits if score > 0), key=lambda hit: (-hit[0], hit[1]))
        return [Hit(self.chunks[place], score) for score, place in ordered]

    def save(self, folder: Path, state: str) -> None:
        """Keep the index in `folder` for `load` with the same `state`; a failure costs only time later."""
        if self._index is None:
            return
        fresh = folder.with_name(f"{folder.name}.{os.getpid()}")  # other processes may save theirs at the same time
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            self._index.save(fresh, show_progress=False)
            note = {"form": FORM, "state": state, "chunks": len(self.chunks)}
            (fresh / "note.json").write_text(json.dumps(note), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
        except OSError as error:
            log.warning("The BM25 index could not be saved in %s: %s", folder, error)

    @classmethod
    def load(cls, folder: Path, state: str, chunks: Sequence[Chunk]) -> "Lexical | None":
        """The saved index if it was made for `state` and is whole, otherwise None."""
        try:
            note = json.loads((folder / "note.json").read_text(encoding="utf-8"))
            if note != {"form": FORM, "state": state, "chunks": len(chunks)}:
                return None
            return cls(bm25s.BM25.load(folder, show_progress=False), chunks)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            log.info("No saved BM25 index in %s: %s", folder, error)
            return None


def _words(texts: Sequence[str]) -> Tokenized:
    return bm25s.tokenize(list(texts), stopwords="en", stemmer=Stemmer.Stemmer("english"), show_progress=False)
