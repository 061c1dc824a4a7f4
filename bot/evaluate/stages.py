"""Which measures and times tell something at which stage of a run."""

from bot.evaluate.rows import Row, Stage

SEARCH = ("hit@", "recall@", "mrr@", "ndcg@", "evidence_in_context", "retrieve_s")


def tells(stage: Stage, name: str) -> bool:
    """Whether a measure or time called `name` tells something: of search alone, or of all but search."""
    return stage == "full" or name.startswith(SEARCH) == (stage == "retrieve")


def seconds(row: Row, name: str) -> float | None:
    """One of the row's timings; None where that point was not reached, or it tells nothing at that stage."""
    value: float | None = getattr(row.timings, name) if tells(row.stage, name) else None
    return value
