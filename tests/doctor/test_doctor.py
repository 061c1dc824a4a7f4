"""bot doctor on a data folder in which a file is damaged: what commands say, what the doctor says, what it mends."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from damage import Damage, emptied, gone, halved, random_head, random_middle, random_places
from filelock import FileLock
from samples import READS_EVERYTHING
from servers import free_port

from bot.conversations import Conversations, folder_of
from bot.feedback import Kept
from bot.models.catalogue import load

SOAK = bool(os.environ.get("BOT_SOAK"))
EMBEDDER, SMALL_LLM = "all-minilm-l6-v2", "smollm2-135m-instruct"
Run = Callable[..., "tuple[int, str, str]"]


def the(pattern: str) -> Callable[[Path], Path]:
    return lambda data: sorted(data.glob(pattern))[0]


def broken_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 20)


def bad_line(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([b'{"form": 1, "said": \xff\n', *lines]))


def unknown_key(path: Path) -> None:
    path.write_text("[answer]\nquik = true\n", encoding="utf-8")


class Case(NamedTuple):
    """`refused` are the commands that end with an error; `after` is the doctor's exit code once it has mended."""

    pattern: str
    damage: Damage
    refused: str = ""
    found: int = 1
    after: int = 0
    ask: bool = False
    long: bool = False  # only with BOT_SOAK=1

    def __str__(self) -> str:
        return f"{self.pattern}-{self.damage.__name__}"


CASES = [
    Case("config.toml", random_head, "list ask chat", after=1, long=True),
    Case("config.toml", unknown_key, "list ask chat", after=1),
    Case("config.toml", emptied, found=0, long=True),
    Case("store/chroma/chroma.sqlite3", halved, "list ask chat"),
    Case("store/chroma/chroma.sqlite3", emptied, "list ask chat"),
    Case("store/chroma/chroma.sqlite3", gone, "list ask chat", long=True),
    Case("store/bm25/*.npz", random_middle, found=0, ask=True),
    Case("store/bm25/note.json", halved, found=0, long=True),
    Case("read/cache.db", random_places, found=0, ask=True),
    Case("read/cache.db", halved, found=0, long=True),
    Case("conversations/*.jsonl", bad_line),
    Case("conversations/*.jsonl", broken_off, found=0),
    Case("conversations/users/*/*.jsonl", bad_line, long=True),
    Case("feedback.jsonl", bad_line),
    Case("feedback.jsonl", broken_off, found=0, long=True),
    Case("users.json", halved, "chat", after=1),
    Case("speed.json", emptied, found=0),
]


def assert_one_line(ended: "tuple[int, str, str]") -> None:
    code, _, err = ended
    assert code in (1, 2), err
    (line,) = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert "Traceback" not in err
    assert "bot doctor" in line or "Mend" in line or "bot config show" in line, line


@pytest.mark.parametrize("case", [one for one in CASES if SOAK or not one.long], ids=str)
def test_damaged(bot: Run, data: Path, case: Case) -> None:
    case.damage(the(case.pattern)(data))
    commands = {
        "list": ["articles", "list"],
        "ask": ["ask", "What does a ferry ticket cost?"],
        "chat": ["--set", "chat.login=true", "chat", "--port", free_port()],
    }
    for name, words in commands.items():
        if name in case.refused:
            assert_one_line(bot("--data-dir", data, *words))
        elif name == "list" or (name == "ask" and case.ask):
            code, out, err = bot("--data-dir", data, *words)
            assert (code, "Traceback" in err) == (0, False), err
            assert out.strip()
    code, out, err = bot("--data-dir", data, "doctor")
    assert code == case.found, out
    assert "Traceback" not in err
    code, out, err = bot("--data-dir", data, "doctor", "--repair")
    assert "not done" not in out
    code, out, err = bot("--data-dir", data, "doctor", "--json")
    levels = {one["part"]: one["level"] for one in json.loads(out)["findings"] if one["level"] != "ok"}
    assert (code, set(levels.values())) == (case.after, {"error"} if case.after else set()), out
    assert_whole(data)


def assert_whole(data: Path) -> None:
    """All that was not damaged, and can be read, is there; the doctor deletes nothing."""
    talks = Conversations(folder_of(data))
    assert [len(talks.read(talk)) for talk in talks.ids()] in ([2], [1])  # 1: the last was broken off
    assert len(Kept(data / "feedback.jsonl").all()) in (2, 1)
    for aside in data.glob("**/*.damaged"):
        assert aside.stat().st_size


