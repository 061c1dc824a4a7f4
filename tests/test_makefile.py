"""Makefile: what is installed when, and what is told before. Python, pip and bot are stand-ins that take notes."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
TOOLS = ("awk", "cat", "chmod", "cp", "df", "mkdir", "rm", "sed", "sh", "touch")
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
LLAMA = "--require-hashes --no-deps"
PYTHON = f"""#!/bin/sh
case "$1 $2" in
"-m venv")
    echo "$*" >> notes
    test "$3" != --clear || rm -rf "$4"
    mkdir -p .venv/bin && cp "$0" .venv/bin/python || exit 1
    test ! -e fail-venv || exit 1
    printf '#!/bin/sh\\necho "bot $*" >> notes\\n' > .venv/bin/bot && chmod +x .venv/bin/bot ;;
"-m pip")
    shift 3
    echo "pip $* [$CMAKE_ARGS]" >> notes
    case "$*" in *llama.lock) echo $CFLAGS / $CXXFLAGS > flags; esac
    case "$*" in *llama.lock) cat .venv/llama.lock > compiled; test ! -e fail-pip ;; esac ;;
*) exec "{sys.executable}" "$@" ;;
esac
"""

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


class Checkout:
    """A folder with the Makefile and the lock, and a PATH with nothing but what the Makefile may use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.venv = folder / ".venv"
        self.tools = folder / "tools"
        self.tools.mkdir()
        for name in ("Makefile", "requirements.lock"):
            shutil.copy(REPO / name, folder)
        for name in ("pyproject.toml", "requirements-dev.lock"):
            (folder / name).touch()
        for name in TOOLS:
            (self.tools / name).symlink_to(str(shutil.which(name)))
        self.tool("python3", PYTHON)
        self.tool("c++")
        self.tool("cc")
        self.tool("uname", "#!/bin/sh\necho Linux\n")

    def tool(self, name: str, text: str = "#!/bin/sh\n") -> None:
        file = self.tools / name
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)

    def make(self, *words: str, **environ: str) -> tuple[int, list[str], str]:
        """Exit status, the notes of this run, and what stderr said first."""
        notes = self.folder / "notes"
        notes.unlink(missing_ok=True)
        done = subprocess.run(
            [str(shutil.which("make")), "NEED_GB=0", *words],
            cwd=self.folder,
            env={"PATH": str(self.tools), "LC_ALL": "C", **environ},
            capture_output=True,
            text=True,
            timeout=60,
        )
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
        return done.returncode, lines, done.stderr.partition("\n")[0]

    def compiles(self, *words: str, **environ: str) -> list[str]:
        """The pip commands that installed llama.cpp, of a run that went well."""
        status, notes, said = self.make(*words, **environ)
        assert status == 0, said
        assert not [note for note in notes if "--force-reinstall" in note and LLAMA not in note]
        return [note for note in notes if LLAMA in note]

    def change(self, name: str) -> None:
        """As if edited after all that was made of it; files' times may be too coarse to tell a moment from the next."""
        file = self.folder / name
        newest = max(path.stat().st_mtime for path in self.venv.glob(".*"))
        os.utime(file, (newest, newest))
        for made in self.venv.glob(".*"):
            os.utime(made, (newest - 60, newest - 60))

    def stamps(self) -> list[str]:
        return sorted(path.name for path in self.venv.glob(".*-*"))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def busy() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def free() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


# -- the environment --


def test_the_first_run_makes_and_installs_and_the_second_only_opens_the_page(checkout: Checkout) -> None:
    status, notes, _ = checkout.make("run", f"PORT={free()}")
    assert status == 0
    assert [note.split(" -r ")[0] for note in notes[:4]] == [
        "-m venv --clear .venv",
        f"pip install {LLAMA} --force-reinstall",
        "pip install --require-hashes",
        "pip install -q --no-deps -e . []",
    ]
    assert checkout.stamps() == [".gpu-none", f".made-{VERSION}"]
    status, notes, _ = checkout.make("run")
    assert (status, notes) == (0, ["bot models pull", "bot ingest --samples", "bot chat"])


def test_only_llama_is_compiled_and_it_keeps_its_sum(checkout: Checkout) -> None:
    checkout.make("install")
    first, *sums = (checkout.folder / "compiled").read_text(encoding="utf-8").splitlines()
    assert first.startswith("llama-cpp-python==")
    assert sums
    assert all(line.strip().startswith("--hash=sha256:") for line in sums)
    assert not sums[-1].endswith("\\")


def half_made(checkout: Checkout) -> None:
    (checkout.folder / "fail-venv").touch()
    assert checkout.make("install")[0] != 0
    assert (checkout.venv / "bin" / "python").exists()
    (checkout.folder / "fail-venv").unlink()


def other_version(checkout: Checkout) -> None:
    checkout.make("install")
    (checkout.venv / f".made-{VERSION}").rename(checkout.venv / ".made-3.5")


def lost_python(checkout: Checkout) -> None:
    checkout.make("install")
    (checkout.venv / "bin" / "python").unlink()
    (checkout.venv / "bin" / "python").symlink_to("/no/such/python")


@pytest.mark.parametrize("broken", [half_made, other_version, lost_python])
def test_an_environment_that_is_not_whole_is_made_anew(checkout: Checkout, broken: Callable[[Checkout], None]) -> None:
    broken(checkout)
    status, notes, _ = checkout.make("install")
    assert status == 0
    assert notes[0] == "-m venv --clear .venv"
    assert sum(note.startswith("pip install") for note in notes) == 3
    assert checkout.stamps() == [".gpu-none", f".made-{VERSION}"]
    assert checkout.make("install")[1] == []


# -- the GPU --


