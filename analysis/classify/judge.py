"""A model as judge: it is asked what each response is, and its options' probabilities are read.

The same function of a response as the trained classifier, for the same reader: it answers with a
distribution over outcomes, since nothing is written. Small judges prefer letters to meanings, so
the options are shown in two orders and the two distributions averaged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from analysis.classify.judge_prompt import LIMITS, cells, outcomes
from analysis.classify.labels import JUDGE, OUTCOMES, STANCES, Answer, Label, Outcome
from analysis.classify.language import asked_share, language_of, script_of
from analysis.classify.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from probes.backends.protocol import Backend
    from probes.cell import ModelDescription, Response

VERSION = "1"
"""Changes with every change of what a judge is shown; stored beside each label."""

BATCH = 256

Probabilities = dict[Outcome, float]


@dataclass(frozen=True)
class Verdict:
    """What one judge makes of a response.

    Attributes:
        probabilities: over the outcomes that are possible, summing to 1; empty with an error.
        coverage: what all letters together had of the judge's next token, mean of both orders;
            NaN where that is not known.
        steady: both orders gave the same outcome.
        error: why the judge could not be asked; empty where it could.
    """

    probabilities: Probabilities
    coverage: float = float("nan")
    steady: bool = True
    error: str = ""

    @property
    def outcome(self) -> Outcome | None:
        """The most probable; None with an error."""
        return likeliest(self.probabilities) if self.probabilities else None


@dataclass(frozen=True)
class Unjudged:
    """A response that no judge could be asked about.

    Attributes:
        id: of the answer.
        error: why.
    """

    id: str
    error: str


def name_of(models: Sequence[ModelDescription]) -> tuple[str, str]:
    """The classifier's name and version that labels of these judges are stored under.

    The version holds `VERSION` and the first 12 hexadecimal digits of each judge's weights.
    """
    return (
        JUDGE + "+".join(model.id for model in models),
        f"{VERSION}-" + "+".join(model.weights[:12] for model in models),
    )


def readable(answer: Answer) -> bool:
    """Whether a response has a letter or digit; else it is degenerate, and no judge is asked."""
    return any(map(str.isalnum, clean(answer.response)))


def ask(backend: Backend, answers: Iterable[Answer]) -> Iterator[Verdict]:
    """Let a model judge responses, in order, a batch at a time.

    A response that the model has no room for is shown to it shorter, by `LIMITS`.

    Args:
        backend: of the judge, opened.
        answers: any number; nothing of them is trusted, any text is allowed.

    Raises:
        DoxaError: the judge cannot go on.
    """
    source = iter(answers)
    while batch := list(islice(source, BATCH)):
        yield from _judge_batch(backend, batch)


def _judge_batch(backend: Backend, batch: Sequence[Answer]) -> list[Verdict]:
    blank: Probabilities = {"degenerate": 1.0}
    found = [
        Verdict({}, error="It was not asked.")
        if readable(answer)
        else Verdict(dict.fromkeys(outcomes(answer), 0.0) | blank)
        for answer in batch
    ]
    for limit in LIMITS:
        # what is shared by a language is computed once where its responses are neighbours
        left = sorted(
            (at for at, verdict in enumerate(found) if verdict.error),
            key=lambda at: batch[at].language,
        )
        forms = {at: cells(batch[at], limit) for at in left}
        unique = {cell.id: cell for pair in forms.values() for cell in pair}
        if not unique:
            break
        came = {response.cell: response for response in backend.score(list(unique.values()))}
        for at, pair in forms.items():
            found[at] = _verdict(outcomes(batch[at]), [came[cell.id] for cell in pair])
    return found


def _verdict(possible: Sequence[Outcome], came: Sequence[Response]) -> Verdict:
    if errors := [response.error or response.ending for response in came if not response.logprobs]:
        return Verdict({}, error=errors[0])
    mass = np.exp([response.logprobs for response in came])
    mass[1] = mass[1, ::-1]  # back from the order shown
    totals = mass.sum(axis=1)
    if not (totals > 0).all():
        return Verdict({}, error="It gives no probability to any option.")
    shares = mass / totals[:, None]
    mean = shares.mean(axis=0)
    probabilities: Probabilities = dict(zip(possible, mean.tolist(), strict=True))
    one, other = (likeliest(dict(zip(possible, row.tolist(), strict=True))) for row in shares)
    return Verdict(probabilities, float(totals.mean()), one == other)


def likeliest(probabilities: Probabilities) -> Outcome:
    """The outcome of a distribution: first how a response answers, then with which stance.

    So ``pro`` can stand although ``deflects`` has more probability than each single stance.
    """
    stances: Probabilities = {
        outcome: probabilities[outcome] for outcome in STANCES if outcome in probabilities
    }
    manners: Probabilities = {
        outcome: value for outcome, value in probabilities.items() if outcome not in stances
    }
    if stances:
        manners["answers"] = sum(stances.values())
    best = _most(manners)
    return _most(stances) if best == "answers" and stances else best


def _most(values: Probabilities) -> Outcome:
    """The outcome with the highest value; of equals the first of `OUTCOMES`, in whatever order."""
    return max(
        (outcome for outcome in OUTCOMES if outcome in values), key=lambda outcome: values[outcome]
    )


def majority(distributions: Sequence[Probabilities]) -> tuple[Outcome, Probabilities]:
    """What most judges say a response is; among outcomes with as many votes, the likeliest.

    Args:
        distributions: of one judge or more, over the same outcomes.

    Returns:
        The outcome, and the mean of the distributions, which also decides between equals.

    Examples:
        >>> majority([{"answers": 0.6, "refuses": 0.4}, {"answers": 0.1, "refuses": 0.9}])
        ('refuses', {'answers': 0.35, 'refuses': 0.65})
    """
    mean: Probabilities = {
        outcome: float(np.mean([one[outcome] for one in distributions]))
        for outcome in distributions[0]
    }
    votes = Counter(map(likeliest, distributions))
    most = max(votes.values())
    return _most({outcome: mean[outcome] for outcome, n in votes.items() if n == most}), mean


def labelled(answer: Answer, verdicts: Sequence[Verdict]) -> Label | Unjudged:
    """The label that judges give a response; a judge that could not be asked has no vote."""
    given = [verdict for verdict in verdicts if verdict.probabilities]
    if not given:
        return Unjudged(answer.id, f"The judge could not be asked. {verdicts[0].error}")
    outcome, probabilities = majority([verdict.probabilities for verdict in given])
    text = clean(answer.response)
    language = language_of(text, answer.language)
    return Label(
        id=answer.id,
        outcome=outcome,
        probabilities=probabilities,
        response_language=language,
        script=script_of(text),
        asked_share=asked_share(text, answer.language, language),
        length=len(answer.response),
        cut=answer.ending == "length",
        reason=None if readable(answer) else "empty",
    )
