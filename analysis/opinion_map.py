r"""The map: where models in languages lie by their stances on the same statements.

*Which method.* Classical multidimensional scaling (Torgerson 1952). A principal component analysis
of stances is the same thing where every point has every statement (Gower 1966), but it has no
answer where one is missing; distances between two points need only the statements that both have.

*Which distance.* Stance by stance, against noise. For points i and j, a statement and its frames f,
let :math:`x_f = s_{if} - s_{jf}`. The plain :math:`\bar x^2` is never zero, because stances move
with the wording. Its share of noise is :math:`\mathrm{var}(x_f) / F`, and without it

.. math:: d^2_{ij} = \bar x^2 - \frac{\mathrm{var}(x_f)}{F}
    = \frac{1}{F(F-1)} \sum_{f \ne g} x_f x_g

is zero on average for two points that differ by wording noise alone, as the excess divergence is
(a cross-validated distance: Walther et al. 2016). It may be negative. It is averaged over the
statements of a family, families of a topic, and topics, each counting alike.

*How sure.* Families are drawn anew (`resampling.family_weights`), the whole map is made again, and
turned or mirrored onto the full-sample map (orthogonal Procrustes: Schönemann 1966), because a map
has no up and no right of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analysis.grid import level_means
from analysis.intervals import family_mean
from analysis.resampling import family_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.rows import Basis

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

MOST_DRAWS = 500
"""A covariance needs no more, and each draw is a map of its own."""

LEAST_DRAWS = 20
"""In which every pair of points has a family in common."""

LEAST_POINTS = 3
MOST_CLUSTERS = 8
STRUCTURE = 0.25
"""Average silhouette below which groups are a figment (Kaufman & Rousseeuw 1990, table 4)."""

STABLE = 0.75
"""Mean Jaccard similarity from which a cluster counts as stable (Hennig 2007)."""

FEW_POINTS = "a map needs three combinations of model and language that can be measured"
DISJOINT = "shares no statement, in two frames or more, with all the other points"
NO_SPREAD = "the points do not differ beyond wording noise"
TOO_FEW = "too few question families to say how far the point may move"
LINE = "the points lie on one line"
ONE_GROUP = "no groups stand out"

POINTS = [
    *("model", "language", "x", "y", "major", "minor", "angle", "families", "cluster"),
    *("membership", "measurable", "reason"),
]
AXES = ["axis", "spread", "share", "low", "high", "stress", "reason"]
DRIVERS = ["axis", "topic", "share", "correlation"]
CLUSTERS = ["cluster", "points", "silhouette", "stability", "stable", "reason"]


@dataclass(frozen=True)
class OpinionMap:
    """Points on two axes. Undefined numbers are NaN and the row's ``reason`` says why.

    Attributes:
        points: a row per model and language: ``POINTS``. ``x, y`` are in units of stance;
            ``major, minor`` the half-axes of the 95 % ellipse round the point, ``angle`` that of
            the major one from the x axis, in degrees, counter-clockwise; ``families`` how many the
            point has; ``membership`` in [0, 1] how far the point keeps the company of its cluster
            when families are drawn anew (mean Jaccard similarity of its cluster in a draw and
            here).
        axes: ``x`` and ``y``: ``AXES``. ``spread`` is the mean squared coordinate; ``share`` of
            all eigenvalues, negative ones counted by size (Mardia, Kent & Bibby 1979), with the
            95 % range over draws; ``stress`` (Kruskal 1964, stress-1) is that of the map made of
            this axis and those above it.
        drivers: which topics an axis is made of: ``DRIVERS``. Shares add up to 1 in an axis, and
            may be negative; ``correlation`` is that of the points' stances with the coordinate.
        clusters: ``CLUSTERS``, average linkage on the full distances, not on the picture.
            ``stability`` is the mean over draws of the largest Jaccard similarity that a cluster
            of the draw has with this one.
        notes: sentences that must stand under the map.
    """

    points: pd.DataFrame
    axes: pd.DataFrame
    drivers: pd.DataFrame
    clusters: pd.DataFrame
    notes: list[str]


@dataclass(frozen=True)
class _Distances:
    """Squared distances by family.

    Attributes:
        squared: ``(pairs, families)`` in the order of ``scipy``'s condensed matrices; NaN where a
            pair has not both answered.
        topics: ``(families,)`` ascending numbers.
        names: of the topics.
        stances: ``(topics, points)``.
        has: ``(points, families)``, the point has a stance.
    """

    squared: Floats
    topics: Codes
    names: list[str]
    stances: Floats
    has: NDArray[np.bool_]

    def of(self, points: Codes) -> _Distances:
        """Some of the points only, with the families that some two of them can be compared on."""
        count = len(self.has)
        chosen = np.zeros(count, bool)
        chosen[points] = True
        i, j = np.triu_indices(count, 1)
        squared = self.squared[chosen[i] & chosen[j]]
        families = ~np.isnan(squared).all(0)
        return _Distances(
            squared[:, families],
            self.topics[families],
            self.names,
            self.stances[:, points],
            self.has[np.ix_(points, families)],
        )

    @property
    def weights(self) -> Floats:
        """Of each family, so that families of a topic and topics count alike; they sum to 1."""
        _, code, count = np.unique(self.topics, return_inverse=True, return_counts=True)
        return np.asarray(1 / (len(count) * count[code]))

    def mean(self, times: Floats) -> Floats:
        """Mean squared distances when families count so many times.

        Args:
            times: ``(draws, families)``.

        Returns:
            ``(draws, pairs)``; NaN where a pair has none of the families.
        """
        share = (times * self.weights).T
        there = ~np.isnan(self.squared)
        total = np.where(there, self.squared, 0) @ share
        weight = there.astype(float) @ share
        mean: Floats = np.divide(
            total, weight, where=weight > 0, out=np.full(total.shape, np.nan)
        ).T
        return mean


def opinion_map(basis: Basis) -> OpinionMap:
    """Lay out every measurable model and language by stance, with ellipses and clusters."""
    with threadpool_limits(1):  # on matrices this small, threads cost more than they bring
        return _made(basis)


def _made(basis: Basis) -> OpinionMap:
    grid = basis.grid
    languages = list(dict.fromkeys(basis.measurable["language"]))
    keys = [(model, language) for model in grid.models for language in languages]
    points = pd.DataFrame(keys, columns=["model", "language"]).reindex(columns=POINTS)
    points["reason"] = [basis.failures.get(key, "") for key in keys]
    found, asked = _distances(basis, languages)
    usable = np.array([not reason for reason in points["reason"]], bool) & asked
    points.loc[~asked & (points["reason"] == ""), "reason"] = "not asked"
    placed = _connected(found, np.flatnonzero(usable))
    points.loc[np.setdiff1d(np.flatnonzero(usable), placed), "reason"] = DISJOINT
    points["families"] = np.where(usable, found.has.sum(1), 0)
    if len(placed) < LEAST_POINTS:
        return _without(points, placed, FEW_POINTS)
    here = found.of(placed)
    whole = here.mean(np.ones((1, len(here.topics))))
    values, axes = _scaled(whole)
    if values[0, -1] <= 1e-12 or whole.mean() <= 0:
        return _without(points, placed, NO_SPREAD)

    rng = np.random.default_rng(basis.settings.stream("map"))
    draws = min(basis.settings.draws, MOST_DRAWS)
    drawn = here.mean(family_weights(here.topics, rng=rng, draws=draws))
    drawn = drawn[~np.isnan(drawn).any(1)]
    if len(drawn) < LEAST_DRAWS or len(here.topics) < 2:
        drawn = drawn[:0]  # no draw tells anything
    drivers = _drivers(here, values[0], axes[0])
    place = _coordinates(values, axes)[0] * _outward(drivers, here, axes[0])
    drawn_values, drawn_axes = _scaled(drawn)
    moved = _aligned(_coordinates(drawn_values, drawn_axes), place)
    df = len(here.topics) - len(np.unique(here.topics))
    df = df if df > 0 else len(here.topics) - 1  # all alone in their topics: one stratum
    points.loc[placed, ["x", "y"]] = place
    points.loc[placed, ["major", "minor", "angle"]] = _ellipses(moved - place, df)
    points.loc[placed, "reason"] = np.where(points.loc[placed, "major"].isna(), TOO_FEW, "")
    labels, clusters, membership = _clusters(whole[0], drawn)
    points.loc[placed, "cluster"] = labels
    points.loc[placed, "membership"] = membership
    points["measurable"] = points["x"].notna()
    shown = _axes(whole[0], values[0], place, drawn_values)
    drivers["correlation"] = [
        _correlation(here.stances[here.names.index(topic)], place[:, "xy".index(axis)])
        for axis, topic in zip(drivers["axis"], drivers["topic"], strict=True)
    ]
    return OpinionMap(points, shown, drivers, clusters, _notes(points, shown, here, basis))


def _distances(basis: Basis, languages: list[str]) -> tuple[_Distances, NDArray[np.bool_]]:
    """Squared distances of every model and language, and which of them were asked anything."""
    grid = basis.grid
    first = np.flatnonzero(np.diff(grid.frame, prepend=-1))
    about = grid.cells.iloc[first]
    names = about[["topic", "family", "item", "frame"]].astype(str)
    slots = names.drop_duplicates().sort_values([*names]).reset_index(drop=True)
    slot = pd.MultiIndex.from_frame(slots).get_indexer(pd.MultiIndex.from_frame(names))
    spoken = pd.Index(languages).get_indexer(pd.Index(about["language"]))
    stances = np.full((len(grid.models), len(languages), len(slots)), np.nan)
    if len(first):
        stances[:, spoken, slot] = level_means(grid.stance.T, grid.frame).T
    table = stances.reshape(len(grid.models) * len(languages), len(slots))
    item, family, topic = (
        np.asarray(slots.groupby(list(names.columns[:depth])).ngroup(), np.intp)
        for depth in (3, 2, 1)
    )
    family_of_item, topic_of_family = (
        part[np.flatnonzero(np.diff(codes, prepend=-1))]
        for part, codes in ((family, item), (topic, family))
    )
    items = level_means(table.T, item)
    families = level_means(items, family_of_item)
    return _Distances(
        squared=_against_noise(table, item, family_of_item),
        topics=topic_of_family,
        names=sorted(slots["topic"].unique()),
        stances=level_means(families, topic_of_family),
        has=~np.isnan(families).T,
    ), ~np.isnan(table).all(1)


def _against_noise(table: Floats, item: Codes, family_of_item: Codes) -> Floats:
    """Mean product of differences in two frames, averaged over the statements of a family.

    Args:
        table: ``(points, slots)`` stance in each frame of each statement.
        item: ``(slots,)`` statement of each, ascending.
        family_of_item: ``(items,)``.

    Returns:
        ``(pairs, families)``; NaN where a pair has no two frames of a statement in common.
    """
    i, j = np.triu_indices(len(table), 1)
    squared = np.full((len(family_of_item), len(i)), np.nan)
    for number in range(len(squared)):
        columns = item == number
        there = ~np.isnan(table[:, columns])
        s, m = np.where(there, table[:, columns], 0), there.astype(float)
        frames = (m @ m.T)[i, j]
        one, two = s @ m.T, (s * s) @ m.T
        total = (one - one.T)[i, j]
        squares = (two + two.T - 2 * s @ s.T)[i, j]
        pairs = frames * (frames - 1)
        np.divide(total**2 - squares, pairs, where=pairs > 0, out=squared[number])
    return level_means(squared, family_of_item).T


def _connected(found: _Distances, points: Codes) -> Codes:
    """Leave out points one by one, the loneliest first, until every pair can be compared."""
    kept = points
    while len(kept) > 1:
        missing = squareform(np.isnan(found.of(kept).squared).all(1).astype(float)).sum(1)
        if not missing.any():
            break
        kept = np.delete(kept, len(kept) - 1 - np.argmax(missing[::-1]))
    return kept


def _scaled(squared: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues ``(m, points)``, ascending, and vectors of doubly centred squared distances."""
    count = round((1 + np.sqrt(1 + 8 * squared.shape[1])) / 2)
    i, j = np.triu_indices(count, 1)
    cube = np.zeros((len(squared), count, count))
    cube[:, i, j] = cube[:, j, i] = squared
    centred = cube - cube.mean(1, keepdims=True)
    centred -= centred.mean(2, keepdims=True)
    values, vectors = np.linalg.eigh(-0.5 * centred)
    return values, vectors[:, :, ::-1][:, :, :2]


