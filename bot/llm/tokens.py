"""Messages → the tokens that one model reads, whole or with the segments of articles told from the rest."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bot.errors import ModelError
from bot.llama import Model
from bot.llm.joined import Read, read_of
from bot.llm.template import ChatTemplate
from bot.schema import Message


class Apart(NamedTuple):
    """A prompt with segments: the tokens before the first, the segments, the tokens after the last."""

    start: list[int]
    reads: list[Read]
    end: list[int]


class PromptTokens:
    """The chat template of `model`, and its vocabulary. Raises ModelError for a model that is no chat model."""

    def __init__(self, model: Model, path: Path) -> None:
        self._model = model
        source = model.metadata("tokenizer.chat_template")
        if source is None:
            raise ModelError(f"{path.name} has no chat template, so it is no chat model. Choose an instruct model.")
        bos, eos = (model.metadata(f"tokenizer.ggml.{end}_token_id") for end in ("bos", "eos"))
        self._template = ChatTemplate(source, bos=self._special(bos), eos=self._special(eos))

    def whole(self, messages: Sequence[Message]) -> list[int]:
        return self._with_bos(self._template.tokens(messages, self._model))

    def apart(self, messages: Sequence[Message]) -> Apart | None:
        """None where no message has segments, or there is something between them."""
        if not any(message.parts for message in messages):
            return None
        tokens, segments = self._template.apart(messages, self._model)
        if not segments or any(tokens[1:-1]):
            return None
        return Apart(self._with_bos(tokens[0]), [read_of(one, self.plain) for one in segments], tokens[-1])

    def plain(self, text: str) -> list[int]:
        """Tokens of a text that stands somewhere in a message."""
        return self._model.tokenize(text, control=False)

    def _with_bos(self, tokens: list[int]) -> list[int]:
        bos = self._model.bos()
        return tokens if tokens[: len(bos)] == bos else [*bos, *tokens]

    def _special(self, token_id: str | None) -> str:
        return "" if token_id is None else self._model.piece(int(token_id), control=True).decode("utf-8", "replace")
