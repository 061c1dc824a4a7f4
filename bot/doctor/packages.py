"""Python's version and packages: those wanted, by pyproject.toml or the installed package, and those that are here."""

import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from bot.config import PROJECT
from bot.doctor.findings import Finding

PART, NAME = "packages", "citebot"


def check_packages() -> Iterator[Finding]:
    """That llama.cpp and Chroma load is known by now: this room stands on those that import them."""
    wanted = _wanted()
    wrong = [problem for one in wanted if (problem := _problem(one))]
    for problem in wrong:
        yield Finding(PART, "error", problem, "Run `make run`, or `pip install` the versions that are wanted.")
    if not wrong:
        version = ".".join(map(str, sys.version_info[:3]))
        yield Finding(
            PART, "ok", f"Python {version} and {len(wanted)} packages are as wanted; llama.cpp and Chroma load."
        )


def _wanted() -> list[Requirement]:
    """Without those of extras."""
    file = PROJECT / "pyproject.toml"
    if file.is_file():
        lines = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["dependencies"]
    else:
        lines = metadata.requires(NAME) or []
    return [one for one in map(Requirement, lines) if not one.marker or one.marker.evaluate({"extra": ""})]


def _problem(wanted: Requirement) -> str:
    try:
        found = metadata.version(wanted.name)
    except (metadata.PackageNotFoundError, InvalidRequirement):
        return f"The package {wanted.name} is not installed; wanted is {wanted.specifier}."
    if wanted.specifier.contains(found, prereleases=True):
        return ""
    return f"The package {wanted.name} is {found}; wanted is {wanted.specifier}."
