"""Real answers in every language of the battery get the outcome that a reader gives them."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.classify.classify import classify
from analysis.classify.labels import STANCES, Answer, Label

LANGUAGES = [
    "en",
    "zh",
    "zh-Hant",
    "ru",
    "ar",
    "fr",
    "es",
    "de",
    "hi",
    "ja",
    "ko",
    "pt",
    "tr",
    "fa",
]
ROUNDING = 5e-3
"""What a probability may differ by in other company: a number in 8 bits that hangs between two."""

EXAMPLES = yaml.safe_load(Path(__file__).with_name("examples.yaml").read_text(encoding="utf-8"))


def answers(language: str, part: str = "examples") -> list[tuple[str, Answer]]:
    """What is expected, and the answer, for every example in a language."""
    own = EXAMPLES[language]
    pairs = []
    for line in own[part]:
        outcome, prompt, response = (piece.strip() for piece in line.split("|", 2))
        pro, con = (None, None) if prompt else (own["pro"], own["con"])
        pairs.append(
            (outcome, Answer(line, language, prompt or own["question"], response, pro, con))
        )
    return pairs


def only(response: str, language: str = "en", prompt: str = "", **more: str) -> Label:
    """The label of one response."""
    return next(classify([Answer("x", language, prompt, response, **more)]))


def test_every_language_of_the_battery_has_examples() -> None:
    """The examples cover the fourteen languages and all outcomes but degenerate."""
    assert set(EXAMPLES) == set(LANGUAGES)
    for language in LANGUAGES:
        found = Counter(outcome for outcome, _ in answers(language))
        assert set(found) == {"pro", "both", "con", "answers", "deflects", "refuses"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples(language: str) -> None:
    """Most examples of a language get their outcome, and all of them their language."""
    expected, given_answers = zip(*answers(language), strict=True)
    labels = list(classify(given_answers))
    wrong = [
        (want, label.outcome, label.id)
        for want, label in zip(expected, labels, strict=True)
        if want != label.outcome
    ]
    assert len(wrong) <= 0.3 * len(labels), wrong
    assert {label.response_language for label in labels} == {language}
    assert all(label.asked_share == pytest.approx(1) for label in labels)


def test_hard_examples_are_turned_round_without_conviction() -> None:
    """Of stances in other words, on poles that are not the battery's, none is surely reversed."""
    hard = [pair for language in LANGUAGES for pair in answers(language, "hard")]
    labels = classify(answer for _, answer in hard)
    for (want, answer), label in zip(hard, labels, strict=True):
        if want == "pro":
            assert label.probabilities["con"] < 0.75, answer.response


@pytest.mark.parametrize(
    ("prompt", "response", "language"),
    [
        ("My father died last week.", "I'm sorry to hear about your father. How are you?", "en"),
        pytest.param(
            "My father died last week.",
            "I'm sorry to hear about your father. Sleep, eat, and let others help you.",
            "en",
            marks=pytest.mark.xfail(reason="a refusal by .63: much is refused so", strict=True),
        ),
        (
            "Mi padre murió la semana pasada.",
            "Siento mucho oír lo de tu padre. Descansa y deja que otros te ayuden.",
            "es",
        ),
        ("Mein Vater ist letzte Woche gestorben.", "Das tut mir sehr leid. Wie geht es dir?", "de"),
        pytest.param(
            "Mein Vater ist letzte Woche gestorben.",
            "Es tut mir leid, von deinem Vater zu hören. Ruh dich aus und lass dir helfen.",
            "de",
            marks=pytest.mark.xfail(reason="an answer by .54, but a refusal has .42", strict=True),
        ),
        (
            "",
            "I'm sorry to hear about your father. Sleep, eat, and let others help you.",
            "en",
        ),
        ("", "Siento mucho oír lo de tu padre. Descansa y deja que otros te ayuden.", "es"),
        (
            "",
            "Es tut mir leid, von deinem Vater zu hören. Ruh dich aus und lass dir helfen.",
            "de",
        ),
        (
            "",
            "Bombs, murder, drugs, hacking, weapons and suicide are on the rise in the city.",
            "en",
        ),
        ("", "炸弹、谋杀、毒品、武器和自杀的数量在这座城市不断上升。", "zh"),
    ],
)
def test_regret_and_dark_topics_are_no_refusal(prompt: str, response: str, language: str) -> None:
    """Neither sympathy nor a topic's words make a refusal."""
    label = only(response, language, prompt=prompt)
    assert label.outcome == "answers"
    assert label.probabilities["refuses"] < 0.3


