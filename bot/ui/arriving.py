"""Uploads while they come in: how many at once, of which kinds; what is refused or broken off leaves nothing.

Gradio's route writes files before anything of ours sees them, so its parser is replaced by this one.
"""

from pathlib import Path
from typing import Any

import gradio.route_utils
from gradio.route_utils import GradioMultiPartParser
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException

MOST_FILES = 1000  # in one request; the page sends as many
LONGEST_FIELD = 10_000  # bytes of what is no file
TEXTS = (".txt", ".md", ".markdown", ".html", ".htm", ".jsonl")
PDF = ".pdf"
BEGINNING = 1024  # bytes that tell of what kind a file is
PDF_MARK = b"%PDF-"
MARKS = (  # of programs, archives, pictures, sound, old Office files and databases: no text, whatever their name
    b"\x7fELF", b"MZ\x90\x00", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07",
    b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"OggS\x00",
    b"ID3\x03", b"ID3\x04", b"\x1aE\xdf\xa3", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"SQLite format 3\x00",
)  # fmt: skip


class Parser(GradioMultiPartParser):
    """Of a file that can be no article only the name arrives, so that the page can say why it was skipped."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.max_files = min(self.max_files, MOST_FILES)
        self._beginning = b""
        self._wanted: bool | None = None  # of the file that comes in; not known yet

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        self._beginning, self._wanted = b"", None

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._current_part
        if part.file is None:
            if len(part.data) + end - start > LONGEST_FIELD:
                raise MultiPartException("A field is longer than its maximum allowed size.")
            part.data += data[start:end]
        elif self._wanted is None:
            self._beginning += data[start:end]
            if len(self._beginning) >= BEGINNING:
                self._decide()
        elif self._wanted:
            super().on_part_data(data, start, end)

    def on_part_end(self) -> None:
        if self._current_part.file is not None and self._wanted is None:
            self._decide()
        super().on_part_end()

    async def parse(self) -> FormData:
        try:
            return await super().parse()
        except BaseException as error:
            self._forget()
            if isinstance(error, OSError):
                raise MultiPartException(f"The files cannot be stored: {error.strerror}. Make room.") from None
            raise

    def _decide(self) -> None:
        file = self._current_part.file
        self._wanted = fits(file.filename or "" if file else "", self._beginning)
        if self._wanted and self._beginning:
            super().on_part_data(self._beginning, 0, len(self._beginning))

    def _forget(self) -> None:
        for file in self._files_to_close_on_error:
            file.close()
            Path(file.name).unlink(missing_ok=True)
        if self.upload_progress is not None:
            self.upload_progress.set_done(str(self.upload_id))


def fits(name: str, beginning: bytes) -> bool:
    """Whether a file can be an article by its name and by its first BEGINNING bytes."""
    suffix = Path(name).suffix.lower()
    if suffix == PDF:
        return PDF_MARK in beginning
    return suffix in TEXTS and not beginning.startswith(MARKS)


def install() -> None:
    """Have Gradio's upload route use our parser: it makes its own by this name, with limits that nobody can set."""
    gradio.route_utils.GradioMultiPartParser = Parser  # type: ignore[misc]
