"""Opens Chroma, a folder of this machine or a server, and the collections in it."""

import contextlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import chromadb
from chromadb.config import Settings as ChromaSettings

from bot.store.failures import FAILURES

LOOKED_AT = 1000  # vectors that a search goes through on its way to the nearest; Chroma's own 100 miss 2 in 100 of them


def connect(folder: Path, server: str | None) -> Any:
    """A Chroma client for `folder`, or for the server at the address `server`; raises what Chroma raises."""
    settings = ChromaSettings(anonymized_telemetry=False)
    if not server:
        return chromadb.PersistentClient(str(folder / "chroma"), settings=settings)
    url = urlsplit(server if "//" in server else f"//{server}", scheme="http")
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 8000)
    return chromadb.HttpClient(host=url.hostname or "127.0.0.1", port=port, ssl=secure, settings=settings)


def collection(client: Any, name: str, space: str) -> Any:
    """The collection, made where there is none; `space` says how vectors are compared.

    Chroma makes the graph that it searches anew in each process, in no fixed order. Only a search that finds all of the
    nearest finds the same each time: with LOOKED_AT, those of some thousand vectors (docs/experiments.md).
    """
    index = {"space": space, "ef_search": LOOKED_AT}
    found = client.get_or_create_collection(name, embedding_function=None, configuration={"hnsw": index})
    if (found.configuration_json.get("hnsw") or {}).get("ef_search", LOOKED_AT) != LOOKED_AT:
        # An earlier version made it. Who may not write it searches as it did, and so does one whose settings Chroma
        # cannot read any more (ValueError).
        with contextlib.suppress(*FAILURES, ValueError):
            found.modify(configuration={"hnsw": {"ef_search": LOOKED_AT}})
    return found


def cannot_open(folder: Path, server: str | None, error: Exception) -> str:
    """What to tell the user when `connect` failed with `error`."""
    if server:
        return (
            f"The Chroma server {server} cannot be used: {error}. Start it with `chroma run`, or change store.server."
        )
    return (
        f"The article store in {folder} cannot be opened: {error}. Check that the folder is writable and whole; "
        "after moving it away, ingesting makes a new one."
    )
