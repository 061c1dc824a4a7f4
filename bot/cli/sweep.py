"""`bot sweep`: settings and models side by side, each as a run of its own."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.text import Text

from bot.cli.compose import open_llm
from bot.cli.evaluate import meta_of, prepare
from bot.cli.progress import asking
from bot.cli.stages import notes, open_door
from bot.cli.state import State, console, console_for_errors, state
from bot.cli.state import table as new_table
from bot.config import Settings, describe, flatten, load
from bot.errors import DatasetError, ModelError

if TYPE_CHECKING:
    from bot.embed import LlamaEmbedder
    from bot.evaluate.cases import Choice, Question
    from bot.evaluate.grid import Plan, Point
    from bot.evaluate.sweep import Found
    from bot.llm import LLM
    from bot.store import Store


def sweep(
    context: typer.Context,
    grid: Annotated[Path, typer.Argument(help="What to try: docs/sweep.md.", metavar="GRID.toml")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file and list the points; ask nothing.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask anew what is answered already.")] = False,
) -> None:
    """Ask the same questions under each combination of settings, and set the outcomes side by side."""
    from bot.evaluate.cases import Choice, choose, load_questions
    from bot.evaluate.grid import load_plan
    from bot.evaluate.run import write_json
    from bot.evaluate.sweep import summary
    from bot.evaluate.tradeoffs import page

    given = state(context)
    given.settings()  # what is wrong beside the file is told as such
    plan, points = load_plan(grid, list(describe()), lambda values: _settings(given, values))
    choice = Choice(plan.sample, plan.seed)
    cases = choose(load_questions(plan.questions, plan.limit), choice)
    settings = {point.name: _settings(given, point.settings) for point in points}
    _check(plan, settings)
    _tell(plan, points, settings, cases, fresh)
    if dry_run:
        return
    by_name = _ask_all(plan, _loading_order(points, settings), settings, choice, fresh)
    found = [by_name[point.name] for point in points]
    try:
        write_json(plan.out / "sweep.json", summary(plan, found))
        (plan.out / "sweep.html").write_text(page(plan, found), encoding="utf-8")
    except OSError as error:
        raise DatasetError(
            f"{plan.out} cannot be written: {error.strerror}. Free space; the answers are kept."
        ) from None
    _show(found)
    console().print(Text(f"Plots: {plan.out / 'sweep.html'}; by name: {plan.out / 'sweep.json'}"))


def _settings(given: State, values: Mapping[str, Any]) -> Settings:
    return load(given.flags | dict(values), given.config, origin_of_flags="grid").settings


def _check(plan: "Plan", settings: Mapping[str, Settings]) -> None:
    """Raise for articles and models that are missing before the first question is asked."""
    from bot.models.files import resolve

    if not plan.corpus.exists():
        raise DatasetError(f"There are no articles at {plan.corpus}. Mend `corpus`, a file or folder.")
    wanted = {("embedder", one.embed.model, one.models_dir) for one in settings.values()}
    wanted |= {("llm", one.llm.model, one.models_dir) for one in settings.values() if not one.llm.server}
    faults = []
    for kind, name, folder in sorted(wanted):
        try:
            resolve(name, folder, "embedder" if kind == "embedder" else "llm")
        except ModelError as error:
            faults.append(str(error))
    if faults:
        raise ModelError(" ".join(faults))


def _tell(
    plan: "Plan",
    points: "Sequence[Point]",
    settings: Mapping[str, Settings],
    cases: "Sequence[Question]",
    fresh: bool,
) -> None:
    """What it comes to, and each point with what it has already."""
    from bot.evaluate.report import sha256_of
    from bot.evaluate.sweep import answered, settings_told

    meta = {"scope": plan.scope, "questions": {"file": str(plan.questions), "sha256": sha256_of(plan.questions)}}
    done = {
        point.name: 0
        if fresh
        else answered(plan.out / point.name, cases, meta | {"settings": flatten(settings[point.name])})
        for point in points
    }
    left = len(points) * len(cases) - sum(done.values())
    screen = console()
    screen.print(Text(f"Points: {len(points)}. Questions for each: {len(cases)}. To be asked: {left}."))
    grid = new_table("point", "settings", "answered")
    for point in points:
        grid.add_row(*map(Text, (point.name, settings_told(point), f"{done[point.name]} of {len(cases)}")))
    screen.print(grid)
    for line in notes(settings[points[0].name], cases, "full", repeat=1):
        console_for_errors().print(Text(line))


class _Needs(NamedTuple):
    """What a point loads: two points with the same value can share it."""

    llm: str
    embedder: str
    store: str

    @classmethod
    def of(cls, settings: Settings) -> "_Needs":
        from bot.evaluate.grid import as_name

        llm = settings.llm.model_copy(update={"answer_tokens": 0})  # this one is said with each question
        return cls(
            llm=repr((llm, settings.cache, settings.models_dir, settings.data_dir)),
            embedder=repr((settings.embed, settings.models_dir, settings.llm.threads)),
            store=f"{as_name(settings.embed.model)[-80:]}-{settings.chunk.max_tokens}",
        )


def _loading_order(points: "Sequence[Point]", settings: Mapping[str, Settings]) -> "list[Point]":
    from bot.evaluate.grid import in_loading_order

    needs = {point.name: _Needs.of(settings[point.name]) for point in points}
    return in_loading_order(points, lambda one: needs[one.name].llm, lambda one: needs[one.name][1:])


def _ask_all(
    plan: "Plan", points: "Sequence[Point]", settings: Mapping[str, Settings], choice: "Choice", fresh: bool
) -> "dict[str, Found]":
    from bot.evaluate.sweep import Found

    found: dict[str, Found] = {}
    with _shelf(plan, choice) as shelf:
        for number, point in enumerate(points, start=1):
            title = f"Asking {point.name} ({number} of {len(points)})"
            found[point.name] = Found(point, _ask(plan, point, settings[point.name], shelf, title, fresh))
    return found


def _ask(plan: "Plan", point: "Point", settings: Settings, shelf: "_Shelf", title: str, fresh: bool) -> dict[str, Any]:
    """One point's run and its report, as `bot eval` makes them."""
    from bot.evaluate.judge import own_judge
    from bot.evaluate.report import report, write_report
    from bot.evaluate.run import REPORT, read_meta, run

    llm, (cases, embedder, store) = shelf.llm(settings), shelf.library(settings)
    folder = plan.out / point.name
    meta = meta_of(settings, plan.questions, plan.corpus, store, embedder, llm) | {"cold": False}
    door = open_door("full", settings, embedder, store, llm=llm)
    console_for_errors().print(Text(title))
    with asking() as tell:
        rows = run(cases, door.ask, folder, meta, plan.scope, tell, fresh, begin=door.begin)
    judge = own_judge(embedder.embed_documents, store.infos(), settings.cite.min_support)
    result = report(rows, cases, read_meta(folder), embedder.embed_documents, (), judge)
    write_report(folder / REPORT, result)
    _link(folder / "store", store.folder)
    return result


