"""followup: which questions lean on earlier turns, what they are searched with, and what that finds in the seeds."""

from pathlib import Path

import pytest

from bot.config import ChunkSettings, RetrieveSettings
from bot.embed import LlamaEmbedder
from bot.evaluate.cases import Question, load_questions
from bot.evaluate.metrics import evidence_in_context
from bot.followup import CARRIED, resolve
from bot.followup.grammar import leans
from bot.ingest import Ingester
from bot.retrieve import Retriever
from bot.schema import Filters, Passage, Turn
from bot.store import Signature, Store

SEEDS = Path(__file__).resolve().parent.parent / "seeds"
CONVERSATIONS = load_questions(SEEDS / "conversations.jsonl")
SAID = "Who opened the quay? Mayor Ada Quill."

POINT_BACK = [
    "When was that?",
    "Where was she born?",
    "How old is he?",
    "Who are they?",
    "What did he say about it?",
    "Is it open on Sundays?",
    "What does it cost?",
    "How does it work?",
    "Why did they leave?",
    "What is its name?",
    "Who is her husband?",
    "When did his wife die?",
    "What happened to them?",
    "Who taught her?",
    "What did Vance tell him?",
    "When did the council approve it?",
    "What did she do after that?",
    "Who lives there?",
    "What happened then?",
    "Who was mayor then?",
    "Was that ferry ever sold?",
    "Who built that bridge?",
    "When did that teacher die?",
    "And who paid for that launch?",
    "Who won the cup that year?",
    "What does that mean?",
    "Which of them is older?",
    "How many of those were sold?",
    "Are these prices final?",
    "Why was this so expensive?",
    "Which one is to be sold?",
    "What about the second one?",
    "Are there any cheaper ones?",
    "What’s it called?",
    "Where’s he from?",
    "Didn't she resign?",
    "What else did the mayor open?",
    "Who will replace him?",
    "When did Trump meet her?",
    "What book did he write?",
    "Did she win?",
    "Was it insured?",
    "Who said that?",
    "Why is that?",
    "What was the latter?",
    "How much is the other?",
    "Were both built in the 1980s?",
    "How much does each cost?",
    "How long does it take?",
    "How long did it take to repair?",
    "Was it raining when it sank?",
    "And that bridge?",
    "Which one struck the pier?",
    "What was it like?",
]

ELLIPTIC = [
    "What did critics say?",
    "Were there any injuries?",
    "In which city?",
    "Who is in charge?",
    "Are there exceptions?",
    "Do bicycles also travel free?",
    "Are dogs allowed too?",
    "Not in winter?",
    "Anything else?",
    "Did anyone survive?",
    "how much was that in total",
    "who else",
    "Tell me more.",
    "Explain.",
    "How many died?",
    "What happened in 1987?",
    "Who won in 2024?",
    "?",
    "Why?",
    "Why not?",
    "How many?",
    "How long?",
    "Since when?",
    "By whom?",
    "And in 2024?",
    "In 2024?",
    "And for children?",
    "And the harbour?",
    "What about the harbour?",
    "How about Bram Oxley?",
    "And what about trains?",
    "Who won?",
    "How many were hurt?",
    "How many people died?",
    "And how many people died in the end?",
    "Was anyone hurt?",
    "Who was arrested?",
    "What happened next?",
    "What was the reason?",
    "When did it start?",
    "Which is older?",
    "Which costs more?",
    "Who is taller?",
    "On Monday?",
    "The children?",
    "Really?",
    "But why?",
    "So what happened?",
    "And what did Merkel say?",
    "And what did Angela Merkel say?",
    "But what does Merkel want?",
    "What happened afterwards?",
    "What did the mayor do afterwards?",
    "What did others do meanwhile?",
    "Were others killed?",
    "Are you sure?",
    "Are you certain of it?",
    "Is that certain?",
]

BARE = [
    "What's the second ship called?",
    "Is the first one still sailing?",
    "Who were the other candidates?",
    "How much money did the thieves take?",
    "Who was the referee?",
    "What will happen to the trees?",
    "What does the company make?",
    "When was the ship built?",
    "Who is the mayor?",
    "How old is the mayor?",
    "Who owns the company?",
    "What was the rocket called?",
    "Where does the team play?",
    "When will the two ships be sold?",
    "What did the company say that it warned of?",
    "Why did the company close its plant?",
    "Was the airport closed?",
    "Who paid for the quay?",
    "When is the funeral?",
    "When’s the funeral?",
    "What are the terms?",
    "Is the deal final?",
    "Is the ship insured?",
]

