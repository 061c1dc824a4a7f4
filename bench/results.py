"""The measures of the evaluation sets under the default settings, as a page: asks what has no answer yet, then writes.

    python bench/results.py [--data ../shared/data] [--runs results] [--write docs/results.md] [--no-ask]
                            [--set NAME=VALUE …] [SET …]

A set is a folder of --data with questions.jsonl and corpus.jsonl; SET@article asks each question of its own articles.
Each is asked by `bot eval` into a folder of its own under --runs, with the default settings whatever the machine's are,
and goes on where it was broken off. What was refused as hardly answerable is then asked again without that limit
(SET.refused), for the curve of refusals. Rows are scored anew, so older runs get the measures of today; a run that
lacks answers makes no table. Tables of other sets that the page has already stay as they are, each with its revision.
"""

import argparse
import datetime as dt
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from measures.halves import in_first_half
from rich.console import Console

from bot.cli.compose import open_embedder, open_store
from bot.config import Settings, flatten, load
from bot.embed import Embedder
from bot.errors import BotError
from bot.evaluate import Question, Row, load_asked, load_run, refusal_curve, report, table
from bot.evaluate.run import differences, read_rows, write_json

SETS = ("news_dev", "news_dev@article", "squad_dev", "wiki_dev")
FILES = ("questions.jsonl", "corpus.jsonl")
SHOWN = (
    "hit@1", "hit@4", "evidence_in_context", "accuracy", "f1", "rouge_l", "option_accuracy", "citation_hit",
    "citation_precision", "citation_recall", "answers_with_citation", "unsupported_rate", "refusal_recall",
    "false_refusal", "answerable_auroc", "first_token_s_p50", "total_s_p50", "total_s_p95",
)  # fmt: skip
WALL = "wall.json"
LEFT = "Not measured"
WORTH = 0.4  # false_refusal up to which the curve is told


class Missing(Exception):
    """Why a set has no table, in words that end with what to do."""


class Measured(NamedTuple):
    name: str
    questions: list[Question]
    meta: dict[str, Any]
    answering: float  # seconds that the answers took, all together
    wall: float | None
    exact: tuple[int, int] | None  # citations, and how many of them are the article's words at their place
    curve: list[dict[str, Any]]
    whole_curve: bool  # whether what was refused as hardly answerable was asked again without that limit
    report: dict[str, Any]
    halves: tuple[dict[str, Any], ...]  # the same of the questions on one half of the articles, and on the other


def main() -> None:
    chosen = options()
    screen = Console(stderr=True)
    found: list[Measured] = []
    missing: dict[str, str] = {}
    for name in chosen.sets:
        try:
            if not chosen.no_ask:
                ask(name, chosen.data, chosen.runs, chosen.set)
                ask_refused(name, chosen.data, chosen.runs, chosen.set)
            found.append(measured(name, chosen.data, chosen.runs))
        except (Missing, BotError) as error:
            missing[name] = str(error)
            screen.print(f"{name}: {error}", soft_wrap=True, markup=False)
    if not found:
        sys.exit("There is nothing to write.")
    sections = older(chosen.write) if chosen.write and chosen.write.exists() else {}
    sections |= {one.name: section(one, chosen.data, chosen.runs, chosen.set) for one in found}
    text = page(sections, {name: why for name, why in missing.items() if name not in sections}, chosen.data)
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")
    else:
        print(text)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS, metavar="SET")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--runs", type=Path, default=Path("results"))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--no-ask", action="store_true", help="write what was asked before")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="other than the default")
    return parser.parse_args()


def of_set(name: str, data: Path) -> tuple[Path, Path]:
    """Its questions and its articles."""
    questions, corpus = (data / name.partition("@")[0] / file for file in FILES)
    return questions, corpus


def command(name: str, questions: Path, corpus: Path, out: Path, given: Sequence[str]) -> list[str]:
    """The words of `bot` that ask these questions."""
    settings = [word for one in given for word in ("--set", one)]
    scope = [word for word in ("--scope", name.partition("@")[2]) if "@" in name]
    return [*settings, "eval", str(questions), "--corpus", str(corpus), *scope, "--out", str(out)]


def ask(name: str, data: Path, runs: Path, given: Sequence[str]) -> None:
    """All questions of a set."""
    check_files(name, data)
    questions, corpus = of_set(name, data)
    before, begun = answers(runs / name), time.monotonic()
    run_bot(command(name, questions, corpus, runs / name, given), runs)
    note_wall(runs / name, before, time.monotonic() - begun)


