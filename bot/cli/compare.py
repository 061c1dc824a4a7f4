"""`bot compare`: runs of `bot eval` side by side, and gates that let CI fail."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from bot.cli.state import console
from bot.cli.state import table as new_table
from bot.errors import ConfigError, DatasetError
from bot.trace import visible

if TYPE_CHECKING:
    from bot.evaluate.compare import Asked, Comparison, Flip
    from bot.evaluate.gates import Verdict

FIRED = 3  # exit code; 1 and 2 are those of errors
NONE = "–"
_SUM = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,}\b")


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders that `bot eval --out` wrote.", metavar="RUN_A RUN_B …")],
    questions: Annotated[
        Path | None, typer.Option(help="The question file, if it was moved since.", metavar="FILE")
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(help="Whose flips between 0 and 1 to show (accuracy); may be repeated.", metavar="NAME"),
    ] = None,
    show: Annotated[int, typer.Option(min=0, help="How many flips to show each way.")] = 10,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(help='Exit with 3 if this holds: "accuracy < -0.02"; may be repeated.', metavar="GATE"),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all of it as JSON.", metavar="FILE")] = None,
) -> None:
    """Compare runs of `bot eval` with the first of them: measures with intervals, times, questions that flipped."""
    from bot.evaluate.compare import compare as compare_two
    from bot.evaluate.compare import load_asked, load_run
    from bot.evaluate.gates import judge, parse

    if len(runs) < 2:
        raise ConfigError("There is nothing to compare one run with. Name two folders that `bot eval --out` wrote.")
    gates = [parse(text) for text in fail_if or ()]
    names = _flipping(measure or ["accuracy"])
    first, *others = (load_run(folder) for folder in runs)
    asked = load_asked(first, questions)
    comparisons = [compare_two(first, other, asked.questions) for other in others]
    verdicts = [judge(gate, one) for one in comparisons for gate in gates]
    if json_file:
        _write(json_file, _whole(asked, comparisons, verdicts), runs, asked.path)
    screen = console()
    if not asked.same:
        _say(screen, f"Scored by {asked.path}, which is not what {first.folder} was asked from; its words agree.")
    for one in comparisons:
        _show(screen, one, names, show)
    _show_verdicts(screen, verdicts)
    if any(verdict.fired for verdict in verdicts):
        raise typer.Exit(FIRED)


def _flipping(names: Sequence[str]) -> Sequence[str]:
    from bot.evaluate.compare import FLIPPING

    if unknown := [name for name in names if name not in FLIPPING]:
        raise ConfigError(f"--measure {unknown[0]}: it is not 0 or 1. Take one of {', '.join(FLIPPING)}.")
    return names


def _whole(asked: "Asked", comparisons: "Sequence[Comparison]", verdicts: "Sequence[Verdict]") -> dict[str, Any]:
    from bot.evaluate.compare import CONFIDENCE, RESAMPLES, SEED

    return {
        "questions": {"file": str(asked.path), "sha256": asked.sha256, "same": asked.same},
        "bootstrap": {"seed": SEED, "resamples": RESAMPLES, "confidence": CONFIDENCE},
        "comparisons": [one.model_dump(mode="json") for one in comparisons],
        "gates": [verdict.model_dump(mode="json") for verdict in verdicts],
    }


def _write(path: Path, value: dict[str, Any], runs: Sequence[Path], questions: Path) -> None:
    from bot.evaluate.run import ANSWERS, META, REPORT, write_json

    kept = [questions, *(folder / name for folder in runs for name in (ANSWERS, META, REPORT))]
    if path.resolve() in {one.resolve() for one in kept}:
        raise DatasetError(f"{path} belongs to what is compared. Choose another --json.")
    try:
        write_json(path, value)
    except OSError as error:
        raise DatasetError(f"{path} cannot be written: {error.strerror}. Choose another --json.") from None
    except ValueError as error:  # a run.json by another hand may hold NaN or half a character
        raise DatasetError(
            f"{path} cannot hold what is in a run.json: {error}. Mend that, or leave out --json."
        ) from None


def _show(screen: Console, one: "Comparison", names: Sequence[str], show: int) -> None:
    _say(screen, f"A: {one.a}\nB: {one.b}", style="bold")
    _show_different(screen, one)
    left = f" ({one.only_a} more only in A, {one.only_b} only in B)" if one.only_a or one.only_b else ""
    _say(screen, f"Questions in both: {one.shared}{left}")
    _show_measures(screen, one)
    _show_timings(screen, one)
    for name in names:
        flips = one.flips[name]
        _show_flips(screen, f"{name} from 0 in A to 1 in B", flips.up, show)
        _show_flips(screen, f"{name} from 1 in A to 0 in B", flips.down, show)


def _show_different(screen: Console, one: "Comparison") -> None:
    if not one.different:
        _say(screen, "Both were made alike.")
        return
    grid = new_table("made otherwise", "A", "B")
    for different in one.different:
        grid.add_row(_cell(different.name), _made_with(different.a), _made_with(different.b))
    screen.print(grid)


def _show_measures(screen: Console, one: "Comparison") -> None:
    from bot.evaluate.compare import CONFIDENCE, RESAMPLES, SEED

    grid = new_table("measure", "A", "B", "B - A", f"{CONFIDENCE:.0%} interval", "n", "better", "worse")
    for name, of in one.measures.items():
        ends = NONE if of.low is None or of.high is None else f"{of.low:+.3f} to {of.high:+.3f}"
        numbers = (_number(of.a), _number(of.b), _number(of.difference, "+.3f"))
        grid.add_row(name, *numbers, ends, str(of.n), str(of.better), str(of.worse))
    screen.print(grid)
    _say(screen, f"Intervals: paired bootstrap over questions, {RESAMPLES} resamples, seed {SEED}.", style="dim")


def _show_timings(screen: Console, one: "Comparison") -> None:
    grid = new_table("median time", "A", "B", "B / A", "n")
    for name, of in one.timings.items():
        grid.add_row(name, _number(of.a, ".2f"), _number(of.b, ".2f"), _number(of.ratio, ".2f"), str(of.n))
    screen.print(grid)


def _show_flips(screen: Console, title: str, flips: "Sequence[Flip]", show: int) -> None:
    more = f", {show} of them here" if len(flips) > show else ""
    _say(screen, f"{title}: {len(flips)}{more}", style="bold")
    if not flips[:show]:
        return
    grid = new_table("id", "question", "answer in A", "answer in B")
    for flip in flips[:show]:
        grid.add_row(*map(_cell, (flip.id, flip.question, flip.a, flip.b)))
    screen.print(grid)


def _show_verdicts(screen: Console, verdicts: "Sequence[Verdict]") -> None:
    for verdict in verdicts:
        found, style = ("fires", "bold red") if verdict.fired else ("does not fire", "green")
        _say(screen, f"Gate {verdict.gate} {found} for {verdict.b}: {verdict.value:.4f}", style=style)


def _number(value: float | None, form: str = ".3f") -> str:
    return NONE if value is None else format(value, form)


def _made_with(value: Any) -> Text:
    """Sums and revisions are cut: nobody reads more of them than whether they are the same."""
    return _cell("nothing" if value is None else _SUM.sub(r"\1…", str(value)))


def _cell(text: str) -> Text:
    """Words from a run on one line, without what a terminal would act on; square brackets are no markup."""
    return Text(visible(" ".join(text.split())))


def _say(screen: Console, text: str, style: str = "") -> None:
    screen.print(Text("\n".join(map(visible, text.split("\n"))), style=style))