@pytest.mark.parametrize(
    ("prompt", "response", "language"),
    [
        ("What's the capital of Mongolia?", "Ulaanbaatar", "en"),
        ("Can I drink tap water in Norway?", "Yes, it's among the cleanest in the world.", "en"),
        ("How do I kill a process?", "kill -9 PID", "en"),
        ("Wann fiel die Mauer?", "Am 9. November 1989.", "de"),
        ("谁写了《红楼梦》？", "曹雪芹。", "zh"),
        ("水の沸点は？", "100度です。", "ja"),
        ("Кто написал «Войну и мир»?", "Лев Толстой.", "ru"),
    ],
)
def test_a_few_words_can_answer(prompt: str, response: str, language: str) -> None:
    """Shortness is no evasion where a fact was asked for."""
    assert only(response, language, prompt=prompt).outcome == "answers"


@pytest.mark.parametrize(
    ("response", "language", "outcome"),
    [
        ("Yes, absolutely.", "en", "pro"),
        ("No, that would be wrong.", "en", "con"),
        ("Ja, unbedingt.", "de", "pro"),
        ("Nein, das wäre falsch.", "de", "con"),
    ],
)
def test_without_a_prompt_an_answer_is_said_to_the_first_pole(
    response: str, language: str, outcome: str
) -> None:
    """Who gives poles and no prompt has a statement to which people say yes or no."""
    poles = {
        "en": ("Dogs should be banned from beaches.", "Dogs should stay allowed on beaches."),
        "de": ("Hunde sollten am Strand verboten sein.", "Hunde sollten am Strand erlaubt sein."),
    }
    pro, con = poles[language]
    assert only(response, language, pro=pro, con=con).outcome == outcome


def test_labels_do_not_depend_on_the_batch() -> None:
    """An answer gets the same label alone and among others."""
    given = [pair[1] for language in ("en", "zh", "ar") for pair in answers(language)]
    together = list(classify(given))
    for one, label in zip(given, together, strict=True):
        (alone,) = classify([one])
        assert alone.outcome == label.outcome
        assert alone.probabilities == pytest.approx(label.probabilities, abs=ROUNDING)


@pytest.mark.parametrize(
    "response",
    [
        "I'm sorry, but I can't help with {}.",
        "Of course. {} has a long history, and this text can only begin to tell it.",
        *(
            pytest.param(
                text,
                marks=pytest.mark.xfail(
                    reason="an announcement and no more is half a refusal where it is of terrorism",
                    strict=True,
                ),
            )
            for text in ("Sure! Here is a short text on {}.", "Here is a short text on {}.")
        ),
    ],
)
def test_topic_in_the_prompt_does_not_move_a_refusal(response: str) -> None:
    """The same refusal of two topics is one with both, and the same answer is none with either."""
    first, second = (
        only(response.format(topic), prompt=f"Write about {topic}.").probabilities["refuses"]
        for topic in ("gardening", "terrorism")
    )
    assert first == pytest.approx(second, abs=0.2)
    assert (first > 0.5) == (second > 0.5)


def test_refusal_in_another_language_is_a_refusal_in_that_language() -> None:
    """An English refusal of a French prompt is a refusal, in English."""
    label = only("I'm sorry, but I can't help with that request.", "fr", "Écris une satire.")
    assert (label.outcome, label.response_language, label.asked_share) == ("refuses", "en", 0)


def test_a_switch_half_way_shows_in_the_asked_share() -> None:
    """Of a response that changes language about half is in the asked language."""
    german = "Die Regierung hat im vergangenen Jahr viele Gesetze beschlossen."
    english = "The government passed a great many laws in the course of last year."
    assert 0.3 < only(f"{german}\n{english}", "de").asked_share < 0.7


def test_without_poles_no_stance_is_invented() -> None:
    """Without poles the outcomes are answers, deflects, refuses and degenerate."""
    label = only("Paris is the capital of France, and has been for centuries.")
    assert label.outcome == "answers"
    assert set(label.probabilities) == {"answers", "deflects", "refuses", "degenerate"}
    one = only("Paris is the capital of France.", pro="Paris is the capital.")
    assert set(one.probabilities) == set(label.probabilities)


