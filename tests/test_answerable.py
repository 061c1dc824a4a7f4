"""answerable: signals, probabilities, and the file of calibrations."""

from pathlib import Path

import pytest
from samples import FERRY, article, passage

from bot.answerable import Calibration, load, signals
from bot.config import shared_folder
from bot.errors import ConfigError

FOUND = [passage(article("a", FERRY)).model_copy(update={"similarity": one}) for one in (0.4, None, 0.7)]
SHOWN = [one.model_copy(update={"score": score}) for one, score in zip(FOUND, (1.3, 0.5, 1.2), strict=True)]
SURE = [SHOWN[0].model_copy(update={"score": 1.9})]
PLAIN = Calibration(embedder="mini", bias=-3.0, weights={"similarity": 6.0})
FULL = Calibration(embedder="mini", llm="qwen", bias=4.0, weights={"similarity": 2.0, "odds": 2.0})


def test_signals_are_of_the_search_and_of_the_model_where_it_tells() -> None:
    of_the_search = {"similarity": 0.7, "relevance": 1.3}
    assert signals(FOUND, SHOWN, 2.5) == {**of_the_search, "odds": 2.5}
    assert signals(FOUND, SHOWN, None) == of_the_search
    assert signals(FOUND, SURE, None) == {"similarity": 0.7, "relevance": 1.5}, "more than enough tells nothing"
    assert signals([], [], None) == {"similarity": 0.0, "relevance": 0.0}


def test_a_probability_is_a_logistic_function_of_the_signals() -> None:
    assert PLAIN.probability({"similarity": 0.5}) == pytest.approx(0.5)
    assert PLAIN.probability({"similarity": 0.75, "odds": -9.0}) == pytest.approx(0.8176, abs=1e-4)
    assert FULL.probability({"similarity": 0.5, "odds": -2.5}) == pytest.approx(0.5)
    assert FULL.probability({"similarity": 0.5, "odds": -4000.0}) == pytest.approx(0.0)
    assert FULL.probability({"similarity": 0.5}) is None


def toml(path: Path, *made: Calibration) -> Path:
    for one in made:
        llm = f'llm = "{one.llm}"\n' if one.llm else ""
        weights = ", ".join(f"{name} = {weight}" for name, weight in one.weights.items())
        with path.open("a") as file:
            file.write(
                f'[[calibration]]\nembedder = "{one.embedder}"\n{llm}bias = {one.bias}\nweights = {{{weights}}}\n'
            )
    return path


def test_calibrations_are_those_of_embedder_and_model(tmp_path: Path) -> None:
    other = PLAIN.model_copy(update={"embedder": "maxi"})
    path = toml(tmp_path / "answerable.toml", PLAIN, other, FULL)
    assert load(path, "mini", "qwen") == [FULL, PLAIN]
    assert load(path, "mini", "llama") == [PLAIN]
    assert load(path, "maxi", "qwen") == [other]
    assert load(path, "midi", "qwen") == []
    assert load(tmp_path / "none.toml", "mini", "qwen") == []


@pytest.mark.parametrize("damage", ["[[calibration]", "", '[[calibration]]\nembedder = "mini"\n', "calibration = 3\n"])
def test_a_damaged_file_is_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "answerable.toml"
    path.write_text(damage)
    with pytest.raises(ConfigError, match=r"answerable\.toml is damaged: .+ Fetch it anew"):
        load(path, "mini", "qwen")


def test_the_default_models_are_calibrated() -> None:
    path = shared_folder("models") / "answerable.toml"
    own, of_any = load(path, "all-minilm-l6-v2", "qwen2.5-coder-1.5b-instruct")
    assert own.llm
    assert of_any.llm is None
    near = {"similarity": 0.9, "relevance": 1.5, "odds": 3.0}
    far = {"similarity": 0.1, "relevance": 0.5, "odds": -3.0}
    for one in (own, of_any):
        assert (one.probability(near) or 0) > 0.8
        assert (one.probability(far) or 1) < 0.1
