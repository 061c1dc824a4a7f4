"""Whether what was found answers a question, before a word of an answer is written; it refuses none itself."""

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.answer.asking import odds
from bot.answer.job import Job
from bot.answerable import HURRIED_ODDS, Calibration, signals
from bot.config import AnswerSettings
from bot.evidence import Evidence
from bot.llm import LLM
from bot.prompt import Prompt, PromptFile, from_segments
from bot.schema import Passage, StageEvent
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
        if self._check and found and (closest := found.closest):
            least = self._probability(signals(job.retrieved, shown, HURRIED_ODDS)) or 0.0
            if self._settings.quick and least >= self._settings.min_answerable > 0:
                job.judge(signals(job.retrieved, shown, None), least)  # it is seldom less, whatever the model says
                return
            yield StageEvent(stage="checking")
            self._llm.prepare(prompt.messages, stop=stop)
            apart = functools.partial(
                from_segments, passage=closest, stretches=self._cut(found.texts[closest.article]), prompt=prompt
            )
            yes = odds(self._llm, self._check, job.question, [closest], stop, apart)
            job.checked_s = None if yes is None else job.elapsed()
        known = signals(job.retrieved, shown, yes)
        job.judge(known, self._probability(known))

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
