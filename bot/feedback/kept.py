"""Readers' ratings on disk: one file, to which a line is added for each rating. It knows no page and no model.

A line holds all that tells how the answer came about, so that it can be looked into when articles, settings and
conversations are others. It never leaves the machine by itself.
"""

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, StringConstraints, ValidationError

from bot import jsonlines
from bot.errors import FeedbackError
from bot.schema import Answer, Frozen, Turn

REASON = 2000  # characters at most
SHOWN = 8  # damaged lines that an error names


def _in_utc(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("it is before the year 1 or after 9999") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Key = tuple[str, str, dt.datetime, str]


class Feedback(Frozen):
    """What a reader said of an answer `at` a moment.

    `turns` are those before the question, oldest first; `settings` is what config.flatten gives. `user` is "" without
    log-in, `talk` the id of the conversation, "" if there is none, `answered` the moment of the answer as it was kept.
    """

    at: Moment
    good: bool
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=REASON)] = ""
    question: str = Field(min_length=1)
    turns: tuple[Turn, ...] = ()
    answer: Answer
    model: str
    settings: dict[str, JsonValue]
    version: str
    user: str = ""
    talk: str = ""
    answered: Moment

    @property
    def key(self) -> Key:
        """The same for all that a reader says of one answer."""
        return self.user, self.talk, self.answered, self.question


class _Line(Frozen):
    form: Literal[1] = 1  # raise it when what stands in a line changes
    feedback: Feedback


class Kept:
    """The feedback in the file `path`, made with the first. Several threads and processes may use it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, feedback: Feedback) -> None:
        """Keep a rating; it replaces an earlier one of the same answer by the same reader.

        Raises FeedbackError where it cannot be written; what was there stays.
        """
        line = _Line(feedback=feedback).model_dump(mode="json")
        try:
            jsonlines.append(self.path, line, self.path.with_suffix(".lock"))
        except OSError as error:
            raise FeedbackError(
                f"The feedback was not kept in {self.path}: {error.strerror}. "
                "Make room there, or check its permissions."
            ) from error

    def all(self) -> list[Feedback]:
        """The last rating of each answer, in the order of rating; none where there is no file yet.

        Raises FeedbackError where the file cannot be read, or for lines that are damaged, with their numbers.
        """
        latest: dict[Key, Feedback] = {}
        damaged = []
        try:
            for number, line in enumerate(jsonlines.lines(self.path), start=1):
                try:
                    one = _Line.model_validate_json(line).feedback if line.strip() else None
                except ValidationError:
                    damaged.append(number)
                    continue
                if one:
                    latest.pop(one.key, None)
                    latest[one.key] = one
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FeedbackError(f"{self.path} cannot be read: {error.strerror}. Check its permissions.") from error
        if damaged:
            raise FeedbackError(
                f"{self.path} is damaged in {_numbered(damaged)}. Mend that in an editor or with "
                "`bot doctor --repair`, or move it to another file."
            )
        return list(latest.values())

    def is_broken_off(self) -> bool:
        """Whether the last line counts as not written. Raises OSError where the file cannot be read."""
        return jsonlines.is_broken_off(self.path)

    def mend(self) -> int:
        """Move damaged lines to the file beside that ends in `.damaged`; how many. FeedbackError if it cannot."""
        try:
            return jsonlines.set_aside(self.path, _is_rating, self.path.with_suffix(".lock"))
        except OSError as error:
            raise FeedbackError(
                f"{self.path} cannot be mended: {error.strerror}. Make room there, or check its permissions."
            ) from error


def _is_rating(line: bytes) -> bool:
    try:
        return not line.strip() or bool(_Line.model_validate_json(line))
    except ValidationError:
        return False


def _numbered(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:SHOWN]))
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"line{'s' * (len(numbers) > 1)} {shown}{more}"
