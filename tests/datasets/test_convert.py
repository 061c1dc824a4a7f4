"""convert: small files in the forms of public sets, with words of our own, become what `bot eval` reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fakes import FakeEmbedder

from bot.datasets import FORMS, Converted, as_ours, check, convert
from bot.datasets.place import Place, beginning, exactly, loosely
from bot.errors import DatasetError
from bot.evaluate.cases import Question, check_evidence, load_questions
from bot.ingest import Ingester
from bot.store import Store

# -- the sets --

CUP = "The Lindaby Cup is a rowing race. It was first held in 1921 on Lake Orra. In 1921 Ada Quill won it."
LAKE = "Lake Orra is 40 metres deep.  Its water is cold."


def answer(text: str, start: int) -> dict[str, Any]:
    return {"text": text, "answer_start": start}


SQUAD: dict[str, Any] = {
    "version": "v2.0",
    "data": [
        {
            "title": "Lindaby_Cup",
            "paragraphs": [
                {
                    "context": CUP,
                    "qas": [
                        {
                            "id": "c1",
                            "question": " When was it first held?",
                            "is_impossible": False,
                            "answers": [answer("1921", 77), answer("1921", 55), answer("in 1921", 52)],
                        },
                        {
                            "id": "c2",
                            "question": "Who lost it?",
                            "is_impossible": True,
                            "answers": [],
                            "plausible_answers": [answer("Ada Quill", 82)],
                        },
                    ],
                },
                {
                    "context": LAKE,
                    "qas": [
                        {"id": "c3", "question": "How deep is it?", "answers": [answer("40 metres", 0)]},
                        {"id": "c4", "question": "How warm is it?", "answers": [answer("Not warm", 30)]},
                        {"id": "c1", "question": "Again?", "answers": [answer("cold", 44)]},
                    ],
                },
            ],
        },
        {"title": "Nothing", "paragraphs": []},
    ],
}

BELL = (
    "The bell of Orra was cast in 1750 . It weighs two tonnes . The bell cracked `` one cold night '' . It weighs two "
    "tonnes . "
)
BELL_SENTENCES = [
    "The bell of Orra was cast in 1750 .", "It weighs two tonnes .", "The bell cracked `` one cold night '' .",
    "It weighs two tonnes .",
]  # fmt: skip
CLAPNQ: list[dict[str, Any]] = [
    {
        "id": "17",
        "input": "tell me of the bell of orra",
        "passages": [{"title": "Bell of Orra", "text": BELL, "sentences": BELL_SENTENCES}],
        "output": [
            {
                "answer": "It was cast in 1750 and cracked.",
                "selected_sentences": [BELL_SENTENCES[0], BELL_SENTENCES[2]],
            },
            {"answer": "Cast in 1750.", "selected_sentences": [f"{BELL_SENTENCES[0]}&", "It was sold ."], "meta": {}},
        ],
    },
    {
        "id": 18,
        "input": "who cast the bell of kelsmouth",
        "passages": [
            {"title": "Kelsmouth", "text": "Kelsmouth has a quay . ", "sentences": ["Kelsmouth has a quay ."]}
        ],
        "output": [{"answer": None, "meta": None}],
    },
]

STOP = """# Title
The Fox of Orra


# Paragraph

Adv: <A1>Most residents <D2>were pleased</D2> with the fox.</A1> <A3>It <A2>slept in a barn </A2>by day.</A3> <A2>It left.</A2>
Int: <A1>Most people liked the fox.</A1> <A3>It <A2>slept in a barn</A2>.</A3> <D1>It</D1> left.

Ele: <A1>People liked the fox.</A1> <A3><A2>It slept.</A2></A3>

Q: What did people think?
a: They were glad
b: They were cross
c: They slept
d: They left

Q: Where was it?
a: In a barn
b: In a house
c: In a wood
d: In a boat

Q2: When did it sleep?
a: By day
b: By night
c: Never
d: In winter

