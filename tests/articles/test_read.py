"""Finding files, and that one bad file or line never stops the rest."""

import json
import os
from pathlib import Path

import pytest
from samples import READS_EVERYTHING

from bot.articles import SUFFIXES, Skipped, find_files, read, read_file
from bot.errors import ArticleError
from bot.schema import Article

from .test_pdf import make_pdf

STORY = "The ferry left at noon. The mayor waved."


def write(path: Path, content: str | bytes = STORY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def only(path: Path) -> Article | Skipped:
    (result,) = read_file(path)
    return result


def reason(path: Path) -> str:
    result = only(path)
    assert isinstance(result, Skipped)
    assert result.origin == str(path)
    assert result.reason.endswith(".")
    return result.reason


def test_finds_files_sorted_and_each_once(tmp_path: Path) -> None:
    names = ["b.txt", "a/z.md", "a/c.HTML", "picture.png", "d.jsonl"]
    for name in [*names, ".hidden.txt", ".git/x.txt", "a/.DS_Store"]:
        write(tmp_path / name)
    found = list(find_files([tmp_path / "b.txt", tmp_path, tmp_path / "a"]))
    assert [str(path.relative_to(tmp_path)) for path in found] == [
        "b.txt",
        "a/c.HTML",
        "a/z.md",
        "d.jsonl",
        "picture.png",
    ]


def test_hidden_file_is_found_when_named(tmp_path: Path) -> None:
    assert list(find_files([write(tmp_path / ".a.txt")])) == [tmp_path / ".a.txt"]


def test_loops_of_links_end(tmp_path: Path) -> None:
    write(tmp_path / "a" / "one.txt")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    assert [path.name for path in find_files([tmp_path])] == ["one.txt", "gone.txt"]
    assert "cannot be opened" in reason(tmp_path / "gone.txt")


def test_missing_path_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ArticleError, match=r"no file or folder .*nowhere"):
        find_files([write(tmp_path / "a.txt"), tmp_path / "nowhere"])


@pytest.mark.skipif(READS_EVERYTHING, reason="root may open everything")
def test_closed_folder_and_file_are_reported(tmp_path: Path) -> None:
    write(tmp_path / "closed" / "a.txt")
    file = write(tmp_path / "b.txt")
    (tmp_path / "closed").chmod(0)
    file.chmod(0)
    try:
        found = list(find_files([tmp_path]))
        assert [reason(path).split(".")[0] for path in found] == [
            "it cannot be opened (Permission denied)",
            "it is a folder that cannot be opened",
        ]
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_every_suffix_is_read(tmp_path: Path) -> None:
    html = f"<html><body><article><p>{(STORY + ' ') * 9}</p></article></body></html>"
    contents = {".html": html, ".htm": html, ".pdf": make_pdf([[STORY]]), ".jsonl": json.dumps({"text": STORY})}
    for number, suffix in enumerate(SUFFIXES):
        path = write(tmp_path / f"{number}{suffix.upper()}", contents.get(suffix, STORY))
        result = only(path)
        assert isinstance(result, Article), (suffix, result)
        assert result.text.startswith(STORY)
        assert result.origin == str(path)


def test_files_that_give_no_article(tmp_path: Path) -> None:
    assert ".txt, .md" in reason(write(tmp_path / "a.png"))
    assert "no text" in reason(write(tmp_path / "empty.txt", ""))
    assert "not a text file" in reason(write(tmp_path / "binary.txt", bytes(range(256)) * 4))
    assert "damaged" in reason(write(tmp_path / "a.pdf"))
    assert "line 2" in reason(write(tmp_path / "a.md", "---\ntitle: [\n---\nText"))
    assert "cannot be opened" in reason(tmp_path / "gone.txt")
    (tmp_path / "folder.txt").mkdir()
    assert "folder" in reason(tmp_path / "folder.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    assert "regular file" in reason(tmp_path / "pipe.txt")


@pytest.mark.parametrize("charset", ["undefined", "punycode", "idna", "unicode_escape", "utf-7", "hex", "aliases"])
def test_a_page_that_names_an_odd_charset_is_read_all_the_same(tmp_path: Path, charset: str) -> None:
    html = f"<html><head><meta charset={charset}></head><body><article><p>{(STORY + ' Größe. ') * 9}</p></article>"
    result = only(write(tmp_path / "a.html", html))
    assert isinstance(result, Article)
    assert "Größe" in result.text


def test_bad_lines_do_not_stop_the_rest(tmp_path: Path) -> None:
    good = json.dumps({"id": "a", "text": " x\r\n"})
    path = write(tmp_path / "a.jsonl", f"\ufeff{good}\n\n{{\n{good}")
    results = list(read_file(path))
    assert [type(result) for result in results] == [Article, Skipped, Article]
    assert isinstance(results[0], Article)
    assert results[0].text == " x\r\n"
    assert isinstance(results[1], Skipped)
    assert results[1].reason.startswith("line 3: it is not JSON")


def test_jsonl_in_utf16_is_one_complaint(tmp_path: Path) -> None:
    assert "UTF-16" in reason(write(tmp_path / "a.jsonl", (json.dumps({"text": "x"}) + "\n").encode("utf-16") * 3))


def test_too_long_files_and_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MAX_TEXT_BYTES", 100)
    assert "longer than" in reason(write(tmp_path / "a.txt", "long " * 21))
    lines = [json.dumps({"text": "x" * 500}), json.dumps({"text": "short"})]
    results = list(read_file(write(tmp_path / "a.jsonl", "\n".join(lines))))
    assert [type(result) for result in results] == [Skipped, Article]


def test_reads_line_by_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "one"}\n')
    results = read_file(path)
    with path.open("ab") as file:
        file.write(b" " * 200_000 + b"\n")
    first = next(results)
    assert isinstance(first, Article)
    assert len(list(results)) == 0
