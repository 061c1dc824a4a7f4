"""A file of settings to try → what is asked, and named points, in the order that loads least.

    questions = "questions.jsonl"           # as bot eval takes them
    corpus = "articles"
    out = "results/sweep"
    scope = "open"                          # this and what follows may be left out, as in bot eval
    limit = 50                              # or sample = 50, with a seed
    seed = 0

    [grid]                                  # every combination is a point
    "llm.model" = ["smollm2-135m-instruct", "qwen2.5-coder-1.5b-instruct"]
    "retrieve.characters" = [1200, 2400]

    [[points]]                              # one by itself; its name is its folder's
    name = "quick"
    "answer.quick" = true

It loads no model and asks nothing; which settings there are, and which go together, it is told.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.config import SECRET, without_password
from bot.errors import ConfigError
from bot.evaluate.run import Scope

MOST_POINTS = 1000
LONGEST_NAME = 120  # characters; a folder's name may have 255 bytes
OWN_NAMES = ("stores", "sweep.json", "sweep.html")
REMEDY = "Mend that, and look at the points with --dry-run; `bot config show` lists the settings."
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)
_UNFIT = re.compile(r"[^\w.+-]+", re.ASCII)

Check = Callable[[Mapping[str, Any]], object]
"""Raises ConfigError for settings (dotted name → value) that cannot be used together."""


class Plan(BaseModel):
    """What is asked of every point; paths are as typed, from the folder where the command runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    questions: Path
    corpus: Path
    out: Path
    scope: Scope = "open"
    limit: int | None = Field(None, ge=1)
    sample: int | None = Field(None, ge=1)
    seed: int = 0

    @model_validator(mode="after")
    def _one_choice(self) -> "Plan":
        if self.limit is not None and self.sample is not None:
            raise ValueError("limit and sample choose in two ways; give one of them")
        return self


class Point(NamedTuple):
    """`settings` are those that the file gives: dotted name → value."""

    name: str
    settings: dict[str, Any]


def load_plan(path: Path, known: Sequence[str], check: Check) -> tuple[Plan, list[Point]]:
    """The plan and its points, those of the grid first, the last setting changing fastest.

    `known` are the names of all settings. Raises ConfigError with everything that is wrong with the file.
    """
    raw = _read(path)
    axes, singles = raw.pop("grid", {}), raw.pop("points", [])
    faults: list[str] = []
    plan: Plan | None = None
    try:
        plan = Plan.model_validate(raw)
    except ValidationError as error:
        faults += [_told(one["loc"], one["msg"]) for one in error.errors(include_url=False)]
    points = [*_grid_points(axes, known, faults), *_single_points(singles, known, faults)]
    if not points and not faults:
        faults.append("there is no point: give [grid] or [[points]]")
    faults += _alike(points)
    faults += _wrong_values(points, check)
    if plan is None or faults:
        raise ConfigError(f"{path}: {'; '.join(dict.fromkeys(faults))}. {REMEDY}")
    return plan, points


def in_loading_order(points: Sequence[Point], *kinds: Callable[[Point], Hashable]) -> list[Point]:
    """Points with the same model one after the other, and among these those with the same store, and so on.

    Each of `kinds` tells what a point needs, the dearest to load first. Otherwise the order stays.
    """
    places = [_places([kind(point) for point in points]) for kind in kinds]
    ranks = {point.name: [of[number] for of in places] for number, point in enumerate(points)}
    return sorted(points, key=lambda point: ranks[point.name])


def as_name(value: Any) -> str:
    """A setting's value as a part of a folder's name; different values may give the same."""
    text = str(value).lower() if isinstance(value, bool) else without_password(str(value))
    return _UNFIT.sub("-", text).strip("-") or "none"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}. Mend that line.") from None


