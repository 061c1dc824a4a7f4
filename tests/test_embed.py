"""embed with the real embedder: unit vectors, their order, their likeness, and windows."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.embed import STRIDE, WINDOW, LlamaEmbedder

SENTENCES = [
    "The ferry leaves at noon.",
    "A boat departs at midday.",
    "Parliament raised the tax on sugar.",
    "The tax on sugar went up, said the government.",
]


def test_vectors_have_length_1(embedder: LlamaEmbedder) -> None:
    vectors = embedder.embed_documents([*SENTENCES, "", " ", "x" * 5000])
    assert vectors.shape == (7, embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(7), abs=1e-5)


def test_no_texts_give_no_vectors(embedder: LlamaEmbedder) -> None:
    assert embedder.embed_documents([]).shape == (0, embedder.dimension)


def test_alike_sentences_are_nearer(embedder: LlamaEmbedder) -> None:
    vectors = embedder.embed_documents(SENTENCES)
    likeness = vectors @ vectors.T
    assert min(likeness[0, 1], likeness[2, 3]) > 0.5 > 0.3 > likeness[:2, 2:].max()


def test_order_is_kept_whatever_the_lengths(embedder: LlamaEmbedder) -> None:
    texts = [" ".join([f"word{number}"] * (number * 37 % 12 + 1)) for number in range(70)]
    done: list[int] = []
    together = embedder.embed_documents(texts, done.append)
    alone = np.stack([embedder.embed_query(text) for text in texts[:10]])
    assert (together[:10] * alone).sum(axis=1) == pytest.approx(np.ones(10), abs=1e-3)
    assert done == [70]


def test_progress_is_told_at_every_stride(embedder: LlamaEmbedder) -> None:
    done: list[int] = []
    embedder.embed_documents(["a"] * (STRIDE + 3), done.append)
    assert done == [STRIDE, STRIDE + 3]


def test_the_same_text_gives_the_same_vector(embedder: LlamaEmbedder) -> None:
    first, second = embedder.embed_documents(SENTENCES), embedder.embed_documents(SENTENCES)
    assert (first == second).all()


def test_texts_are_cut_at_the_window(embedder: LlamaEmbedder) -> None:
    assert embedder.max_tokens == WINDOW
    text = "ferry " * (WINDOW - 2)
    assert embedder.count_tokens(text) == WINDOW
    vectors = embedder.embed_documents([text, text + "and what follows is not read " * 50])
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-6)


@pytest.mark.parametrize(("text", "tokens"), [("", 2), ("ferry", 3), ("The ferry leaves.", 6)])
def test_tokens_are_counted_with_the_marks_of_start_and_end(embedder: LlamaEmbedder, text: str, tokens: int) -> None:
    assert embedder.count_tokens(text) == tokens


def test_markup_is_text(embedder: LlamaEmbedder) -> None:
    assert embedder.count_tokens("[SEP][CLS]") > 4


@settings(max_examples=20)
@given(st.text(max_size=120))
def test_any_text_has_a_vector(embedder: LlamaEmbedder, text: str) -> None:
    vector = embedder.embed_query(text)
    assert np.isfinite(vector).all()
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)


def test_threads_wait_for_each_other(embedder: LlamaEmbedder) -> None:
    expected = embedder.embed_documents(SENTENCES)
    found: list[bool] = []

    def user() -> None:
        found.append(bool(np.allclose(embedder.embed_documents(SENTENCES), expected, atol=1e-6)))

    threads = [threading.Thread(target=user) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4