def ask_refused(name: str, data: Path, runs: Path, given: Sequence[str]) -> None:
    """Those again that were refused as hardly answerable, without that limit; nothing else of the set."""
    run, (questions, corpus) = load_run(runs / name), of_set(name, data)
    lines = [line for line in questions.read_text(encoding="utf-8").splitlines() if line.strip()]
    refused = [line for line in lines if limited(run.rows.get(json.loads(line)["id"]))]
    if not refused:
        return
    file = runs / f"{name}.refused" / FILES[0]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(refused) + "\n", encoding="utf-8")
    run_bot(command(name, file, corpus, file.parent, [*given, "answer.min_answerable=0"]), runs)


def limited(row: Row | None) -> bool:
    """Whether it was refused for its probability alone."""
    return row is not None and row.reason == "not_answered" and row.answerable is not None


def run_bot(words: Sequence[str], runs: Path) -> None:
    """Under the defaults: no variable but where the models are, and a data folder without a settings file."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BOT_")}
    if folder := os.environ.get("BOT_MODELS_DIR"):
        environment["BOT_MODELS_DIR"] = folder
    whole = [sys.executable, "-m", "bot", "--data-dir", str(runs / "data"), *words]
    if subprocess.run(whole, env=environment, check=False).returncode:
        raise Missing("`bot eval` broke off, see above. The same command goes on from there.")


def answers(folder: Path) -> int:
    return len(read_rows(folder)[0])


def note_wall(folder: Path, before: int, seconds: float) -> None:
    """Add what this call took, if it asked anything; a run that was begun without notes has none."""
    if answers(folder) == before:
        return
    noted = json.loads((folder / WALL).read_bytes())["seconds"] if (folder / WALL).exists() else 0.0
    if noted or not before:
        write_json(folder / WALL, {"seconds": noted + seconds})


def check_files(name: str, data: Path) -> None:
    if lacking := [file for file in of_set(name, data) if not file.is_file()]:
        names, folder = " and ".join(file.name for file in lacking), lacking[0].parent
        raise Missing(f"{names} missing in {folder}. Put the set there, or name another folder with --data.")


def measured(name: str, data: Path, runs: Path) -> Measured:
    check_files(name, data)
    run = load_run(runs / name)
    asked = load_asked(run, of_set(name, data)[0])
    if not asked.same:
        raise Missing(f"{runs / name} was asked from another question file. Take it away, and ask anew.")
    if left := [one for one in asked.questions if one.id not in run.rows]:
        raise Missing(
            f"{len(left)} of {len(asked.questions)} questions have no answer yet. Run it again without --no-ask."
        )
    embedder, stored = None, runs / name / "store"
    if stored.is_dir() or any(question.distractors for question in asked.questions):
        embedder = open_embedder(load({"data_dir": str(runs / "data")}).settings)
    embed = embedder.embed_documents if embedder else None
    again = read_rows(runs / f"{name}.refused")[0]
    rows = [again.get(row.id, row) if limited(row) else row for row in (run.rows[one.id] for one in asked.questions)]

    def reported(questions: Sequence[Question]) -> dict[str, Any]:
        return report([run.rows[one.id] for one in questions], questions, run.meta, embed)

    halves = [[one for one in asked.questions if in_first_half(one) is first] for first in (True, False)]
    noted = runs / name / WALL
    return Measured(
        name,
        asked.questions,
        run.meta,
        sum(run.rows[one.id].timings.total_s or 0.0 for one in asked.questions),
        json.loads(noted.read_bytes())["seconds"] if noted.exists() else None,
        exact(run.rows.values(), embedder, stored) if embedder and stored.is_dir() else None,
        refusal_curve(list(zip(asked.questions, rows, strict=True))),
        not any(limited(row) for row in rows if row.id not in again),
        reported(asked.questions),
        tuple(reported(half) for half in halves),
    )


def exact(rows: Iterable[Row], embedder: Embedder, folder: Path) -> tuple[int, int]:
    """How many citations there are, and how many of them are what stands in the article there."""
    store = open_store(Settings(), embedder, folder)
    cited = [citation for row in rows for citation in row.citations]
    texts = {one.id: one.text for one in store.articles(sorted({citation.article for citation in cited}))}
    same = sum(one.quote == texts[one.article][one.start : one.end] != "" for one in cited)
    store.close()
    return len(cited), same


def older(file: Path) -> dict[str, str]:
    """The sections of a page that was written before, by set."""
    _, *parts = f"\n{file.read_text(encoding='utf-8')}".split("\n## ")
    named = {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}
    return {name: part for name, part in named.items() if name != LEFT}


def page(sections: dict[str, str], missing: dict[str, str], data: Path) -> str:
    """All sets' sections, in the order of their names."""
    lacking = "".join(f"- `{name}`: {reason}\n" for name, reason in missing.items())
    left = f"\n## {LEFT}\n\n{lacking}" if missing else ""
    tables = "\n".join(sections[name] for name in sorted(sections))
    return f"""# Results

Written by `make eval` (bench/results.py) on {dt.date.today()}.
Each set was asked with the settings that its table names, all questions of it, by `bot eval`.
docs/measures.md has the formulas; intervals are 95%, by the bootstrap over questions (bot/evaluate/intervals.py). The
halves have different articles (a question without a gold article is in one by its id). Times have the load of the
machine in them. The sets are no part of this repository; they were in `{data}`. SET@article asks each question of its
own articles only.

{tables}{left}"""