def test_a_whole_folder_is_in_order(bot: Run, data: Path) -> None:
    code, out, _ = bot("--data-dir", data, "doctor", "--full")
    assert (code, [line for line in out.splitlines() if not line.startswith("ok ")]) == (0, [])
    assert "3 articles are whole" in out
    assert "2 conversations can be read" in out
    assert f"{SMALL_LLM} is whole" in out
    code, out, _ = bot("--data-dir", data, "doctor", "--repair")
    assert "nothing that `bot doctor --repair` could mend" in out


def test_a_new_folder_is_in_order(bot: Run, tmp_path: Path) -> None:
    assert bot("--data-dir", tmp_path / "new", "doctor")[0] == 0
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        (EMBEDDER, halved, "cut short"),
        (EMBEDDER, gone, "is not here"),
        (EMBEDDER, random_head, "not a GGUF file"),
        (EMBEDDER, random_middle, "is damaged"),
        (SMALL_LLM, emptied, "not a GGUF file"),
    ],
)
def test_damaged_models(
    bot: Run, data: Path, models_dir: Path, tmp_path: Path, name: str, damage: Damage, says: str
) -> None:
    (tmp_path / "models").mkdir()
    for one in (EMBEDDER, SMALL_LLM):
        shutil.copy(models_dir / load().get(one).file, tmp_path / "models")
    damage(tmp_path / "models" / load().get(name).file)
    place = ["--data-dir", data, "--set", f"models_dir={tmp_path / 'models'}"]
    code, out, _ = bot(*place, "doctor", "--full")
    (line,) = [line for line in out.splitlines() if line.startswith("error") and "models: " in line]
    assert code == 1
    assert says in line
    assert f"Run `bot models pull {name}`." in line
    code, _, err = bot(*place, "ask", "What does a ferry ticket cost?")
    assert (code, err.count("Error: "), "Traceback" in err) == (1, 1, False)


def test_locks_that_are_held_are_told_and_respected(bot: Run, data: Path) -> None:
    halved(data / "store" / "chroma" / "chroma.sqlite3")
    with FileLock(data / "store" / "write.lock"):
        code, out, _ = bot("--data-dir", data, "doctor", "--repair")
    assert code == 1
    assert "Another process runs and holds store/write.lock" in out
    assert "not done: " in out
    assert list((data / "store").glob("chroma.damaged-*")) == []


def test_left_by_a_page_that_was_killed(bot: Run, data: Path) -> None:
    left = data / "uploads" / "run-abc"
    left.mkdir(parents=True)
    (left / "upload.txt").write_text("x")
    assert "was left by a process that was killed" in bot("--data-dir", data, "doctor")[1]
    bot("--data-dir", data, "doctor", "--repair")
    assert not left.exists()


@pytest.mark.parametrize("package", ["llama_cpp", "chromadb"])
def test_a_package_that_does_not_load(tmp_path: Path, package: str) -> None:
    (tmp_path / f"{package}.py").write_text("raise OSError('libllama.so: file too short')\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "bot", "--data-dir", tmp_path / "data", "doctor"],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "does not load: libllama.so: file too short." in " ".join(done.stderr.split())


@pytest.mark.skipif(READS_EVERYTHING, reason="root may read everything")
@pytest.mark.parametrize("pattern", ["config.toml", "store/chroma", "conversations/*.jsonl", "feedback.jsonl"])
def test_what_may_not_be_read(bot: Run, data: Path, pattern: str) -> None:
    path = the(pattern)(data)
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        code, out, err = bot("--data-dir", data, "doctor")
    finally:
        path.chmod(mode)
    assert (code, "Traceback" in err) == (1, False)
    assert "permissions" in out


def test_disk_full_while_a_store_is_made_anew(data: Path, models_dir: Path) -> None:
    """The process may write no file over 64 kB: it is told in a line, and the damaged store lies as it was."""
    database = data / "store" / "chroma" / "chroma.sqlite3"
    random_places(database)
    before = database.read_bytes()
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); from bot.cli import main; main()"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "BOT_MODELS_DIR": str(models_dir)}
    done = subprocess.run(
        [sys.executable, "-c", code, "--data-dir", data, "--set", f"llm.model={SMALL_LLM}", "doctor", "--repair"],
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    assert "not done: " in done.stdout
    assert "Traceback" not in done.stderr
    assert database.read_bytes() == before
    assert not (data / "store" / "rebuilt").exists()
