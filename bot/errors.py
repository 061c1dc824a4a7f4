"""Every error that a user can cause, as one tree; each message ends with what to do next.

    BotError
    ├── ConfigError      a setting, settings file or flag is wrong
    ├── ModelError       a model is unknown, missing, damaged or cannot be loaded
    │   └── FetchError       it could not be downloaded, joined or converted
    ├── ArticleError     an input file cannot be read as an article
    ├── StoreError       the article store cannot be opened or written
    │   ├── StoreBusy        another process holds it
    │   └── StoreMismatch    it was built with another embedder or chunking
    ├── PromptError      a prompt template is broken or does not fit the context
    ├── LLMError         the language model failed while answering
    ├── ConversationError  a conversation cannot be read or kept
    ├── FeedbackError    feedback cannot be read, kept or exported
    ├── UserError        a user cannot be added or removed, or the file of users cannot be read
    ├── BackupError      a backup cannot be written, or is damaged, or cannot be restored
    ├── DatasetError     a questions or corpus file is wrong
    └── UIError          the page cannot be served

`Stopped` is not an error of the user's: it says that someone asked to stop.
`where` tells of an error that is nobody's but ours.
"""

import traceback


class BotError(Exception):
    """Base of all errors shown to users as one line; `exit_code` is what the command line returns."""

    exit_code = 1


class ConfigError(BotError):
    exit_code = 2


class ModelError(BotError):
    pass


class FetchError(ModelError):
    pass


class ArticleError(BotError):
    pass


class StoreError(BotError):
    pass


class StoreBusy(StoreError):
    """Another process holds the store."""


class StoreMismatch(StoreError):
    pass


class PromptError(BotError):
    pass


class LLMError(BotError):
    pass


class ConversationError(BotError):
    pass


class FeedbackError(BotError):
    pass


class UserError(BotError):
    pass


class BackupError(BotError):
    pass


class DatasetError(BotError):
    exit_code = 2


class UIError(BotError):
    pass


class Stopped(Exception):
    """Raised inside a long job after its stop signal was set."""


def where(error: BaseException) -> str:
    """An error's kind and the lines of code that it went through, for logs: its own words may be an article's."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}".rstrip()
