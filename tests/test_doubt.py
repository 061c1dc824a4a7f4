"""What speaks against a sentence: figures and names that the text lacks, and opposites of what it says."""

import pytest

from bot.doubt import opposed, strange

FERRY = (
    "The Möwe, built in 1962, carries 40 people and cost 3 million crowns. Captain Ines Faro of Ukraine took over on "
    "12 May. The UN, the British Broadcasting Corporation and the US came to see it at 10 a.m. on Wednesday. Its first "
    "trip took twenty-five minutes; 12,480 passengers came, 2-1 more than on the old line."
)


@pytest.mark.parametrize(
    "sentence",
    [
        "The Möwe carries 40 people.",
        "The Mowe carries forty people.",
        "The Möwe cost 3,000,000 crowns.",
        "Ines Faro, a Ukrainian captain, took over on May 12.",
        "It took 25 minutes, and about 12,500 passengers came.",
        "Faro’s first trip took 25 minutes.",
        "Ferries such as this one sell tickets: Children pay nothing.",
        'She said: "Nobody" was late. Then (Even then) it left.',
        "One of them was late.",
        "It sails at 10 AM, as the BBC said on 12 May.",
        "Mr Faro and I sail on Wed, the captain of the U.S. said.",
        "The United Nations came, as did the United States.",
        "",
    ],
)
def test_what_the_evidence_has_in_another_form_is_known(sentence: str) -> None:
    assert strange(sentence, FERRY) == ()


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("The Möwe was built in 1963.", ("1963",)),
        ("The Möwe carries 41 people.", ("41",)),
        ("The Möwe carries sixty people.", ("sixty",)),
        ("It cost 3 billion crowns.", ("3 billion",)),
        ("It cost $4bn.", ("$4bn",)),
        ("About 14,000 passengers came.", ("14,000",)),
        ("It is 3-1 more than before.", ()),
        ("It is 5-4 more than before.", ("5", "4")),
        ("Captain Ines Faro of Poland took over in June.", ("Poland", "June")),
        ("Captain Faro met Faro and Oster, and Oster left.", ("Oster",)),
        ("The EU came at 10 PM.", ("EU", "PM")),
        ("The European Union came on Tuesday.", ("European", "Union", "Tuesday")),
        ("The 1963 trip with Oster took 99 minutes.", ("1963", "99", "Oster")),
    ],
)
def test_what_it_lacks_is_named(sentence: str, found: tuple[str, ...]) -> None:
    assert strange(sentence, FERRY) == found


def test_where_nouns_have_capitals_only_figures_are_looked_at() -> None:
    text = "Die Fähre wurde im Jahr 1962 gebaut. Der Kapitän heißt Faro, und das Schiff trägt 40 Leute."
    assert strange("Die alte Hafenfähre trägt seit 1962 bis zu 40 Fahrgäste.", text) == ()
    assert strange("Die alte Hafenfähre trägt seit 1963 bis zu 40 Fahrgäste.", text) == ("1963",)


@pytest.mark.parametrize(
    ("sentence", "text", "found"),
    [
        ("Fares will rise in May.", "Fares fall in May.", ("rise",)),
        ("Fares have risen.", "Fares fell.", ("risen",)),
        ("Fares fall in May.", "Fares will rise in May.", ("fall",)),
        ("Fares rose before the strike.", "Fares fell after the strike.", ("rose", "before")),
        ("The town was unaffected.", "The town was affected.", ("unaffected",)),
        ("An official vote chose it.", "An unofficial vote chose it.", ("official",)),
        ("The ferry does not run on Sunday.", "The ferry runs on Sunday.", ("not",)),
        ("The ferry doesn’t run on Sunday.", "The ferry runs on Sunday.", ("n't",)),
        ("He never left without it.", "He left with it.", ("never", "without")),
        ("It did NOT win, and no one won.", "It was played.", ("not", "no")),
        ("Costs are not known. Fares rose.", "Costs are not known. Fares dropped.", ("rose",)),
    ],
)
def test_opposites_and_negations(sentence: str, text: str, found: tuple[str, ...]) -> None:
    assert opposed(sentence, text) == found


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("Fares will rise in May.", "Fares rise in May."),
        ("Fares will grow in May.", "Fares will rise in May, though costs fall."),  # says the same in another word
        ("Prices rise and fall.", "Prices rise."),
        ("Prices rise and fall.", "Prices fall."),
        ("It was shown in May.", "It was on display in May."),
        ("They are under water.", "They derive from it."),
        ("The ferry does not run.", "The ferry never runs."),
        ("The ferry does not run.", "The ferry failed to run."),
        ("It shows stars never before seen.", "It shows new stars."),
        ("Fares never rose.", "Fares never fell."),
        ("It is not as fast as the train.", "It is less fast than the train."),
        ("It did not rise.", "It cannot fall."),
        ("It rose.", "It did not fall."),
        ("No, the ferry runs on Sunday.", "The ferry runs on Sunday."),
        ("", "The ferry runs."),
        ("The ferry runs.", ""),
    ],
)
def test_the_same_in_other_words_is_no_opposite(sentence: str, text: str) -> None:
    assert opposed(sentence, text) == ()
