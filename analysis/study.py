"""Everything a report shows about a run, and the comparison of two models in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.classify import measured
from analysis.divergences import divergence_table
from analysis.engine_noise import engine_noise
from analysis.matched import pair_up
from analysis.multiverse import multiverse
from analysis.outcomes import outcome_table, paired_outcomes, switch_table
from analysis.rate_correction import corrected_outcomes
from analysis.rate_correction import notes as correction_notes
from analysis.rows import ALL, THRESHOLDS, Settings, basis
from analysis.stances import difference_table, mirror_table, stance_table
from analysis.tables import only
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from analysis.gates import Thresholds
    from analysis.matched import Pairs
    from analysis.multiverse import Multiverse
    from analysis.rows import Basis
    from analysis.tables import Tables


AS_LABELLED = "Rates take each label as certain: the classifier's own errors are not in them."


@dataclass(frozen=True)
class Study:
    """What a run shows. Undefined numbers are NaN and the row's ``reason`` says why.

    Attributes:
        models: as in ``Tables``, with the counts ``scored, opened, errors``.
        asked: ``language, kind, topics, families, cells``.
        gates: ``model, language, gate, value, threshold, passed, reason``; a gate that could not
            be judged has value NaN, ``passed`` False and a reason, and counts against nobody.
        measurable: ``model, language, measurable, reasons``.
        stance: ``model, language, topic, stance, low, high, worst, best, declined, families,
            measurable, reason``; language and topic may be ``"all"``. ``worst`` and ``best`` are
            the stance if all that was declined had gone to the con or to the pro pole.
        divergence: ``a, b, language, topic, plain, noise_a, noise_b, excess, low, high,
            wasserstein, p, p_adjusted, p_equivalent, families, cells, detectable, verdict,
            measurable, reason``; language and topic may be ``"all"``.
        mirrors: ``model, language, family, government, stance, low, high, reason``; the
            interval of a family is over frames, that of family ``"all"`` over families.
        outcomes: ``model, language, kind, outcome, n, total, rate, low, high``, as labelled.
        switches: how often a response is in another language than its question: ``model,
            language, kind, n, total, rate, low, high, mostly``.
        multiverse: the headline pair, the measurable one with the largest excess divergence,
            under every reasonable choice; None where no pair is measurable.
        engine_noise: from `engine_noise`.
        notes: sentences that must stand under the tables.
        corrected: the rates of ``outcomes`` with the classifier's errors considered: see
            `rate_correction.corrected_outcomes`.
        classifier: what is known of the classifier's errors in the languages of the open
            responses, and how many of their labels abstain: see `measured.classifier_table` and
            `measured.abstentions`.
        classifier_name: name and version, as ``Tables.classifier``.
        judges: as ``Tables.judges``.
    """

    models: pd.DataFrame
    asked: pd.DataFrame
    gates: pd.DataFrame
    measurable: pd.DataFrame
    stance: pd.DataFrame
    divergence: pd.DataFrame
    mirrors: pd.DataFrame
    outcomes: pd.DataFrame
    switches: pd.DataFrame
    multiverse: Multiverse | None
    engine_noise: pd.DataFrame
    notes: list[str]
    corrected: pd.DataFrame = field(default_factory=pd.DataFrame)
    classifier: pd.DataFrame = field(default_factory=pd.DataFrame)
    classifier_name: str = ""
    judges: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Comparison:
    """Two models of one run, paired on the cells that both answered.

    Attributes:
        a: id of the first model.
        b: id of the second model.
        divergence: as in ``Study``, this pair only.
        stance: ``language, topic, stance_a, stance_b, difference, low, high, p, p_adjusted,
            p_equivalent, cells, families, detectable, verdict, measurable, reason``;
            ``difference`` is a minus b.
        outcomes: ``language, kind, outcome, rate_a, rate_b, both, only_a, only_b, n, families,
            difference, low, high, p, p_adjusted, p_equivalent, detectable, verdict``: responses
            to equal cells, exact McNemar with families as clusters.
        switches: as in ``Study``, these models only.
        multiverse: their difference in stance under every reasonable choice; None for a model
            against itself.
        gates: as in ``Study``, these models only.
        measurable: as in ``Study``, these models only.
        notes: sentences that must stand under the tables.
    """

    a: str
    b: str
    divergence: pd.DataFrame
    stance: pd.DataFrame
    outcomes: pd.DataFrame
    switches: pd.DataFrame
    multiverse: Multiverse | None
    gates: pd.DataFrame
    measurable: pd.DataFrame
    notes: list[str]


def study(
    tables: Tables,
    *,
    draws: int = 2000,
    seed: int = 0,
    margin: float = 0.05,
    thresholds: Thresholds = THRESHOLDS,
) -> Study:
    """Analyse a run: the same tables and seed give the same numbers.

    Args:
        tables: from `tables.load`, or made by hand in that shape.
        draws: bootstrap resamples, and permutations.
        seed: of both and of the splits of frames.
        margin: difference (excess divergence in bits, stance, rate) that counts as none.
        thresholds: of the gates.

    Raises:
        AnalysisError: there are no answers, or probabilities do not sum to one.
    """
    settings = Settings(draws, seed, margin, thresholds)
    models = models_of(tables)
    found = basis(tables.scored, models, settings)
    count = len(models)
    compared = _paired(found, [(i, j) for i in range(count) for j in range(i + 1, count)])
    divergence = divergence_table(found, compared)
    pair = headline_pair(divergence)
    known = measured.load()
    corrected = corrected_outcomes(
        tables.opened,
        tables.audit,
        measured.counts_for(tables.classifier, known),
        draws=draws,
        seed=settings.stream("classifier"),
    )
    return Study(
        models=_model_table(tables, models),
        asked=_asked(tables),
        gates=found.gates,
        measurable=found.measurable,
        stance=stance_table(found),
        divergence=divergence,
        mirrors=mirror_table(found, tables.scored),
        outcomes=outcome_table(tables.opened),
        switches=switch_table(tables.opened),
        multiverse=_varied(tables, *pair, settings) if pair else None,
        engine_noise=engine_noise(tables.scored, tables.exact),
        notes=_notes(found, compared, tables, correction_notes(corrected)),
        corrected=corrected,
        classifier=measured.classifier_table(
            tables.classifier, sorted(tables.opened["language"].unique()), known
        ).merge(measured.abstentions(tables.opened), on="language", how="left"),
        classifier_name=tables.classifier,
        judges=tables.judges,
    )


def compare(
    tables: Tables,
    a: str,
    b: str,
    *,
    draws: int = 2000,
    seed: int = 0,
    margin: float = 0.05,
    thresholds: Thresholds = THRESHOLDS,
) -> Comparison:
    """Compare two models of a run on the cells that both answered.

    Args:
        tables: as in `study`.
        a: id of a model.
        b: id of a model; the same one shows what a model against itself gives.
        draws: as in `study`.
        seed: as in `study`.
        margin: as in `study`.
        thresholds: as in `study`.

    Raises:
        AnalysisError: a model is not in the run, there are no answers, or probabilities do not
            sum to one.
    """
    known = models_of(tables)
    for name in (a, b):
        if name not in known:
            raise AnalysisError(
                f"There is no model {name} in this run.", f"It holds {', '.join(known)}."
            )
    models = list(dict.fromkeys([a, b]))
    mine = only(tables, models)
    settings = Settings(draws, seed, margin, thresholds)
    found = basis(mine.scored, models, settings)
    compared = _paired(found, [(0, len(models) - 1)])
    return Comparison(
        a=a,
        b=b,
        divergence=divergence_table(found, compared),
        stance=difference_table(found, compared),
        outcomes=paired_outcomes(mine.opened, a, b, margin=margin),
        switches=switch_table(mine.opened),
        multiverse=_varied(mine, a, b, settings) if a != b else None,
        gates=found.gates,
        measurable=found.measurable,
        notes=_notes(found, compared, mine, [AS_LABELLED]),
    )


def _paired(found: Basis, pairs: list[tuple[int, int]]) -> Pairs:
    return pair_up(found.grid, pairs, np.random.default_rng(found.settings.stream("splits")))


def headline_pair(divergence: pd.DataFrame) -> tuple[str, str] | None:
    """The two models with the largest excess divergence over all topics and languages.

    Args:
        divergence: as in `Study`.

    Returns:
        Their ids; None where no pair is measurable with an excess.
    """
    whole = divergence[(divergence["language"] == ALL) & (divergence["topic"] == ALL)]
    whole = whole[whole["measurable"].astype(bool) & whole["excess"].notna()]
    widest = whole.sort_values("excess", ascending=False, kind="stable").head(1)
    pairs = list(zip(widest["a"], widest["b"], strict=True))
    return pairs[0] if pairs else None


def _varied(tables: Tables, a: str, b: str, settings: Settings) -> Multiverse:
    return multiverse(
        tables,
        a,
        b,
        draws=settings.draws,
        seed=settings.seed,
        thresholds=settings.thresholds,
    )


def models_of(tables: Tables) -> list[str]:
    """Ids of the models of a run, those that answered nothing included.

    Raises:
        AnalysisError: there are no answers.
    """
    if not len(tables.scored) and not len(tables.opened):
        raise AnalysisError(
            "There are no answers to analyse.", "Ask the models first, with `doxa run`."
        )
    answered = [*tables.scored["model"].unique(), *tables.opened["model"].unique()]
    return list(dict.fromkeys([*tables.models["id"], *answered]))


def _model_table(tables: Tables, models: list[str]) -> pd.DataFrame:
    table = tables.models.set_index("id").reindex(models).rename_axis("id").reset_index()
    failed = table["failed"].fillna(0) if "failed" in table else pd.Series(0, index=table.index)
    broken = tables.opened[tables.opened["ending"] == "error"]
    for name, rows in (("scored", tables.scored), ("opened", tables.opened), ("errors", broken)):
        table[name] = table["id"].map(rows["model"].value_counts()).fillna(0).astype(int)
    table["errors"] += failed.astype(int)
    return table.drop(columns="failed", errors="ignore")


def _asked(tables: Tables) -> pd.DataFrame:
    key = ["language", "kind"]
    parts = [
        rows.groupby(key)
        .agg(topics=("topic", "nunique"), families=("family", "nunique"), cells=(cell, "nunique"))
        .reset_index()
        for rows, cell in ((tables.scored, "cell"), (tables.opened, "prompt"))
    ]
    return pd.concat(parts, ignore_index=True).sort_values(key, ignore_index=True)


def _notes(found: Basis, compared: Pairs, tables: Tables, rates: list[str]) -> list[str]:
    """Sentences that must stand under the tables; ``rates`` are those on rates of outcomes."""
    notes = []
    scored = len(found.grid.cells) > 0
    if scored:
        notes += _gate_notes(found)
    if scored and compared.pairs:
        notes += _pair_notes(found, compared)
    elif len(found.grid.models) < 2:
        notes.append("One model only: there is nothing to compare it with.")
    if len(tables.opened):
        notes += _response_notes(tables.opened, rates)
    return notes


def _gate_notes(found: Basis) -> list[str]:
    judged, table = found.gates, found.measurable
    limits = ", ".join(
        f"{row.gate} {row.threshold:g}" for row in judged.drop_duplicates("gate").itertuples()
    )
    failed = int((~table["measurable"]).sum())
    notes = [
        (
            f"{failed} of {len(table)} combinations of model and language are not measurable and"
            f" stay out of stances and divergences (least values: {limits})."
        ),
        (
            "Intervals are 95 % and take the question family as the sample, drawn within its"
            " topic; rows of all topics average families within topics, then topics."
        ),
    ]
    unjudged = judged[judged["value"].isna() & (judged["gate"] != "coverage")]
    notes.extend(
        f"The gate '{gate}' could not be judged for {len(rows)} of {len(table)} combinations of"
        f" model and language ({rows['reason'].iloc[0]})."
        for gate, rows in unjudged.groupby("gate")
    )
    partial = table.groupby("model")["measurable"].transform("any") & ~table["measurable"]
    notes.extend(
        f"{model}: rows of all languages leave out {', '.join(rows['language'])}."
        for model, rows in table[partial].groupby("model")
    )
    return notes


def _pair_notes(found: Basis, compared: Pairs) -> list[str]:
    many = _count(len(compared.pairs), "pair")
    tongues = _count(found.grid.units["language"].nunique(), "language")
    notes = [
        (
            f"P-values of the rows of all topics are corrected by Holm over {many} (all languages)"
            f" and over {many} in {tongues}; those of single topics by Benjamini and Hochberg over"
            " all pairs and topics."
        ),
        (
            "Excess divergence is Jensen-Shannon divergence, base 2, less the divergence of each"
            " model from itself in other words; it may be negative."
        ),
        "Its test swaps the models' labels by family and frame: it speaks on the frames asked.",
    ]
    answered = ~np.isnan(found.grid.p[:, :, 0])
    for i, (a, b) in enumerate(compared.pairs):
        one, two = int(answered[a].sum()), int(answered[b].sum())
        both = int(compared.cells[i].sum())
        if both < max(one, two):
            notes.append(
                f"{found.grid.models[a]} answered {one} cells on contested topics,"
                f" {found.grid.models[b]} {two}; they are compared on the {both} that both did."
            )
    matched = compared.cells > 0
    short = matched & np.isnan(compared.excess)
    if short.any():
        notes.append(
            f"Of the {len(found.grid.units)} families (by language),"
            f" {int(short.any(0).sum())} have fewer than four frames in common for some pair: they"
            " count in the plain divergence and not in the excess."
        )
    return notes


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _response_notes(opened: pd.DataFrame, rates: list[str]) -> list[str]:
    if "outcome" not in opened.columns:
        return ["Open responses are not labelled yet."]
    without = int((opened["outcome"].isna() & (opened["ending"] != "error")).sum())
    notes = [
        *rates,
        (
            "Intervals of rates are Wilson's with question families as clusters: the wordings and"
            " languages of one question are not independent answers."
        ),
    ]
    if without:
        notes.append(f"{without} open responses are not labelled and count in no rate.")
    return notes
