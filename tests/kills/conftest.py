"""What kills need: the library that kills at a chosen call, a hub with a model, and the process that forks."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from models.test_hub import FakeHub

from .forks import Forks, forking
from .works import MODEL, digest_of


@pytest.fixture(scope="session")
def plug(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """None where it cannot be made: elsewhere than on Linux, or without a C compiler."""
    compiler = next(filter(shutil.which, ("cc", "gcc", "clang", "c++")), None)
    if sys.platform != "linux" or not compiler:
        return None
    made = tmp_path_factory.mktemp("plug") / "plug.so"
    source = Path(__file__).with_name("plug.c")
    command = [compiler, "-x", "c", "-O1", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"]
    return made if subprocess.run(command, capture_output=True).returncode == 0 else None


@pytest.fixture(scope="session")
def forks(plug: Path | None) -> Iterator[Forks]:
    with (
        FakeHub(data=MODEL, etag=digest_of(MODEL)).serve() as endpoint,
        tempfile.TemporaryDirectory() as home,
        forking(plug, {"HF_ENDPOINT": endpoint, "HF_HOME": home}) as made,
    ):
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where that can be: a kill is the same there, and a disk that is waited for at each write is slow."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)
