"""Settings: one TOML file, then `BOT_…` environment variables, then flags, each over the one before.

`load` gives a validated Settings and where each value came from. Unknown keys are refused, with the nearest known
name, and so are `BOT_…` variables that are meant for it. It makes no folders and reads no model.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bot.errors import ConfigError

PREFIX = "BOT_"
CONFIG_VARIABLE = "BOT_CONFIG"
SECRET = ("llm.api_key",)  # never shown, also when it is wrong
_PASSWORD = re.compile(r"(?<=://)[^/?#]*@")  # and the name before it, in the address of a server
_ALIKE = 0.85  # BOT_DATADIR is meant for us, BOT_TOKEN is another program's
PROJECT = Path(__file__).resolve().parent.parent


def _expanded(path: Path) -> Path:
    """Absolute, with ~ as the home folder; ValueError where there is none, such as for ~nobody."""
    try:
        return path.expanduser().absolute()
    except (RuntimeError, OSError):
        raise ValueError("the home folder that ~ stands for, or the folder worked in, is not there") from None


Folder = Annotated[Path, AfterValidator(_expanded)]


def default_data_dir() -> Path:
    """The platform's folder for a user's data of this program."""
    return Path(platformdirs.user_data_dir("citebot", appauthor=False))


def default_models_dir() -> Path:
    """models/ of the checkout this runs from; in an installed package, a folder beside the data."""
    checkout = PROJECT / "models"
    return checkout if (PROJECT / "pyproject.toml").is_file() else default_data_dir() / "models"


def shared_folder(name: str) -> Path:
    """A folder that comes with the program: `prompts`, `seeds` or `models` of the checkout or the installed package."""
    checkout = PROJECT / name
    return checkout if (PROJECT / "pyproject.toml").is_file() else Path(__file__).resolve().parent / "_share" / name


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class LLMSettings(Section):
    model: str = Field("qwen2.5-coder-1.5b-instruct", description="name in the catalogue, or path of a GGUF file")
    server: str | None = Field(None, description="base URL of an OpenAI-compatible server to use instead of llama.cpp")
    server_model: str = Field("default", description="model name sent to that server")
    api_key: SecretStr | None = Field(None, description="key sent to that server")
    context_tokens: int = Field(4096, ge=512, le=10_000_000, description="prompt and answer together, in tokens")
    answer_tokens: int = Field(200, ge=16, description="longest answer, in tokens")
    threads: int = Field(0, ge=0, le=512, description="CPU threads; 0 = one per core")
    gpu_layers: int = Field(-1, ge=-1, le=10_000, description="layers on the GPU, if compiled for one; -1 = all")
    spare_memory: bool = Field(
        False, description="keep weights in one form: 0.6 GB less with the default model, answers a sixth slower"
    )
    temperature: float = Field(0.0, ge=0.0, le=2.0, description="0 = always the likeliest word")
    seed: int = Field(0, ge=0, le=4_294_967_294, description="for temperatures over 0")

    @field_validator("answer_tokens")
    @classmethod
    def _leave_room(cls, answer_tokens: int, info: ValidationInfo) -> int:
        context_tokens = info.data.get("context_tokens")  # none where it is wrong itself
        if context_tokens is not None and answer_tokens > context_tokens // 2:
            raise ValueError(f"must be at most half of llm.context_tokens, which is {context_tokens}")
        return answer_tokens


class EmbedSettings(Section):
    model: str = Field("all-minilm-l6-v2", description="name in the catalogue, or path of a GGUF file")


class ChunkSettings(Section):
    max_tokens: int = Field(150, ge=32, description="longest chunk, title and date included, in the embedder's tokens")


class StoreSettings(Section):
    server: str | None = Field(None, description="URL of a Chroma server; empty = a store in the data folder")


class RetrieveSettings(Section):
    characters: int = Field(
        2200, ge=100, le=100_000, description="characters of the articles that the model is shown, at most"
    )
    repeat: int | None = Field(
        None, ge=0, le=10, description="best sentences repeated before the question; empty = 1 if joined, else 3"
    )
    candidates: int = Field(100, ge=10, le=1000, description="nearest vectors, and best BM25 hits, that are compared")


class AnswerSettings(Section):
    min_answerable: float = Field(
        0.15, ge=0.0, le=1.0, description="refuse below this probability of an answer; 0 = never"
    )
    quick: bool = Field(False, description="begin at once where a check would hardly refuse; repeat no sentences")


class CiteSettings(Section):
    min_support: float = Field(0.4, ge=0.0, le=1.0, description="sentences supported less than this are unsupported")
    unsupported: Literal["leave_out", "mark"] = Field(
        "leave_out", description="leave_out unsupported sentences, or mark them as such"
    )
    ask_model: bool = Field(True, description="ask the model about sentences with words of its own")


class CacheSettings(Section):
    join: Literal["auto", "always", "never"] = Field(
        "auto", description="join what was read of articles before; auto = where that was measured"
    )
    cells: Literal["f16", "q8_0"] = Field("f16", description="form of keys and values; q8_0 takes half the room")
    memory_mb: int = Field(256, ge=0, description="MiB of them that are kept in memory")
    disk_mb: int = Field(2048, ge=0, description="MiB of them that are kept on disk; 0 = none")


class ChatSettings(Section):
    host: str = Field("127.0.0.1", description="address the page is served on")
    port: int = Field(7860, ge=1, le=65535, description="port the page is served on")
    login: bool = Field(False, description="ask for a name and a password; `bot users add` makes them")
    open_to_network: bool = Field(False, description="serve without a log-in where other machines reach the page")
    keep_conversations: bool = Field(True, description="keep conversations in the data folder")
    add_by_url: bool = Field(False, description="let visitors of the page add articles by their web address")
    mcp: bool = Field(False, description="offer the MCP server at /gradio_api/mcp")
    history_turns: int = Field(2, ge=0, le=20, description="earlier questions and answers shown to the model")


class Settings(BaseSettings):
    """All settings. Environment names are BOT_ + section + _ + key, such as BOT_LLM_MODEL or BOT_DATA_DIR."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        validate_default=True,
    )

    data_dir: Folder = Field(default_factory=default_data_dir, description="folder for all that the bot writes")
    models_dir: Folder = Field(default_factory=default_models_dir, description="folder of the model files")
    prompts_dir: Folder | None = Field(None, description="folder whose prompts replace those that come along")
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="what is told on stderr")
    llm: LLMSettings = LLMSettings()
    embed: EmbedSettings = EmbedSettings()
    chunk: ChunkSettings = ChunkSettings()
    store: StoreSettings = StoreSettings()
    retrieve: RetrieveSettings = RetrieveSettings()
    answer: AnswerSettings = AnswerSettings()
    cite: CiteSettings = CiteSettings()
    cache: CacheSettings = CacheSettings()
    chat: ChatSettings = ChatSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # `load` layers the sources itself, to know where each value comes from


