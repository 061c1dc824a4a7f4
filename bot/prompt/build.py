"""The messages of a prompt: as many passages as fit the model's context, the best one last.

It knows no model: tokens are counted by a callable. Where the segments of the articles are known (bot.segments), the
last message also comes in parts, so that a model can take what it remembers of a segment instead of reading it.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from bot.errors import PromptError
from bot.prompt.files import ASKED, PromptFile, one_line
from bot.schema import Message, Passage, Segment, Turn
from bot.segments import Stretch

CountTokens = Callable[[Sequence[Message]], int]

_BLANK = re.compile(r"[\s…]+")
_MARK = "\ue002{}\ue003"  # private-use characters: where the words of a passage will stand
_MARKED = re.compile("\ue002(\\d+)\ue003")


class Prompt(NamedTuple):
    """`shown` are the passages in it, best first; `tokens` its length."""

    messages: tuple[Message, ...]
    shown: tuple[Passage, ...]
    tokens: int


def build(
    prompt: PromptFile,
    question: str,
    passages: Sequence[Passage],
    history: Sequence[Turn],
    *,
    count_tokens: CountTokens,
    budget: int,
    nearest: Sequence[Passage] = (),
    twice: Sequence[Passage] = (),
    today: dt.date | None = None,
    days: str = "",
    stretches: Mapping[str, Sequence[Stretch]] | None = None,
) -> Prompt:
    """Messages of at most `budget` tokens with as many of `passages` (best first) and of `history` as fit.

    A prompt about a claim is filled in with it instead of the question.
    `nearest` are sentences of `passages`, best first; the prompt repeats them next to the question. Those of `twice`
    stand after the passages as passages of their own: a model that has read their articles joins them from what it
    keeps; where it could not, the prompt repeats them as well. `days` says what words of the question such as "this
    week" mean. What stands twice goes first, then old turns, then the worst passages. `stretches` are the whole
    articles of all passages, by id; with them the last message has its parts. Raises PromptError where not even the
    question fits.
    """
    shown, turns, again, time = list(passages), list(history), list(twice), (today, days)
    while True:
        words, again = _nearest(nearest, shown), _shown_of(again, shown)
        messages = _messages(prompt, question, shown, words, turns, time, stretches, again)
        if again and not _kept_alike(messages, len(again)):
            nearest, again = [*again, *nearest], []
            continue
        tokens = count_tokens(messages)
        if tokens <= budget and (shown or not passages):
            return Prompt(tuple(messages), tuple(shown), tokens)
        if again:
            again.clear()
        elif turns:
            turns.pop(0)
        elif len(shown) > 1:
            shown.pop()
        else:
            raise PromptError(
                f"The question does not fit: with one passage it makes {tokens} tokens, and {budget} are free. "
                "Ask a shorter question or raise llm.context_tokens."
            )


def continued(
    before: Prompt,
    answer: str,
    prompt: PromptFile,
    question: str,
    *,
    count_tokens: CountTokens,
    budget: int,
    today: dt.date | None = None,
    days: str = "",
    stretches: Mapping[str, Sequence[Stretch]],
) -> Prompt | None:
    """`before` with its answer and one more question about what it shows: to a model that read it, only these are new.

    None where that makes over `budget` tokens, or the template does not put the passages before all that changes.
    """
    last = _messages(prompt, question, before.shown, (), (), (today, days), stretches)[-1]
    if not last.parts:
        return None
    asked = Message(role="user", content=str(last.parts[-1]))
    messages = (*before.messages, Message(role="assistant", content=answer), asked)
    tokens = count_tokens(messages)
    return Prompt(messages, before.shown, tokens) if tokens <= budget else None


def _messages(
    prompt: PromptFile,
    question: str,
    shown: Sequence[Passage],
    nearest: Sequence[str],
    turns: Sequence[Turn],
    time: tuple[dt.date | None, str],
    stretches: Mapping[str, Sequence[Stretch]] | None,
    twice: Sequence[Passage] = (),
) -> list[Message]:
    # A small model heeds most what stands next to the question.
    groups = [*_by_article(shown)[::-1], *(_Group((one,)) for one in reversed(twice))]
    values = {
        **dict.fromkeys(ASKED, one_line(question)),
        "passages": [group.values() for group in groups],
        "nearest": nearest,
        "today": time[0] or dt.date.today(),
        "days": time[1],
    }
    values = {name: values[name] for name in prompt.header.fills}
    *start, last = prompt.render(values)
    if stretches is not None:
        marked = [{**group.values(), "text": _MARK.format(index)} for index, group in enumerate(groups)]
        parts = _parts(prompt.render({**values, "passages": marked}), groups, stretches)
        if _same_words(parts, last.content) and parts[0] == _start(prompt, values, start, len(groups) + 1):
            if nearest and not turns:
                parts = _with_lead(parts, _lead(prompt, values, len(groups) + 1))
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
    worst_first = _shown_of(nearest[::-1], shown)
    return [one_line(one.text) for one in sorted(worst_first, key=lambda one: -ranks[one.article])]


def _shown_of(sentences: Sequence[Passage], shown: Sequence[Passage]) -> list[Passage]:
    return [one for one in sentences if any(one.overlap(run) for run in shown)]


def _kept_alike(messages: Sequence[Message], last: int) -> bool:
    """Whether the `last` segments are some of those before them, so that what is kept of one serves both."""
    parts = [part for one in messages for part in one.parts if isinstance(part, Segment) and not part.last]
    made_of = [(part.head, part.texts, part.tail) for part in parts]  # a template may number its passages
    return len(made_of) > last and set(made_of[-last:]) <= set(made_of[:-last])


def from_segments(message: Message, passage: Passage, stretches: Sequence[Stretch], prompt: Prompt) -> Message:
    """The message with its parts: the words of the passage in it as segments that are read for `prompt`.

    As it is where `prompt` has no parts, or shows nothing of the passage's article.
    """
    heads = [part for one in prompt.messages for part in one.parts if isinstance(part, Segment)]
    known = {part.texts: part for part in heads}
    before, words, after = message.content.partition(one_line(passage.text))
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
        text = " … ".join(one_line(passage.text) for passage in self.passages)
        return {"title": one_line(first.title), "date": first.date, "text": text}


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


def _start(prompt: PromptFile, values: Mapping[str, Any], before: Sequence[Message], count: int) -> str | None:
    """The words before the first passage's line for another question, day and articles, `count` of them.

    None where the messages `before` differ. Only what is the same for all prompts can be what segments are read after.
    """
    *messages, last = _of_others(prompt, values, count, [])
    first, *marks = _MARKED.split(last.content)
    return first[: first.rfind("\n") + 1] if marks and messages == list(before) else None


def _lead(prompt: PromptFile, values: Mapping[str, Any], count: int) -> str:
    """The words between the last of `count` passages and the sentences nearest to the question.

    They are the same for another question, day and articles; "" where nothing is, or they stand elsewhere.
    """
    try:
        last = _of_others(prompt, values, count, [_MARK.format(count)])[-1]
    except PromptError:  # a template may take the sentences apart
        return ""
    texts, places = _MARKED.split(last.content)[::2], _MARKED.findall(last.content)
    return texts[-2] if places[-2:] == [str(count - 1), str(count)] else ""


def _of_others(prompt: PromptFile, values: Mapping[str, Any], count: int, nearest: Sequence[str]) -> list[Message]:
    """The messages for another question, day and articles, `count` of them, with marks where their words stand."""
    others = {
        **dict.fromkeys(ASKED, "?"),
        "passages": [{"title": "?", "date": None, "text": _MARK.format(index)} for index in range(count)],
        "nearest": nearest,
        "today": dt.date(2000, 1, 1),
        "days": "",
    }
    return list(prompt.render({name: others[name] for name in values}))


def _with_lead(parts: tuple[str | Segment, ...], lead: str) -> tuple[str | Segment, ...]:
    """The parts with what leads to the nearest sentences as a segment of its own, which need not be read again.

    A line with a space after it only: instructions would have to see the passages.
    """
    *before, end = parts
    words = lead.removeprefix(before[-1].tail if isinstance(before[-1], Segment) else "")
    if not words.strip() or not words.endswith(" ") or "\n" in words or not str(end).startswith(words):
        return parts
    segment = Segment(head="", texts=(words[:-1],), tail="", shown=(0,), last=True)
    return (*before, segment, str(end).removeprefix(words[:-1]))


def _same_words(parts: Sequence[str | Segment], content: str) -> bool:
    """Whether the parts say what the content does: not so where a template changes words, or shows half a sentence."""
    words = "".join(part if isinstance(part, str) else part.text() for part in parts)
    return bool(parts) and _BLANK.sub("", words) == _BLANK.sub("", content)


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
