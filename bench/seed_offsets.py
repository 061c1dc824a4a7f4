"""Set the offsets in seeds/questions.jsonl and conversations.jsonl anew from the words of each piece of evidence.

Run it as `python -m bench.seed_offsets` after editing a seed article or adding a question whose `start` and `end` are
still 0. It refuses words that do not stand exactly once in the stored text of their article.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from bot.articles import read_file
from bot.schema import Article

SEEDS = Path(__file__).resolve().parent.parent / "seeds"


def main() -> None:
    """Rewrite both files in place; SystemExit names the question whose evidence has no single place."""
    read = [article for path in (SEEDS / "articles").iterdir() for article in read_file(path)]
    texts = {article.id: article.text for article in read if isinstance(article, Article)}
    for name in ("questions.jsonl", "conversations.jsonl"):
        _place(SEEDS / name, texts)


def _place(questions: Path, texts: Mapping[str, str]) -> None:
    rows = [json.loads(line) for line in questions.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        for piece in row["evidence"]:
            text = texts.get(piece["article"], "")
            if (found := text.count(piece["text"])) != 1:
                raise SystemExit(f"{row['id']}: its evidence stands {found} times in {piece['article']}. Mend it.")
            piece["start"] = text.index(piece["text"])
            piece["end"] = piece["start"] + len(piece["text"])
    questions.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
