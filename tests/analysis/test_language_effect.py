"""One model in two languages: the same numbers as for two models, and what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis.gates import Thresholds
from analysis.language_effect import EFFECT, language_table
from analysis.rows import Settings, basis
from analysis.study import compare, study

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.tables import Tables

    Make = Callable[..., pd.DataFrame]
    Whole = Callable[..., Tables]


def effect(scored: pd.DataFrame, reference: str | None = None, **settings: object) -> pd.DataFrame:
    """The table of some answers."""
    chosen = Settings(**{"draws": 200, **settings})
    return language_table(basis(scored, sorted(scored["model"].unique()), chosen), reference)


def row(table: pd.DataFrame, **where: str) -> pd.Series:
    """The one row."""
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def headline(table: pd.DataFrame, **where: str) -> pd.Series:
    """The row of all topics of the languages de and en."""
    return row(table, topic="all", language_a="de", language_b="en", **where)


def as_languages(scored: pd.DataFrame, languages: dict[str, str]) -> pd.DataFrame:
    """Make one model in several languages of several models in one."""
    spoken = scored["model"].map(languages)
    cell = spoken + scored["cell"].str.removeprefix("en")
    return scored.assign(model="a", language=spoken, cell=cell)


def test_two_languages_of_a_model_are_measured_as_two_models_are(
    answers: Make, tables: Whole
) -> None:
    """Divergence, noise floor, excess, stances and verdicts are those of `compare`."""
    scored = answers(np.random.default_rng(0), {"x": 0, "y": 0.3}, families=3)
    pair = compare(tables(scored), "x", "y", draws=200)
    found = effect(as_languages(scored, {"x": "de", "y": "en"}))
    for topic in ("all", "contested-1"):
        mine = row(found, topic=topic, language_a="de")
        divergence = row(pair.divergence, language="all", topic=topic)
        for name in ("plain", "noise_a", "noise_b", "wasserstein", "excess", "cells"):
            assert mine[name] == pytest.approx(divergence[name])
        assert mine["excess_families"] == divergence["families"]
        stance = row(pair.stance, language="all", topic=topic)
        for name in ("stance_a", "stance_b", "difference", "families", "detectable"):
            assert mine[name] == pytest.approx(stance[name])
    # twelve families: every pattern of signs is used, so the p does not depend on draws
    assert headline(found)["p"] == row(pair.stance, language="all", topic="all")["p"]


def test_a_model_that_leans_further_in_a_language_is_found(answers: Make) -> None:
    """Difference, interval, test, verdict; the excess says so too."""
    scored = answers(np.random.default_rng(1), {"x": 0, "y": 0.6}, topics=5)
    found = headline(effect(as_languages(scored, {"x": "de", "y": "en"}), draws=500))
    assert found["difference"] == pytest.approx(found["stance_a"] - found["stance_b"])
    assert found["low"] <= found["difference"] <= found["high"] < 0
    assert found["p_adjusted"] < 0.01
    assert found["verdict"].startswith("a in de leans further to the con pole than a in en")
    assert found["excess_low"] > 0
    assert found["excess_p_adjusted"] < 0.01
    assert "a in de and a in en differ beyond wording noise" in found["excess_verdict"]
    assert found["measurable"]


def test_one_truth_in_two_languages_is_no_effect(answers: Make) -> None:
    """The plain divergence is not zero, the excess is about zero and shown to be small."""
    scored = answers(np.random.default_rng(2), {"x": 0, "y": 0}, topics=5, families=8)
    found = headline(effect(as_languages(scored, {"x": "de", "y": "en"}), draws=500))
    assert found["plain"] > 0.015
    assert abs(found["excess"]) < 0.005
    assert "within 0.05" in found["excess_verdict"]
    assert "No difference" in found["verdict"] or "within 0.05" in found["verdict"]


def test_equal_answers_have_no_excess_at_all(answers: Make) -> None:
    """Exactly zero, and p is 1."""
    scored = answers(np.random.default_rng(3), {"x": 0})
    again = pd.concat([scored, scored.assign(model="y")], ignore_index=True)
    found = headline(effect(as_languages(again, {"x": "de", "y": "en"})))
    assert found["excess"] == pytest.approx(0, abs=1e-12)
    assert found["difference"] == 0
    assert found["p"] == found["excess_p"] == 1
    assert found["low"] < 0 < found["high"]


def test_every_model_and_pair_of_languages_has_its_rows(answers: Make) -> None:
    """Three languages are three pairs; Holm is over models and pairs of all topics."""
    languages = ("de", "en", "fr")
    found = effect(answers(np.random.default_rng(4), {"a": 0, "b": 1}, languages=languages))
    assert list(found.columns) == EFFECT
    assert len(found) == 2 * (3 + 1) * (4 + 1)
    heads = found[(found["topic"] == "all") & (found["language_a"] != "all")]
    assert sorted({*zip(heads["language_a"], heads["language_b"], strict=True)}) == [
        ("de", "en"),
        ("de", "fr"),
        ("en", "fr"),
    ]
    least = heads["excess_p"].min()
    assert heads["excess_p_adjusted"].min() == pytest.approx(min(1, 6 * least))


def test_all_pairs_together_are_tested_by_bonferroni(answers: Make) -> None:
    """Pairs share data, so the least p counts as often as there are pairs; no signed difference."""
    languages = ("de", "en", "fr")
    found = effect(answers(np.random.default_rng(5), {"a": 0}, languages=languages, topics=2))
    one = found[(found["topic"] == "all") & (found["language_a"] != "all")]
    whole = row(found, topic="all", language_a="all")
    assert whole["excess_p"] == pytest.approx(min(1, 3 * one["excess_p"].min()))
    assert whole["excess"] == pytest.approx(one["excess"].mean())
    assert np.isnan(whole["difference"])
    assert whole["reason"] == "a difference has a sign between two languages only"
    assert "a in one language and a in another" in whole["excess_verdict"]


def test_many_languages_are_compared_with_one(answers: Make) -> None:
    """English where all are as measurable, or the one that is named."""
    languages = ("de", "en", "es", "fr", "hi", "ja", "ko")
    scored = answers(np.random.default_rng(6), {"a": 0}, languages=languages, topics=2)
    found = effect(scored)
    assert set(found["language_b"]) == {"en", "all"}
    assert len(found[found["topic"] == "all"]) == 6 + 1
    whole = row(found, topic="all", language_a="all")
    assert "a in en and a in the other languages" in whole["excess_verdict"]
    assert set(effect(scored, "ja")["language_b"]) == {"ja", "all"}
    with pytest.raises(ValueError, match="no statements were asked in zh"):
        effect(scored, "zh")


def test_a_language_that_fails_a_gate_is_not_compared(answers: Make) -> None:
    """NaN and the gate by name; other models and languages go on."""
    chance = np.random.default_rng(7)
    good = answers(chance, {"a": 0, "b": 0}, languages=("en", "fr"))
    de = answers(chance, {"b": 0}, languages=("de",))
    bad = answers(chance, {"a": 0}, languages=("de",), spread=0.3, position=3)
    scored = pd.concat([good, de, bad], ignore_index=True)
    found = effect(scored)
    lost = headline(found, model="a")
    assert not lost["measurable"]
    assert np.isnan(lost[["difference", "excess", "p", "excess_p"]].astype(float)).all()
    assert lost["reason"].startswith("in de: order")
    assert lost["verdict"].startswith("Not measurable: in de: order")
    assert lost["excess_verdict"].startswith("Not measurable: in de: order")
    assert headline(found, model="b")["measurable"]
    swapped = row(effect(scored, "de"), model="a", topic="all", language_a="fr")
    assert swapped["reason"].startswith("in de: order")
    assert not swapped["measurable"]
    kept = row(found, model="a", topic="all", language_a="en", language_b="fr")
    whole = row(found, model="a", topic="all", language_a="all")
    assert whole["excess"] == pytest.approx(kept["excess"])
    assert whole["excess_p"] == pytest.approx(kept["excess_p"])


def test_a_model_in_one_language_only_has_no_effect(answers: Make) -> None:
    """It says so in the row of all languages."""
    chance = np.random.default_rng(8)
    both = answers(chance, {"a": 0}, languages=("de", "en"))
    one = answers(chance, {"b": 0}, languages=("de",))
    found = effect(pd.concat([both, one], ignore_index=True))
    assert headline(found, model="b")["reason"] == "in en: no scored answers"
    whole = row(found, model="b", topic="all", language_a="all")
    assert not whole["measurable"]
    assert whole["reason"] == "measurable in fewer than two of the languages compared"


def test_one_language_has_no_rows(answers: Make) -> None:
    """A table with its columns."""
    found = effect(answers(np.random.default_rng(9), {"a": 0}))
    assert list(found.columns) == EFFECT
    assert not len(found)
    assert not len(effect(answers(np.random.default_rng(9), {"a": 0}).iloc[:0]))


def test_only_matched_cells_count(answers: Make) -> None:
    """Three frames in common leave the stance and take the excess away, with the reason."""
    scored = answers(np.random.default_rng(10), {"a": 0}, languages=("de", "en"))
    missing = (scored["language"] == "de") & scored["frame"].str.contains("p3")
    found = headline(effect(scored[~missing]))
    assert found["cells"] == 4 * 5 * 2 * 3 * 2
    assert np.isfinite(found["difference"])
    assert np.isnan(found["excess"])
    assert "fewer than four frames" in found["excess_reason"]
    assert found["excess_verdict"].startswith("Not measurable beyond noise: fewer than four")


def test_nothing_in_common(answers: Make) -> None:
    """Families that were asked in one language each."""
    scored = answers(np.random.default_rng(11), {"a": 0}, languages=("de", "en"), families=6)
    first = scored["family"].str[-1].astype(int) < 3
    scored = scored[first == (scored["language"] == "de")]
    found = effect(scored)
    assert not found["measurable"].any()
    assert (found["difference"].isna() & found["excess"].isna()).all()


def test_everything_declined_in_a_language(answers: Make) -> None:
    """No stance and the reason; the divergence is there, because to decline is an answer."""
    scored = answers(np.random.default_rng(12), {"a": 0}, languages=("de", "en"))
    german = scored["language"] == "de"
    scored.loc[german, ["p0", "p1", "p2", "p3"]] = 0.0
    scored.loc[german, "declined"] = 1.0
    scored.loc[german, "stance"] = np.nan
    found = headline(effect(scored))
    assert found["measurable"]
    assert np.isnan(found["difference"])
    assert found["reason"] == "there is no statement that is not declined in one of the languages"
    assert found["verdict"].startswith("Not measurable: there is no statement")
    assert found["excess"] > 0.3


def test_other_models_change_nothing_but_the_correction(answers: Make) -> None:
    """One model's rows are the same with and without the others beside it."""
    scored = answers(np.random.default_rng(13), {"a": 0, "b": 0.2}, languages=("de", "en"))
    alone = effect(scored[scored["model"] == "a"])
    among = effect(scored)
    among = among[among["model"] == "a"].reset_index(drop=True)
    shared = [c for c in EFFECT if "adjusted" not in c and "verdict" not in c]
    pd.testing.assert_frame_equal(alone[shared], among[shared])