def _link(link: Path, store: Path) -> None:
    """Have the store where `bot eval` has it, for what reads a run; not every disk has links."""
    with suppress(OSError):
        link.symlink_to(os.path.relpath(store, link.parent), target_is_directory=True)


class _Shelf:
    """Keeps the model and the store of the point before, for the next one that needs the same."""

    def __init__(self, plan: "Plan", choice: "Choice") -> None:
        self._plan, self._choice = plan, choice
        self._llm: tuple[str, LLM] | None = None
        self._library: tuple[_Needs, tuple[list[Question], LlamaEmbedder, Store]] | None = None

    def llm(self, settings: Settings) -> "LLM":
        needs = _Needs.of(settings).llm
        if self._llm is None or self._llm[0] != needs:
            self._close_llm()
            self._llm = needs, open_llm(settings)
        return self._llm[1]

    def library(self, settings: Settings) -> "tuple[list[Question], LlamaEmbedder, Store]":
        needs = _Needs.of(settings)._replace(llm="")
        if self._library is None or self._library[0] != needs:
            self._close_library()
            folder = self._plan.out / "stores" / needs.store
            plan = self._plan
            opened = prepare(settings, plan.questions, plan.corpus, folder, plan.limit, (), self._choice)
            self._library = needs, opened
        return self._library[1]

    def close(self) -> None:
        self._close_llm()
        self._close_library()

    def _close_llm(self) -> None:
        if self._llm:
            self._llm[1].close()
        self._llm = None

    def _close_library(self) -> None:
        if self._library:
            _, embedder, store = self._library[1]
            store.close()
            embedder.close()
        self._library = None


@contextmanager
def _shelf(plan: "Plan", choice: "Choice") -> Iterator[_Shelf]:
    shelf = _Shelf(plan, choice)
    try:
        yield shelf
    finally:
        shelf.close()


def _show(found: "Sequence[Found]") -> None:
    from bot.evaluate.sweep import best, table

    head, *rows = table(found)
    grid = new_table(*head)
    for row in rows:
        grid.add_row(*map(Text, row))
    screen = console()
    screen.print(grid)
    if front := best(found):
        screen.print(Text(f"No other is as quick and as accurate as: {', '.join(front)}"))
