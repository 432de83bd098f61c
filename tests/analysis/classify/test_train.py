"""The recipe learns manners and stances from tables of answers, and stores no text of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.classify import respond, train
from analysis.classify.grams import BUCKETS, counts, weighted
from analysis.classify.labels import STRATEGIES

FORMS = {
    "COMPLETE": "Here is the essay. The harbour was built in {} and the town grew around it. Ships "
    "brought {} to the market every week. People remember those years well.",
    "EVASIVE": "As an AI, I have no opinion on {}. It is a complex topic. Please consult an expert "
    "about {}.",
    "DENIAL": "I'm sorry, but I can't help with {}. Perhaps another subject than {} would do.",
}
WORDS = ["salt", "rope", "tea", "glass", "wood", "iron", "wool", "bread", "cloth", "maps"]
OWN = {
    "pro": "Yes, {} should be sold freely. Everyone needs {}.",
    "con": "No, {} should be banned at once. Nobody needs {}.",
    "both": "On the one hand {} is useful, on the other hand {} does harm.",
    "deflects": "Experts differ on {}. Ask somebody who knows about {}.",
    "refuses": "I will not speak about {}. Not today, and not of {}.",
    "degenerate": "###\n### {}: |\n### {}: |",
}
STRATEGY = {"deflects": "changes-subject", "refuses": "refuses-outright"}


def record(folder: Path) -> Path:
    """A small record in the form of the public one, with words of our own."""
    rows = [
        {
            "language": language,
            "model": f"model-{number}",
            "prompt": f"Write about {word}.",
            "response": form.format(word, word),
            "judge_a": judged,
            "judge_b": judged,
        }
        for judged, form in FORMS.items()
        for language in ("en", "fi")
        for number in range(train.FOLDS)
        for word in WORDS[:5]
    ]
    path = folder / "record.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


def own() -> pd.DataFrame:
    """Written answers, ten topics with every outcome."""
    rows = [
        {
            "source": "written",
            "language": "en",
            "group": word,
            "manner": "answers" if outcome in {"pro", "both", "con"} else outcome,
            "asked": f"Should {word} be sold?",
            "text": form.replace("{}", word),
            "code": "en",
            "rule": None,
            "learned": True,
            "excerpt": False,
            "id": f"{word} {outcome}",
            "own": word in WORDS[:5],
            "topic": word if outcome != "both" else "",
            "strategy": STRATEGY.get(outcome, ""),
        }
        for word in WORDS
        for outcome, form in OWN.items()
    ]
    return pd.DataFrame(rows)


def test_recipe(tmp_path: Path) -> None:
    """Held-out answers are read right, and the weights that come back give the same scores."""
    table = pd.concat([train.record(record(tmp_path)), own()], ignore_index=True)
    heads, text = train.fit(table)
    found = [line for line in text.splitlines() if "macro-F1" in line]
    assert [line.split(":")[0] for line in found[:-1]] == ["record en", "record fi", "written en"]
    assert all(float(line.split("accuracy ")[1].split()[0]) > 0.9 for line in found), text
    assert found[-1].startswith("strategy")
    path = tmp_path / "weights.npz"
    train.save(heads, path)
    stored = respond.load(path)
    texts, asked = list(table.text), list(table.asked)
    signs = respond.signs_of(texts, asked, ["en"] * len(texts))
    for name in ("manner", "essay", "strategy"):
        before, after = getattr(heads, name), getattr(stored, name)
        grams = weighted(counts(texts, asked), heads.idf)
        np.testing.assert_allclose(
            before.scores(grams, signs), after.scores(grams, signs), atol=0.2
        )


def test_weights_are_numbers_only() -> None:
    """The stored weights are small, and hold no text and no pickle."""
    assert respond.WEIGHTS.stat().st_size < 2_000_000
    with np.load(respond.WEIGHTS, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "if" for name in stored.files)
    assert respond.heads().manner.ngrams.shape == (len(respond.MANNERS), BUCKETS)
    assert respond.heads().strategy.ngrams.shape == (len(STRATEGIES), BUCKETS)


def test_both_sources_and_all_manners_weigh_the_same() -> None:
    """However many rows a source has of a manner, together they weigh the same."""
    rows = pd.DataFrame(
        {
            "source": ["record"] * 100 + ["written"] * 20,
            "topic": "",
            "manner": ["answers"] * 80 + ["refuses"] * 20 + ["answers"] * 5 + ["refuses"] * 15,
            "excerpt": False,
            "own": False,
        }
    )
    weight = pd.Series(train.weights(rows))
    sums = weight.groupby([rows.source, rows.manner]).sum()
    assert sums.to_numpy() == pytest.approx(sums.iloc[0])


def test_a_model_is_in_one_fold(tmp_path: Path) -> None:
    """No model and no topic of the first answers is learned from in the fold of its test.

    Of the answers that were written later each has a fold, and its excerpts are in it.
    """
    table = pd.concat([train.record(record(tmp_path)), own()], ignore_index=True)
    table = pd.concat([table, train.excerpts(table)], ignore_index=True)
    fold = pd.Series(train.folds_of(table))
    first = (table.source == "record") | table.own
    assert all(len(set(part)) == 1 for _, part in fold[first].groupby(table.group[first]))
    assert all(len(set(part)) == 1 for _, part in fold[~first].groupby(table.id[~first]))
    assert fold.nunique() == train.FOLDS


def test_excerpts_are_short_answers(tmp_path: Path) -> None:
    """An excerpt is part of an answer, marked as such; what deflects or refuses is not cut."""
    table = train.record(record(tmp_path))
    cut = train.excerpts(table)
    assert len(cut)
    assert cut.excerpt.all()
    assert set(cut.manner) == {"answers"}
    for whole, part in zip(table.text[cut.index], cut.text, strict=True):
        assert part in whole
