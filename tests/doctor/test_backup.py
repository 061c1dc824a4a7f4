"""bot backup and bot restore: there and back, backups of every version, and files that are no backups or lie.

tests/backups has a backup of each version, named after it, each kept for ever. How one is made: run this file,
`python tests/doctor/test_backup.py tests/backups/VERSION.zip`, from the repository's root with PYTHONPATH=. set.
"""

import datetime as dt
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from damage import sql
from fakes import FakeEmbedder
from filelock import FileLock
from samples import FERRY, article, signature_of

from bot import __version__
from bot.articles import content_hash
from bot.backup import Backup, pack, restore
from bot.backup.restore import Opened
from bot.cli import compose
from bot.config import RetrieveSettings, load
from bot.conversations import Conversations, Said, folder_of
from bot.embed import LlamaEmbedder
from bot.errors import BackupError, BotError
from bot.feedback import Feedback, Kept
from bot.ingest import Ingester
from bot.retrieve import Retriever
from bot.schema import Answer, Article, Citation, Filters, Passage
from bot.store import Store
from bot.store.disk import DATABASE as CHROMA_FILE
from bot.users import Users

BACKUPS = Path(__file__).resolve().parent.parent / "backups"
EMBEDDER = FakeEmbedder()
QUESTIONS = ("What does a ticket cost?", "Who slept in the airport?", "How heavy is the cheese?")

Run = Callable[..., "tuple[int, str, str]"]
Zip = dict[str, bytes]


def one_article(number: int = 1) -> Article:
    one = article(f"a{number}", FERRY, date="2025-05-18", source="gazette", title="The “ferry” – ⛴")
    return one.model_copy(update={"content_hash": content_hash(one), "origin": "/a.txt"})


