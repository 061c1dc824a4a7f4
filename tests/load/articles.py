"""An article for each user, all alike but for the user's own word and figures; and what users ask of them.

So an answer, a citation or a kept conversation that holds another user's word shows that two were mixed up.
"""

from pathlib import Path
from typing import NamedTuple

WORDS = (
    "Zorvik", "Belmara", "Quendal", "Tysolt", "Ruvenko", "Hadmoor", "Pelwick", "Skarno", "Omberley", "Fintusk",
    "Grolmy", "Wexlund", "Jadrosk", "Cambry", "Ulvento", "Norphel", "Dapkiss", "Isgarde", "Merrowan", "Luthvale",
)  # fmt: skip

TEXT = """---
title: The lighthouse of {word}
date: 2025-03-{day:02}
---

The lighthouse of {word} was opened again on Monday after two years of repairs. Its keeper, Ansel {word}, lit the lamp
before {guests} guests.

The work cost {cost} million crowns. The harbour office of {word} paid half of it, and sailors gave the rest.

The lamp of {word} can be seen from {far} kilometres away. It turns once in {turn} seconds, and rests at sunrise.

A ferry takes visitors from {word} to the lighthouse every hour. A ticket costs {fare} crowns, and children go free.

The old lamp now stands in the museum of {word}. Its glass broke in a storm, when waves of nine metres hit the coast.
"""

# Most follow-ups lack the word: they are understood, and answered from the right article, only with their own
# conversation before them and their own limits.
CONVERSATIONS = (
    ("What did the work on the lighthouse of {word} cost?", "Who paid half of it?"),
    ("Who lit the lamp in {word}?", "How many guests were there?", "When was that?"),
    ("From how far can the lamp of {word} be seen?", "How often does it turn?", "Where is the old lamp now?",
     "What broke its glass?"),
)  # fmt: skip
BY_ITSELF = "What does a ticket for the ferry from {word} cost?"


class Own(NamedTuple):
    """A user's word, and the id of the user's article."""

    word: str
    article: str

    def conversation(self, number: int) -> list[str]:
        return [question.format(word=self.word) for question in CONVERSATIONS[number % len(CONVERSATIONS)]]

    def by_itself(self) -> str:
        return BY_ITSELF.format(word=self.word)

    def strangers_in(self, text: str) -> list[str]:
        """Words of other users that stand in `text`."""
        return [word for word in WORDS if word != self.word and word.lower() in text.lower()]


def write(folder: Path, users: int) -> list[Own]:
    """The articles of so many users, as files in `folder`."""
    folder.mkdir()
    for number, word in enumerate(WORDS[:users]):
        figures = {
            "guests": 310 + number,
            "cost": 21 + number,
            "far": 51 + number,
            "turn": 12 + number,
            "fare": 4 + number,
        }
        text = TEXT.format(word=word, day=1 + number, **figures)
        (folder / f"{word.lower()}.md").write_text(text, encoding="utf-8")
    return [Own(word, word.lower()) for word in WORDS[:users]]
