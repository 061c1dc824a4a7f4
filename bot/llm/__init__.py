"""Language models behind one interface: llama.cpp in this process, or any OpenAI-compatible server (in `server`)."""

from bot.llm.base import LLM, NOTHING, Finished, Output, Piece, ReadAhead, Reading
from bot.llm.llamacpp import LlamaCpp

__all__ = ["LLM", "NOTHING", "Finished", "LlamaCpp", "Output", "Piece", "ReadAhead", "Reading"]
