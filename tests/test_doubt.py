"""What speaks against a sentence: figures and names that the text lacks, and opposites of what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.doubt import opposed, strange
from bot.doubt.opposite import _OPPOSITES

WORDS = """12:30 2025-05-12 COVID-19 13–3 2015/16 MH370 3 5 19 1,500 $3.5 million 4bn 5.4 m three hundred and 21st fifth
    one 1990s half a million 90s 2023-24 decades years May Monday U.S. a.m. EU Oster Oster's Dr. X 50% no not rise fall
    unofficial official up down CEO high before . , (""".split()  # noqa: SIM905

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
        ("It cost $4bn.", ("4bn",)),
        ("About 14,000 passengers came.", ("14,000",)),
        ("It is 5-4 more than before.", ("5", "4")),
        ("Captain Ines Faro of Poland took over in June.", ("Poland", "June")),
        ("Captain Faro met Faro and Oster, and Oster left.", ("Oster",)),
        ("The EU came at 11 PM.", ("11", "EU")),
        ("The European Union came on Tuesday.", ("European", "Union", "Tuesday")),
        ("The 1963 trip with Oster took 99 minutes.", ("1963", "99", "Oster")),
    ],
)
def test_what_it_lacks_is_named(sentence: str, found: tuple[str, ...]) -> None:
    assert strange(sentence, FERRY) == found


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("The jump was 5.4 m long.", "The jump was 5.4 metres long."),
        ("About 1,500 people came.", "There were 1,490 people."),
        ("Nearly 2,000 people came.", "There were 1,984 people."),
        ("More than 40,000 people came.", "There were 41,200 people."),
        ("One hundred and fifty boats left.", "There were 150 boats."),
        ("It stood at number seventy-seven.", "It stood at number seventy - seven."),
        ("There were 250 boats.", "Two hundred and fifty boats left."),
        ("It came 3rd in the 21st century.", "It came third in the twenty-first century."),
        ("It is 5km long and costs 5p.", "It is five kilometres long and costs five pence."),
        ("50% of them left, two thirds by boat.", "Half of them left, 2/3 by boat."),
        ("It took two and a half years.", "It took 30 months."),
        ("It was built in the 1990s.", "It was built in 1994."),
        ("It opens at 10:30 a.m. and closes at 3 p.m.", "It opens at 10.30am and closes at 15:00."),
        ("It happened on May 12, 2025.", "It happened on 12/05/2025."),
        ("It happened on 12 May 2025.", "It happened on 2025-05-12."),
        ("It happened on 2025-05-12.", "It happened on 12 May 2025."),
        ("1. The boat left.", "The boat left."),
        ("It cost $3 million.", "It cost three million dollars."),
        ("They met Iranian, Cuban, French, Polish guests.", "They met guests from Iran, Cuba, France, Poland."),
        ("The World Health Organization spoke.", "The WHO spoke."),
        ("The WHO spoke.", "The World Health Organization spoke."),
        ("The Central Bank of Kenya spoke.", "The CBK spoke."),
        ("He met Thai, Lebanese, Texan guests.", "He met guests from Thailand, Lebanon and Texas."),
        ("He met guests from Serbia, Croatia and Cyprus.", "He met a Serb, two Croats and a Cypriot."),
        ("The Emirati, the Irishman, the Mexicans left.", "They were from the United Arab Emirates, Ireland, Mexico."),
        ("He is from Ireland, she from England.", "An Irishman met an Englishwoman."),
        ("He met the Americans and the British.", "He met men from the United States and the United Kingdom."),
        ("He is from the United States, she from the United Kingdom.", "He is American, she is British."),
        (
            "Their CEO and an MP saw it on TV with the PM.",
            "The chief executive, a lawmaker, the prime minister saw it on television.",
        ),
        ("Chief Executive Brandt left.", "The CEO, Brandt, left."),
        (
            "The Labor Organization came to the Center of Defense.",
            "The Labour Organisation came to the Centre of Defence.",
        ),
        ("He left for the USA, as he did on Mondays.", "He left for the United States on a Monday."),
        ("The EU's plan is clear, i.e. it is short.", "The plan of the European Union is clear."),
        ("He met Professor Łęcki and Mr. Brandt in Lodz.", "He met Lecki and Brandt in Łódź."),
        ("The MPs sold PCs.", "One MP sold a PC, the pc's screen too, and another MP did so."),
        ("The MP and his PC left.", "The MPs and their PCs left."),
        ("They say I'm the one, and Yes, it is.", "They say that it is so."),
        ("He played there in 2023/2024, not only 2023/24.", "He played there in 2023-24."),
        ("It ran from 2019 to 2021.", "It ran in 2019–21."),
        ("It ran from 1999 to 2000.", "It ran in 1999-00."),
        ("It ran in 2019-21.", "It ran from 2019 to 2021."),
        ("Over 100 boats, 1 million crowns.", "More than a hundred boats, a million crowns."),
        ("A hundred boats, half a million crowns.", "There were 104 boats for 490,000 crowns."),
        (
            "500,000 crowns, then 1.5 million in 2.5 years.",
            "Half a million, then one and a half million in two and a half",
        ),
        ("Half a million, one and a half million, 250,000.", "500,000, then 1.5m and a quarter of a million."),
        ("A hundred and one boats came.", "There were 101 boats."),
        ("101 boats came, and 12 left.", "A hundred and one boats came, a dozen left."),
        ("There were two dozen, half a dozen.", "There were 24, then 6."),
        (
            "200 to 300 people aged 5 and 6 came.",
            "Between two hundred and three hundred people aged five and six came.",
        ),
        ("203,000 came.", "Two hundred and three thousand came."),
        ("He lived there in the 90s and since the '80s.", "He lived there in the 1990s and in 1984."),
        ("He lived there in the 1990s.", "He lived there in the nineties."),
        ("The man in his thirties left.", "He left at 36."),
        ("It took 18 months and 90 minutes.", "It took a year and a half, and one and a half hours."),
        ("It took an hour and a half.", "It took 90 minutes."),
        ("It took 2.5 hours.", "It took 2½ hours."),
        ("It took 20 years, ten of them alone.", "It took two decades, a decade of them alone."),
        ("Two brothers won 3-0 at 12.", "Both brothers won three-nil at noon."),
        ("About 15 came.", "There were 16."),
        ("It rose by 0.25 points.", "It rose by a quarter of a point."),
        (
            "Some 52% of them left, 33% by boat, 75% of those alone.",
            "Half left, one in three by boat; of those 3/4 alone.",
        ),
        ("A third of them left.", "One in three left."),
        ("A third of them and one fifth of the boats left.", "Some 33% of them left, 20 per cent of the boats."),
        ("The plant makes 5 MW at 20 °C.", "The plant makes five megawatts at 20 degrees."),
        ("It came at 7 PM and cost 30 EUR at 20 Celsius.", "It came at 7 in the evening, cost 30, at 20 degrees."),
        ("It began on 3 June 2024.", "It began on 03/06/2024."),
        ("It began on 3 June 2024.", "It began on 2024-06-03."),
        ("It began on 03.06.2024.", "It began on June 3, 2024."),
        ("It began on 2024-06-03.", "On the 3rd it began, as June 2024 was dry."),
        ("Some 400 people came.", "There were 405 people."),
        ("400 people came.", "There were 405 people."),
        ("About 98 people came, nearly 51 by boat.", "There were 97 people, 50 of them by boat."),
        ("It cost 3.5 million crowns, 12,500 of them in coins.", "It cost 3,482,000 crowns, 12,480 of them in coins."),
        ("It rose by 25%, to 45.4 metres.", "It rose by 24.6%, to 45.38 metres."),
        ("One hundred and fifty boats left.", "There were 147 boats."),
    ],
)
def test_the_same_written_otherwise_is_known(sentence: str, text: str) -> None:
    assert strange(sentence, f"{text} The people there and their friends were with him.") == ()


@pytest.mark.parametrize(
    ("sentence", "text", "found"),
    [
        ("The work was led by Dr. Brandt.", "The work was led by Dr. Oster.", ("Brandt",)),
        ("Both NGOs came.", "Both MPs came.", ("NGOs",)),
        ("They live in St. Gallen.", "They live in St. Moritz.", ("Gallen",)),
        ("They saw Austria and Nigeria.", "They saw Australia and Niger.", ("Austria", "Nigeria")),
        ("He left with Andy and an Asian friend.", "He left with Brandt as it was.", ("Andy", "Asian")),
        ("He left with Mary.", "He left with him in March.", ("Mary",)),
        ("They met Chinese guests.", "They met guests from Japan.", ("Chinese",)),
        ("They met American guests.", "The guests met us, and then he left under some duress.", ("American",)),
        ("They met a Croatian.", "They met a Serb.", ("Croatian",)),
        ("They met an Englishman and a Norman.", "They met an Irishman and a German.", ("Englishman", "Norman")),
        ("The World Trade Organization spoke.", "The WHO spoke.", ("Trade", "Organization")),
        ("The CFO left with her PC.", "The chief executive left with her television.", ("CFO", "PC")),
        ("The Health Ministry left.", "The WHO left.", ("Health", "Ministry")),
        ("The third boat came in the fifth year.", "The third boat came in the fourth year.", ("fifth",)),
        ("It was built in the 1980s.", "It was built in 1994.", ("1980s",)),
        ("It was built in the 80s.", "It was built in the 1990s.", ("80s",)),
        ("He played there in 2022/23.", "He played there in 2023-24.", ("2022",)),
        ("It ran to 2022.", "It ran in 2019-21.", ("2022",)),
        ("It is of 2006.", "It is of 2005-06-12.", ("2006",)),
        ("A hundred boats, half a million crowns.", "120 boats, 5 million.", ("A hundred", "half a million")),
        ("500 people came.", "Half a million people came.", ("500",)),
        ("There were 2.5 million.", "There were one and a half million.", ("2.5 million",)),
        ("It took three and a half years.", "It took two and a half years.", ("three and a half",)),
        ("It took 24 months.", "It took a year and a half.", ("24",)),
        ("110 boats came.", "A hundred and one boats came.", ("110",)),
        ("Some 503 people came.", "Between two hundred and three hundred people came.", ("503",)),
        ("Thirty years passed.", "Two decades passed.", ("Thirty",)),
        ("About 40% of them left.", "Two thirds of them left in the first quarter.", ("40",)),
        ("They won 2-0.", "They won 2-1 in the second half.", ("0",)),
        ("A third of them left.", "Some 53% of them left.", ("third",)),
        ("It is on 13 May.", "It is on 12 May.", ("13",)),
        ("They met 14 Danes.", "They met 14 Swedes.", ("Danes",)),
        ("In 2024 Brandt left with 3 MPs.", "In 2024 Oster left with 3 friends.", ("Brandt", "MPs")),
        ("It began on 3 April 2024.", "It began on 3 June 2024.", ("April",)),
        ("It began on April 3, 2024.", "It began on 3 June 2024.", ("April",)),
        ("It began on March 3, 2024.", "It began on 3 June 2024.", ("March",)),
        ("It began on 3 May 2024.", "It may have begun on 3 June 2024.", ("May",)),
        ("It began on 6 May 2024.", "It began on 2024-07-06.", ("May",)),
        ("It began on 5 May 2024.", "It began in May 2024.", ("5",)),
        ("It began on 5 June 2024.", "It may have begun in June 2024.", ("5",)),
        ("It began on 05/06/2024.", "It may have begun in June 2024.", ("05",)),
        ("It began on 03.04.2024.", "It began on June 3, 2024.", ("03.04",)),
        ("51 people came.", "There were 50 people.", ("51",)),
        ("98 people came.", "There were 97 people.", ("98",)),
        ("149 people came.", "There were 147 people.", ("149",)),
        ("412 people came, 1,508 boats.", "There were 405 people, 1,500 boats.", ("412", "1,508")),
        ("Fifty-one people came.", "There were 50 people.", ("Fifty-one",)),
        ("It cost 3.51 million crowns.", "It cost 3.5 million crowns.", ("3.51 million",)),
        ("It rose by 25.1%.", "It rose by 25%.", ("25.1",)),
    ],
)
def test_what_is_another_is_named(sentence: str, text: str, found: tuple[str, ...]) -> None:
    assert strange(sentence, f"{text} The people there and their friends were with him.") == found


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join))
def test_nothing_speaks_against_a_text_itself(text: str) -> None:
    assert strange(text, f"{text} . The man and the boy were with his friends.") == ()
    assert opposed(text, text) == ()


def test_days_of_the_articles_are_no_other_figures() -> None:
    text, days = "A ticket costs 4 crowns, and that is the fare.", "Sunday 18 May 2025"
    assert strange("On Sunday, 18 May, it cost 4 crowns.", text, days) == ()
    assert strange("A ticket costs 18 crowns.", text, days) == ("18",)


def test_where_nouns_have_capitals_only_figures_are_looked_at() -> None:
    text = (
        "Die Fähre wurde im Jahr 1962 gebaut, und was war, ist so: Der Kapitän heißt Faro, 40 Leute im Schiff in Kiel."
    )
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
        ("No ferry runs on Sunday.", "The ferry runs on Sunday.", ("no",)),
        ("It is not open.", "It is open, and a few rooms are new.", ("not",)),
        ("He accepted the prize.", "He refused the prize.", ("accepted",)),
        ("It ran despite the snow.", "It ran because of the snow.", ("despite",)),
        ("Fares rose 12%.", "Fares were down 12% on last year.", ("rose",)),
        ("Fares fell.", "Fares were up sharply, after a quiet year.", ("fell",)),
        ("Fares were up by five per cent.", "Fares fell by five per cent.", ("up",)),
        (
            "Fares fell 5%.",
            "Fares rose 5%, and what comes next is up to the town, which shut down 12 lines.",
            ("fell",),
        ),
        ("No one was hurt.", "Three men were hurt; the others escaped.", ("no",)),
        ("He did not attend the vote.", "He stayed for the vote.", ("not",)),
        ("He accepted the prize.", "He turned down the prize.", ("accepted",)),
        ("He turned down the prize.", "He accepted the prize.", ("turned down",)),
        ("Fares went down to $3.", "Fares rose to $3.", ("down",)),
        ("Fares rose to $3.", "Fares went down to $3.", ("rose",)),
        ("The race did not take place.", "The race took place off Malta.", ("not",)),
        ("He was found guilty.", "The judge cleared him and his wife of theft.", ("guilty",)),
        ("The tower is high.", "It is a low tower, 30 metres wide.", ("high",)),
        ("It has the highest tower.", "It has the lowest tower, on a high hill.", ("highest",)),
        ("Fares are 5% higher.", "Fares are 5% lower.", ("higher",)),
        ("The vote was held before he left.", "The vote was held after he left.", ("before",)),
        ("Before the vote, he left.", "After the vote, he left.", ("before",)),
        ("She opposes the plan.", "She backed the plan.", ("opposes",)),
        ("He always paid.", "He never paid.", ("always",)),
        ("Costs are not known. Fares rose.", "Costs are not known. Fares dropped.", ("rose",)),
        ("Fares fell.", "Fares unexpectedly rose.", ("fell",)),
        ("The town did not approve the plan.", "The town unanimously approved the plan.", ("not",)),
        ("The town banned the plan.", "The town unanimously approved the plan.", ("banned",)),
        ("The mayor did not show the plan.", "The mayor unveiled the plan.", ("not",)),
        ("The ferry does not run.", "The ferry runs, as the bank and the band undertook to pay.", ("not",)),
        ("The town rejected the plan.", "The town approved the plan.", ("rejected",)),
        ("The town approved the plan.", "The town turned down the plan.", ("approved",)),
        ("The town passed the plan.", "The town vetoed the plan.", ("passed",)),
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
        ("Fares fell by 5%.", "Fares were down 5% in May, while costs grew."),
        ("Oil rose 3%.", "Oil was up 3%, as shares fell."),
        ("Oil fell, to $20.", "Oil is down to $20, as shares rose."),
        ("Oil fell.", "The choice was up to him, and he went up to the tower."),
        ("Fares rose in May.", "Costs fell, fares went up."),
        ("The appeal did not succeed.", "The court threw out the appeal."),
        ("The race did not take place.", "The race was called off."),
        ("He rejected the prize.", "He turned down the prize, and others accepted it."),
        ("Oil rose.", "He stepped down two years later, and was down with a cold."),
        ("No one was hurt.", "All 38 people escaped safely."),
        ("None of the crew died.", "The crew were all rescued."),
        ("There were no survivors.", "All aboard died."),
        ("He was found not guilty.", "The judge cleared him and his wife of theft."),
        ("He was found not guilty.", "He was acquitted."),
        ("He did not attend the vote.", "He stayed away from the vote."),
        ("Smoking is not allowed.", "Smoking is outlawed."),
        ("She does not support the plan.", "She has opposed the plan."),
        ("The road is not open.", "The road is still closed."),
        ("People should not go outside.", "People were told to stay indoors."),
        ("She opposes the plan.", "She was against it when she came back."),
        ("The tower is 30 metres high.", "The tower is 30 metres tall, on a low hill."),
        (
            "It is 30m high, two feet wide and an 8-hour-long walk.",
            "It is on a low hill, a narrow one, and a short walk.",
        ),
        ("The highest tower is here.", "Low clouds hid the tallest tower."),
        ("He left before the vote.", "The vote was held after he left."),
        ("Before the vote was held, he left.", "The vote was held after he left."),
        ("He left after the vote.", "Before he left, he came to the vote."),
        ("The house was demolished.", "The house, built in 1931, was pulled down."),
        ("It was shown in May.", "It was on display in May."),
        ("They are under water.", "They derive from it."),
        ("He left because of illness.", "He left owing to illness, despite pleas to stay."),
        ("It ran despite the snow.", "It ran because of the race, despite the snow."),
        ("The ferry does not run.", "The ferry never runs."),
        ("The ferry does not run.", "The ferry failed to run."),
        ("It shows stars never before seen.", "It shows new stars."),
        ("Fares never rose.", "Fares never fell."),
        ("It is not as fast as the train.", "It is less fast than the train."),
        ("It did not rise.", "It cannot fall."),
        ("It rose.", "It did not fall."),
        ("No, the ferry runs on Sunday.", "The ferry runs on Sunday."),
        ("No! The ferry runs on Sunday.", "The ferry runs on Sunday."),
        ("No – the ferry runs on Sunday.", "The ferry runs on Sunday."),
        ("Not only the ferry runs.", "The ferry runs."),
        ("It opens no later than line No. 7.", "It opens with line 7."),
        ("It is not allowed.", "It is banned."),
        ("It was not paid.", "It was unpaid."),
        ("It runs on weekdays, not on Sunday.", "It runs every day except Sunday."),
        ("He did not walk again.", "He was unable to walk again."),
        ("Fares did not rise.", "Fares were unchanged."),
        ("No one was hurt.", "The crew was unhurt, as was the band."),
        ("It is not safe, nor likely to be.", "It is unsafe, unlikely to be mended."),
        ("They did not know of it.", "They were unaware of it."),
        ("The town approved the plan.", "The town passed the plan and rejected the tower."),
        ("The town voted down the plan.", "The town blocked the plan and approved the tower."),
        ("They uncovered a plot.", "They found out what the cover of the plot was."),
        ("She was born in Rome.", "She died in Rome."),
        ("The shop opened in 1990.", "The shop closed in 2001."),
        ("She bought the house.", "It was sold to her."),
        ("At least 12 came.", "Most of them came."),
        ("The bill was dispatched.", "The patch was a bill."),
        ("", "The ferry runs."),
        ("The ferry runs.", ""),
    ],
)
def test_the_same_in_other_words_is_no_opposite(sentence: str, text: str) -> None:
    assert opposed(sentence, text) == ()


@pytest.mark.parametrize("pair", _OPPOSITES, ids=lambda pair: pair[0][0])
def test_every_opposite_can_be_found(pair: tuple[list[str], list[str]]) -> None:
    for one, other in (pair, pair[::-1]):
        for word in one:
            assert any(word in opposed(f"It is {word}.", f"It is {turned}.") for turned in other), word
