"""Whether passages answer a question, as a probability, before a word of the answer is written.

A model finds the words of a question likelier after passages that answer it than after others (query likelihood: Ponte
& Croft, SIGIR 1998; with the zero-shot probabilities of a language model: Sachan et al., "Improving Passage Retrieval
with Zero-Shot Question Generation", EMNLP 2022), and it reads those words anyway. A logistic regression over that and
the search's own signals makes a probability. Its weights belong to one embedder and one model; bench/calibrate.py makes
them of an evaluation. Pure, but for `load`.
"""

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bot.errors import ConfigError
from bot.llm import Likelihood
from bot.schema import Passage
from bot.words import content_words

_WORD = re.compile(r"\w+")


class Calibration(BaseModel):
    """`weights` of signals by name; `llm` None is for models that tell no likelihoods, or whose weights nobody made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    embedder: str
    llm: str | None = None
    bias: float
    weights: dict[str, float]

    def probability(self, signals: Mapping[str, float]) -> float | None:
        """That the passages answer the question; None where a signal is missing."""
        if not self.weights.keys() <= signals.keys():
            return None
        logit = self.bias + sum(weight * signals[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))


def load(path: Path, embedder: str, llm: str) -> list[Calibration]:
    """Those in the file that fit: of this embedder, and of this model before those of any. None where there are none.

    Raises ConfigError for a file that is damaged.
    """
    if not path.is_file():
        return []
    try:
        made = TypeAdapter(list[Calibration]).validate_python(tomllib.loads(path.read_text("utf-8"))["calibration"])
    except (OSError, ValueError, KeyError, ValidationError) as error:
        reason = str(error).split("\n")[0]
        raise ConfigError(f"{path} is damaged: {reason}. Fetch it anew, or make it with bench/calibrate.py.") from None
    fitting = [one for one in made if one.embedder == embedder and one.llm in (llm, None)]
    return sorted(fitting, key=lambda one: one.llm is None)


def signals(passages: Sequence[Passage], likelihood: Likelihood | None) -> dict[str, float]:
    """What tells, by name; those of the likelihood only where it is known and the question has words of content.

    - similarity: cosine of the question to the passage nearest to it
    - likelihood: log-probability of a token of the question's content words after the passages, on average
    """
    found = {"similarity": max((one.similarity or 0.0 for one in passages), default=0.0)}
    if likelihood is None:
        return found
    known = np.array(likelihood.log_probabilities)
    content = _of_content(likelihood.tokens)
    if content.any():
        found["likelihood"] = float(known[content].mean())
    return found


def _of_content(tokens: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which tokens are part of a word that carries content."""
    text, ends = "".join(tokens), np.cumsum([len(token) for token in tokens])
    inside = np.zeros(len(text), dtype=bool)
    for word in _WORD.finditer(text):
        inside[word.start() : word.end()] = bool(content_words(word[0]))
    return np.array([inside[end - len(token) : end].any() for token, end in zip(tokens, ends, strict=True)], dtype=bool)
