"""pages: what is let go is out of this process's memory, and reads as before."""

import mmap
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bot.llama import Decoder
from bot.llm import Finished, LlamaCpp, Piece
from bot.llm.kept import Kept
from bot.llm.pages import let_go, mappings
from bot.llm.tune import Tuned
from bot.schema import Message, Segment

SIZE = 4 << 20
SMAPS = Path("/proc/self/smaps")
pytestmark = pytest.mark.skipif(not SMAPS.exists(), reason="only Linux tells which pages a process has")


def in_memory(path: Path) -> int:
    """Bytes of the file's pages that this process has in memory."""
    found, ours = 0, False
    for line in SMAPS.read_text(encoding="utf-8").splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            ours = line.endswith(f" {os.path.realpath(path)}")
        elif ours and line.startswith("Rss:"):
            found += int(line.split()[1]) << 10
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a file (1).gguf"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def mapped(file: Path) -> Iterator[mmap.mmap]:
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        yield pages


def test_a_mapped_file_s_pages_go_and_come_back(file: Path, mapped: mmap.mmap) -> None:
    assert mapped[:] == file.read_bytes()
    assert in_memory(file) == SIZE
    assert let_go(file) == SIZE
    assert in_memory(file) == 0
    assert mapped[:] == file.read_bytes()


def test_it_may_be_named_by_a_link(file: Path, mapped: mmap.mmap, tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to(file)
    assert let_go(link) == len(mapped) == SIZE


def test_other_files_and_what_was_written_stay(file: Path, mapped: mmap.mmap, tmp_path: Path) -> None:
    """A private page that was written to is nowhere else."""
    other = tmp_path / "other.gguf"
    other.write_bytes(file.read_bytes())
    assert mapped[:] == file.read_bytes()
    assert let_go(other) == 0
    with other.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as changed:
        changed[:5] = b"wrote"
        assert let_go(other) == 0
        assert changed[:5] == b"wrote"
    assert in_memory(file) == SIZE


def test_where_the_system_tells_no_mappings_nothing_goes(file: Path, mapped: mmap.mmap, tmp_path: Path) -> None:
    assert mappings(file, tmp_path / "maps") == set()
    odd = tmp_path / "odd"
    odd.write_bytes(b"\n[heap]\n7f00-7f01 r--p 0 00:00 0 \xff\xfe\n")
    assert mappings(file, odd) == set()
    assert let_go(file) == len(mapped), "this one does"


def test_one_mapping_of_two_may_go(file: Path, mapped: mmap.mmap) -> None:
    one = mappings(file)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as other:
        assert mapped[:] == other[:]
        assert in_memory(file) == 2 * SIZE
        assert let_go(file, mappings(file) - one) == SIZE
        assert in_memory(file) == SIZE
        assert let_go(file, {(0, SIZE)}) == 0, "what is no mapping of the file is left alone"
        assert in_memory(file) == SIZE


def ask(llm: LlamaCpp, messages: Sequence[Message]) -> str:
    *outputs, last = llm.stream(messages, max_tokens=8, stop=threading.Event())
    assert isinstance(last, Finished)
    return "".join(one.text for one in outputs if isinstance(one, Piece))


TWO, ONE = Tuned(reads_repacked=False), Tuned()


@pytest.mark.parametrize(("tuned", "goes"), [(TWO, True), (ONE, False)], ids=["two", "one"])
def test_the_weights_that_prompts_are_read_with_are_not_held_between_prompts(
    small_llm_path: Path, tmp_path: Path, tuned: Tuned, goes: bool
) -> None:
    """Of a file of its own: other tests have the model's in this process, too. Where they also write, they stay."""
    path = Path(shutil.copy(small_llm_path, tmp_path / "own.gguf"))
    llm, held = LlamaCpp(path, name="small", context_tokens=1024, tuned=tuned), []
    plain = Decoder.read

    def note(decoder: Decoder, tokens: Sequence[int], position: int, sequence: int = 0, scored: int = 1) -> bool:
        read = plain(decoder, tokens, position, sequence, scored)
        held.append(in_memory(path))
        return read

    long = [Message(role="user", content="The ferry sails at noon, and again at six. " * 40 + "Sum up.")]
    at_first = in_memory(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Decoder, "read", note)
        said = ask(llm, long)
    then = in_memory(path)
    assert ask(llm, long) == said, "it reads as before"
    llm.close()
    for after in (at_first, then):
        assert (after < max(held) - path.stat().st_size / 2) == goes


def test_nor_after_articles_and_beginnings_are_read(small_llm_path: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(small_llm_path, tmp_path / "own.gguf"))
    kept = Kept(None, memory_bytes=64 << 20, disk_bytes=0)
    llm = LlamaCpp(path, name="small", context_tokens=1024, kept=kept, tuned=TWO)
    texts = ("The ferry sails at noon. ", "It carries 40 people. ") * 20
    article = Segment(head="Passage: ", texts=texts, tail="\n", shown=(0,), opens=True, closes=True)
    parts = ("Passages:\n", article, "Question: When does it sail?")
    words = "".join(part if isinstance(part, str) else part.text() for part in parts)
    messages, never = [Message(role="user", content=words, parts=parts)], threading.Event()
    for read in (llm.prepare, llm.keep):
        read(messages, stop=never)
        assert sum(end - start for start, end in llm._reads_from) > path.stat().st_size / 2
        assert in_memory(path) < path.stat().st_size / 10, "of the layout that writes, nothing was needed yet"
    assert llm.keep(messages, stop=never).read == 0, "it was read"
    llm.close()


def test_odds_are_read_with_the_layout_that_reads_and_are_those_of_one_layout(
    small_llm_path: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(small_llm_path, tmp_path / "own.gguf"))
    asked = [Message(role="user", content="The ferry sails at noon, and again at six. " * 30 + "Does it sail at noon?")]
    told = []
    for tuned in (TWO, Tuned(writes_repacked=False, reads_repacked=False)):
        llm = LlamaCpp(path, name="small", context_tokens=1024, tuned=tuned)
        told.append(llm.odds(asked, ("Yes", "No"), stop=threading.Event()))
        (cells,) = llm._weigher.cells
        assert cells.decoder.model is llm._reading_model
        if tuned is TWO:
            assert llm._reading_model is not llm._model
            assert in_memory(path) < path.stat().st_size / 10, "what they are read with is let go"
        llm.close()
    assert told[0] == told[1], "the same weights in the same form"


def test_weights_that_answers_are_written_with_stay(small_llm_path: Path, tmp_path: Path) -> None:
    """Where they are the file's, and prompts are read with others."""
    path = Path(shutil.copy(small_llm_path, tmp_path / "own.gguf"))
    llm = LlamaCpp(path, name="small", context_tokens=1024, tuned=Tuned(writes_repacked=False))
    assert in_memory(path) > path.stat().st_size / 2
    llm.close()
