"""A run as a JUnit file, which CI systems show: a test case for each question, a failure where it has a cause.

Its form is the one that Jenkins, GitLab and GitHub's actions read: testsuites, testsuite, testcase, failure, skipped.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Any

from bot.evaluate.causes import MEANING, Judged
from bot.evaluate.legal import legal

SUITE = "bot eval"
_TOLD = ("revision", "time", "scope", "platform")


def junit(meta: Mapping[str, Any], told: Sequence[Judged]) -> str:
    """The file's text, times in seconds; `meta` is run.json. Characters that XML forbids are left out."""
    counts = {
        "tests": str(len(told)),
        "failures": str(sum(one.failed for one in told)),
        "errors": "0",
        "skipped": str(sum(one.cause == "not_judged" for one in told)),
        "time": f"{sum(one.row.timings.total_s for one in told):.3f}",
    }
    root = ET.Element("testsuites", {"name": SUITE, **counts})
    suite = ET.SubElement(root, "testsuite", {"name": SUITE, **counts})
    properties = ET.SubElement(suite, "properties")
    for name in _TOLD:
        if name in meta:
            ET.SubElement(properties, "property", name=name, value=legal(str(meta[name])))
    for one in told:
        _add(suite, one)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add(suite: ET.Element, one: Judged) -> None:
    name = legal(f"{one.question.id}: {one.question.question}")
    seconds = f"{one.row.timings.total_s:.3f}"
    case = ET.SubElement(suite, "testcase", classname=SUITE, name=name, time=seconds)
    if one.failed:
        message = f"{one.cause}: {MEANING[one.cause]}"
        ET.SubElement(case, "failure", message=message, type=one.cause).text = legal(_both(one))
    elif one.cause == "not_judged":
        ET.SubElement(case, "skipped", message=MEANING["not_judged"])


def _both(one: Judged) -> str:
    golds = " / ".join(one.question.answers) or ("none given" if one.question.answerable else "none: not answerable")
    return f"question: {one.question.question}\ngold answers: {golds}\nanswer: {one.row.answer}"