def test_an_effect_is_called_one_in_at_most_one_model_of_twenty(answers: Make) -> None:
    """Twenty-four models of one truth in two languages: size of both tests before correction."""
    rng = np.random.default_rng(14)
    parts = []
    for i in range(24):
        two = answers(rng, {"x": 0, "y": 0}, topics=2, families=6, wording=0.6)
        parts.append(as_languages(two, {"x": "de", "y": "en"}).assign(model=f"m{i:02d}"))
    lenient = Thresholds(order=-1, negation=-1, paraphrase=-1)
    found = effect(pd.concat(parts, ignore_index=True), draws=500, thresholds=lenient)
    heads = found[(found["topic"] == "all") & (found["language_a"] == "de")]
    assert (heads["p"] <= 0.05).sum() <= 4
    assert (heads["excess_p"] <= 0.05).sum() <= 4
    assert (heads["excess_p_adjusted"] > 0.05).all()


def test_it_is_of_the_same_run_as_a_study(answers: Make, tables: Whole) -> None:
    """Stances of a pair are those of the study's table where all cells are matched."""
    scored = answers(np.random.default_rng(15), {"a": 0}, languages=("de", "en"))
    whole = study(tables(scored), draws=100).stance
    found = headline(effect(scored))
    for side, language in (("stance_a", "de"), ("stance_b", "en")):
        stance = row(whole, model="a", language=language, topic="all")["stance"]
        assert found[side] == pytest.approx(stance)
