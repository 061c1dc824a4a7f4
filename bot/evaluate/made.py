"""What a run was made with: `DIR/run.json`, and what two runs have not in common; knows no rows and asks nothing."""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.errors import DatasetError
from bot.evaluate.rows import OTHER_OUT

META = "run.json"
DECISIVE = ("scope", "stage", "repeat", "questions", "corpus", "models", "prompts", "settings", "cold")
TELLING = ("revision", "packages", "python", "layout")
EARLIER = {"stage": "full", "repeat": 1}  # what runs of earlier versions were, which do not say so
GROWS = ("repeat",)  # a run may go on with more of it, or with less
SHOWN = 4  # differences that an error names
IDLE_SETTINGS = (
    "data_dir",
    "models_dir",
    "prompts_dir",
    "log_level",
    "chat.host",
    "chat.port",
    "chat.login",
    "chat.open_to_network",
    "chat.names",
    "chat.requests_per_second",
    "chat.upload_mb",
    "chat.keep_conversations",
    "chat.add_by_url",
    "chat.mcp",
    "cache.memory_mb",
    "cache.disk_mb",
)  # change no answer


def read_meta(out_dir: Path, remedy: str = OTHER_OUT) -> dict[str, Any]:
    """What the rows in `out_dir` were made with: run's meta, `scope`, `stage`, `repeat`, and `resumed`, if it was.

    Empty if there is no run. Raises DatasetError, which ends with `remedy`, for a damaged file.
    """
    path = out_dir / META
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}. {remedy}") from None


def note(out_dir: Path, meta: Mapping[str, Any], answered: int, more: bool) -> None:
    """Bring run.json up to date before rows are made with `meta`; `answered` rows are there, `more` will come.

    Raises DatasetError where those rows were made with something else that decides on answers, OSError where it cannot
    be written.
    """
    (out_dir / f"{META}.part").unlink(missing_ok=True)  # of a process that was killed while it wrote
    now: dict[str, Any] = json.loads(json.dumps(meta))
    if not answered:
        write_json(out_dir / META, now)
        return
    before = read_meta(out_dir)
    _check_same(before, now, out_dir)
    if more:
        again = {name: now.get(name) for name in ("time", *TELLING)} | {"answered": answered}
        made_some = [one for one in before.get("resumed", []) if one.get("answered") != answered]
        grown = {name: max(before.get(name, EARLIER[name]), now.get(name, EARLIER[name])) for name in GROWS}
        write_json(out_dir / META, before | grown | {"resumed": [*made_some, again]})


def differences(before: Mapping[str, Any], now: Mapping[str, Any], names: Sequence[str]) -> list[tuple[str, Any, Any]]:
    """What two runs' metas have not in common under `names`: (name, value before, value now), None for none.

    Settings are named as config.flatten does, without those that change no answer; a file is known by its sum.
    """
    found: list[tuple[str, Any, Any]] = []
    for name in names:
        old, new = (dict(_flat(name, one.get(name, EARLIER.get(name)))) for one in (before, now))
        found += [(key, old.get(key), new.get(key)) for key in old | new if old.get(key) != new.get(key)]
    return found


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` so that `path` holds the old file or the whole new one, never a part."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any], out_dir: Path) -> None:
    names = [name for name in DECISIVE if name not in GROWS]
    decisive = _told(differences(before, now, names)) if before else [f"there is no {META}"]
    if decisive:
        more = f"; and {len(decisive) - SHOWN} more" if len(decisive) > SHOWN else ""
        raise DatasetError(
            f"{out_dir} holds a run made with other settings ({'; '.join(decisive[:SHOWN])}{more}). "
            "Choose another --out, or pass --fresh to start it over."
        )
    telling = _told(differences(before, now, TELLING))
    if telling:
        logging.getLogger(__name__).warning(
            "%s was begun with another version (%s); its answers are kept. Pass --fresh to start it over.",
            out_dir,
            "; ".join(telling),
        )


def _told(different: Sequence[tuple[str, Any, Any]]) -> list[str]:
    return [f"{name}: {_short(old)} there, {_short(new)} now" for name, old, new in different]


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name, value
    elif "sha256" in value:
        yield name, value["sha256"]  # a file is its content, wherever it lies
    elif name == "settings":
        yield from ((key, inner) for key, inner in value.items() if not key.startswith(IDLE_SETTINGS))
    else:
        yield from ((f"{name} {key}", inner) for key, inner in value.items())


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:12]}…"
