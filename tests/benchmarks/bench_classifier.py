"""How many responses the classifier labels a second, beside the sentence encoder on the same.

python tests/benchmarks/bench_classifier.py

The answers are the test halves of ``analysis/classify/answers/``, short ones, and the same put
together by eights, long ones. The encoder, multilingual-e5-small in 4 bits with all its layers, is
what a classifier by sentence vectors would need at least.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from analysis.classify.answer_files import EVERY, answer_files, known_answers
from analysis.classify.classify import classify
from prompts.meaning import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.classify.labels import Answer

RUNS = 3
TOGETHER = 8
ENCODED = 60
"""Answers that the encoder is given: it is slow."""


def main() -> None:
    """Print a table in Markdown."""
    short = [known.answer for known in known_answers(answer_files(EVERY))]
    rows = [("short", short), ("long", joined(short))]
    for _ in classify(short[:10]):
        pass  # what is loaded once isn't timed
    lines = [
        "| answers | mean characters | labelled | encoded | ratio |",
        "|---|---|---|---|---|",
    ]
    for name, answers in rows:
        some = [one.response for one in answers[:: max(1, len(answers) // ENCODED)]]
        ours, theirs = [], []
        for _ in range(RUNS):
            ours.append(rate(lambda: list(classify(answers)), len(answers)))  # noqa: B023 - called here
            theirs.append(rate(lambda: encode(some), len(some)))  # noqa: B023 - the same
        length = mean(len(one.response) for one in answers)
        shown = " | ".join(f"{median(x):.0f}/s ({min(x):.0f}–{max(x):.0f})" for x in (ours, theirs))
        ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
        lines.append(f"| {name}, {len(answers):,} | {length:.0f} | {shown} | {ratio:.1f} |")
    sys.stdout.write("\n".join(lines) + "\n")


def joined(answers: list[Answer]) -> list[Answer]:
    """Long answers: each followed by the next ones in the file."""
    return [
        replace(one, response="\n\n".join(each.response for each in answers[at : at + TOGETHER]))
        for at, one in enumerate(answers[:-TOGETHER:TOGETHER])
    ]


def rate(work: Callable[[], object], size: int) -> float:
    """How many a second."""
    start = perf_counter()
    work()
    return size / (perf_counter() - start)


if __name__ == "__main__":
    main()
