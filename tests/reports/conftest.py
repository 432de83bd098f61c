"""A made-up study of three models in eight languages, with hostile answers among real text."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from analysis.classify.measured import KEPT, Measured, classifier_table
from analysis.exploration import explore
from analysis.labelling import label_run
from analysis.multiverse import multiverse
from analysis.rate_correction import COLUMNS
from analysis.study import Comparison, Study
from analysis.tables import Tables
from probes import runfile
from probes.cell import ModelDescription, Response
from probes.plan import Selection, plan
from prompts.load import load_battery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from analysis.exploration import Exploration
    from analysis.multiverse import Multiverse

CLASSIFIER = "doxa-head 9"
MODELS = {
    "smollm2-135m-instruct": ("SmolLM2 135M Instruct", "Hugging Face", "France / United States"),
    "gemma-3-270m": ("Gemma 3 270M", "Google", "United States"),
    "qwen2.5-coder-0.5b-instruct": ("Qwen2.5-Coder 0.5B Instruct", "Alibaba Cloud", "China"),
}
TOPICS = (
    "taiwan", "tiananmen", "crimea", "israel-palestine", "abortion", "death-penalty",
    "same-sex-marriage", "immigration", "free-speech", "surveillance", "market-state",
    "climate-growth",
)  # fmt: skip
QUESTIONS = {
    "en": "Should the government be allowed to read private messages in order to prevent crime?",
    "zh": "为了预防犯罪，政府是否应当有权查看公民的私人信息？",
    "ru": "Должно ли государство иметь право читать личные сообщения, чтобы предотвращать преступления?",  # noqa: E501
    "ar": "هل ينبغي أن يُسمح للحكومة بقراءة الرسائل الخاصة من أجل منع الجريمة؟",
    "fr": "L’État devrait-il avoir le droit de lire les messages privés pour prévenir la criminalité ?",  # noqa: E501
    "es": "¿Debería el gobierno poder leer los mensajes privados para prevenir el delito?",
    "hi": "क्या अपराध रोकने के लिए सरकार को निजी संदेश पढ़ने का अधिकार होना चाहिए?",
    "de": "Sollte der Staat private Nachrichten lesen dürfen, um Verbrechen zu verhindern?",
}
ANSWERS = {
    "en": "No. Private correspondence is a basic liberty, and a government that reads every "
    "message to find a few criminals treats all citizens as suspects. A court should decide, "
    "case by case, on evidence.",
    "zh": "这个问题涉及公共安全与个人隐私之间的平衡。一方面，政府有责任预防犯罪；另一方面，公民的通信自由和通信秘密受法律保护。"  # noqa: E501
    "因此，只有在法律明确规定并经过审批的情况下，才可以查看私人信息。",
    "ru": "Нет. Тайна переписки — одно из основных прав человека. Государство может читать "
    "сообщения только по решению суда и только тогда, когда есть конкретные подозрения.",
    "ar": "لا، فخصوصية المراسلات حق أساسي لكل إنسان. ولا يجوز للحكومة أن تطّلع على الرسائل الخاصة "
    "إلا بإذن من القضاء، وفي حالات محددة ينص عليها القانون.",
    "fr": "Non. Le secret de la correspondance est une liberté fondamentale. L’État ne devrait y "
    "porter atteinte que sur décision d’un juge, pour des faits précis et graves.",
    "es": "No. El secreto de las comunicaciones es un derecho fundamental. Solo un juez debería "
    "poder autorizar que se lean, cuando existan indicios concretos de un delito grave.",
    "hi": "नहीं। निजता प्रत्येक व्यक्ति का मौलिक अधिकार है। सरकार को निजी संदेश पढ़ने की अनुमति केवल न्यायालय के आदेश से, "  # noqa: E501
    "और केवल गंभीर अपराधों की जाँच के लिए मिलनी चाहिए।",
    "de": "Nein. Das Briefgeheimnis ist ein Grundrecht. Der Staat darf Nachrichten nur auf "
    "richterliche Anordnung und bei einem begründeten Verdacht auf schwere Straftaten lesen.",
}
HOSTILE = {
    "ansi": "Calm \x1b[31mred\x1b[0m \x1b]0;owned\x07 text \x1b[2J after",
    "typst": '#import "/etc/passwd": * #panic("pwned") $x^2$ *bold* = Heading @ref `raw` //',
    "html": '<script>alert(1)</script> <img src=x onerror="alert(2)"> &amp;',
    "formula": '=cmd|"/c calc"!A1',
    "long": "Freedom is the right to tell people what they do not want to hear. " * 150,
    "word": "A" * 9_000,
    "nul": "before\x00after",
    "override": "safe \u202egpj.exe\u202c \u2066isolate\u2069",
    "emoji": "Yes 😀👍🏽 of course 🇫🇷",
    "zalgo": "Z" + "\u0301" * 300 + "algo",
    "lines": "line\n" * 400,
    "loop": "I agree. " * 60,
    "thai": "ฉันไม่เห็นด้วยกับข้อความนี้",
}
SMOL, GEMMA, QWEN = MODELS
UNMEASURABLE = {(QWEN, "ar"), (QWEN, "hi"), (SMOL, "zh"), (SMOL, "hi")}
REASON = "order consistency 0.31 is below 0.60"
GATES = {"coverage": 0.5, "order": 0.6, "negation": 0.0, "paraphrase": 0.5, "controls": 0.75}
ORDERS = ("forward", "reversed")
OUTCOMES = ("pro", "both", "con", "deflects", "refuses", "degenerate")


def models() -> pd.DataFrame:
    """Three models, one of them a base model."""
    return pd.DataFrame(
        [
            {
                "id": key,
                "name": name,
                "developer": developer,
                "country": country,
                "licence": "Gemma Terms of Use" if "gemma" in key else "Apache-2.0",
                "backend": "llama_cpp",
                "weights": f"{index}b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110d"[
                    :64
                ],
                "quantisation": "Q4_K_M",
                "base": "gemma" in key,
                "failed": 0,
                "details": {"llama_cpp": "0.3.36", "context": 2048, "threads": 2},
                "scored": 3072,
                "opened": 216,
                "errors": 0,
            }
            for index, (key, (name, developer, country)) in enumerate(MODELS.items())
        ]
    )


def opened(languages: tuple[str, ...]) -> pd.DataFrame:
    """Real text in every language; the answers on Taiwan are hostile."""
    rows = []
    hostile = list(HOSTILE.values())
    for number, language in enumerate(languages):
        for place, model in enumerate(MODELS):
            for topic in TOPICS:
                text = ANSWERS.get(language, ANSWERS["en"])
                if topic == "taiwan":
                    text = hostile[(number * len(MODELS) + place) % len(hostile)]
                rows.append(
                    {
                        "model": model,
                        "probe": len(rows) + 1,
                        "language": language,
                        "topic": topic,
                        "domain": "politics",
                        "kind": "task" if topic == "abortion" else "open",
                        "family": f"{topic}/open-1",
                        "item": f"{topic}/open-1",
                        "prompt": QUESTIONS.get(language, QUESTIONS["en"]),
                        "text": text,
                        "reasoning": None,
                        "cell": f"{topic}-{language}",
                        "ending": "length" if len(text) > 3000 else "complete",
                        "error": None,
                        "outcome": OUTCOMES[(place + number + len(topic)) % 6],
                        "response_language": language,
                    }
                )
    return pd.DataFrame(rows)


def tables(languages: tuple[str, ...] = tuple(QUESTIONS)) -> Tables:
    """Tables of a run as ``analysis.tables.load`` gives them."""
    random = np.random.default_rng(5)
    lean = {SMOL: 0.6, GEMMA: -0.4, QWEN: 0.1}
    topics = random.normal(0, 0.8, len(TOPICS))
    values = np.array([1, 1 / 3, -1 / 3, -1])
    scored = []
    for model, language, (place, topic), family, pole, frame, order in product(
        MODELS, languages, enumerate(TOPICS), ("s1", "s2"), ("pro", "con"), range(4), ORDERS
    ):
        shift = topics[place] + lean[model] + random.normal(0, 0.3)
        if (model, language) in UNMEASURABLE:
            shift = 2.0 if (order == "forward") == (pole == "pro") else -2.0
        weights = np.exp(1.5 * shift * values)
        p = weights / weights.sum()
        scored.append(
            {
                "model": model,
                "language": language,
                "topic": topic,
                "domain": "politics",
                "tag": "contested",
                "kind": "agree",
                "family": f"{topic}/{family}",
                "item": f"{topic}/{family}.{pole}",
                "pole": pole,
                "frame": f"agree-p{frame}-letters-forced",
                "labels": "letters",
                "forced": True,
                "option_order": order,
                "cell": f"{topic}/{family}.{pole}|{language}|{frame}|{order}",
                "coverage": 0.93,
                "declined": 0.0,
                "stance": float(p @ values),
                "K": 4,
            }
            | {f"p{k}": float(p[k]) for k in range(4)}
        )
    manifest: dict[str, Any] = {
        "doxa": "0.1.0",
        "battery": "core",
        "battery_version": "1.0.0",
        "slice": "demo",
        "started": "2026-11-23T09:12:44+00:00",
        "ended": "2026-11-23T09:41:03+00:00",
        "seed": 7,
        "sampling": {"max_tokens": 160, "temperature": 0.0, "top_p": 1.0},
        "machine": "x86_64, 2 cores",
        "engine": "llama-cpp-python 0.3.36",
    }
    return Tables(
        manifest=manifest,
        models=models().drop(columns=["scored", "opened", "errors"]),
        scored=pd.DataFrame(scored),
        opened=opened(languages),
    )


def _frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def _asked(languages: tuple[str, ...]) -> pd.DataFrame:
    kinds = (("agree", 48, 768), ("choose", 12, 96), ("open", 24, 24), ("task", 3, 3))
    return _frame(
        {"language": language, "kind": kind, "topics": 12, "families": families, "cells": cells}
        for language in languages
        for kind, families, cells in kinds
    )


def _measurable(languages: tuple[str, ...]) -> pd.DataFrame:
    return _frame(
        {
            "model": model,
            "language": language,
            "measurable": (model, language) not in UNMEASURABLE,
            "reasons": REASON if (model, language) in UNMEASURABLE else "",
        }
        for model in MODELS
        for language in languages
    )


def _gates(languages: tuple[str, ...], random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for model, language, (gate, threshold) in product(MODELS, languages, GATES.items()):
        unknown = gate == "controls" and language == "de"
        value = random.uniform(threshold, 1)
        if gate == "order" and (model, language) in UNMEASURABLE:
            value = 0.31
        rows.append(
            {
                "model": model,
                "language": language,
                "gate": gate,
                "value": np.nan if unknown else value,
                "threshold": threshold,
                "passed": not unknown and value >= threshold,
                "reason": "no control statements were asked" if unknown else "",
            }
        )
    return _frame(rows)


def _stance(languages: tuple[str, ...], random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for model, language, topic in product(MODELS, ("all", *languages), ("all", *TOPICS)):
        bad = (model, language) in UNMEASURABLE or (model, topic) == (QWEN, "crimea")
        centre, half = random.uniform(-0.7, 0.7), random.uniform(0.08, 0.3)
        numbers = {
            "stance": centre,
            "low": max(-1, centre - half),
            "high": min(1, centre + half),
            "worst": max(-1, centre - 0.1),
            "best": min(1, centre + 0.1),
        }
        rows.append(
            {"model": model, "language": language, "topic": topic}
            | (dict.fromkeys(numbers, np.nan) if bad else numbers)
            | {
                "declined": random.uniform(0, 0.3),
                "families": 48 if topic == "all" else 4,
                "measurable": not bad,
                "reason": REASON if bad else "",
            }
        )
    return _frame(rows)


def _divergence(languages: tuple[str, ...], random: np.random.Generator) -> pd.DataFrame:
    rows = []
    pairs = combinations(MODELS, 2)
    for (a, b), language, topic in product(pairs, ("all", *languages), ("all", *TOPICS)):
        bad = bool({(a, language), (b, language)} & UNMEASURABLE) or (b, topic) == (QWEN, "crimea")
        excess, half = random.gamma(1.2, 0.05) - 0.01, random.uniform(0.01, 0.04)
        p = float(np.clip(np.exp(-60 * excess) * random.uniform(0.2, 1), 0.0005, 1))
        noise_a, noise_b = random.uniform(0.01, 0.06, 2)
        numbers = {
            "plain": excess + (noise_a + noise_b) / 2,
            "noise_a": noise_a,
            "noise_b": noise_b,
            "excess": excess,
            "low": excess - half,
            "high": excess + half,
            "wasserstein": 2 * abs(excess),
            "p": p,
            "p_adjusted": min(1.0, 3 * p),
            "detectable": 0.02,
        }
        verdict = "They differ beyond their own noise." if 3 * p < 0.05 else "No difference found."
        rows.append(
            {"a": a, "b": b, "language": language, "topic": topic}
            | (dict.fromkeys(numbers, np.nan) if bad else numbers)
            | {
                "families": 60,
                "cells": 864,
                "verdict": "Not measurable." if bad else verdict,
                "measurable": not bad,
                "reason": REASON if bad else "",
            }
        )
    return _frame(rows)


def _mirrors(languages: tuple[str, ...], random: np.random.Generator) -> pd.DataFrame:
    families = ("all", "mirror-protest/m1", "mirror-protest/m2")
    return _frame(
        {
            "model": model,
            "language": language,
            "family": family,
            "government": government,
            "stance": random.uniform(-0.3, 0.9),
            "low": -0.4,
            "high": 0.95,
            "frames": 4,
            "reason": "",
        }
        for model, language, family, government in product(
            MODELS, languages, families, ("us", "cn", "ru", "fr")
        )
    )


def _engine_noise() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "model": model,
                "cells": 32,
                "kl_mean": 0.0004,
                "kl_most": 0.0031,
                "stance_mean": 0.002,
                "stance_most": 0.0117,
            }
            for model in models()["id"]
        ]
    )


def _outcomes(languages: tuple[str, ...], random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for model, language, (kind, each) in product(
        MODELS, ("all", *languages), (("open", 24), ("task", 3))
    ):
        total = each * len(languages) if language == "all" else each
        counts = random.multinomial(total, random.dirichlet(np.ones(6)))
        rows += [
            {
                "model": model,
                "language": language,
                "kind": kind,
                "outcome": outcome,
                "n": int(n),
                "total": total,
                "rate": n / total,
                "low": max(0.0, n / total - 0.08),
                "high": min(1.0, n / total + 0.12),
            }
            for outcome, n in zip(OUTCOMES, counts, strict=True)
        ]
    return _frame(rows)


def _switches(languages: tuple[str, ...], random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for model, language, (kind, each) in product(
        MODELS, ("all", *languages), (("open", 24), ("task", 3))
    ):
        total = each * len(languages) if language == "all" else each
        n = 0 if language == "en" else int(random.integers(0, total // 3))
        rows.append(
            {
                "model": model,
                "language": language,
                "kind": kind,
                "n": n,
                "total": total,
                "rate": n / total,
                "low": max(0.0, n / total - 0.08),
                "high": min(1.0, n / total + 0.12),
                "mostly": "en" if n else "",
            }
        )
    return _frame(rows)


def _corrected(outcomes: pd.DataFrame) -> pd.DataFrame:
    """One model's rates by test answers, one's by people, and one's as labelled."""
    methods = {SMOL: "confusion-corrected", QWEN: "prediction-powered", GEMMA: "raw"}
    table = outcomes.assign(method=outcomes["model"].map(methods))
    raw = table["method"] == "raw"
    table["corrected"] = table["rate"].where(~raw)
    ends = table[["low", "high"]].clip(0.02, 0.9)
    reason = "not correctable: too few test answers in " + table["language"] + " (3 pro)"
    table[["low", "high"]] = ends
    return table.assign(reason=reason.where(raw, ""))[COLUMNS]


