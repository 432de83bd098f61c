"""The recipe learns manners and stances from tables of answers, and stores no text of them."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.classify import poles, respond, train, train_poles, training_rows
from analysis.classify.grams import BUCKETS
from analysis.classify.labels import STANCES, STRATEGIES
from analysis.classify.reader import HEADS
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
    """The small record and the written answers, with scores of a network that is mostly right."""
    table = pd.concat([training_rows.record(record(folder)), own()], ignore_index=True)
    table["outcome"] = table.outcome.fillna("")
    rng = np.random.default_rng(0)
    scores = table[["source", "id"]]
    for head, names in (
        ("manner", respond.MANNERS),
        ("stance", STANCES),
        ("strategy", STRATEGIES),
    ):
        truth = table["outcome" if head == "stance" else head]
        for at in range(HEADS[head]):
            noise = rng.normal(0, 0.3, len(table))
            scores = scores.assign(**{f"{head}_{at}": 3.0 * (truth == names[at]) + noise})
    return train.prepared(table, scores)


def test_recipe(tmp_path: Path) -> None:
    """Held-out answers are read right, and what is saved gives the same scores."""
    table = table_of(tmp_path)
    every = [f"{head}_{at}" for head, size in HEADS.items() for at in range(size)]
    table.loc[table.index // 6 % 2 == 0, every] = np.nan
    heads, text = train.fit(table)
    found = [line for line in text.splitlines() if "macro-F1" in line]
    names = ["battery en", "poles en", "record en", "record fi", "battery", "poles", "record"]
    assert [line.split(":")[0] for line in found[:-1]] == names
    assert all(float(line.split("accuracy ")[1].split()[0]) > 0.9 for line in found), text
    assert found[-1].startswith("strategy")
    respond.save(heads, tmp_path / "weights.npz")
    stored = respond.load(tmp_path / "weights.npz")
    texts, asked = list(table.text), list(table.asked)
    before, after = (
        respond.scores_of(one, texts, asked, ["en"] * len(texts)) for one in (heads, stored)
    )
    for name in respond.HEADS:
        np.testing.assert_allclose(before[name], after[name], atol=0.2)
    for name in respond.LASTS:
        one, other = getattr(heads.last, name), getattr(stored.last, name)
        np.testing.assert_array_equal(one.weights, other.weights)


def test_stances_are_learned(tmp_path: Path) -> None:
    """The heads of poles learn from a prepared table, and tell how they do on held-out answers."""
    table = table_of(tmp_path)
    heads, text = train_poles.fit(table[table.source == "written"])
    assert [line.split(":")[0] for line in text.splitlines()] == [
        "stance, a topic of the battery",
        "stance, other poles",
    ]
    rows = table[table.outcome.isin(["pro", "con"])]
    found = poles.probabilities(heads, list(rows.question), train.network_scores(rows)["stance"])
    assert (found[:, 0] > found[:, 2]).tolist() == (rows.outcome == "pro").tolist()


def test_what_the_network_learned_from_calibrates_nothing(tmp_path: Path) -> None:
    """Answers without scores, which the network has seen, are in no last regression."""
    table = table_of(tmp_path)
    written = table[table.source == "written"]
    seen = written.id.str.startswith(tuple(WORDS[:2]))
    columns = [f"stance_{at}" for at in range(HEADS["stance"])]
    part = written.copy()
    part.loc[seen, columns] = np.nan
    text = train_poles.fit(part)[1]
    numbers = {re.search(r"right all \S+ of (\d+)", line)[1] for line in text.splitlines()}
    assert numbers == {"9", "15"}


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


def test_rare_kinds_count_more_than_their_share() -> None:
    """A kind with four times the rows counts twice as much, and weights average to one."""
    rows = pd.DataFrame({"kind": ["a"] * 40 + ["b"] * 10})
    weight = pd.Series(train.evened(rows, "kind"))
    sums = weight.groupby(rows.kind).sum()
    assert sums["a"] == pytest.approx(2 * sums["b"])
    assert weight.mean() == pytest.approx(1)


def test_essays_are_told_by_their_prompt_and_by_their_length(tmp_path: Path) -> None:
    """What is asked as in the record is an essay however short, and so is any long response."""
    table = pd.concat([training_rows.record(record(tmp_path)), own()], ignore_index=True)
    prompts = ["Write about salt and wool.", "Should salt be sold?"]
    assert respond.ask_for_essays(prompts, train.gate(table)).tolist() == [True, False]
    assert respond.are_long(["No.", "A town by the sea. " * 100]).tolist() == [False, True]


def test_weights_are_numbers_only() -> None:
    """The stored weights are small, and hold no text and no pickle."""
    assert respond.WEIGHTS.stat().st_size < 2_000_000
    with np.load(respond.WEIGHTS, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "if" for name in stored.files)
    assert respond.heads().manner.ngrams.shape == (len(respond.MANNERS), BUCKETS)
    assert respond.heads().strategy.ngrams.shape == (len(STRATEGIES), BUCKETS)


def test_a_model_is_in_one_fold(tmp_path: Path) -> None:
    """No model, no prompt and no topic of the first answers is learned from in its test's fold.

    Of the answers that were written later each has a fold.
    """
    table = table_of(tmp_path)
    together = (table.source == "record") | table.own | (table.topic == "")
    assert all(len(set(part)) == 1 for _, part in table.fold[together].groupby(table.group))
    assert table.fold.nunique() == train.FOLDS


def test_excerpts_are_short_answers(tmp_path: Path) -> None:
    """An excerpt is part of an answer, marked as such; what deflects or refuses is not cut."""
    table = training_rows.record(record(tmp_path))
    cut = training_rows.excerpts(table)
    assert len(cut)
    assert cut.excerpt.all()
    assert set(cut.manner) == {"answers"}
    for whole, part in zip(table.text[cut.index], cut.text, strict=True):
        assert part in whole
