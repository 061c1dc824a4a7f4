"""Opens Chroma: a folder of this machine, or a server."""

from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import chromadb
from chromadb.api import ServerAPI
from chromadb.api.client import Client
from chromadb.config import Settings as ChromaSettings
from chromadb.config import System
from chromadb.telemetry.product import ProductTelemetryClient

Collection: TypeAlias = chromadb.Collection


def connect(folder: Path, server: str | None) -> Any:
    """A Chroma client for `folder`, or for the server at the address `server`; raises what Chroma raises."""
    settings = ChromaSettings(anonymized_telemetry=False)
    if not server:
        settings.persist_directory, settings.is_persistent = str(folder / "chroma"), True
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
