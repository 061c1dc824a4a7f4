"""Prompt files, and the messages made of them."""

from bot.prompt.build import CountTokens, Prompt, build, continued, from_segments
from bot.prompt.files import PromptFile, find, read

__all__ = ["CountTokens", "Prompt", "PromptFile", "build", "continued", "find", "from_segments", "read"]
