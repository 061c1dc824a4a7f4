"""How an answer came about, as HTML, folded away; pure. What `bot.trace` lays out is escaped here."""

from html import escape

from bot.schema import Answer
from bot.trace import Section, Table, sections


def folded(answer: Answer) -> str:
    """Closed at first; nothing for an Answer without a trace."""
    parts = "".join(map(_section, sections(answer)))
    return f'<details class="cb-how"><summary>How this answer was made</summary>{parts}</details>' if parts else ""


def _section(section: Section) -> str:
    facts = "".join(
        f'<div><dt>{escape(name)}:</dt> <dd dir="auto">{escape(value)}</dd></div>' for name, value in section.facts
    )
    texts = "".join(
        f'<h5>{escape(caption)}</h5><pre dir="auto" tabindex="0">{escape(text)}</pre>'
        for caption, text in section.texts
    )
    return (
        f"<section><h4>{escape(section.title)}</h4>{f'<dl>{facts}</dl>' if facts else ''}"
        f"{_table(section.table) if section.table else ''}{texts}</section>"
    )


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head)
    rows = "".join(f"<tr>{''.join(map(_cell, cells))}</tr>" for cells in table.rows)
    return (
        '<div class="cb-how-table" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    """A line is a block of its own, so that the reading direction of one does not turn the next."""
    lines = "".join(f'<div dir="auto">{escape(line)}</div>' for line in text.split("\n"))
    return f"<td>{lines}</td>"