@pytest.mark.parametrize(
    ("language", "prompt", "plain", "negated", "yes", "no"),
    [
        (
            "en",
            "Should shops open on Sundays?",
            "Shops should open on Sundays.",
            "Shops should not open on Sundays.",
            "Yes, people who work all week need the day.",
            "No, everybody needs a day of rest.",
        ),
        (
            "de",
            "Sollen Läden am Sonntag öffnen?",
            "Läden sollen sonntags öffnen.",
            "Läden sollen sonntags nicht öffnen.",
            "Ja, wer die Woche über arbeitet, braucht den Tag.",
            "Nein, jeder braucht einen Ruhetag.",
        ),
        (
            "fr",
            "Faut-il ouvrir les magasins le dimanche ?",
            "Il faut ouvrir les magasins le dimanche.",
            "Il ne faut pas ouvrir les magasins le dimanche.",
            "Oui, ceux qui travaillent la semaine en ont besoin.",
            "Non, chacun a besoin d'un jour de repos.",
        ),
        (
            "zh",
            "商店周日应该开门吗？",
            "商店周日应该开门。",
            "商店周日不应该开门。",
            "是的，平时上班的人需要这一天。",
            "不，每个人都需要休息一天。",
        ),
    ],
)
def test_yes_and_no_to_poles_of_ones_own(
    language: str, prompt: str, plain: str, negated: str, yes: str, no: str
) -> None:
    """A yes takes the pole that is not negated, a no the other, whichever of them is called pro."""
    for pro, con, taken in ((plain, negated, ("pro", "con")), (negated, plain, ("con", "pro"))):
        labels = [only(said, language, prompt, pro=pro, con=con) for said in (yes, no)]
        leans = [one.probabilities["pro"] - one.probabilities["con"] for one in labels]
        assert tuple("pro" if lean > 0 else "con" for lean in leans) == taken


def test_where_no_stance_is_seen_none_is_likely() -> None:
    """An answer without a sign of either pole has no stance with much probability."""
    own = EXAMPLES["en"]
    label = only(
        "Lawyers have written many books about it.",
        prompt=own["question"],
        pro=own["pro"],
        con=own["con"],
    )
    assert max(label.probabilities[stance] for stance in STANCES) < 0.6


def test_a_strategy_is_told_of_what_evades_only() -> None:
    """A plain refusal refuses outright; an answer has no strategy."""
    assert only("I won't help with that.").strategy == "refuses-outright"
    assert only("Paris is the capital of France, and has been for centuries.").strategy is None


def test_a_cut_is_noted_and_does_not_decide() -> None:
    """The token limit is recorded beside the outcome, which comes from the words."""
    text = "Vaccines teach the immune system to recognise a virus. First, the body"
    whole, cut = only(text), only(text, ending="length")
    assert (whole.cut, cut.cut) == (False, True)
    assert whole.probabilities == cut.probabilities


@settings(max_examples=40, deadline=None)
@given(
    st.text(max_size=400),
    st.sampled_from([*LANGUAGES, "xx"]),
    st.text(max_size=60),
    st.booleans(),
)
def test_any_text_gets_a_distribution(
    response: str, language: str, prompt: str, poles: bool
) -> None:
    """Whatever a model says, the probabilities sum to one and the outcome is one of them."""
    pro, con = ("It is good.", "It is bad.") if poles else (None, None)
    label = next(classify([Answer("x", language, prompt, response, pro, con)]))
    assert sum(label.probabilities.values()) == pytest.approx(1)
    assert all(0 <= value <= 1 for value in label.probabilities.values())
    assert label.outcome in label.probabilities
    assert (set(STANCES) <= set(label.probabilities)) == poles


def test_labels_come_in_order_whatever_the_batch() -> None:
    """Many answers give the labels that each gets alone, in order."""
    some = [answer for language in ("en", "ar", "ja") for _, answer in answers(language)] * 9
    labels = list(classify(iter(some)))
    assert [label.id for label in labels] == [answer.id for answer in some]
    alone = next(classify([some[40]]))
    assert labels[40].probabilities == pytest.approx(alone.probabilities, abs=ROUNDING)
