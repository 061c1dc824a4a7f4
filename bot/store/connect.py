"""Opens Chroma: a folder of this machine, or a server."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import chromadb
from chromadb.config import Settings as ChromaSettings

from bot.store import disk


def connect(folder: Path, server: str | None) -> Any:
    """A Chroma client for `folder`, or for the server at the address `server`; raises what Chroma raises.

    And disk.Damaged for a folder whose files Chroma would not notice to be damaged, or would die of.
    """
    settings = ChromaSettings(anonymized_telemetry=False)
    if not server:
        disk.refuse_damaged(folder)
        return chromadb.PersistentClient(str(folder / disk.CHROMA), settings=settings)
    url = urlsplit(server if "//" in server else f"//{server}", scheme="http")
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 8000)
    return chromadb.HttpClient(host=url.hostname or "127.0.0.1", port=port, ssl=secure, settings=settings)


def cannot_open(folder: Path, server: str | None, error: Exception) -> str:
    """What to tell the user when `connect` failed with `error`."""
    if server:
        return (
            f"The Chroma server {server} cannot be used: {error}. Start it with `chroma run`, or change store.server."
        )
    return (
        f"The article store in {folder} cannot be opened: {error}. See that the folder is writable, then run "
        "`bot doctor`; `bot doctor --repair` saves what can be saved."
    )