# Paragraph
Adv: It came back.
Int: It came.
Ele: It came.
Q: Did it come back?
a: Yes
b: No
c: Perhaps
d: Never
"""  # noqa: E501 - a paragraph is a line
ADV = "Most residents were pleased with the fox. It slept in a barn by day. It left."
PARSED: dict[str, Any] = {
    "data": [
        {
            "title": "The Fox of Orra",
            "paragraphs": [
                {
                    "Adv": {
                        "context": f" {ADV} ",
                        "a_spans": [[0, 6], [8, 11, 14, 15], [7, 99]],
                        "d_spans": [[], [], []],
                    },
                    "Int": {"context": "It left.", "a_spans": [[0, 1], [], []], "d_spans": [[], [], []]},
                    "Ele": {"context": "It left.", "a_spans": [[0, 1], [], []], "d_spans": [[], [], []]},
                    "qas": [
                        {"question": f"Q{number}?", "references": -1, "answers": ["right", "b", "c", "d"]}
                        for number in range(3)
                    ],
                }
            ],
        }
    ]
}

STORIES: list[dict[str, Any]] = [
    {
        "title": "Orra wins the cup",
        "body": "Orra won the cup.\n\nThe town’s band\nplayed all night.",
        "url": "https://news.example/cup",
        "source": "The Lindaby Post",
        "author": "A. Quill",
        "category": "sports",
        "published_at": "2023-10-01T14:00:29+00:00",
    },
    {"title": "A new quay", "body": "The quay cost 3 million crowns.", "published_at": "soon", "url": "ftp://x"},
]
QUERIES: list[dict[str, Any]] = [
    {
        "query": "Which paper wrote of the cup and of which quay?",
        "answer": "The Lindaby Post",
        "question_type": "inference_query",
        "evidence_list": [
            {
                "title": "Orra wins the cup",
                "url": "https://news.example/cup",
                "fact": "The town's band played all night.",
            },
            {"title": "A new quay", "url": "https://news.example/other", "fact": "The quay cost 3 million crowns."},
            {"title": "A new quay", "url": "ftp://x", "fact": "The quay was cheap."},
            {"title": "Gone", "url": "", "fact": "Gone."},
        ],
    },
    {"query": "Who sank?", "answer": "Insufficient information.", "question_type": "null_query", "evidence_list": []},
]

RGB: list[dict[str, Any]] = [
    {"id": 0, "query": "Where was the cup?", "answer": "Orra", "positive": ["It was in Orra."], "negative": ["No."]},
    {"id": 1, "query": "When?", "answer": [["May 1", "1 May"]], "positive": ["On 1 May.", "May 1 it was."]},
    {
        "id": 2,
        "query": "Who and when?",
        "answer": [["Ada Quill", "Ada"], ["1 May", "May 1"]],
        "positive": [["Ada did.", "Ada Quill did."], ["On 1 May."]],
        "negative": ["No.", " "],
        "positive_wrong": ["Bo did."],
        "fakeanswer": "Bo",
    },
    {"id": 3, "query": "Why?", "answer": "Wind", "positive": [], "negative": ["No."]},
]  # fmt: skip


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def as_lines(values: list[dict[str, Any]]) -> str:
    return "".join(f"{as_json(value)}\n" for value in values)


class Set(NamedTuple):
    form: str
    files: dict[str, str]
    counts: tuple[int, int, int, int]
    left_out: dict[str, int]
    evidence: dict[str, list[str]]


SETS = [
    Set(
        "squad",
        {"dev-v2.0.json": "\ufeff" + as_json(SQUAD)},
        (2, 4, 3, 2),
        {
            "questions without evidence: no answer stands in their paragraph": 1,
            "questions left out: their id was there before": 1,
        },
        {
            "c1": ["It was first held in 1921 on Lake Orra."],
            "c2": [],
            "c3": ["Lake Orra is 40 metres deep."],
            "c4": [],
        },
    ),
    Set(
        "clapnq",
        {"answerable.jsonl": as_lines(CLAPNQ[:1]), "unanswerable.jsonl": as_lines(CLAPNQ[1:]) + "\r\n"},
        (2, 2, 1, 1),
        {"selected sentences left out: they do not stand in their passage": 1},
        {"17": [BELL_SENTENCES[0], BELL_SENTENCES[2]], "18": []},
    ),
    Set(
        "onestopqa",
        {"The-fox's-tale.txt": STOP.replace("\n", "\r\n")},
        (1, 4, 4, 3),
        {"questions without evidence: no words are marked for them": 1},
        {
            "The-fox's-tale.0.1": ["Most residents were pleased with the fox."],
            "The-fox's-tale.0.2": ["slept in a barn", "It left."],
            "The-fox's-tale.0.3": ["It slept in a barn by day."],
            "The-fox's-tale.1.1": [],
        },
    ),
    Set(
        "onestopqa",
        {"parsed_data.json": as_json(PARSED)},
        (1, 3, 3, 2),
        {"questions without evidence: no words are marked for them": 1},
        {
            "The-Fox-of-Orra.0.1": ["Most residents were pleased with the fox."],
            "The-Fox-of-Orra.0.2": ["slept in a barn", "It left."],
            "The-Fox-of-Orra.0.3": [],
        },
    ),
    Set(
        "onestopqa-ele",
        {"a.txt": STOP},
        (1, 4, 4, 3),
        {"questions without evidence: no words are marked for them": 1},
        {"a.0.1": ["People liked the fox."], "a.0.2": ["It slept."], "a.0.3": ["It slept."], "a.1.1": []},
    ),
    Set(
        "multihop-rag",
        {"MultiHopRAG.json": as_json(QUERIES), "corpus.json": as_json(STORIES)},
        (2, 2, 1, 1),
        {
            "dates left out: they are no days": 1,
            "facts left out: they do not stand in their article": 1,
            "facts left out: the corpus lacks their article": 1,
        },
        {
            "multihop-rag-1": ["The quay cost 3 million crowns.", "The town’s band\nplayed all night."],
            "multihop-rag-2": [],
        },
    ),
    Set(
        "rgb",
        {"en_mixed.json": as_lines(RGB)},
        (6, 4, 3, 0),
        {
            "articles left out: it has no text. Check that the file is the one you meant.": 1,
            "passages left out: mistakes were planted in them": 1,
        },
        {},
    ),
]

Write = Callable[[dict[str, str]], list[Path]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def made(files: dict[str, str]) -> list[Path]:
        for name, text in files.items():
            (tmp_path / name).write_bytes(text.encode())
        return [tmp_path / name for name in files]

    return made


def converted(form: str, files: list[Path], folder: Path) -> tuple[dict[str, Question], Converted]:
    done = convert(form, files, folder / "out")
    return {one.id: one for one in load_questions(done.questions)}, done


@pytest.mark.parametrize("one", SETS, ids=[f"{one.form} {next(iter(one.files))}" for one in SETS])
def test_a_set_is_ours_after_a_real_ingest(
    tmp_path: Path, write: Write, one: Set, store: Store, fake_embedder: FakeEmbedder
) -> None:
    questions, done = converted(one.form, write(one.files), tmp_path)
    counts = done.counts
    assert (counts.articles, counts.questions, counts.answerable, counts.with_evidence) == one.counts
    assert counts.left_out == one.left_out
    summary = Ingester(store, fake_embedder, 100).ingest([done.corpus])
    assert [result.outcome for result in summary.results] == ["added"] * counts.articles
    check_evidence(
        list(questions.values()), {article.id: article.text for article in store.articles(sorted(store.infos()))}
    )
    assert {name for question in questions.values() for name in question.gold} <= set(store.infos())
    if one.evidence:
        found = {name: [span.text for span in question.evidence] for name, question in questions.items()}
        assert found == one.evidence
    assert check(done.questions, done.corpus).errors == check(done.corpus).errors == 0


def test_every_form_is_tried() -> None:
    assert {one.form for one in SETS} | {"onestopqa-int"} == set(FORMS)


def test_squad(tmp_path: Path, write: Write) -> None:
    questions, done = converted("squad", write({"dev.json": as_json(SQUAD)}), tmp_path)
    first = questions["c1"]
    assert (first.question, first.answers, first.gold) == (
        "When was it first held?",
        ("1921", "in 1921"),
        ("Lindaby_Cup",),
    )
    assert (questions["c2"].answerable, questions["c2"].answers, questions["c2"].gold) == (False, (), ())
    cup, _ = map(json.loads, done.corpus.read_text(encoding="utf-8").splitlines())
    assert (cup["title"], cup["text"]) == ("Lindaby Cup", f"Lindaby Cup\n\n{CUP}\n\n{LAKE}")


def test_clapnq(tmp_path: Path, write: Write) -> None:
    questions, done = converted("clapnq", write({"all.jsonl": as_lines(CLAPNQ)}), tmp_path)
    assert questions["17"].answers == ("It was cast in 1750 and cracked.", "Cast in 1750.")
    bell, other = map(json.loads, done.corpus.read_text(encoding="utf-8").splitlines())
    assert (bell["title"], bell["text"], other["title"]) == ("Bell of Orra", BELL, "Kelsmouth")
    assert questions["17"].gold == (bell["id"],)


def test_onestopqa(tmp_path: Path, write: Write) -> None:
    folder = write({"a.txt": STOP, "b.txt": STOP.replace("Fox", "Hare")})[0].parent
    questions, done = converted("onestopqa", [folder], tmp_path)
    assert len(questions) == 8
    assert questions["a.0.1"].answers == ("They were glad",)
    assert questions["a.0.1"].distractors == ("They were cross", "They slept", "They left")
    fox = json.loads(done.corpus.read_text(encoding="utf-8").splitlines()[0])
    assert (fox["id"], fox["text"]) == ("a", f"The Fox of Orra\n\n{ADV}\n\nIt came back.")


def test_multihop_rag(tmp_path: Path, write: Write) -> None:
    questions, done = converted("multihop-rag", write({"c": as_json(STORIES), "q": as_json(QUERIES)}), tmp_path)
    first = questions["multihop-rag-1"]
    assert (first.answers, first.gold) == (("The Lindaby Post",), ("Orra-wins-the-cup", "A-new-quay"))
    assert [one.model_extra for one in questions.values()] == [
        {"question_type": "inference_query"},
        {"question_type": "null_query"},
    ]
    cup, quay = map(json.loads, done.corpus.read_text(encoding="utf-8").splitlines())
    assert (cup["date"], cup["source"], cup["author"]) == ("2023-10-01", "The Lindaby Post", "A. Quill")
    assert (quay["date"], quay["url"]) == (None, None)


def test_rgb(tmp_path: Path, write: Write) -> None:
    questions, _ = converted("rgb", write({"en.json": as_lines(RGB)}), tmp_path)
    found = {
        name: (one.answers, len(one.gold), one.answerable, (one.model_extra or {})["parts"])
        for name, one in questions.items()
    }
    assert found == {
        "en-0": (("Orra",), 1, True, 1),
        "en-1": (("May 1", "1 May"), 2, True, 1),
        "en-2": (("Ada Quill, 1 May",), 3, True, 2),
        "en-3": ((), 0, False, 1),
    }


# -- what is wrong --


def bad(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


WRONG: list[tuple[str, dict[str, str], str]] = [
    ("squad", {"a.json": as_json(SQUAD)[:-9]}, r"a\.json, line 1, byte \d+: it is not JSON"),
    ("squad", {"a.json": as_json(SQUAD).replace('"context"', '"text"')}, r"data\.0\.paragraphs\.0\.context: field"),
    ("squad", {"a.json": as_json({"data": []})}, "holds no questions"),
    ("squad", {"a.json": bad(as_json(SQUAD), "Again", "\\ud83d")}, "it is not JSON .*Fetch"),
    ("clapnq", {"a.jsonl": as_lines(CLAPNQ) + "{"}, r"a\.jsonl, line 3: it is not JSON .*column 1"),
    ("clapnq", {"a.jsonl": as_json(CLAPNQ[0]) + "\n" + as_json(SQUAD)}, r"line 2: it is not in the form clapnq: id:"),
    ("clapnq", {"a.jsonl": as_json(CLAPNQ)}, r"line 1: it is not in the form clapnq"),
    ("rgb", {"a.json": as_json(RGB[0]) + '\n{"id": 1}'}, r"line 2: .*query: field required"),
    ("multihop-rag", {"a.json": as_json(QUERIES)}, r"missing: corpus\.json \(the articles\)"),
    ("multihop-rag", {"a.json": as_json(STORIES)}, r"missing: MultiHopRAG\.json \(the questions\)"),
    ("multihop-rag", {"a.json": as_json(SQUAD)}, "not in the form multihop-rag"),
    ("onestopqa", {"a.txt": bad(STOP, "</A1>", "")}, r"a\.txt, line 7: the tag <A1> has no other end"),
    ("onestopqa", {"a.txt": bad(STOP, "<A1>", "")}, r"a\.txt, line 7: the tag </A1> has no other end"),
    ("onestopqa", {"a.txt": bad(STOP, "Int:", "Mid:")}, r"a\.txt, line 8: .*begins with 'Int:'"),
    ("onestopqa", {"a.txt": bad(STOP, "c: They slept\n", "")}, r"a\.txt, line 15: .*begins with 'c:'"),
    ("onestopqa", {"a.txt": STOP.removesuffix("d: Never\n")}, r"a\.txt, line \d+: .*begins with 'd:'"),
    ("onestopqa", {"a.txt": "A story.\n"}, r"a\.txt, line 1: .*begins with '# Title'"),
    ("onestopqa", {"a.json": as_json(SQUAD)}, "not in the form onestopqa"),
    ("skuad", {"a.json": as_json(SQUAD)}, "no form 'skuad'. Take one of squad, clapnq"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "files", "said"), WRONG)
def test_a_damaged_file_is_told_with_the_place(
    tmp_path: Path, write: Write, form: str, files: dict[str, str], said: str
) -> None:
    paths = write(files)
    with pytest.raises(DatasetError, match=said):
        convert(form, paths, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("# Title\ncafé".encode("latin-1"))
    for path, said in [("none.json", "none.json cannot be read"), ("latin.txt", "line 2: not UTF-8")]:
        with pytest.raises(DatasetError, match=said):
            convert("onestopqa", [tmp_path / path], tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no .txt files"):
        convert("onestopqa", [tmp_path / "empty"], tmp_path / "out")


def test_written_once_and_again_but_never_over_something_else(tmp_path: Path, write: Write) -> None:
    files = write({"dev.json": as_json(SQUAD)})
    questions, corpus = as_ours("squad", files, tmp_path / "out")
    before = questions.read_bytes(), corpus.read_bytes()
    assert as_ours("squad", files, tmp_path / "out") == (questions, corpus)
    assert (questions.read_bytes(), corpus.read_bytes()) == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["corpus.jsonl", "questions.jsonl"]
    with pytest.raises(DatasetError, match="is there already and holds something else"):
        as_ours("rgb", write({"en.json": as_lines(RGB)}), tmp_path / "out")
    assert (questions.read_bytes(), corpus.read_bytes()) == before
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(DatasetError, match="cannot be written: Not a directory|cannot be written: File exists"):
        as_ours("squad", files, tmp_path / "file")


def test_articles_of_one_title_get_ids_of_their_own(tmp_path: Path, write: Write) -> None:
    stories = [{"title": "Cup", "body": "One."}, {"title": "Cup", "body": "Two."}, {"title": "Cup", "body": "One."}]
    _, done = converted("multihop-rag", write({"c": as_json(stories), "q": as_json(QUERIES[1:])}), tmp_path)
    ids = [json.loads(line)["id"] for line in done.corpus.read_text(encoding="utf-8").splitlines()]
    assert ids == ["Cup", "Cup-2"]


# -- places --


@pytest.mark.parametrize(
    ("find", "text", "words", "near", "found"),
    [
        (exactly, "ab ab ab", "ab", 0, (0, 2)),
        (exactly, "ab ab ab", "ab", 4, (3, 5)),
        (exactly, "ab ab ab", "ab", 99, (6, 8)),
        (exactly, "ab", "c", 0, None),
        (loosely, "It’s  “so”", 'it\'s "so"', 0, (0, 10)),
        (loosely, "a.b", "a-b", 0, None),
        (loosely, "ab", " ", 0, None),
        (beginning, "one two three four", "one two three five", 0, (0, 15)),
        (beginning, "one two", "one more", 0, None),
    ],
)
def test_places(
    find: Callable[[str, str, int], Place | None], text: str, words: str, near: int, found: tuple[int, int] | None
) -> None:
    assert find(text, words, near) == found
