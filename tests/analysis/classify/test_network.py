"""The network learns from answers, and what is written for use computes what was taught."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.classify import e5_file, train_reader
from analysis.classify.e5_file import BLOCK, Encoder
from analysis.classify.network import LONGEST, Network, restored, tokenizer, write
from analysis.classify.reader import HEADS, Reader, Texts, load, padded, read, sequences
from analysis.classify.respond import MANNERS
from analysis.classify.teaching import Course, loss_of, rows_of, teach
from analysis.classify.train_reader import (
    kept_pieces,
    learn_newest,
    learn_record,
    learn_written,
    learned_from,
    left_out,
    thirds,
)
from analysis.classify.training_rows import RECORD
from prompts.errors import UsageError

SIZE, INNER, LAYERS = 32, 64, 4
LETTERS = "abcdefghijklmnopqrstuvwxyz.,'?!"
SAID = {
    "answers": "the harbour is old and lies by the sea",
    "deflects": "many people see it in many ways",
    "refuses": "i can't help with it, sorry",
    "degenerate": "a a a a a a a a a",
}


def small_encoder(seed: int = 0) -> Encoder:
    """A made-up one: four layers of 32 dimensions, whose word pieces are letters."""
    rng = np.random.default_rng(seed)
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(f"▁{one}" for one in LETTERS), "▁", *LETTERS]
    tensors = {
        "emb.word": blocks(rng, len(pieces) * SIZE),
        "emb.pos": rng.normal(0, 0.02, (LONGEST + 5) * SIZE).astype(np.float32),
        "emb.type": np.zeros(2 * SIZE, np.float32),
    }
    for name in ("emb.ln", *(f"l{at}.{kind}" for at in range(LAYERS) for kind in ("aln", "oln"))):
        tensors |= {f"{name}.w": np.ones(SIZE, np.float32), f"{name}.b": np.zeros(SIZE, np.float32)}
    for at in range(LAYERS):
        for kind in ("q", "k", "v", "ao", "fi", "fo"):
            tensors[f"l{at}.{kind}.w"] = blocks(rng, SIZE * (INNER if kind[0] == "f" else SIZE))
            size = INNER if kind == "fi" else SIZE
            tensors[f"l{at}.{kind}.b"] = np.zeros(size, np.float32)
    return Encoder(
        sizes={
            "dimensions": SIZE,
            "layers": LAYERS,
            "heads": 2,
            "inner": INNER,
            "pieces": len(pieces),
            "places": LONGEST + 5,
            "types": 2,
        },
        pieces=pieces,
        scores=np.linspace(-2, -9, len(pieces)).astype(np.float32),
        special={"begin": 0, "pad": 1, "end": 2, "unknown": 3},
        tensors=tensors,
    )


def blocks(rng: np.random.Generator, size: int) -> np.ndarray:
    """Random weights in 4 bits."""
    found = np.zeros(size // 32, BLOCK)
    found["scale"] = 0.04
    found["codes"] = rng.integers(0, 256, (size // 32, 16))
    return found


ENCODER = small_encoder()
EVERY = np.arange(len(ENCODER.pieces))


def rows(times: int = 40) -> pd.DataFrame:
    """Answers whose words say their manner."""
    table = pd.DataFrame(
        [
            {
                "source": "written",
                "id": f"{manner} {time}",
                "group": f"why {time}?",
                "language": "en",
                "code": "en",
                "asked": f"why {time}?",
                "text": said,
                "manner": manner,
                "outcome": manner,
                "strategy": "changes-subject" if manner == "deflects" else "",
                "topic": "",
                "pro": "",
                "con": "",
                "own": False,
                "learned": True,
                "rule": None,
                "excerpt": False,
            }
            for manner, said in SAID.items()
            for time in range(times)
        ]
    )
    return table.assign(rule=table.rule.astype(object))


def test_it_learns_what_it_is_shown(tmp_path: Path) -> None:
    """After some rounds every manner is told, by the network as it is written for use too."""
    told: list[str] = []
    torch.manual_seed(0)
    network, pieces = Network(ENCODER, EVERY, 2), tokenizer(ENCODER, EVERY)
    teach(network, pieces, rows_of(rows()), Course(30, 3e-3, 1e-3), told.append)
    assert told[0].startswith("step 0 of 90")
    texts = [Texts(said, "why?") for said in SAID.values()]
    write(network, pieces, texts, tmp_path / "reader.npz", tmp_path / "reader.onnx")
    found = read(load(tmp_path / "reader.npz", tmp_path / "reader.onnx"), texts)
    assert found["manner"].argmax(axis=1).tolist() == list(range(len(MANNERS)))
    with torch.no_grad():
        inputs = padded(sequences(pieces, texts))
        scores = network(*map(torch.from_numpy, inputs)).numpy()
    written = np.hstack([found[name] for name in HEADS])
    assert np.abs(written - scores).max() < 0.05 * np.abs(scores).max()


def test_a_written_network_can_be_taught_on(tmp_path: Path) -> None:
    """Read back, it says what it said, and what it is shown then moves it."""
    torch.manual_seed(1)
    network, pieces = Network(ENCODER, EVERY[:40], 2), tokenizer(ENCODER, EVERY[:40])
    texts = [Texts(said, "why?") for said in SAID.values()]
    files = tmp_path / "reader.npz", tmp_path / "reader.onnx"
    write(network.eval(), pieces, texts, *files)
    back, again = restored(ENCODER, *files)
    assert again.to_str() == pieces.to_str()

    def scores(one: Network) -> np.ndarray:
        with torch.no_grad():
            inputs = padded(sequences(pieces, texts))
            return one.eval()(*map(torch.from_numpy, inputs)).numpy()

    before = scores(back)
    np.testing.assert_allclose(before, scores(network), atol=0.02)
    teach(back, again, rows_of(rows()), Course(1, 3e-3, 1e-3), lambda _: None)
    assert np.abs(scores(back) - before).max() > 0.1


def test_what_a_network_is_taught_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers that it hasn't learned from, three times, among the others."""
    table = rows(5)
    learn_written(ENCODER, table[:12], list(SAID.values()), tmp_path)
    before = (tmp_path / "first.onnx").read_bytes()
    seen = []
    real = train_reader.learn_on

    def noted(encoder: Encoder, shown: pd.DataFrame, folder: Path) -> Reader:
        seen.append(shown.id.value_counts())
        return real(encoder, shown, folder)

    monkeypatch.setattr(train_reader, "learn_on", noted)
    learn_newest(ENCODER, table, tmp_path)
    assert (tmp_path / "first.onnx").read_bytes() != before
    learn_newest(ENCODER, table, tmp_path)
    first, second = seen
    assert set(first[table.id[12:]]) == {3}
    assert set(first[table.id[:12]]) == set(second) == {1}