def _grid_points(given: Any, known: Sequence[str], faults: list[str]) -> list[Point]:
    if not isinstance(given, dict):
        faults.append("grid: a table of settings with their values, [grid], is wanted")
        return []
    axes = {name: value if isinstance(value, list) else [value] for name, value in _flat(given)}
    if not _settings_are_known("grid", axes, known, faults):
        return []
    for name, values in axes.items():
        if not values:
            faults.append(f"grid: {name} has no values")
    count = math.prod(map(len, axes.values()))
    if count > MOST_POINTS:
        faults.append(f"grid: it makes {count} points, and {MOST_POINTS} are the most")
    if not axes or not 0 < count <= MOST_POINTS:
        return []
    changing = [name for name, values in axes.items() if len(values) > 1] or list(axes)
    short = _short_names(changing)
    found = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return [Point("_".join(f"{short[name]}-{as_name(one[name])}" for name in changing), one) for one in found]


def _single_points(given: Any, known: Sequence[str], faults: list[str]) -> list[Point]:
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        faults.append("points: tables that begin with [[points]] are wanted")
        return []
    points = []
    for number, one in enumerate(given, start=1):
        name = one.pop("name", None)
        if not isinstance(name, str):
            faults.append(f"points: number {number} has no name")
        settings = dict(_flat(one))
        if _settings_are_known(f"points: {name!r}", settings, known, faults) and isinstance(name, str):
            points.append(Point(name, settings))
    return points


def _settings_are_known(place: str, settings: Mapping[str, Any], known: Sequence[str], faults: list[str]) -> bool:
    unknown = [name for name in settings if name not in known]
    for name in unknown:
        near = difflib.get_close_matches(name, known, n=1)
        faults.append(f"{place}: {name} is not a setting{f' (did you mean {near[0]}?)' if near else ''}")
    secret = [name for name in settings if name in SECRET]
    faults += [f"{place}: {name} is a secret and no part of a sweep; give it in the environment" for name in secret]
    return not unknown and not secret


def _alike(points: Sequence[Point]) -> Iterator[str]:
    """What is wrong with names, and points that are the same. To a file system, A and a may be one name."""
    names: set[str] = set()
    made: dict[str, str] = {}
    for name, settings in points:
        if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME or name.lower() in OWN_NAMES:
            yield f"{name!r} cannot name a folder here: give a name of letters, digits, '.', '-', '+' and '_'"
        if name.lower() in names:
            yield f"two points are named {name}: give names of your own under [[points]]"
        names.add(name.lower())
        same = repr(sorted(settings.items(), key=lambda item: item[0]))
        if made.setdefault(same, name) != name:
            yield f"{made[same]} and {name} have the same settings"


def _wrong_values(points: Sequence[Point], check: Check) -> Iterator[str]:
    """Each wrong value once, however many points have it; and what is wrong only together, with its point."""
    for name, settings in points:
        if not (together := _fault(check, settings)):
            continue
        alone = [fault for key, value in settings.items() if (fault := _fault(check, {key: value}))]
        yield from alone or [f"{name}: {together}"]


def _fault(check: Check, settings: Mapping[str, Any]) -> str:
    try:
        check(settings)
    except ConfigError as error:
        return str(error).removeprefix("Wrong setting: ").rstrip(".")
    return ""


def _flat(nested: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """`llm.model`, `"llm.model"` and `[grid.llm]` with `model` are the same."""
    for name, value in nested.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value


def _short_names(names: Sequence[str]) -> dict[str, str]:
    """The last word of each, or all of it where others end in the same."""
    last = [name.rpartition(".")[2] for name in names]
    return {name: word if last.count(word) == 1 else name for name, word in zip(names, last, strict=True)}


def _told(place: Sequence[int | str], problem: str) -> str:
    where = ".".join(map(str, place))
    problem = problem.removeprefix("Value error, ")
    return f"{where}: {problem[:1].lower()}{problem[1:]}" if where else problem


def _places(kinds: Sequence[Hashable]) -> list[int]:
    """Of each, when its like came first."""
    first: dict[Hashable, int] = {}
    return [first.setdefault(kind, len(first)) for kind in kinds]
