import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.ui.uploads import STRAY_S, Claim, Folder

HOLD = """
import sys
from pathlib import Path
from bot.ui.uploads import Folder

held = Folder(Path(sys.argv[1]))
print(held.path, flush=True)
sys.stdin.read()
"""


def upload(folder: Path, name: str, text: str) -> Path:
    """A file where Gradio would put it."""
    path = folder / hashlib.sha256(text.encode()).hexdigest() / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_folder_goes_when_its_program_has_ended_and_not_before(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        file = upload(Path(other.stdout.readline().strip()), "a.txt", "news")
        mine = Folder(tmp_path)
        assert mine.path != file.parent.parent
        assert file.read_text() == "news"
        other.kill()
        other.wait()
        newest = Folder(tmp_path)
    assert {path for path in tmp_path.iterdir() if path.is_dir()} == {mine.path, newest.path}


def test_a_claim_is_out_of_the_way_of_the_same_file_sent_anew(tmp_path: Path) -> None:
    first = Claim([upload(tmp_path, "a.txt", "news"), upload(tmp_path, "a.txt", "other news")], tmp_path)
    second = Claim([upload(tmp_path, "a.txt", "news")], tmp_path)
    running = tmp_path / "tmpabc"
    running.write_text("half of a third visitor's fi")
    first.forget()
    assert [path.exists() for path in first.files] == [False, False]
    assert [(path.name, path.read_text()) for path in second.files] == [("a.txt", "news")]
    second.forget()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [running]


def test_what_is_gone_is_told(tmp_path: Path) -> None:
    there = upload(tmp_path, "there.txt", "news")
    claim = Claim([tmp_path / "x" / "gone.txt", there, there, tmp_path], tmp_path)
    assert [path.name for path in claim.files] == ["there.txt"]
    assert claim.gone == ["gone.txt", tmp_path.name]
    claim.forget()
    claim.forget()


@pytest.mark.parametrize(("age_s", "kept"), [(0, True), (STRAY_S - 60, True), (STRAY_S + 60, False)])
def test_stray_files_go_when_nobody_can_be_writing_them(tmp_path: Path, age_s: float, kept: bool) -> None:
    stray = tmp_path / "tmpabc"
    stray.write_text("half a fi")
    os.utime(stray, (time.time() - age_s,) * 2)
    Claim([], tmp_path).forget()
    assert stray.exists() == kept
