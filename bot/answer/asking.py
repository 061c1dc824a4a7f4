"""What the model says when it is asked Yes or No about a text: whether it answers a question, or states a claim."""

import logging
import sys
import threading
from collections.abc import Callable, Sequence

from bot.answerable import NO, YES
from bot.cite import EvidenceSentence, Says, joined
from bot.errors import LLMError, Stopped
from bot.llm import LLM
from bot.prompt import PromptFile, build
from bot.schema import Message, Passage

log = logging.getLogger(__name__)


def odds(
    llm: LLM,
    prompt: PromptFile,
    asked: str,
    passages: Sequence[Passage],
    stop: threading.Event,
    taken_apart: Callable[[Message], Message] = lambda message: message,
) -> float | None:
    """Log-odds of Yes to `asked` (a question or a claim, as the prompt has it); None where the model cannot tell.

    `taken_apart` gives the message that asks its parts, where the model may have read them before.
    """
    anything = sys.maxsize  # what is too long has no odds; the answer's own prompt may fit all the same
    *examples, last = build(prompt, asked, passages, [], count_tokens=llm.count_tokens, budget=anything).messages
    return llm.odds([*examples, taken_apart(last)], (YES, NO), stop=stop)


def claim_odds(llm: LLM, prompt: PromptFile, stop: threading.Event) -> Says:
    """Asks the model whether evidence sentences state all of a text."""

    def says(text: str, evidence: Sequence[EvidenceSentence]) -> float | None:
        try:
            return odds(llm, prompt, text, joined(evidence), stop)
        except Stopped:  # what was written stays as it is; whoever writes sees the stop, too
            return None
        except LLMError as error:  # the answer does without it
            log.warning("The model could not be asked about a sentence: %s", error)
            return None

    return says
