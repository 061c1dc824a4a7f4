"""What XML, and so a page or a JUnit file, may hold of a text that anybody wrote."""

import re

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legal(text: str) -> str:
    """The text without characters that XML 1.0 forbids (2.2, "Characters"): controls, halves of pairs."""
    return _ILLEGAL.sub("", text)
