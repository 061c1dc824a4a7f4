"""chat: follow-up questions, how much history goes along, the list of articles, and files that are added."""

import datetime as dt
import threading
import time
from pathlib import Path

import pytest
from fakes import FakeEmbedder, FakeLLM
from samples import CHEESE, FERRY, STORM, article, put

from bot.answer import Answerer
from bot.articles import Fetched
from bot.articles.sentences import split
from bot.chat import Chat, describe
from bot.config import RetrieveSettings, Settings
from bot.errors import ArticleError, Stopped, StoreError
from bot.ingest import Ingester, Result
from bot.llm import NOTHING
from bot.prompt import find, read
from bot.retrieve import Retriever
from bot.schema import AnswerEvent, Filters, Message, Segment, StageEvent, Turn
from bot.store import Store
from bot.trace import sections

TICKET = "A single ticket costs 4 crowns."


@pytest.fixture
def llm() -> FakeLLM:
    return FakeLLM()


@pytest.fixture
def chat(store: Store, fake_embedder: FakeEmbedder, llm: FakeLLM, tmp_path: Path) -> Chat:
    retriever = Retriever(store, fake_embedder, tmp_path / "bm25", RetrieveSettings())
    answerer = Answerer(retriever, llm, fake_embedder, read(find("answer", None)), split, Settings())
    return Chat(answerer, store, Ingester(store, fake_embedder, 100), llm.name, history_turns=2)


BEFORE = [Turn(question="Who opened the quay?", answer="Mayor Ada Quill.")]


def test_a_follow_up_finds_what_the_conversation_is_about(
    chat: Chat, store: Store, llm: FakeLLM, fake_embedder: FakeEmbedder
) -> None:
    put(store, fake_embedder, article("ferry", FERRY), article("storm", STORM))
    llm.replies.append("Mayor Ada Quill opened the new quay in June.")
    *_, last = chat.ask("When was that?", history=BEFORE)
    assert isinstance(last, AnswerEvent)
    assert last.answer.question == "When was that?"
    assert last.answer.retrieved[0].text.startswith("Mayor Ada Quill opened the new quay")
    assert llm.asked[0][-1].content.endswith("When was that?")


@pytest.mark.parametrize(
    ("question", "earlier", "since"),
    [
        ("When was that?", Turn(question="Who opened the quay this week?", answer="Mayor Ada Quill."), True),
        ("When was that?", Turn(question="Who opened the quay this week?", answer="No.", refused=True), True),
        ("When was that?", Turn(question="Who opened the quay?", answer="Mayor Ada Quill."), False),
        ("Where does the harbour ferry stop?", Turn(question="Who opened the quay this week?", answer="No."), False),
    ],
)
def test_only_a_follow_up_keeps_the_period_of_the_question_that_it_leans_on(
    chat: Chat,
    store: Store,
    llm: FakeLLM,
    fake_embedder: FakeEmbedder,
    question: str,
    earlier: Turn,
    since: bool,
) -> None:
    put(store, fake_embedder, article("ferry", FERRY, date="2025-05-13"), article("storm", FERRY, date="2024-05-13"))
    llm.replies.append("Mayor Ada Quill opened the new quay in June.")
    filters = Filters(today=dt.date(2025, 5, 14))
    *_, last = chat.ask(question, [earlier], filters)
    assert isinstance(last, AnswerEvent)
    limits = dict(sections(last.answer)[0].facts)["in"]
    if since:
        assert limits == "articles from 2025-05-11 to 2025-05-14, for “this week”"
        assert {one.article for one in last.answer.retrieved} == {"ferry"}
    else:
        assert limits == "all articles"
        assert {one.article for one in last.answer.retrieved} == {"ferry", "storm"}


def test_who_asks_while_another_is_answered_is_told_so_and_waits(
    chat: Chat, store: Store, llm: FakeLLM, fake_embedder: FakeEmbedder
) -> None:
    put(store, fake_embedder, article("ferry", FERRY))
    llm.replies.extend([TICKET, TICKET])
    first = chat.ask("How much is a ticket?")
    next(first)
    second = chat.ask("How much is a ticket?")
    assert next(second) == StageEvent(stage="waiting", before=1)
    *_, last = first
    assert isinstance(last, AnswerEvent)
    *_, last = second
    assert isinstance(last, AnswerEvent)
    assert last.answer.citations


