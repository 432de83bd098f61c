"""The plan: which cells are asked, in an order that keeps what is shared together."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from probes.alphabets import also_written
from probes.cell import KINDS, Cell, Kind, Option, Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prompts.items import Item
    from prompts.load import Battery
    from prompts.schema import FrameSpec, Language, Slice, Topic

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
    cells: dict[str, Cell] = {}
    for code, language in battery.languages.items():
        for kind in KINDS:
            if kind in chosen.kinds:
                found = (
                    _own_cells(battery.items, code, language, kind)
                    if battery.items
                    else _battery_cells(battery, code, language, kind, chosen)
                )
                for cell in found:
                    cells.setdefault(cell.id, cell)
    return list(cells.values())[: chosen.limit]


def counts(cells: Sequence[Cell]) -> Counter[tuple[str, str]]:
    """Cells by language and kind."""
    return Counter((cell.language, cell.kind) for cell in cells)


def _battery_cells(
    battery: Battery, code: str, language: Language, kind: Kind, chosen: Selection
) -> Iterator[Cell]:
    if kind == "agree" or kind == "choose":  # noqa: PLR1714 - mypy narrows only the long form
        specs: tuple[FrameSpec, ...] = getattr(battery.frames, kind)
        specs = tuple(s for s in specs if chosen.frames is None or s.name in chosen.frames)
        for paraphrase in dict.fromkeys(spec.paraphrase for spec in specs):
            same_head = [spec for spec in specs if spec.paraphrase == paraphrase]
            for topic in battery.topics.values():
                texts = battery.texts(topic.id, code)
                if kind == "agree":
                    yield from _agree(topic, texts, code, language, same_head, chosen.families)
                elif "question" in texts:
                    yield from _choose(topic, texts, code, language, same_head)
    else:
        for topic in battery.topics.values():
            texts = battery.texts(topic.id, code)
            yield from _open(topic, texts, code, language, kind, chosen.openings)


def _agree(
    topic: Topic,
    texts: dict[str, str],
    code: str,
    language: Language,
    specs: Sequence[FrameSpec],
    families: int | None,
) -> Iterator[Cell]:
    scale = language.scale
    answers = (scale.strongly_agree, scale.agree, scale.disagree, scale.strongly_disagree)
    for key in topic.texts:
        if pair := _FAMILY.fullmatch(key):
            if families and int(pair[1]) > families:
                continue
            family, pole = f"s{pair[1]}", pair[2]
        elif mirror := _MIRROR.fullmatch(key):
            family, pole = mirror[1], "pro"
        else:
            continue
        sign = 1 if pole == "pro" else -1
        valued: list[tuple[str, float | None]] = [
            (answer, sign * value) for answer, value in zip(answers, AGREE_VALUES, strict=True)
        ]
        for spec in specs:
            frame = language.agree[spec.paraphrase - 1]
            for order in ORDERS:
                yield _scored_cell(
                    "agree",
                    topic,
                    code,
                    language,
                    spec,
                    order,
                    family=f"{topic.id}/{family}",
                    item=f"{topic.id}/{key}",
                    pole=pole,
                    head=frame.instruction,
                    stem=frame.statement.replace("{text}", texts[key]),
                    valued=valued,
                    closing=frame.forced if spec.forced else frame.unforced,
                    poles=(texts["pro"], texts["con"]),
                )


def _choose(
    topic: Topic,
    texts: dict[str, str],
    code: str,
    language: Language,
    specs: Sequence[FrameSpec],
) -> Iterator[Cell]:
    for spec in specs:
        frame = language.choose[spec.paraphrase - 1]
        for order in ORDERS:
            yield _scored_cell(
                "choose",
                topic,
                code,
                language,
                spec,
                order,
                family=f"{topic.id}/choose",
                item=f"{topic.id}/choose",
                pole=None,
                head=frame.instruction,
                stem=frame.question.replace("{text}", texts["question"]),
                valued=[(texts["pro"], 1.0), (texts["con"], -1.0)],
                closing=frame.forced if spec.forced else frame.unforced,
                poles=(texts["pro"], texts["con"]),
            )


def _scored_cell(
    kind: Literal["agree", "choose"],
    topic: Topic,
    code: str,
    language: Language,
    spec: FrameSpec,
    order: Order,
    *,
    family: str,
    item: str,
    pole: str | None,
    head: str,
    stem: str,
    valued: list[tuple[str, float | None]],
    closing: str,
    poles: tuple[str, str],
) -> Cell:
    shown = valued if order == "forward" else valued[::-1]
    if not spec.forced:
        shown = [*shown, (language.scale.decline, None)]
    options, suffix = _options(shown, spec.labels, closing, language)
    return Cell(
        kind=kind,
        topic=topic.id,
        domain=topic.domain,
        tag=topic.kind,
        language=code,
        family=family,
        item=item,
        pole=pole,
        frame=f"{kind}-{spec.name}",
        labels=spec.labels,
        forced=spec.forced,
        order=order,
        head=head + "\n\n",
        stem=stem + "\n\n",
        suffix=suffix,
        options=options,
        poles=poles,
        base_frame=(language.base.question, language.base.answer),
    )


def _options(
    shown: Sequence[tuple[str, float | None]], alphabet: str, closing: str, language: Language
) -> tuple[tuple[Option, ...], str]:
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
    gap = "" if language.script in _UNSPACED else " "
    suffix = "\n".join(lines) + "\n\n" + closing + gap + getattr(language.answer_with, alphabet)
    options = tuple(
        Option(label, text, value, also_written(label, language.script))
        for label, (text, value) in zip(labels, shown, strict=False)
    )
    return options, suffix


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
            suffix="",
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
            suffix="",
            poles=(item.pro or "", item.con or ""),
            base_frame=(language.base.question, language.base.answer),
        )
        if not item.options:
            yield plain
            continue
        forward = list(zip(item.options, item.values, strict=True))
        # one wording is given, so the frames differ in closing sentence and label alphabet
        for number, wording in enumerate(language.agree[:2], 1):
            for alphabet in ("letters", "digits"):
                for order in ORDERS:
                    shown = forward if order == "forward" else forward[::-1]
                    options, suffix = _options(shown, alphabet, wording.forced, language)
                    yield replace(
                        plain,
                        frame=f"own-p{number}-{alphabet}",
                        labels=alphabet,
                        forced=None not in item.values,
                        order=order,
                        stem=item.prompt + "\n\n",
                        suffix=suffix,
                        options=options,
                    )
