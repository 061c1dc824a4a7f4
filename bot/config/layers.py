"""Settings from one TOML file, then `BOT_…` environment variables, then flags, each over the one before.

`load` gives a validated Settings and where each value came from. Unknown keys are refused, with the nearest known
name, and so are `BOT_…` variables that are meant for it.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from bot.config.folders import default_data_dir
from bot.config.sections import PREFIX, Settings, fields
from bot.errors import ConfigError

CONFIG_VARIABLE = "BOT_CONFIG"
SECRET = ("llm.api_key",)  # never shown, also when it is wrong
_PASSWORD = re.compile(r"(?<=://)[^/?#]*@")  # and the name before it, in the address of a server
_ALIKE = 0.85  # BOT_DATADIR is meant for us, BOT_TOKEN is another program's


class Loaded(NamedTuple):
    settings: Settings
    origins: dict[str, str]  # "llm.model" -> "default", "file …", "variable BOT_LLM_MODEL" or "flag"


def load(
    flags: Mapping[str, Any] | None = None,
    config_file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    origin_of_flags: str = "flag",
    *,
    with_file: bool = True,
) -> Loaded:
    """Settings from file, environment and flags (dotted names such as "llm.model"; None values are not given).

    Errors and origins call the flags `origin_of_flags`. Without `with_file`, as if there were no settings file.
    Raises ConfigError for an unreadable file, unknown names and values out of range.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    environ = {variable: value for variable, value in environ.items() if value.strip()}  # BOT_DATA_DIR= is not given
    from_environment = _environment(environ)
    path = _config_file(config_file, environ, given, from_environment) if with_file else None
    layers = [
        (f"file {path}", _read(path) if path else {}),
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


def settings_file(
    flags: Mapping[str, Any], config_file: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Path | None:
    """The settings file that `load` reads, None if there is none. Raises ConfigError as it does."""
    given = {variable: value for variable, value in environ.items() if value.strip()}
    path = _config_file(config_file, given, flags, _environment(given))
    return path if path.is_file() else None


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
    return {name: field.description or "" for name, field in fields().items()}


def _names() -> list[str]:
    return list(fields())


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
            f"The settings file {path} is not valid TOML: {error}. Mend that line or move the file away; "
            "`bot doctor` looks at the rest."
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
    if name not in fields():
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
