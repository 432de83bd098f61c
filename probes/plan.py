"""The plan: which cells are asked, in an order that keeps what is shared together."""

from __future__ import annotations

import gc
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from probes.alphabets import also_written
from probes.cell import KINDS, Cell, Kind, Option, Order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prompts.items import Item
    from prompts.load import Battery
    from prompts.schema import (
        FrameSpec,
        Language,
        Slice,
        Texts,
        Topic,
    )

AGREE_VALUES = (1.0, 1 / 3, -1 / 3, -1.0)
ORDERS: tuple[Order, Order] = ("forward", "reversed")

_UNSPACED = {"Hans", "Hant", "Jpan"}  # scripts that put no space between sentences
_FAMILY = re.compile(r"s(\d+)\.(pro|con)")
_OPENING = re.compile(r"open-(\d+)")
_SCENARIO = re.compile(r"(education|law|medicine)-\d+")
_MIRROR = re.compile(r"(m\d+)\.[a-z]{2}")


@dataclass(frozen=True)
class Selection:
    """What of a battery is asked; None narrows nothing.

    Attributes:
        frames: names such as ``p1-letters-forced``.
        families, openings: statement pairs and open questions a topic, at most.
        limit: cells, at most, counted from the plan's beginning.
    """

    kinds: tuple[Kind, ...] = KINDS
    frames: tuple[str, ...] | None = None
    families: int | None = None
    openings: int | None = None
    limit: int | None = None


def selection(part: Slice | None, kinds: Sequence[Kind] | None, limit: int | None) -> Selection:
    """The selection that a slice makes, narrowed by what the user named."""
    if part is None:
        return Selection(kinds=tuple(kinds or KINDS), limit=limit)
    return Selection(
        kinds=tuple(kinds or part.kinds or KINDS),
        frames=part.frames,
        families=part.families,
        openings=part.openings,
        limit=limit,
    )


def plan(battery: Battery, chosen: Selection) -> list[Cell]:
    """The cells of a battery, each once, by language, then kind, frame, topic and item.

    Cells with the same id (two topics that share a text) are asked once.
    """
    cells: list[Cell] = []
    for code, language in battery.languages.items():
        for kind in KINDS:
            if kind in chosen.kinds:
                found = (
                    _own_cells(battery.items, code, language, kind)
                    if battery.items
                    else _battery_cells(battery, code, language, kind, chosen)
                )
                with _without_collector():
                    cells += _each_once(found)
    return cells[: chosen.limit]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Python's collector would look again and again through cells that all stay."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _each_once(cells: Iterable[Cell]) -> Iterator[Cell]:
    """Drop the cells of one language and kind that have an earlier one's id.

    Only cells with the same prompt can; for the others no id is computed.
    """
    first: dict[tuple[str, str, str, str], Cell] = {}
    ids: set[str] = set()
    for cell in cells:
        earlier = first.setdefault((cell.head, cell.stem, cell.listing, cell.suffix), cell)
        if earlier is not cell:
            ids.add(earlier.id)
            if cell.id in ids:
                continue
            ids.add(cell.id)
        yield cell


def counts(cells: Sequence[Cell]) -> Counter[tuple[str, str]]:
    """Cells by language and kind."""
    return Counter((cell.language, cell.kind) for cell in cells)


@dataclass(frozen=True)
class _Way:
    """A frame in one order: what of a scored cell does not depend on the item."""

    frame: str
    labels: str
    forced: bool
    order: Order
    listing: str
    suffix: str
    options: tuple[Option, ...]


