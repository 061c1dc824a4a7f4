"""Prompt files: read, checked and filled in.

A prompt file is a YAML header between `---` lines (`task`, `fills`: the names that may be filled in, `refusal`: what
the model is told to say when the passages hold no answer, `again`: what it is told where its question lacks NAME), then
sections: `=== system`, any number of examples, each
an `=== user` with its `=== assistant`, and the `=== user` that asks. Each is a Jinja template; what is filled in is
never read as one.
"""

import re
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import yaml
from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from bot.config import shared_folder
from bot.errors import PromptError
from bot.schema import Message

Role = Literal["system", "user", "assistant"]

_SECTION = re.compile(r"^=== (\w+)\s*$")
_SPACE = re.compile(r"\s+")
ASKED = ("question", "claim")  # what is asked of the passages: one of them
WANTED = (*ASKED, "lead")  # with `lead`, how an article begins, a question is asked for
_FILLS = frozenset({"passages", *WANTED, "answer", "name", "nearest", "today", "days"})


class Header(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    fills: tuple[str, ...]
    refusal: str = "I do not know."
    again: str = ""

    @field_validator("fills")
    @classmethod
    def _are_those_that_can_be(cls, fills: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(fills) - _FILLS):
            raise ValueError(f"{', '.join(unknown)} cannot be filled in; {', '.join(sorted(_FILLS))} can")
        if "passages" not in fills or not any(one in fills for one in WANTED):
            raise ValueError(f"passages must be among them, and {' or '.join(WANTED)}")
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
        raise PromptError(f"{path} cannot be read: {error}. Save it as a UTF-8 text file.") from None
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
        except (RecursionError, ValueError, SyntaxError, MemoryError) as error:  # of Python, which it is compiled to
            raise PromptError(f"{path}:{start}: {one_line(str(error))}. Mend the template.") from None
    return PromptFile(path, header, tuple(sections))


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
        raise PromptError(f"{path}:{line}: the header is not valid YAML: {one_line(reason)}. Mend the line.") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # a day 2024-13-45, a hundred brackets
        reason = one_line(_reason(error))
        raise PromptError(f"{path}:1: the header is wrong: {reason}. Give it task, fills and refusal.") from None
    return header, ends[1] + 1


def _sections(path: Path, lines: Sequence[str], body: int) -> list[tuple[Role, int, int]]:
    """Role, first line and end line (indices) of each section."""
    heads = [(index, match[1]) for index in range(body, len(lines)) if (match := _SECTION.match(lines[index]))]
    examples = (len(heads) - 2) // 2
    if [role for _, role in heads] != ["system", *["user", "assistant"] * examples, "user"]:
        raise PromptError(
            f"{path}:{body + 1}: a prompt has the sections `=== system` and `=== user`, in this order; between them "
            "may stand examples, each an `=== user` and an `=== assistant`. Mend them."
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
    return one_line(str(error))


def _line(error: Exception) -> int:
    """The line of a template that failed while it was filled in: Jinja gives its frames the file's line numbers."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == "<template>"), 1)


def one_line(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
