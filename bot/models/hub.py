"""Files on Hugging Face, through huggingface_hub: its endpoint, token, proxy and offline settings are honoured.

`hf_hub_download` of version 2 begins anew after a break, so the bytes are asked for from where they end. The only
thing told about this machine is that Citebot asks: the user agent replaces the library's, which lists versions, and
its telemetry is off meanwhile.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import constants, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from bot import __version__
from bot.errors import FetchError
from bot.models.catalogue import Arrival, HubSource
from bot.models.wheels import Tick, part_path

TIMEOUT_SECONDS = 30.0
RETRIES = 5
PAUSE_SECONDS = 1.0


class _File(NamedTuple):
    url: str
    arrival: Arrival
    size: int


def describe(source: HubSource, arrivals: tuple[Arrival, ...]) -> tuple[Arrival, ...]:
    """The arrivals with the size and sum that the hub states (the LFS oid), where the catalogue has none.

    Raises FetchError with the reason, without advice, also if the hub's size is not the catalogue's.
    """
    with _without_telemetry():
        return tuple(_describe(source, arrival) for arrival in arrivals)


def fetch(source: HubSource, arrivals: tuple[Arrival, ...], folder: Path, tick: Tick) -> None:
    """Complete `folder`/FILE.part for every arrival that `describe` gave; `tick` gets the bytes of all together."""
    before = 0
    with _without_telemetry():
        for arrival in arrivals:
            size = arrival.bytes or 0
            _download(_File(_url(source, arrival), arrival, size), folder, _shifted(tick, before))
            before += size


@contextmanager
def _without_telemetry() -> Iterator[None]:
    # HF_HUB_DISABLE_TELEMETRY is read when the library is first imported, which may have been long ago. Without it
    # the library asks the hub for a list of coding agents, to report whether one runs here.
    before = constants.HF_HUB_DISABLE_TELEMETRY
    constants.HF_HUB_DISABLE_TELEMETRY = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = before


def _shifted(tick: Tick, before: int) -> Callable[[int], None]:
    return lambda done: tick(before + done)


def _url(source: HubSource, arrival: Arrival) -> str:
    return hf_hub_url(source.repo, source.names.get(arrival.file, arrival.file), revision=source.revision)


def _headers() -> dict[str, str]:
    return {"user-agent": f"citebot/{__version__}"}


def _describe(source: HubSource, arrival: Arrival) -> Arrival:
    try:
        stated = get_hf_file_metadata(_url(source, arrival), headers=_headers(), timeout=TIMEOUT_SECONDS)
    except Exception as error:  # the HTTP library beneath, and so its errors, differ between versions
        raise FetchError(_reason(error)) from None
    etag = (stated.etag or "").lower()
    sha256 = arrival.sha256 or (etag if len(etag) == 64 else None)
    size = arrival.bytes or stated.size
    if sha256 is None or not size:
        raise FetchError(f"it states no size and SHA-256 for {arrival.file}")
    if stated.size not in (None, size):
        raise FetchError(f"its {arrival.file} has {stated.size} bytes, not {size}")
    return Arrival(file=arrival.file, bytes=size, sha256=sha256)


def _download(file: _File, folder: Path, tick: Tick) -> None:
    part, owner = part_path(folder, file.arrival.file), folder / f"{file.arrival.file}.sha256"
    if file.arrival.sha256 != (owner.read_text(encoding="ascii") if owner.exists() else file.arrival.sha256):
        part.unlink(missing_ok=True)  # half of another version
    owner.write_text(file.arrival.sha256 or "", encoding="ascii")
    part.touch()
    with part.open("r+b") as output:
        start = output.seek(0, 2)
        if start > file.size:
            start = output.truncate(0)
        for offset, block in _blocks(file, start):
            if offset != output.tell():  # the server began anew
                output.truncate(output.seek(offset))
            output.write(block)
            tick(offset + len(block))


def _blocks(file: _File, start: int) -> Iterator[tuple[int, bytes]]:
    """Pairs of offset and bytes from `start` to the end, over breaks; it gives up after RETRIES without a byte."""
    failures = 0
    while start < file.size:
        reason = "the connection ended early"
        try:
            for block in _stream(file.url, start):
                if block is None:
                    start = 0
                    continue
                yield start, block
                start, failures = start + len(block), 0
        except HfHubHTTPError as error:
            raise FetchError(_reason(error)) from None
        except Exception as error:  # as above
            reason = _reason(error)
        if start < file.size:
            failures += 1
            if failures > RETRIES:
                raise FetchError(reason)
            time.sleep(PAUSE_SECONDS)


def _stream(url: str, start: int) -> Iterator[bytes | None]:
    """The file's bytes from `start`; first None if the server ignores that and begins at 0."""
    headers = {**build_hf_headers(headers=_headers()), "Accept-Encoding": "identity", "Range": f"bytes={start}-"}
    with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT_SECONDS) as response:
        hf_raise_for_status(response)
        if response.status_code != 206 and start:
            yield None
        yield from response.iter_bytes()


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:300].rstrip(".")