def test_who_leaves_while_waiting_takes_no_turn(
    chat: Chat, store: Store, llm: FakeLLM, fake_embedder: FakeEmbedder
) -> None:
    put(store, fake_embedder, article("ferry", FERRY))
    llm.replies.append(TICKET)
    first, stop = chat.ask("How much is a ticket?"), threading.Event()
    next(first)
    second = chat.ask("How much is a ticket?", stop=stop)
    next(second)
    stop.set()
    with pytest.raises(Stopped):
        next(second)
    *_, last = first
    assert isinstance(last, AnswerEvent)
    assert len(llm.asked) == 1


def test_search_gives_passages_and_asks_no_model(
    chat: Chat, store: Store, llm: FakeLLM, fake_embedder: FakeEmbedder
) -> None:
    put(store, fake_embedder, article("ferry", FERRY), article("storm", STORM), article("cheese", CHEESE))
    found = chat.search("How much is a single ticket?", 2, Filters(articles=("ferry", "cheese")))
    assert [one.article for one in found] == ["ferry", "cheese"]
    assert TICKET in found[0].text
    assert llm.asked == []


TURNS = [
    Turn(question="Who opened the quay?", answer="Mayor Ada Quill."),
    Turn(question="When did she do that?", answer="In June."),
    Turn(question="Why?", answer="No.", refused=True),
    Turn(question="And what did she say?", answer="That it was late."),
]


@pytest.mark.parametrize(
    ("question", "history", "shown"),
    [
        ("What else did she say?", TURNS, ["When did she do that?", "And what did she say?"]),
        ("What else did she do?", TURNS[:1], ["Who opened the quay?"]),
        ("What does a single ticket to Lindaby cost?", TURNS, []),
        (
            "Until when?",
            [*TURNS, Turn(question="Where is a storm expected?", answer="In Orra.")],
            ["Where is a storm expected?"],
        ),
    ],
)
def test_the_model_sees_the_last_answered_turns_that_the_question_leans_on(
    chat: Chat,
    store: Store,
    llm: FakeLLM,
    fake_embedder: FakeEmbedder,
    question: str,
    history: list[Turn],
    shown: list[str],
) -> None:
    put(store, fake_embedder, article("ferry", FERRY))
    llm.replies.append(TICKET)
    list(chat.ask(question, history))
    assert [message.content for message in llm.asked[0][1:-1:2]] == shown


def test_filters_hold(chat: Chat, store: Store, llm: FakeLLM, fake_embedder: FakeEmbedder) -> None:
    put(store, fake_embedder, article("ferry", FERRY), article("storm", STORM))
    llm.replies.append(TICKET)
    *_, last = chat.ask("How much is a ticket to Lindaby?", filters=Filters(articles=("storm",)))
    assert isinstance(last, AnswerEvent)
    assert {one.article for one in last.answer.retrieved} == {"storm"}
    assert last.answer.refused


def test_articles_are_listed_newest_first(chat: Chat, store: Store, fake_embedder: FakeEmbedder) -> None:
    put(
        store,
        fake_embedder,
        article("z", CHEESE, title="apple"),
        article("old", FERRY, date="2024-01-01"),
        article("y", CHEESE, title="Banana"),
        article("new", STORM, date="2025-01-01"),
    )
    assert [info.id for info in chat.articles()] == ["new", "old", "z", "y"]


def test_one_article_and_none(chat: Chat, store: Store, fake_embedder: FakeEmbedder) -> None:
    put(store, fake_embedder, article("ferry", FERRY))
    assert chat.article("ferry").text == FERRY
    with pytest.raises(StoreError, match="nosuch"):
        chat.article("nosuch")


def test_files_are_added_with_a_line_each(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "ferry.txt").write_text(FERRY, encoding="utf-8")
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    lines = chat.add_files([tmp_path / "ferry.txt", tmp_path / "empty.txt"])
    assert lines[0] == "added: ferry"
    assert lines[1].startswith("skipped: ")
    assert [info.id for info in chat.articles()] == ["ferry"]
    assert "nosuch" in chat.add_files([tmp_path / "nosuch.txt"])[0]


def test_a_result_in_a_line() -> None:
    assert describe(Result("added", "ferry")) == "added: ferry"
    assert describe(Result("skipped", "x.txt", "it is empty.")) == "skipped: x.txt: it is empty."


# -- reading ahead --


def segments_of(messages: list[Message]) -> list[Segment]:
    """Those of articles."""
    return [part for one in messages for part in one.parts if isinstance(part, Segment) and not part.last]


