"""What was measured, as a page with a plot and the machine's description."""

import datetime as dt
import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from html import escape
from pathlib import Path

from measures.limits import Limits
from measures.measure import Measure

from bot.config import PROJECT

ROW, LABEL, WIDTH, BAR = 26, 330, 760, 14  # pixels
MOST = 1.6  # ratio at the plot's right edge


def document(path: Path, found: Sequence[Measure], limits: Limits, words: Sequence[str], load: float) -> None:
    """Write the page, and its plot beside it; `load` is the machine's before all this."""
    measured = revision()  # before the files below are written, which would make it "dirty"
    plot = path.with_suffix(".svg")
    plot.write_text(drawn(found, limits), encoding="utf-8")
    rows = [
        f"| {one.name} | {one.shown(one.ours)} | {one.shown(one.beneath)} | {one.against} | {one.ratio:.2f} | "
        f"{told(limits.ratio_of(one))} | {in_seconds(one, limits)} |"
        for one in found
    ]
    command = shlex.join(["python", "bench/speed.py", *words])
    page = f"""# Performance

Written by `{command}` on {dt.date.today()},
at {measured}. Each line is the program against what lies beneath it, measured in turn in one run; less is better.
`make bench` measures anew, and fails where a ratio is above its limit (bench/limits.toml).

The machine: {machine()}; load average before: {load:.1f}.

![Ratios and their limits]({plot.name})

| measure | ours | beneath | which is | ratio | at most | ours, at most |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

{limits.machine_told(found)}

What was tried, and what these numbers were before, is in [experiments.md](experiments.md).
"""
    path.write_text(page, encoding="utf-8")


def told(limit: float | None) -> str:
    return "" if limit is None else f"{limit:.2f}"


def in_seconds(one: Measure, limits: Limits) -> str:
    """The limit in seconds, and whether it is met."""
    limit = limits.seconds_of(one)
    return "" if limit is None else f"{limit:.2f} s: {'not ' if limits.late(one) else ''}met"


def drawn(found: Sequence[Measure], limits: Limits) -> str:
    """Bars of the ratios, with a line where each has its limit; longer ones end at the edge."""
    scale = (WIDTH - LABEL - 60) / MOST
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{ROW * (len(found) + 1)}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{ROW * (len(found) + 1)}" fill="white"/>',
    ]
    for number, one in enumerate(found):
        middle = ROW * (number + 1)
        limit = limits.ratio_of(one)
        colour = "#c0392b" if limits.over(one) else "#2e7d5b"
        long = min(one.ratio, MOST) * scale
        edge = min(max(one.ratio, limit or 0.0), MOST) * scale
        parts += [
            f'<text x="{LABEL - 8}" y="{middle + 4}" text-anchor="end">{escape(one.name)}</text>',
            f'<rect x="{LABEL}" y="{middle - BAR / 2}" width="{long:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LABEL + edge + 6:.1f}" y="{middle + 4}">{one.ratio:.2f}</text>',
        ]
        if limit is not None:
            at = LABEL + min(limit, MOST) * scale
            parts.append(
                f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{middle - BAR}" y2="{middle + BAR}" stroke="#222" '
                'stroke-width="2"/>'
            )
    return "\n".join([*parts, "</svg>", ""])


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else 0
    processor = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model n")]
        processor = names[0] if names else processor
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{processor}, {os.cpu_count()} processors, {memory:.0f} GB, {system}"


def revision() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "an unknown revision"
