"""Classifies a file of responses, a line at a time: what ``doxa classify`` does."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import tee
from typing import IO, TYPE_CHECKING, Any

from analysis.classify.classify import classify
from analysis.classify.labels import Answer, Label, Outcome
from analysis.classify.text import HEAD_LIMIT, TAIL_LIMIT
from probes.reasoning import split_reasoning
from prompts.errors import AnalysisError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from analysis.classify.judge import Unjudged

    Classifier = Callable[[Iterable[Answer]], Iterator[Label | Unjudged]]

LINE_LIMIT = 64 * 2**20
"""Bytes of a line; a longer one is an error of that line, so that memory stays bounded."""

_KEPT = HEAD_LIMIT + TAIL_LIMIT
_REQUIRED = ("language", "prompt", "response")
_OPTIONAL = ("pro", "con")


@dataclass(frozen=True)
class Summary:
    """What became of a file.

    Attributes:
        labelled: lines with an outcome.
        failed: lines with an error in its place.
        outcomes: how many of each outcome.
        abstained: labels that abstain, of those with an outcome.
    """

    labelled: int
    failed: int
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    abstained: int = 0


@dataclass(frozen=True)
class _Line:
    """One line read: an answer to classify, or what is wrong with it."""

    number: int
    id: str | int | None
    answer: Answer | None
    error: str


def classify_file(source: Path, target: Path, classifier: Classifier = classify) -> Summary:
    """Label every line of a JSONL file.

    A line is ``{"id", "language", "prompt", "response"}`` with optional ``pro`` and ``con``, which
    count only together. Reasoning in a response is taken out first. What comes out, in the
    same order, is ``{"id", "outcome", "probabilities", "abstains", "strategy",
    "response_language"}``, the strategy null for what neither deflects nor refuses, or ``{"id",
    "line", "error"}`` for a line that cannot be read (``id`` where it is known). Blank lines are
    passed over. All that is not ASCII is escaped.

    Args:
        source: the file to read, UTF-8.
        target: the file to write; it appears whole, or stays as it was.
        classifier: gives a label for each answer, in order. Of the file as much is in memory as
            it reads ahead.

    Raises:
        UsageError: the source cannot be read, or is the target.
        AnalysisError: the target cannot be written.
    """
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{source} is both input and output.", "Name another file for the output.")
    try:
        lines = source.open("rb")
    except OSError as error:
        raise UsageError(
            f"{source} cannot be read: {error.strerror}.", "Check the name and its permissions."
        ) from error
    with lines:
        try:
            return _write_atomically(lines, target, classifier)
        except OSError as error:
            raise AnalysisError(
                f"{target} could not be written from {source}: {error.strerror}.",
                "Check that its folder exists, can be written and has room.",
            ) from error


def _write_atomically(lines: IO[bytes], target: Path, classifier: Classifier) -> Summary:
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="ascii") as out:
            summary = _write(lines, out, classifier)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(target)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return summary


def _write(lines: IO[bytes], out: IO[str], classifier: Classifier) -> Summary:
    outcomes: Counter[Outcome] = Counter()
    failed = abstained = 0
    read, ahead = tee(_read(lines))
    labels = classifier(line.answer for line in ahead if line.answer)
    for line in read:
        label = next(labels) if line.answer else None
        if isinstance(label, Label):
            outcomes[label.outcome] += 1
            abstained += label.abstains
            record = _record(line, label)
        else:
            failed += 1
            known = {} if line.id is None else {"id": line.id}
            why = label.error if label else line.error
            record = {**known, "line": line.number, "error": why}
        out.write(json.dumps(record) + "\n")
    return Summary(sum(outcomes.values()), failed, dict(outcomes), abstained)


def _record(line: _Line, label: Label) -> dict[str, Any]:
    return {
        "id": line.id,
        "outcome": label.outcome,
        "probabilities": {key: round(value, 4) for key, value in label.probabilities.items()},
        "abstains": label.abstains,
        "strategy": label.strategy,
        "response_language": label.response_language,
    }


def _read(lines: IO[bytes]) -> Iterator[_Line]:
    number = 0
    while raw := lines.readline(LINE_LIMIT + 1):
        number += 1
        if len(raw) > LINE_LIMIT:
            while raw and not raw.endswith(b"\n"):
                raw = lines.readline(LINE_LIMIT)
            yield _Line(number, None, None, f"longer than {LINE_LIMIT // 2**20} MiB")
        elif raw.strip(b" \t\r\n\xef\xbb\xbf"):
            yield _parse(number, raw)


def _parse(number: int, raw: bytes) -> _Line:
    try:
        item = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return _Line(number, None, None, f"invalid UTF-8 at byte {error.start + 1}")
    except RecursionError:
        return _Line(number, None, None, "invalid JSON: nested too deeply")
    except ValueError as error:
        return _Line(number, None, None, f"invalid JSON: {error}")
    name = item.get("id") if isinstance(item, dict) else None
    if isinstance(name, bool) or not isinstance(name, str | int):
        return _Line(number, None, None, "no object with an id that is text or a whole number")
    wrong = [key for key in _REQUIRED if not isinstance(item.get(key), str)]
    wrong += [key for key in _OPTIONAL if not isinstance(item.get(key, ""), str | None)]
    if wrong:
        return _Line(number, name, None, f"{', '.join(wrong)}: missing or no text")
    return _Line(number, name, _answer(item), "")


def _answer(item: dict[str, Any]) -> Answer:
    _, response = split_reasoning(item["response"])
    return Answer(
        id=str(item["id"]),
        language=item["language"],
        prompt=item["prompt"][:_KEPT],
        response=_shortened(response),
        pro=(item.get("pro") or "")[:_KEPT],
        con=(item.get("con") or "")[:_KEPT],
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _KEPT else text[:HEAD_LIMIT] + "\n" + text[-TAIL_LIMIT:]
