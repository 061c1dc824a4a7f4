"""Whether what was found answers a question, before a word of an answer is written; it refuses none itself."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.answer.asking import odds
from bot.answer.job import Job, told
from bot.answerable import ASSUMED, ASSUMED_ODDS, Calibration, signals
from bot.config import AnswerSettings
from bot.errors import LLMError, Stopped
from bot.evidence import Evidence
from bot.llm import LLM
from bot.prompt import Prompt, PromptFile, from_segments
from bot.schema import Answer, Passage, StageEvent
from bot.segments import Stretch


class Judge:
    """Asks `llm` with the prompt `check`, if there is one, and weighs what it says by the first fitting calibration."""

    def __init__(
        self,
        llm: LLM,
        check: PromptFile | None,
        calibrations: Sequence[Calibration],
        settings: AnswerSettings,
        cut: Callable[[str], Sequence[Stretch]],
    ) -> None:
        self._llm, self._check, self._calibrations, self._settings, self._cut = llm, check, calibrations, settings, cut

    def judge(
        self, job: Job, prompt: Prompt, shown: Sequence[Passage], found: Evidence | None, stop: threading.Event
    ) -> Iterator[StageEvent]:
        """Note in `job` how likely an answer is; by the search alone where the model tells no odds, or without `found`.

        `shown` is what was found for this question. Raises LLMError, and Stopped when `stop` is set.
        """
        yes = None
        if found and self._can_ask(found):
            least = self._probability(signals(job.retrieved, shown, ASSUMED_ODDS)) or 0.0
            if self._settings.check == "auto" and least >= self._settings.min_answerable > 0:
                job.judge({**signals(job.retrieved, shown, None), ASSUMED: ASSUMED_ODDS}, least)
                return
            yield StageEvent(stage="checking")
            yes = self._ask(job, prompt, found, stop)
            job.checked_s = None if yes is None else job.elapsed()
        known = signals(job.retrieved, shown, yes)
        job.judge(known, self._probability(known))

    def weighed(
        self,
        answer: Answer,
        job: Job,
        prompt: Prompt,
        shown: Sequence[Passage],
        found: Evidence,
        stop: threading.Event,
    ) -> Answer:
        """The answer; if it was written unchecked, it is checked now, and its trace tells what came of it.

        As it was written, its probability is `min_answerable` at least. A fault or a stop leaves it as it is.
        """
        if answer.trace is None or job.checked_s is not None or job.unanswerable:
            return answer
        with contextlib.suppress(LLMError, Stopped):
            if (yes := self._ask(job, prompt, found, stop)) is not None:
                known = signals(job.retrieved, shown, yes)
                probability = self._probability(known)
                sure = probability and max(probability, self._settings.min_answerable)
                return answer.model_copy(update={"trace": answer.trace.model_copy(update=told(known, sure))})
        return answer

    def _can_ask(self, found: Evidence) -> bool:
        return self._check is not None and found.closest is not None

    def _ask(self, job: Job, prompt: Prompt, found: Evidence, stop: threading.Event) -> float | None:
        """Log-odds that the closest words answer the question; None where the model cannot tell."""
        if not (self._check and found.closest):
            return None
        self._llm.prepare(prompt.messages, stop=stop)
        stretches = self._cut(found.texts[found.closest.article])
        apart = functools.partial(from_segments, passage=found.closest, stretches=stretches, prompt=prompt)
        return odds(self._llm, self._check, job.question, [found.closest], stop, apart)

    def read_beginning(self, nothing: Passage, alone: Prompt, stop: threading.Event) -> None:
        """Let the model read what the check begins with. Raises LLMError, and Stopped when `stop` is set."""
        if self._check:
            stretches = self._cut(nothing.text)
            apart = functools.partial(from_segments, passage=nothing, stretches=stretches, prompt=alone)
            odds(self._llm, self._check, nothing.text, [nothing], stop, apart)

    def _probability(self, known: Mapping[str, float]) -> float | None:
        """By the most telling calibration for which enough is known."""
        probabilities = (one.probability(known) for one in self._calibrations)
        return next((one for one in probabilities if one is not None), None)
