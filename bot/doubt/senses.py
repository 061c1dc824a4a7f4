"""Words that mean another thing beside certain others: "up 5%", "cleared of theft", "30 metres high". Pure; English."""

import re

_NUMBER = "(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|half)"
_SHARE = rf"(?:\d[\d.,]*|{_NUMBER}) ?(?:%|per ?cent\b|percentage|points?\b|pence\b|p\b|cents?\b)"
_ROUGHLY = r"(?:(?:by|about|around|some|nearly|almost|over|more than|just|only|a|an|\w+ly) ){0,3}"
_VERBS = ("is", "are", "was", "were", "be", "been", "being", "go", "goes", "going", "gone", "went")
_VERB = "|".join(rf"(?<=\b{form} )" for form in _VERBS)
_AFTER_VERB = rf"(?: {_ROUGHLY}(?:(?:to|from) )?[£$€]?(?:\d|{_NUMBER}\b)|(?: \w+ly)?(?: (?:by|from|again)\b|[,.;]|$))"
_UNIT = (
    r"(?:(?:kilo|centi|milli)?met(?:re|er)s?|[kcm]?m|feet|foot|ft|in|inch(?:es)?|miles?|yards?|stor(?:e?ys?|ies)|pages?"
    r"|seconds?|minutes?|hours?|days?|weeks?|months?|years?)"
)
_MEASURE = re.compile(rf"(\d|\b{_NUMBER})([ -]?{_UNIT})[ -](?:high|tall|long|wide|broad|deep|thick)\b")

# By the word that each stands for. "was up to him", "closed down two shops" and "cleared the snow" are none.
SENSES = {
    "upward": rf"up(?= {_ROUGHLY}{_SHARE})|(?:{_VERB})up(?={_AFTER_VERB})",
    "downward": rf"down(?= {_ROUGHLY}{_SHARE})|(?:{_VERB})down(?={_AFTER_VERB})",
    "support": r"back(?:s|ed|ing)(?! (?:away|down|off|out|up)\b)",
    "reject": r"(?:turn(?:s|ed|ing)?|vot(?:es?|ed|ing)) down|thr(?:ows?|ew|own|owing) out",
    "acquit": r"cleared(?= (?:[\w'-]+ ){0,4}of\b)",
}


def without_measures(text: str) -> str:
    """`text`, in lower case, without what a figure measures: what is 30 metres high may be low."""
    return _MEASURE.sub(r"\1\2", text)
