"""The two collections, and the store's own notes: which chunks are in use, how they were made, and its state."""

import uuid
from pathlib import Path
from typing import Any

from bot.errors import StoreMismatch
from bot.store.connect import Collection, open_collection
from bot.store.disk import ARTICLES
from bot.store.failures import sound
from bot.store.records import CHUNKS, Signature


def open_articles(client: Any) -> Collection:
    return open_collection(client, ARTICLES, "l2")


def open_chunks(client: Any, folder: Path, signature: Signature, rebuilding: bool) -> Collection:
    """Those in use. Raises StoreMismatch if they were made in another way, unless `rebuilding`."""
    notes = read(client)
    if "chunks" not in notes:
        write(client, chunks=signature.collection(), signature=signature.model_dump_json(), state=uuid.uuid4().hex)
        return open_collection(client, signature.collection())
    with sound():
        made = Signature.model_validate_json(str(notes["signature"]))
    if made != signature and not rebuilding:
        raise StoreMismatch(
            f"The articles in {folder} were prepared in another way than the settings say "
            f"({made.difference(signature)}). Run `bot ingest --rebuild`, or set the old value again."
        )
    return open_collection(client, str(notes["chunks"]))


def read(client: Any) -> dict[str, Any]:
    """As they stand now, whichever process wrote them."""
    return dict(client.get_collection(ARTICLES, embedding_function=None).metadata or {})


def write(client: Any, **values: str) -> None:
    collection = client.get_collection(ARTICLES, embedding_function=None)
    collection.modify(metadata=dict(collection.metadata or {}) | values)


def unused_chunks(client: Any) -> list[str]:
    """Names of the collections of chunks that are not in use."""
    names = [collection.name for collection in client.list_collections()]
    return [name for name in names if name.startswith(CHUNKS) and name != read(client).get("chunks")]
