"""joined, with the small real model: what was read before says the same as what is read now, and is picked apart."""

import contextlib
import datetime as dt
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import diskcache
import numpy as np
import pytest

from bot.errors import Stopped
from bot.llama import Decoder, Vectors
from bot.llm import Finished, LlamaCpp, Piece, Reading
from bot.llm.cells import SLICE
from bot.llm.guess import Guesses, Pieces
from bot.llm.joined import BLOCK, ROOM, Joined, Read, plain_tokens, read_of
from bot.llm.kept import Kept
from bot.llm.template import ChatTemplate
from bot.llm.tune import Tuned
from bot.schema import Message, Segment

MIB = 1 << 20
# Correlation of the scores of all words: llama.cpp rounds otherwise in batches of another size, so that the same
# prompt has .998 and more; prompts that end alike, over other passages, have .97 to .99.
SAME, OTHER = 0.996, 0.992
FERRY = tuple(
    f" {text}"
    for text in (
        "The harbour ferry Möwe sails at noon and again at six.",
        "It was built in 1962 at the Orla yard, by forty men who had never built a ship before.",
        "A ticket costs four crowns, and children under six pay nothing at all.",
        "On Sunday the ferry struck the quay in thick fog, and three passengers were hurt.",
        "Captain Ines Falk said that the radar had failed a minute before.",
        "The owner, Blue Line, promised a new radar by the end of the month.",
        "Nine hundred people use the ferry on a working day.",
        "A bridge has been planned since 1988, but nobody wants to pay for it.",
    )
)
STORM = tuple(
    f" {text}"
    for text in (
        "The storm of 9 March took eleven roofs in Lomel.",
        "Firemen were called out ninety times before midnight.",
        "Nobody was hurt, the mayor said.",
    )
)
SYSTEM = Message(role="system", content="Answer from the passages, in one sentence.")
QUESTION = "Question: How many people use the ferry?"


def segment(texts: Sequence[str] = FERRY, shown: Sequence[int] | None = None, title: str = "Ferry") -> Segment:
    every = tuple(range(len(texts)))
    return Segment(head=f'Passage "{title}":', texts=tuple(texts), tail="\n\n", shown=every if shown is None else shown)


def prompt(*segments: Segment, end: str = QUESTION) -> list[Message]:
    parts = ("Passages:\n\n", *segments, end)
    content = "".join(part if isinstance(part, str) else part.text() for part in parts)
    return [SYSTEM, Message(role="user", content=content, parts=parts)]


def ask(llm: LlamaCpp, messages: Sequence[Message], max_tokens: int = 16) -> tuple[str, Finished, Vectors]:
    """The answer, how it ended, and the scores of its first token."""
    said, scores = "", None
    for output in llm.stream(messages, max_tokens=max_tokens, stop=threading.Event()):
        if isinstance(output, Reading) and output.done == output.total:
            scores = np.array(llm._cells.logits())
        elif isinstance(output, Piece):
            said += output.text
        elif isinstance(output, Finished):
            last = output
    assert scores is not None
    return said, last, scores


def alike(one: Vectors, other: Vectors) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def keep(llm: LlamaCpp, messages: Sequence[Message]) -> int:
    return llm.keep(messages, stop=threading.Event()).read


def open_llm(path: Path, folder: Path | None, disk: int = 256 * MIB, **changes: object) -> LlamaCpp:
    kept = Kept(folder, memory_bytes=64 * MIB, disk_bytes=disk)
    given = {"name": "small", "context_tokens": 2048, "threads": 1, "sha256": "0" * 64} | changes
    return LlamaCpp(path, kept=kept, **given)  # type: ignore[arg-type]


@pytest.fixture
def llm(small_llm_path: Path) -> Iterator[LlamaCpp]:
    made = open_llm(small_llm_path, None)
    yield made
    made.close()


