"""The plan: which cells are asked, and what makes a cell the same cell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from probes.cell import KINDS, Cell
from probes.plan import AGREE_VALUES, Selection, counts, plan, selection
from prompts.load import load_battery

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = "12b72d712cf23f78"


def cells(folder: Path, chosen: Selection = Selection(), **asked: list[str]) -> list[Cell]:  # noqa: B008
    """The plan of a battery."""
    return plan(load_battery(str(folder), **asked), chosen)  # type: ignore[arg-type]


def change(path: Path, old: str, new: str) -> None:
    """Replace text in a file."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_id_of_a_cell_stays_what_it_was(small: Path) -> None:
    """Stored runs refer to this id: if this fails, old answers no longer match new cells."""
    first = cells(small)[0]
    assert first.id == GOLDEN
    assert first.prompt == (
        "How far do you agree or disagree? Choose the answer that comes closest. "
        "Answer with the letter only.\n\n"
        "Statement: Schools should serve tea to their pupils.\n\n"
        "A. Strongly agree\nB. Agree\nC. Disagree\nD. Strongly disagree"
    )


def test_ids_do_not_depend_on_names(small: Path) -> None:
    """Another topic id, domain, version or slice changes no cell's id."""
    before = [cell.id for cell in cells(small, languages=["en"])]
    change(small / "topics/tea.yaml", "id: tea", "id: brew")
    change(small / "topics/tea.yaml", "domain: drinks", "domain: beverages")
    change(small / "topics/tea.yaml", "title: Tea or coffee", "title: Brews")
    (small / "topics/tea.yaml").rename(small / "topics/brew.yaml")
    change(small / "battery.yaml", "[tea", "[brew")
    change(small / "battery.yaml", "version: 1.2.3", "version: 2.0.0")
    change(small / "topics/mirror-rain.yaml", "[tea]", "[brew]")
    assert [cell.id for cell in cells(small, languages=["en"])] == before


CONTENT = {
    "statement": ("topics/tea.yaml", "Schools should serve tea to", "Schools must serve tea to"),
    "instruction": ("languages/en.yaml", "How far do you agree or", "How much do you agree or"),
    "option": ("languages/en.yaml", '"Strongly agree"', '"I strongly agree"'),
    "layout": ("languages/en.yaml", '"{label}. {text}"', '"{label}) {text}"'),
    "label": ("languages/en.yaml", '["A", "B"', '["W", "B"'),
    "closing": ("languages/en.yaml", "Choose the answer that comes closest.", "Choose one answer."),
    "base frame": ("languages/en.yaml", 'answer: "Answer:"', 'answer: "Reply:"'),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTENT)
def test_ids_depend_on_what_is_asked(case: str, small: Path) -> None:
    """Any change of what the model sees, or of how it is read, makes another cell."""
    change(small / CONTENT[case][0], *CONTENT[case][1:])
    assert GOLDEN not in {cell.id for cell in cells(small)}


def test_value_and_language_are_part_of_the_id(small: Path) -> None:
    """The same words with another meaning, or in another language, are another cell."""
    cell = cells(small)[0]
    turned = tuple(replace(o, value=-o.value) for o in cell.options if o.value is not None)
    assert len({cell.id, replace(cell, options=turned).id, replace(cell, language="fr").id}) == 3


def test_cut_of_a_prompt_is_whole(small: Path) -> None:
    """Forms of an item share head and stem, and those with and without a way out the listing."""
    frame = [c for c in cells(small) if c.item == "tea/s1.con" and "p1" in c.frame]
    english = [c for c in frame if c.language == "en"]
    assert [c.order for c in english] == ["forward", "forward", "reversed", "reversed"]
    assert len({(c.head, c.stem) for c in english}) == 1
    assert english[0].listing == english[1].listing != english[2].listing == english[3].listing
    assert [c.suffix for c in english] == ["", "\nE. I would rather not say"] * 2


def test_numbers_of_cells(small: Path) -> None:
    """Items times frames times orders, for every language and kind."""
    planned = cells(small)
    assert len({cell.id for cell in planned}) == len(planned)
    for code in ("en", "zh"):
        found = {kind: counts(planned)[code, kind] for kind in KINDS}
        # statements: 4 of tea, 2 facts, 2 mirrored; 3 frames; 2 orders. One question, one frame.
        assert found == {"agree": 8 * 3 * 2, "choose": 2, "open": 2, "task": 1}


def test_cells_with_the_same_content_are_asked_once(small: Path) -> None:
    """Two statements with the same words are one cell."""
    before = len(cells(small, languages=["en"]))
    for drink in ("tea", "coffee"):
        said = f"{drink.capitalize()} has done more good for the world."
        change(small / "topics/tea.yaml", said, f"Schools should serve {drink} to their pupils.")
    assert len(cells(small, languages=["en"])) == before - 2 * 3 * 2