def test_a_gpu_stays_until_another_is_named(checkout: Checkout) -> None:
    checkout.tool("nvcc")
    assert checkout.compiles("install") == [f"pip install {LLAMA} --force-reinstall -r .venv/llama.lock []"]
    (cuda,) = checkout.compiles("install", "GPU=cuda")
    assert cuda == f"pip install {LLAMA} --force-reinstall --no-cache-dir -r .venv/llama.lock [-DGGML_CUDA=on]"
    for words in (["install"], ["install", "GPU=cuda"], ["install", "GPU="], [".venv/.dev"]):
        assert checkout.compiles(*words) == []
        assert checkout.stamps() == [".gpu-cuda", f".made-{VERSION}"]
    assert len(checkout.compiles("install", "GPU=none")) == 1
    assert checkout.compiles("install") == []
    assert checkout.stamps() == [".gpu-none", f".made-{VERSION}"]


@pytest.mark.parametrize(
    ("cpuinfo", "compiler", "flags"),
    [
        ("flags\t\t: fpu avx512f amx_bf16 amx_int8\n", "exit 0", "-O2 -mno-amx-int8 / -mno-amx-int8"),
        ("flags\t\t: fpu avx512f amx_int8 sse\n", "exit 1", "-O2 /"),  # a compiler that does not know it
        ("flags\t\t: fpu avx512f\nbugs\t\t: amx_int8\n", "exit 0", "-O2 /"),
        (None, "exit 0", "-O2 /"),  # no Linux
    ],
)
def test_llama_cpp_is_compiled_without_amx(checkout: Checkout, cpuinfo: str | None, compiler: str, flags: str) -> None:
    checkout.tool("cc", f"#!/bin/sh\n{compiler}\n")
    file = checkout.folder / "cpuinfo"
    if cpuinfo:
        file.write_text(cpuinfo * 2, encoding="utf-8")
    (compiled,) = checkout.compiles("install", f"CPUINFO={file}", CFLAGS="-O2")
    assert "--no-cache-dir" not in compiled
    assert (checkout.folder / "flags").read_text(encoding="utf-8").strip() == flags


def test_a_mac_uses_its_gpu_only_when_told(checkout: Checkout) -> None:
    checkout.tool("uname", "#!/bin/sh\necho Darwin\n")
    (plain,) = checkout.compiles("install")
    assert plain.endswith("[-DGGML_METAL=off]")
    (metal,) = checkout.compiles("install", "GPU=metal")
    assert metal.endswith("[-DGGML_METAL=on]")


def test_a_new_lock_and_a_new_environment_keep_the_gpu(checkout: Checkout) -> None:
    checkout.tool("nvcc")
    checkout.compiles("install", "GPU=cuda")
    checkout.change("requirements.lock")
    (again,) = checkout.compiles("install")
    assert again == f"pip install {LLAMA} --no-cache-dir -r .venv/llama.lock [-DGGML_CUDA=on]"
    (checkout.venv / f".made-{VERSION}").unlink()
    (again,) = checkout.compiles("install")
    assert "--force-reinstall --no-cache-dir" in again
    assert ".gpu-cuda" in checkout.stamps()


def test_a_gpu_that_cannot_be_compiled_leaves_the_one_before(checkout: Checkout) -> None:
    checkout.tool("nvcc")
    checkout.compiles("install")
    (checkout.folder / "fail-pip").touch()
    assert checkout.make("install", "GPU=cuda")[0] != 0
    assert checkout.stamps() == [".gpu-none", f".made-{VERSION}"]
    assert checkout.compiles("install") == []


@pytest.mark.parametrize(
    ("gpu", "tool", "text", "said"),
    [
        ("cuda", "nvcc", "", "GPU=cuda needs the CUDA toolkit"),
        ("vulkan", "glslc", "", "GPU=vulkan needs glslc"),
        ("metal", "uname", "#!/bin/sh\necho Darwin\n", "GPU=metal needs a Mac"),
        ("opencl", "", "", "GPU=opencl is not known"),
    ],
)
def test_what_a_gpu_needs_is_told_first(checkout: Checkout, gpu: str, tool: str, text: str, said: str) -> None:
    status, notes, line = checkout.make("run", f"GPU={gpu}", f"PORT={free()}")
    assert status != 0
    assert notes == []
    assert line.startswith(said)
    if tool:
        checkout.tool(tool, text or "#!/bin/sh\n")
        assert checkout.make("install", f"GPU={gpu}")[0] == 0
        assert f".gpu-{gpu}" in checkout.stamps()


# -- the port --


def test_a_taken_port_is_told_before_the_install(checkout: Checkout, busy: int) -> None:
    for words, environ in (([f"PORT={busy}"], {}), ([], {"PORT": str(busy)}), ([], {"BOT_CHAT_PORT": str(busy)})):
        status, notes, said = checkout.make("run", *words, **environ)
        assert (status != 0, notes) == (True, [])
        assert said.startswith(f"Port {busy} is in use")


@pytest.mark.parametrize("port", ["abc", "0", "65536", "78 60"])
def test_what_is_no_port_is_not_called_taken(checkout: Checkout, port: str) -> None:
    status, notes, said = checkout.make("run", f"PORT={port}")
    assert (status != 0, notes) == (True, [])
    assert said.startswith(f"{port} is not a port")


def test_later_only_a_named_port_is_looked_at_and_handed_on(checkout: Checkout, busy: int) -> None:
    checkout.make("install")
    assert checkout.make("run", BOT_CHAT_PORT=str(busy))[1][-1] == "bot chat"
    port = free()
    assert checkout.make("run", f"PORT={port}")[1][-1] == f"bot chat --port {port}"
    assert checkout.make("run", f"PORT={busy}")[2].startswith(f"Port {busy} is in use")