class Loaded(NamedTuple):
    settings: Settings
    origins: dict[str, str]  # "llm.model" -> "default", "file …", "variable BOT_LLM_MODEL" or "flag"


def load(
    flags: Mapping[str, Any] | None = None,
    config_file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    origin_of_flags: str = "flag",
) -> Loaded:
    """Settings from file, environment and flags (dotted names such as "llm.model"; None values are not given).

    Errors and origins call the flags `origin_of_flags`. Raises ConfigError for an unreadable file, unknown names and
    values out of range.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    environ = {variable: value for variable, value in environ.items() if value.strip()}  # BOT_DATA_DIR= is not given
    from_environment = _environment(environ)
    path = _config_file(config_file, environ, given, from_environment)
    layers = [
        (f"file {path}", _read(path)),
        ("environment", from_environment),
        (origin_of_flags, given),
    ]
    values: dict[str, Any] = {}
    origins = dict.fromkeys(_names(), "default")
    for origin, layer in layers:
        for name, value in layer.items():
            _check_known(name, origin)
            if "\0" in str(value):
                raise ConfigError(f"{origin}: {name} holds a zero character. Take it out.")
            values[name] = value
            origins[name] = f"variable {_variable(name)}" if origin == "environment" else origin
    try:
        settings = Settings(**_nest(values))
    except ValidationError as error:
        raise ConfigError(_explain(error, origins)) from None
    return Loaded(settings, origins)


def flatten(settings: Settings) -> dict[str, Any]:
    """Dotted name → value, secrets masked, paths as strings."""
    flat = _flat(settings.model_dump(mode="json"))
    servers = {name: value for name, value in flat.items() if name.endswith(".server") and value}
    return flat | {name: without_password(value) for name, value in servers.items()}


def without_password(address: str) -> str:
    """An address such as `http://name:password@host` with what stands before the host masked."""
    return _PASSWORD.sub("**********@", address)


def describe() -> dict[str, str]:
    """Dotted name → what the setting means."""
    return {name: field.description or "" for name, field in _fields().items()}


def _fields() -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            fields.update({f"{name}.{key}": inner for key, inner in kind.model_fields.items()})
        else:
            fields[name] = field
    return fields


def _names() -> list[str]:
    return list(_fields())


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "_").upper()


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    known = {_variable(name): name for name in _names()}
    for variable in environ:
        if variable not in known and variable != CONFIG_VARIABLE and _is_meant_for_us(variable, known):
            raise ConfigError(
                f"{variable} is not a setting.{_nearest(variable, known)} `bot config show` lists them all."
            )
    source = EnvSettingsSource(Settings)
    source.env_vars = {key.lower(): value for key, value in environ.items() if key in known}
    return _flat(source())


def _is_meant_for_us(variable: str, known: Mapping[str, str]) -> bool:
    """Whether an unknown variable is one of ours misspelled: other programs have BOT_… variables too."""
    sections = tuple(_variable(name.partition(".")[0]) + "_" for name in known.values() if "." in name)
    return f"{variable}_".startswith(sections) or (
        variable.startswith(PREFIX) and bool(difflib.get_close_matches(variable, [*known, CONFIG_VARIABLE], 1, _ALIKE))
    )


def _config_file(
    explicit: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any], variables: Mapping[str, Any]
) -> Path:
    named = explicit or (Path(environ[CONFIG_VARIABLE]) if CONFIG_VARIABLE in environ else None)
    if named is not None:
        if not os.path.isfile(os.path.expanduser(named)):
            raise ConfigError(f"There is no settings file {named}. Check --config and {CONFIG_VARIABLE}.")
        return Path(os.path.expanduser(named))
    folder = flags.get("data_dir") or variables.get("data_dir") or default_data_dir()
    return Path(os.path.expanduser(folder)) / "config.toml"


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return _flat(tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:  # also tables within tables, and numbers of thousands of digits
        raise ConfigError(
            f"The settings file {path} is not valid TOML: {error}. Mend that line or move the file away."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"The settings file {path} cannot be read: {error.strerror}. Check its permissions."
        ) from None


def _flat(nested: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{key}": inner for key, inner in value.items()})
        else:
            flat[name] = value
    return flat


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        section, _, key = name.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[key] = value
    return nested


def _check_known(name: str, origin: str) -> None:
    if name not in _fields():
        raise ConfigError(
            f"{origin}: {name} is not a setting.{_nearest(name, _names())} `bot config show` lists them all."
        )


def _nearest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ").lower()
        given = "" if name in SECRET else f", got {problem['input']!r}"
        lines.append(f"{name} ({origins.get(name, 'settings')}): {message}{given}")
    return "Wrong setting: " + "; ".join(lines) + ". Give another value."
