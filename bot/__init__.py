"""Citebot: answers from your articles, on your machine, with every sentence cited."""

__version__ = "0.1.0"