ALONE = [
    "How does the heart work?",
    "What did the blind shrimp of the caves eat?",
    "Where was the packet boat built in the 1980s?",
    "What does a ferry ticket cost?",
    "What does a single ticket cost?",
    "Where does the harbour ferry stop?",
    "Is Athena a theme of Lithia?",
    "Who is the president of France?",
    "How high is Mount Everest?",
    "Who invented the telephone?",
    "What is the boiling point of mercury?",
    "How do bees make honey?",
    "How do bees make their honey?",
    "Why did Marta Lind leave her post?",
    "Did Captain Rooke say that the ferry was full?",
    "Which mayor switched off a chatbot?",
    "Who was it that opened the quay in Kelsmouth?",
    "Is there a ferry to Osteray?",
    "Are there any trams in Marrowick?",
    "How many people were there on the Hedda?",
    "Is it true that Tern was launched in 2025?",
    "Is it legal to fish in Hallin?",
    "Why was it necessary to close the airport of Rome?",
    "How long does it take to get to Osteray?",
    "How much does it cost to park in Lindaby?",
    "When Marta Lind retired, what did she say?",
    "What did Trump say before he left Rome?",
    "Who is Marta Lind and where was she born?",
    "What happened to the ship that struck the pier at Brannhold?",
    "What is mercury?",
    "Who is Tolvik?",
    "Who was Maren Tolvik?",
    "How do vaccines work?",
    "What does NATO do?",
    "ferry ticket price",
    "Mount Everest height",
    "Which ship replaces the Hedda while she is being repaired?",
    "How many of those who died in Hallin were children?",
    "What did the mayor of Lindaby promise?",
    "What does the ferry to Osteray cost?",
    "Who won the Coastal Cup final?",
    "How old is Mayor Ilse Corran?",
    "How many homes did the flood in the Velm valley damage?",
    "What will happen in Marrowick this week?",
    "Who died yesterday?",
    "What is the news today?",
    "Which one of the dams above Hallin failed?",
    "Who was the first one to climb Everest?",
    "How many soldiers are killed in an average week, according to Trump’s post?",
    "What do whales eat when they are young?",
    "Why do people say that cats have nine lives?",
    "Which treasurer spent his money on a yacht?",
    "Who are you?",
    "WHO WON THE COASTAL CUP FINAL?",
    "Is there any sign that the crew of the Hedda made a mistake?",
    "On what date was the satellite Tern launched?",
    "Of what was the lighthouse trust’s former treasurer acquitted?",
    "What is the name of the rocket that launched Tern?",
    "Why did Severin Holt not play in the Coastal Cup final?",
    "To what height did the water at Hallin bridge rise, after the correction by hydrologists?",
    "What is it like to live on Osteray?",
    "How far is it to Osteray?",
    "What happened this Monday in Rome?",
    "How many moons are there?",
    "Who is Putin?",
    "Where did Ilse Corran go?",
    "What does the ferry ticket cost?",
    "Who Is Ilse Corran?",
    "Are you sure that the ferry stops at Lindaby?",
    "But who won the Coastal Cup in Brannhold?",
    "What happened in Rome afterwards?",
    "When is the Coastal Cup?",
    "When is the funeral of Marta Lind?",
    "What are the rules of chess?",
    "What are the Alps?",
    "What is the internet?",
    "Is the earth flat?",
    "Is the Hedda insured?",
    "Is the death penalty legal?",
    "What do others think of Osteray?",
    "hello",
    "Tell me about Osteray",
    "Is it raining in Rome?",
    "What does it mean to ring a bell at sea?",
    "What year was it that Tern was launched?",
    "What colours do ferries and trams both have?",
    "Why did Raske’s clerk ask him to leave?",
    "And who is the president of France?",
    "What time is it in Rome?",
    "Was the ship that sank near Brannhold insured?",
    "Who repaired the Hedda and when was she back in service?",
    "How did the police catch the thief who stole it from Kelsmouth museum?",
]


@pytest.mark.parametrize("question", [*POINT_BACK, *ELLIPTIC, *BARE])
def test_a_follow_up_leans(question: str) -> None:
    assert leans(question, SAID)


@pytest.mark.parametrize("question", ALONE)
def test_a_question_that_stands_alone_does_not_lean(question: str) -> None:
    assert not leans(question, SAID)


@pytest.mark.parametrize("question", ["Who paid for the quay?", "How old is the quay?"])
def test_a_word_that_was_said_before_may_be_meant(question: str) -> None:
    assert leans(question, SAID)
    assert not leans(question, "Who sells cheese? The dairy.")


