"""Scripted evaluation: questions with known answers go in by the same door as the page's; rows and a report come out.

cases reads questions, run asks them and writes a row each, metrics holds the formulas, report puts them together,
compare sets two runs side by side. What is named here is the Python face of it (docs/python.md): importing it loads no
model, no store and no plots.

The functions `run`, `report` and `compare` have the names of the modules that they are in, and hide them here: import
other things of these modules by name, as in `from bot.evaluate.run import Row`.
"""

from bot.evaluate.cases import Choice, Earlier, Evidence, Question, check_evidence, choose, load_questions
from bot.evaluate.compare import Asked, Comparison, Run, compare, load_asked, load_run
from bot.evaluate.curve import refusal_curve, risk_coverage
from bot.evaluate.gates import Gate, Verdict
from bot.evaluate.gates import judge as judge_gate
from bot.evaluate.gates import parse as parse_gate
from bot.evaluate.intervals import interval
from bot.evaluate.metrics import (
    accuracy,
    alce_precision,
    alce_recall,
    citation_hit,
    citation_precision,
    citation_recall,
    every_sentence_cited,
    evidence_in_context,
    f1,
    hit_at,
    ndcg_at,
    normalise,
    option_accuracy,
    recall_at,
    reciprocal_rank,
    rouge_l,
    unsupported_rate,
)
from bot.evaluate.report import MEASURES, report, run_meta, score, table, write_report
from bot.evaluate.run import Row, make_row, read_meta, read_rows, run

__all__ = [
    "MEASURES",
    "Asked",
    "Choice",
    "Comparison",
    "Earlier",
    "Evidence",
    "Gate",
    "Question",
    "Row",
    "Run",
    "Verdict",
    "accuracy",
    "alce_precision",
    "alce_recall",
    "check_evidence",
    "choose",
    "citation_hit",
    "citation_precision",
    "citation_recall",
    "compare",
    "every_sentence_cited",
    "evidence_in_context",
    "f1",
    "hit_at",
    "interval",
    "judge_gate",
    "load_asked",
    "load_questions",
    "load_run",
    "make_row",
    "ndcg_at",
    "normalise",
    "option_accuracy",
    "parse_gate",
    "read_meta",
    "read_rows",
    "recall_at",
    "reciprocal_rank",
    "refusal_curve",
    "report",
    "risk_coverage",
    "rouge_l",
    "run",
    "run_meta",
    "score",
    "table",
    "unsupported_rate",
    "write_report",
]
