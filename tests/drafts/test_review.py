"""Decisions on drafts: at once in the file, nothing lost, and taken back whole."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bot.drafts.file import DraftFile
from bot.drafts.review import GONE, Review
from bot.errors import DatasetError
from bot.evaluate.cases import load_questions
from drafts.library import BRIDGE, COST, QUESTION

OWN = b'{"id":"own",  "question": "Why?", "answerable": false, "note": "\xc3\xa9"}'


def draft(id: str, **more: Any) -> dict[str, Any]:
    span = {"article": "bridge", "start": COST.start, "end": COST.end, "text": COST.text}
    context = {
        "title": BRIDGE.title,
        "date": "2019-05-05",
        "before": COST.before,
        "text": COST.text,
        "after": COST.after,
    }
    value = {
        "id": id, "question": QUESTION, "answerable": True, "answers": ["3.2 million crowns"], "gold": ["bridge"],
        "evidence": [span], "draft": True, "made_by": "small", "context": context,
    }  # fmt: skip
    return value | more


def write(folder: Path, *values: dict[str, Any]) -> DraftFile:
    file = DraftFile(folder / "q.jsonl")
    lines = [OWN, *(json.dumps(value).encode() for value in values)]
    file.path.write_bytes(b"\n".join(lines) + b"\n")
    return file


@pytest.fixture
def file(tmp_path: Path) -> DraftFile:
    return write(tmp_path, draft("one"), draft("two"), draft("three"))


def by_id(file: DraftFile) -> dict[str, Any]:
    return {value["id"]: value for value in map(json.loads, file.path.read_bytes().splitlines())}


def shown(review: Review) -> str | None:
    first = review.first()
    return first.id if first else None


def test_what_is_shown_is_the_first_draft_in_its_surroundings(file: DraftFile) -> None:
    first = Review(file).first()
    assert first
    assert (first.id, first.question, first.answers, first.answerable) == (
        "one",
        QUESTION,
        ("3.2 million crowns",),
        True,
    )
    assert first.context.before + first.context.text + first.context.after == BRIDGE.text
    assert Review(file).counts() == (3, 0, 0)


def test_an_accepted_draft_is_a_question(file: DraftFile) -> None:
    review = Review(file)
    before = file.path.read_bytes()
    assert review.accept("one", " What was the price? ", ["3.2 million", "", " crowns "]) == ""
    one = by_id(file)["one"]
    assert (one["question"], one["answers"]) == ("What was the price?", ["3.2 million", "crowns"])
    assert {"draft", "context"}.isdisjoint(one)
    assert one["made_by"] == "small"
    assert one["evidence"] == draft("one")["evidence"]
    lines = file.path.read_bytes().splitlines()
    assert lines[0] == OWN
    assert lines[2:] == before.splitlines()[2:], "the others are as they were, byte for byte"
    assert file.backup.read_bytes() == before
    assert shown(review) == "two"
    assert review.counts() == (2, 1, 0)
    review.drop("two")
    assert file.backup.read_bytes() == before, "the first original stays"
    assert len(load_questions(file.path)) == 3


def test_a_dropped_draft_lies_in_another_file(file: DraftFile) -> None:
    review = Review(file)
    assert review.drop("two") == ""
    assert list(by_id(file)) == ["own", "one", "three"]
    [left] = map(json.loads, file.left_out.read_bytes().splitlines())
    assert left == draft("two", why="was dropped in review")
    assert file.left_out_ids() == {"two"}
    assert review.counts() == (2, 0, 1)


def test_decisions_are_taken_back_one_by_one_to_the_byte(file: DraftFile) -> None:
    review, before = Review(file), file.path.read_bytes()
    review.drop("one")
    review.accept("two", QUESTION, ["3.2 million crowns"])
    review.drop("three")
    assert shown(review) is None
    for id in ("three", "two", "one"):
        back = review.back()
        assert back
        assert back.id == id
        assert shown(review) == id
    assert review.back() is None
    assert file.path.read_bytes() == before
    assert file.left_out.read_bytes() == b""
    assert review.counts() == (3, 0, 0)


def test_an_edit_is_kept_before_any_decision_and_by_back(file: DraftFile) -> None:
    assert Review(file).edit("one", "What did it cost?", ["crowns"]) == ""
    again = Review(file)
    first = again.first()
    assert first
    assert (first.question, first.answers) == ("What did it cost?", ("crowns",))
    assert by_id(file)["one"]["draft"] is True
    again.accept("one", "What, then, did it cost?", ["million"])
    back = again.back()
    assert back
    assert (back.question, back.answers) == ("What, then, did it cost?", ("million",))


@pytest.mark.parametrize(
    ("answers", "more", "warning"),
    [
        (["3.2 million crowns", "the 3.2 million Crowns!"], {}, None),
        (["4 crowns"], {}, "does not stand in the marked words: 4 crowns"),
        (["crowns", "Vell"], {}, "does not stand in the marked words: Vell"),
        ([], {}, "Without an answer"),
        ([], {"answerable": False, "evidence": []}, None),
        (["Vell"], {"answerable": False, "evidence": []}, "marked as having no answer"),
        (["Vell"], {"evidence": []}, None),
    ],
)
def test_warnings_do_not_block(tmp_path: Path, answers: list[str], more: dict[str, Any], warning: str | None) -> None:
    file = write(tmp_path, draft("one", **more))
    review = Review(file)
    said = [review.edit("one", QUESTION, answers), review.accept("one", QUESTION, answers)]
    for one in said:
        assert warning in one if warning else one == ""
    assert by_id(file)["one"]["answers"] == answers
    assert review.first() is None


def test_a_question_without_words_is_not_accepted_nor_kept(file: DraftFile) -> None:
    review, before = Review(file), file.path.read_bytes()
    assert "Type a question" in review.accept("one", "  ", ["x"])
    assert "needs words" in review.edit("one", "", ["x"])
    assert file.path.read_bytes() == before


@pytest.mark.parametrize("id", ["own", "nosuch", "one"])
def test_what_is_no_draft_any_more_is_not_decided_again(file: DraftFile, id: str) -> None:
    review = Review(file)
    review.accept("one", "Accepted?", ["x"])
    before = file.path.read_bytes()
    assert review.accept(id, "Again?", ["y"]) == review.drop(id) == GONE
    assert review.edit(id, "Again?", ["y"]) == ""
    assert file.path.read_bytes() == before
    assert not file.left_out.exists()


def test_lines_that_come_while_it_is_reviewed_stay(file: DraftFile) -> None:
    review = Review(file)
    names = [f"new{number}" for number in range(20)]
    with ThreadPoolExecutor(2) as pool:
        added = pool.map(lambda name: file.add(draft(name)), names)
        decided = [pool.submit(decide, id) for decide, id in ((review.drop, "one"), (review.drop, "three"))]
        list(added)
        assert [one.result() for one in decided] == ["", ""]
    assert sorted(by_id(file)) == sorted(["own", "two", *names])


def test_drafts_of_others_are_shown_by_their_evidence(tmp_path: Path) -> None:
    bare = draft("one")
    del bare["context"]
    assert (first := Review(write(tmp_path, bare)).first())
    assert first.context.text == COST.text
    odd = Review(write(tmp_path, draft("one", context={"title": 5}, changed="x"))).first()
    assert odd
    assert (odd.context.title, odd.context.text, odd.changed) == ("", COST.text, ())


def test_a_link_stays_one_and_the_rights_of_the_file_stay(file: DraftFile, tmp_path: Path) -> None:
    file.path.chmod(0o640)
    link = tmp_path / "link.jsonl"
    link.symlink_to(file.path)
    assert Review(DraftFile(link)).drop("one") == ""
    assert link.is_symlink()
    assert file.path.stat().st_mode & 0o777 == 0o640
    assert "one" not in by_id(file)


def test_what_cannot_be_written_changes_nothing(file: DraftFile, tmp_path: Path) -> None:
    review, before = Review(file), file.path.read_bytes()
    file.left_out.mkdir()
    with pytest.raises(DatasetError, match="cannot be written"):
        review.drop("one")
    assert file.path.read_bytes() == before
    assert review.counts() == (3, 0, 0)
    assert review.back() is None
    assert not list(tmp_path.glob(".q*")), "no half file is left"


def test_a_damaged_line_is_told(file: DraftFile) -> None:
    file.path.write_bytes(OWN + b'\n{"id": 1}\n')
    with pytest.raises(DatasetError, match="line 2: .*Mend"):
        Review(file).first()