def test_a_whole_segment_says_what_it_says_when_it_is_read(llm: LlamaCpp, small_llm: LlamaCpp) -> None:
    messages = prompt(segment())
    _, cold, read = ask(llm, messages)
    assert keep(llm, messages) == 1
    _, warm, joined = ask(llm, messages)
    assert alike(read, joined) > SAME
    assert alike(joined, ask(small_llm, messages)[2]) > SAME, "as a model that keeps nothing"
    assert warm.tokens.prompt == cold.tokens.prompt
    assert warm.tokens.prompt - warm.tokens.reused < 30 < cold.tokens.prompt - cold.tokens.reused


def test_what_is_not_shown_after_a_sentence_does_not_matter(llm: LlamaCpp) -> None:
    """A sentence was read before what follows it; so a prompt that leaves the rest out is as if there was none."""
    first = [prompt(segment((*FERRY[:2], *rest), (0, 1))) for rest in (FERRY[2:], STORM)]
    for messages in first:
        keep(llm, messages)
    scores = [ask(llm, messages)[2] for messages in first]
    assert alike(*scores) > SAME


def test_what_is_shown_matters(llm: LlamaCpp) -> None:
    end = "Question: What number is it?"
    several = [prompt(segment(shown=shown), end=end) for shown in ((6,), (0, 1, 2), (3, 7))]
    keep(llm, several[0])
    scores = [ask(llm, messages)[2] for messages in several]
    assert max(alike(scores[0], scores[1]), alike(scores[0], scores[2])) < OTHER
    lengths = [ask(llm, messages)[1].tokens.reused for messages in several]
    assert lengths[0] < lengths[1]


def test_a_sentence_is_joined_a_second_time_and_not_read(llm: LlamaCpp) -> None:
    """Its cells are those of the first time, moved: what it says is said more, and nothing of it is read."""
    once, twice = prompt(segment()), prompt(segment(), segment(shown=(6,)))
    assert keep(llm, twice) == 1, "one segment, read once"
    _, one, heard = ask(llm, once)
    _, two, again = ask(llm, twice)
    assert two.tokens.prompt - two.tokens.reused == one.tokens.prompt - one.tokens.reused
    apart = llm._tokens.apart(twice)
    assert apart
    assert two.tokens.reused - one.tokens.reused == sum(end - start for start, end in apart.reads[1].shown) > 0
    assert alike(heard, again) < SAME


@pytest.mark.parametrize("shown", [(0,), (7,), (1, 2), (0, 3, 4, 7), tuple(range(8))])
def test_joined_cells_stand_one_after_the_other(llm: LlamaCpp, shown: tuple[int, ...]) -> None:
    """As many as the prompt shows, at the positions that reading would have given them, in every block."""
    one, other = segment(shown=shown), segment(STORM, (1,), "Storm")
    messages = prompt(other, one)
    keep(llm, messages)
    _, last, _ = ask(llm, messages, 1)
    apart = llm._tokens.apart(messages)
    assert apart
    shown_tokens = [token for read in apart.reads for start, end in read.shown for token in read.tokens[start:end]]
    assert last.tokens.reused == len(apart.start) + len(shown_tokens)
    saved = llm._cells.decoder.save(0)
    positions = positions_of(saved, last.tokens.prompt)
    assert sorted(positions) == list(range(last.tokens.prompt))


def test_more_room_joins_the_same(llm: LlamaCpp, small_llm_path: Path) -> None:
    """Where a longer prompt makes room, what was read before is joined again, with the same cells."""
    roomy = open_llm(small_llm_path, None, context_tokens=8192)
    short, long = prompt(segment()), prompt(segment(), end="The ferry is late again today. " * 300 + QUESTION)
    for one in (llm, roomy):
        keep(one, short)
    before = ask(roomy, short)
    little = roomy._cells.decoder.tokens
    _, last, _ = ask(roomy, long)
    assert roomy._cells.decoder.tokens > little
    assert last.tokens.reused == before[1].tokens.reused > 0
    after = ask(roomy, short)
    assert after[:2] == before[:2] == ask(llm, short)[:2]
    assert np.array_equal(after[2], before[2])
    roomy.close()


