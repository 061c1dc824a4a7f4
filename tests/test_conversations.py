"""conversations: nothing is lost or half there, damage is told, ids from outside name no other file, and exports."""

import datetime as dt
import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from anything import damaged, texts
from hypothesis import given
from remedies import told

from bot.conversations import Conversations, Said, answer_as_markdown, as_json, as_markdown
from bot.conversations.kept import TITLE, titled
from bot.errors import ConversationError
from bot.schema import Answer, Citation, Sentence

QUOTE = "A single ticket costs 4 crowns."


def answer(text: str = "It costs 4 crowns.", question: str = "How much?", **more: object) -> Answer:
    citation = Citation(article="ferry", start=3, end=3 + len(QUOTE), marker=1, quote=QUOTE, sentence=0, title="Ferry")
    given = {"sentences": (Sentence(text=text, markers=(1,), support=0.9),), "citations": (citation,)} | more
    return Answer(question=question, text=text, **given)  # type: ignore[arg-type]


@pytest.fixture
def kept(tmp_path: Path) -> Conversations:
    return Conversations(tmp_path / "conversations")


def questions(kept: Conversations, talk: str) -> list[str]:
    return [said.question for said in kept.read(talk)]


def file_of(kept: Conversations, talk: str) -> Path:
    return kept._folder / f"{talk}.jsonl"


def test_a_conversation_is_read_as_it_was_kept(kept: Conversations) -> None:
    first, second = answer(), answer("No one knows.", "And who?", sentences=(), citations=(), refused=True)
    talk = kept.add("", "How much?", first)
    assert kept.add(talk, "And who?", second) == talk
    again = Conversations(kept._folder)
    assert [(said.question, said.answer) for said in again.read(talk)] == [("How much?", first), ("And who?", second)]
    (listed,) = again.all()
    assert (listed.id, listed.title, listed.questions, listed.damaged) == (talk, "How much?", 2, False)
    assert listed.changed == again.read(talk)[-1].at


def test_nothing_is_there_at_first(kept: Conversations, tmp_path: Path) -> None:
    assert kept.all() == []
    assert not list(tmp_path.iterdir()), "no folder before there is something to keep"
    kept.remove("0" * 16)


def test_the_last_changed_comes_first(kept: Conversations) -> None:
    talks = [kept.add("", f"Question {number}?", answer()) for number in range(3)]
    kept.add(talks[0], "One more?", answer())
    assert [talk.id for talk in kept.all()] == [talks[0], talks[2], talks[1]]


def test_a_question_asked_again_replaces_its_answer(kept: Conversations) -> None:
    talk = kept.add("", "How much?", answer())
    kept.add(talk, "Who?", answer("Ada."))
    kept.add(talk, "Who exactly?", answer("Ada Quill."), instead=kept.read(talk)[-1].at)
    assert [(said.question, said.answer.text) for said in kept.read(talk)][1:] == [("Who exactly?", "Ada Quill.")]
    fresh = kept.add("", "Why?", answer(), instead=dt.datetime.now(dt.UTC))
    assert questions(kept, fresh) == ["Why?"]


def test_only_what_was_said_last_is_replaced(kept: Conversations) -> None:
    """Another tab has added to the conversation meanwhile."""
    first, second = (dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (1, 2))
    talk = kept.add("", "First?", answer(), at=first)
    kept.add(talk, "Second?", answer(), at=second)
    kept.add(talk, "First again?", answer(), instead=first)
    assert questions(kept, talk) == ["First?", "Second?", "First again?"]


@pytest.mark.parametrize(
    ("query", "found"),
    [("", {"ferry", "storm"}), ("FERRY", {"ferry"}), ("roofs", {"storm"}), ("crowns ticket", {"ferry"}),
     ("ferry roofs", set()), ("zebra", set()), ("{", set()), ("answer", set())],
)  # fmt: skip
def test_search_in_questions_and_answers(kept: Conversations, query: str, found: set[str]) -> None:
    talks = {
        kept.add("", "What is a ticket of the ferry?", answer("4 crowns.")): "ferry",
        kept.add("", "What did the storm take?", answer("Eleven Roofs.")): "storm",
    }
    assert {talks[talk.id] for talk in kept.all(query)} == found