def _coordinates(values: Floats, axes: Floats) -> Floats:
    """``(m, points, 2)``; zero along an axis that has no spread."""
    largest = values[:, ::-1][:, :2]
    return np.asarray(axes * np.sqrt(np.maximum(largest, 0))[:, None, :])


def _aligned(drawn: Floats, place: Floats) -> Floats:
    """Turn or mirror each map onto the full-sample one, all at once."""
    u, _, vt = np.linalg.svd(drawn.transpose(0, 2, 1) @ place)
    return np.asarray(drawn @ (u @ vt))


def _ellipses(moved: Floats, df: int) -> Floats:
    """Half-axes and angle of each point's 95 % ellipse, ``(points, 3)``.

    Args:
        moved: ``(draws, points, 2)`` from the full-sample place.
        df: of the covariance; the ellipse is Hotelling's.
    """
    if df < 2 or not len(moved):
        return np.full((moved.shape[1], 3), np.nan)
    reach = 2 * df / (df - 1) * stats.f.ppf(0.95, 2, df - 1)
    covariance = np.einsum("dpi,dpj->pij", moved, moved) / len(moved)
    spread, directions = np.linalg.eigh(covariance)
    half = np.sqrt(np.maximum(spread, 0) * reach)
    angle = np.degrees(np.arctan2(directions[:, 1, 1], directions[:, 0, 1])) % 180
    return np.column_stack([half[:, 1], half[:, 0], angle])