def positions_of(saved: bytes, count: int) -> list[int]:
    """The positions in what llama.cpp saves of a sequence: after a header, three numbers a cell, the position first."""
    numbers = np.frombuffer(saved[: 4 * (16 + 3 * count)], dtype=np.int32)
    header = next(at for at in range(16) if numbers[at] == count)
    return [int(one) for one in numbers[header + 1 : header + 1 + 3 * count : 3]]


def test_blocks_cover_a_segment_and_end_with_sentences(llm: LlamaCpp) -> None:
    read = read_of(segment(FERRY + STORM, shown=(9,)), llm._tokens.plain)
    blocks = read.blocks
    assert [start for start, _ in blocks] == [0, *(end for _, end in blocks[:-1])]
    assert blocks[-1][1] == len(read.tokens)
    assert len(blocks) > 1
    assert all(end - start >= BLOCK for start, end in blocks[:-1])
    assert {end for _, end in blocks[:-1]} <= {end for _, end in read.sentences}
    assert 0 in read.needed(), "the head is shown"
    assert read.needed()[-1] == len(blocks) - 1
    assert len(read.needed()) < len(blocks) + (len(blocks) == 2)


@pytest.mark.parametrize("shown", [(0,), (1, 2), (0, 2), (2,)])
@pytest.mark.parametrize("ends", [(True, True), (False, True), (True, False), (False, False)])
def test_the_plain_tokens_of_a_segment_are_its_words(
    llm: LlamaCpp, shown: tuple[int, ...], ends: tuple[bool, bool]
) -> None:
    one = segment(STORM, shown).model_copy(update={"opens": ends[0], "closes": ends[1]})
    tokens = plain_tokens(read_of(one, llm._tokens.plain), llm._tokens.plain)
    assert b"".join(llm._model.piece(token) for token in tokens).decode() == one.text()


def test_some_kept_and_some_not(llm: LlamaCpp) -> None:
    keep(llm, prompt(segment(STORM, title="Storm")))
    both = prompt(segment(), segment(STORM, (2,), "Storm"), end="Question: Who was hurt in the storm?")
    said, last, _ = ask(llm, both)
    assert said
    apart = llm._tokens.apart(both)
    assert apart
    assert len(apart.start) + 10 < last.tokens.reused < last.tokens.prompt - SLICE, "the storm joined, the ferry read"


LEAD = Segment(head="", texts=("Nearest:",), tail="", shown=(0,), last=True)


def test_words_that_come_last_are_joined_after_all_articles_or_read_after_them(llm: LlamaCpp) -> None:
    end = f"{FERRY[6]}\n\n{QUESTION}"
    messages = prompt(segment(), segment(STORM, title="Storm"), LEAD, end=end)
    _, cold, read = ask(llm, messages)
    keep(llm, prompt(segment(), LEAD))
    _, some, mixed = ask(llm, messages)
    assert [one for one in llm._cells.tokens if isinstance(one, Joined) and one.name == _lead_name(llm)] == []
    assert alike(read, mixed) > SAME, "the storm is read after the ferry, and the lead after both"
    keep(llm, messages)
    _, warm, _ = ask(llm, messages)
    assert cold.tokens.prompt == some.tokens.prompt == warm.tokens.prompt
    unread = [one.tokens.prompt - one.tokens.reused for one in (cold, some, warm)]
    assert unread[0] > unread[1] > unread[2]
    words = llm._tokens.plain("Nearest:")
    assert llm._cells.tokens[warm.tokens.reused - 1] == Joined(_lead_name(llm), len(words) - 1, words[-1])


def test_words_that_come_last_are_joined_from_the_first_question_on(llm: LlamaCpp) -> None:
    """So the first answer after articles were read ahead is what each later one is."""
    keep(llm, prompt(segment()))
    messages = prompt(segment(), LEAD, end=f"{FERRY[6]}\n\n{QUESTION}")
    first, one, scores = ask(llm, messages)
    second, two, again = ask(llm, messages)
    assert (first, one.tokens) == (second, two.tokens)
    assert np.array_equal(scores, again)
    assert llm._cells.tokens[one.tokens.reused - 1] == Joined(_lead_name(llm), 2, llm._tokens.plain("Nearest:")[-1])


