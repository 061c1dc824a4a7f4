"""Articles to draft from, and a writer over a fake model."""

from collections.abc import Iterable, Sequence

from fakes import FakeLLM, Reply
from samples import article

from bot import prompt
from bot.drafts.pick import Source
from bot.drafts.write import Writer
from bot.schema import Article

BRIDGE = article(
    "bridge",
    "The bridge of Halden reopened in 2019. The engineer Ruth Oster led the repairs, which cost 3.2 million crowns. "
    "It was closed for eleven months in all. Oster lives in Vell.",
    title="Halden bridge opens",
    date="2019-05-05",
)
FERRY = article(
    "ferry",
    "The ferry Aurelia struck the pier at Mellin. Of the people on board, 14 passengers were hurt, said Jon Reyes. "
    "Captain Reyes blamed a failed engine in 2021.",
    title="Ferry hits pier",
)
QUESTION = "How much did the repairs of the Halden bridge cost?"


def source(sentence: str, of: Article = BRIDGE) -> Source:
    start = of.text.index(sentence)
    return Source(of, start, start + len(sentence), of.text[: of.text.index(".") + 1])


COST = source("The engineer Ruth Oster led the repairs, which cost 3.2 million crowns.")


def writer(replies: Iterable[Reply], log_odds: float | None = None) -> Writer:
    return Writer(FakeLLM(replies, log_odds=log_odds), *prompts())


def prompts() -> Sequence[prompt.PromptFile]:
    return [prompt.read(prompt.find(task, None)) for task in ("draft", "draft-check", "check")]
