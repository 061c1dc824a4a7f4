"""late: stands in for the bot until its models are here; a failure is told, and tried again."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from fakes import FakeEmbedder, FakeLLM
from samples import FERRY, article, put

from bot.chat import Chat
from bot.cli.compose import open_chat
from bot.config import Settings
from bot.errors import FetchError, ModelError
from bot.late import Late, Report
from bot.schema import AnswerEvent, Filters, Setup
from bot.store import Store

MISSING = "big-model (1,117 MB)"


@pytest.fixture
def chat(store: Store, fake_embedder: FakeEmbedder) -> Chat:
    put(store, fake_embedder, article("ferry", FERRY))
    return open_chat(Settings(), fake_embedder, store, FakeLLM(["A single ticket costs 4 crowns."]))  # type: ignore[arg-type]


class Fetch:
    """Reports, then waits for `go`; fails as often as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.go, self.calls = threading.Event(), 0

    def __call__(self, report: Report) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        while not self.go.wait(0.01):
            report("big-model: fetch", 5, 10)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def late(chat: Chat) -> Iterator[tuple[Late, Fetch]]:
    fetch = Fetch()
    bot = Late("big-model", MISSING, fetch, lambda: chat)
    yield bot, fetch
    bot.close()


def test_it_fetches_when_it_is_told_to_and_then_answers(late: tuple[Late, Fetch]) -> None:
    bot, fetch = late
    assert bot.setup() == Setup(missing=MISSING)
    assert (bot.model_name, bot.articles(), bot.reading().total) == ("big-model", [], 0)
    bot.begin()
    bot.begin()
    until(lambda: bot.setup() == Setup(missing=MISSING, running=True, stage="big-model: fetch", done=5, total=10))
    fetch.go.set()
    until(lambda: bot.setup() is None)
    bot.begin()
    assert fetch.calls == 1
    assert [info.id for info in bot.articles()] == ["ferry"]
    assert bot.search("ticket", 1, Filters())
    assert bot.article("ferry").text == FERRY
    *_, last = bot.ask("How much is a single ticket?")
    assert isinstance(last, AnswerEvent)


@pytest.mark.parametrize(
    "use",
    [
        lambda bot: bot.ask("Why?"),
        lambda bot: bot.search("Why?", 1, Filters()),
        lambda bot: bot.article("ferry"),
        lambda bot: bot.add_files([]),
        lambda bot: bot.add_url("https://example.org/"),
        lambda bot: bot.remove("ferry"),
    ],
)
def test_until_then_it_says_what_to_do(late: tuple[Late, Fetch], use: Callable[[Late], object]) -> None:
    with pytest.raises(ModelError, match="Fetch them first"):
        use(late[0])


@pytest.mark.parametrize(
    ("failure", "told"),
    [(FetchError("No source has it. Check the network."), "No source has it"), (ZeroDivisionError(), "It failed")],
)
def test_a_failure_is_told_and_it_can_be_tried_again(chat: Chat, failure: Exception, told: str) -> None:
    fetch = Fetch(failure)
    fetch.go.set()
    bot = Late("big-model", MISSING, fetch, lambda: chat)
    bot.begin()
    until(lambda: (state := bot.setup()) and state.problem)
    state = bot.setup()
    assert state is not None
    assert (told in state.problem, state.running) == (True, False)
    bot.begin()
    until(lambda: bot.setup() is None)
    bot.close()


def test_closing_ends_the_fetching(chat: Chat) -> None:
    fetch = Fetch()
    bot = Late("big-model", MISSING, fetch, lambda: chat)
    bot.begin()
    until(lambda: (state := bot.setup()) and state.stage)
    began = time.perf_counter()
    bot.close()
    assert time.perf_counter() - began < 10
    state = bot.setup()
    assert state is not None
    assert not state.running
    bot.begin()
    assert fetch.calls == 1
