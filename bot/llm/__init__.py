"""Language models behind one interface: llama.cpp in this process, or any OpenAI-compatible server."""

from bot.llm.base import LLM, Finished, Output, Piece, Reading
from bot.llm.llamacpp import LlamaCpp
from bot.llm.server import ServerLLM

__all__ = ["LLM", "Finished", "LlamaCpp", "Output", "Piece", "Reading", "ServerLLM"]
