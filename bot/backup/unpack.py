"""Reads a backup that may be anybody's: nothing of it counts before all of it has its size and sum.

Members have names of ours or the backup is refused, and no more bytes are unpacked than the manifest says.
"""

import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from bot.backup.form import ARTICLES, LARGEST, LARGEST_MANIFEST, MANIFEST, Manifest
from bot.errors import BackupError
from bot.schema import Article

BLOCK = 1 << 20
REMEDY = "Take another backup."
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


class Backup:
    """The backup in `file`. Raises BackupError where that is none, is damaged, or is of a newer form."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            with zipfile.ZipFile(file) as archive:
                self.manifest = self._manifest(archive)
        except OSError as error:
            raise BackupError(f"{file} cannot be read: {error.strerror or error}. Check its path.") from error
        except ValidationError as error:
            raise self._damaged(f"its manifest: {error.errors()[0]['msg']}") from None
        except _DAMAGE as error:
            raise self._damaged(str(error) or type(error).__name__) from error

    def unpack(self, folder: Path) -> None:
        """Write all members to the empty `folder`, and see that they are what was put in.

        Raises BackupError where they are not, OSError where they cannot be written.
        """
        wanted = sum(member.bytes for member in self.manifest.members)
        if shutil.disk_usage(folder).free < wanted:
            raise BackupError(f"{self.file} holds {wanted >> 20} MiB, more than is free there. Make room first.")
        with zipfile.ZipFile(self.file) as archive:
            for member in self.manifest.members:
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    with archive.open(member.name) as packed, path.open("xb") as out:
                        digest = _copied(packed, out, member.bytes)  # type: ignore[arg-type]
                except _DAMAGE as error:
                    raise self._damaged(f"{member.name}: {error}") from error
                if digest != member.sha256 or path.stat().st_size != member.bytes:
                    raise self._damaged(f"{member.name} is not what was put in")

    def articles(self, folder: Path) -> Iterator[Article]:
        """The articles, of the folder that it was unpacked to. Raises BackupError for a line that is none."""
        with (folder / ARTICLES).open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield Article.model_validate_json(line)
                except ValidationError as error:
                    raise self._damaged(f"line {number} of {ARTICLES}: {error.errors()[0]['msg']}") from None

    def _manifest(self, archive: zipfile.ZipFile) -> Manifest:
        infos = {info.filename: info for info in archive.infolist()}
        if MANIFEST not in infos or infos[MANIFEST].file_size > LARGEST_MANIFEST:
            raise BackupError(f"{self.file} is no backup of Citebot. Give a file that `bot backup` made.")
        with archive.open(MANIFEST) as packed:
            manifest = Manifest.model_validate_json(packed.read(LARGEST_MANIFEST))
        sizes = {member.name: member.bytes for member in manifest.members}
        found = {name: info.file_size for name, info in infos.items() if name != MANIFEST}
        if found != sizes or len(infos) != len(archive.infolist()) or len(sizes) != len(manifest.members):
            raise self._damaged("what is in it is not what its manifest says")
        if sum(sizes.values()) > LARGEST or ARTICLES not in sizes:
            raise self._damaged("it is too large, or holds no articles")
        return manifest

    def _damaged(self, why: str) -> BackupError:
        return BackupError(f"{self.file} is damaged, or of another version ({why}). {REMEDY}")


def _copied(packed: BinaryIO, out: BinaryIO, most: int) -> str:
    """Copies at most so many bytes, and one more if there is one; their SHA-256."""
    digest, left = hashlib.sha256(), most + 1
    while left and (block := packed.read(min(BLOCK, left))):
        out.write(block)
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()