def _drivers(here: _Distances, values: Floats, axes: Floats) -> pd.DataFrame:
    """Each topic's share of the eigenvalue of each axis, which is a sum over topics."""
    there = ~np.isnan(here.squared)
    share = here.weights * there
    share /= share.sum(1, keepdims=True)
    part = np.where(there, here.squared, 0) * share
    lines = []
    for number, axis in enumerate("xy"):
        value = values[-1 - number]
        if value <= 1e-12:
            continue
        for topic in np.unique(here.topics):
            square = squareform(part[:, here.topics == topic].sum(1))
            weight = -0.5 * axes[:, number] @ square @ axes[:, number] / value
            lines.append([axis, here.names[topic], float(weight)])
    table = pd.DataFrame(lines, columns=DRIVERS[:3])
    return table.sort_values(["axis", "share"], ascending=[True, False], ignore_index=True)


def _outward(drivers: pd.DataFrame, here: _Distances, axes: Floats) -> Floats:
    """Signs that put the pro side of an axis's first topic to the right, or to the top."""
    signs = np.ones(2)
    for number, axis in enumerate("xy"):
        topics = drivers.loc[drivers["axis"] == axis, "topic"]
        if len(topics):
            stances = here.stances[here.names.index(str(topics.iloc[0]))]
            signs[number] = -1 if _correlation(stances, axes[:, number]) < 0 else 1
    return signs


