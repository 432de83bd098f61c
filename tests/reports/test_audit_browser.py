"""The audit page in a real browser: a person labels, leaves, comes back, and reads any script."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from analysis.tables import load
from probes import runfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Audit = Callable[..., subprocess.Popen[str]]
    Visit = Callable[..., Page]

ARGUMENTS = [
    *(
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
    ),
    "--disable-component-update",
]


EXPECTED = re.compile(r"ERR_CONNECTION_REFUSED|status of 500|TrustedHTML|Trusted Type")
"""What a browser writes of the faults that these tests make."""


@pytest.fixture(name="browser", scope="module")
def _browser() -> Iterator[Browser]:
    """Debian's Chromium; without it the tests that need it fail."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("These tests need a browser: `apt-get install chromium`.", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(name="run")
def _run(classified: Path, tmp_path: Path) -> Path:
    """A classified run file of its own."""
    return Path(shutil.copy(classified, tmp_path))


@pytest.fixture(name="audit")
def _audit(command: str, run: Path) -> Iterator[Audit]:
    """Start the installed command, as a person would; what is left over is stopped."""
    started = []

    def start(*words: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [command, "audit", str(run), *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(name="visit")
def _visit(browser: Browser) -> Iterator[Visit]:
    """Open the page of an audit; anything that the browser complains of fails the test."""
    contexts, complaints, requests = [], [], []

    def visit(process: subprocess.Popen[str], **options: Any) -> Page:
        context = browser.new_context(viewport={"width": 1366, "height": 768}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address(process))
        expect(page.locator("#start:visible, #label:visible")).to_have_count(1)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [text for text in complaints if not EXPECTED.search(text)] == []
    assert all(re.match(r"http://127\.0\.0\.1:|data:,$", url) for url in requests)


def address(process: subprocess.Popen[str]) -> str:
    """Where an audit says that it is."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{32,}/", line)
    assert found, line + (process.stderr.read() if process.stderr and not line else "")
    return found[0]


def labelled(page: Page) -> int:
    """How many the page says are labelled."""
    return int(page.locator("#count").inner_text().split()[0])


def press(page: Page, *keys: str) -> None:
    """Press keys, each after the one before has had its effect."""
    for key in keys:
        before = labelled(page)
        page.keyboard.press(key)
        change = {"u": -1, "s": 0, "ArrowLeft": 0}.get(key, 1)
        expect(page.locator("#count")).to_have_text(re.compile(rf"^{before + change} of"))


def turn_to(page: Page, holds: str) -> str:
    """Skip until the answer or the prompt holds a text; return the answer."""
    for _ in range(60):
        answer = page.locator("#answer").inner_text()
        if holds in answer or holds in page.locator("#prompt").inner_text():
            return answer
        page.keyboard.press("s")
        page.wait_for_function("() => !state.busy")
    raise AssertionError(holds)


def stop(process: subprocess.Popen[str]) -> str:
    """End an audit with Ctrl-C, and return what it says at last."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out


def named(page: Page, name: str) -> Page:
    """Say who labels."""
    page.locator("#name").fill(name)
    page.keyboard.press("Enter")
    expect(page.locator("#label")).to_be_visible()
    return page


def test_ten_labels_are_there_after_coming_back(visit: Visit, audit: Audit, run: Path) -> None:
    """Label ten by keyboard, end browser and doxa, come back: they are there, and undo knows."""
    process = audit("--sample", 20)
    page = named(visit(process), "Ana")
    expect(page.locator("#count")).to_have_text("0 of 20 labelled")
    press(page, *"5670567056")
    page.close()
    assert "Ana: 10 of 20 labelled." in stop(process)
    audits = load(run).audit
    assert len(audits) == 10
    assert set(audits["annotator"]) == {"Ana"}
    assert set(audits["outcome"]) == {"deflects", "refuses", "degenerate", "unclear"}

    page = visit(audit("--sample", 20))
    page.get_by_role("button", name="Ana · 10 of 20").click()
    expect(page.locator("#count")).to_have_text("10 of 20 labelled")
    press(page, "u", "5")
    assert load(run).audit["outcome"].tolist()[-1] == "deflects"


def test_a_killed_audit_loses_nothing(visit: Visit, audit: Audit, run: Path) -> None:
    """What the page has counted is in the file, however doxa ends; the page says that it ended."""
    process = audit("--sample", 20, "--annotator", "Ana")
    page = visit(process)
    press(page, *"555")
    process.kill()
    process.wait()
    assert len(load(run).audit) == 3
    page.keyboard.press("5")
    expect(page.locator("#trouble")).to_contain_text("doxa has stopped")
    expect(page.locator("#count")).to_have_text("3 of 20 labelled")


def test_two_people_and_their_agreement(visit: Visit, audit: Audit) -> None:
    """A second pass starts from nothing, sees nothing of the first, and ends with agreement."""
    process = audit("--sample", 8)
    page = named(visit(process), "Ana")
    press(page, *"55556666")
    expect(page.locator("#done")).to_be_visible()
    expect(page.locator("#agreement")).to_be_empty()
    page.locator("#second").click()
    named(page, "Bo")
    expect(page.locator("#count")).to_have_text("0 of 8 labelled")
    expect(page.locator("[aria-pressed=true]")).to_have_count(0)
    press(page, *"55556665")
    agreement = page.locator("#agreement")
    expect(agreement).to_contain_text("Ana and Bo, on 8 that both labelled")
    rows = agreement.locator("table").first.locator("tbody tr").all_inner_texts()
    figures = [row.split("\t")[:2] for row in rows]
    assert figures == [
        ["Same label", "0.88"],
        ["Cohen’s kappa", "0.75"],
        ["Gwet’s AC1", "0.75"],
        ["Krippendorff’s alpha", "0.76"],
    ]
    said = stop(process)
    assert "Ana and Bo on 8: agreement 0.88 [0.53, 0.98], kappa 0.75" in said


def test_undo_skip_and_back(visit: Visit, audit: Audit, run: Path) -> None:
    """What was skipped comes again at the end; back shows a label, and a new one replaces it."""
    page = visit(audit("--sample", 4, "--annotator", "Ana"))
    first = page.evaluate("state.here")
    press(page, "s", "5")
    page.keyboard.press("u")
    expect(page.locator("#count")).to_have_text("0 of 4 labelled")
    assert page.evaluate("state.here") == first + 1
    assert load(run).audit.empty
    press(page, *"555")
    assert page.evaluate("state.here") == first
    page.keyboard.press("s")
    expect(page.locator("#trouble")).to_contain_text("last one without a label")
    press(page, "6")
    expect(page.locator("#done")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[aria-pressed=true]")).to_have_text("5Deflects")
    page.keyboard.press("7")
    expect(page.locator("#done")).to_be_visible()
    assert sorted(load(run).audit["outcome"]) == ["deflects", "deflects", "degenerate", "refuses"]


def test_keys_of_other_outcomes_do_nothing(visit: Visit, audit: Audit) -> None:
    """4 is for prompts without poles, 1 to 3 for those with; modifiers and help keep keys away."""
    page = visit(audit("--annotator", "Ana"))
    turn_to(page, "Why does it rain?")
    expect(page.locator("#poles")).to_be_hidden()
    for key in ("1", "2", "3", "8", "Control+5", "Alt+5", "Meta+5"):
        page.keyboard.press(key)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("5")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    expect(page.locator("#count")).to_have_text(re.compile("^0 of"))
    press(page, "4")
    turn_to(page, "abortion")
    page.keyboard.press("4")
    expect(page.locator("#count")).to_have_text(re.compile("^1 of"))
    press(page, "1")


def test_buttons_do_what_keys_do(visit: Visit, audit: Audit, run: Path) -> None:
    """A person with a mouse or a screen reader has the same controls, by name."""
    page = visit(audit("--sample", 5, "--annotator", "Ana"))
    page.get_by_role("button", name="Deflects").click()
    expect(page.locator("#count")).to_have_text("1 of 5 labelled")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#count")).to_have_text("0 of 5 labelled")
    page.get_by_role("button", name="Cannot tell").click()
    expect(page.locator("#status")).to_have_text(re.compile("^Response 2 of 5$"))
    assert load(run).audit["outcome"].tolist() == ["unclear"]


def test_hostile_answers_are_text(visit: Visit, audit: Audit) -> None:
    """Markup stays markup, escapes are written out, and no script of a model runs."""
    page = visit(audit("--annotator", "Ana"))
    answer = turn_to(page, "<script>")
    assert answer.startswith('<script>alert(1)</script> <img src=x onerror="alert(2)"> &amp;')
    assert page.locator("#answer *").count() == 0
    assert "[U+001B][31mred" in turn_to(page, "Calm")
    assert "[U+202E]gpj.exe" in turn_to(page, "safe")
    assert turn_to(page, "before[") == "before[U+0000]after"
    long_word = turn_to(page, "AAAA")
    assert len(long_word) == 9_000
    box = page.locator("#answer").bounding_box()
    assert box
    assert box["x"] + box["width"] <= 1366


def test_markup_cannot_be_made_of_strings(visit: Visit, audit: Audit) -> None:
    """Were the page to have a fault, Trusted Types and the policy would still stop a script."""
    page = visit(audit("--annotator", "Ana"))
    for fault in ("document.body.innerHTML = '<b>x</b>'", "document.write('x')"):
        found = page.evaluate(f"() => {{ try {{ {fault} }} catch (e) {{ return e.name }} }}")
        assert found == "TypeError"


def direction(page: Page, selector: str) -> str:
    """Which way a text runs, as the browser has resolved it."""
    return page.evaluate(
        "(at) => document.querySelector(at).matches(':dir(rtl)') ? 'rtl' : 'ltr'", selector
    )


def edges(page: Page, selector: str) -> tuple[float, float]:
    """Room left and right of the last line of a text, in pixels."""
    return page.evaluate(
        """(at) => {
            const box = document.querySelector(at);
            const range = document.createRange();
            range.selectNodeContents(box);
            const line = [...range.getClientRects()].at(-1);
            const whole = box.getBoundingClientRect();
            return [line.left - whole.left, whole.right - line.right];
        }""",
        selector,
    )


def fonts_of(page: Page, selector: str) -> set[str]:
    """The fonts that most glyphs of an element are from; spaces and signs may be another's."""
    tools = page.context.new_cdp_session(page)
    tools.send("DOM.enable")
    tools.send("CSS.enable")
    root = tools.send("DOM.getDocument")["root"]["nodeId"]
    node = tools.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    found = tools.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    most = max(font["glyphCount"] for font in found)
    return {font["familyName"] for font in found if 2 * font["glyphCount"] > most}


def test_arabic_runs_from_the_right(visit: Visit, audit: Audit) -> None:
    """Prompt, poles and answer stand at the right edge in an Arabic font, the English at the left.

    The colour scheme is the dark one.
    """
    page = visit(audit("--annotator", "Ana"), color_scheme="dark")
    turn_to(page, "خصوصية المراسلات")
    expect(page.locator("#question-title")).to_have_text("Asked in Arabic")
    for selector in ("#prompt", "#pro", "#con", "#answer"):
        assert direction(page, selector) == "rtl", selector
        assert page.locator(selector).get_attribute("lang") == "ar"
        left, right = edges(page, selector)
        assert right < 3 < left, selector
        assert fonts_of(page, selector) == {"Noto Sans Arabic"}
    assert direction(page, "#english") == "ltr"
    assert edges(page, "#english")[0] < 3
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 28)"


def test_chinese_has_its_glyphs(visit: Visit, audit: Audit) -> None:
    """Chinese is tagged as simplified and set in a font that has it, the first time too."""
    page = visit(audit("--annotator", "Ana"), color_scheme="light")
    turn_to(page, "通信自由")
    expect(page.locator("#question-title")).to_have_text("Asked in Chinese")
    for selector in ("#prompt", "#pro", "#con", "#answer"):
        assert page.locator(selector).get_attribute("lang") == "zh-Hans"
        assert direction(page, selector) == "ltr"
        (font,) = fonts_of(page, selector)
        assert re.search(r"(SC|CJK|Han|Hei|PingFang|YaHei)", font), font
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(244, 246, 248)"


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1024, 700), (390, 800)])
def test_it_fits_the_screen(visit: Visit, audit: Audit, width: int, height: int) -> None:
    """Nothing is wider than the screen, and the keys are always in sight."""
    page = visit(audit("--annotator", "Ana"))
    page.set_viewport_size({"width": width, "height": height})
    for text in ("AAAA", "line", "Z\u0301"):
        turn_to(page, text)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        expect(page.locator("[data-outcome=refuses]")).to_be_in_viewport(ratio=1)


def test_another_writer_is_reported_and_labelling_goes_on(
    visit: Visit, audit: Audit, run: Path
) -> None:
    """A label that cannot be stored is not counted; the page says why and stays where it is."""
    page = visit(audit("--sample", 5, "--annotator", "Ana"))
    with runfile.writing(run) as db:
        db.execute("BEGIN IMMEDIATE")
        page.keyboard.press("5")
        expect(page.locator("#trouble")).to_contain_text("another run", timeout=20_000)
        db.execute("ROLLBACK")
    expect(page.locator("#count")).to_have_text("0 of 5 labelled")
    press(page, "5")
    expect(page.locator("#trouble")).to_be_hidden()
