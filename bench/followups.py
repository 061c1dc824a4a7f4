"""Conversations as people have them: the last question of each, going on from the prompt before, and from a new one.

    python bench/followups.py [--conversations seeds/conversations.jsonl] [--corpus seeds/articles] [--set NAME=VALUE …]

Earlier turns are asked, not given: what the bot answered is what the last question leans on. The model has read the
articles shown before. Times are those to the first word of the answer; questions alternate, so that their ratio holds
on a machine with other work.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from bot.chat import Chat
from bot.cli.compose import open_chat, open_embedder, open_ingester, open_store
from bot.config import PROJECT, load
from bot.evaluate.cases import Question, load_questions
from bot.evaluate.metrics import accuracy
from bot.schema import Answer, AnswerEvent, Turn

SEEDS = PROJECT / "seeds"


class Case(NamedTuple):
    question: Question
    onward: Answer
    anew: Answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=Path, default=SEEDS / "conversations.jsonl")
    parser.add_argument("--corpus", type=Path, default=SEEDS / "articles")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    chosen = parser.parse_args()
    settings = load(dict(one.split("=", 1) for one in chosen.set)).settings
    embedder = open_embedder(settings)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(settings, embedder, Path(folder))
        open_ingester(settings, embedder, store).ingest([chosen.corpus])
        chat = open_chat(settings, embedder, store)
        cases = [talked(chat, one) for one in load_questions(chosen.conversations)]
        store.close()
    show(cases)


def talked(chat: Chat, question: Question) -> Case:
    """The last question asked onward, then with what is remembered of the prompt before gone."""
    history: list[Turn] = []
    for earlier in question.history:
        found = answer(chat, earlier.question, history)
        history.append(Turn(question=earlier.question, answer=found.text, refused=found.refused))
    onward = answer(chat, question.question, history)
    chat.forget()
    return Case(question, onward, answer(chat, question.question, history))


def answer(chat: Chat, question: str, history: Sequence[Turn]) -> Answer:
    chat.read_for(question, history)
    *_, last = chat.ask(question, history)
    assert isinstance(last, AnswerEvent)
    return last.answer


def show(cases: Sequence[Case]) -> None:
    table = Table("conversation", "onward", "anew", "read", "read anew", "right", "right anew", box=None)
    for case in cases:
        one, other = case.onward, case.anew
        table.add_row(
            case.question.id, *(seconds(each) for each in (one, other)), *(str(unread(each)) for each in (one, other)),
            *(right(case.question, each) for each in (one, other)),
        )  # fmt: skip
    Console().print(table)
    timed = [case for case in cases if case.onward.timings.first_token_s and case.anew.timings.first_token_s]
    less = [case for case in timed if unread(case.onward) < unread(case.anew)]
    for name, some in (("went on from the prompt before", less), ("all", timed)):
        if some:
            times = [(first_word(case.onward), first_word(case.anew)) for case in some]
            onward, anew = (statistics.median(column) for column in zip(*times, strict=True))
            ratio = statistics.median(one / other for one, other in times)
            print(f"{name}: {len(some)}; first word after {onward:.2f} s, anew {anew:.2f} s, ratio {ratio:.2f}")


def first_word(found: Answer) -> float:
    assert found.timings.first_token_s is not None
    return found.timings.first_token_s


def seconds(found: Answer) -> str:
    first = found.timings.first_token_s
    return "-" if first is None else f"{first:.2f} s"


def unread(found: Answer) -> int:
    """Tokens that the model had to read."""
    return found.tokens.prompt - found.tokens.reused


def right(question: Question, found: Answer) -> str:
    if not question.answerable:
        return "yes" if found.refused else "no"
    return "yes" if accuracy(found.text, question.answers) else "no"


if __name__ == "__main__":
    main()
