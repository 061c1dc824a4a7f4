"""Settings: what there is to set, where each value comes from, and the folders that they name."""

from bot.config.folders import PROJECT, default_data_dir, default_models_dir, shared_folder
from bot.config.layers import (
    CONFIG_VARIABLE,
    SECRET,
    Loaded,
    describe,
    flatten,
    load,
    settings_file,
    without_password,
)
from bot.config.sections import (
    AnswerSettings,
    CacheSettings,
    ChatSettings,
    ChunkSettings,
    CiteSettings,
    EmbedSettings,
    LLMSettings,
    RetrieveSettings,
    Settings,
    StoreSettings,
)

__all__ = [
    "CONFIG_VARIABLE",
    "PROJECT",
    "SECRET",
    "AnswerSettings",
    "CacheSettings",
    "ChatSettings",
    "ChunkSettings",
    "CiteSettings",
    "EmbedSettings",
    "LLMSettings",
    "Loaded",
    "RetrieveSettings",
    "Settings",
    "StoreSettings",
    "default_data_dir",
    "default_models_dir",
    "describe",
    "flatten",
    "load",
    "settings_file",
    "shared_folder",
    "without_password",
]
