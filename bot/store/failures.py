"""What goes wrong within Chroma, or on the way to its server, as one line of ours."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import httpx
from chromadb.errors import ChromaError

from bot.errors import StoreError

FAILURES = (ChromaError, httpx.HTTPError)

Given = ParamSpec("Given")
Result = TypeVar("Result")


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """Failures within Chroma, or on the way to its server, leave as StoreError."""
    try:
        yield
    except FAILURES as error:
        raise StoreError(
            f"The article store failed: {error or type(error).__name__}. Check that the data folder is whole and "
            "writable and the disk not full or, where settings name a Chroma server, that it runs."
        ) from error


def told(method: Callable[Given, Result]) -> Callable[Given, Result]:
    """A method whose failures leave it as StoreError."""

    @functools.wraps(method)
    def method_telling(*arguments: Given.args, **named: Given.kwargs) -> Result:
        with telling():
            return method(*arguments, **named)

    return method_telling
