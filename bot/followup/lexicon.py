"""Classes of English words by which the rules guess at a question's syntax; data only.

The closed classes are whole as far as questions need them. The open ones (vague words, classes of things, persons) hold
what is common in questions about news; a word that is missing there costs at most one question searched as it is.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# -- closed classes --

BE = _words("is are was were be been being am 's 're")
DO = _words("do does did will would shall should can could may might must ca wo 'll 'd")  # a bare verb follows later
HAVE = _words("has have had having 've")
AUX = BE | DO | HAVE
TOLD = _words("did was were had will")
WH = _words("who whom whose what which when where why how")
CONJ = _words("and but or so then")
STOPS = _words(", ; : . ? !")
PREP = _words(
    """about above across after against among around as at before behind below between by despite during except for
    from in inside into like near of off on onto out over per since than through till to toward towards under until up
    upon via with within without"""
)
NUMBERS = _words("one two three four five six seven eight nine ten")
DET = _words("a an the any every each no some all another other its his her their our your my many much few several")
SPEAKERS = _words("you i we us me my your our")
PERSONAL = _words("he she him her his hers")
PRONOUNS = PERSONAL | _words("they it them its their theirs")
PRON = (
    PRONOUNS
    | SPEAKERS
    | _words(
        """himself herself itself themselves mine yours anyone anybody anything someone somebody something everyone
        everybody everything nobody nothing none"""
    )
)
DEMONSTRATIVE = _words("this that these those")
CHOICES = _words("former latter same other others rest first second third last next")  # after "the", alone
SUBORDINATE = _words(
    "because when while if after before although though until since where whether who which that as than"
)
ADVERB = _words(
    """not so just only very too also ever never still yet now then there here else again already even actually
    exactly really more most less least both either neither own same such instead well ago please away back together
    once always usually often afterwards afterward thereafter subsequently beforehand meanwhile elsewhere"""
)
FUNCTION = (
    AUX | WH | CONJ | STOPS | PREP | NUMBERS | DET | PRON | DEMONSTRATIVE | SUBORDINATE | ADVERB | _words("to let")
)

DOUBTS = _words("sure certain serious kidding joking")  # of what was just said: "Are you sure?"

# -- time --

# Seen from today: with such a word a question such as "Who died yesterday?" stands alone.
NOW = _words("today yesterday tomorrow tonight latest recently currently")
TIME = _words(
    """time times moment day days night morning afternoon evening week weekend month season summer winter spring autumn
    year years decade century date"""
)
CALENDAR = _words(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december"""
)

# -- open classes --

# Words that name no topic: measures, comparatives, verbs and nouns that fit anything.
VAGUE = (
    TIME
    | CALENDAR
    | _words(
        """old long far big high tall deep fast large small soon late early great wide heavy hot cold bad good true
        wrong right older newer bigger larger smaller taller longer shorter higher lower cheaper dearer faster slower
        better worse younger earlier later heavier deeper wider richer closer nearer stronger weaker oldest newest
        biggest largest smallest tallest longest shortest highest lowest cheapest dearest fastest slowest best worst
        youngest earliest latest heaviest deepest first second third next last previous later final finally total
        expensive important happen happens happened happening mean means meant say says said tell told done doing
        go goes went gone going come comes came get gets got make makes made take takes took taken give gives gave
        given call called name named names cost costs work works worked use used need needs needed start starts
        started begin begins began end ends ended continue continued change changed explain describe know known think
        thought want wanted see seen find try tried charge happening people person persons thing things reason reasons
        result results number amount way kind type sort part place case fact details detail cause causes caused
        consequence consequences difference example point story rest others"""
    )
)

# Without -ed or -en, and yet only a predicate: "Who was hurt?" lacks its topic.
PREDICATES = _words(
    """hurt hit shot found made built sold lost held kept sent paid born caught taught bought brought left told led
    responsible guilty involved present alive dead absent ready ill sick angry happy sad"""
)

# Kinds that named things belong to: "the ship", with nothing else said of it, is one that was named before.
CLASSES = _words(
    """company firm business bank club team squad band group party union organisation organization agency office school
    university college hospital museum church court jury council committee board parliament government ministry
    commission army police town city village country state region county island river lake mountain building house
    hotel restaurant shop station airport harbour port bridge road street ship boat vessel ferry plane aircraft train
    tram bus car vehicle satellite spacecraft rocket mayor president minister premier governor senator politician
    leader chairman chairwoman chair chief boss director manager owner founder spokesman spokeswoman spokesperson
    judge lawyer prosecutor defendant accused suspect victim witness man woman men women boy girl couple family child
    children teacher student scientist researcher expert author writer artist singer actor actress composer painter
    architect player coach goalkeeper captain winner loser champion candidate doctor patient driver pilot crew
    passenger treasurer king queen prince princess pope bishop animal species dog cat book novel film movie song album
    play painting show programme program newspaper paper magazine article report study survey experiment theory law
    bill rule plan project proposal deal agreement contract treaty decision vote election referendum campaign protest
    strike talks meeting summit conference festival match game final race tournament cup season trial case verdict
    sentence crime murder attack bombing explosion fire flood storm earthquake accident crash disaster outbreak disease
    virus illness war battle ceasefire truce invasion money price prize award fund tax fee fine ticket fare line route
    system device machine software app chatbot robot product mission operation inquiry increase decrease"""
)

# Who may be "he" or "she"; besides, words that end as in worker, visitor, pianist, fisherman, but for some.
PERSONS = _words(
    """man woman boy girl child person people president judge king queen chief captain pilot coach friend son wife
    husband pope prince princess priest pupil client guest cook saint aunt uncle victim patient student defendant
    accused suspect spy thief architect candidate nurse chair head boss star someone anyone everyone teenager baby
    mother father athlete"""
)
PERSON_ENDINGS = ("er", "or", "ist", "man", "woman", "ian", "eer", "ess")
NOT_PERSONS = _words(
    """tower letter number water river order paper summer winter error motor floor power weather computer shelter
    container chapter factor sector corner border newspaper tiger other centre center theater monitor reactor tractor
    mirror counter quarter dinner offer answer matter manner rather disaster process access success business progress"""
)

# With these and a clause, "it" stands for nothing: "Is it possible to …?"
EXPLETIVE = _words(
    """true possible impossible legal illegal lawful necessary important essential safe dangerous common normal usual
    likely unlikely easy hard difficult better best worth wrong right clear certain fair unfair forbidden allowed okay
    ok good bad harder easier cheaper hoped said known thought believed reported estimated expected assumed feared
    called like raining snowing"""
)
