"""Opens Chroma: a folder of this machine, or a server."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import chromadb
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import Settings as ChromaSettings

from bot.store import disk


def connect(folder: Path, server: str | None) -> Any:
    """A Chroma client for `folder`, or for the server at the address `server`; raises what Chroma raises.

    And disk.Damaged for a folder whose files Chroma would not notice to be damaged, or would die of.
    """
    settings = ChromaSettings(anonymized_telemetry=False)
    if not server:
        disk.refuse_damaged(folder)
        return _in_folder(str(folder / disk.CHROMA), settings)
    url = urlsplit(server if "//" in server else f"//{server}", scheme="http")
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 8000)
    return chromadb.HttpClient(host=url.hostname or "127.0.0.1", port=port, ssl=secure, settings=settings)


def _in_folder(path: str, settings: ChromaSettings) -> Any:
    """Chroma remembers also what it could not start, and would give that for the same path once it is mended."""
    try:
        return chromadb.PersistentClient(path, settings=settings)
    except BaseException:
        if path not in SharedSystemClient._identifier_to_refcount:
            SharedSystemClient._identifier_to_system.pop(path, None)
        raise


def cannot_open(folder: Path, server: str | None, error: Exception) -> str:
    """What to tell the user when `connect` failed with `error`."""
    if server:
        return (
            f"The Chroma server {server} cannot be used: {error}. Start it with `chroma run`, or change store.server."
        )
    return (
        f"The article store in {folder} cannot be opened: {error}. See that the folder is writable and the "
        "disk not full, then run `bot doctor`; `bot doctor --repair` saves what can be saved."
    )