def opened(_: Path) -> Opened:
    return Opened(
        EMBEDDER,
        lambda folder: Store(folder, signature_of(EMBEDDER)),
        lambda store: Ingester(store, EMBEDDER, 200),
    )


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A backup of one article and a conversation."""
    data = tmp_path / "small"
    answer = Answer(question="Q", text="A")
    Conversations(folder_of(data)).add("", "Q", answer, at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    pack(tmp_path / "small.zip", data, [one_article()], "0", settings=None, users=True)
    return tmp_path / "small.zip"


# -- there and back --


def kept(data: Path, embedder: LlamaEmbedder, models_dir: Path) -> dict[str, Any]:
    """All that a user has in a data folder, and what a search finds there."""
    flags = {"models_dir": str(models_dir), "data_dir": str(data)}
    settings = load(flags, environ={}).settings
    own = compose.open_embedder(settings)
    store = compose.open_store(settings, own)
    try:
        retriever = Retriever(store, own, data / "store" / "bm25", RetrieveSettings())
        found: list[list[Passage]] = [retriever.search(one, 5, Filters()) for one in QUESTIONS]
        return {
            "articles": store.articles(sorted(store.infos())),
            "found": [
                [(one.article, one.start, one.end, round(one.score, 4)) for one in passages] for passages in found
            ],
            "conversations": talks(data),
            "feedback": Kept(data / "feedback.jsonl").all(),
            "users": (data / "users.json").read_bytes() if (data / "users.json").exists() else b"",
            "settings": (data / "config.toml").read_bytes() if (data / "config.toml").exists() else b"",
        }
    finally:
        store.close()
        own.close()


def talks(data: Path) -> dict[str, list[Said]]:
    users = folder_of(data) / "users"
    folders = [folder_of(data), *(users.iterdir() if users.is_dir() else ())]
    return {
        f"{folder.name}/{talk}": Conversations(folder).read(talk)
        for folder in folders
        for talk in Conversations(folder).ids()
    }


def test_there_and_back(bot: Run, data: Path, tmp_path: Path, embedder: LlamaEmbedder, models_dir: Path) -> None:
    code, out, err = bot("--data-dir", data, "backup", tmp_path / "own.zip")
    assert (code, err) == (0, "")
    assert "3 articles and 2 conversations" in out
    assert (tmp_path / "own.zip").stat().st_mode & 0o077 == 0
    code, out, err = bot("--data-dir", data, "restore", tmp_path / "own.zip", "--into", tmp_path / "new")
    assert code == 0, err
    before, after = kept(data, embedder, models_dir), kept(tmp_path / "new", embedder, models_dir)
    assert len(before["articles"]) == 3
    assert all(before.values())
    assert after == before
    assert {path.name for path in (tmp_path / "new").iterdir()} <= {
        "config.toml", "conversations", "feedback.jsonl", "store", "users.json",
    }  # fmt: skip
    assert bot("--data-dir", tmp_path / "new", "doctor")[0] == 0
    assert Users(tmp_path / "new").check("Ada", "a long password")


def test_what_is_there_is_put_aside_or_left(bot: Run, data: Path, tmp_path: Path) -> None:
    bot("--data-dir", data, "backup", tmp_path / "own.zip", "--without-users")
    code, _, err = bot("--data-dir", data, "restore", tmp_path / "own.zip")
    assert code == 1
    assert "is not empty" in err
    code, out, err = bot("--data-dir", data, "restore", tmp_path / "own.zip", "--replace", "--without-settings")
    assert code == 0, err
    (aside,) = data.parent.glob("data.before-*")
    assert str(aside) in out
    assert (aside / "users.json").exists()
    assert not (data / "users.json").exists()
    assert not (data / "config.toml").exists()
    assert len(talks(data)) == 2
    code, _, err = bot("--data-dir", data, "backup", tmp_path / "own.zip")
    assert code == 1
    assert "is there already" in err


def test_models_in_the_data_folder_stay(small: Path, tmp_path: Path) -> None:
    data, models = tmp_path / "data", tmp_path / "data" / "models"
    models.mkdir(parents=True)
    (models / "a.gguf").write_bytes(b"GGUF")
    assert restore(Backup(small), data, opened, keep=models) is None
    assert (models / "a.gguf").read_bytes() == b"GGUF"
    assert len(talks(data)) == 1
    assert list(tmp_path.glob("data.*")) == []


def test_models_deep_in_the_data_folder_stay(small: Path, tmp_path: Path) -> None:
    data, models = tmp_path / "data", tmp_path / "data" / "large" / "models"
    models.mkdir(parents=True)
    (models / "a.gguf").write_bytes(b"GGUF")
    restore(Backup(small), data, opened, keep=models, replace=True)
    assert (models / "a.gguf").read_bytes() == b"GGUF"
    assert len(talks(data)) == 1


@pytest.mark.parametrize("file", sorted(BACKUPS.glob("*.zip")), ids=lambda file: file.stem)
def test_backups_of_every_version(bot: Run, file: Path, tmp_path: Path) -> None:
    code, _, err = bot("--data-dir", tmp_path / "new", "restore", file)
    assert code == 0, err
    manifest = Backup(file).manifest
    assert manifest.articles > 2
    assert manifest.conversations == len(talks(tmp_path / "new")) > 0
    assert Kept(tmp_path / "new" / "feedback.jsonl").all()
    code, out, _ = bot("--data-dir", tmp_path / "new", "doctor")
    assert f"{manifest.articles} articles are whole" in out
    assert code == 0


def test_there_is_a_backup_of_this_version() -> None:
    assert (BACKUPS / f"{__version__}.zip").is_file()


# -- while others write --


def test_while_the_page_writes(tmp_path: Path) -> None:
    """A conversation is added to all the while: what is in the backup is whole."""
    talks_of, answer, done = (
        Conversations(folder_of(tmp_path)),
        Answer(question="Q", text="x" * 50_000),
        threading.Event(),
    )
    talk = talks_of.add("", "Q", answer)

    def write() -> None:
        while not done.is_set():
            talks_of.add(talk, "Q", answer)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            pack(tmp_path / f"{number}.zip", tmp_path, [], "0", settings=None, users=True)
    finally:
        done.set()
        writer.join()
    for number in range(5):
        (tmp_path / f"new{number}").mkdir()
        Backup(tmp_path / f"{number}.zip").unpack(tmp_path / f"new{number}")
        assert talks(tmp_path / f"new{number}")
        text = (folder_of(tmp_path / f"new{number}") / f"{talk}.jsonl").read_bytes()
        assert text.endswith(b"\n")


def test_while_a_page_runs_nothing_is_replaced(small: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "uploads").mkdir(parents=True)
    with FileLock(data / "uploads" / "run-1.lock"), pytest.raises(BackupError, match="End it first"):
        restore(Backup(small), data, opened, replace=True)
    assert (data / "uploads").is_dir()


LIMITED = """
import resource, sys
from pathlib import Path
sys.path[:0] = {path!r}
import test_backup as t
texts = [t.hashlib.sha512(str(one).encode()).hexdigest() * 100 for one in range(200)]
articles = [t.one_article().model_copy(update={{"text": text[number:]}}) for number, text in enumerate(texts)]
file, data, new = Path({file!r}), Path({data!r}), Path({data!r}) / "new"
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
try:
    if {packs}:
        t.pack(file, data, articles, "0", settings=None, users=True)
    else:
        t.restore(t.Backup(file), new, t.opened)
