"""ahead: one thread that reads while nobody asks, the newest first, and gives way at once."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bot.ahead import WANTED, Ahead
from bot.errors import LLMError, Stopped, StoreError
from bot.schema import ArticleInfo, Progress

NOTHING = Progress(0, 0)


class Model:
    """Reads articles slowly, until it is stopped; `room` is for how many."""

    def __init__(self, seconds: float = 0.02, room: int = 100) -> None:
        self.articles = [ArticleInfo(id=name, title=name, content_hash="1") for name in "cba"]
        self.read: list[str] = []
        self.broken_off: list[str] = []
        self.in_any_case: list[str] = []
        self.seconds, self.room = seconds, room
        self.fails: dict[str, Exception] = {}

    def work(self, article: str, stop: threading.Event, spare: bool) -> bool:
        if not spare:
            self.in_any_case.append(article)
        if article in self.fails:
            raise self.fails.pop(article)
        if stop.wait(self.seconds):
            self.broken_off.append(article)
            return False
        self.read.append(article)
        return True

    def has_room(self) -> bool:
        return len(self.read) < self.room


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.ahead.IDLE_SECONDS", 0.1)
    monkeypatch.setattr("bot.ahead.LOOK_SECONDS", 0.05)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def ahead(model: Model) -> Iterator[Ahead]:
    made = Ahead(model.work, lambda: model.articles, model.has_room)
    yield made
    made.close()


def until(true: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < 5
        time.sleep(0.01)


def test_all_articles_are_read_once_in_their_order(ahead: Ahead, model: Model) -> None:
    assert ahead.progress == NOTHING
    model.seconds = 0.1
    ahead.start()
    until(lambda: ahead.progress == Progress(2, 3))
    until(lambda: ahead.progress == NOTHING)
    time.sleep(0.2)
    assert model.read == ["c", "b", "a"]


def test_new_and_changed_articles_are_read_and_removed_ones_forgotten(ahead: Ahead, model: Model) -> None:
    ahead.start()
    until(lambda: len(model.read) == 3)
    new, changed = ArticleInfo(id="d", title="d"), model.articles[0].model_copy(update={"content_hash": "2"})
    model.articles = [new, changed, model.articles[1]]
    until(lambda: len(model.read) == 5)
    assert model.read[3:] == ["d", "c"]


def test_nothing_is_read_while_somebody_asks(ahead: Ahead, model: Model) -> None:
    model.seconds = 10
    ahead.start()
    time.sleep(0.3)
    began = time.monotonic()
    with ahead.paused(), ahead.paused():
        until(lambda: model.broken_off == ["c"])
        assert time.monotonic() - began < 5, "an article takes 10"
        model.seconds = 0.01
        time.sleep(0.3)
        assert model.read == []
    until(lambda: len(model.read) == 3)
    assert model.read == ["c", "b", "a"], "what was broken off is begun again"


def test_what_was_asked_about_comes_first(ahead: Ahead, model: Model) -> None:
    ahead.want(lambda stop: model.work("asked", stop, True))
    ahead.start()
    until(lambda: len(model.read) == 4)
    assert model.read[0] == "asked"
    ahead.want(lambda stop: model.work("later", stop, True))
    until(lambda: model.read[-1] == "later")


def test_it_ends_where_there_is_no_room_but_not_for_what_was_asked(ahead: Ahead, model: Model) -> None:
    model.room = 2
    ahead.start()
    until(lambda: len(model.read) == 2)
    time.sleep(0.2)
    assert (model.read, ahead.progress) == (["c", "b"], NOTHING), "nothing goes on, so nothing is told"
    ahead.want(lambda stop: model.work("asked", stop, True))
    until(lambda: model.read[-1] == "asked")


def test_what_is_new_or_changed_is_read_though_something_goes_for_it(ahead: Ahead, model: Model) -> None:
    model.room = 2
    ahead.start()
    until(lambda: model.read == ["c", "b"])
    new, changed = ArticleInfo(id="d", title="d"), model.articles[1].model_copy(update={"content_hash": "2"})
    model.articles = [new, model.articles[0], changed, model.articles[2]]
    until(lambda: len(model.read) == 4)
    time.sleep(0.2)
    assert model.read == ["c", "b", "d", "b"], "but not what there was no room for"
    assert model.in_any_case == ["d", "b"]


def test_wishes_that_come_back_make_no_room_for_more(ahead: Ahead, model: Model) -> None:
    model.articles, model.seconds = [], 10
    ahead.want(lambda stop: model.work("broken off", stop, True))
    ahead.start()
    time.sleep(0.3)
    for number in range(WANTED):
        ahead.want(lambda stop, number=number: model.work(f"{number}", stop, True))  # type: ignore[misc]
    with ahead.paused():
        until(lambda: model.broken_off == ["broken off"])
        model.seconds = 0.01
        for number in range(WANTED, 3 * WANTED):
            ahead.want(lambda stop, number=number: model.work(f"{number}", stop, True))  # type: ignore[misc]
    until(lambda: len(model.read) == WANTED)
    time.sleep(0.3)
    assert model.read == [f"{number}" for number in range(2 * WANTED, 3 * WANTED)]


def test_of_many_wishes_the_oldest_goes(ahead: Ahead, model: Model) -> None:
    model.articles = []
    for number in range(WANTED + 2):
        ahead.want(lambda stop, number=number: model.work(f"{number}", stop, True))  # type: ignore[misc]
    ahead.start()
    until(lambda: len(model.read) == WANTED)
    assert model.read[0] == "2"


@pytest.mark.parametrize("error", [LLMError("The model failed. Ask again."), RuntimeError("unforeseen")])
def test_a_failure_is_told_and_the_rest_is_read(
    ahead: Ahead, model: Model, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    model.fails = {"b": error}
    with caplog.at_level(logging.WARNING):
        ahead.start()
        until(lambda: len(model.read) == 2)
    assert model.read == ["c", "a"]
    told = str(error) if isinstance(error, LLMError) else type(error).__name__
    assert told in caplog.text
    assert "unforeseen" not in caplog.text, "words of an error that we do not know may be an article's"


def test_a_stop_that_comes_as_an_error_is_no_failure(
    ahead: Ahead, model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    model.fails = {"c": Stopped()}
    ahead.start()
    until(lambda: len(model.read) == 2)
    assert model.read == ["b", "a"]
    assert not caplog.text


def test_closing_waits_for_the_model(model: Model) -> None:
    model.seconds = 10
    ahead = Ahead(model.work, lambda: model.articles, model.has_room)
    ahead.start()
    time.sleep(0.3)
    began = time.monotonic()
    ahead.close()
    assert time.monotonic() - began < 5, "an article takes 10"
    assert model.broken_off == ["c"]
    Ahead(model.work, lambda: model.articles, model.has_room).close()  # never started


def test_what_was_asked_about_is_begun_again_when_it_was_broken_off(ahead: Ahead, model: Model) -> None:
    model.seconds = 10
    ahead.want(lambda stop: model.work("asked", stop, True))
    ahead.start()
    time.sleep(0.3)
    with ahead.paused():
        until(lambda: model.broken_off == ["asked"])
        model.seconds = 0.01
    until(lambda: len(model.read) == 4)
    assert model.read[0] == "asked"


def test_a_store_that_fails_is_asked_again(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    failures = [StoreError("The store is locked. Try again."), RuntimeError("unforeseen")]

    def articles() -> list[ArticleInfo]:
        if failures:
            raise failures.pop()
        return model.articles

    ahead = Ahead(model.work, articles, model.has_room)
    ahead.start()
    until(lambda: len(model.read) == 3)
    ahead.close()
    assert "locked" in caplog.text


def test_now_and_then_all_is_looked_at_again(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may have pushed it out, or the prompt have another date in it; and a failure may have passed."""
    model.fails = {"b": StoreError("The store is locked. Try again.")}
    made = Ahead(model.work, lambda: model.articles, model.has_room)
    made.start()
    until(lambda: model.read == ["c", "a"])
    model.articles = [ArticleInfo(id="d", title="d"), *model.articles]
    until(lambda: model.read[2:] == ["d"])
    monkeypatch.setattr("bot.ahead.AGAIN_SECONDS", 0.5)
    until(lambda: len(model.read) >= 7)
    made.close()
    assert model.read[3:7] == ["d", "c", "b", "a"]
    assert model.in_any_case == ["d"], "nothing has to go for it a second time"


