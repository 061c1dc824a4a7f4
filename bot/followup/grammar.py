"""Whether a question leans on what was said before it: rules over its words, for English; knows no conversation.

Full pronoun resolution needs a parser; for "does it point outside this question?" the order of function words
suffices mostly. The classical constraints are used: a pronoun that is the subject or object of the first clause has
no antecedent within that clause (principle B of Chomsky, "Lectures on Government and Binding", 1981), a possessive may
have one; and "it" may be expletive (the patterns follow Lappin & Leass 1994, "An Algorithm for Pronominal Anaphora
Resolution").
"""

import re
from collections.abc import Callable, Collection, Sequence

from bot.followup import lexicon as lex

_TOKEN = re.compile(r"'(?:s|re|ve|d|ll|m)\b|\w+(?:[-.,&]\w+)*|[.,;:?!]")
_EXPLETIVE_CLAUSE = re.compile(
    r"it (?:(?:not|is|was|'s|has|will|would|may|might|can|could|be|been) )*"
    r"(?:that|who|(?P<adjective>\w+) (?:to|that|if|whether|for|when))\b"
)
_EFFORT = re.compile(r"it (?:(?:take|took|cost|need|require)s?\b.*? to \w+|mean (?:to|when|if|that)) (?P<what>.*)")
_SHORT = 3  # words of a fragment that is taken for the rest of the question before
_ABOUT = 9  # words after which "What about …" has become a question of its own
_BARE = 2  # words that name something; with no more than these, "the referee" is one that was told of
_RICH = 4  # words that name something; a question of so many is searched for well enough as it is
_CLAUSE = lex.STOPS | lex.CONJ | lex.SUBORDINATE  # a clause may begin there
_BEFORE_NOUNS = (lex.DET | lex.PREP | lex.DO | lex.NUMBERS | {"which", "what", "whose", "'s"}) - {"to"}


def leans(question: str, said: str = "") -> bool:
    """Whether `question` can be understood, and searched for, only with `said`: what was said just before."""
    return _Question(question, set(re.findall(r"\w+", said.lower()))).leans()


