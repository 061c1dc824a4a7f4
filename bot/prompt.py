"""Prompt files and the messages made of them: as many passages as fit the model's context, the best one last.

A prompt file is a YAML header between `---` lines (`task`, `fills`: the names that may be filled in, `refusal`: what
the model is told to say when the passages hold no answer), then sections: `=== system`, any number of examples, each
an `=== user` with its `=== assistant`, and the `=== user` that asks. Each is a Jinja template; what is filled in is
never read as one. It knows no model: tokens are counted by a callable.

Where the segments of the articles are known (bot.segments), the last message also comes in parts, so that a model can
take what it remembers of a segment instead of reading it.
"""

import datetime as dt
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import yaml
from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from bot.config import shared_folder
from bot.errors import PromptError
from bot.schema import Message, Passage, Segment, Turn
from bot.segments import Stretch

CountTokens = Callable[[Sequence[Message]], int]
Role = Literal["system", "user", "assistant"]

_SECTION = re.compile(r"^=== (\w+)\s*$")
_SPACE = re.compile(r"\s+")
_MARK = "\ue002{}\ue003"  # private-use characters: where the words of a passage will stand
_MARKED = re.compile("\ue002(\\d+)\ue003")
_ASKED = ("question", "claim")  # what is asked of the passages: one of them
_FILLS = frozenset({"passages", *_ASKED, "nearest", "today"})


