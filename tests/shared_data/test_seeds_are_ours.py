"""The seeds share no long run of words with any text of the data folder beside the checkout: they are our own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
LONGEST_RUN = 7

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA.name} folder beside the checkout")


def words(text: str) -> list[str]:
    """Lower-case words; marks within a word vanish (5,000 is 5000), all others separate words."""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=\w)[,.’'](?=\w)", "", text.lower())).split()


def runs(text: str) -> set[tuple[str, ...]]:
    """Every run of one word more than may be shared."""
    found = words(text)
    return {tuple(found[at : at + LONGEST_RUN + 1]) for at in range(len(found) - LONGEST_RUN)}


def foreign_texts(path: Path) -> Iterator[str]:
    """The text of a .txt file; all strings of text in the lines of a .jsonl file."""
    if path.suffix == ".txt":
        yield path.read_text(encoding="utf-8")
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield from (row[key] for key in ("text", "passage", "claim", "question") if key in row)


@pytest.fixture(scope="module")
def seed_runs() -> dict[str, set[tuple[str, ...]]]:
    files = sorted(path for path in (ROOT / "seeds").rglob("*") if path.is_file())
    return {path.name: runs(path.read_text(encoding="utf-8")) for path in files}


@pytest.mark.parametrize(
    "path", sorted([*DATA.glob("*/*.txt"), *DATA.glob("*/*.jsonl")]), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_no_seed_shares_eight_words_in_a_row(path: Path, seed_runs: dict[str, set[tuple[str, ...]]]) -> None:
    foreign = set().union(*map(runs, foreign_texts(path)))
    assert foreign, f"no text found in {path}"
    shared = {name: sorted(map(" ".join, found & foreign)) for name, found in seed_runs.items() if found & foreign}
    assert shared == {}


def test_a_copied_sentence_would_be_noticed() -> None:
    """Case, punctuation and line breaks do not hide a copy; seven words in a row are no copy yet."""
    (article,) = (path.read_text(encoding="utf-8") for path in (DATA / "user_article").glob("*.txt"))
    copied = words(article)[: LONGEST_RUN + 1]
    assert runs(",\n".join(copied).upper()) <= runs(article)
    assert runs(" ".join(copied))
    assert not runs(" ".join(copied[:-1]))
