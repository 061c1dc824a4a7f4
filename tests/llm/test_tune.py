"""tune: the fastest way is chosen, kept in a file, and measured again where the file says nothing of it."""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from bot.errors import BotError, LLMError, ModelError
from bot.llama import Decoder
from bot.llm import tune
from bot.llm.cells import SLICE
from bot.llm.guess import GUESSED
from bot.llm.tune import AS_IT_COMES, AS_THE_FILE, Machine, Speed, Tuned, Way, choose, tuned

Speeds = tuple[int, int] | tuple[int, int, int]


class Told:
    """A machine with these speeds in some ways, one after the other where several are given; else repacked is best."""

    def __init__(self, speeds: Mapping[Way, Speeds | Sequence[Speeds]]) -> None:
        self.asked: list[Way] = []
        self._speeds = speeds

    def measure(self, ways: Sequence[Way]) -> list[Speed]:
        self.asked += ways
        return [self._speed(way) for way in ways]

    def _speed(self, way: Way) -> Speed:
        found = self._speeds.get(way, (100, 30) if way.repacked else (60, 20))
        return Speed(*(found.pop(0) if isinstance(found, list) else found))


PLAIN = Way(repacked=False)
REPACKED = Tuned(mapped=False)  # all of it, so nothing uses the file's pages


@pytest.mark.parametrize(
    ("repacked", "plain", "half", "chosen"),
    [
        ((100, 30), (150, 24), (90, 25), Tuned(threads=0, writes_repacked=True, reads_repacked=False)),
        ((100, 30), (60, 20), (90, 25), REPACKED),
        ((100, 20), (150, 30), (90, 15), Tuned(threads=0, writes_repacked=False, reads_repacked=False)),
        ((150, 20), (100, 30), (90, 15), Tuned(threads=0, writes_repacked=False, reads_repacked=True)),
        ((103, 31), (100, 30), (90, 25), AS_THE_FILE),
        ((100, 30), (119, 20), (90, 25), REPACKED),
        ((100, 20), (90, 30), (90, 15), AS_THE_FILE),
        ((130, 30), (100, 31), (90, 25), REPACKED),
        ((100, 31), (130, 30), (90, 25), AS_THE_FILE),
        ((100, 30), (60, 20), (110, 30), Tuned(threads=4, mapped=False)),
        ((100, 30), (60, 20), (200, 20), REPACKED),
    ],
    ids=[
        "each its own",
        "repacked",
        "plain",
        "the other way round",
        "alike",
        "a second would read little faster",
        "plain writes faster",
        "repacked reads faster",
        "plain reads faster",
        "half the threads",
        "half writes worse",
    ],
)
def test_the_fastest_layout_is_chosen(
    repacked: tuple[int, int], plain: tuple[int, int], half: tuple[int, int], chosen: Tuned
) -> None:
    machine = Told({Way(): repacked, PLAIN: plain, Way(threads=4): half, Way(repacked=False, threads=4): half})
    assert choose(machine.measure, 8) == chosen


@pytest.mark.parametrize(
    ("longer", "no_flash", "chosen"),
    [
        ((109, 30), (104, 31), REPACKED),
        ((112, 30), (90, 30), Tuned(slice_tokens=256, mapped=False)),
        ((100, 30), (106, 30), Tuned(flash=False, mapped=False)),
        ((100, 30), (100, 33), Tuned(flash=False, mapped=False)),
        ((100, 30), (140, 28), REPACKED),
        ((112, 30), (106, 30), Tuned(slice_tokens=256, flash=False, mapped=False)),
    ],
    ids=["alike", "long slices", "no flash to read", "no flash to write", "no flash writes worse", "both"],
)
def test_the_fastest_way_to_read_is_chosen(longer: tuple[int, int], no_flash: tuple[int, int], chosen: Tuned) -> None:
    machine = Told({Way(slice_tokens=256): longer, Way(flash=False): no_flash})
    assert choose(machine.measure, 2) == chosen


def test_it_is_looked_for_with_the_layout_and_the_threads_that_read() -> None:
    as_now = Way(repacked=False, threads=4)
    machine = Told({PLAIN: (150, 24), Way(threads=4): (100, 40), as_now: (150, 40)})
    assert choose(machine.measure, 8) == Tuned(threads=4, reads_repacked=False)
    assert machine.asked[-4:] == [as_now._replace(flash=False), as_now, as_now._replace(slice_tokens=256), as_now]


def test_what_is_better_once_is_no_better() -> None:
    once = {Way(slice_tokens=256): [(150, 30), (100, 30)], Way(flash=False): [(150, 30), (100, 30)]}
    assert choose(Told(once).measure, 2) == REPACKED


def test_layouts_are_measured_by_their_best_round() -> None:
    assert choose(Told({Way(): [(40, 10), *[(100, 30)] * 4]}).measure, 2) == REPACKED