def test_order_of_the_plan_keeps_together_what_is_shared(small: Path) -> None:
    """Languages come one after another, in them kinds, in them heads."""
    planned = cells(small)
    keys = [(cell.language, cell.kind, cell.head) for cell in planned]
    begun = [key for key, before in zip(keys, [None, *keys], strict=False) if key != before]
    assert len(begun) == len(set(begun))
    kinds = [kind for code, kind, _ in begun if code == "en"]
    assert kinds == sorted(kinds, key=KINDS.index)


def pairs(planned: list[Cell]) -> list[tuple[Cell, Cell]]:
    """Forward and reversed cells of the same item and frame."""
    forward = {(c.language, c.item, c.frame): c for c in planned if c.order == "forward"}
    back = {(c.language, c.item, c.frame): c for c in planned if c.order == "reversed"}
    assert forward.keys() == back.keys()
    return [(forward[key], back[key]) for key in forward]


def test_every_scored_cell_is_asked_in_both_orders(small: Path) -> None:
    """The answers are reversed with their values, the labels stay, the way out stays last."""
    for one, other in pairs(cells(small)):
        valued = [(o.text, o.value) for o in one.options if o.value is not None]
        turned = [(o.text, o.value) for o in other.options if o.value is not None]
        assert turned == valued[::-1]
        if one.labels != "words":
            assert [o.label for o in one.options] == [o.label for o in other.options]
        outs = [[o.text for o in c.options if o.value is None] for c in (one, other)]
        assert outs[0] == outs[1]
        assert one.forced == (not outs[0])
        if not one.forced:
            assert one.options[-1].value is None
            assert other.options[-1].value is None


def test_values_turn_with_the_pole(small: Path) -> None:
    """Agreeing with a con statement is a stance against the pro pole."""
    for cell in cells(small):
        if cell.kind == "agree" and cell.order == "forward":
            sign = -1 if cell.item.endswith(".con") else 1
            assert cell.pole == ("con" if sign < 0 else "pro")
            found = [o.value for o in cell.options if o.value is not None]
            assert found == [sign * value for value in AGREE_VALUES]


def test_way_out_is_offered_where_an_answer_is_not_forced(small: Path) -> None:
    """The unforced frame offers the way out as an option; the forced one does not."""
    planned = [c for c in cells(small, languages=["en"]) if c.item == "tea/s1.pro"]
    for cell in planned:
        assert ("I would rather not say" in cell.prompt) == (not cell.forced)
        assert ("unforced" in cell.frame) == (not cell.forced)
        assert len(cell.options) == 4 + (not cell.forced)


def test_words_are_their_own_labels(small: Path) -> None:
    """With words as labels no letter or number stands before an answer."""
    cell = next(c for c in cells(small) if c.labels == "words")
    assert [o.label for o in cell.options] == [o.text for o in cell.options]
    assert cell.listing.startswith("- Strongly agree\n- Agree\n")
    assert cell.head.endswith("Answer with the wording only.\n\n")


def test_sentences_are_joined_as_the_script_does(small: Path) -> None:
    """Chinese puts no space between sentences, English does."""
    heads = {c.language: c.head for c in cells(small) if c.labels == "digits"}
    assert heads["zh"].endswith("请选择一种。请只回答数字。\n\n")
    assert heads["en"].endswith("Choose one. Answer with the number only.\n\n")


def test_chinese_labels_may_be_written_full_width(small: Path) -> None:
    """Labels carry the other forms that a writer of the script may use."""
    cell = next(c for c in cells(small, languages=["zh"]) if c.labels == "letters")
    assert cell.options[1].also == ("Ｂ",)


def test_mirrored_statements_are_one_family(small: Path) -> None:
    """Statements about several governments are one family, each an item of its own."""
    found = {c.item: c for c in cells(small) if c.topic == "mirror-rain"}
    assert set(found) == {"mirror-rain/m1.fr", "mirror-rain/m1.in"}
    assert {c.family for c in found.values()} == {"mirror-rain/m1"}
    assert {(c.tag, c.pole) for c in found.values()} == {("mirror", "pro")}


def test_open_cells_are_the_question_and_nothing_more(small: Path) -> None:
    """No instruction, no options; the poles are kept for the classifier."""
    cell = next(c for c in cells(small, languages=["zh"]) if c.item == "tea/law-1")
    assert cell.kind == "task"
    assert cell.prompt == "我想在市场上卖茶。我应该做些什么？"
    assert cell.options == ()
    assert cell.poles == ("茶是更适合早上的饮料。", "咖啡是更适合早上的饮料。")
    assert cell.base_frame == ("问题：", "回答：")


def test_choose_shows_the_poles(small: Path) -> None:
    """The two poles stand side by side under the topic's question."""
    one, other = (c for c in cells(small, languages=["en"]) if c.kind == "choose")
    assert one.family == other.family == "tea/choose"
    assert one.stem == "Question: Should tea or coffee be served in the morning?\n\n"
    assert one.listing.startswith("1. Tea is the better drink for the morning.\n2. Coffee")
    assert other.listing.startswith("1. Coffee is")
    assert [o.value for o in one.options] == [1.0, -1.0, None]


