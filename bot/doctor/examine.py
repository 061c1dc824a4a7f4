"""All that is looked at, in the order of what rests on what."""

from collections.abc import Iterator

from bot import prompt
from bot.config import Settings
from bot.doctor.findings import Finding, Tools
from bot.doctor.library import check_library
from bot.doctor.models import check_models
from bot.doctor.own import check_derived, check_feedback, check_folder, check_left, check_talks, check_users
from bot.doctor.packages import check_packages
from bot.errors import PromptError

PROMPTS = ("answer", "check", "claim", "draft", "draft-check")


def examine(settings: Settings, tools: Tools, *, full: bool = False) -> Iterator[Finding]:
    """Findings as they are made; `full` also reads whole model files and kept passages. It changes nothing."""
    yield from check_packages()
    yield from check_models(settings, full=full)
    yield _prompts(settings)
    yield from check_folder(settings.data_dir)
    yield from check_library(settings, tools)
    yield from check_derived(settings.data_dir, full=full)
    yield from check_talks(settings.data_dir)
    yield check_feedback(settings.data_dir)
    yield check_users(settings)
    yield from check_left(settings.data_dir)


def _prompts(settings: Settings) -> Finding:
    try:
        for task in PROMPTS:
            prompt.read(prompt.find(task, settings.prompts_dir))
    except PromptError as error:
        return Finding("prompts", "error", str(error))
    return Finding("prompts", "ok", f"{len(PROMPTS)} prompt files can be read.")