def test_with_time_layouts_get_another_round() -> None:
    def measure() -> Callable[[Sequence[Way]], list[Speed]]:
        return Told({Way(): [(40, 10), (40, 10), *[(100, 30)] * 4]}).measure

    assert choose(measure(), 2) == REPACKED
    assert not choose(measure(), 2, in_time=lambda: False).writes_repacked, "two slow ones are believed"


def test_without_time_other_ways_stay_untried() -> None:
    machine = Told({Way(slice_tokens=256): (300, 30), Way(flash=False): (300, 30), PLAIN: (150, 24)})
    assert choose(machine.measure, 2, in_time=lambda: False) == EXPECTED
    assert all(way.flash and way.slice_tokens == SLICE for way in machine.asked)


def test_a_way_that_cannot_be_run_is_no_better() -> None:
    machine = Told({PLAIN: (150, 24)})

    def measure(ways: Sequence[Way]) -> list[Speed]:
        if any(way.slice_tokens != SLICE for way in ways):
            raise LLMError("status -2")
        return machine.measure(ways)

    assert choose(measure, 2) == EXPECTED


def test_two_processors_are_both_used() -> None:
    machine = Told({})
    assert choose(machine.measure, 2) == REPACKED
    assert {way.threads for way in machine.asked} == {0}


def test_on_a_gpu_only_slices_and_attention_are_measured() -> None:
    machine = Told({Way(slice_tokens=512): (300, 30)})
    assert choose(machine.measure, 16, gpu=True) == Tuned(slice_tokens=512)
    assert {(way.repacked, way.threads) for way in machine.asked} == {(True, 0)}


@pytest.mark.parametrize(("reads", "joins"), [(1900, True), (2100, False)])
@pytest.mark.parametrize("gpu", [True, False])
def test_nothing_is_joined_where_a_prompt_is_read_at_once(gpu: bool, reads: int, joins: bool) -> None:
    assert choose(Told({Way(): (reads, 300)}).measure, 2, gpu=gpu).joins is joins


@pytest.mark.parametrize(("long", "joins"), [(1900, True), (3000, False)])
def test_that_is_judged_by_the_slices_that_are_chosen(long: int, joins: bool) -> None:
    chosen = choose(Told({Way(): (1500, 300), Way(slice_tokens=512): (long, 300)}).measure, 2, gpu=True)
    assert (chosen.slice_tokens, chosen.joins) == (512, joins)


def test_what_was_measured_before_an_error_counts() -> None:
    machine = Told({Way(): (9000, 300), Way(flash=False): (9900, 300)})

    def measure(ways: Sequence[Way]) -> list[Speed]:
        if any(way.slice_tokens != SLICE for way in ways):
            raise LLMError("status -2")
        return machine.measure(ways)

    assert choose(measure, 2, gpu=True) == Tuned(flash=False, joins=False)


def test_the_small_model_is_measured(small_llm_path: Path) -> None:
    ways = [Way(), PLAIN._replace(threads=1), Way(slice_tokens=256), Way(flash=False)]
    with contextlib.ExitStack() as opened:
        machine = Machine(small_llm_path, 0, opened)
        for _ in range(2):
            assert all(one.reads > one.writes > 1 and one.scores > 1 for one in machine.measure(ways))


@pytest.mark.parametrize(
    ("repacked", "plain", "guesses"),
    [
        ((100, 30, 42), (60, 20, 40), GUESSED),
        ((100, 30, 40), (60, 20, 40), 0),
        ((100, 20, 26), (150, 30, 42), GUESSED),
        ((100, 20, 40), (150, 30, 40), 0),
    ],
    ids=["repacked", "too slow", "plain", "what does not write says nothing"],
)
def test_it_is_guessed_where_batches_are_fast(repacked: Speeds, plain: Speeds, guesses: int) -> None:
    assert choose(Told({Way(): repacked, PLAIN: plain}).measure, 2).guesses == guesses


def test_the_layout_that_guesses_faster_writes() -> None:
    chosen = choose(Told({Way(): (100, 28, 80), PLAIN: (150, 30, 40)}).measure, 2)
    assert chosen == Tuned(reads_repacked=False, guesses=GUESSED)
    assert choose(Told({Way(): (100, 28, 38), PLAIN: (150, 30, 40)}).measure, 2) == AS_THE_FILE


def test_half_the_threads_guess_by_their_own_speed() -> None:
    fast, slow = (110, 30, 90), (100, 30, 35)
    machine = Told({Way(): slow, PLAIN: (60, 20, 40), Way(threads=4): fast, Way(repacked=False, threads=4): (60, 20)})
    assert choose(machine.measure, 8) == Tuned(threads=4, mapped=False, guesses=GUESSED)


@pytest.mark.parametrize(("scores", "guesses"), [([412, 412], GUESSED), ([412, 405], 0)])
def test_on_a_gpu_guesses_must_pay_each_time(scores: list[int], guesses: int) -> None:
    speeds: list[Speeds] = [(1500, 300, score) for score in scores]
    assert choose(Told({Way(): speeds}).measure, 2, gpu=True).guesses == guesses


