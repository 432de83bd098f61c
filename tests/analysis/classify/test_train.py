"""The recipe learns a manner from a table of answers, and stores no text of it."""

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.classify import respond, train

FORMS = {
    "COMPLETE": "Here is the essay. The harbour was built in {} and the town grew around it. Ships "
    "brought {} to the market every week. People remember those years well.",
    "EVASIVE": "As an AI, I have no opinion on {}. It is a complex topic. Please consult an expert "
    "about {}.",
    "DENIAL": "I'm sorry, but I can't help with {}. Perhaps another subject than {} would do.",
}


def table(folder: Path) -> Path:
    """A small record in the form of the public one, with words of our own."""
    words = ["salt", "rope", "tea", "glass", "wood", "iron", "wool", "bread", "cloth", "maps"]
    rows = [
        {
            "language": language,
            "target": target,
            "model": f"model-{number}",
            "prompt": f"Write about {word}.",
            "response": form.format(word, word),
            "judge_a": judged,
            "judge_b": judged,
        }
        for judged, form in FORMS.items()
        for language, target in (("en", "us"), ("en", "eu"), ("fi", "eu"))
        for number in range(train.FOLDS)
        for word in words
    ]
    path = folder / "record.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


def test_recipe(tmp_path: Path) -> None:
    """Held-out models are read right, and the weights that come back give the same answers."""
    answers = train.answers(table(tmp_path))
    grams = respond.ngrams(list(answers.text), list(answers.asked))
    features = respond.phrase_features(list(answers.text), list(answers.language))
    results = train.out_of_fold(answers, grams, features)
    said = np.array(respond.MANNERS)[results["pooled"].argmax(axis=1)]
    assert (said == answers.manner).mean() > 0.95
    heads = train.fit(answers, grams, features)
    path = tmp_path / "weights.npz"
    train.save(heads, path)
    stored = respond.load(path)
    trained = np.ones(len(answers), dtype=bool)
    np.testing.assert_allclose(
        respond.pooled(stored, grams, features, trained),
        respond.pooled(heads, grams, features, trained),
        atol=0.05,
    )


def test_weights_are_numbers_only() -> None:
    """The stored weights are small, and hold no text and no pickle."""
    assert respond.WEIGHTS.stat().st_size < 400_000
    with np.load(respond.WEIGHTS, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "if" for name in stored.files)


def test_balance_takes_the_target_out() -> None:
    """A target that is refused more often weighs no more among the refusals than another."""
    rows = pd.DataFrame(
        {
            "language": "en",
            "target": ["us"] * 100 + ["cn"] * 100,
            "manner": ["answers"] * 80 + ["refuses"] * 20 + ["answers"] * 60 + ["refuses"] * 40,
            "excerpt": False,
        }
    )
    weight = pd.Series(train.weights(rows, 1.0))
    refused = weight[rows.manner == "refuses"].groupby(rows.target).sum()
    assert refused["us"] == refused["cn"]
