"""Which language and script a response is in, as a whole and line by line."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from lingua import Language, LanguageDetectorBuilder

from analysis.classify.text import letters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lingua import LanguageDetector

    from analysis.classify.labels import Script

WHOLE, LINE, LINES = 200, 80, 4
"""Characters looked at of a response and of one of its lines; lines looked at, evenly spaced."""

SCRIPT = 1_000
"""Characters looked at for the script."""

CERTAIN_LETTERS, SHORT_MARGIN = 20, 0.5
"""Below so many letters, the asked language stands unless another is this much more probable."""

_BATTERY = {
    "ENGLISH": "en",
    "CHINESE": "zh",
    "RUSSIAN": "ru",
    "ARABIC": "ar",
    "FRENCH": "fr",
    "SPANISH": "es",
    "GERMAN": "de",
    "HINDI": "hi",
    "JAPANESE": "ja",
    "KOREAN": "ko",
    "PORTUGUESE": "pt",
    "TURKISH": "tr",
    "PERSIAN": "fa",
}
_NEIGHBOURS = {
    "FINNISH": "fi",
    "ITALIAN": "it",
    "DUTCH": "nl",
    "POLISH": "pl",
    "SWEDISH": "sv",
    "INDONESIAN": "id",
    "VIETNAMESE": "vi",
    "UKRAINIAN": "uk",
    "URDU": "ur",
}
"""Languages that models fall into and that would else be taken for one of the battery's."""

_CODES = _BATTERY | _NEIGHBOURS

_RUNS = re.compile(
    r"(?P<Latin>[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]+)"
    r"|(?P<Cyrillic>[\u0400-\u052f]+)"
    r"|(?P<Arabic>[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]+)"
    r"|(?P<Devanagari>[\u0900-\u097f]+)"
    r"|(?P<Han>[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff]+)"
    r"|(?P<Kana>[\u3040-\u30fa\u30fc-\u30ff\uff66-\uff9d]+)"
    r"|(?P<Hangul>[\u1100-\u11ff\uac00-\ud7af]+)"
    r"|(?P<other>[^\W\d_])"
)
_OWN_SCRIPT = {"Devanagari": "hi", "Kana": "ja", "Hangul": "ko"}
_KANA_SHARE = 0.1

# the same frequent characters in both ways of writing
_SIMPLIFIED = frozenset(
    "国这们来时会对发经说为种与个过学问题动进开关实现体产义权应该没认让论见观点议称运组织传统济环书长东车马门间闻听语读写请谢谁难责质贫购费资达远选边还连适"
    "遗铁银错阳阴险预领顾风飞饭馆龙战历独导团结构总给维护坏块声处备复头夺奖妇宁宝审层属岁师带帮广库张归当录异态怀惊惧执扩扫报拥择损据数断无旧显术机杀杂条极"
    "样桥检楼欢残气汉沟洁测湾满灭灯灵爱状现电画疗盖监盐确礼离穷竞笔类红约级纪纯纲纷纸线练细终"
)
_TRADITIONAL = frozenset(
    "國這們來時會對發經說為種與個過學問題動進開關實現體產義權應該沒認讓論見觀點議稱運組織傳統濟環書長東車馬門間聞聽語讀寫請謝誰難責質貧購費資達遠選邊還連適"
    "遺鐵銀錯陽陰險預領顧風飛飯館龍戰歷獨導團結構總給維護壞塊聲處備復頭奪獎婦寧寶審層屬歲師帶幫廣庫張歸當錄異態懷驚懼執擴掃報擁擇損據數斷無舊顯術機殺雜條極"
    "樣橋檢樓歡殘氣漢溝潔測灣滿滅燈靈愛狀現電畫療蓋監鹽確禮離窮競筆類紅約級紀純綱紛紙線練細終"
)


def runs(text: str) -> Iterator[tuple[Script, int]]:
    """The stretches of letters of one script in a text, with their lengths in characters."""
    for match in _RUNS.finditer(text):
        yield match.lastgroup, len(match[0])  # type: ignore[misc]  # the groups are the scripts


def script_of(text: str) -> Script:
    """The script of a text: of most of its letters, but ``Kana`` as soon as it writes Japanese."""
    lengths: Counter[Script] = Counter()
    for script, length in runs(text[:SCRIPT]):
        lengths[script] += length
    if not lengths:
        return "none"
    if lengths["Kana"] >= _KANA_SHARE * (lengths["Kana"] + lengths["Han"]) > 0:
        lengths["Kana"] += lengths.pop("Han", 0)
    return lengths.most_common(1)[0][0]


def language_of(text: str, asked: str, *, quick: bool = False) -> str | None:
    """The language of a text.

    Scripts of one battery language decide alone; Chinese is told simplified from traditional by
    characters; the rest is lingua's. Under 20 letters the asked language has the benefit of
    the doubt, because lingua guesses there.

    Args:
        text: as ``clean`` leaves it.
        asked: the language that the prompt was in.
        quick: whether lingua's low-accuracy mode will do, with the same benefit of the doubt.

    Returns:
        A code such as ``fr`` or ``zh-Hant``; None without letters or in a script unknown here.
    """
    part = text[:WHOLE]
    script = script_of(part)
    if script in _OWN_SCRIPT:
        return _OWN_SCRIPT[script]
    if script == "Han":
        return chinese(part, asked)
    if script in {"none", "other"}:
        return None
    confidence = {
        _CODES[value.language.name]: value.value
        for value in _detector(quick=quick).compute_language_confidence_values(part)
    }
    best = max(confidence, key=lambda code: confidence[code])
    doubtful = quick or letters(part) < CERTAIN_LETTERS
    if doubtful and confidence.get(asked, 0) > 0:
        return best if confidence[best] - confidence[asked] > SHORT_MARGIN else asked
    return best


def chinese(text: str, asked: str) -> str:
    """``zh`` or ``zh-Hant`` by which characters are more; without a sign, as was asked."""
    simplified = sum(character in _SIMPLIFIED for character in text)
    traditional = sum(character in _TRADITIONAL for character in text)
    if simplified == traditional:
        return asked if asked in {"zh", "zh-Hant"} else "zh"
    return "zh" if simplified > traditional else "zh-Hant"


def asked_share(text: str, asked: str, whole: str | None) -> float:
    """Share of letters that stand in lines in the asked language, in [0, 1].

    At most 4 lines are looked at, evenly spaced, in lingua's low-accuracy mode. A line too short
    to tell counts as the response's language.

    Returns:
        NaN for a text without letters.
    """
    lines = [line for line in text.split("\n") if _RUNS.search(line[:LINE])]
    if not lines:
        return float("nan")
    if len(lines) == 1:
        return float(whole == asked)
    step = max(len(lines) / LINES, 1.0)
    sample = [lines[int(i * step)][:LINE] for i in range(min(len(lines), LINES))]
    total = matching = 0
    for line in sample:
        count = letters(line)
        own = language_of(line, asked, quick=True) if count >= CERTAIN_LETTERS else whole
        total += count
        matching += count * (own == asked)
    return matching / total


@cache
def _detector(*, quick: bool = False) -> LanguageDetector:
    languages = [getattr(Language, name) for name in _CODES]
    builder = LanguageDetectorBuilder.from_languages(*languages)
    return (builder.with_low_accuracy_mode() if quick else builder).build()