def _correlation(x: Floats, y: Floats) -> float:
    there = ~np.isnan(x)
    x, y = x[there], y[there]
    if len(x) < LEAST_POINTS or np.ptp(x) < 1e-9 or np.ptp(y) < 1e-9:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def _axes(squared: Floats, values: Floats, place: Floats, drawn: Floats) -> pd.DataFrame:
    distance = np.sqrt(np.maximum(squared, 0))
    shares = drawn[:, ::-1][:, :2] / np.abs(drawn).sum(1, keepdims=True)
    i, j = np.triu_indices(len(place), 1)
    lines = []
    for number, axis in enumerate("xy"):
        value = values[-1 - number]
        flat = value <= 1e-12
        some = place[:, : number + 1]
        misfit = np.linalg.norm(some[i] - some[j], axis=1) - distance
        known = len(shares) and not flat
        low, high = np.quantile(shares[:, number], [0.025, 0.975]) if known else [np.nan, np.nan]
        lines.append(
            {
                "axis": axis,
                "spread": max(value, 0) / len(place),
                "share": max(value, 0) / np.abs(values).sum(),
                "low": np.maximum(low, 0),
                "high": np.maximum(high, 0),
                "stress": np.sqrt((misfit**2).sum() / (distance**2).sum()),
                "reason": LINE if flat else "",
            }
        )
    return pd.DataFrame(lines, columns=AXES)


