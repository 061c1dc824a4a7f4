"""Opens Chroma, a folder of this machine or a server, and the collections in it."""

import contextlib
import warnings
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import chromadb
from chromadb.api import ServerAPI
from chromadb.api.client import Client
from chromadb.config import Settings as ChromaSettings
from chromadb.config import System
from chromadb.telemetry.product import ProductTelemetryClient

from bot.store.disk import CHROMA
from bot.store.failures import FAILURES

Collection: TypeAlias = chromadb.Collection
LOOKED_AT = 1000  # vectors that a search goes through on its way to the nearest; Chroma's own 100 miss 2 in 100 of them
MANY = 100_000  # vectors, from which on that takes too long
LOOKED_AT_OF_MANY = 500


def connect(folder: Path, server: str | None) -> Any:
    """A Chroma client for `folder`, or for the server at the address `server`; raises what Chroma raises."""
    settings = ChromaSettings(anonymized_telemetry=False)
    if not server:
        settings.persist_directory, settings.is_persistent = str(folder / CHROMA), True
        return Client.from_system(_started(settings))
    url = urlsplit(server if "//" in server else f"//{server}", scheme="http")
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 8000)
    return chromadb.HttpClient(host=url.hostname or "127.0.0.1", port=port, ssl=secure, settings=settings)


def _started(settings: ChromaSettings) -> System:
    """One that reads the folder anew: chromadb.PersistentClient gives a process the same memory of it again."""
    system = System(settings)
    for component in (ProductTelemetryClient, ServerAPI):
        system.instance(component)
    system.start()
    return system


def open_collection(client: Any, name: str, space: str = "cosine") -> Collection:
    """The collection, made where there is none; `space` says how vectors are compared.

    Chroma makes the graph that it searches anew in each process, in no fixed order. Only a search that finds all of the
    nearest finds the same each time: with LOOKED_AT, those of some thousand vectors (docs/experiments.md).
    """
    index = {"space": space, "ef_search": LOOKED_AT}
    found: Collection = client.get_or_create_collection(name, embedding_function=None, configuration={"hnsw": index})
    if _looked_at(found) not in (LOOKED_AT, LOOKED_AT_OF_MANY):  # an earlier version made it
        _look_at(found, LOOKED_AT)
    return found


def spare_time(chunks: Collection) -> None:
    """Have fewer of MANY vectors looked at, from the next opening on: to count is to load what is searched."""
    if _looked_at(chunks) != (wanted := LOOKED_AT if chunks.count() < MANY else LOOKED_AT_OF_MANY):
        _look_at(chunks, wanted)


def _looked_at(found: Collection) -> int:
    return int((found.configuration_json.get("hnsw") or {}).get("ef_search", LOOKED_AT))


def _look_at(found: Collection, count: int) -> None:
    with contextlib.suppress(*FAILURES), warnings.catch_warnings():  # who may not write searches as before
        warnings.simplefilter("ignore", DeprecationWarning)  # of Chroma's, that we embed texts ourselves
        found.modify(configuration={"hnsw": {"ef_search": count}})


def cannot_open(folder: Path, server: str | None, error: Exception) -> str:
    """What to tell the user when `connect` failed with `error`."""
    if server:
        return (
            f"The Chroma server {server} cannot be used: {error}. Start it with `chroma run`, or change store.server."
        )
    return (
        f"The article store in {folder} cannot be opened: {error}. Check that the folder is writable and the "
        "disk not full, then run `bot doctor`; `bot doctor --repair` saves what can be saved."
    )
