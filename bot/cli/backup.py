"""`bot backup` and `bot restore`: all that is the user's own, in one file and back."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from bot import __version__
from bot.cli.articles import progress_bar
from bot.cli.state import console, state
from bot.config import CONFIG_VARIABLE, Settings, load, settings_file
from bot.errors import BackupError, ConfigError

if TYPE_CHECKING:
    from bot.backup.restore import Opened
    from bot.schema import Article
    from bot.store import Store

Zip = Annotated[Path, typer.Argument(help="The backup, a zip file.", metavar="FILE.zip")]


def backup(
    context: typer.Context,
    file: Zip,
    without_users: Annotated[
        bool, typer.Option("--without-users", help="Leave out who may log in: names and password hashes (bcrypt).")
    ] = False,
) -> None:
    """Write articles, settings, conversations, ratings and users to one file; the page may run.

    Models are left out, and what is made again. The file is not encrypted: it holds the articles in full, password
    hashes, and the settings file with an API key that may stand in it. Only you may read it; keep it so.
    """
    from bot.backup import pack
    from bot.cli.compose import open_embedder, open_store

    settings = state(context).settings()
    store = open_store(settings, open_embedder(settings))
    try:
        found = settings_file(state(context).flags, state(context).config)
        made = pack(file, settings.data_dir, _articles(store), __version__, settings=found, users=not without_users)
    finally:
        store.close()
    counts = f"{made.articles} articles and {made.conversations} conversations"
    console().print(Text(f"{counts} are in {file} ({file.stat().st_size / 1e3:,.0f} kB)."))


def restore(
    context: typer.Context,
    file: Zip,
    into: Annotated[Path | None, typer.Option(help="Make this data folder instead of the one in use.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put a data folder that is not empty aside.")] = False,
    without_settings: Annotated[
        bool, typer.Option("--without-settings", help="Leave out the settings file of the backup.")
    ] = False,
) -> None:
    """Make a data folder of a backup; articles are prepared anew, which takes a while."""
    from bot.backup import Backup
    from bot.backup import restore as make
    from bot.backup.form import SETTINGS

    own = _present(context, replace)
    data_dir = (into or own.data_dir).expanduser().absolute()
    found = Backup(file)

    def opened(built: Path) -> "Opened":
        return _opened(_settings(context, built / SETTINGS, data_dir))

    with progress_bar("Restoring") as report:
        aside = make(
            found,
            data_dir,
            opened,
            replace=replace,
            keep=own.models_dir,
            without=(SETTINGS,) if without_settings else (),
            report=report,
        )
    made = found.manifest
    console().print(Text(f"{made.articles} articles and {made.conversations} conversations are in {data_dir}."))
    if aside:
        console().print(Text(f"What was there before lies in {aside}; remove it when nothing of it is missed."))


def _present(context: typer.Context, replace: bool) -> Settings:
    """Those in force; a settings file that is damaged in a data folder that is to be replaced does not count."""
    flags, config = state(context).flags, state(context).config
    try:
        return load(flags, config).settings
    except ConfigError:
        if not replace or _is_named(context):
            raise
        return load(flags, with_file=False).settings


def _is_named(context: typer.Context) -> bool:
    """Whether the settings file is one that was named: it stays where it is, whatever becomes of the data folder."""
    return state(context).config is not None or CONFIG_VARIABLE in os.environ


def _settings(context: typer.Context, file: Path, data_dir: Path) -> Settings:
    """Those that will hold once the backup is restored: its articles are prepared with them."""
    if not file.is_file():
        return load(state(context).flags, state(context).config, with_file=_is_named(context)).settings
    try:
        alone, settings = load({}, file, {}), load(state(context).flags, file).settings
    except ConfigError as error:
        raise ConfigError(
            f"The backup's settings do not hold here: {error} Leave them out with --without-settings."
        ) from None
    if alone.origins["data_dir"] != "default" and alone.settings.data_dir != data_dir:
        raise ConfigError(
            f"The backup's settings have another data_dir, {alone.settings.data_dir}, so what is restored would not be "
            "looked at. Leave them out with --without-settings."
        )
    return settings


def _opened(settings: Settings) -> "Opened":
    from bot.backup.restore import Opened
    from bot.cli.compose import open_embedder, open_ingester, open_store

    if settings.store.server:
        raise ConfigError(
            "A backup is restored to a data folder, not to a Chroma server. Restore it with `bot --set store.server= "
            "restore`, then move it there."
        )
    embedder = open_embedder(settings)
    return Opened(
        embedder,
        lambda folder: open_store(settings, embedder, folder),
        lambda store: open_ingester(settings, embedder, store),
    )


def _articles(store: "Store") -> "Iterator[Article]":
    from bot.articles import content_hash

    ids = sorted(store.infos())
    for start in range(0, len(ids), 100):
        for article in store.articles(ids[start : start + 100]):
            if content_hash(article) != article.content_hash:
                raise BackupError(
                    f"The article {article.id} is damaged, and no backup could be restored with it. "
                    "Run `bot doctor --repair` first."
                )
            yield article