def _clusters(squared: Floats, drawn: Floats) -> tuple[Codes, pd.DataFrame, Floats]:
    """Cluster of each point, the table of clusters, and how far each point keeps company."""
    distance = np.sqrt(np.maximum(squared, 0))
    square = squareform(distance)
    tree = linkage(distance, "average")
    count = len(square)
    best, labels, silhouette = 1, np.ones(count, np.int32), STRUCTURE
    for k in range(2, min(MOST_CLUSTERS, count - 1) + 1):
        cut = fcluster(tree, k, "maxclust")
        if len(np.unique(cut)) != k:
            continue
        score = float(silhouette_score(square, cut, metric="precomputed"))
        if score > silhouette:
            best, labels, silhouette = k, cut, score
    numbers = np.asarray(pd.factorize(labels)[0], np.intp)
    if best == 1:
        line = [1, count, np.nan, np.nan, False, ONE_GROUP]
        table = pd.DataFrame([line], columns=CLUSTERS)
        return numbers + 1, table, np.full(count, np.nan)
    here = np.eye(best)[numbers]
    stability, membership = _stability(here, drawn)
    table = pd.DataFrame(
        {
            "cluster": np.arange(1, best + 1),
            "points": here.sum(0).astype(int),
            "silhouette": silhouette,
            "stability": stability,
            "stable": stability >= STABLE,
            "reason": "" if len(drawn) else TOO_FEW,
        },
        columns=CLUSTERS,
    )
    return numbers + 1, table, membership


def _stability(here: Floats, drawn: Floats) -> tuple[Floats, Floats]:
    """How well each cluster, and each point's company in it, comes back in the draws.

    Args:
        here: ``(points, clusters)``, 1 where a point belongs.
        drawn: ``(draws, pairs)`` squared distances.
    """
    count, best = here.shape
    if not len(drawn):
        return np.full(best, np.nan), np.full(count, np.nan)
    trees = [linkage(row, "average") for row in np.sqrt(np.maximum(drawn, 0))]
    there = np.array([np.eye(best)[fcluster(tree, best, "maxclust") - 1] for tree in trees])
    both = np.einsum("dpl,pk->dlk", there, here)
    similar = both / np.maximum(there.sum(1)[:, :, None] + here.sum(0) - both, 1)
    membership = np.einsum("dpl,dlk,pk->p", there, similar, here, optimize=True) / len(there)
    return similar.max(1).mean(0), membership


def _notes(points: pd.DataFrame, axes: pd.DataFrame, here: _Distances, basis: Basis) -> list[str]:
    placed = int(points["measurable"].sum())
    notes = [
        (
            f"{placed} of {len(points)} combinations of model and language are on the map; the rest"
            " are not measurable."
        ),
        (
            "Points that lie close give like stances on the same statements; the distance is in"
            " units of stance, less what wording alone brings about. Which way is up has no"
            " meaning of its own."
        ),
        (
            f"Two axes cannot hold all of it: they show {axes['share'].sum():.0%} of the spread"
            f" (stress {axes['stress'].iloc[-1]:.2f})."
        ),
    ]
    by_family = pd.DataFrame(here.squared).mean().to_numpy()
    there = ~np.isnan(by_family)
    overall = family_mean(
        by_family[there],
        here.topics[there],
        rng=np.random.default_rng(basis.settings.stream("map/spread")),
        draws=basis.settings.draws,
    )
    if not overall.low[0] > 0:
        notes.append(
            "The points are not shown to differ beyond wording noise: no position should be read"
            " from the map."
        )
    return notes


def _without(points: pd.DataFrame, placed: Codes, reason: str) -> OpinionMap:
    points.loc[placed, "reason"] = reason
    points["measurable"] = False
    axes, drivers, clusters = (
        pd.DataFrame(columns=columns) for columns in (AXES, DRIVERS, CLUSTERS)
    )
    return OpinionMap(points, axes, drivers, clusters, [f"There is no map: {reason}."])
