"""Files of public sets → checked values; each fault is told with its place. It knows no set.

Fields that a model lacks are passed over, as sets have more than is needed.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bot.datasets.found import BOM, json_fault, raw_lines
from bot.errors import DatasetError

NAMED = 3  # faults that an error names

_PLACE = re.compile(r"Invalid JSON: (.*) at line (\d+) column (\d+)", re.DOTALL)

Value = TypeVar("Value")


class Loose(BaseModel):
    """Base of what is read of a set: numbers may stand where texts are meant."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


def read_bytes(path: Path) -> bytes:
    """Without the mark that UTF-8 may begin with. Raises DatasetError."""
    try:
        return path.read_bytes().removeprefix(BOM)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from None


def read_text(path: Path) -> str:
    """Raises DatasetError where it cannot be read or is not UTF-8."""
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DatasetError(f"{path}, line {line}: not UTF-8 ({error.reason}). Fetch the file again.") from None


def read_json(path: Path, kind: type[Value] | Any, form: str) -> Any:
    """The whole file as `kind`. Raises DatasetError where it is not."""
    data = read_bytes(path)
    try:
        return TypeAdapter(kind).validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        found = _PLACE.fullmatch(first["msg"]) if first["type"] == "json_invalid" else None
        if found:
            place = f"{path}, line {found[2]}, byte {found[3]}"
            raise DatasetError(f"{place}: it is not JSON ({found[1]}). Fetch the file again.") from None
        raise DatasetError(f"{path} is not in the form {form}: {_faults(error)}. Check the file's name.") from None


def read_json_lines(path: Path, kind: type[Value], form: str) -> Iterator[tuple[int, Value]]:
    """Each line as `kind`, with its number. Raises DatasetError at the first that is not."""
    adapter = TypeAdapter(kind)
    for number, line in raw_lines(path):
        try:
            yield number, adapter.validate_json(line)
        except ValidationError as error:
            fault = json_fault(error, line)
            if fault:
                raise DatasetError(f"{path}, line {number}: {fault}") from None
            what = f"it is not in the form {form}: {_faults(error)}"
            raise DatasetError(f"{path}, line {number}: {what}. Check the file's name.") from None


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    said = [f"{'.'.join(map(str, one['loc'])) or 'all'}: {one['msg'].lower()}" for one in faults[:NAMED]]
    more = [f"and {len(faults) - NAMED} more"] if len(faults) > NAMED else []
    return "; ".join([*said, *more])
