"""What tests of several rooms need: real models, loaded once; stores in temporary folders; a clean environment."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import FakeEmbedder
from hypothesis import HealthCheck, settings
from samples import EMBEDDER, SMALL_LLM, signature_of
from soak import REASON, SOAKING, rounds

from bot.config import default_models_dir
from bot.embed import LlamaEmbedder
from bot.llm import LlamaCpp
from bot.models.catalogue import load
from bot.store import Signature, Store

# Machines of contributors and of CI are slow now and then; how long an example takes says nothing here.
settings.register_profile(
    "citebot",
    deadline=None,
    max_examples=rounds(50, 2000),
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("citebot")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("soak") and not SOAKING:
            item.add_marker(pytest.mark.skip(reason=REASON))


@pytest.fixture(scope="session")
def models_dir() -> Path:
    return Path(os.environ.get("BOT_MODELS_DIR") or default_models_dir()).expanduser()


@pytest.fixture(scope="session")
def model_path(models_dir: Path) -> Callable[[str], Path]:
    """The file of a catalogue name; the test fails where it is missing."""

    def path(name: str) -> Path:
        file = models_dir / load().get(name).file
        if not file.is_file():
            pytest.fail(f"{file} is missing; `make test` fetches it (bot models pull {name})", pytrace=False)
        return file

    return path


@pytest.fixture(scope="session")
def small_llm_path(model_path: Callable[[str], Path]) -> Path:
    return model_path(SMALL_LLM)


@pytest.fixture(scope="session")
def embedder_path(model_path: Callable[[str], Path]) -> Path:
    return model_path(EMBEDDER)


@pytest.fixture(scope="session")
def small_llm(small_llm_path: Path) -> Iterator[LlamaCpp]:
    """With one thread: on a busy machine, threads that wait for each other make times meaningless."""
    llm = LlamaCpp(small_llm_path, name=SMALL_LLM, context_tokens=4096, threads=1)
    yield llm
    llm.close()


@pytest.fixture(scope="session")
def embedder(embedder_path: Path) -> Iterator[LlamaEmbedder]:
    made = LlamaEmbedder(embedder_path, name=EMBEDDER, sha256="0" * 64)
    yield made
    made.close()


@pytest.fixture
def fake_embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def signature(fake_embedder: FakeEmbedder) -> Signature:
    return signature_of(fake_embedder)


@pytest.fixture
def store(tmp_path: Path, signature: Signature) -> Iterator[Store]:
    """An empty embedded store."""
    made = Store(tmp_path / "store", signature)
    yield made
    made.close()


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No BOT_… variable of the person who runs the tests."""
    for name in [name for name in os.environ if name.startswith("BOT_")]:
        monkeypatch.delenv(name)