def test_what_is_removed_is_gone(kept: Conversations) -> None:
    talk, other = kept.add("", "How much?", answer()), kept.add("", "Why?", answer())
    kept.remove(talk)
    assert [one.id for one in kept.all()] == [other]
    with pytest.raises(ConversationError, match="not there any more"):
        kept.read(talk)
    kept.remove(talk)
    kept.add(talk, "Again?", answer())
    assert questions(kept, talk) == ["Again?"], "a tab that still shows it goes on with what is new"


@pytest.mark.parametrize("talk", ["../settings", "0" * 15, "0" * 17, "G" * 16, "/etc/passwd", "write", "0" * 16 + "\n"])
def test_only_our_names_reach_a_file(kept: Conversations, talk: str) -> None:
    for use in (kept.read, kept.remove, lambda name: kept.add(name, "Who?", answer())):
        with pytest.raises(ConversationError, match="not there"):
            use(talk)


def test_broken_off_anywhere_it_is_the_old_or_the_new(kept: Conversations) -> None:
    """As if the process was killed after each byte of the second line; then one more is added."""
    talk = kept.add("", "First?", answer())
    path = file_of(kept, talk)
    one = path.read_bytes()
    kept.add(talk, "Second?", answer("Ünïcode: 你好"))
    two = path.read_bytes()
    for end in range(len(one), len(two) + 1):
        path.write_bytes(two[:end])
        whole = end >= len(two) - 1  # all but its line end, as some editors leave it
        expected = ["First?", "Second?"] if whole else ["First?"]
        assert questions(kept, talk) == expected
        if end % 50 == 0 or whole:
            kept.add(talk, "Third?", answer())
            assert questions(kept, talk) == [*expected, "Third?"]


@pytest.mark.parametrize(
    "damage", [b"\xff\xfe", b"null", b"[]", b'{"form": 9}', b'{"form": 1, "instead": null, "said": 1}']
)
def test_damage_is_told_and_leaves_the_others(kept: Conversations, damage: bytes) -> None:
    talk, other = kept.add("", "How much?", answer()), kept.add("", "Why?", answer())
    path = file_of(kept, talk)
    path.write_bytes(path.read_bytes() + damage + b"\n")
    with pytest.raises(ConversationError, match=rf"{path.name} is damaged in line 2\. Remove"):
        kept.read(talk)
    assert {(one.id, one.damaged) for one in kept.all()} == {(talk, True), (other, False)}
    assert [one.id for one in kept.all("why")] == [other]
    kept.remove(talk)
    assert [one.id for one in kept.all()] == [other]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    kept = Conversations(tmp_path / "file" / "conversations")
    with pytest.raises(ConversationError, match="was not kept in .*conversations: Not a directory"):
        kept.add("", "How much?", answer())
    assert kept.all() == []


def test_a_full_disk_leaves_what_was_there(kept: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = kept.add("", "First?", answer())
    before = file_of(kept, talk).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bot.jsonlines.os.fsync", full)
    with pytest.raises(ConversationError, match="No space left on device. Make room"):
        kept.add(talk, "Second?", answer())
    assert file_of(kept, talk).read_bytes() == before


def test_many_at_once(kept: Conversations) -> None:
    talk = kept.add("", "0?", answer())
    start = threading.Barrier(8)

    def add(number: int) -> None:
        start.wait()
        kept.add(talk, f"{number}?", answer())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(1, 9)))
    assert sorted(questions(kept, talk)) == [f"{number}?" for number in range(9)]


@pytest.mark.parametrize(
    ("question", "title"),
    [("Why?", "Why?"), (" Two\n lines ", "Two lines"), ("x" * 80, "x" * 80), ("x" * 81, "x" * 79 + "…"), ("", "")],
)
def test_titles(question: str, title: str) -> None:
    assert titled(question) == title
    assert len(titled(question)) <= TITLE


# -- export --


def said(question: str, given: Answer) -> Said:
    return Said(question=question, answer=given, at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC))