def section(one: Measured, data: Path, runs: Path, given: Sequence[str]) -> str:
    metrics = one.report["metrics"]
    halves = [{name: value for name, value, *_ in table(half)} for half in one.halves]
    rows = "\n".join(
        f"| `{name}` | {value} | {ends} | {cases} | {' | '.join(half.get(name) or '–' for half in halves)} |"
        for name, value, ends, cases in table(one.report)
        if name in SHOWN and metrics["n"][name]
    )
    questions, corpus = of_set(one.name, data)
    articles = sum(1 for line in corpus.open("rb") if line.strip())
    answerable = sum(question.answerable for question in one.questions)
    return f"""## {one.name}

{len(one.questions)} questions, {answerable} of them answerable, over {articles} articles.

| | |
| --- | --- |
| revision | {one.meta["revision"]} |
| date | {one.meta["time"][:10]} |
| models | {", ".join(f"{name} ({total[:12]})" for name, total in one.meta["models"].items())} |
| settings | {settings_told(one.meta)} |
| machine | {one.meta["cpus"]} processors, {one.meta["platform"]}, Python {one.meta["python"]} |
| time | {wall_told(one)} |
| command | `{shlex.join(["bot", *command(one.name, questions, corpus, runs / one.name, given)])}` |

| measure | value | interval | n | one half | other half |
| --- | --- | --- | --- | --- | --- |
{rows}
{cited(one.exact)}{curve(one.curve, one.whole_curve)}"""


def cited(found: tuple[int, int] | None) -> str:
    if found is None:
        return ""
    return f"\n{found[0]} citations, {found[0] - found[1]} of them not the article's words at their place.\n"


def curve(points: Sequence[dict[str, Any]], whole: bool) -> str:
    """What refusing below other probabilities would have done, where it changes anything; without cases, nothing."""
    told = [one for one in points if one["refusal_recall"] is not None and one["false_refusal"] is not None]
    changing = [one for before, one in zip(told, told[1:], strict=False) if _shares(before) != _shares(one)]
    changing = [one for one in changing if one["false_refusal"] <= WORTH] or changing[:1]
    if not changing:
        return ""
    columns = [told[0], *changing]
    below = "what the run refused for it was asked again" if whole else "below that of the run, nothing changes"
    return f"""
Refusals, had `answer.min_answerable` been another ({below}):

| `answer.min_answerable` | {" | ".join(f"{one['min_answerable']:.2f}" for one in columns)} |
| --- |{" --- |" * len(columns)}
| `refusal_recall` | {" | ".join(f"{one['refusal_recall']:.3f}" for one in columns)} |
| `false_refusal` | {" | ".join(f"{one['false_refusal']:.3f}" for one in columns)} |
"""


def _shares(point: dict[str, Any]) -> tuple[float, float]:
    return point["refusal_recall"], point["false_refusal"]


def settings_told(meta: dict[str, Any]) -> str:
    """What differs from the defaults of this revision; a setting that the run did not have yet was not otherwise."""
    defaults = {"settings": flatten(Settings())}
    different = [one for one in differences(meta, defaults, ("settings",)) if one[0] in meta["settings"]]
    return ", ".join(f"{name} = {value}" for name, value, _ in different) or "default"


def wall_told(one: Measured) -> str:
    answering = f"{one.answering / 60:.0f} min for the answers"
    return answering if one.wall is None else f"{one.wall / 60:.0f} min in all, {answering}"


if __name__ == "__main__":
    main()
