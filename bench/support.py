"""The support check alone, on claims that a person judged: how often it tells the supported ones from the others.

    python bench/support.py CLAIMS.jsonl [--out SUPPORT.jsonl] [--no-model]

A line of the file: `{id, passage, claim, supported}`. A claim gets the support that a sentence of an answer would get
with that passage as evidence; `--no-model` leaves out the model's word, which takes most of the time. A claim counts as
supported from a limit on: that of the settings (cite.min_support) is tried, and one chosen on other passages than those
that it is measured on (five folds by passage).
"""

import argparse
import hashlib
import json
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.answer.asking import claim_odds
from bot.articles.sentences import split
from bot.cite import Attributor, Says, evidence_sentences
from bot.cli.compose import open_embedder, open_llm
from bot.config import Settings, load
from bot.models import catalogue
from bot.prompt import find, read
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
    parser.add_argument("--out", type=Path, help="a line for each claim: what its support is made of")
    parser.add_argument("--no-model", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    settings = load(dict(one.split("=", 1) for one in given.set)).settings
    embed = open_embedder(settings).embed_documents
    says, least = (None, 0.0) if given.no_model else open_says(settings)
    cases = []
    if given.out:
        given.out.write_text("", encoding="utf-8")
    for line in given.claims.read_text(encoding="utf-8").splitlines():
        claim = json.loads(line)
        text = claim["passage"]
        name = hashlib.sha256(text.encode()).hexdigest()
        evidence = evidence_sentences([Passage(article=name, start=0, end=len(text), title="", text=text)], split)
        found = Attributor("", evidence, embed, says, least).support(claim["claim"])
        cases.append(Case(int(name, 16) % FOLDS, claim["id"].split("-")[0], claim["supported"], found.score))
        if given.out:
            row = {"id": claim["id"], "support": found.score, "doubts": found.doubts, "odds": found.odds}
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    show(cases, settings.cite.min_support)


def open_says(settings: Settings) -> tuple[Says, float]:
    llm = open_llm(settings)
    entry = catalogue.load().find(llm.name)
    least = entry.min_claim_odds if entry and entry.min_claim_odds is not None else 0.0
    return claim_odds(llm, read(find("claim", settings.prompts_dir)), threading.Event()), least


def show(cases: list[Case], limit: float) -> None:
    supported = np.array([one.supported for one in cases])
    support = np.array([one.support for one in cases])
    judged = judgements(support, supported, np.array([one.fold for one in cases]))
    for source in ("all", *sorted({one.source for one in cases})):
        here = np.array([source in ("all", one.source) for one in cases])
        default, chosen = (balanced_accuracy(one[here], supported[here]) for one in (support >= limit, judged))
        print(
            f"{source}: {here.sum()} claims, {supported[here].sum()} supported; balanced accuracy {default:.3f} at "
            f"{limit:g}, {chosen:.3f} at limits of other passages"
        )


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
