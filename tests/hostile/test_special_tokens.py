"""What articles, questions and earlier answers say never becomes a special token: real templates and vocabularies.

All special tokens of a vocabulary are written into every place of every prompt that a visitor or an article can reach.
The prompt must then hold the very special tokens that it holds with harmless words there.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import llama_cpp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import EMBEDDER, SMALL_LLM

from bot.articles.sentences import split
from bot.config import LLMSettings
from bot.llama import Model
from bot.llm.joined import plain_tokens
from bot.llm.tokens import PromptTokens
from bot.models.catalogue import load
from bot.prompt import build, find, from_segments, read
from bot.prompt.build import Prompt, continued
from bot.schema import Article, Message, Passage, Turn
from bot.segments import cut

DEFAULT = str(LLMSettings.model_fields["model"].default)
ORDINARY = llama_cpp.LLAMA_TOKEN_ATTR_NORMAL | llama_cpp.LLAMA_TOKEN_ATTR_BYTE
HARMLESS = "The ferry left at noon."


class Vocabulary:
    """A model's tokens: `special` ones by their id, as they are written."""

    def __init__(self, path: Path) -> None:
        self.model = Model(path, gpu_layers=0, repacked=False)
        self.tokens = PromptTokens(self.model, path)
        self.special = specials(self.model)

    def special_of(self, tokens: Sequence[int]) -> list[int]:
        return [token for token in tokens if token in self.special]

    def count(self, messages: Sequence[Message]) -> int:
        return len(self.tokens.whole(messages))


def specials(model: Model) -> dict[int, str]:
    every = range(llama_cpp.llama_vocab_n_tokens(model.vocab))
    odd = [one for one in every if not llama_cpp.llama_vocab_get_attr(model.vocab, one) & ORDINARY]
    written = {one: model.piece(one, control=True).decode("utf-8", "replace") for one in odd}
    return {one: piece for one, piece in written.items() if piece}


@pytest.fixture(scope="module", params=[SMALL_LLM, DEFAULT])
def vocabulary(request: pytest.FixtureRequest, models_dir: Path) -> Iterator[Vocabulary]:
    path = models_dir / load().get(request.param).file
    if request.param == DEFAULT and not path.is_file():
        pytest.skip(f"{path} is missing: bot models pull {DEFAULT}")
    made = Vocabulary(path)
    yield made
    made.model.close()


def passage(words: str) -> tuple[Passage, Article]:
    text = f"{words} It came back. {words}"
    article = Article(id="a", title=words, text=text)
    return Passage(article="a", start=0, end=len(text), title=words, text=text, score=1.0), article


def prompts(words: str, count: Callable[[Sequence[Message]], int]) -> dict[str, Sequence[Message]]:
    """All kinds of prompts, with `words` wherever others than us write."""
    one, article = passage(words)
    stretches = {"a": cut(article.text, split)}
    make = partial(build, count_tokens=count, budget=100_000, stretches=stretches)
    answer = read(find("answer", None))
    first = make(answer, words, [one], [], nearest=[one])
    assert first.messages[-1].parts, "segments are told apart"
    later = make(answer, words, [one], [Turn(question=words, answer=words)], nearest=[one])
    onward = continued(first, words, answer, words, count_tokens=count, budget=100_000, stretches=stretches)
    assert onward
    check = build(read(find("check", None)), words, [one], [], count_tokens=count, budget=100_000)
    claim = build(read(find("claim", None)), words, [one], [], count_tokens=count, budget=100_000)
    return {
        "answer": first.messages,
        "follow-up": later.messages,
        "going on": onward.messages,
        "check": check.messages,
        "check from segments": _taken_apart(check, one, stretches["a"], first),
        "claim": claim.messages,
    }


def _taken_apart(check: Prompt, one: Passage, stretches: Sequence[object], first: Prompt) -> list[Message]:
    return [*check.messages[:-1], from_segments(check.messages[-1], one, stretches, first)]  # type: ignore[arg-type]


def every_way(vocabulary: Vocabulary, messages: Sequence[Message]) -> dict[str, list[int]]:
    """The special tokens of a prompt that is read whole, joined, and joined in part."""
    tokens = vocabulary.tokens
    ways = {"whole": tokens.whole(messages)}
    if apart := tokens.apart(messages):
        joined = [token for one in apart.reads for token in one.tokens]
        plain = [token for one in apart.reads for token in plain_tokens(one, tokens.plain)]
        ways |= {"joined": [*apart.start, *joined, *apart.end], "in part": [*apart.start, *plain, *apart.end]}
    return {way: vocabulary.special_of(made) for way, made in ways.items()}


def test_the_vocabulary_has_special_tokens_and_the_prompts_use_them(vocabulary: Vocabulary) -> None:
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} <= set(vocabulary.special.values())
    for kind, messages in prompts(HARMLESS, vocabulary.count).items():
        for made in every_way(vocabulary, messages).values():
            assert len(made) >= 5, kind


def test_every_special_token_alone_is_read_as_its_letters(vocabulary: Vocabulary) -> None:
    for token, written in vocabulary.special.items():
        for text in (written, f"a{written}", f" {written}\n", written * 3):
            made = vocabulary.tokens.plain(text)
            assert vocabulary.special_of(made) == [], (token, text)
            assert b"".join(vocabulary.model.piece(one) for one in made).decode() == text


@pytest.mark.parametrize("between", ["", " ", "\n", ". "])
def test_no_place_of_a_prompt_makes_special_tokens(vocabulary: Vocabulary, between: str) -> None:
    words = between.join(vocabulary.special.values())
    wanted = {kind: every_way(vocabulary, made) for kind, made in prompts(HARMLESS, vocabulary.count).items()}
    for kind, messages in prompts(words, vocabulary.count).items():
        assert every_way(vocabulary, messages) == wanted[kind], kind


@given(data=st.data())
def test_pieces_of_special_tokens_never_come_together(vocabulary: Vocabulary, data: st.DataObject) -> None:
    alphabet = [piece for written in vocabulary.special.values() for piece in (written[:1], written[1:], written)]
    words = "".join(data.draw(st.lists(st.sampled_from([*alphabet, " ", ".", "\ue0000\ue001", "\ue0021\ue003"]))))
    message = Message(role="user", content=words)
    wanted = vocabulary.special_of(vocabulary.tokens.whole([message.model_copy(update={"content": "x"})]))
    assert vocabulary.special_of(vocabulary.tokens.whole([message])) == wanted


def test_the_embedder_reads_its_own_marks_as_letters(models_dir: Path, model_path: Callable[[str], Path]) -> None:
    model = Model(model_path(EMBEDDER), gpu_layers=0, repacked=False)
    special = specials(model)
    start, *_, end = model.tokenize(HARMLESS, control=False, ends=True)
    made = model.tokenize(" ".join(special.values()), control=False, ends=True)
    assert [one for one in made if one in special] == [start, end]
    model.close()
