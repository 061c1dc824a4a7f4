"""A small library of questions and the answers that a bot could give to them; all places are worked by hand.

`coast` reads (characters 0–60): two sentences, 0–30 and 31–60. Each question's evidence is the first of them.
"""

from bot.evaluate.cases import Question
from bot.schema import Answer, Citation, Passage, Sentence, Span, Timings, Tokens

TEXT = "Mara keeps the old lighthouse. Ivo paints boats in the harbour"


def question(name: str, answerable: bool = True, **given: object) -> Question:
    evidence = [{"article": "coast", "start": 0, "end": 30, "text": TEXT[:30]}]
    full = {"answers": ["Mara"], "distractors": ["Ivo"], "gold": ["coast"], "evidence": evidence} if answerable else {}
    fields = {"id": name, "question": f"Who is {name}?", "answerable": answerable, **full, **given}
    return Question.model_validate(fields)


def passage(article: str, start: int, end: int) -> Passage:
    return Passage(article=article, start=start, end=end, title=article.title(), text=TEXT[start:end], score=0.5)


def citation(start: int, end: int, marker: int = 1, sentence: int = 0) -> Citation:
    quote = TEXT[start:end]
    return Citation(
        article="coast", start=start, end=end, quote=quote, marker=marker, sentence=sentence, title="Coast", score=0.9
    )


def make_answer(asked: str, text: str, sentences: int = 1, *cited: Citation, **given: object) -> Answer:
    fields = {
        "question": asked,
        "text": text,
        "sentences": tuple(Sentence(text=text) for _ in range(sentences)),
        "citations": cited,
        "evidence": (Span(article="coast", start=0, end=30),),
        "retrieved": (passage("inland", 0, 20), passage("coast", 0, 62)),
        "timings": Timings(retrieve_s=0.25, first_token_s=1.5, total_s=2.5),
        "tokens": Tokens(prompt=100, reused=40, answer=12),
        **given,
    }
    return Answer.model_validate(fields)