def _battery_cells(
    battery: Battery, code: str, language: Language, kind: Kind, chosen: Selection
) -> Iterator[Cell]:
    if kind == "agree" or kind == "choose":  # noqa: PLR1714 - mypy narrows only the long form
        specs: tuple[FrameSpec, ...] = getattr(battery.frames, kind)
        specs = tuple(s for s in specs if chosen.frames is None or s.name in chosen.frames)
        topics = [(topic, battery.texts(topic.id, code)) for topic in battery.topics.values()]
        for head in dict.fromkeys((spec.paraphrase, spec.labels) for spec in specs):
            same_head = [spec for spec in specs if (spec.paraphrase, spec.labels) == head]
            if kind == "agree":
                yield from _agree(topics, code, language, same_head, chosen.families)
            else:
                yield from _choose(topics, code, language, same_head)
    else:
        for topic in battery.topics.values():
            texts = battery.texts(topic.id, code)
            yield from _open(topic, texts, code, language, kind, chosen.openings)


def _agree(
    topics: Sequence[tuple[Topic, Texts]],
    code: str,
    language: Language,
    specs: Sequence[FrameSpec],
    families: int | None,
) -> Iterator[Cell]:
    frame = language.agree[specs[0].paraphrase - 1]
    scale = language.scale
    answers = (scale.strongly_agree, scale.agree, scale.disagree, scale.strongly_disagree)
    ways = {
        pole: _ways(
            "agree",
            specs,
            [(answer, sign * value) for answer, value in zip(answers, AGREE_VALUES, strict=True)],
            language,
        )
        for pole, sign in (("pro", 1), ("con", -1))
    }
    head = _head([frame.instruction, frame.closing], specs[0].labels, language)
    for topic, texts in topics:
        for key in topic.texts:
            if pair := _FAMILY.fullmatch(key):
                if families and int(pair[1]) > families:
                    continue
                family, pole = f"s{pair[1]}", pair[2]
            elif mirror := _MIRROR.fullmatch(key):
                family, pole = mirror[1], "pro"
            else:
                continue
            yield from _scored_cells(
                "agree",
                topic,
                texts,
                code,
                language,
                ways[pole],
                family=f"{topic.id}/{family}",
                item=f"{topic.id}/{key}",
                pole=pole,
                head=head,
                stem=frame.statement.replace("{text}", texts[key]) + "\n\n",
            )


def _choose(
    topics: Sequence[tuple[Topic, Texts]],
    code: str,
    language: Language,
    specs: Sequence[FrameSpec],
) -> Iterator[Cell]:
    frame = language.choose[specs[0].paraphrase - 1]
    head = _head([frame.instruction, frame.closing], specs[0].labels, language)
    for topic, texts in topics:
        if "question" not in texts:
            continue
        valued = [(texts["pro"], 1.0), (texts["con"], -1.0)]
        yield from _scored_cells(
            "choose",
            topic,
            texts,
            code,
            language,
            _ways("choose", specs, valued, language),
            family=f"{topic.id}/choose",
            item=f"{topic.id}/choose",
            pole=None,
            head=head,
            stem=frame.question.replace("{text}", texts["question"]) + "\n\n",
        )


def _ways(
    kind: Kind,
    specs: Sequence[FrameSpec],
    valued: Sequence[tuple[str, float]],
    language: Language,
) -> list[_Way]:
    ways = []
    for order in ORDERS:
        ordered = list(valued if order == "forward" else valued[::-1])
        for spec in specs:
            shown = [*ordered, *([] if spec.forced else [(language.scale.decline, None)])]
            options, lines = _options(shown, spec.labels, language)
            ways.append(
                _Way(
                    frame=f"{kind}-{spec.name}",
                    labels=spec.labels,
                    forced=spec.forced,
                    order=order,
                    listing="\n".join(lines[: len(ordered)]),
                    suffix="".join("\n" + line for line in lines[len(ordered) :]),
                    options=options,
                )
            )
    return ways


