"""What an installation is made of, looked at part by part: what is wrong, what is to be done, and what can be mended.

Only what derives from something else is mended; everything else is put aside at most, never deleted.
"""

from bot.doctor.examine import examine
from bot.doctor.findings import Finding, Mend, Tools

__all__ = ["Finding", "Mend", "Tools", "examine"]