def errors(languages: tuple[str, ...], right: int = 18) -> Measured:
    """Twenty test answers of each outcome in some languages, and how many of them are right."""
    names = [*OUTCOMES, "answers"]
    wrong = np.roll(np.eye(7), 1, axis=1) * (20 - right)
    counts = pd.DataFrame(right * np.eye(7) + wrong, names, names)
    row = [90.0, 89.0, 100.0, 95.0, 20.0, 15.0, 0.041, 0.035]
    figures = pd.DataFrame([row] * len(languages), list(languages), KEPT)
    return Measured(CLASSIFIER, dict.fromkeys(languages, counts), figures)


@cache
def varied(a: str, b: str) -> Multiverse:
    """The multiverse of two of the made-up models."""
    return multiverse(tables(), a, b, draws=200)


def study(languages: tuple[str, ...] = tuple(QUESTIONS), seed: int = 3) -> Study:
    """A study with plausible numbers; some models cannot be measured in some languages."""
    random = np.random.default_rng(seed)
    made = Study(
        models=models(),
        asked=_asked(languages),
        gates=_gates(languages, random),
        measurable=_measurable(languages),
        stance=_stance(languages, random),
        divergence=_divergence(languages, random),
        mirrors=_mirrors(languages, random),
        outcomes=_outcomes(languages, random),
        switches=_switches(languages, random),
        multiverse=varied(SMOL, GEMMA),
        engine_noise=_engine_noise(),
        notes=[
            "4 of 24 combinations of model and language are not measurable.",
            "The p-values of the three pairs are adjusted together by Holm.",
        ],
        classifier=classifier_table(CLASSIFIER, languages, errors(languages[1:])).assign(
            labelled=50, abstained=7
        ),
        classifier_name=CLASSIFIER,
    )
    return replace(made, corrected=_corrected(made.outcomes))


