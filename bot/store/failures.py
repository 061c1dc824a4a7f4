"""What goes wrong within Chroma, or on the way to its server, as one line of ours."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import httpx
from chromadb.errors import ChromaError

from bot.errors import StoreError

FAILURES = (ChromaError, httpx.HTTPError)
_DAMAGE = (LookupError, ValueError, TypeError)  # what reading a record raises that is not as it was written

Given = ParamSpec("Given")
Result = TypeVar("Result")


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """Failures within Chroma, or on the way to its server, leave as StoreError."""
    try:
        yield
    except FAILURES as error:
        raise StoreError(
            f"The article store failed: {error or type(error).__name__}. Where settings name a Chroma server, see "
            "that it runs; otherwise see that the disk is not full, and run `bot doctor`."
        ) from error


def told(method: Callable[Given, Result]) -> Callable[Given, Result]:
    """A method whose failures leave it as StoreError, and so do records that are damaged."""

    @functools.wraps(method)
    def method_telling(*arguments: Given.args, **named: Given.kwargs) -> Result:
        with telling():
            try:
                return method(*arguments, **named)
            except _DAMAGE as error:
                raise StoreError(
                    f"A record of the article store is damaged ({type(error).__name__}). Run `bot doctor`, which says "
                    "what can be saved."
                ) from error

    return method_telling
