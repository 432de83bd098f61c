"""The shape of a battery's files.

The keys of a topic's ``texts`` are its structure: ``question``, ``pro`` and ``con`` name the
poles; ``s1.pro`` and ``s1.con`` are one question family, two direct opposites; ``open-1`` is an
open question; ``education-1``, ``law-1`` and ``medicine-1`` are scenarios; ``m1.us`` is a mirrored
statement about one government.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

TEXT_KEY = re.compile(
    r"question|pro|con|s[1-9]\d?\.(?:pro|con)|open-[1-9]\d?"
    r"|(?:education|law|medicine)-[1-9]\d?|m[1-9]\d?\.[a-z]{2}"
)
MAX_TEXT = 4_000

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?$")]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Texts = dict[str, Text]
Labels = Literal["letters", "digits", "words"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Term(_Model):
    """A word that is itself a position, and the choice made."""

    term: str
    choice: str
    why: str


class Topic(_Model):
    """A contested question with two poles, a set of controls, or a mirrored family."""

    id: Identifier
    title: Annotated[str, Field(max_length=32)]
    domain: Identifier
    kind: Literal["contested", "control", "mirror"]
    contested: str = ""
    terms: tuple[Term, ...] = Field(default=(), strict=False)
    sources: tuple[str, ...] = Field(default=(), strict=False)
    mirrors: tuple[Identifier, ...] = Field(default=(), strict=False)
    texts: Texts

    @field_validator("texts")
    @classmethod
    def _grammar(cls, texts: Texts) -> Texts:
        check_keys(texts)
        return texts

    @model_validator(mode="after")
    def _complete(self) -> Self:
        required = {"pro", "con"} | ({"question"} if self.kind == "contested" else set())
        for key in self.texts:
            if re.fullmatch(r"s\d+\.(pro|con)", key):
                required |= {key.split(".")[0] + ".pro", key.split(".")[0] + ".con"}
        if missing := sorted(required - self.texts.keys()):
            raise ValueError(f"the texts {', '.join(missing)} are missing")
        if self.kind == "contested" and not self.sources:
            raise ValueError("a contested topic needs at least one source")
        return self


def check_keys(texts: Texts) -> None:
    """Raise ValueError for a key that is no text's name."""
    for key in texts:
        if not TEXT_KEY.fullmatch(key):
            raise ValueError(
                f"“{key}” is no name of a text (question, pro, con, s1.pro, open-1, law-1, m1.us)"
            )


class Scale(_Model):
    """The four answers, from agreement to disagreement, and the way out."""

    strongly_agree: Text
    agree: Text
    disagree: Text
    strongly_disagree: Text
    decline: Text


class LabelSets(_Model):
    """What a model says to choose the first, second, … option."""

    letters: tuple[Text, ...] = Field(min_length=5, strict=False)
    digits: tuple[Text, ...] = Field(min_length=5, strict=False)


class AnswerWith(_Model):
    """What an answer should look like, by label alphabet."""

    letters: Text
    digits: Text
    words: Text


class AgreeFrame(_Model):
    """One paraphrase of asking for agreement with a statement."""

    instruction: Text
    closing: Text
    statement: Text

    @field_validator("statement")
    @classmethod
    def _holds_text(cls, text: str) -> str:
        return _with_text(text)


class ChooseFrame(_Model):
    """One paraphrase of asking which of two poles is nearer."""

    instruction: Text
    closing: Text
    question: Text

    @field_validator("question")
    @classmethod
    def _holds_text(cls, text: str) -> str:
        return _with_text(text)


def _with_text(text: str) -> str:
    if text.count("{text}") != 1:
        raise ValueError("must hold {text} exactly once")
    return text


class BaseFrame(_Model):
    """The plain question-and-answer frame of models without a chat template."""

    question: Text
    answer: Text


class Language(_Model):
    """One language: how questions are asked in it, and every text by topic and key."""

    language: LanguageCode
    name: str
    english_name: str
    script: Annotated[str, Field(pattern=r"^[A-Z][a-z]{3}$")]
    direction: Literal["ltr", "rtl"]
    readers: tuple[str, ...] = Field(default=(), strict=False)
    scale: Scale
    labels: LabelSets
    option: Text
    answer_with: AnswerWith
    agree: tuple[AgreeFrame, ...] = Field(min_length=2, strict=False)
    choose: tuple[ChooseFrame, ...] = Field(min_length=2, strict=False)
    base: BaseFrame
    texts: dict[Identifier, Texts] = Field(default_factory=dict)

    @field_validator("option")
    @classmethod
    def _holds_label(cls, text: str) -> str:
        if text.count("{label}") != 1 or text.count("{text}") != 1:
            raise ValueError("must hold {label} and {text} exactly once")
        return text


class FrameSpec(_Model):
    """A way of asking that the battery uses, in every language."""

    paraphrase: Annotated[int, Field(ge=1)]
    labels: Labels
    forced: bool

    @property
    def name(self) -> str:
        """A short name, such as ``p1-letters-forced``."""
        return f"p{self.paraphrase}-{self.labels}-{'forced' if self.forced else 'unforced'}"


class Frames(_Model):
    """The frames of each scored kind."""

    agree: tuple[FrameSpec, ...] = Field(min_length=1, strict=False)
    choose: tuple[FrameSpec, ...] = Field(min_length=1, strict=False)


class Slice(_Model):
    """A named part of a battery; what is absent is not narrowed.

    Attributes:
        families: statement pairs a topic, counted from s1.
        openings: open questions a topic, counted from open-1.
    """

    about: str
    topics: tuple[Identifier, ...] | None = Field(default=None, strict=False)
    languages: tuple[LanguageCode, ...] | None = Field(default=None, strict=False)
    kinds: tuple[Literal["agree", "choose", "open", "task"], ...] | None = Field(
        default=None, strict=False
    )
    frames: tuple[str, ...] | None = Field(default=None, strict=False)
    families: Annotated[int, Field(ge=1)] | None = None
    openings: Annotated[int, Field(ge=0)] | None = None


class Manifest(_Model):
    """``battery.yaml``: what the battery is and which files belong to it."""

    name: Identifier
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    licence: str
    about: str
    languages: tuple[LanguageCode, ...] = Field(min_length=1, strict=False)
    topics: tuple[Identifier, ...] = Field(min_length=1, strict=False)
    frames: Frames
    slices: dict[Identifier, Slice] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _slices_name_what_is_there(self) -> Self:
        frames = {spec.name for spec in (*self.frames.agree, *self.frames.choose)}
        for name, part in self.slices.items():
            asked = {*(part.topics or ()), *(part.languages or ()), *(part.frames or ())}
            if unknown := sorted(asked - {*self.topics, *self.languages, *frames}):
                raise ValueError(f"the slice {name} names {', '.join(unknown)}, which is not here")
        return self