class Header(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    fills: tuple[str, ...]
    refusal: str = "I do not know."

    @field_validator("fills")
    @classmethod
    def _are_those_that_can_be(cls, fills: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(fills) - _FILLS):
            raise ValueError(f"{', '.join(unknown)} cannot be filled in; {', '.join(sorted(_FILLS))} can")
        if "passages" not in fills or not any(one in fills for one in _ASKED):
            raise ValueError(f"passages must be among them, and {' or '.join(_ASKED)}")
        return fills

    @field_validator("refusal")
    @classmethod
    def _has_a_letter(cls, refusal: str) -> str:
        if not any(letter.isalpha() for letter in refusal):  # any answer begins with no words at all
            raise ValueError("it must have words, by which a refusal is known")
        return refusal


class PromptFile(NamedTuple):
    """A prompt that was read and checked."""

    path: Path
    header: Header
    sections: tuple[tuple[Role, Template], ...]

    def render(self, values: Mapping[str, Any]) -> list[Message]:
        """The messages; raises PromptError naming file and line where a template fails."""
        messages = []
        for role, template in self.sections:
            try:
                messages.append(Message(role=role, content=template.render(values).strip()))
            except Exception as error:  # noqa: BLE001 - an expression in a template may fail in any way
                reason = str(error).rstrip(".")
                raise PromptError(f"{self.path}:{_line(error)}: {reason}. Mend the template.") from None
        return messages


class Prompt(NamedTuple):
    """`shown` are the passages in it, best first; `tokens` its length."""

    messages: tuple[Message, ...]
    shown: tuple[Passage, ...]
    tokens: int


def find(task: str, own_folder: Path | None) -> Path:
    """The prompt file of `task`: the user's if there is one, otherwise the one that came along."""
    folders = [shared_folder("prompts")]
    if own_folder is not None:
        if not own_folder.is_dir():
            raise PromptError(f"There is no folder {own_folder}. Check prompts_dir.")
        folders.insert(0, own_folder)
    for folder in folders:
        if (folder / f"{task}.md").is_file():
            return folder / f"{task}.md"
    raise PromptError(f"There is no prompt {task}.md in {folders[-1]}. Install Citebot again.")


def read(path: Path) -> PromptFile:
    """Read and check a prompt file; PromptError names file and line of what is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{path} cannot be read: {error}. It must be a UTF-8 text file.") from None
    header, body = _header(path, lines)
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    sections: list[tuple[Role, Template]] = []
    for role, start, end in _sections(path, lines, body):
        # Blank lines in front keep Jinja's line numbers those of the file; rendering strips them.
        source = "\n" * start + "\n".join(lines[start:end])
        try:
            tree = environment.parse(source)
            _check_names(path, tree, header)
            sections.append((role, environment.from_string(tree)))
        except TemplateSyntaxError as error:
            raise PromptError(f"{path}:{error.lineno}: {error.message}. Mend the template.") from None
    return PromptFile(path, header, tuple(sections))


def build(
    prompt: PromptFile,
    question: str,
    passages: Sequence[Passage],
    history: Sequence[Turn],
    *,
    count_tokens: CountTokens,
    budget: int,
    nearest: Sequence[Passage] = (),
    today: dt.date | None = None,
    stretches: Mapping[str, Sequence[Stretch]] | None = None,
) -> Prompt:
    """Messages of at most `budget` tokens with as many of `passages` (best first) and of `history` as fit.

    A prompt about a claim is filled in with it instead of the question.
    `nearest` are sentences of `passages`, best first; the prompt repeats them next to the question. Old turns go first,
    then the worst passages. `stretches` are the whole articles of all passages, by id; with them the last message has
    its parts. Raises PromptError where not even the question fits.
    """
    shown, turns = list(passages), list(history)
    while True:
        messages = _messages(prompt, question, shown, _nearest(nearest, shown), turns, today, stretches)
        tokens = count_tokens(messages)
        if tokens <= budget and (shown or not passages):
            return Prompt(tuple(messages), tuple(shown), tokens)
        if turns:
            turns.pop(0)
        elif len(shown) > 1:
            shown.pop()
        else:
            raise PromptError(
                f"The question does not fit: with one passage it makes {tokens} tokens, and {budget} are free. "
                "Ask a shorter question or raise llm.context_tokens."
            )


def _messages(
    prompt: PromptFile,
    question: str,
    shown: Sequence[Passage],
    nearest: Sequence[str],
    turns: Sequence[Turn],
    today: dt.date | None,
    stretches: Mapping[str, Sequence[Stretch]] | None,
) -> list[Message]:
    groups = _by_article(shown)[::-1]  # a small model heeds most what stands next to the question
    values = {
        **dict.fromkeys(_ASKED, _one_line(question)),
        "passages": [group.values() for group in groups],
        "nearest": nearest,
        "today": today or dt.date.today(),
    }
    values = {name: values[name] for name in prompt.header.fills}
    *start, last = prompt.render(values)
    if stretches is not None:
        marked = [{**group.values(), "text": _MARK.format(index)} for index, group in enumerate(groups)]
        parts = _parts(prompt.render({**values, "passages": marked}), groups, stretches)
        last = last.model_copy(update={"parts": parts})
    return [*start, *_conversation(last, turns)]


def _conversation(last: Message, turns: Sequence[Turn]) -> list[Message]:
    """The turns and the message that asks; its passages come first, where a model need not read them again."""
    asked = [turn.question for turn in turns]
    said = [Message(role="assistant", content=turn.answer) for turn in turns]
    if not turns or not last.parts:
        return [*_alternating([Message(role="user", content=question) for question in asked], said), last]
    *passages, end = last.parts
    shown = last.content.removesuffix(str(end))
    first = Message(role="user", content=f"{shown}{asked[0]}", parts=(*passages, asked[0]))
    users = [first, *(Message(role="user", content=question) for question in asked[1:])]
    return [*_alternating(users, said), Message(role="user", content=str(end))]


def _alternating(users: Sequence[Message], said: Sequence[Message]) -> list[Message]:
    return [message for pair in zip(users, said, strict=True) for message in pair]


def _nearest(nearest: Sequence[Passage], shown: Sequence[Passage]) -> list[str]:
    """Those of `nearest` that are shown, in the order in which the prompt has articles, the best of one last."""
    ranks: dict[str, int] = {}
    for rank, one in enumerate(shown):
        ranks.setdefault(one.article, rank)
    kept = [one for one in reversed(nearest) if any(one.overlap(run) for run in shown)]
    return [_one_line(one.text) for one in sorted(kept, key=lambda one: -ranks[one.article])]


def from_segments(message: Message, passage: Passage, stretches: Sequence[Stretch], prompt: Prompt) -> Message:
    """The message with its parts: the words of the passage in it as segments that are read for `prompt`.

    As it is where `prompt` has no parts, or shows nothing of the passage's article.
    """
    heads = [part for one in prompt.messages for part in one.parts if isinstance(part, Segment)]
    known = {part.texts: part for part in heads}
    before, words, after = message.content.partition(_one_line(passage.text))
    shown = [(stretch, found) for stretch in stretches if (found := stretch.shown([passage]))]
    like = next((known[stretch.texts] for stretch in stretches if stretch.texts in known), None)
    if like is None or not words or not shown:
        return message
    segments = [
        like.model_copy(update={"texts": stretch.texts, "shown": found, "opens": False, "closes": False})
        for stretch, found in shown
    ]
    return message.model_copy(update={"parts": (before.removesuffix(" "), *segments, after)})


class _Group(NamedTuple):
    """Passages of one article, which the prompt shows as one, with dots between them."""

    passages: tuple[Passage, ...]

    def values(self) -> dict[str, Any]:
        """What the template fills in."""
        first = self.passages[0]
        text = " … ".join(_one_line(passage.text) for passage in self.passages)
        return {"title": _one_line(first.title), "date": first.date, "text": text}


def _by_article(shown: Sequence[Passage]) -> list[_Group]:
    return [_Group(tuple(group)) for _, group in groupby(shown, key=lambda one: (one.article, one.title, one.date))]


def _parts(
    marked: Sequence[Message], groups: Sequence[_Group], stretches: Mapping[str, Sequence[Stretch]]
) -> tuple[str | Segment, ...]:
    """The last of the messages taken apart at the marks; none where the template does not fill in passages in order.

    The lines before the first passage's own are the same for all prompts. What stands in its line before its words is
    its head, and so for the others; what stands between a passage and the next one's line is the tail of each.
    """
    *between, end = _MARKED.split(marked[-1].content)[::2]
    places = [place for one in marked for place in _MARKED.findall(one.content)]
    if not groups or places != [str(index) for index in range(len(groups))] or len(between) != len(groups):
        return ()
    lines = [text.rfind("\n") + 1 for text in between]
    tail = between[1][: lines[1]] if len(between) > 1 else end[: len(end) - len(end.lstrip("\n"))]
    if not end.startswith(tail) or any(text[:line] != tail for text, line in zip(between[1:], lines[1:], strict=True)):
        return ()
    parts: list[str | Segment] = [between[0][: lines[0]]]
    for group, text, line in zip(groups, between, lines, strict=True):
        segments = _segments(group, text[line:].removesuffix(" "), tail, stretches.get(group.passages[0].article, ()))
        if not segments:
            return ()
        parts += segments
    return (*parts, end[len(tail) :])


def _segments(group: _Group, head: str, tail: str, stretches: Sequence[Stretch]) -> list[Segment]:
    shown = [(stretch, found) for stretch in stretches if (found := stretch.shown(group.passages))]
    return [
        Segment(
            head=head,
            texts=stretch.texts,
            tail=tail,
            shown=found,
            opens=index == 0,
            closes=index == len(shown) - 1,
        )
        for index, (stretch, found) in enumerate(shown)
    ]


def _header(path: Path, lines: Sequence[str]) -> tuple[Header, int]:
    """The header and the index of the first line after it."""
    ends = [index for index, line in enumerate(lines) if line.rstrip() == "---"][:2]
    if len(ends) < 2 or ends[0] != 0:
        raise PromptError(f"{path}:1: a prompt begins with a header between two lines of `---`. Add it.")
    try:
        header = Header(**yaml.safe_load("\n".join(lines[1 : ends[1]])))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1  # counted from 0, after the first `---`
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise PromptError(f"{path}:{line}: the header is not valid YAML: {_one_line(reason)}. Mend the line.") from None
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        reason = _reason(error)
        raise PromptError(f"{path}:1: the header is wrong: {reason}. It needs task, fills and refusal.") from None
    return header, ends[1] + 1


def _sections(path: Path, lines: Sequence[str], body: int) -> list[tuple[Role, int, int]]:
    """Role, first line and end line (indices) of each section."""
    heads = [(index, match[1]) for index in range(body, len(lines)) if (match := _SECTION.match(lines[index]))]
    examples = (len(heads) - 2) // 2
    if [role for _, role in heads] != ["system", *["user", "assistant"] * examples, "user"]:
        raise PromptError(
            f"{path}:{body + 1}: a prompt has the sections `=== system` and `=== user`, in this order; between them "
            "may stand examples, each an `=== user` and an `=== assistant`."
        )
    ends = [index for index, _ in heads[1:]] + [len(lines)]
    return [(cast(Role, role), index + 1, end) for (index, role), end in zip(heads, ends, strict=True)]


def _check_names(path: Path, tree: nodes.Template, header: Header) -> None:
    unknown = find_undeclared_variables(tree) - set(header.fills)
    for name in tree.find_all(nodes.Name):
        if name.name in unknown:
            raise PromptError(f"{path}:{name.lineno}: `{name.name}` is not among the header's fills. Mend the name.")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{problem['loc'][0]}: {problem['msg'].removeprefix('Value error, ').lower()}" for problem in error.errors()
        )
    return _one_line(str(error))


def _line(error: Exception) -> int:
    """The line of a template that failed while it was filled in: Jinja gives its frames the file's line numbers."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == "<template>"), 1)


def _one_line(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
