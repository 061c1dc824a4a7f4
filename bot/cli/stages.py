"""What `bot eval` asks at each stage: all of the bot, its search alone, or its model alone, shown the gold evidence."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from bot.cli.compose import open_chat, open_llm, open_retriever
from bot.config import Settings
from bot.errors import ConfigError, DatasetError
from bot.schema import Answer, AnswerEvent, Filters, Turn

if TYPE_CHECKING:
    from bot.chat import Chat
    from bot.embed import LlamaEmbedder
    from bot.evaluate.cases import Question
    from bot.evaluate.run import Ask, Begin, Stage
    from bot.llm import LLM
    from bot.store import Store

STAGES = ("full", "retrieve", "answer")


class Door(NamedTuple):
    """What evaluate.run is given; without `llm`, no language model was opened."""

    ask: "Ask"
    begin: "Begin | None"
    llm: "LLM | None"


def open_door(
    stage: "Stage",
    settings: Settings,
    embedder: "LlamaEmbedder",
    store: "Store",
    *,
    cold: bool = False,
    llm: "LLM | None" = None,
) -> Door:
    """Each question is asked as if it were the first; the seed is another in each repetition.

    With `llm`, one that is open already is asked.
    """
    from bot.retrieve import Given

    if stage == "retrieve":
        return Door(_search(settings, embedder, store), None, None)
    llm = llm or open_llm(settings)
    given = Given(store, embedder, store.folder / "bm25", settings.retrieve)
    chat = open_chat(settings, embedder, store, llm, given)

    def ask(question: str, history: Sequence[Turn], filters: Filters) -> Answer:
        return answer_of(chat, question, history, filters, cold)

    def begin(question: "Question", repetition: int) -> "Ask":
        llm.seed = settings.llm.seed + repetition
        chat.forget()
        if stage == "full":
            return ask

        def shown_gold(words: str, history: Sequence[Turn], filters: Filters) -> Answer:
            given.spans = question.evidence
            chat.forget()  # a follow-up may not go on from what was found for the turn before
            try:
                return ask(words, history, filters)
            finally:
                given.spans = ()

        return shown_gold

    return Door(ask, begin, llm)


def _search(settings: Settings, embedder: "LlamaEmbedder", store: "Store") -> "Ask":
    """Searches as a conversation does; of an earlier turn without an answer only the question counts."""
    from bot.answer import Finder
    from bot.followup import resolve

    finder = Finder(open_retriever(settings, embedder, store), settings.retrieve)

    def ask(question: str, history: Sequence[Turn], filters: Filters) -> Answer:
        search, thread = resolve(question, history)
        return finder.without_words(question, search, filters, thread)

    return ask


def answer_of(chat: "Chat", question: str, history: Sequence[Turn], filters: Filters, cold: bool) -> Answer:
    """With the probability that it can be answered, which `answer.check` may leave open: its measures are of all."""
    if chat.keeps and not cold:
        chat.read_for(question, history, filters)
    *_, last = chat.ask(question, history, filters, weigh=True)
    return cast(AnswerEvent, last).answer


def check(scope: str, stage: str, repeat: int) -> None:
    """Raise DatasetError for options that there are not, ConfigError for those that do not go together."""
    if scope not in ("open", "article"):
        raise DatasetError(f"--scope {scope} is unknown. Choose open or article.")
    if stage not in STAGES:
        raise DatasetError(f"--stage {stage} is unknown. Choose full, retrieve or answer.")
    if stage == "retrieve" and repeat > 1:
        raise ConfigError("--repeat asks the model again, and --stage retrieve asks none. Leave one of them out.")


def askable(cases: "Sequence[Question]", stage: str) -> "list[Question]":
    """Those that can be asked at a stage. Raises DatasetError where none can."""
    found = [question for question in cases if question.evidence or stage != "answer"]
    if not found:
        raise DatasetError("No question has evidence to show the model. Mark some, or choose another --stage.")
    return found


def notes(settings: Settings, cases: "Sequence[Question]", stage: str, repeat: int) -> list[str]:
    """What to tell before the questions are asked: what is left out, or may not be what was meant; a line each."""
    from bot.evaluate.cases import unfinished

    told = []
    if skipped := len(cases) - len(askable(cases, stage)):
        told.append(f"{skipped} of {len(cases)} questions have no evidence to show the model, and are skipped.")
    if drafts := unfinished(cases):
        told.append(
            f"{len(drafts)} of {len(cases)} questions are drafts that nobody finished, such as {drafts[0].id!r}; "
            'they count as they stand. Complete them and delete their "draft" (docs/feedback.md), or delete the lines.'
        )
    if repeat > 1 and settings.llm.temperature == 0:
        may = ", though a server may vary" if settings.llm.server else ""
        told.append(
            "llm.temperature is 0: the model says what is likeliest each time, so answers will not differ from one "
            f"repetition to the next{may}. Raise it to see them differ: bot --set llm.temperature=0.7 eval …"
        )
    return told