@pytest.mark.parametrize(
    "question", ["", " ", "…", "¿", "it", "THAT", "'s", "n't", "the", "the two", "and", "one", "日本語"]
)
def test_any_text_is_judged(question: str) -> None:
    assert leans(question) in (True, False)


# -- what is searched for --


def turn(question: str, answer: str = "", refused: bool = False) -> Turn:
    return Turn(question=question, answer=answer, refused=refused)


CUP = turn("Who won the Coastal Cup?", "Brannhold Rovers won it.")
GOAL = turn("Who scored the winner?", "Juno Stroud-Amadi scored it.")
WHY = turn("Why?", "Because of the wind.")
HOW = turn("How?", "With a kite.")
TERN = turn("How heavy is the satellite Tern?", "It weighs 38 kilograms.")
REFUSED = turn("Where was Tern built?", "The articles do not answer this question.", refused=True)


@pytest.mark.parametrize(
    ("question", "history", "carried", "thread"),
    [
        ("How old is she?", [], "", []),
        ("How high is Mount Everest?", [CUP, GOAL], "", []),
        ("When was that?", [CUP], "won Coastal Cup Brannhold Rovers", [CUP]),
        ("How many Rovers were there in that Cup?", [CUP], "won Coastal Brannhold", [CUP]),
        # A thread goes back to the last question that stood alone, and no further.
        ("How old is he?", [TERN, CUP, WHY], "won Coastal Cup wind", [CUP, WHY]),
        ("What about Tern?", [CUP, TERN], "heavy satellite weighs 38 kilograms", [TERN]),
        # What lies between the first question and the last is left out.
        ("When was that?", [CUP, WHY, HOW], "won Coastal Cup kite", [CUP, WHY, HOW]),
        # A refusal names nothing, but its question does.
        ("When did it fly?", [REFUSED], "Tern built", [REFUSED]),
        # Nothing stands alone: the thread begins where the conversation does.
        ("And then?", [WHY], "wind", [WHY]),
    ],
)
def test_what_is_searched_for(question: str, history: list[Turn], carried: str, thread: list[Turn]) -> None:
    search = f"{carried} {question} {question}" if thread else question
    assert resolve(question, history) == (search, tuple(thread))


def test_few_old_words_go_along() -> None:
    long = turn("Who came?", " ".join(f"guest{number}" for number in range(500)))
    search = resolve("Why did they?", [long] * 50).search
    assert len(search.split()) == CARRIED + 2 * 3


# -- what that finds --


def history_of(question: Question) -> list[Turn]:
    return [turn(earlier.question, earlier.answer or "") for earlier in question.history]


@pytest.fixture(scope="module")
def retriever(embedder: LlamaEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    folder, tokens = tmp_path_factory.mktemp("seeds"), ChunkSettings().max_tokens
    signature = Signature(
        embedder=embedder.name, embedder_sha256=embedder.sha256, dimension=embedder.dimension, chunk_tokens=tokens
    )
    store = Store(folder / "store", signature)
    Ingester(store, embedder, tokens).ingest([SEEDS / "articles"])
    return Retriever(store, embedder, folder / "bm25", RetrieveSettings())


@pytest.mark.parametrize("question", CONVERSATIONS, ids=lambda question: question.id)
def test_a_change_of_topic_is_searched_as_it_is_and_nothing_else(question: Question) -> None:
    found = resolve(question.question, history_of(question))
    changes = (question.model_extra or {})["kind"] == "change"
    assert (found.search == question.question) == changes
    assert (not found.thread) == changes


@pytest.mark.parametrize(
    "question", [question for question in CONVERSATIONS if question.answerable], ids=lambda question: question.id
)
def test_the_evidence_of_a_conversation_is_found(question: Question, retriever: Retriever) -> None:
    search = resolve(question.question, history_of(question)).search
    assert any(passage.article in question.gold for passage in retriever.search(search, 3, Filters()))
    assert evidence_in_context(question.evidence, shown(retriever, search)) == 1.0


def shown(retriever: Retriever, search: str) -> list[Passage]:
    passages = retriever.search(search, 20, Filters())
    return retriever.evidence(search, passages, RetrieveSettings().characters, fill=True).passages


def test_the_rules_are_needed(retriever: Retriever) -> None:
    """Searched as they are, fewer find their evidence."""
    asked = [question for question in CONVERSATIONS if question.answerable]
    found = {
        "plain": [question.question for question in asked],
        "ruled": [resolve(question.question, history_of(question)).search for question in asked],
    }
    shares = {
        name: sum(
            evidence_in_context(question.evidence, shown(retriever, search))
            for question, search in zip(asked, searches, strict=True)
        )
        for name, searches in found.items()
    }
    assert shares["ruled"] == len(asked) > shares["plain"]