def test_a_follow_up_goes_on_from_words_that_came_last_as_they_were_read(llm: LlamaCpp) -> None:
    first = prompt(segment(), LEAD, end=f"{FERRY[6]}\n\n{QUESTION}")
    said, cold, _ = ask(llm, first)
    assert cold.tokens.reused < 40, "the articles were not kept, so both are words"
    keep(llm, first)
    follow_up = [*first, Message(role="assistant", content=said), Message(role="user", content="And who was hurt?")]
    assert ask(llm, follow_up)[1].tokens.reused >= cold.tokens.prompt


def _lead_name(llm: LlamaCpp) -> str:
    assert llm._joiner
    return llm._joiner.name(read_of(LEAD, llm._tokens.plain))


def test_the_same_question_twice_and_another_between(llm: LlamaCpp) -> None:
    messages, other = prompt(segment(shown=(0, 6))), prompt(segment(STORM, (1,), "Storm"))
    for one in (messages, other):
        keep(llm, one)
    first = ask(llm, messages)
    assert ask(llm, messages)[0] == first[0]
    ask(llm, other)
    ask(llm, [Message(role="user", content="Name three colours of the rainbow.")])
    again = ask(llm, messages)
    assert again[0] == first[0]
    assert np.array_equal(again[2], first[2]), "an answer does not depend on what was asked before"


def test_a_follow_up_reads_only_what_is_new(llm: LlamaCpp) -> None:
    messages = prompt(segment())
    keep(llm, messages)
    ask(llm, messages)
    turns = [Message(role="assistant", content="Nine hundred."), Message(role="user", content="And in winter?")]
    _, last, _ = ask(llm, [*messages, *turns])
    assert last.tokens.prompt - last.tokens.reused < 60


def test_a_follow_up_to_a_question_that_read_its_passages_as_words_goes_on_from_them(llm: LlamaCpp) -> None:
    """While nobody asked, they were read ahead and kept: a new prompt would join them and read the turn before anew."""
    first = prompt(segment(), segment(STORM, title="Storm"))
    said, cold, _ = ask(llm, first)
    assert cold.tokens.reused < 40
    assert keep(llm, first) == 2
    follow_up = [*first, Message(role="assistant", content=said), Message(role="user", content="And who was hurt?")]
    _, after, _ = ask(llm, follow_up)
    assert after.tokens.reused >= cold.tokens.prompt
    _, anew, _ = ask(llm, first)
    assert 60 < anew.tokens.reused < cold.tokens.prompt, "joined"
    _, again, _ = ask(llm, follow_up)
    assert again.tokens.reused >= anew.tokens.prompt


def test_another_process_finds_it_on_disk(small_llm_path: Path, tmp_path: Path) -> None:
    messages = prompt(segment(shown=(3, 6)))
    one = open_llm(small_llm_path, tmp_path)
    keep(one, messages)
    said, first, _ = ask(one, messages)
    one.close()
    other = open_llm(small_llm_path, tmp_path)
    assert keep(other, messages) == 0
    assert ask(other, messages)[0] == said
    assert ask(other, messages)[1].tokens.reused == first.tokens.reused
    other.close()


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "1" * 64},
        {"cell_type": "q8_0"},
        {"tuned": Tuned(slice_tokens=256)},
        {"tuned": Tuned(flash=False)},  # its cells have another layout, too
    ],
)
def test_another_model_or_form_reads_anew(small_llm_path: Path, tmp_path: Path, change: dict[str, object]) -> None:
    messages = prompt(segment())
    one = open_llm(small_llm_path, tmp_path)
    keep(one, messages)
    one.close()
    other = open_llm(small_llm_path, tmp_path, **change)
    assert keep(other, messages) == 1
    assert ask(other, messages)[0]
    other.close()
    again = open_llm(small_llm_path, tmp_path)
    assert keep(again, messages) == 0, "what one model read stays while another is used"
    again.close()


