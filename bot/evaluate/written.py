"""Writes the reports of a run: a page, Markdown and JUnit, from what is measured; asks nothing."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bot.errors import DatasetError
from bot.evaluate.cases import Question
from bot.evaluate.causes import Judged, judged
from bot.evaluate.junit import junit
from bot.evaluate.markdown import markdown
from bot.evaluate.metrics import Embed
from bot.evaluate.report import score
from bot.evaluate.run import Row

HTML, MARKDOWN, JUNIT = "report.html", "report.md", "junit.xml"

Texts = Callable[[Sequence[str]], Mapping[str, str]]
"""Ids of articles → their texts; those that are not at hand are left out."""


class Files(NamedTuple):
    """Where each report goes; None for one that is not wanted."""

    html: Path | None = None
    markdown: Path | None = None
    junit: Path | None = None


def write_all(
    out: Path,
    result: Mapping[str, Any],
    rows: Sequence[Row],
    questions: Sequence[Question],
    texts: Texts,
    embed: Embed | None = None,
) -> list[Path]:
    """All reports into the folder `out`, for the questions that have a row; the files written.

    `result` is report.report's. Without `embed`, causes go by accuracy alone. Raises DatasetError where a file cannot
    be written.
    """
    files = Files(out / HTML, out / MARKDOWN, out / JUNIT)
    return write(files, result, judge_all(rows, questions, embed), texts)


def check_asked(folder: Path, rows: Sequence[Row], questions: Sequence[Question]) -> None:
    """Raise DatasetError unless each row of the run in `folder` answers one of `questions`, in the same words."""
    asked = {question.id: question.question for question in questions}
    for row in rows:
        if asked.get(row.id) != row.question:
            what = "has other words in the question file" if row.id in asked else "is not in the question file"
            raise DatasetError(
                f"Question {row.id!r} of {folder} {what}. Pass the file that was asked with --questions FILE."
            )


def judge_all(rows: Sequence[Row], questions: Sequence[Question], embed: Embed | None) -> list[Judged]:
    """The questions that have a row, in the order of `questions`, each with its scores and cause."""
    by_id = {row.id: row for row in rows}
    pairs = [(one, by_id[one.id]) for one in questions if one.id in by_id]
    return [judged(one, row, score(one, row, embed)) for one, row in pairs]


def write(files: Files, result: Mapping[str, Any], told: Sequence[Judged], texts: Texts) -> list[Path]:
    """Those reports that `files` names; what was written. Raises as write_all does."""
    written = []
    if files.html:
        from bot.evaluate.page.render import page  # noqa: PLC0415 - loads matplotlib: half a second

        written.append(_put(files.html, page(result, told, texts)))
    if files.markdown:
        written.append(_put(files.markdown, markdown(result, told)))
    if files.junit:
        written.append(_put(files.junit, junit(result["run"], told)))
    return written


def _put(path: Path, text: str) -> Path:
    """`path` holds the old file or the whole new one, never a part."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise DatasetError(f"{path} cannot be written: {error.strerror}. Free space or name another file.") from None
    return path
