"""Settings → objects. Each function imports what it builds, so that light commands start fast."""

import contextlib
import importlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config import Settings, shared_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.articles.web import Fetcher
    from bot.chat import Chat
    from bot.doctor import Tools
    from bot.embed import Embedder, LlamaEmbedder
    from bot.ingest import Ingester
    from bot.late import Late
    from bot.llm import LLM
    from bot.llm.kept import Kept
    from bot.models.catalogue import Entry
    from bot.retrieve import Retriever
    from bot.store import Store


def open_embedder(settings: Settings) -> "LlamaEmbedder":
    from bot.embed import LlamaEmbedder
    from bot.models.files import resolve

    file = resolve(settings.embed.model, settings.models_dir, "embedder")
    return LlamaEmbedder(file.path, name=file.name, sha256=file.sha256, threads=settings.llm.threads)


def open_store(
    settings: Settings, embedder: "Embedder", folder: Path | None = None, *, rebuilding: bool = False
) -> "Store":
    """The store in `folder`, by default the data folder's; a Chroma server is used only for the latter."""
    from bot.store import Signature, Store

    signature = Signature(
        embedder=embedder.name,
        embedder_sha256=embedder.sha256,
        dimension=embedder.dimension,
        chunk_tokens=min(settings.chunk.max_tokens, embedder.max_tokens),
    )
    server = settings.store.server if folder is None else None
    return Store(folder or settings.data_dir / "store", signature, server=server, rebuilding=rebuilding)


def open_ingester(settings: Settings, embedder: "Embedder", store: "Store") -> "Ingester":
    from bot.ingest import Ingester

    return Ingester(store, embedder, settings.chunk.max_tokens)


def tools(settings: Settings) -> "Tools":
    """How the doctor and `bot restore` open what they need."""
    from bot.doctor import Tools

    return Tools(
        open_embedder=lambda: open_embedder(settings),
        open_store=lambda embedder, folder: open_store(settings, embedder, folder),
        open_ingester=lambda embedder, store: open_ingester(settings, embedder, store),
    )


def open_fetcher() -> "Fetcher":
    from bot.articles.web import Fetcher

    return Fetcher()


def open_llm(settings: Settings) -> "LLM":
    llm = settings.llm
    if llm.server:
        from bot.llm.server import ServerLLM

        return ServerLLM(
            llm.server,
            model=llm.server_model,
            api_key=llm.api_key.get_secret_value() if llm.api_key else None,
            context_tokens=llm.context_tokens,
            temperature=llm.temperature,
            seed=llm.seed,
        )
    from bot.cli.state import console_for_errors
    from bot.llm.llamacpp import LlamaCpp
    from bot.llm.tune import AS_THE_FILE, tuned
    from bot.models import catalogue
    from bot.models.files import resolve

    file = resolve(llm.model, settings.models_dir, "llm")
    speeds = settings.data_dir / "speed.json"
    entry = catalogue.load().find(file.name)
    found = (
        AS_THE_FILE
        if llm.spare_memory
        else tuned(file.path, file.sha256, speeds, console_for_errors().print, llm.gpu_layers)
    )
    pays = entry is not None and entry.joins and found.joins
    joins = settings.cache.join == "always" or (settings.cache.join == "auto" and pays)
    return LlamaCpp(
        file.path,
        name=file.name,
        context_tokens=llm.context_tokens,
        threads=llm.threads,
        gpu_layers=llm.gpu_layers,
        temperature=llm.temperature,
        seed=llm.seed,
        kept=open_kept(settings) if joins and (settings.cache.memory_mb or settings.cache.disk_mb) else None,
        cell_type=settings.cache.cells,
        sha256=file.sha256,
        tuned=found,
    )


def open_kept(settings: Settings) -> "Kept":
    from bot.llm.kept import Kept

    cache = settings.cache
    return Kept(settings.data_dir / "read", memory_bytes=cache.memory_mb << 20, disk_bytes=cache.disk_mb << 20)


def missing_models(settings: Settings) -> "list[Entry]":
    """Those of the catalogue that the settings name and that are not here; models given by path are the user's own."""
    from bot.models import catalogue

    wanted = [settings.embed.model] + ([] if settings.llm.server else [settings.llm.model])
    entries = [entry for entry in map(catalogue.load().find, wanted) if entry]
    return [entry for entry in entries if not (settings.models_dir / entry.file).is_file()]


def open_late(settings: Settings, missing: "Sequence[Entry]", opened: "Callable[[Chat], None]") -> "Late":
    """A bot that fetches the `missing` models when it is told to; `opened` gets the bot that it is then."""
    from bot.late import Late, Report
    from bot.models.fetch import pull
    from bot.models.files import Progress

    def fetch(report: Report) -> None:
        def forward(step: Progress) -> None:
            report(f"{step.model}: {step.stage}", step.done, step.total)

        for entry in missing:
            pull(entry, settings.models_dir, forward)

    def open_now() -> "Chat":
        bot = open_bot(settings)
        try:
            opened(bot)
        except BaseException:
            bot.close()
            raise
        return bot

    names = (f"{entry.name} ({entry.bytes / 1e6:,.0f} MB)" if entry.bytes else entry.name for entry in missing)
    return Late(settings.llm.model, " and ".join(names), fetch, open_now)


def open_bot(settings: Settings) -> "Chat":
    """All of the bot, from its settings alone; the model is loaded while the store is opened."""
    embedder = open_embedder(settings)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(open_llm, settings)
        try:
            store = open_store(settings, embedder)
            importlib.import_module("bot.answer")
            return open_chat(settings, embedder, store, loading.result())
        except BaseException:  # what is loaded takes a gigabyte, and whoever is told may try again
            with contextlib.suppress(Exception):
                loading.result().close()
            raise


def open_retriever(settings: Settings, embedder: "LlamaEmbedder", store: "Store") -> "Retriever":
    from bot.retrieve import Retriever

    return Retriever(store, embedder, store.folder / "bm25", settings.retrieve)


def open_chat(
    settings: Settings,
    embedder: "LlamaEmbedder",
    store: "Store",
    llm: "LLM | None" = None,
    retriever: "Retriever | None" = None,
) -> "Chat":
    from bot import answerable, prompt
    from bot.answer import Answerer
    from bot.articles.sentences import split
    from bot.chat import Chat
    from bot.models import catalogue

    template, check, claim = (
        prompt.read(prompt.find(task, settings.prompts_dir)) for task in ("answer", "check", "claim")
    )
    retriever = retriever or open_retriever(settings, embedder, store)
    llm = llm or open_llm(settings)
    calibrations = answerable.load(shared_folder("models") / "answerable.toml", embedder.name, llm.name)
    entry = catalogue.load().find(llm.name)
    min_claim_odds = entry.min_claim_odds if entry else None
    answerer = Answerer(retriever, llm, embedder, template, split, settings, calibrations, check, claim, min_claim_odds)
    ingester = open_ingester(settings, embedder, store)
    fetch = open_fetcher().fetch if settings.chat.add_by_url else None
    return Chat(answerer, store, ingester, llm.name, settings.chat.history_turns, fetch)