class _Question:
    """The words of a question: `low` in lower case, contractions split, with punctuation; `names` are positions."""

    def __init__(self, text: str, said: Collection[str]) -> None:
        plain = re.sub(r"(?<=\w)n't\b", " not", text.replace("’", "'").strip(), flags=re.I)
        words = _TOKEN.findall(plain)
        while words and words[0].lower() in lex.STOPS:
            del words[0]
        self.asks = plain.endswith("?")
        self.low = [word.lower() for word in words]
        self.said = said
        capitals = {at for at, word in enumerate(words) if word[0].isupper() and word != "I"}
        self.plain = not capitals - {0}
        loud = any(at and not self._content(at) for at in capitals)  # As In A Title, OR ALL OF IT
        self.names = set() if loud else {at for at in capitals if at and self.low[at] not in lex.CALENDAR}

    def leans(self) -> bool:
        if not any(word not in lex.STOPS for word in self.low):
            return True
        return (
            self._about()
            or any(self._points_back(at) for at in range(len(self.low)))
            or self._elliptic()
            or self._bare_reference()
        )

    def at(self, place: int) -> str:
        """The word at `place`; "" for punctuation and beyond the ends."""
        inside = 0 <= place < len(self.low) and self.low[place] not in lex.STOPS
        return self.low[place] if inside else ""

    def _content(self, at: int) -> bool:
        return bool(self.at(at)) and self.at(at) not in lex.FUNCTION

    def _naming(self) -> list[int]:
        """Where the words are that say what it is about."""
        found = (at for at in range(len(self.low)) if self._content(at) and self.low[at] not in lex.VAGUE)
        return [at for at in found if not self.low[at].isdigit()]

    # -- pronouns and other words that point back --

    def _points_back(self, at: int) -> bool:
        word = self.low[at]
        if word in lex.PRONOUNS:
            return self._anaphoric(at)
        rules: dict[str, Callable[[int], bool]] = {
            "that": self._that,
            "this": lambda at: self.at(at + 1) not in lex.TIME | lex.CALENDAR,
            "these": lambda at: self.at(at + 1) not in lex.TIME,
            "those": self._those,
            "there": self._there,
            "then": lambda at: not self.at(at + 1) and self.at(at - 1) not in ("", "the"),
            "one": self._one,
            "ones": self._one,
            "else": lambda at: self.at(at - 1) in lex.WH | lex.PRON and not self.names,
            "instead": lambda at: not self.at(at + 1) and not self.names,
            "both": lambda at: self.at(at + 1) not in ("the", "of") and "and" not in self.low,
            "each": lambda at: not self.at(at + 1),
            "too": lambda at: not self.at(at + 1) and not self.names,
            "also": lambda at: not self.names,
        }
        if word in rules:
            return rules[word](at)
        return word in lex.CHOICES and self.at(at - 1) == "the" and (not self.at(at + 1) or self.at(at + 1) in lex.AUX)

    def _anaphoric(self, at: int) -> bool:
        word, before, after = self.low[at], self.at(at - 1), self.at(at + 1)
        if word == "it" and self._expletive(at):
            return False
        person = word in lex.PERSONAL
        possessive = word in ("his", "its", "their") or (word == "her" and self._content(at + 1))
        if possessive and after:
            return not self._antecedent(at, person)
        if before in lex.AUX:  # the subject of its clause: "did she"
            return not self._antecedent(self._boundary(at, lex.STOPS | lex.CONJ | lex.WH), person)
        opens = before in lex.SUBORDINATE | lex.CONJ and bool(after) and after not in lex.PREP | lex.CONJ
        if word in ("he", "she", "they") or (word == "it" and (opens or after in lex.AUX)):
            return not self._antecedent(at, person)
        owner = any(self.at(name + 1) == "'s" for name in self.names if name < at)
        return not owner and not self._antecedent(self._boundary(at - 1, _CLAUSE), person)

    def _boundary(self, at: int, words: Collection[str]) -> int:
        """Where the clause around `at` begins."""
        return next((place for place in range(at - 1, 0, -1) if self.low[place] in words), 0)

    def _antecedent(self, end: int, person: bool) -> bool:
        """Whether something that a pronoun can stand for is named before `end`."""
        if any(name < end for name in self.names):
            return True
        nouns = (self._run(at) for at in range(end) if self._content(at) and self._opens_noun(at))
        return any(not person or self.plain or any(map(_may_be_person, run)) for run in nouns)

    def _opens_noun(self, at: int) -> bool:
        """Whether a noun phrase is likely to go on or begin with the content word at `at`."""
        before = self.at(at - 1)
        if before in lex.BE:
            return not _is_participle(self.low[at])
        return before in _BEFORE_NOUNS or (at == 0 and self.low[at] not in lex.VAGUE)

    def _run(self, at: int) -> list[str]:
        """The content words from `at` up to the next function word."""
        end = at
        while self._content(end):
            end += 1
        return self.low[at:end]

    def _expletive(self, at: int) -> bool:
        rest = " ".join(self.low[at:])
        before = self.at(at - 1)
        clause = _EXPLETIVE_CLAUSE.match(rest)
        if clause and (clause["adjective"] in lex.EXPLETIVE or (not clause["adjective"] and before in lex.AUX)):
            return True
        effort = _EFFORT.match(rest)
        if effort and any(word not in lex.FUNCTION for word in effort["what"].split()):
            return True
        if self.low[:2] == ["how", "far"]:
            return self.at(at + 1) in ("to", "from")
        asked = self.low[0] in ("what", "which") and self.at(1) in lex.TIME  # "What time is it?"
        return asked or rest.startswith(("it comes to", "it turns out", "it raining", "it snowing"))

    def _that(self, at: int) -> bool:
        before, after = self.at(at - 1), self.at(at + 1)
        if after in ("he", "she", "they", "it", "we", "you", "i"):
            return False
        if not after or not before or before in lex.AUX | lex.PREP or after in lex.TIME:
            return True
        if before in lex.WH or not self._content(at - 1) or not self._content(at + 1) or at + 1 in self.names:
            return False
        last = not self.at(at + 2) or self.at(at + 2) in lex.PREP  # "Who built that bridge?", not "said that he"
        return last and not self._antecedent(at, person=False)

    def _those(self, at: int) -> bool:
        after = self.at(at + 1)
        restricted = after in lex.WH | {"that", "of", "in", "with", "without", "from", "at", "on", "under", "over"}
        return not restricted and not after.endswith(("ed", "ing"))

    def _there(self, at: int) -> bool:
        before, after = self.at(at - 1), self.at(at + 1)
        if before == "not":
            before = self.at(at - 2)
        if before in lex.BE or after in lex.BE or (before in lex.AUX and after in ("be", "been")):
            return False
        return not self._antecedent(self._boundary(at, _CLAUSE), person=False)

    def _one(self, at: int) -> bool:
        before, after = self.at(at - 1), self.at(at + 1)
        if after in ("of", "to", "who", "that"):
            return False
        chosen = before in {"which", "this", "that", "these", "those", "another", "other"}
        described = self.at(at - 2) in lex.DET and before != "number"
        return chosen or (
            described and (not after or after in lex.AUX | lex.PREP | lex.ADVERB or self.low[at] == "ones")
        )

    # -- ellipsis --

    def _about(self) -> bool:
        start = 1 if self.at(0) in lex.CONJ else 0
        return self.low[start : start + 2] in (["what", "about"], ["how", "about"]) and len(self.low) <= _ABOUT

    def _elliptic(self) -> bool:
        if not lex.NOW.isdisjoint(self.low):
            return False
        words = [word for word in self.low if word not in lex.STOPS]
        named = self._naming()
        joined = words[0] in lex.CONJ
        if not set(words) & (lex.WH | lex.AUX):  # a fragment
            opened = words[0] in lex.PREP | lex.DET
            return joined or not named or (opened and len(words) <= _SHORT + 1) or (self.asks and len(words) <= _SHORT)
        if named and all(self.low[at] in lex.DOUBTS for at in named):
            return True
        if words[0] in ("and", "but") and self._names_one(named):
            return True
        chat = not lex.SPEAKERS.isdisjoint(words) and not lex.BE.isdisjoint(words)  # "Who are you?"
        if self.names or chat:
            return False
        if joined and len(named) < _RICH:
            return True
        if words[0] in lex.PREP and words[1:2] and words[1] in lex.WH and len(words) <= _SHORT + 1:
            return True  # "In which city?"
        return not named or (len(named) == 1 and (self._lacks_noun(named[0]) or self._lacks_all_else(named[0])))

    def _names_one(self, named: Sequence[int]) -> bool:
        """Whether the words that name something are one at most, or one name: "And what did Ada Quill say?"."""
        return len([at for at in named if not {at, at - 1} <= self.names]) <= 1

    def _lacks_all_else(self, at: int) -> bool:
        """Whether the only word that names something is told of in no way: "Were there any injuries?"."""
        return (not self.at(at + 1) and "there" in self.low[:at]) or "did" in self.low[:at]

    def _lacks_noun(self, at: int) -> bool:
        """Whether the only word that names something is a predicate: "Who won?", "How many were hurt?"."""
        before = [word for word in self.low[:at] if word not in lex.STOPS]
        after = [word for word in self.low[at + 1 :] if word not in lex.STOPS]
        if not before or before[0] not in lex.WH | lex.AUX | lex.CONJ or not lex.WH.isdisjoint(after):
            return False
        last = before[-1]
        if last in lex.BE | lex.HAVE:
            return _is_participle(self.low[at])
        subject = last in lex.PRON or last in ("who", "what", "which", "many", "much", "people", "persons", "others")
        return subject and lex.AUX.isdisjoint(after)  # but "How many moons are there?"

    # -- "the company" --

    def _bare_reference(self) -> bool:
        """Whether it speaks of "the …" with one word, of a thing that must have been named before."""
        named = self._naming()
        if self.names or len(named) >= _RICH:
            return False
        return any(self._bare(at) for at, word in enumerate(self.low) if word == "the")

    def _bare(self, the: int) -> bool:
        at = the + 1
        while self.at(at) in lex.NUMBERS | lex.CHOICES:
            at += 1
        run = self._run(at)
        after = self.at(at + len(run))
        be = self.at(the - 1) in lex.BE
        verb_last = self.at(the - 1) in lex.DO or (
            (be or self.at(the - 1) in lex.HAVE) and len(run) > 1 and _is_participle(run[-1])
        )
        verb_last = verb_last or (be and the == 1 and not after)  # "Is the deal final?"
        nouns = run[:-1] if verb_last and len(run) > 1 else run
        modified = nouns == run and after in lex.PREP | lex.WH | {"that", "'s"}
        if len(nouns) != 1 or modified:
            return False
        told = not lex.TOLD.isdisjoint(self.low)  # of what happened: not "How does the heart work?"
        # "When is the funeral?", "What are the terms?"; not "What is the internet?"
        whole = the == 2 and not after and ((self.at(0) == "when" and be) or self.low[:2] == ["what", "are"])
        alone = (told or whole) and at in self._naming() and len(self._naming()) <= _BARE
        return alone or _singular(nouns[0]) in lex.CLASSES or nouns[0] in self.said


def _is_participle(word: str) -> bool:
    return word in lex.PREDICATES or word.endswith(("ed", "en"))


def _singular(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


def _may_be_person(word: str) -> bool:
    return word in lex.PERSONS or (word.endswith(lex.PERSON_ENDINGS) and word not in lex.NOT_PERSONS)
