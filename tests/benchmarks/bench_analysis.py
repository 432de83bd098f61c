"""How long the analysis of a million scored responses takes, and our bootstrap against scipy's.

python tests/benchmarks/bench_analysis.py --write BENCHMARKS.md

Prints a table in Markdown, and puts it into a file if so asked. The answers are those of the
simulated backend: 20 models, 12 languages, 40 topics of three families (those that surveys ask
about among them), two statements each, eight frames, both orders; with controls and mirrored
statements.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pandas as pd
import psutil
import scipy
from scipy import stats

from analysis.exploration import explore
from analysis.human_reference import figures
from analysis.intervals import family_mean
from analysis.study import study
from analysis.tables import Tables
from probes.backends.simulated import COVERAGE, SHARPNESS, WORDING_NOISE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RUNS = 5
DRAWS = 2000
MOST_SECONDS, MOST_GIGABYTES, LEAST_TIMES = 60, 3, 50
MODELS, LANGUAGES, TOPICS, FAMILIES, FRAMES = 20, 12, 40, 3, 8
VALUES = np.array([1, 1 / 3, -1 / 3, -1])
BEGIN, END = "<!-- analysis: begin -->", "<!-- analysis: end -->"


def main() -> None:
    """Print the table, and put it into the file that is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", type=Path, metavar="FILE", help="whose table is replaced")
    wanted = parser.parse_args()
    text = measured()
    sys.stdout.write(text)
    if wanted.write:
        before, _, rest = wanted.write.read_text("utf-8").partition(BEGIN)
        _, end, after = rest.partition(END)
        if not end:
            raise SystemExit(f"{wanted.write} has no section between {BEGIN} and {END}.")
        wanted.write.write_text(f"{before}{BEGIN}\n{text}{END}{after}", "utf-8")


def measured() -> str:
    """All rows, as Markdown."""
    tables = simulated_tables()
    parts = [
        [timed(partial(make, tables, draws=DRAWS)) for make in (study, explore)]
        for _ in range(RUNS)
    ]
    first, second = zip(*parts, strict=True)
    whole = [sum(both) for both in parts]
    # of the process so far: the answers, and nothing of the rows below
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    rows = [
        (
            "everything a report shows, 2,000 resamples and 2,000 permutations",
            seconds(whole),
            f"at most {MOST_SECONDS} s",
            said(median(whole) <= MOST_SECONDS),
        ),
        (
            "of it `study`: stances, divergences, tests, gates, the multiverse",
            *(seconds(first), "", ""),
        ),
        (
            "of it `explore`: variance, languages, countries, the map, publics",
            *(seconds(second), "", ""),
        ),
        (
            "peak memory of the process, the answers among it",
            *(f"{peak:.2f} GB", f"at most {MOST_GIGABYTES} GB", said(peak <= MOST_GIGABYTES)),
        ),
        *bootstraps(tables.scored),
    ]
    about = (
        f"- {len(tables.scored):,} scored responses: {MODELS} models × {LANGUAGES} languages ×"
        f" {TOPICS} topics × {FAMILIES} families × 2 statements × {FRAMES} frames × 2 orders, and"
        f" controls. {machine()}; median of {RUNS} runs (smallest–largest);"
        f" {datetime.now(UTC).date()}.\n"
    )
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"| work | measured | wanted | met |\n|---|---|---|---|\n{lines}\n{about}"


def seconds(times: Sequence[float]) -> str:
    """The median with the smallest and the largest."""
    if median(times) < 1:
        low, middle, high = (1000 * f(times) for f in (min, median, max))
        return f"{middle:.1f} ms ({low:.1f}–{high:.1f})"
    return f"{median(times):.1f} s ({min(times):.1f}–{max(times):.1f})"


def said(met: bool) -> str:
    """Whether what was wanted was reached."""
    return "yes" if met else "**no**"


def bootstraps(scored: pd.DataFrame) -> list[tuple[str, ...]]:
    """The mean stance of each model with its BCa interval, families as clusters, three ways."""
    contested = scored[scored["tag"] == "contested"]
    # written out model by model, each model's cells by language and family
    cells = contested["stance"].to_numpy().reshape(MODELS, LANGUAGES, TOPICS * FAMILIES, -1)
    cells = np.ascontiguousarray(cells.transpose(2, 1, 3, 0)).reshape(TOPICS * FAMILIES, -1, MODELS)

    def ours() -> tuple[np.ndarray, np.ndarray]:
        chance = np.random.default_rng(0)
        found = family_mean(cells.mean(1), rng=chance, draws=DRAWS, method="bca")
        return found.low, found.high

    def scipys() -> tuple[np.ndarray, np.ndarray]:
        found = stats.bootstrap(
            (np.arange(len(cells)),),
            lambda drawn: cells[drawn].mean((0, 1)),
            n_resamples=DRAWS,
            vectorized=False,
            rng=np.random.default_rng(1),
        ).confidence_interval
        return found.low, found.high

    def prepared() -> tuple[np.ndarray, np.ndarray]:
        found = stats.bootstrap(
            (cells.mean(1),), np.mean, n_resamples=DRAWS, axis=0, rng=np.random.default_rng(1)
        ).confidence_interval
        return found.low, found.high

    # two ends of 2,000 draws differ by 0.085 standard errors; five times that is allowed
    se = cells.mean(1).std(0, ddof=1) / np.sqrt(len(cells))
    for theirs in (scipys(), prepared()):
        for own, other in zip(ours(), theirs, strict=True):
            if (np.abs(own - other) > 5 * 0.085 * se).any():
                raise SystemExit("The intervals differ by more than their Monte Carlo error.")
    mine, cluster, means = zip(
        *([timed(way) for way in (ours, scipys, prepared)] for _ in range(RUNS)), strict=True
    )
    times = [median(theirs) / median(mine) for theirs in (cluster, means)]
    what = f"mean stance of {MODELS} models from {cells.size:,} responses, BCa over families"
    return [
        (f"{what}: `family_mean`", seconds(mine), "", ""),
        (
            "the same by `scipy.stats.bootstrap` of families",
            f"{seconds(cluster)}: {times[0]:,.0f}×",
            f"at least {LEAST_TIMES}×",
            said(times[0] >= LEAST_TIMES),
        ),
        (
            "the same by `scipy.stats.bootstrap`, vectorised, of means by family taken before",
            f"{seconds(means)}: {times[1]:.1f}×",
            *("", ""),
        ),
    ]


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begin = perf_counter()
    action()
    return perf_counter() - begin


