"""The support check alone, on claims that a person judged: how often it tells the supported ones from the others.

    python bench/support.py CLAIMS.jsonl

A line of the file: `{id, passage, claim, supported}`. A claim gets the support that a sentence of an answer would get
with that passage as evidence. The limit from which a claim counts as supported is chosen on other passages than those
that it is measured on (five folds by passage), so that the figure is one for texts not seen before.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.articles.sentences import split
from bot.cite import Attributor, evidence_sentences
from bot.cli.compose import open_embedder
from bot.config import load
from bot.schema import Passage

FOLDS = 5

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Case(NamedTuple):
    fold: int
    source: str
    supported: bool
    support: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("claims", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    embed = open_embedder(load(dict(one.split("=", 1) for one in given.set)).settings).embed_documents
    cases = []
    for line in given.claims.read_text(encoding="utf-8").splitlines():
        claim = json.loads(line)
        text = claim["passage"]
        name = hashlib.sha256(text.encode()).hexdigest()
        evidence = evidence_sentences([Passage(article=name, start=0, end=len(text), title="", text=text)], split)
        support = Attributor("", evidence, embed).support(claim["claim"]).score
        cases.append(Case(int(name, 16) % FOLDS, claim["id"].split("-")[0], claim["supported"], support))
    show(cases)


def show(cases: list[Case]) -> None:
    supported = np.array([one.supported for one in cases])
    judged = judgements(np.array([one.support for one in cases]), supported, np.array([one.fold for one in cases]))
    for source in ("all", *sorted({one.source for one in cases})):
        here = np.array([source in ("all", one.source) for one in cases])
        share = balanced_accuracy(judged[here], supported[here])
        print(f"{source}: {here.sum()} claims, {supported[here].sum()} supported; balanced accuracy {share:.3f}")


def judgements(support: Numbers, supported: Flags, folds: NDArray[np.int64]) -> Flags:
    """Which claims count as supported, by the limit that is best for the other folds."""
    judged = np.zeros(len(support), dtype=bool)
    for fold in set(folds.tolist()):
        left = folds == fold
        limits = np.unique(support[~left])
        best = max(limits, key=lambda limit: balanced_accuracy(support[~left] >= limit, supported[~left]))
        judged[left] = support[left] >= best
    return judged


def balanced_accuracy(judged: Flags, supported: Flags) -> float:
    """The mean of the shares of supported and of other claims that are judged rightly."""
    return float((judged[supported].mean() + (~judged[~supported]).mean()) / 2)


if __name__ == "__main__":
    main()