def test_what_cannot_forget_has_no_guesses(small_llm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Decoder, "can_join", lambda self: False)
    with contextlib.ExitStack() as opened:
        (speed,) = Machine(small_llm_path, 0, opened).measure([Way()])
    assert speed.scores == 0
    assert speed.answers == speed.writes


class Fake:
    """Takes the place of Machine: a file's speeds are measured in turn, and which files is noted."""

    def __init__(self, speeds: Mapping[Way, tuple[int, int]]) -> None:
        self.files: list[Path] = []
        self.told, self.error = Told(speeds), None

    def __call__(self, path: Path, gpu_layers: int, opened: object) -> Told:
        if self.error:
            raise self.error
        self.files.append(path)
        return self.told


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Two processors; the plain layout reads faster."""
    ways = (PLAIN, PLAIN._replace(slice_tokens=256), PLAIN._replace(flash=False))
    fake = Fake(dict.fromkeys(ways, (150, 24)))
    monkeypatch.setattr(tune, "Machine", fake)
    monkeypatch.setattr(tune, "default_threads", lambda: 2)
    return fake


def test_a_gpu_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Fake) -> None:
    file = tmp_path / "speed.json"
    assert tuned(tmp_path / "a.gguf", "00", file, gpu_layers=-1) == EXPECTED, "none is found"
    monkeypatch.setattr(tune, "supports_gpu", lambda: True)
    monkeypatch.setattr(tune, "Machine", Fake({Way(slice_tokens=512): (300, 30)}))
    assert tuned(tmp_path / "a.gguf", "00", file, gpu_layers=-1) == Tuned(slice_tokens=512)
    assert tuned(tmp_path / "a.gguf", "00", file, gpu_layers=0) == EXPECTED, "what was measured for the processor"


def test_weights_that_are_not_repacked_have_one_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Fake
) -> None:
    """Two measurements of the same differ by chance."""
    monkeypatch.setattr(tune, "repacks", lambda: False)
    assert tuned(tmp_path / "a.gguf", "00", tmp_path / "speed.json") == AS_THE_FILE
    assert tuned(tmp_path / "a.gguf", "00", tmp_path / "speed.json") == AS_THE_FILE
    assert len(measured.files) == 1
    monkeypatch.setattr(tune, "repacks", lambda: True)
    assert tuned(tmp_path / "a.gguf", "00", tmp_path / "speed.json") == EXPECTED, "compiled otherwise"


def test_what_an_earlier_version_noted_is_measured_again(tmp_path: Path, measured: Fake) -> None:
    file = tmp_path / "speed.json"
    tuned(tmp_path / "a.gguf", "00", file)
    whole = json.loads(file.read_text())
    ((key, entry),) = whole.items()
    assert entry["slice_tokens"] == SLICE
    file.write_text(json.dumps({key: {name: entry[name] for name in ("threads", "writes_repacked", "reads_repacked")}}))
    assert tuned(tmp_path / "a.gguf", "00", file) == EXPECTED
    assert len(measured.files) == 2
    assert json.loads(file.read_text()) == whole


EXPECTED = Tuned(threads=0, writes_repacked=True, reads_repacked=False)


def test_it_is_measured_once_and_told(tmp_path: Path, measured: Fake) -> None:
    told: list[str] = []
    file = tmp_path / "data" / "speed.json"
    assert tuned(tmp_path / "a.gguf", "00", file, told.append) == EXPECTED
    assert tuned(tmp_path / "a.gguf", "00", file, told.append) == EXPECTED
    assert (len(measured.files), len(told)) == (1, 1)
    tuned(tmp_path / "b.gguf", "11", file, told.append)
    assert (len(measured.files), len(told)) == (2, 2), "another model is another matter"
    tuned(tmp_path / "a.gguf", "00", file)
    assert len(measured.files) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-9],
        lambda text: "[1]",
        lambda text: text.replace("0", '"x"'),
        lambda text: text.replace("threads", "thraeds"),
        lambda text: text.replace("128", "1"),
    ],
)
def test_a_damaged_file_is_made_again(tmp_path: Path, measured: Fake, damage: Callable[[str], str]) -> None:
    file = tmp_path / "speed.json"
    tuned(tmp_path / "a.gguf", "ab", file)
    file.write_text(damage(file.read_text()))
    assert tuned(tmp_path / "a.gguf", "ab", file) == EXPECTED
    assert len(measured.files) == 2
    assert json.loads(file.read_text())


def test_a_folder_that_cannot_be_written_costs_only_the_time(
    tmp_path: Path, measured: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").write_text("a file")
    assert tuned(tmp_path / "a.gguf", "00", tmp_path / "data" / "speed.json") == EXPECTED
    assert "measured anew" in caplog.text


@pytest.mark.parametrize("error", [ModelError("no memory"), LLMError("status -2")])
def test_too_little_memory_leaves_all_as_it_comes(tmp_path: Path, measured: Fake, error: BotError) -> None:
    measured.error = error
    assert tuned(tmp_path / "a.gguf", "00", tmp_path / "speed.json") == AS_IT_COMES
    assert not (tmp_path / "speed.json").exists(), "next time it may be enough"
