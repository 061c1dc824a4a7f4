"""config: which layer wins, what is refused, and that secrets stay secret."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from anything import JSON, damaged, texts
from hypothesis import assume, given
from hypothesis import strategies as st
from remedies import told

from bot import config
from bot.config import Settings, describe, flatten, load
from bot.errors import ConfigError

NAMES = sorted(flatten(Settings()))


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(flags: Mapping[str, Any] | None = None, file: Path | None = None, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(flags, file, environ)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("toml", "environ", "flags", "value", "origin"),
    [
        ("", {}, {}, 200, "default"),
        ("[llm]\nanswer_tokens = 21", {}, {}, 21, "file "),
        ("[llm]\nanswer_tokens = 21", {"BOT_LLM_ANSWER_TOKENS": "22"}, {}, 22, "variable BOT_LLM_ANSWER_TOKENS"),
        ("[llm]\nanswer_tokens = 21", {"BOT_LLM_ANSWER_TOKENS": "22"}, {"llm.answer_tokens": "23"}, 23, "flag"),
        ("[llm]\nanswer_tokens = 21", {}, {"llm.answer_tokens": 23}, 23, "flag"),
        ("", {"BOT_LLM_ANSWER_TOKENS": "22"}, {"llm.answer_tokens": None}, 22, "variable BOT_LLM_ANSWER_TOKENS"),
    ],
)
def test_later_layers_win(
    tmp_path: Path, toml: str, environ: dict[str, str], flags: dict[str, Any], value: int, origin: str
) -> None:
    loaded = load(flags, write(tmp_path, toml), environ)
    assert loaded.settings.llm.answer_tokens == value
    assert loaded.origins["llm.answer_tokens"].startswith(origin)
    assert {loaded.origins[name] for name in NAMES if name != "llm.answer_tokens"} == {"default"}


def test_origin_names_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, 'log_level = "info"')
    assert load({}, file, {}).origins["log_level"] == f"file {file}"


def test_layers_are_joined_key_by_key(tmp_path: Path) -> None:
    loaded = load({"llm.seed": 7}, write(tmp_path, "[llm]\nanswer_tokens = 50\nthreads = 1"), {"BOT_LLM_THREADS": "2"})
    llm = loaded.settings.llm
    assert (llm.answer_tokens, llm.threads, llm.seed) == (50, 2, 7)


@pytest.mark.parametrize(
    ("toml", "environ", "flags", "wrong", "nearest"),
    [
        ("[llm]\nanswer_token = 3", {}, {}, "llm.answer_token ", "llm.answer_tokens"),
        ("data_dirs = 'x'", {}, {}, "data_dirs", "data_dir"),
        ("[chats]\nport = 1", {}, {}, "chats.port", "chat.port"),
        ("llm = 5", {}, {}, "llm ", ""),
        ("[[llm]]\nmodel = 'x'", {}, {}, "llm ", ""),
        ("", {"BOT_LLM_MODLE": "x"}, {}, "BOT_LLM_MODLE", "BOT_LLM_MODEL"),
        ("", {"BOT_LLM": '{"model": "x"}'}, {}, "BOT_LLM", ""),
        ("", {"BOT_CHAT_ID": "5"}, {}, "BOT_CHAT_ID", ""),
        ("", {"BOT_DATADIR": "x"}, {}, "BOT_DATADIR", "BOT_DATA_DIR"),
        ("", {"BOT_PROMPT_DIR": "x"}, {}, "BOT_PROMPT_DIR", "BOT_PROMPTS_DIR"),
        ("", {"BOT_CONFIGS": "x"}, {}, "BOT_CONFIGS", ""),
        ("", {}, {"llm.sed": 1}, "llm.sed", "llm.seed"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(
    tmp_path: Path, toml: str, environ: dict[str, str], flags: dict[str, Any], wrong: str, nearest: str
) -> None:
    message = refusal(flags, write(tmp_path, toml), **environ)
    assert wrong in message
    assert f"Did you mean {nearest}" in message or not nearest
    assert "`bot config show`" in message


@pytest.mark.parametrize("variable", ["BOT_TOKEN", "BOT_NAME", "BOT_LOG", "BOT_DATABASE_URL", "BOTLLM_MODEL", "BOT_"])
def test_variables_of_other_programs_are_left_alone(variable: str) -> None:
    assert load(None, None, {variable: "x"}) == load(None, None, {})


@pytest.mark.parametrize(
    "variable", ["BOT_DATA_DIR", "BOT_CONFIG", "BOT_LLM_SEED", "BOT_STORE_SERVER", "BOT_LLM_MODLE"]
)
@pytest.mark.parametrize("empty", ["", " "])
def test_empty_variables_are_not_given(variable: str, empty: str) -> None:
    assert load(None, None, {variable: empty}) == load(None, None, {})


@pytest.mark.parametrize(
    ("answer", "context", "fits"), [(2048, 4096, True), (2049, 4096, False), (256, 513, True), (257, 513, False)]
)
def test_the_answer_takes_at_most_half_of_the_context(answer: int, context: int, fits: bool) -> None:
    flags = {"llm.answer_tokens": answer, "llm.context_tokens": context, "llm.api_key": "hunter2"}
    if fits:
        assert load(flags, None, {}).settings.llm.answer_tokens == answer
        return
    message = refusal(flags)
    assert f"llm.answer_tokens (flag): must be at most half of llm.context_tokens, which is {context}" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("toml", "environ", "flags", "expected"),
    [
        ("[llm]\nanswer_tokens = 'many'", {}, {}, ["llm.answer_tokens", "settings.toml", "integer", "'many'"]),
        ("[llm.model]\nname = 'x'", {}, {}, ["llm.model", "settings.toml", "string"]),
        ("", {"BOT_CHAT_PORT": "70000"}, {}, ["chat.port", "BOT_CHAT_PORT", "65535", "'70000'"]),
        ("", {"BOT_LOG_LEVEL": "loud"}, {}, ["log_level", "BOT_LOG_LEVEL", "'warning'", "'loud'"]),
        ("", {}, {"llm.temperature": -1}, ["llm.temperature", "flag", "0", "-1"]),
        ("", {}, {"chunk.max_tokens": "3"}, ["chunk.max_tokens", "flag", "32"]),
    ],
)
def test_wrong_values_name_the_setting_and_where_it_came_from(
    tmp_path: Path, toml: str, environ: dict[str, str], flags: dict[str, Any], expected: list[str]
) -> None:
    message = refusal(flags, write(tmp_path, toml), **environ)
    for part in expected:
        assert part in message


def test_all_wrong_values_are_told_at_once() -> None:
    message = refusal({"llm.seed": -1, "chat.port": 0})
    assert "llm.seed" in message
    assert "chat.port" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"[llm]\nmodel = \n", "line 2"), (b"x = 1\nx = 2\n", "line 2"), (b"name = '\xff'", "utf-8")],
)
def test_broken_toml_names_file_and_line(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    message = refusal(None, file)
    assert str(file) in message
    assert expected in message


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert str(missing) in refusal(None, missing)
    assert str(missing) in refusal(BOT_CONFIG=str(missing))


def test_where_the_file_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[llm]\nseed = 5", encoding="utf-8")
    other = write(tmp_path, "[llm]\nseed = 6")
    at_home = {"BOT_DATA_DIR": str(tmp_path)}
    assert load(None, None, at_home).settings.llm.seed == 5
    assert load({"data_dir": str(tmp_path)}, None, {}).settings.llm.seed == 5
    assert load(None, None, at_home | {"BOT_CONFIG": str(other)}).settings.llm.seed == 6
    assert load(None, tmp_path / "config.toml", at_home | {"BOT_CONFIG": str(other)}).settings.llm.seed == 5


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    settings = load({"data_dir": "here", "models_dir": "~/models"}, None, {}).settings
    assert settings.data_dir == tmp_path / "here"
    assert settings.models_dir == Path("/home/someone/models")
    assert not (tmp_path / "here").exists(), "loading makes no folder"


def test_models_lie_in_the_checkout_or_beside_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.default_models_dir() == Path(__file__).resolve().parent.parent / "models"
    monkeypatch.setattr("bot.config.folders.PROJECT", tmp_path)
    assert config.default_models_dir() == config.default_data_dir() / "models"


@pytest.mark.parametrize(
    ("toml", "environ", "flags"),
    [
        ("[llm]\napi_key = 'hunter2'", {}, {}),
        ("", {"BOT_LLM_API_KEY": "hunter2"}, {}),
        ("", {}, {"llm.api_key": "hunter2"}),
    ],
)
def test_secrets_are_masked(tmp_path: Path, toml: str, environ: dict[str, str], flags: dict[str, Any]) -> None:
    settings = load(flags, write(tmp_path, toml), environ).settings
    assert settings.llm.api_key is not None
    assert settings.llm.api_key.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{settings!r} {flatten(settings)} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://ada:hunter2@127.0.0.1:8000/v1", "http://**********@127.0.0.1:8000/v1"),
        ("https://ada:hunt@er2@chroma.example", "https://**********@chroma.example"),
        ("http://127.0.0.1:8000/a@b?c@d", "http://127.0.0.1:8000/a@b?c@d"),
    ],
)
def test_a_password_in_an_address_is_masked(address: str, shown: str) -> None:
    settings = load({"llm.server": address, "store.server": address}, None, {}).settings
    assert (settings.llm.server, settings.store.server) == (address, address)
    flat = flatten(settings)
    assert (flat["llm.server"], flat["store.server"]) == (shown, shown)


def test_a_secret_of_the_wrong_type_is_not_shown(tmp_path: Path) -> None:
    message = refusal(None, write(tmp_path, "[llm]\napi_key = 424242"))
    assert "llm.api_key" in message
    assert "424242" not in message


def test_every_setting_is_described() -> None:
    described = describe()
    assert sorted(described) == NAMES
    assert [name for name, meaning in described.items() if not re.search(r"\w", meaning)] == []


def test_settings_are_frozen_and_refuse_extras() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().llm.seed = 3
    with pytest.raises(ValueError, match="Extra"):
        Settings(extra=3)  # type: ignore[call-arg]


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "log_level": st.sampled_from(["debug", "info", "warning", "error"]),
    "llm.model": st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs", "Cc"])),
    "llm.answer_tokens": st.integers(16, 2048),
    "llm.temperature": st.floats(0, 2),
    "cite.min_support": st.floats(0, 1),
    "chat.port": st.integers(1, 65535),
    "chat.history_turns": st.integers(0, 20),
    "store.server": st.none() | st.just("http://127.0.0.1:8000"),
}


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_flat_settings_load_again_to_the_same(values: dict[str, Any]) -> None:
    settings = load(values, None, {}).settings
    flat = flatten(settings)
    assert all(flat[name] == value for name, value in values.items())
    assert load(flat, None, {}).settings == settings


@given(st.fixed_dictionaries({}, optional={name: value for name, value in VALUES.items() if name != "store.server"}))
def test_the_environment_says_the_same_as_flags(values: dict[str, Any]) -> None:
    assume(values.get("llm.model", "a").strip())  # a variable of blanks alone is not given
    environ = {f"BOT_{name.replace('.', '_').upper()}": str(value) for name, value in values.items()}
    assert load(None, None, environ).settings == load(values, None, {}).settings


# -- whatever is set --

KNOWN = [*describe(), "llm", "chat", "", "llm.nosuch", "data_dir.x"]
ODD_FILES = [
    "x = " + "[" * 5000,
    "x = " + "9" * 5000,
    'data_dir = "a\\u0000b"',
    "llm = 5",
    "[llm.model]\nx = 1",
    "\xff",
]
ANY = JSON | st.dates() | st.integers(-(10**25), 10**25) | st.sampled_from(["~nobody/x", "~", "0", "1e9", "true", "-1"])


@pytest.mark.parametrize("text", ODD_FILES, ids=lambda text: text[:20])
def test_an_odd_settings_file_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"c\.toml"):
        load({}, tmp_path / "c.toml", {})


@pytest.mark.parametrize("name", ["data_dir", "models_dir", "prompts_dir"])
def test_a_home_that_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}.*the home folder"):
        load({name: "~nobody-of-this-name/x"}, None, {})


def test_a_settings_file_in_no_home_is_not_there() -> None:
    with pytest.raises(ConfigError, match="no settings file ~nobody-of-this-name"):
        load({}, Path("~nobody-of-this-name/c.toml"), {})


@given(st.dictionaries(st.sampled_from(KNOWN), ANY, max_size=4))
def test_any_flags_are_settings_or_an_error(values: dict[str, Any]) -> None:
    folder = {"data_dir": str(values["data_dir"])} if "data_dir" in values else {}  # as a command line has it
    with told(ConfigError):
        flatten(load(values | folder, None, {}).settings)


@given(st.dictionaries(st.sampled_from(KNOWN) | texts(2), texts(4), max_size=3))
def test_any_variables_are_settings_or_an_error(values: dict[str, str]) -> None:
    environ = {f"BOT_{name.replace('.', '_').upper()}": value for name, value in values.items()}
    with told(ConfigError):
        flatten(load(None, None, environ).settings)


@given(damaged(b'data_dir = "x"\n[llm]\nmodel = "m"\nseed = 3\ntemperature = 0.5\n[chat]\nlogin = true\nport = 8000\n'))
def test_any_settings_file_is_settings_or_an_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "c.toml").write_bytes(data)
        with told(ConfigError):
            flatten(load(None, Path(folder) / "c.toml", {}).settings)
