"""What ids are called on a page, and in what order they come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports import fonts, languages, safe_text
from reports.records import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis.study import Study
    from reports.records import Row

ALL = languages.ALL


@dataclass(frozen=True)
class Labels:
    """Display names by id, without the row ``all``, each in display order."""

    models: dict[str, str]
    topics: dict[str, str]
    languages: dict[str, str]

    def named(self, sentence: str) -> str:
        """A sentence of the study with the models' names in place of their ids."""
        ids = sorted(self.models, key=len, reverse=True)
        pattern = "|".join(rf"(?<![\w.-]){re.escape(key)}(?![\w-])" for key in ids)
        named = re.sub(pattern, lambda match: self.models[match[0]], sentence)
        return named.replace(" %", "%").replace(" -", " \u2212")

    def pair(self, row: Row) -> str:
        """The two models of a divergence row."""
        return f"{self.models[row['a']]} and {self.models[row['b']]}"


def labels(study: Study, titles: Mapping[str, str]) -> Labels:
    """Names for a study; topics come by how far the models are apart on them, farthest first.

    Args:
        study: what is shown.
        titles: of topics, by id; a topic without one is named after its id.
    """
    models = study.models
    named = models["name"].fillna("")
    names = named.where(~named.duplicated(keep=False) & (named != ""), models["id"])
    codes = sorted(in_order(study.asked["language"]), key=languages.name)
    return Labels(
        models={key: _shown(name) for key, name in zip(models["id"], names, strict=True)},
        topics={topic: _shown(titles.get(topic) or topic_name(topic)) for topic in _topics(study)},
        languages={code: _shown(languages.name(code)) for code in codes},
    )


def _shown(name: str) -> str:
    return safe_text.for_print(" ".join(name.split()), fonts.covered())


def _topics(study: Study) -> list[str]:
    scored = study.divergence
    rows = scored[(scored["language"] == ALL) & (scored["topic"] != ALL)]
    far = rows.groupby("topic", sort=True)["excess"].mean()
    ordered = far.sort_values(ascending=False, kind="stable", na_position="last").index.tolist()
    rest = in_order(study.stance.loc[study.stance["topic"] != ALL, "topic"])
    return list(dict.fromkeys([*ordered, *sorted(rest)]))


def topic_name(topic: str) -> str:
    """A topic's id as a heading: ``death-penalty`` is ``Death penalty``."""
    name = topic.replace("-", " ").replace("_", " ").strip()
    return name[:1].upper() + name[1:]
