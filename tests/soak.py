"""The soak: long forms of tests, which `make soak` runs with BOT_SOAK=1. Knows no test.

A test that makes sense only when it is long is marked `soak`, and skipped otherwise. One that has a short form, too, is
marked `rounds` and asks `rounds(short, long)` how many of its rounds to make.
"""

import os

SOAKING = os.environ.get("BOT_SOAK") == "1"
REASON = "long; `make soak` runs it (BOT_SOAK=1)"


def rounds(short: int, long: int) -> int:
    """`long` under `make soak`, else `short`."""
    return long if SOAKING else short
