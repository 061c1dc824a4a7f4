"""How an answer came about, printed: what `bot ask --trace` adds."""

from rich.console import Console
from rich.text import Text

from bot.cli.state import table
from bot.schema import Answer
from bot.trace import sections


def show_trace(screen: Console, answer: Answer) -> None:
    """All goes through Text, so that square brackets in articles are no markup."""
    for section in sections(answer):
        screen.print()
        screen.print(Text(section.title, style="bold"))
        for name, value in section.facts:
            screen.print(Text.assemble((f"{name}: ", "dim"), value))
        if section.table:
            grid = table(*section.table.head)
            for cells in section.table.rows:
                grid.add_row(*map(Text, cells))
            screen.print(grid)
        for caption, text in section.texts:
            screen.print(Text(f"{caption}", style="dim"))
            screen.print(Text(text))
