"""MultiHop-RAG (Tang & Yang 2024, "MultiHop-RAG: Benchmarking Retrieval-Augmented Generation for Multi-Hop Queries").

The form, as the set's own code reads it (yixuantt/MultiHop-RAG: simple_retrieval.py, retrieval_evaluate.py) and as
tests of other readers show it; the files themselves are kept there by Git LFS, and were not seen. Two files, each one
JSON list: dataset/MultiHopRAG.json, `[{query, answer, question_type, evidence_list: [{title, url, source, author,
category, published_at, fact}]}]`, and dataset/corpus.json, `[{title, author, source, published_at, category, url,
body}]`. Both are needed: the questions do not hold the articles. A `null_query` has no answer in the corpus. `fact` is
a sentence of the article's body, whose white space may differ.

Which file is which is told by the fields. Questions have no ids, so they get their number. `question_type` is kept, for
`bot eval --by question_type`.
"""

from collections.abc import Sequence
from pathlib import Path

from bot.datasets import place
from bot.datasets.made import Made, cut, named
from bot.datasets.raw import Loose, read_json
from bot.errors import DatasetError
from bot.evaluate.cases import Evidence
from bot.schema import Article

UNANSWERABLE = "null_query"


class _Fact(Loose):
    fact: str = ""
    title: str = ""
    url: str = ""


class _Query(Loose):
    query: str
    answer: str
    question_type: str = ""
    evidence_list: tuple[_Fact, ...] = ()


class _Story(Loose):
    title: str
    body: str
    url: str | None = None
    source: str | None = None
    author: str | None = None
    published_at: str | None = None


def read(files: Sequence[Path]) -> Made:
    """Raises DatasetError for a file that is not in the form, or where one of the two is missing."""
    queries: list[_Query] = []
    stories: list[_Story] = []
    for file in files:
        if _holds_queries(file):
            queries += read_json(file, list[_Query], "multihop-rag")
        else:
            stories += read_json(file, list[_Story], "multihop-rag")
    if not queries or not stories:
        lacking = "MultiHopRAG.json (the questions)" if stories else "corpus.json (the articles)"
        raise DatasetError(f"A file of multihop-rag is missing: {lacking}. Name both.")
    made = Made()
    known: dict[str, Article] = {}
    for story in stories:
        _add(made, story, known)
    for number, query in enumerate(queries, start=1):
        _ask(made, number, query, known)
    return made


def _holds_queries(file: Path) -> bool:
    objects = read_json(file, list[dict[str, object]], "multihop-rag")
    return bool(objects) and "query" in objects[0]


def _add(made: Made, story: _Story, known: dict[str, Article]) -> None:
    article = made.article(
        named(story.title),
        story.body,
        title=story.title,
        date=made.date(story.published_at),
        url=story.url,
        source=story.source,
        author=story.author,
    )
    if article:
        known.setdefault(story.title, article)
        if story.url:
            known[story.url] = article


def _ask(made: Made, number: int, query: _Query, known: dict[str, Article]) -> None:
    answerable = query.question_type != UNANSWERABLE
    gold: list[Article] = []
    evidence: list[Evidence] = []
    for fact in query.evidence_list if answerable else ():
        article = known.get(fact.url) or known.get(fact.title)
        if article is None:
            made.left_out["facts left out: the corpus lacks their article"] += 1
            continue
        gold.append(article)
        where = place.exactly(article.text, fact.fact) or place.loosely(article.text, fact.fact) if fact.fact else None
        if where:
            evidence.append(cut(article, where))
        else:
            made.left_out["facts left out: they do not stand in their article"] += 1
    made.ask(
        f"multihop-rag-{number}",
        query.query,
        answerable=answerable,
        answers=[query.answer],
        gold=gold,
        evidence=evidence,
        question_type=query.question_type,
    )