def test_now_and_then_one_article_is_looked_at_though_there_is_no_room(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fills the room may be of no use with today's prompt, which is told only when something is read."""

    def work(article: str, stop: threading.Event, spare: bool) -> bool:
        if len(model.read) == 2:  # another date is told
            monkeypatch.setattr("bot.ahead.AGAIN_SECONDS", 3600.0)
            model.room = 100
        return model.work(article, stop, spare)

    model.room = 2
    made = Ahead(work, lambda: model.articles, model.has_room)
    made.start()
    until(lambda: model.read == ["c", "b"])
    time.sleep(0.2)
    assert model.read == ["c", "b"]
    monkeypatch.setattr("bot.ahead.AGAIN_SECONDS", 0.5)
    until(lambda: len(model.read) == 5)
    made.close()
    assert model.read == ["c", "b", "c", "b", "a"]
    assert model.in_any_case == []


def test_an_article_that_is_not_read_whole_is_not_counted(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at again, and the others are read first."""
    monkeypatch.setattr("bot.ahead.LOOK_SECONDS", 1.0)  # longer than reading three takes on a busy machine
    whole = model.work
    asked: list[str] = []

    def part(article: str, stop: threading.Event, spare: bool) -> bool:
        asked.append(article)
        return whole(article, stop, spare) and article != "c"

    made = Ahead(part, lambda: model.articles, model.has_room)
    made.start()
    until(lambda: asked.count("c") == 2)
    made.close()
    assert asked[:4] == ["c", "b", "a", "c"]