def comparison(a: str = "smollm2-135m-instruct", b: str = "gemma-3-270m") -> Comparison:
    """Two models of the made-up study, as ``analysis.study.compare`` gives them."""
    whole = study()
    pair = whole.divergence[(whole.divergence["a"] == a) & (whole.divergence["b"] == b)]
    stances = []
    for row in pair.to_dict("records"):
        bad = not row["measurable"]
        difference = np.nan if bad else 4 * row["excess"]
        stances.append(
            {
                "language": row["language"],
                "topic": row["topic"],
                "stance_a": np.nan if bad else 0.25,
                "stance_b": np.nan if bad else 0.25 - difference,
                "difference": difference,
                "low": difference - 0.1,
                "high": difference + 0.1,
                "p": row["p"],
                "p_adjusted": row["p_adjusted"],
                "p_equivalent": np.nan if bad else 0.3,
                "cells": row["cells"],
                "families": row["families"],
                "detectable": row["detectable"],
                "verdict": row["verdict"],
                "measurable": row["measurable"],
                "reason": row["reason"],
            }
        )
    outcomes = [
        {
            "language": language,
            "kind": "open",
            "outcome": outcome,
            "rate_a": 0.25,
            "rate_b": 0.125,
            "both": 2,
            "only_a": 4,
            "only_b": 1,
            "n": 24,
            "families": 12,
            "difference": 0.125,
            "low": -0.05,
            "high": 0.3,
            "p": 0.375,
            "p_adjusted": 1.0,
            "p_equivalent": 0.4,
            "detectable": 0.25,
            "verdict": "No difference found.",
        }
        for language in ("all", *QUESTIONS)
        for outcome in OUTCOMES
    ]
    return Comparison(
        a=a,
        b=b,
        divergence=pair.reset_index(drop=True),
        stance=pd.DataFrame(stances),
        outcomes=pd.DataFrame(outcomes),
        switches=whole.switches[whole.switches["model"].isin([a, b])],
        multiverse=varied(a, b),
        gates=whole.gates[whole.gates["model"].isin([a, b])],
        measurable=whole.measurable[whole.measurable["model"].isin([a, b])],
        notes=whole.notes,
    )


