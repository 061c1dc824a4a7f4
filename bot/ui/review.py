"""The page on which a person decides on drafts, one at a time; it knows no file and no model.

The draft's id travels with what was typed, and back, so that a late edit never reaches another draft.
"""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from bot.drafts.review import Counts, Shown
from bot.errors import BotError
from bot.ui.bits import counted, problem
from bot.ui.parts import FREE, LONGEST_QUESTION, Updates, clean, failed, html
from bot.ui.server import serve_here
from bot.ui.service import Blocks

KEYS = """
document.addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('textarea, input, select, [contenteditable]');
  if (event.key === 'Escape' && typing) typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const button = {a: '#cb-accept', d: '#cb-drop', b: '#cb-back'}[event.key];
  if (button) document.querySelector(button)?.click();
});
"""
SHOW = """
watch('value', () => {
  const text = element.querySelector('.cb-text'), mark = element.querySelector('mark');
  if (text && mark) text.scrollTop = mark.offsetTop - text.clientHeight / 3;
});
"""


class Decisions(NamedTuple):
    """What the page calls; see `bot.drafts.review.Review`. All but `counts` may raise DatasetError."""

    first: Callable[[], Shown | None]
    counts: Callable[[], Counts]
    edit: Callable[[str, str, Sequence[str]], str]
    accept: Callable[[str, str, Sequence[str]], str]
    drop: Callable[[str], str]
    back: Callable[[], Shown | None]


def serve(decisions: Decisions, name: str, port: int, folder: Path, ready: Callable[[str], None]) -> None:
    """Serves the page for drafts of the file `name`; see `serve_here`."""
    serve_here(lambda: ReviewPage(decisions, name), port, folder, ready)


class ReviewPage:
    """One for all tabs: each shows the first draft that is left when it asks for one."""

    def __init__(self, decisions: Decisions, name: str) -> None:
        self._decisions, self._name = decisions, name
        with Blocks(title="Citebot: drafts", analytics_enabled=False, fill_width=True) as self.blocks:
            self._lay_out()
            self._wire()

    def stop_all(self) -> None:
        """Nothing is ever in work: each decision is written at once."""

    def _lay_out(self) -> None:
        self._head = html(js=KEYS)
        self._id = gr.Textbox(visible=False)
        self._around = html(js=SHOW)
        self._question = gr.Textbox(label="Question", lines=2, max_lines=6, max_length=LONGEST_QUESTION)
        self._answers = gr.Textbox(label="Answer; each line is one that is right", lines=2, max_lines=6)
        self._note = html(note(), elem_id="cb-typed")  # on what is typed
        self._said = html(note(), elem_id="cb-said")  # on the last decision
        with gr.Row(elem_id="cb-decide"):
            self._accept = gr.Button("Accept (a)", variant="primary", elem_id="cb-accept")
            self._drop = gr.Button("Drop (d)", elem_id="cb-drop")
            self._back = gr.Button("Back (b)", elem_id="cb-back")

    def _wire(self) -> None:
        typed = [self._id, self._question, self._answers]
        shown = [self._head, self._around, *typed, self._note, self._said, self._accept, self._drop, self._back]
        self.blocks.load(lambda: self._tried(self._drawn), None, shown, **FREE)
        self._accept.click(lambda *said: self._tried(self._on_accept, *said), typed, shown, **FREE)
        self._drop.click(lambda id: self._tried(self._on_drop, id), [self._id], shown, **FREE)
        self._back.click(lambda: self._tried(self._on_back), None, shown, **FREE)
        # Gradio's "input" comes with keys only; what is pasted is kept when the box is left.
        edit: dict[str, Any] = FREE | {"trigger_mode": "always_last"}
        gr.on(
            [box_event for box in (self._question, self._answers) for box_event in (box.input, box.blur)],
            lambda *said: self._tried(self._on_edit, *said),
            typed,
            [self._note],
            **edit,
        )

    def _tried(self, what: Callable[..., Updates], *said: str) -> Updates:
        """What went wrong is told on the page; what is shown stays."""
        try:
            return what(*said)
        except BotError as error:
            return {self._note: problem(str(error))}
        except Exception as error:
            return {self._note: problem(failed("keeping a decision", error))}

    def _on_edit(self, id: str, question: str, answers: str) -> Updates:
        return {self._note: note(self._decisions.edit(id, clean(question), _lines(answers)))}

    def _on_accept(self, id: str, question: str, answers: str) -> Updates:
        if not question.strip() and id:
            return {self._said: note("Type a question first, or drop the draft.")}
        return self._drawn(note(self._decisions.accept(id, clean(question), _lines(answers))))

    def _on_drop(self, id: str) -> Updates:
        return self._drawn(note(self._decisions.drop(id)))

    def _on_back(self) -> Updates:
        draft = self._decisions.back()
        return self._drawn(draft=draft) if draft else {self._said: note("There is nothing to take back.")}

    def _drawn(self, said: str = "", draft: Shown | None = None) -> Updates:
        """The draft, by default the first that is left, and under it a note."""
        draft = draft or self._decisions.first()
        counts = self._decisions.counts()
        closed = draft is not None and draft.answerable
        return {
            self._head: head(self._name, counts),
            self._around: around(draft) if draft else done(),
            self._id: draft.id if draft else "",
            self._question: gr.update(value=draft.question if draft else "", visible=draft is not None),
            self._answers: gr.update(value="\n".join(draft.answers) if draft else "", visible=closed),
            self._note: note(),
            self._said: said or note(),
            self._accept: gr.update(interactive=draft is not None),
            self._drop: gr.update(interactive=draft is not None),
            self._back: gr.update(interactive=counts.accepted + counts.dropped > 0),
        }


def head(name: str, counts: Counts) -> str:
    """The file's name and how far the review is."""
    return (
        f'<header class="cb-header"><h1>Drafts</h1><p><bdi>{escape(name)}</bdi></p>'
        f'<p role="status">{counted(counts.left, "draft")} left · {counts.accepted:,} accepted · '
        f"{counts.dropped:,} dropped</p></header>"
    )


def around(draft: Shown) -> str:
    """The draft's sentence, marked, in its article's surroundings; of an open question, what was exchanged in it."""
    place = draft.context
    when = f'<p class="cb-meta"><bdi>{escape(place.date)}</bdi></p>' if place.date else ""
    text = f"{escape(place.before)}<mark>{escape(place.text)}</mark>{escape(place.after)}"
    return (
        f'<section class="cb-review"><h2 dir="auto">{escape(place.title) or "Untitled"}</h2>{when}'
        f'<div class="cb-text" dir="auto" tabindex="0">{text}</div>{"" if draft.answerable else _open(draft)}</section>'
    )


def _open(draft: Shown) -> str:
    said = "Accept it only if no article answers it."
    if len(draft.changed) == 2:
        was, now = (f"<bdi>{escape(name)}</bdi>" for name in draft.changed)
        said = f"{was} was made {now}. {said}"
    return f'<p class="cb-open">This question should have no answer: {said}</p>'


def done() -> str:
    said = "You may close this page and end the command."
    return f'<section class="cb-review"><h2>No drafts are left</h2><p>{said}</p></section>'


def note(said: str = "") -> str:
    return f'<p class="cb-note" role="status">{escape(said)}</p>'


def _lines(text: str) -> list[str]:
    return clean(text).splitlines()
