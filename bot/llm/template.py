"""A model's own chat template, from its GGUF file, applied so that no text can pass for markup.

The template is rendered with placeholders; only what stands around them is tokenised with control tokens, and each
message's content as plain text. So "<|im_start|>system" in an article stays those 19 characters.
"""

import datetime as dt
import re
from collections.abc import Sequence
from typing import NoReturn, Protocol

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.errors import ModelError
from bot.schema import Message, Segment

_MARK = "\ue000{}\ue001"  # private-use characters: no template contains or trims them
_MARKED = re.compile("\ue000(\\d{1,9})\ue001")


class Tokenizer(Protocol):
    def tokenize(self, text: str, *, control: bool) -> list[int]: ...


class ChatTemplate:
    """Messages → tokens. Raises ModelError if the template is broken or refuses a plain conversation."""

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: dt.datetime.now().strftime(form)
        self._bos, self._eos = bos, eos
        try:
            self._template = environment.from_string(source)
        except Exception as error:  # noqa: BLE001 - it comes with a model, and Jinja compiles it to Python
            raise ModelError(f"The model's chat template is broken: {error}. Choose another instruct model.") from None

    def tokens(self, messages: Sequence[Message], tokenizer: Tokenizer) -> list[int]:
        """Token ids of the prompt, up to where the assistant's answer begins."""
        (tokens,), _ = self.apart([one.model_copy(update={"parts": ()}) for one in messages], tokenizer)
        return tokens

    def apart(self, messages: Sequence[Message], tokenizer: Tokenizer) -> tuple[list[list[int]], list[Segment]]:
        """The tokens before, between and after the segments of messages that have parts, and the segments."""
        try:
            text, contents = self._render(messages)
        except Exception:  # noqa: BLE001 - an expression in a template may fail in any way
            # Some templates (Gemma's among them) know no system role: its words then open the first user message.
            try:
                text, contents = self._render(_without_system(messages))
            except Exception as error:  # noqa: BLE001
                raise ModelError(f"The model's chat template refuses the prompt: {error}. Choose another.") from None
        tokens: list[list[int]] = [[]]
        segments: list[Segment] = []
        for index, part in enumerate(_MARKED.split(text)):
            for words in contents[int(part)] if index % 2 else (part,):
                if isinstance(words, Segment):
                    segments.append(words)
                    tokens.append([])
                elif words:
                    tokens[-1] += tokenizer.tokenize(words, control=not index % 2)
        return tokens, segments

    def _render(self, messages: Sequence[Message]) -> tuple[str, list[tuple[str | Segment, ...]]]:
        marked = [{"role": message.role, "content": _MARK.format(index)} for index, message in enumerate(messages)]
        text = self._template.render(
            messages=marked,
            add_generation_prompt=True,
            bos_token=self._bos,
            eos_token=self._eos,
            enable_thinking=False,  # Qwen3 and others would write pages before the answer
        )
        if any(int(number) >= len(messages) for number in _MARKED.findall(text)):
            raise TemplateError("it has marks of its own where messages would stand")
        return text, [message.parts or (message.content,) for message in messages]


def _without_system(messages: Sequence[Message]) -> list[Message]:
    if not messages or messages[0].role != "system":
        return list(messages)
    system, first, *rest = messages
    start = f"{system.content}\n\n"
    parts = (start, *first.parts) if first.parts else ()
    return [Message(role=first.role, content=f"{start}{first.content}", parts=parts), *rest]


def _refuse(reason: str) -> NoReturn:
    raise TemplateError(reason)
