"""Words of a text as signals: stemmed, lower case, without those that carry no content. English."""

import re
import unicodedata
from collections.abc import Iterable

import Stemmer

_ENGLISH_ALONE = frozenset(["the", "and", "that", "with", "his", "from", "were", "this", "which", "their", "they"])
_ENGLISH = 0.04  # share of a text's words, at least, that are among these, which its neighbours do not have
# Letters that a pattern which ignores case takes for s, k and i, though they are in no table of words.
_TAKEN_FOR_ASCII = str.maketrans("ſ\u212aİı", "sKIi")
_WORD = re.compile(r"\d+(?:[.,]\d+)*|\w+")
_FUNCTION_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being both but by can could did do
    does doing for from further had has have having he her here hers him his how i if in into is it its itself just me
    more most my no nor not now of off on once only or other our out over own s same she should so some such t than
    that the their them then there these they this those through to too under until up very was we were what when
    where which while who whom whose why will with would you your""".split()  # noqa: SIM905 - a list literal of it would fill the page
)


def content_words(text: str) -> list[str]:
    """Stems of the words of `text` that carry content, in order; "5,000" and "5000" are the same word."""
    found = _WORD.findall(plain_letters(text))
    words = [word.replace(",", "") if word[0].isdigit() else word for word in found]
    return stems([word for word in words if word not in _FUNCTION_WORDS])


def stems(words: Iterable[str]) -> list[str]:
    """What remains of words, in lower case, without their endings."""
    cut: list[str] = Stemmer.Stemmer("english").stemWords(list(words))
    return cut


def plain_letters(text: str) -> str:
    """`text` in lower case and without accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    return "".join(character for character in plain if not unicodedata.combining(character))


def ascii_case(text: str) -> str:
    """`text`, character by character, without the four letters that `re.IGNORECASE` takes for ASCII ones."""
    return text.translate(_TAKEN_FOR_ASCII)


def is_english(text: str) -> bool:
    """Whether `text`, which should be some sentences long, is in English, as far as its small words tell."""
    words = _WORD.findall(text.lower())
    return sum(word in _ENGLISH_ALONE for word in words) >= _ENGLISH * len(words)