def test_the_encoder_is_where_it_begins() -> None:
    """Vectors, places and layers are the encoder's; a text of any length has its place."""
    kept = EVERY[:20]
    network = Network(ENCODER, kept, 1)
    assert network.vectors.shape == (20, 32)
    assert network.places.shape == (LONGEST, 32)
    word = tokenizer(ENCODER, EVERY).encode("sea", add_special_tokens=False)
    assert word.tokens == ["▁s", "e", "a"]
    bias = network.body.layers[0].q.weight.detach().numpy().ravel()
    codes = ENCODER.tensors["l0.q.w"]
    assert bias[0] == pytest.approx((int(codes["codes"][0, 0] & 15) - 8) * 0.04, abs=1e-3)


def test_word_pieces_that_are_kept() -> None:
    """Those that several texts have, all single characters and the marks."""
    kept = kept_pieces(ENCODER, ["see the sea", "so"])
    names = {ENCODER.pieces[at] for at in kept}
    assert {"<s>", "</s>", "<unk>", "▁", "a", "z", "▁s"} <= names
    assert "▁t" not in names


def test_what_is_unknown_costs_nothing() -> None:
    """A stance counts where there are poles, and a strategy of what evades."""
    table = rows(1).iloc[:1].assign(outcome="pro", asked="Should dogs bark?")
    scores = torch.zeros(1, sum(HEADS.values()))
    scores[0, HEADS["manner"] + 2] = 5.0
    poles = ("Dogs should bark.", "Dogs should not bark.")
    there, elsewhere, none, turned = (
        float(loss_of(scores, rows_of(table.assign(topic=topic, pro=pro, con=con)), np.array([0])))
        for topic, pro, con in (
            ("abortion", *poles),
            ("", *poles),
            ("", "", ""),
            ("", *poles[::-1]),
        )
    )
    assert none == pytest.approx(np.log(HEADS["manner"]), abs=1e-4)
    assert there == elsewhere > none + 4
    assert turned < none + 1