def test_an_answer_as_markdown() -> None:
    first = Citation(
        article="a", start=0, end=len(QUOTE), marker=1, quote=QUOTE, sentence=0, title="Fares *rise*",
        date=dt.date(2025, 3, 1), url="https://courier.example/a_b",
    )  # fmt: skip
    second = Citation(
        article="b", start=5, end=9, marker=2, quote="the\nquay", sentence=1, title="", url="javascript:x"
    )
    given = answer(
        sentences=(Sentence(text="It costs 4.", markers=(1,)), Sentence(text="See the quay.", markers=(1, 2))),
        citations=(first, first.model_copy(update={"sentence": 1}), second),
    )
    assert answer_as_markdown(given) == (
        "It costs 4. [1] See the quay. [1] [2]\n\n"
        f"[1] “{QUOTE}” — Fares \\*rise\\*, 2025-03-01, <https://courier.example/a_b>  \n"
        "[2] “the quay” — Untitled, javascript:x"
    )


def test_entities_stay_as_they_are_written() -> None:
    given = answer("Write &lt;b&gt; & go.", sentences=(), citations=())
    assert answer_as_markdown(given) == "Write \\&lt;b\\&gt; \\& go."


def test_a_conversation_as_markdown_and_json() -> None:
    refusal = answer("Nothing <b>there</b>.", sentences=(), citations=(), refused=True)
    talk = [said("# How *much*?", answer()), said("1. Why?", refusal)]
    text = as_markdown(talk)
    assert text.startswith("## \\# How \\*much\\*?\n\nIt costs 4 crowns. [1]\n\n[1] “A single")
    assert text.endswith("## 1\\. Why?\n\nNothing \\<b\\>there\\</b\\>.\n")
    loaded = [Said.model_validate(one) for one in json.loads(as_json(talk))]
    assert loaded == talk


# -- whatever stands in a file --

DAYS = {"How much?": dt.datetime(2025, 5, 18, tzinfo=dt.UTC), "Why?": dt.datetime(2025, 5, 19, tzinfo=dt.UTC)}
SAID = [Said(question=asked, answer=answer(), at=day).model_dump(mode="json") for asked, day in DAYS.items()]
GOOD = b"".join(json.dumps({"form": 1, "instead": None, "said": one}).encode() + b"\n" for one in SAID)
NAIVE = GOOD.replace(b"T00:00:00Z", b"T00:00:00")
DEEP = b'{"form": ' + b"[" * 100_000 + b"\n"


@pytest.mark.parametrize("data", [NAIVE, DEEP, b'{"form": 1, "instead": "x"}\n'], ids=["naive", "deep", "short"])
def test_an_odd_file_is_a_damaged_conversation_and_others_are_listed(kept: Conversations, data: bytes) -> None:
    whole = kept.add("", "How much?", answer())
    file_of(kept, "0" * 16).write_bytes(data)
    assert {talk.id: talk.damaged for talk in kept.all()} == {whole: False, "0" * 16: True}
    with pytest.raises(ConversationError, match="damaged in line 1. Remove the conversation"):
        kept.read("0" * 16)


@given(damaged(GOOD))
def test_any_file_is_a_conversation_or_a_damaged_one(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Conversations(Path(folder))
        whole = kept.add("", "How much?", answer())
        file_of(kept, "0" * 16).write_bytes(data)
        assert whole in [talk.id for talk in kept.all()]
        kept.all("how much")
        with told(ConversationError, about=folder):
            assert as_markdown(kept.read("0" * 16)) or not data.strip()


@given(texts(6), texts(6))
def test_any_words_come_back_as_they_can_be_stored(question: str, said: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Conversations(Path(folder))
        talk = kept.add(
            "", question.encode("utf-8", "replace").decode(), answer(said.encode("utf-8", "replace").decode())
        )
        (one,) = kept.read(talk)
        assert one.question == question.encode("utf-8", "replace").decode()
        json.loads(as_json([one]))
        as_markdown([one]).encode()


@given(texts(3))
def test_no_words_from_a_browser_name_a_file(talk: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Conversations(Path(folder))
        for use in (kept.read, kept.remove):
            with pytest.raises(ConversationError, match="not there"):
                use(talk)
