"""The bot's own check as a judge of citations: whether quotes alone would have been support enough. Knows no measure.

It is the check that lets the bot's sentences pass, seeing the cited quotes in place of everything the model was shown,
and without asking the model. So it tells whether citations carry their sentences, not whether the check is right.
"""

from collections.abc import Callable, Mapping, Sequence

from bot.cite import Attributor, Embed, evidence_sentences
from bot.evaluate.cases import Question
from bot.evaluate.metrics import Supports
from bot.evaluate.run import RowCitation
from bot.schema import ArticleInfo, Passage

Judge = Callable[[Question], Supports[RowCitation]]


def own_judge(embed: Embed, articles: Mapping[str, ArticleInfo], min_support: float) -> Judge:
    """A judge for answers to one question after another; a sentence needs `min_support` (0 to 1), as in an answer.

    `articles` tell the titles and dates, which the check reads along with a quote; one that is unknown has neither.
    """

    def judge(question: Question) -> Supports[RowCitation]:
        earlier = " ".join(f"{turn.question} {turn.answer or ''}" for turn in question.history)

        def supports(text: str, quotes: Sequence[RowCitation]) -> bool:
            evidence = evidence_sentences([_passage(quote, articles) for quote in quotes], _whole)
            support = Attributor(question.question, evidence, embed, earlier=earlier).support(text)
            return bool(support.sentences) and support.score >= min_support

        return supports

    return judge


def _whole(text: str) -> list[tuple[int, int]]:
    return [(0, len(text))]  # a quote is one sentence of the article


def _passage(quote: RowCitation, articles: Mapping[str, ArticleInfo]) -> Passage:
    info = articles.get(quote.article)
    return Passage(
        article=quote.article,
        start=quote.start,
        end=quote.end,
        text=quote.quote,
        title=info.title if info else "",
        date=info.date if info else None,
    )
