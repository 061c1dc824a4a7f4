"""Python's version and packages: those wanted, by pyproject.toml or the installed package, and those that are here."""

import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from bot.config import PROJECT
from bot.doctor.findings import Finding
from bot.errors import ModelError
from bot.llama import llama_version

PART, NAME = "packages", "citebot"


def check_packages() -> Iterator[Finding]:
    wanted = _wanted()
    wrong = [problem for one in wanted if (problem := _problem(one))]
    for problem in wrong:
        yield Finding(PART, "error", problem, "Run `make run`, or `pip install` the versions that are wanted.")
    if not wrong:
        version = ".".join(map(str, sys.version_info[:3]))
        yield Finding(PART, "ok", f"Python {version} and {len(wanted)} packages are as wanted.")


def check_llama() -> Finding:
    try:
        return Finding(PART, "ok", f"llama.cpp loads (llama-cpp-python {llama_version()}).")
    except (ModelError, OSError, AttributeError) as error:
        return Finding(PART, "error", f"llama.cpp does not load: {error}.", "Install it again: `make run GPU=none`.")


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
