"""Make the weights of models/answerable.toml from evaluations, and show what they are worth.

    pip install scikit-learn
    bot --set answer.min_answerable=0 eval QUESTIONS.jsonl --corpus CORPUS.jsonl --out RUN     # one or more
    python bench/calibrate.py RUN… [--at 0.25 0.3] [--write models/answerable.toml]

The rows' signals and whether their questions are answerable go into a logistic regression, each run and each of the two
kinds with the same weight. What is printed is measured on articles that the weights were not made on (five folds by
article); what is written is made on all of them. The runs must be of one embedder and one model.
"""

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

OF_THE_MODEL = ("similarity", "relevance", "odds")
OF_THE_SEARCH = ("similarity", "relevance")
FOLDS = 5
REGULARISATION = 1.0  # scikit-learn's C

Numbers = NDArray[np.float64]


class Case(NamedTuple):
    run: str
    article: str
    answerable: bool
    signals: dict[str, float]


def read(run: Path) -> tuple[list[Case], str, str]:
    """The cases of a run, its embedder and its model."""
    meta = json.loads((run / "run.json").read_text())
    questions = {}
    for line in Path(meta["questions"]["file"]).read_text().splitlines():
        one = json.loads(line)
        questions[one["id"]] = one
    cases = []
    for line in (run / "answers.jsonl").read_text().split("\n"):
        if not line:
            continue
        row = json.loads(line)
        one = questions[row["id"]]
        article = (one.get("gold") or [found["article"] for found in row["retrieved"]] or [row["id"]])[0]
        cases.append(Case(run.name, article, one["answerable"], row["signals"]))
    return cases, meta["settings"]["embed.model"], meta["settings"]["llm.model"]


def weights_of(cases: list[Case]) -> Numbers:
    """Each run counts the same, and in it each kind."""
    kinds = [(one.run, one.answerable) for one in cases]
    return np.array([1 / kinds.count(kind) for kind in kinds]) * len(cases) / len(set(kinds))


def fit(cases: list[Case], names: tuple[str, ...]) -> tuple[float, Numbers]:
    """Bias and weights for the signals as they are."""
    made = make_pipeline(StandardScaler(), LogisticRegression(C=REGULARISATION))
    made.fit(
        table(cases, names), [one.answerable for one in cases], logisticregression__sample_weight=weights_of(cases)
    )
    scaler, regression = made[0], made[1]
    weights = regression.coef_[0] / scaler.scale_
    return float(regression.intercept_[0] - weights @ scaler.mean_), weights


def table(cases: list[Case], names: tuple[str, ...]) -> Numbers:
    return np.array([[one.signals[name] for name in names] for one in cases])


def probabilities(cases: list[Case], names: tuple[str, ...]) -> Numbers:
    """Of each case, by weights made on other articles."""
    told = np.zeros(len(cases))
    for made_on, left in GroupKFold(FOLDS).split(cases, groups=[one.article for one in cases]):
        bias, weights = fit([cases[index] for index in made_on], names)
        told[left] = 1 / (1 + np.exp(-bias - table([cases[index] for index in left], names) @ weights))
    return told


def show(cases: list[Case], told: Numbers, thresholds: list[float]) -> None:
    answerable = np.array([one.answerable for one in cases])
    for run in dict.fromkeys(one.run for one in cases):
        here = np.array([one.run == run for one in cases])
        yes, no = told[here & answerable], told[here & ~answerable]
        area = roc_auc_score(answerable[here], told[here])
        print(f"{run}: {len(yes)} answerable, {len(no)} not; area under the curve {area:.3f}")
        for share in (0.02, 0.05, 0.1, 0.15, 0.2):
            threshold = np.quantile(yes, share)
            print(
                f"    at false_refusal {share:.2f}: refusal_recall {(no < threshold).mean():.3f} (at {threshold:.2f})"
            )
        for threshold in thresholds:
            recall, wrong = (no < threshold).mean(), (yes < threshold).mean()
            print(f"    at {threshold:.2f}: refusal_recall {recall:.3f}, false_refusal {wrong:.3f}")


def entry(embedder: str, llm: str | None, bias: float, weights: dict[str, float]) -> str:
    lines = ["[[calibration]]", f'embedder = "{embedder}"', *([f'llm = "{llm}"'] if llm else []), f"bias = {bias:.4f}"]
    return "\n".join([*lines, "weights = { " + ", ".join(f"{k} = {v:.4f}" for k, v in weights.items()) + " }", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--at", nargs="*", type=float, default=[0.3, 0.4, 0.5, 0.6], help="thresholds to show")
    parser.add_argument("--write", type=Path, help="file of calibrations; others' entries in it are kept")
    given = parser.parse_args()
    cases: list[Case] = []
    models: set[tuple[str, str]] = set()
    for run in given.runs:
        found, *names = read(run)
        cases += found
        models.add((names[0], names[1]))
    if len(models) != 1:
        parser.error(f"the runs are of several models: {sorted(models)}")
    ((embedder, llm),) = models
    made: list[str] = []
    for owner, names in ((llm, OF_THE_MODEL), (None, OF_THE_SEARCH)):
        known = [one for one in cases if all(name in one.signals for name in names)]
        print(f"\n{owner or 'any model'}: {', '.join(names)}; {len(known)} of {len(cases)} cases")
        show(known, probabilities(known, names), given.at)
        bias, weights = fit(known, names)
        made.append(entry(embedder, owner, bias, dict(zip(names, weights, strict=True))))
        print(made[-1])
    if given.write:
        given.write.write_text(merged(given.write, embedder, llm, made), encoding="utf-8")


def merged(path: Path, embedder: str, llm: str, made: list[str]) -> str:
    """The file's entries of others, and those that were made now."""
    before: list[dict[str, Any]] = tomllib.loads(path.read_text())["calibration"] if path.is_file() else []
    kept = [one for one in before if (one["embedder"], one.get("llm")) not in ((embedder, llm), (embedder, None))]
    head = "# Made by bench/calibrate.py; see docs/architecture.md, Refusing.\n"
    others = [entry(one["embedder"], one.get("llm"), one["bias"], one["weights"]) for one in kept]
    return "\n".join([head, *others, *made])


if __name__ == "__main__":
    main()