def _scored_cells(
    kind: Kind,
    topic: Topic,
    texts: Texts,
    code: str,
    language: Language,
    ways: Sequence[_Way],
    *,
    family: str,
    item: str,
    pole: str | None,
    head: str,
    stem: str,
) -> Iterator[Cell]:
    poles = (texts["pro"], texts["con"])
    base_frame = (language.base.question, language.base.answer)
    for way in ways:
        yield Cell(
            kind=kind,
            topic=topic.id,
            domain=topic.domain,
            tag=topic.kind,
            language=code,
            family=family,
            item=item,
            pole=pole,
            frame=way.frame,
            labels=way.labels,
            forced=way.forced,
            order=way.order,
            head=head,
            stem=stem,
            listing=way.listing,
            suffix=way.suffix,
            options=way.options,
            poles=poles,
            base_frame=base_frame,
        )


def _head(sentences: Sequence[str], alphabet: str, language: Language) -> str:
    """What is said before the item: all that does not depend on it."""
    gap = "" if language.script in _UNSPACED else " "
    return gap.join([*sentences, getattr(language.answer_with, alphabet)]) + "\n\n"


def _options(
    shown: Sequence[tuple[str, float | None]], alphabet: str, language: Language
) -> tuple[tuple[Option, ...], list[str]]:
    """The options with their labels, and the lines that show them."""
    if alphabet == "words":
        labels = [text for text, _ in shown]
        lines = [f"- {text}" for text in labels]
    else:
        labels = list(getattr(language.labels, alphabet))
        if len(shown) > len(labels):  # a user's own item may have more options than a frame
            labels = [chr(ord("A") + i) if alphabet == "letters" else str(i + 1) for i in range(26)]
        lines = [
            language.option.replace("{label}", label).replace("{text}", text)
            for label, (text, _) in zip(labels, shown, strict=False)
        ]
    options = tuple(
        Option(label, text, value, also_written(label, language.script))
        for label, (text, value) in zip(labels, shown, strict=False)
    )
    return options, lines


def _open(
    topic: Topic,
    texts: dict[str, str],
    code: str,
    language: Language,
    kind: Kind,
    openings: int | None,
) -> Iterator[Cell]:
    for key in topic.texts:
        opening = _OPENING.fullmatch(key)
        wanted = opening if kind == "open" else _SCENARIO.fullmatch(key)
        if not wanted or (opening and openings is not None and int(opening[1]) > openings):
            continue
        yield Cell(
            kind=kind,
            topic=topic.id,
            domain=topic.domain,
            tag=topic.kind,
            language=code,
            family=f"{topic.id}/{key}",
            item=f"{topic.id}/{key}",
            pole=None,
            frame=kind,
            labels="none",
            forced=False,
            order="none",
            head="",
            stem=texts[key],
            poles=(texts["pro"], texts["con"]),
            base_frame=(language.base.question, language.base.answer),
        )


def _own_cells(items: Sequence[Item], code: str, language: Language, kind: Kind) -> Iterator[Cell]:
    for item in items:
        if item.language != code or kind != ("choose" if item.options else "open"):
            continue
        plain = Cell(
            kind=kind,
            topic=item.topic,
            domain="own",
            tag="contested",
            language=code,
            family=item.id,
            item=item.id,
            pole=None,
            frame=kind,
            labels="none",
            forced=False,
            order="none",
            head="",
            stem=item.prompt,
            poles=(item.pro or "", item.con or ""),
            base_frame=(language.base.question, language.base.answer),
        )
        if not item.options:
            yield plain
            continue
        forward = list(zip(item.options, item.values, strict=True))
        # one wording is given, so the frames differ in what is said before it and in the labels
        for number, wording in enumerate(language.agree[:2], 1):
            for alphabet in ("letters", "digits"):
                for order in ORDERS:
                    shown = forward if order == "forward" else forward[::-1]
                    options, lines = _options(shown, alphabet, language)
                    yield replace(
                        plain,
                        frame=f"own-p{number}-{alphabet}",
                        labels=alphabet,
                        forced=None not in item.values,
                        order=order,
                        head=_head([wording.closing], alphabet, language),
                        stem=item.prompt + "\n\n",
                        listing="\n".join(lines),
                        options=options,
                    )
