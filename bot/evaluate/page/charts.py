"""Which plots a report has, from its numbers and rows; one without anything to show is left out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bot.evaluate.causes import Judged
from bot.evaluate.curve import BINS
from bot.evaluate.plots import Bar, Series, bars, draw

SHARE = (0.0, 1.0)
ROOMY = (-0.06, 1.06)  # so that numbers by points on the edge are seen
SIZE = (340, 230)  # about as many pixels as a plot has on the page, so that its letters are as large as the page's
RANKS = ((1, 1), (2, 2), (3, 4), (5, 10), (11, 20))  # of passages; a row has 20 at most


class Chart(NamedTuple):
    """`reading` says how to read it."""

    title: str
    reading: str
    svg: str


def charts(result: dict[str, Any], told: Sequence[Judged]) -> list[Chart]:
    """Those of report.report's `result` and its questions that have something to show."""
    probable = any(one.row.answerable is not None for one in told)
    found = [_times(told), _ranks(told)]
    if probable:
        found += [_refusals(result["refusal_curve"]), _risks(result["risk_coverage"]), _calibration(told)]
    return [chart for chart in found if chart]


def _times(told: Sequence[Judged]) -> Chart | None:
    title = "How long answers took"
    series = []
    for label, name in (("first word", "first_token_s"), ("whole answer", "total_s")):
        seconds = sorted(value for one in told if (value := getattr(one.row.timings, name)) is not None)
        if seconds:
            series.append(Series(label, seconds, [place / len(seconds) for place in range(1, len(seconds) + 1)]))
    if not series:
        return None
    svg = draw(title, "seconds", "share of questions", series, (0, max(one.x[-1] for one in series) or 1), SHARE, SIZE)
    return Chart(title, "The share of questions that were done within so many seconds.", svg)


def _ranks(told: Sequence[Judged]) -> Chart | None:
    title = "Where the search found it"
    ranks = [_rank(one) for one in told if one.question.answerable and (one.question.evidence or one.question.gold)]
    if not ranks:
        return None
    groups = [(f"rank {low}" if low == high else f"{low} to {high}", low, high) for low, high in RANKS]
    counts = [(label, sum(low <= (rank or 0) <= high for rank in ranks)) for label, low, high in groups]
    counts.append(("not found", sum(rank is None or rank > RANKS[-1][1] for rank in ranks)))
    given = [Bar(label, count, text=str(count)) for label, count in counts]
    reading = "The rank of the first passage with gold evidence, or of a gold article where no evidence is marked."
    return Chart(title, reading, bars(title, "questions", given, width=SIZE[0]))


def _rank(one: Judged) -> int | None:
    for rank, passage in enumerate(one.row.retrieved, start=1):
        evidence = one.question.evidence
        if any(map(passage.overlap, evidence)) or (not evidence and passage.article in one.question.gold):
            return rank
    return None


def _refusals(curve: Sequence[dict[str, Any]]) -> Chart | None:
    title = "Refusing below another probability"
    series = []
    for name in ("refusal_recall", "false_refusal"):
        points = [(point["min_answerable"], point[name]) for point in curve if point[name] is not None]
        if points:
            series.append(Series(name, [x for x, _ in points], [y for _, y in points]))
    reading = "What answer.min_answerable would have done to the questions that were not refused as they were asked."
    if not series:
        return None
    return Chart(title, reading, draw(title, "answer.min_answerable", "share refused", series, SHARE, SHARE, SIZE))


def _risks(curve: Sequence[dict[str, Any]]) -> Chart | None:
    title = "Wrong answers by share answered"
    points = dict.fromkeys((point["coverage"], point["risk"]) for point in curve if point["risk"] is not None)
    if not points:
        return None
    coverage, risk = zip(*points, strict=True)
    svg = draw(title, "share answered", "wrong, of those", [Series("risk", coverage, risk)], SHARE, SHARE, SIZE)
    return Chart(title, "Answering only what is most probably answerable: a line that rises to the right is good.", svg)


def _calibration(told: Sequence[Judged]) -> Chart | None:
    """Bins as those of curve.calibration_error."""
    title = "How true the probability is"
    bins: dict[int, list[tuple[float, bool]]] = {}
    for one in told:
        if (sure := one.row.answerable) is not None:
            place = next((edge for edge in range(BINS) if sure <= (edge + 1) / BINS), BINS - 1)
            bins.setdefault(place, []).append((sure, one.question.answerable))
    if not bins:
        return None
    full = [bins[place] for place in sorted(bins)]
    means = [sum(value for value, _ in known) / len(known) for known in full]
    true = [sum(answerable for _, answerable in known) / len(known) for known in full]
    names = [str(len(known)) for known in full]
    points = Series("questions in a bin", means, true, names=names, lines=False)
    svg = draw(title, "answerable", "share answerable", [points, Series("ideal", SHARE, SHARE)], ROOMY, ROOMY, SIZE)
    return Chart(title, "Questions by their probability of being answerable, ten bins; the number is how many.", svg)