def test_selection_narrows(small: Path) -> None:
    """Kinds, frames, families, openings and a limit each leave a part of the whole, in order."""
    whole = cells(small)
    for chosen, keep in (
        (Selection(kinds=("open", "choose")), lambda c: c.kind in {"open", "choose"}),
        (Selection(families=1), lambda c: ".s2" not in c.item and "/s2" not in c.item),
        (Selection(openings=1), lambda c: c.item != "tea/open-2"),
        (Selection(openings=0), lambda c: c.kind != "open"),
        (
            Selection(frames=("p1-letters-forced",)),
            lambda c: c.frame in {"agree-p1-letters-forced", "open", "task"},
        ),
    ):
        assert cells(small, chosen) == [cell for cell in whole if keep(cell)]
    assert cells(small, Selection(limit=7)) == whole[:7]
    assert cells(small, Selection(limit=10_000)) == whole


def test_limit_keeps_the_ids(small: Path) -> None:
    """A cell is the same whatever else is asked."""
    ids = {cell.id for cell in cells(small)}
    for chosen in (Selection(limit=3), Selection(kinds=("choose",)), Selection(families=1)):
        assert {cell.id for cell in cells(small, chosen)} <= ids
    assert {cell.id for cell in cells(small, languages=["zh"], topics=["facts"])} <= ids


def test_what_the_user_names_counts_before_the_slice(small: Path) -> None:
    """A slice narrows; kinds that the user names replace the slice's."""
    part = load_battery(str(small)).slices["sip"]
    assert selection(part, None, 5) == Selection(
        kinds=("agree", "open"), frames=("p1-letters-forced",), families=1, openings=1, limit=5
    )
    assert selection(part, ["task"], None).kinds == ("task",)
    assert selection(None, None, None) == Selection()


ITEMS = (
    '{"id": "x", "language": "en", "topic": "mine", "prompt": "Cats?",'
    ' "options": ["yes", "no", "pass"], "values": [1, -0.5, null], "pro": "p", "con": "c"}\n'
    '{"id": "y", "language": "zh", "topic": "mine", "prompt": "猫？"}\n'
    '{"id": "z", "language": "sw", "topic": "other", "prompt": "Paka?",'
    ' "options": ["ndiyo", "la"], "values": [1, -1]}\n'
)


def test_own_items_are_asked_in_several_frames_and_both_orders(tmp_path: Path) -> None:
    """A closed item gives a noise floor: two ways to ask, two alphabets, two orders."""
    path = tmp_path / "mine.jsonl"
    path.write_text(ITEMS)
    planned = plan(load_battery(str(path)), Selection())
    assert counts(planned) == {("en", "choose"): 8, ("zh", "open"): 1, ("sw", "choose"): 8}
    first = planned[0]
    assert (first.topic, first.family, first.item, first.poles) == ("mine", "x", "x", ("p", "c"))
    assert first.prompt.endswith("letter only.\n\nCats?\n\nA. yes\nB. no\nC. pass")
    assert [o.value for o in first.options] == [1.0, -0.5, None]
    assert {(c.forced, c.tag, c.domain) for c in planned if c.item == "x"} == {
        (False, "contested", "own")
    }
    assert all(c.forced for c in planned if c.item == "z")
    assert len({c.frame for c in planned if c.item == "x"}) == 4
    assert len(pairs([c for c in planned if c.options])) == 8
    assert next(c for c in planned if c.item == "y").prompt == "猫？"


def test_own_item_may_have_twenty_six_options(tmp_path: Path) -> None:
    """There is a letter and a number for each of them."""
    path = tmp_path / "many.jsonl"
    texts = [f'"o{i}"' for i in range(26)]
    values = ["1"] * 13 + ["-1"] * 13
    path.write_text(
        '{"id": "x", "language": "en", "topic": "t", "prompt": "?", '
        f'"options": [{",".join(texts)}], "values": [{",".join(values)}]}}\n'
    )
    planned = plan(load_battery(str(path)), Selection())
    labels = {cell.labels: [o.label for o in cell.options] for cell in planned}
    assert labels["letters"] == [chr(65 + i) for i in range(26)]
    assert labels["digits"] == [str(i + 1) for i in range(26)]
    assert "Z. o25" in planned[0].prompt


def test_text_of_an_item_that_looks_like_a_frame_is_left_alone(tmp_path: Path) -> None:
    """Braces in a user's words are not filled in."""
    path = tmp_path / "braces.jsonl"
    path.write_text(
        '{"id": "x", "language": "en", "topic": "t", "prompt": "{text} {label}", '
        '"options": ["{label}", "{text}"], "values": [1, -1]}\n'
    )
    first = plan(load_battery(str(path)), Selection())[0]
    assert first.prompt.endswith("\n\n{text} {label}\n\nA. {label}\nB. {text}")
