"""Countries with their peoples, and words with their short forms, whose letters do not tell that they are the same.

What the letters do tell (Iran, Iranian) is left to bot.doubt.names. Pure; English.
"""

import re
from collections.abc import Iterable, Set

_PEOPLES = (
    "afghanistan afghan",
    "america american us usa",
    "argentina argentine argentinian",
    "asia asian",
    "australia australian aussie",
    "azerbaijan azerbaijani azeri",
    "barbados barbadian bajan",
    "belgium belgian",
    "bosnia bosnian bosniak",
    "britain british briton uk gb",
    "burma burmese myanmar",
    "canada canadian",
    "catalonia catalan",
    "china chinese",
    "congo congolese",
    "croatia croat croatian",
    "cyprus cypriot",
    "czechia czech",
    "denmark danish dane",
    "emirates emirati uae",
    "england english",
    "europe european eu",
    "finland finnish finn",
    "flanders flemish",
    "france french",
    "germany german",
    "ghana ghanaian",
    "glasgow glaswegian",
    "greece greek",
    "honduras honduran",
    "ireland irish",
    "kazakhstan kazakh",
    "kosovo kosovar kosovan",
    "kyiv kiev",
    "kyrgyzstan kyrgyz",
    "laos laotian",
    "lebanon lebanese",
    "madagascar malagasy",
    "maldives maldivian",
    "mongolia mongolian mongol",
    "montenegro montenegrin",
    "moscow muscovite",
    "mozambique mozambican",
    "naples neapolitan",
    "netherlands dutch holland",
    "norway norwegian",
    "panama panamanian",
    "peru peruvian",
    "philippines filipino philippine filipina",
    "poland polish pole",
    "portugal portuguese",
    "scotland scottish scot",
    "serbia serb serbian",
    "slovakia slovak slovakian",
    "slovenia slovene slovenian",
    "somalia somali",
    "spain spanish spaniard",
    "sweden swedish swede",
    "switzerland swiss",
    "texas texan",
    "thailand thai",
    "togo togolese",
    "turkey turkish turk",
    "venice venetian",
    "wales welsh",
)
_WORDS = (
    "west western",
    "east eastern",
    "north northern",
    "south southern",
    "ceo chief executive",
    "covid coronavirus pandemic",
    "gop republican republicans",
    "hq headquarters",
    "mp member members lawmaker lawmakers parliamentarian",
    "pm premier",
    "tv television",
)
_PERSON = re.compile(r"(?:m[ae]n|wom[ae]n|s)$")


def _groups(lines: Iterable[str]) -> dict[str, frozenset[str]]:
    return {word: frozenset(line.split()) for line in lines for word in line.split()}


_OF_PEOPLE, _SAME_WORD = _groups(_PEOPLES), _groups(_WORDS)


def of_people(name: str) -> Set[str]:
    """The country and people of "thai", "thais", "irishman"; `name` is in lower case."""
    return _OF_PEOPLE.get(name) or _OF_PEOPLE.get(_PERSON.sub("", name), frozenset())


def same_word(name: str) -> Set[str]:
    return _SAME_WORD.get(name, frozenset())
