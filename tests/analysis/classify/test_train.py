"""The recipe learns manners and stances from tables of answers, and stores no text of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.classify import evasion, poles, respond, train, train_poles, training_rows
from analysis.classify.grams import BUCKETS, counts, weighted
from analysis.classify.labels import STANCES, STRATEGIES
from prompts.load import load_battery

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
    """Written answers with every outcome, on five topics of the battery and five other matters."""
    battery = load_battery("core", languages=["en"])
    contested = train_poles.contested()
    rows = []
    for place, word in enumerate(WORDS):
        topic = contested[place] if place < 5 else ""
        texts = battery.texts(topic, "en") if topic else {}
        for outcome, form in OWN.items():
            rows.append(
                {
                    "source": "written",
                    "language": "en",
                    "group": topic or word,
                    "manner": "answers" if outcome in STANCES else outcome,
                    "outcome": outcome,
                    "asked": texts.get("open-1", f"Should {word} be sold?"),
                    "text": form.replace("{}", word),
                    "code": "en",
                    "rule": None,
                    "learned": True,
                    "excerpt": False,
                    "id": f"{word} {outcome}",
                    "own": place >= 8,
                    "topic": topic,
                    "pro": texts.get("pro", f"Sell {word}."),
                    "con": texts.get("con", f"Ban {word}."),
                    "strategy": STRATEGY.get(outcome, ""),
                }
            )
    return pd.DataFrame(rows)


def table_of(folder: Path) -> pd.DataFrame:
    """The small record and the written answers, prepared."""
    return train.prepared(
        pd.concat([training_rows.record(record(folder)), own()], ignore_index=True)
    )


def test_recipe(tmp_path: Path) -> None:
    """Held-out answers are read right, and the weights that come back give the same scores."""
    table = table_of(tmp_path)
    heads, evading, text = train.fit(table)
    found = [line for line in text.splitlines() if "macro-F1" in line]
    names = ["battery en", "poles en", "record en", "record fi"]
    assert [line.split(":")[0] for line in found[:-1]] == names
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
    for name in ("topic", "other", "essay"):
        np.testing.assert_array_equal(
            getattr(heads.last, name).weights, getattr(stored.last, name).weights
        )
    read = [one for one in table.question if one and one.topic]
    said = table.manner[[bool(one and one.topic) for one in table.question]].to_numpy()
    scores = evasion.evasion(evading, read)[:, 0]
    assert scores[said == "answers"].max() < scores[np.isin(said, ["deflects", "refuses"])].min()


def test_stances_are_learned(tmp_path: Path) -> None:
    """The heads of poles learn from a prepared table, and tell how they do on held-out answers."""
    table = table_of(tmp_path)
    heads, text = train_poles.fit(table[table.source == "written"])
    assert [line.split(":")[0] for line in text.splitlines()] == [
        "stance, a topic of the battery",
        "stance, other poles",
    ]
    assert "to questions with poles of their own" in text
    rows = table[table.outcome.isin(["pro", "con"]) & (table.topic != "") & ~table.excerpt]
    found = poles.probabilities(heads, list(rows.question))
    assert (found[:, 0] > found[:, 2]).tolist() == (rows.outcome == "pro").tolist()


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
    """No model, no prompt and no topic of the first answers is learned from in its test's fold.

    Of the answers that were written later each has a fold, and its excerpts are in it.
    """
    table = table_of(tmp_path)
    together = (table.source == "record") | table.own | (table.topic == "")
    assert all(len(set(part)) == 1 for _, part in table.fold[together].groupby(table.group))
    assert all(len(set(part)) == 1 for _, part in table.fold[~together].groupby(table.id))
    assert table.fold.nunique() == train.FOLDS


def test_what_is_read() -> None:
    """Answers are read for what they say, with or without poles; excerpts are not."""
    table = own().assign(excerpt=[True] + [False] * 59)
    bare = table.iloc[[1]].assign(pro="", con="", topic="")
    read = train.questions(pd.concat([table, bare], ignore_index=True))
    assert [place for place, one in enumerate(read) if one is None] == [0]


def test_essays_are_told_by_their_prompt_and_by_their_length(tmp_path: Path) -> None:
    """What is asked as in the record is an essay however short, and so is any long response."""
    table = pd.concat([training_rows.record(record(tmp_path)), own()], ignore_index=True)
    prompts = ["Write about salt and wool.", "Should salt be sold?"]
    assert respond.ask_for_essays(prompts, train.gate(table)).tolist() == [True, False]
    assert respond.are_long(["No.", "A town by the sea. " * 100]).tolist() == [False, True]


def test_excerpts_are_short_answers(tmp_path: Path) -> None:
    """An excerpt is part of an answer, marked as such; what deflects or refuses is not cut."""
    table = training_rows.record(record(tmp_path))
    cut = training_rows.excerpts(table)
    assert len(cut)
    assert cut.excerpt.all()
    assert set(cut.manner) == {"answers"}
    for whole, part in zip(table.text[cut.index], cut.text, strict=True):
        assert part in whole
