"""What articles, files and models say is printed as words: a terminal obeys nothing of it, and no line is forged."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from bot.cli.articles import show_summary
from bot.cli.ask import show_citations, stream
from bot.ingest import Result, Summary
from bot.schema import Answer, AnswerEvent, Citation, Passage, Sentence, SentenceEvent, TextEvent

OBEYED = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"
SHOWN = r"\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"
TITLE = f"A title {OBEYED} [bold]"

CITED = Answer(
    question="?",
    text=f"It says {OBEYED}.",
    sentences=(Sentence(text=f"It says {OBEYED}.", markers=(1,), support=0.9),),
    citations=(Citation(marker=1, article="a", start=0, end=9, quote=OBEYED, sentence=0, title=TITLE),),
)
REFUSED = Answer(
    question="?",
    text=f"No. {OBEYED}",
    refused=True,
    retrieved=(Passage(article="a", start=0, end=9, title=TITLE, text=OBEYED),),
)
UNSUPPORTED = CITED.model_copy(update={"sentences": (Sentence(text=f"So {OBEYED}.", support=0.1),), "citations": ()})


def printed(write: Callable[[Console], object]) -> str:
    """What is written to a terminal without colours."""
    out = io.StringIO()
    write(Console(file=out, force_terminal=True, no_color=True, color_system=None, width=400))
    return out.getvalue()


@pytest.mark.parametrize("answer", [CITED, REFUSED, UNSUPPORTED])
def test_an_answer_is_shown_as_words(answer: Answer) -> None:
    events = [
        TextEvent(text=f"tentative {OBEYED}"),
        SentenceEvent(sentence=CITED.sentences[0]),
        AnswerEvent(answer=answer),
    ]

    def write(screen: Console) -> None:
        stream(screen, iter(events))
        show_citations(screen, answer)

    text = printed(write)
    assert SHOWN in text
    assert "\x1b]0" not in text
    assert "\x9b" not in text
    assert "\u202e" not in text
    assert "owned\x07" not in text
    assert ("[bold]" in text) is (answer is not UNSUPPORTED)


def test_a_file_name_forges_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_summary(Summary([Result("skipped", f"/news/a\n  99 added\n{OBEYED}.txt", "it has no text.")]))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert rf"/news/a\n  99 added\n{SHOWN}.txt: it has no text." in lines[1]
