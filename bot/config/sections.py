"""The settings: sections, names, kinds and ranges of values, and what each means. It reads no file."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.config.folders import default_data_dir, default_models_dir

PREFIX = "BOT_"


def _expanded(path: Path) -> Path:
    """Absolute, with ~ as the home folder; ValueError where there is none, such as for ~nobody."""
    try:
        return path.expanduser().absolute()
    except (RuntimeError, OSError):
        raise ValueError("the home folder that ~ stands for, or the folder worked in, is not there") from None


Folder = Annotated[Path, AfterValidator(_expanded)]


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
        False, description="keep weights in one form: less memory while prompts are read, answers a sixth slower"
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
    check: Literal["auto", "always"] = Field(
        "auto", description="ask the model first whether it can be answered; auto = unless that would hardly refuse"
    )
    quick: bool = Field(
        False,
        description="read no sentence again unless nothing came of it: quick first words, less accurate, refuses less",
    )


class CiteSettings(Section):
    min_support: float = Field(0.4, ge=0.0, le=1.0, description="sentences supported less than this are unsupported")
    unsupported: Literal["leave_out", "mark"] = Field(
        "leave_out", description="leave_out unsupported sentences, or mark them as such"
    )
    ask_model: bool = Field(True, description="ask the model about sentences with words of its own")


class CacheSettings(Section):
    join: Literal["auto", "always", "never"] = Field(
        "auto",
        description="join what was read of articles before; auto = where that was measured to be as good, and pays",
    )
    cells: Literal["f16", "q8_0"] = Field("f16", description="form of keys and values; q8_0 takes half the room")
    memory_mb: int = Field(256, ge=0, description="MiB of them that are kept in memory")
    disk_mb: int = Field(2048, ge=0, description="MiB of them that are kept on disk; 0 = none")


class ChatSettings(Section):
    host: str = Field("127.0.0.1", description="address the page is served on")
    port: int = Field(7860, ge=1, le=65535, description="port the page is served on")
    login: bool = Field(False, description="ask for a name and a password; `bot users add` makes them")
    open_to_network: bool = Field(False, description="serve without a log-in where other machines reach the page")
    names: str | None = Field(None, description="names that other machines reach the page by, with spaces between")
    requests_per_second: int = Field(
        50, ge=0, description="requests of one visitor; ten times as many at once; 0 = any"
    )
    upload_mb: int = Field(500, ge=1, le=2000, description="MB that one visitor may upload within ten minutes")
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


def fields() -> dict[str, Any]:
    """Dotted name → field."""
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            found.update({f"{name}.{key}": inner for key, inner in kind.model_fields.items()})
        else:
            found[name] = field
    return found
