"""Whether passages answer a question, as a probability, before a word of the answer is written.

Two things tell: how well the search did, and what the model says when it is shown the closest words, after examples of
near misses, and asked for Yes or No. (The probability of its Yes tells more than the word that it would choose:
Kadavath et al., "Language Models (Mostly) Know What They Know", 2022.) A logistic regression makes a probability of
them. Its weights belong to one embedder and one model; bench/calibrate.py makes them of an evaluation. Pure, but for
`load`.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bot.errors import ConfigError
from bot.schema import Passage

YES, NO = "Yes", "No"
# Where so little would not make a refusal, the model is not asked: of the public sets' refusals 1 in 20 is lost, and 3
# of 4 answers begin without that wait (docs/experiments.md, "A check that could not refuse").
ASSUMED_ODDS = -0.25
ASSUMED = "assumed_odds"  # their name among signals, in place of "odds"
RELEVANT = 1.5  # a sentence with this score is surely about what is asked; a higher one answers it no more likely


class Calibration(BaseModel):
    """`weights` of signals by name; `llm` None is for models that tell no odds, or whose weights nobody made."""

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


def signals(retrieved: Sequence[Passage], shown: Sequence[Passage], odds: float | None) -> dict[str, float]:
    """What tells, by name.

    - similarity: cosine of the question to the passage nearest to it, of those `retrieved`
    - relevance: score of the best sentence that is `shown` to the model (evidence.select), at most RELEVANT
    - odds: log-odds that the model says YES, asked whether the closest words answer the question; only where known
    """
    found = {
        "similarity": max((one.similarity or 0.0 for one in retrieved), default=0.0),
        "relevance": min(RELEVANT, max((one.score for one in shown), default=0.0)),
    }
    return found if odds is None else {**found, "odds": odds}