DATED = "{{ strftime_now('%d %B') }}. {% for one in messages %}{{ one.role }}: {{ one.content }}\n{% endfor %}"


def test_a_template_that_prints_the_date_reads_anew_each_day(
    small_llm_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on(day: int) -> None:
        today = type("", (dt.datetime,), {"now": lambda: dt.datetime(2025, 3, day)})
        monkeypatch.setattr("bot.llm.template.dt", SimpleNamespace(datetime=today))

    llm = open_llm(small_llm_path, tmp_path)
    llm._tokens._template = ChatTemplate(DATED, bos="", eos="")
    messages = prompt(segment())
    on(9)
    said = [keep(llm, messages)]
    on(10)
    said += [keep(llm, messages), keep(llm, messages)]
    on(9)
    said.append(keep(llm, messages))
    assert said == [1, 1, 0, 0], "the day before is still there"
    assert llm.has_room()
    llm.close()


def test_what_the_disk_does_not_keep_is_told(
    small_llm_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = open_llm(small_llm_path, tmp_path)
    assert llm.keep(prompt(segment()), stop=threading.Event()) == (1, 0, 0)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(diskcache.Cache, "set", fail)
    several = prompt(segment(), segment(STORM, title="Storm"))
    assert llm.keep(several, stop=threading.Event()) == (1, 0, 1)
    assert ask(llm, several)[1].tokens.reused > 100, "in memory it is"
    llm.close()


def test_another_start_of_the_prompt_or_another_title_reads_anew(llm: LlamaCpp) -> None:
    messages = prompt(segment())
    assert keep(llm, messages) == 1
    assert keep(llm, messages) == 0
    assert keep(llm, [Message(role="system", content="Be brief."), messages[1]]) == 1
    assert keep(llm, prompt(segment(title="Boat"))) == 1
    assert keep(llm, prompt(segment(FERRY[1:]))) == 1


def test_what_is_lost_on_disk_is_read_again(small_llm_path: Path, tmp_path: Path) -> None:
    messages = prompt(segment())
    one = open_llm(small_llm_path, tmp_path)
    said, cold, _ = ask(one, messages)
    keep(one, messages)
    one.close()
    files = list(tmp_path.rglob("*.val"))
    assert len(files) >= 2, "the start of prompts, and blocks of the segment"
    for file in files:
        file.write_bytes(file.read_bytes()[:-7])
    other = open_llm(small_llm_path, tmp_path)
    again, last, _ = ask(other, messages)
    assert (again, last.tokens.reused) == (said, cold.tokens.reused)
    assert keep(other, messages) == 1
    assert ask(other, messages)[1].tokens.reused > last.tokens.reused
    other.close()
    shutil.rmtree(tmp_path)


def test_a_segment_that_is_too_long_is_read_with_the_prompt(llm: LlamaCpp) -> None:
    long = prompt(segment(FERRY * 12))
    apart = llm._tokens.apart(long)
    assert apart
    assert len(apart.reads[0].tokens) > ROOM - len(apart.start)
    assert keep(llm, long) == 0
    assert ask(llm, long)[0]


def test_the_longest_segments_that_fit_are_kept_one_after_the_other(llm: LlamaCpp) -> None:
    """The context that reads them has room for one, and for the start that they are read after."""

    def tokens(messages: list[Message]) -> int:
        apart = llm._tokens.apart(messages)
        assert apart
        return len(apart.start) + len(apart.reads[0].tokens)

    def of_words(count: int) -> list[Message]:
        return prompt(segment((*FERRY * 8, *STORM, " and" * count)))

    words = ROOM - tokens(of_words(1)) + 1
    longest = of_words(words)
    assert tokens(longest) == ROOM
    assert keep(llm, prompt(segment((" but" * words, *FERRY * 8, *STORM)))) == 1
    assert keep(llm, longest) == 1
    assert ask(llm, longest)[1].tokens.reused > ROOM - 20
    assert keep(llm, of_words(words + 1)) == 0


def test_nothing_is_pushed_out_for_what_nobody_asked_for(small_llm_path: Path, tmp_path: Path) -> None:
    llm = open_llm(small_llm_path, tmp_path, disk=24 * MIB)
    several = [prompt(segment(STORM, title=f"Storm {number}")) for number in range(30)]
    kept = [llm.keep(messages, stop=threading.Event(), spare=True) for messages in several]
    read = [one.read for one in kept]
    assert [one.left for one in kept] == [1 - one for one in read]
    assert 20 < sum(read) < 30
    assert read == sorted(read, reverse=True), "when it is full, nothing more is read"
    assert not any(keep(llm, messages) for messages, kept in zip(several, read, strict=True) if kept), "all is there"
    assert keep(llm, several[-1]) == 1, "a question reads what it needs"
    llm.close()


def test_a_stop_ends_reading_ahead_and_what_is_kept_stays(llm: LlamaCpp) -> None:
    first = prompt(segment(STORM, title="Storm"))
    keep(llm, first)
    many = prompt(*(segment(FERRY * 4, title=f"Ferry {number}") for number in range(40)))
    stop, began = threading.Event(), time.perf_counter()
    timer = threading.Timer(1.0, stop.set)
    timer.start()
    read, left, _ = llm.keep(many, stop=stop)
    timer.join()
    assert time.perf_counter() - began < 2.0
    assert read + left == 40 > read
    assert ask(llm, first)[1].tokens.reused > 40


def test_who_asks_while_it_reads_ahead_gets_the_same_answer(llm: LlamaCpp) -> None:
    messages = prompt(segment(shown=(0, 6)))
    keep(llm, messages)
    expected = ask(llm, messages)[0]
    many = prompt(*(segment(FERRY * 4, title=f"Ferry {number}") for number in range(40)))
    stop = threading.Event()
    reader = threading.Thread(target=lambda: llm.keep(many, stop=stop))
    reader.start()
    time.sleep(0.3)
    stop.set()
    assert ask(llm, messages)[0] == expected
    reader.join()


def examples(asked: str | tuple[str | Segment, ...]) -> list[Message]:
    parts = asked if isinstance(asked, tuple) else ()
    content = asked if isinstance(asked, str) else "".join(x if isinstance(x, str) else x.text() for x in asked)
    return [
        Message(role="system", content="You check whether a text answers a question. " * 4),
        Message(role="user", content="Text: It rains. Question: Does the sun shine?"),
        Message(role="assistant", content="No"),
        Message(role="user", content=content, parts=parts),
    ]


def inner(shown: Sequence[int]) -> Segment:
    return segment(shown=shown).model_copy(update={"opens": False, "closes": False})


def test_odds_of_kept_segments_are_near_those_of_their_words(llm: LlamaCpp) -> None:
    def odds(messages: Sequence[Message]) -> float:
        found = llm.odds(messages, ("Yes", "No"), stop=threading.Event())
        assert found is not None
        return found

    end = " Question: How many people use the ferry?"
    asked = examples(("Text:", inner((0, 1)), end))
    plain = odds(examples(str(asked[-1].content)))
    assert odds(asked) == plain, "nothing is kept yet"
    keep(llm, prompt(segment()))
    joined = odds(asked)
    assert joined != plain
    assert joined == pytest.approx(plain, abs=1.5)
    assert odds(examples(("Text:", inner((6,)), end))) != joined
    assert odds(asked) == joined
    assert odds(examples(str(asked[-1].content))) == pytest.approx(plain, abs=0.01)
    assert len(llm._weigher.cells) == 1, "both begin with the same examples"


def _first_odds(
    path: Path, folder: Path, asked: Sequence[Message], messages: Sequence[Message]
) -> tuple[float | None, int]:
    """Those of a new process, and how many tokens it read for them; then it reads ahead, and answers."""
    llm, read, plain = open_llm(path, folder), list[int](), Decoder.read
    llm.prepare(messages, stop=threading.Event())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Decoder, "read", lambda *given, **how: read.append(len(given[1])) or plain(*given, **how))
        odds = llm.odds(asked, ("Yes", "No"), stop=threading.Event())
    keep(llm, messages)
    ask(llm, messages)
    llm.close()
    return odds, sum(read)


def test_the_first_odds_of_a_process_know_what_is_kept_and_leave_their_examples(
    small_llm_path: Path, tmp_path: Path
) -> None:
    """Nobody has asked anything yet, so that the start of prompts has to be made ready first."""
    asked = examples(("Text:", inner((0, 1)), " Question: How many people use the ferry?"))
    messages = prompt(segment(shown=(0, 1)))
    told = [_first_odds(small_llm_path, tmp_path, asked, messages) for _ in range(3)]
    assert told[1] == told[2] != told[0], "the same in each process, once it is kept"
    assert told[1][1] < told[0][1] / 2, "neither the examples nor the text are read again"
    stop = threading.Event()
    stop.set()
    llm = open_llm(small_llm_path, tmp_path)
    with pytest.raises(Stopped):
        llm.prepare(messages, stop=stop)
    llm.close()


def test_a_stop_while_waiting(llm: LlamaCpp) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        list(llm.stream(prompt(segment()), max_tokens=4, stop=stop))
    assert llm.keep(prompt(segment()), stop=stop) == (0, 1, 0)


def test_reads_are_told_apart_by_all_that_they_depend_on(llm: LlamaCpp) -> None:
    joiner = llm._joiner
    assert joiner

    def name(one: Segment) -> str:
        return joiner.name(read_of(one, llm._tokens.plain))

    read: Read = read_of(segment(), llm._tokens.plain)
    assert name(segment()) == joiner.name(read) == name(segment(shown=(1,)))
    assert len({name(segment()), name(segment(title="x")), name(segment(FERRY[:-1])), name(segment(STORM))}) == 4


def test_an_answer_is_guessed_from_joined_segments_too(small_llm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    llm, given = open_llm(small_llm_path, None, tuned=Tuned(guesses=3)), list[list[int]]()

    class Noted(Guesses):
        def __init__(self, pieces: Pieces, tokens: Iterable[int]) -> None:
            given.append(list(tokens))
            super().__init__(pieces, given[-1])

    monkeypatch.setattr("bot.llm.llamacpp.Guesses", Noted)
    messages = prompt(segment(shown=(0, 1)))
    cold = ask(llm, messages)[0]
    assert keep(llm, messages) == 1
    warm, last, _ = ask(llm, messages)
    assert last.tokens.reused > 20
    assert given[1] == given[0], "the words that stand there, joined or read"
    assert len(given[0]) == last.tokens.prompt
    assert warm.split()[0] == cold.split()[0]
    llm.close()


@contextlib.contextmanager
def noting_reads() -> Iterator[list[tuple[Decoder, int]]]:
    """Which context reads how many tokens, each time."""
    read: list[tuple[Decoder, int]] = []
    plain = Decoder.read

    def note(decoder: Decoder, tokens: Sequence[int], position: int, sequence: int = 0, scored: int = 1) -> bool:
        read.append((decoder, len(tokens)))
        return plain(decoder, tokens, position, sequence, scored)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Decoder, "read", note)
        yield read


def test_the_start_of_prompts_is_kept_for_the_next_process(small_llm_path: Path, tmp_path: Path) -> None:
    messages = prompt(segment())
    one = open_llm(small_llm_path, tmp_path)
    keep(one, messages)
    said, _, expected = ask(one, messages)
    one.close()
    other = open_llm(small_llm_path, tmp_path)
    with noting_reads() as read:  # only the question
        again, last, scores = ask(other, messages)
    written = last.tokens.answer
    assert sum(count for _, count in read) <= last.tokens.prompt - last.tokens.reused + written, (
        "only the question is read"
    )
    assert (again, alike(scores, expected)) == (said, pytest.approx(1.0))
    other.close()


def test_examples_are_kept_for_the_next_process(small_llm_path: Path, tmp_path: Path) -> None:
    asked = examples("Text: The ferry carries 40 people. Question: How many people does it carry?")

    def first_odds(llm: LlamaCpp) -> tuple[float | None, int]:
        with noting_reads() as read:
            return llm.odds(asked, ("Yes", "No"), stop=threading.Event()), sum(count for _, count in read)

    one = open_llm(small_llm_path, tmp_path)
    odds, read = first_odds(one)
    one.close()
    other = open_llm(small_llm_path, tmp_path)
    again, read_again = first_odds(other)
    other.close()
    assert again == odds is not None
    assert read_again < read / 2


def halves(shown: Sequence[int] = (0,)) -> tuple[Segment, Segment]:
    """An article in two segments: the first names it, the second ends it."""
    first, second = segment(FERRY[:4], shown), segment(FERRY[4:], shown)
    return first.model_copy(update={"closes": False}), second.model_copy(update={"opens": False})


def test_an_article_of_which_a_part_is_missing_is_read_whole(llm: LlamaCpp) -> None:
    first, second = halves()
    storm = segment(STORM, (1,), "Storm")
    keep(llm, prompt(second, storm))
    _, last, _ = ask(llm, prompt(first, second, storm))
    apart = llm._tokens.apart(prompt(storm))
    assert apart
    assert last.tokens.reused == len(apart.start) + sum(end - start for start, end in apart.reads[0].shown)
    words = b"".join(llm._model.piece(int(token)) for token in llm._cells.tokens if isinstance(token, int)).decode()
    assert f'Passage "Ferry":{FERRY[0]}{FERRY[4]}\n\nQuestion' in words, "in order, with its head and its end"
    keep(llm, prompt(first, second, storm))
    assert ask(llm, prompt(first, second, storm))[1].tokens.reused > last.tokens.reused


def test_what_would_not_fit_in_parts_is_read_as_it_was_counted(small_llm_path: Path) -> None:
    llm = open_llm(small_llm_path, None, context_tokens=256)
    short = Message(role="user", content=f"Sum up:{FERRY[0]}", parts=("Sum up:", segment(FERRY * 3), "Go on."))
    assert llm.count_tokens([short]) < 64
    assert ask(llm, [short])[1].tokens.prompt == llm.count_tokens([short])
    llm.close()


def test_a_stop_while_moved_keys_are_rotated_leaves_nothing_of_them(
    llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaves_nothing(llm, prompt(segment(shown=(2, 6))), monkeypatch)


def leaves_nothing(llm: LlamaCpp, messages: Sequence[Message], monkeypatch: pytest.MonkeyPatch) -> None:
    """llama.cpp rotates them layer by layer before it reads on; broken off there, some are done and some are not."""
    keep(llm, messages)
    _, _, expected = ask(llm, messages)
    ask(llm, [Message(role="user", content="Name three colours.")])
    monkeypatch.setattr(Decoder, "read", lambda *_, **how: False)
    *_, last = llm.stream(messages, max_tokens=4, stop=threading.Event())
    assert isinstance(last, Finished)
    monkeypatch.undo()
    assert llm._cells.tokens == []
    assert np.array_equal(ask(llm, messages)[2], expected)


def test_odds_are_told_where_there_is_only_room_to_read(small_llm_path: Path) -> None:
    """A prompt that can be read but not joined is read; so whether a question is checked hangs on its length alone."""
    llm = open_llm(small_llm_path, None, context_tokens=512)
    asked = examples(("Text:", inner((0, 1)), " Question: How many people use the ferry?"))
    before = llm.odds(asked, ("Yes", "No"), stop=threading.Event())
    keep(llm, prompt(segment()))
    after = llm.odds(asked, ("Yes", "No"), stop=threading.Event())
    assert before is not None
    assert after == pytest.approx(before, abs=1e-5)
    llm.close()