def machine() -> str:
    """What it ran on."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    memory = psutil.virtual_memory().total / 1e9
    return (
        f"{processor}, {os.cpu_count()} cores, {memory:.0f} GB; Python {platform.python_version()},"
        f" numpy {np.__version__}, pandas {pd.__version__}, scipy {scipy.__version__}"
    )


def simulated_tables() -> Tables:
    """A run in which all models were asked everything."""
    chance = np.random.default_rng(0)

    def contested(shape: tuple[int, ...]) -> np.ndarray:
        """A stance of the family, common to all models but for a little."""
        own = chance.normal(0, 0.2, (shape[0], 1, *shape[2:]))
        return chance.uniform(-1, 1, (1, 1, *shape[2:])) + own

    def plain(shape: tuple[int, ...]) -> np.ndarray:
        return np.full((1,) * len(shape), 0.9)

    surveyed = sorted(figures()["topic"].unique())
    topics = [*surveyed, *(f"contested-{t:02}" for t in range(TOPICS - len(surveyed)))]
    controls = [f"control-{t:02}" for t in range(10)]
    scored = pd.concat(
        [
            answers(chance, "contested", topics, FAMILIES, ["pro", "con"], contested),
            answers(chance, "control", controls, 1, ["pro", "con"], plain),
            answers(chance, "mirror", ["mirror"], 1, ["us", "cn", "ru", "fr"], contested),
        ],
        ignore_index=True,
    )
    models = pd.DataFrame({"id": scored["model"].unique()})
    for column in ("name", "developer", "country", "licence", "backend", "weights", "quantisation"):
        models[column] = models["id"]
    models["country"] = [f"country-{place % 4}" for place in range(MODELS)]
    models = models.assign(base=False, details=[{} for _ in models["id"]], failed=0)
    columns = [
        *("model", "language", "topic", "domain", "kind", "family", "item", "cell", "prompt"),
        *("text", "reasoning", "ending", "error"),
    ]
    return Tables({}, models, scored, pd.DataFrame(columns=columns, dtype=object))


def answers(
    chance: np.random.Generator,
    tag: str,
    topics: list[str],
    families: int,
    items: list[str],
    planted: Callable[[tuple[int, ...]], np.ndarray],
) -> pd.DataFrame:
    """Scored rows of one tag."""
    shape = (MODELS, LANGUAGES, len(topics), families, len(items), FRAMES, 2)
    family = planted(shape[:4])[..., None, None, None]
    language = chance.normal(0, 0.1, (*shape[:4], 1, 1, 1))
    wording = chance.normal(0, WORDING_NOISE, (*shape[:6], 1))
    stance = (family + language + wording + np.zeros(shape)).reshape(-1)
    weights = np.exp(-SHARPNESS * (stance[:, None] - VALUES) ** 2)
    p = weights / weights.sum(1, keepdims=True)
    at = dict(zip("mltfiwo", np.indices(shape).reshape(7, -1), strict=True))

    def named(names: list[str], code: np.ndarray) -> pd.Series:
        return pd.Series(pd.Categorical.from_codes(code, names)).astype(str)

    family_names = [f"{topic}/s{f}" for topic in topics for f in range(families)]
    family_code = at["t"] * families + at["f"]
    cell = np.arange(len(stance)) % (len(stance) // MODELS)
    rows = pd.DataFrame(
        {
            "model": named([f"model-{m:02}" for m in range(MODELS)], at["m"]),
            "language": named([f"l{x:02}" for x in range(LANGUAGES)], at["l"]),
            "topic": named(topics, at["t"]),
            "family": named(family_names, family_code),
            "item": named(
                [f"{name}.{item}" for name in family_names for item in items],
                family_code * len(items) + at["i"],
            ),
            "pole": named(items, at["i"]) if tag != "mirror" else None,
            "frame": named([f"agree-p{f}" for f in range(FRAMES)], at["w"]),
            "option_order": named(["forward", "reversed"], at["o"]),
            "cell": named([f"{tag}{x:07x}" for x in range(len(stance) // MODELS)], cell),
        }
    )
    rows[["p0", "p1", "p2", "p3"]] = p
    usual = {"domain": "d", "kind": "agree", "labels": "letters", "forced": True, "K": 4}
    return rows.assign(tag=tag, declined=0.0, stance=p @ VALUES, coverage=COVERAGE, **usual)


if __name__ == "__main__":
    main()
