"""What `make bench` must reach, as bench/limits.toml has it, and what of it a run did not."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from measures.measure import Measure


class Limits(NamedTuple):
    """Each by how a measure's name begins: ours divided by what lies beneath, ours in seconds.

    Limits in seconds are musts on a machine that is fast enough: where what lies beneath the measures in `machine`
    takes so many seconds at most. A slower one is told what it does not meet, and does not fail for it.
    """

    ratio: Mapping[str, float]
    seconds: Mapping[str, float]
    machine: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> "Limits":
        return cls(**tomllib.loads(path.read_text("utf-8")))

    def ratio_of(self, one: Measure) -> float | None:
        return _of(self.ratio, one)

    def seconds_of(self, one: Measure) -> float | None:
        return _of(self.seconds, one)

    def over(self, one: Measure) -> bool:
        """Whether the ratio is above its limit."""
        limit = self.ratio_of(one)
        return limit is not None and one.ratio > limit

    def late(self, one: Measure) -> bool:
        """Whether ours takes longer than its limit in seconds."""
        limit = self.seconds_of(one)
        return limit is not None and one.ours > limit

    def bind(self, found: Sequence[Measure]) -> bool:
        """Whether this machine is so fast that limits in seconds are musts."""
        return all(
            any(one.name.startswith(begin) and one.beneath <= most for one in found)
            for begin, most in self.machine.items()
        )

    def machine_told(self, found: Sequence[Measure]) -> str:
        """For which machines limits in seconds are musts, and whether this is one."""
        told = []
        for begin, most in self.machine.items():
            here = [one for one in found if one.name.startswith(begin)]
            took = f"took {here[0].shown(here[0].beneath)} here" if here else "was not measured"
            told.append(
                f"{begin} takes {here[0].against if here else 'what is beneath'} {1000 * most:.1f} ms at most ({took})"
            )
        musts = "so they are here" if self.bind(found) else "so here they are told and fail no run"
        return f"Limits in seconds are musts on a machine where {' and '.join(told)}, {musts}."

    def fault(self, found: Sequence[Measure], *, whole: bool = True) -> str:
        """What a run must fail for, "" for nothing; a `whole` run measures all that has a limit."""
        every = [*self.ratio, *self.seconds, *self.machine]
        lacking = [begin for begin in dict.fromkeys(every) if not any(one.name.startswith(begin) for one in found)]
        if lacking and whole:
            return f"Not measured, though bench/limits.toml has a limit: {'; '.join(lacking)}."
        musts = self.bind(found)
        worse = [one.name for one in found if self.over(one) or (musts and self.late(one))]
        if worse:
            return f"Worse than bench/limits.toml allows: {'; '.join(worse)}. Other work on the machine? Measure again."
        return ""


def _of(limits: Mapping[str, float], one: Measure) -> float | None:
    """The limit whose name says most of the measure's."""
    begins = [begin for begin in limits if one.name.startswith(begin)]
    return limits[max(begins, key=len)] if begins else None
