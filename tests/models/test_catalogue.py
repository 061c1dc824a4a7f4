import re
from pathlib import Path

import pytest

from bot.config import PROJECT, Settings
from bot.errors import ModelError
from bot.models import catalogue
from bot.models.catalogue import HubSource, IndexSource

GOOD = """
[[model]]
name = "one"
kind = "llm"
title = "One"
file = "one.gguf"
bytes = 10
sha256 = "{sum}"
licence = "MIT"
context = 128
prompt = "ChatML"
memory_gb = 1.0

[[model.sources]]
via = "huggingface"
repo = "some/repo"
""".replace("{sum}", "a" * 64)

INDEX = """
[[model.sources]]
via = "index"
parts = [{ wheel = "w==1", member = "m", file = "one.gguf", bytes = 9, sha256 = "{sum}" }]
""".replace("{sum}", "b" * 64)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "catalogue.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[model]\n", "not valid TOML"),
        ("model = 3\n", "[[model]] tables"),
        (GOOD + "\n[other]\n", "[[model]] tables"),
        (GOOD.replace('kind = "llm"', 'kind = "magic"'), "entry one: kind"),
        (GOOD.replace("context = 128\n", ""), "entry one: context"),
        (GOOD.replace("memory_gb = 1.0", "memory_gb = 1.0\ncolour = 1"), "entry one: colour"),
        (GOOD.replace('file = "one.gguf"', 'file = "../one.gguf"'), "entry one: file"),
        (GOOD.replace('file = "one.gguf"', 'file = "one.bin"'), "entry one: file"),
        (GOOD.replace("a" * 64, "a" * 63), "entry one: sha256"),
        (GOOD.replace("bytes = 10\n", ""), "belong together"),
        (GOOD.replace("memory_gb", 'convert = "bert"\nmemory_gb'), "convert and inputs"),
        (GOOD + INDEX, "do not add up"),
        (GOOD + INDEX.replace("one.gguf", "two.gguf"), "does not need: two.gguf"),
        (GOOD + INDEX.replace("w==1", "w --index-url x"), "sources.1.index.parts.0.wheel"),
        (GOOD.replace('name = "one"\n', ""), "entry 1: name"),
        (GOOD + GOOD, "the name one twice"),
        (GOOD + GOOD.replace('name = "one"', 'name = "two"'), "the file one.gguf twice"),
    ],
)
def test_a_broken_catalogue_is_refused_by_file_and_entry(tmp_path: Path, text: str, named: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ModelError, match=re.escape(str(path))) as caught:
        catalogue.load(path)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_catalogue_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        catalogue.load(tmp_path / "none.toml")


def test_an_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    known = catalogue.load(write(tmp_path, GOOD))
    assert known.get("one").file == "one.gguf"
    with pytest.raises(ModelError, match=r"Unknown model 'onr'\. Did you mean one\?"):
        known.get("onr")


def test_the_settings_defaults_are_in_the_catalogue() -> None:
    known, settings = catalogue.load(), Settings()
    for name, kind in ((settings.llm.model, "llm"), (settings.embed.model, "embedder")):
        entry = known.get(name)
        assert entry.kind == kind
        assert entry.tried
        assert entry.sha256
        assert [type(source) for source in entry.sources] == [IndexSource, HubSource]


def test_no_number_stands_for_what_nobody_could_verify() -> None:
    for entry in catalogue.load().entries:
        assert entry.tried == bool(entry.sha256) == entry.memory_measured, entry.name


def test_the_readme_table_says_what_the_catalogue_says() -> None:
    lines = (PROJECT / "models" / "README.md").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| name | for |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    assert rows == [
        [
            entry.name,
            entry.kind,
            f"{entry.bytes:,}" if entry.bytes else "stated by the hub",
            f"{'' if entry.memory_measured else '≈ '}{entry.memory_gb} GB",
            entry.licence,
            entry.sha256 or "stated by the hub",
            f"{entry.context:,}",
            entry.prompt,
            "yes" if entry.tried else "not tried here",
        ]
        for entry in catalogue.load().entries
    ]


def test_the_readme_explains_every_field() -> None:
    text = (PROJECT / "models" / "README.md").read_text(encoding="utf-8")
    for field in catalogue.Entry.model_fields.keys() - {"sources"}:
        assert f"`{field}`" in text, field
