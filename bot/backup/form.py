"""What a backup is made of: a zip file of members that only have names of ours, and a manifest with the sum of each."""

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bot.schema import Frozen

MANIFEST, ARTICLES, SETTINGS, FEEDBACK, USERS, SAMPLES = (
    "manifest.json",
    "articles.jsonl",
    "config.toml",
    "feedback.jsonl",
    "users.json",
    "samples-added",
)
TALKS = "conversations"
TALK = re.compile(rf"{TALKS}/(users/[0-9a-f]{{32}}/)?[0-9a-f]{{16}}\.jsonl")
# No other member is ever unpacked: none can lead out of the folder.
NAME = rf"^({'|'.join(map(re.escape, (ARTICLES, SETTINGS, FEEDBACK, USERS, SAMPLES)))}|{TALK.pattern})$"
LARGEST = 64 << 30  # bytes of all members, unpacked
LARGEST_MANIFEST = 256 << 20  # bytes: a million conversations


class Member(Frozen):
    name: Annotated[str, StringConstraints(pattern=NAME)]
    bytes: int = Field(ge=0, le=LARGEST)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Manifest(Frozen):
    """`version` is that of the program that made it; raise `form` when what stands in members changes."""

    form: Literal[1] = 1
    version: str
    made: dt.datetime
    articles: int = Field(ge=0)
    conversations: int = Field(ge=0)
    members: tuple[Member, ...]
