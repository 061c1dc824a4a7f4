"""The list of kept conversations, as HTML, and one of them as the page holds it; pure."""

from collections.abc import Sequence

from bot.conversations import Said, Talk
from bot.ui.bits import words
from bot.ui.exchange import Exchange

LISTED = 200  # a longer list is slow to draw and not read; the search box narrows it


def exchanges_of(said: Sequence[Said]) -> tuple[Exchange, ...]:
    return tuple(
        Exchange(one.question, one.answer.sentences, one.answer.citations, answer=one.answer, at=one.at, kept=one.at)
        for one in said
    )


def talk_list(talks: Sequence[Talk], query: str = "", current: str = "") -> str:
    """The conversations in the order given, each a button to open it, with export and removal folded away."""
    if not talks:
        nothing = "No conversation has these words." if query.strip() else "Your conversations will be listed here."
        return f'<div class="cb-list"><p class="cb-meta">{nothing}</p></div>'
    items = "".join(_item(talk, current) for talk in talks[:LISTED])
    more = f"; the newest {LISTED} are shown, type to narrow" if len(talks) > LISTED else ""
    count = f"{len(talks):,} conversation{'' if len(talks) == 1 else 's'}{more}"
    return f'<div class="cb-list"><p class="cb-meta">{count}</p><ul>{items}</ul></div>'


def _item(talk: Talk, current: str) -> str:
    day = f'<time datetime="{talk.changed.isoformat()}">{talk.changed.day} {talk.changed:%b %Y}</time>'
    questions = f"{talk.questions} question{'' if talk.questions == 1 else 's'}"
    forget = (
        f'<details class="cb-forget"><summary>Delete</summary><button type="button" data-forget="{talk.id}">'
        "Delete for good</button></details>"
    )
    if talk.damaged:
        told = f'<span class="cb-problem">A damaged conversation ({talk.id}); the terminal says more.</span>'
        return f'<li class="cb-talk">{told}{forget}</li>'
    here = ' aria-current="true"' if talk.id == current else ""
    forms = {"md": "Markdown", "json": "JSON"}
    exports = "".join(f'<a href="conversations/{talk.id}.{end}" download>{name}</a>' for end, name in forms.items())
    title = words(talk.title) or "Untitled"
    return (
        f'<li class="cb-talk"><button type="button" data-talk="{talk.id}"{here}><bdi>{title}</bdi>'
        f'<span class="cb-meta">{day} · {questions}</span></button>'
        f'<span class="cb-acts cb-meta">Export: {exports}{forget}</span></li>'
    )