def essays() -> pd.DataFrame:
    """A record of ten models, each of which gave every kind of answer."""
    some = rows(10)
    models = [f"m{place % 10}" for place in range(len(some))]
    return some.assign(source=RECORD, group=models, id=[f"e{place}" for place in range(len(some))])


def test_what_is_left_out() -> None:
    """A prompt is left out whole; of the record nothing is, but each model has its third."""
    table = pd.concat([rows(), essays()], ignore_index=True)
    table = table.assign(out=left_out(table), part=thirds(table))
    assert table.groupby("group").out.nunique().max() == 1
    assert table.out[table.source != RECORD].mean() == pytest.approx(1 / 6, abs=0.15)
    assert not table.out[table.source == RECORD].any()
    of_models = table[table.source == RECORD].groupby("group").part
    assert of_models.nunique().max() == 1
    assert sorted(of_models.first()) == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert set(table.part[table.source != RECORD]) == {-1}


def test_every_essay_is_scored_by_a_network_that_had_not_seen_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taught first by what was written, then on with the record, less a third of it each time.

    The network that stays has seen all of the record, and scores what was left out of the rest.
    """
    table = pd.concat([rows(), essays()], ignore_index=True)
    table = table.assign(id=table.index.astype(str))
    learn_written(
        ENCODER, table[(table.source != RECORD) & ~left_out(table)], list(SAID.values()), tmp_path
    )
    seen = []
    real = train_reader.learn_on

    def noted(encoder: Encoder, shown: pd.DataFrame, *rest: object) -> Reader:
        seen.append(set(shown.group[shown.source == RECORD]))
        return real(encoder, shown, *rest)

    monkeypatch.setattr(train_reader, "learn_on", noted)
    found = learn_record(ENCODER, table, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("first.npz", "first.onnx", "first.txt", "reader.npz", "reader.onnx")
    }
    assert len(seen[0]) == 10
    left = table[left_out(table) | (table.source == RECORD)].merge(found, on=["source", "id"])
    assert len(left) == len(found) == left_out(table).sum() + (table.source == RECORD).sum()
    assert left[[f"manner_{at}" for at in range(HEADS["manner"])]].notna().all(axis=None)
    for number, models in enumerate(seen[1:]):
        own = set(table.group[thirds(table) == number])
        assert models == set(table.group[table.source == RECORD]) - own


def test_hard_rows_are_shown_more_often() -> None:
    """Degenerate answers that no rule tells are shown three times, excerpts of answers once."""
    table = rows(10)
    shown = learned_from(table.assign(text=table.text + ". And so it goes on and on."))
    assert (shown.manner[~shown.excerpt] == "degenerate").sum() == 30
    assert set(shown.manner[shown.excerpt]) == {"answers"}


def test_another_file_is_no_encoder(tmp_path: Path) -> None:
    """A file of another kind is refused in words."""
    path = tmp_path / "other.bin"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(UsageError, match="not an encoder"):
        e5_file.read_encoder(path)


def test_the_real_encoder() -> None:
    """The package's file holds 12 layers of 384 dimensions and 250,037 word pieces."""
    encoder = e5_file.read_encoder(e5_file.encoder_file())
    assert encoder.sizes["dimensions"] == 384
    assert encoder.sizes["layers"] == 12
    assert len(encoder.pieces) == 250_002
    assert encoder.pieces[encoder.special["end"]] == "</s>"
    found = tokenizer(encoder, np.arange(len(encoder.pieces)))
    assert found.encode("the harbour", add_special_tokens=False).tokens[0] == "▁the"