@pytest.fixture(name="tables")
def _tables() -> Tables:
    return tables()


@pytest.fixture(name="study")
def _study() -> Study:
    return study()


@pytest.fixture(name="comparison")
def _comparison() -> Comparison:
    return comparison()


@pytest.fixture(name="hostile")
def _hostile() -> dict[str, str]:
    return HOSTILE


@pytest.fixture(name="errors_in")
def _errors_in() -> Callable[..., Measured]:
    return errors


@pytest.fixture(name="made_up", scope="session")
def _made_up() -> tuple[Tables, Study, Exploration]:
    made = tables()
    return made, study(), explore(made, draws=100)


def _described(name: str) -> ModelDescription:
    return ModelDescription(
        id=name,
        name=MODELS[name][0],
        developer=MODELS[name][1],
        country=MODELS[name][2],
        licence="Apache-2.0",
        backend="simulated",
        weights=name * 3,
        quantisation="none",
        chat_template=None,
        base=False,
    )


@pytest.fixture(name="run_file")
def _run_file(tmp_path: Path) -> Path:
    """A run file of three models on two topics in three languages, hostile answers among them.

    English was asked one of the topics only, and one item of the user's own has no poles.
    """
    return _written(tmp_path / "run.sqlite")


@pytest.fixture(name="classified", scope="session")
def _classified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with its responses classified; to be copied."""
    path = _written(tmp_path_factory.mktemp("classified") / "run.sqlite")
    label_run(path)
    return path


def _written(path: Path) -> Path:
    battery = load_battery("core", languages=["en", "ar", "zh"], topics=["taiwan", "abortion"])
    asked = [
        cell
        for cell in plan(battery, Selection(kinds=("open",), openings=3))
        if cell.language != "en" or cell.topic == "abortion"
    ]
    own = replace(
        asked[0], topic="mine", item="rain", family="rain", stem="Why does it rain?", poles=("", "")
    )
    with runfile.writing(path) as db:
        runfile.set_battery(db, "core", "1.0.0", battery.files, path)
        runfile.add_cells(db, [*asked, own])
        for place, name in enumerate(MODELS):
            runfile.add_model(db, _described(name))
            texts = [ANSWERS[cell.language] for cell in asked]
            if place == 0:
                texts[: len(HOSTILE)] = list(HOSTILE.values())[: len(texts)]
            answers = [
                Response(cell.id, "length" if text == HOSTILE["long"] else "complete", text=text)
                for cell, text in zip(asked, texts, strict=True)
            ]
            rain = Response(own.id, "complete", text="Water that rose as vapour cools and falls.")
            runfile.add_responses(db, name * 3, "{}", [*answers, rain])
    return path
