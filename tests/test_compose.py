"""What the command line builds: the parts are given what their models need."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import FakeEmbedder, FakeLLM
from samples import FERRY, article, put

from bot import answerable
from bot.answerable import Calibration
from bot.cli.compose import open_bot, open_chat, open_llm
from bot.cli.stages import answer_of
from bot.config import Settings, load
from bot.errors import StoreError
from bot.llm import LlamaCpp, tune
from bot.llm.tune import Tuned
from bot.models import files
from bot.schema import AnswerEvent, Filters
from bot.store import Store

OWN = "A single ticket costs travellers 4 crowns."


@pytest.mark.parametrize(
    ("model", "asked"), [("qwen2.5-coder-1.5b-instruct", True), ("smollm2-135m-instruct", False), ("my-own", False)]
)
def test_only_a_model_whose_word_was_measured_is_asked_about_claims(
    store: Store, fake_embedder: FakeEmbedder, model: str, asked: bool
) -> None:
    put(store, fake_embedder, article("ferry", FERRY))
    llm = FakeLLM([OWN], log_odds=-1.0)
    llm.name = model
    chat = open_chat(Settings(), fake_embedder, store, llm)  # type: ignore[arg-type]
    *_, last = chat.ask("How much is a ticket?")
    assert isinstance(last, AnswerEvent)
    assert last.answer.refused == asked
    assert [OWN in messages[-1].content for messages in llm.weighed] == [True] * asked


@pytest.mark.parametrize("checks", ["auto", "always"])
def test_an_evaluation_knows_what_the_model_thinks_of_every_question(
    store: Store, fake_embedder: FakeEmbedder, checks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of those that were answered without asking it first."""
    monkeypatch.setattr(answerable, "load", lambda *_: [Calibration(embedder="fake", bias=0.0, weights={"odds": 1.0})])
    put(store, fake_embedder, article("ferry", FERRY))
    llm = FakeLLM([OWN], log_odds=2.0)
    settings = Settings(answer={"check": checks})  # type: ignore[arg-type]
    chat = open_chat(settings, fake_embedder, store, llm)  # type: ignore[arg-type]
    answer = answer_of(chat, "How much is a ticket?", (), Filters(), cold=True)
    assert answer.trace is not None
    assert answer.trace.signals["odds"] == 2.0
    assert (answer.timings.checked_s is None) == (checks == "auto")


@pytest.mark.parametrize(
    ("command", "spared"),
    [("bot.cli.app", ("numpy", "chromadb", "llama_cpp", "gradio")), ("bot.llm.llamacpp", ("openai", "chromadb"))],
)
def test_what_a_command_does_not_need_is_not_imported(command: str, spared: tuple[str, ...]) -> None:
    """Each of these takes a tenth to half of a second, before the first word."""
    asked = f"import sys, {command}; print(*(name for name in {spared!r} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize("spare", [True, False])
def test_who_spares_memory_has_the_weights_in_one_form(small_llm_path: Path, tmp_path: Path, spare: bool) -> None:
    given = {"llm.model": str(small_llm_path), "llm.spare_memory": spare, "data_dir": str(tmp_path)}
    llm = open_llm(load(given, environ={}).settings)
    assert isinstance(llm, LlamaCpp)
    one_form = not llm._model.repacked and llm._reading_model is llm._model
    llm.close()
    assert (tmp_path / "speed.json").exists() == (not spare), "nothing to be measured"
    assert one_form or not spare


@pytest.mark.parametrize(
    ("name", "pays", "join", "keeps"),
    [
        ("qwen2.5-coder-1.5b-instruct", True, "auto", True),
        ("qwen2.5-coder-1.5b-instruct", False, "auto", False),
        ("qwen2.5-coder-1.5b-instruct", False, "always", True),
        ("qwen2.5-coder-1.5b-instruct", True, "never", False),
        ("my-own", True, "auto", False),
        ("my-own", True, "always", True),
    ],
)
def test_what_was_read_is_joined_where_that_is_as_good_and_pays(
    small_llm_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, pays: bool, join: str, keeps: bool
) -> None:
    monkeypatch.setattr(files, "resolve", lambda *_: SimpleNamespace(name=name, path=small_llm_path, sha256="0" * 64))
    monkeypatch.setattr(tune, "tuned", lambda *_: Tuned(joins=pays))
    llm = open_llm(load({"cache.join": join, "data_dir": str(tmp_path)}, environ={}).settings)
    llm.close()
    assert llm.keeps == keeps


def test_a_model_that_was_loaded_for_nothing_is_closed(
    tmp_path: Path, small_llm_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[LlamaCpp] = []
    monkeypatch.setattr(LlamaCpp, "close", lambda llm: closed.append(llm))
    (tmp_path / "store").write_text("no folder")
    given = {"llm.model": str(small_llm_path), "llm.spare_memory": True, "data_dir": str(tmp_path)}
    with pytest.raises(StoreError):
        open_bot(load(given, environ={}).settings)
    assert len(closed) == 1
