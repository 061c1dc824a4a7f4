"""What goes wrong within Chroma, or on the way to its server, as one line of ours."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import httpx
from chromadb.errors import ChromaError

from bot.errors import StoreError

FAILURES = (ChromaError, httpx.HTTPError)
ATTEMPTS = 5
_DAMAGE = (LookupError, ValueError, TypeError)  # what reading a record raises that is not as it was written


class Renewable(Protocol):
    def renew(self) -> bool: ...


Given = ParamSpec("Given")
Result = TypeVar("Result")
Reader = TypeVar("Reader", bound=Renewable)


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """Failures within Chroma, or on the way to its server, leave as StoreError."""
    try:
        yield
    except FAILURES as error:
        raise StoreError(
            f"The article store failed: {error or type(error).__name__}. Where settings name a Chroma server, check "
            "that it runs; otherwise check that the disk is not full, and run `bot doctor`."
        ) from error


@contextlib.contextmanager
def sound() -> Iterator[None]:
    """Records that are damaged leave as StoreError."""
    try:
        yield
    except _DAMAGE as error:
        raise StoreError(
            f"A record of the article store is damaged ({type(error).__name__}). Run `bot doctor`, which says what can "
            "be saved."
        ) from error


def told(method: Callable[Given, Result]) -> Callable[Given, Result]:
    """A method whose failures leave it as StoreError, and so do records that are damaged."""

    @functools.wraps(method)
    def method_telling(*arguments: Given.args, **named: Given.kwargs) -> Result:
        with telling(), sound():
            return method(*arguments, **named)

    return method_telling


def reading(method: Callable[Concatenate[Reader, Given], Result]) -> Callable[Concatenate[Reader, Given], Result]:
    """A method that only reads: where it fails because another process wrote meanwhile, it reads again."""

    @functools.wraps(method)
    def method_reading(self: Reader, /, *arguments: Given.args, **named: Given.kwargs) -> Result:
        with telling(), sound():
            for _ in range(ATTEMPTS - 1):
                try:
                    return method(self, *arguments, **named)
                except FAILURES:
                    if not self.renew():
                        raise
            return method(self, *arguments, **named)

    return method_reading
