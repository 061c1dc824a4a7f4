"""Public sets by the name of their form, rewritten into the two files that `bot eval` reads."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bot.datasets import clapnq, multihop, onestopqa, rgb, squad
from bot.datasets.made import CORPUS, QUESTIONS, Counts, Made
from bot.errors import DatasetError

FORMS: Mapping[str, Callable[[Sequence[Path]], Made]] = {
    "squad": squad.read,
    "clapnq": clapnq.read,
    "onestopqa": onestopqa.read,
    "onestopqa-int": partial(onestopqa.read, level="Int"),
    "onestopqa-ele": partial(onestopqa.read, level="Ele"),
    "multihop-rag": multihop.read,
    "rgb": rgb.read,
}


class Converted(NamedTuple):
    questions: Path
    corpus: Path
    counts: Counts


def convert(form: str, files: Sequence[Path], out_dir: Path) -> Converted:
    """Write `out_dir`/questions.jsonl and corpus.jsonl from the files of a set; the same files give the same bytes.

    Raises DatasetError for an unknown form, a file that is not in it, one without questions, or where other questions
    or articles are there already.
    """
    if form not in FORMS:
        raise DatasetError(f"There is no form {form!r}. Take one of {', '.join(FORMS)}.")
    made = FORMS[form](files)
    if not made.questions:
        raise DatasetError(f"{', '.join(map(str, files))} holds no questions. Check the file's name and its form.")
    corpus, questions = out_dir / CORPUS, out_dir / QUESTIONS
    written = {corpus: made.corpus_lines().encode(), questions: made.question_lines().encode()}
    try:
        for path, data in written.items():
            if path.exists() and path.read_bytes() != data:
                raise DatasetError(f"{path} is there already and holds something else. Choose another --out.")
        for path, data in written.items():
            _write(path, data)
    except OSError as error:
        raise DatasetError(
            f"{error.filename or out_dir} cannot be written: {error.strerror}. Choose another --out."
        ) from None
    return Converted(questions, corpus, made.counts())


def as_ours(form: str, files: Sequence[Path], out_dir: Path) -> tuple[Path, Path]:
    """The questions and the corpus that `convert` writes. Raises DatasetError as that does."""
    done = convert(form, files, out_dir)
    return done.questions, done.corpus


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    half.write_bytes(data)
    os.replace(half, path)