def test_what_is_read_for_a_question_is_what_is_shown_for_it(
    chat: Chat, store: Store, llm: FakeLLM, fake_embedder: FakeEmbedder
) -> None:
    put(store, fake_embedder, article("ferry", FERRY), article("storm", STORM))
    llm.keeps = True
    for question, history in (("How much is a ticket?", []), ("When was that?", BEFORE)):
        assert chat.read_for(question, history).read > 0
        llm.replies.append(TICKET)
        list(chat.ask(question, history))
        assert segments_of(llm.kept[-1]) == segments_of(llm.asked[-1])


def test_what_a_question_showed_is_read_later_though_its_asker_leaves_with_the_answer(
    chat: Chat, store: Store, llm: FakeLLM, fake_embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.ahead.IDLE_SECONDS", 0.1)
    put(store, fake_embedder, article("ferry", FERRY))
    llm.keeps = True
    llm.replies.append(TICKET)
    assert any(isinstance(event, AnswerEvent) for event in chat.ask("How much is a ticket?"))  # and no further
    chat.read_ahead()
    try:
        end = time.monotonic() + 10
        while not any(segments_of(messages) == segments_of(llm.asked[-1]) for messages in llm.kept):
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        chat.close()


def test_a_whole_article_is_read(chat: Chat, store: Store, llm: FakeLLM, fake_embedder: FakeEmbedder) -> None:
    put(store, fake_embedder, article("ferry", FERRY), article("storm", STORM))
    assert chat.read_article("ferry", threading.Event()) == (1, 0, 0)
    (segment,) = segments_of(llm.kept[0])
    assert "".join(segment.texts).split() == FERRY.split()
    assert segment.shown == tuple(range(len(segment.texts)))
    with pytest.raises(StoreError):
        chat.read_article("nosuch", threading.Event())


def test_reading_for_nothing_found_reads_nothing(chat: Chat, llm: FakeLLM) -> None:
    llm.keeps = True
    assert chat.read_for("How much is a ticket?") == NOTHING
    assert llm.kept == []


def test_a_model_that_keeps_nothing_is_not_bothered(
    chat: Chat, store: Store, llm: FakeLLM, fake_embedder: FakeEmbedder
) -> None:
    put(store, fake_embedder, article("ferry", FERRY))
    chat.read_ahead()
    assert chat.read_for("How much is a ticket?") == NOTHING
    llm.replies.append(TICKET)
    list(chat.ask("How much is a ticket?"))
    chat.close()
    assert (llm.kept, segments_of(llm.asked[0])) == ([], [])


def test_articles_are_read_ahead_and_what_was_asked_comes_first(
    chat: Chat, store: Store, llm: FakeLLM, fake_embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.ahead.IDLE_SECONDS", 0.05)
    put(store, fake_embedder, article("ferry", FERRY), article("storm", STORM))
    llm.keeps, llm.room = True, 100
    llm.replies.append(TICKET)
    list(chat.ask("How much is a ticket?"))
    chat.read_ahead()
    began = time.monotonic()
    while len(llm.kept) < 3:
        assert time.monotonic() - began < 5
        time.sleep(0.01)
    chat.close()
    assert segments_of(llm.kept[0]) == segments_of(llm.asked[0])
    assert [segments_of(messages)[0].head for messages in llm.kept[1:]] == [
        'Passage from "Ferry":',
        'Passage from "Storm":',
    ]


def test_web_pages_are_fetched_only_where_that_is_allowed(
    chat: Chat, store: Store, fake_embedder: FakeEmbedder, tmp_path: Path
) -> None:
    with pytest.raises(ArticleError, match=r"chat\.add_by_url"):
        chat.add_url("https://courier.example/ferry")
    asked: list[str] = []

    def fetch(url: str) -> Fetched:
        asked.append(url)
        return Fetched(f"Ferry sold\n\n{FERRY}".encode(), url, "text/plain", "utf-8")

    ingester = Ingester(store, fake_embedder, 100)
    allowed = Chat(chat._answerer, store, ingester, "fake", history_turns=2, fetch=fetch)
    [told] = allowed.add_url("https://courier.example/ferry")
    assert asked == ["https://courier.example/ferry"]
    assert told.startswith("added: courier.example_ferry")
    assert [info.url for info in allowed.articles()] == asked


def test_a_removed_article_is_gone_at_once(chat: Chat, store: Store, fake_embedder: FakeEmbedder) -> None:
    put(store, fake_embedder, article("ferry", FERRY), article("storm", STORM))
    chat.remove("ferry")
    assert [info.id for info in chat.articles()] == ["storm"]
    with pytest.raises(StoreError, match="no article 'ferry'"):
        chat.remove("ferry")