except t.BotError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("packs", [True, False])
def test_disk_full(small: Path, tmp_path: Path, packs: bool) -> None:
    """The process may write no longer file (and no bytecode, which Python would leave cut short)."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "new.zip" if packs else small
    before = sorted(path.name for path in tmp_path.rglob("*"))
    script = LIMITED.format(path=sys.path, file=str(file), data=str(tmp_path / "data"), packs=packs)
    done = subprocess.run([sys.executable, "-B", "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Make room" in done.stderr or "disk" in done.stderr.partition(". ")[2]
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


# -- files that are no backups, or lie --


def read_zip(file: Path) -> Zip:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Zip) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def with_member(members: Zip, name: str, data: bytes, **lies: Any) -> Zip:
    """Also in the manifest, as it should be but for the `lies`."""
    manifest = json.loads(members["manifest.json"])
    told = {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), **lies}
    manifest["members"] = [one for one in manifest["members"] if one["name"] != name] + [told]
    return {**members, name: data, "manifest.json": json.dumps(manifest).encode()}


def with_manifest(members: Zip, **changes: Any) -> Zip:
    manifest = json.loads(members["manifest.json"]) | changes
    return {**members, "manifest.json": json.dumps(manifest).encode()}


def bomb(members: Zip) -> bytes:
    """Ten megabytes in a member that both the manifest and the zip say to be of ten bytes."""
    honest = zipped(with_member(members, "feedback.jsonl", b"0" * 10_000_000))
    size, lie = (10_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    lied = zipped(with_member(members, "feedback.jsonl", b"0" * 10_000_000, bytes=10))
    assert size in honest
    return lied.replace(size, lie)


def other_article(**changes: Any) -> bytes:
    return f"{one_article().model_copy(update=changes).model_dump_json()}\n".encode()


LIES: dict[str, Callable[[Zip], bytes]] = {
    "nothing": lambda members: b"",
    "no zip": lambda members: b"PK but no zip" * 100,
    "cut short": lambda members: zipped(members)[:-40],
    "no manifest": lambda members: zipped({name: data for name, data in members.items() if name != "manifest.json"}),
    "a manifest of no sense": lambda members: zipped({**members, "manifest.json": b"[" * 100_000}),
    "a newer form": lambda members: zipped(with_manifest(members, form=2)),
    "unknown keys": lambda members: zipped(with_manifest(members, more=1)),
    "a wrong sum": lambda members: zipped(with_member(members, "feedback.jsonl", b"{}", sha256="0" * 64)),
    "a wrong size": lambda members: zipped(with_member(members, "feedback.jsonl", b"{}", bytes=1)),
    "a bomb": bomb,
    "a huge size": lambda members: zipped(with_member(members, "feedback.jsonl", b"{}", bytes=1 << 60)),
    "a member that is not told": lambda members: zipped({**members, "users.json": b"{}"}),
    "a member that is missing": lambda members: zipped(
        {name: data for name, data in members.items() if not name.startswith("conversations")}
    ),
    "too few articles": lambda members: zipped(with_manifest(members, articles=2)),
    "an article that was changed": lambda members: zipped(
        with_member(members, "articles.jsonl", other_article(text="The ferry sank."))
    ),
    "an article of no sense": lambda members: zipped(with_member(members, "articles.jsonl", b'{"id": 3}\n')),
    **{
        name: lambda members, name=name: zipped(with_member(members, name, b"x"))  # type: ignore[misc]
        for name in (
            "../escaped", "/tmp/escaped", "conversations/../../escaped", "conversations/0123456789abcdef.jsonl/x",
            "conversations\\..\\escaped", "store/chroma/chroma.sqlite3", "conversations/0123456789abcdef.jsonl\n",
            "C:\\escaped", "config.toml/", ".",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_refused_and_nothing_is_there(small: Path, tmp_path: Path, lie: str) -> None:
    file, target = tmp_path / "lie.zip", tmp_path / "target" / "data"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of zipfile, that names are strange
        file.write_bytes(LIES[lie](read_zip(small)))
        with pytest.raises(BackupError) as told:
            restore(Backup(file), target, opened)
    assert "\n" not in str(told.value)
    assert not target.exists()
    assert list((tmp_path / "target").iterdir() if (tmp_path / "target").exists() else ()) == []
    assert list(tmp_path.rglob("escaped")) == []
    assert not Path("/tmp/escaped").exists()


def test_two_members_of_one_name(small: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(small, "a") as archive:
            archive.writestr("articles.jsonl", b"other")
    with pytest.raises(BackupError, match="not what its manifest says"):
        Backup(small)


def test_a_link_is_unpacked_as_a_file(small: Path, tmp_path: Path) -> None:
    members = with_member(read_zip(small), "users.json", b"/etc/passwd")
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o120777 if name == "users.json" else 0o100600) << 16
            archive.writestr(info, data)
    restore(Backup(tmp_path / "link.zip"), tmp_path / "data", opened)
    assert not (tmp_path / "data" / "users.json").is_symlink()
    assert (tmp_path / "data" / "users.json").read_bytes() == b"/etc/passwd"


def test_settings_that_do_not_hold_are_told(bot: Run, data: Path, tmp_path: Path) -> None:
    bot("--data-dir", data, "backup", tmp_path / "own.zip")
    members = with_member(read_zip(tmp_path / "own.zip"), "config.toml", b"[answer]\nquik = true\n")
    (tmp_path / "own.zip").write_bytes(zipped(members))
    code, _, err = bot("restore", tmp_path / "own.zip", "--into", tmp_path / "new")
    assert code == 2
    assert "--without-settings" in err
    assert bot("restore", tmp_path / "own.zip", "--into", tmp_path / "new", "--without-settings")[0] == 0


def test_the_folder_that_a_named_settings_file_names_is_replaced(
    bot: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    bot("--data-dir", data, "backup", tmp_path / "own.zip")
    (tmp_path / "my.toml").write_text(f'data_dir = "{data}"\n', encoding="utf-8")
    code, _, err = bot("--config", tmp_path / "my.toml", "restore", tmp_path / "own.zip", "--replace")
    assert code == 0, err
    assert len(list(tmp_path.glob("data.before-*"))) == 1
    assert not (tmp_path / "home").exists()


def test_articles_are_prepared_as_the_named_settings_file_says(bot: Run, data: Path, tmp_path: Path) -> None:
    bot("--data-dir", data, "backup", tmp_path / "own.zip")
    mine = tmp_path / "my.toml"
    mine.write_text(f'data_dir = "{tmp_path}/new"\n[chunk]\nmax_tokens = 60\n', encoding="utf-8")
    code, _, err = bot("--config", mine, "restore", tmp_path / "own.zip", "--without-settings")
    assert code == 0, err
    code, _, err = bot("--config", mine, "articles", "list")
    assert code == 0, err


def test_settings_that_lead_away_from_what_is_restored_are_refused(bot: Run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(f'data_dir = "{data}"\n', encoding="utf-8")
    assert bot("--config", tmp_path / "my.toml", "backup", tmp_path / "own.zip")[0] == 0
    code, _, err = bot("restore", tmp_path / "own.zip", "--into", tmp_path / "new")
    assert code == 2
    assert "data_dir" in err
    assert "--without-settings" in err
    assert not (tmp_path / "new").exists()
    assert bot("restore", tmp_path / "own.zip", "--into", tmp_path / "new", "--without-settings")[0] == 0


def test_a_damaged_article_is_told_when_the_backup_is_made(bot: Run, data: Path, tmp_path: Path) -> None:
    database = data / "store" / "chroma" / CHROMA_FILE
    sql("DELETE FROM embeddings_queue WHERE metadata LIKE '%chroma:document%'")(database)
    sql("UPDATE embedding_metadata SET string_value = 'A lie.' WHERE key = 'chroma:document'")(database)
    code, _, err = bot("--data-dir", data, "backup", tmp_path / "own.zip")
    assert code == 1
    assert "is damaged" in err
    assert "bot doctor --repair" in err
    assert list(tmp_path.glob("own.zip*")) == []


# -- making the backup that is kept --


def make(file: Path) -> None:
    """A backup of some of the sample articles, a conversation and a rating, by this version."""
    moment = dt.datetime(2026, 11, 26, 8, 30, tzinfo=dt.UTC)
    seeds = Path("seeds/articles")
    with tempfile.TemporaryDirectory() as folder:
        data, library = Path(folder) / "data", Path(folder) / "library"
        library.mkdir()
        for name in ("kelsmouth-ferry-fares.txt", "orra-cave-shrimp.md", "tern-satellite.html"):
            shutil.copy(seeds / name, library)
        words = [sys.executable, "-m", "bot", "--data-dir", str(data)]
        subprocess.run([*words, "ingest", str(library)], check=True)
        quote = "The council of Kelsmouth"
        text = (library / "kelsmouth-ferry-fares.txt").read_text(encoding="utf-8")
        start = max(0, text.find(quote))
        cited = Citation(
            article="kelsmouth-ferry-fares",
            start=start,
            end=start + len(quote),
            marker=1,
            quote=quote,
            sentence=0,
            title="Fares",
        )
        answer = Answer(question="Who raised the fares?", text="The council did.", citations=(cited,), model="none")
        talk = Conversations(folder_of(data)).add("", "Who raised the fares?", answer, at=moment)
        Kept(data / "feedback.jsonl").add(
            Feedback(at=moment, good=True, question="Who raised the fares?", answer=answer, model="none", settings={},
                     version=__version__, talk=talk, answered=moment)
        )  # fmt: skip
        (data / "config.toml").write_text("[retrieve]\ncharacters = 3000\n", encoding="utf-8")
        subprocess.run([*words, "backup", str(file.absolute())], check=True)


if __name__ == "__main__":
    try:
        make(Path(sys.argv[1]))
    except (BotError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
