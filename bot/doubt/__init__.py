"""Words of a sentence that speak against it: figures and names that a text lacks, and opposites of what it says."""

from bot.doubt.opposite import opposed
from bot.doubt.strange import strange

__all__ = ["opposed", "strange"]
