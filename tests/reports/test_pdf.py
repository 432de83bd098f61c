"""The report as a PDF."""

from __future__ import annotations

import io
import json
import unicodedata
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pandas as pd
import pypdf
import pytest
import typst

from analysis.exploration import explore
from analysis.study import study as analyse
from prompts.errors import ReportError
from reports import fonts, pdf
from reports.content import document
from reports.document import Document, Exchange, Paragraph, Section, Table

if TYPE_CHECKING:
    from pathlib import Path

    from analysis.exploration import Exploration
    from analysis.study import Study
    from analysis.tables import Tables


def _texts(reader: pypdf.PdfReader) -> list[str]:
    return [page.extract_text().replace("\u200b", "") for page in reader.pages]


def _flat(text: str) -> str:
    return "".join(text.split())


@pytest.fixture(name="reader", scope="module")
def _reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    """One report of the made-up study, written once."""
    make = request.getfixturevalue("made_up")
    path = tmp_path_factory.mktemp("report") / "report.pdf"
    pdf.write_pdf(*make, path)
    return pypdf.PdfReader(path)


@pytest.fixture(name="content", scope="module")
def _content(request: pytest.FixtureRequest) -> Document:
    """What the report of the made-up study says."""
    return document(*request.getfixturevalue("made_up"))


def test_all_languages_are_on_the_page(reader: pypdf.PdfReader) -> None:
    """Text of all eight languages can be read out, in their four scripts and with their accents."""
    text = "\n".join(_texts(reader))
    for words in (
        "Private correspondence is a basic",
        "政府有责任预防犯罪",
        "Тайна переписки",
        "Le secret de la correspondance",
        "¿Debería el gobierno",
        "Das Briefgeheimnis",
    ):
        assert _flat(words) in _flat(text)
    names = [unicodedata.name(character, "") for character in text]
    for script in ("ARABIC LETTER", "DEVANAGARI", "CJK", "CYRILLIC"):
        assert sum(name.startswith(script) for name in names) > 150


def test_pages_are_tagged_and_numbered(reader: pypdf.PdfReader) -> None:
    """No page is empty, each has its number, and the file is tagged, titled and in a language."""
    texts = _texts(reader)
    for number, text in enumerate(texts, 1):
        assert f"page {number} of {len(texts)}" in text
        assert len(text) > 200
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/StructTreeRoot"]
    assert root["/Lang"] == "en-GB"
    assert reader.metadata is not None
    assert reader.metadata.title == "Stated stances of three language models"


def test_fonts_are_inside(reader: pypdf.PdfReader) -> None:
    """Every font is embedded, and every one is Noto."""
    names = set()
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            (inner,) = font.get_object()["/DescendantFonts"]
            descriptor = inner.get_object()["/FontDescriptor"]
            assert {"/FontFile2", "/FontFile3"} & set(descriptor)
            names.add(str(descriptor["/FontName"]).split("+")[1])
    assert all(name.startswith("NotoSans") for name in names)
    assert any(name.startswith("NotoSansArabic") for name in names)
    assert any(name.startswith("NotoSansSC") for name in names)


def test_nothing_on_the_page_points_elsewhere(reader: pypdf.PdfReader) -> None:
    """There are no links, scripts or files in the report."""
    assert not {"/OpenAction", "/AA"} & set(reader.trailer["/Root"])
    assert not [page for page in reader.pages if "/Annots" in page]


def test_numbers_come_from_the_study(
    made_up: tuple[Tables, Study, Exploration], content: Document
) -> None:
    """The excess of each pair and topic stands in the tables, and what is missing says so."""
    (section,) = [part for part in content.sections if part.title == "Divergence by topic"]
    cells = {
        (table.caption, row[0].text): [cell.text for cell in row]
        for table in section.blocks
        if isinstance(table, Table)
        for row in table.rows
    }
    rows = made_up[1].divergence
    for row in rows[(rows["language"] == "all") & (rows["topic"] == "crimea")].to_dict("records"):
        (found,) = [
            numbers
            for (caption, topic), numbers in cells.items()
            if topic == "Crimea"
            and caption.startswith(pdf_name(row["a"]))
            and pdf_name(row["b"]) in caption
        ]
        if row["measurable"]:
            assert f"{row['excess']:.3f}".replace("-", "\u2212") in found
        else:
            assert "not measurable" in found
            assert not [cell for cell in found if cell == "0.000"]


def pdf_name(model: str) -> str:
    """The display name in the made-up study."""
    return {
        "smollm2-135m-instruct": "SmolLM2 135M Instruct",
        "gemma-3-270m": "Gemma 3 270M",
        "qwen2.5-coder-0.5b-instruct": "Qwen2.5-Coder 0.5B Instruct",
    }[model]


def test_hostile_text_appears_literally(
    made_up: tuple[Tables, Study, Exploration], hostile: dict[str, str], tmp_path: Path
) -> None:
    """Markup, escapes, overrides and floods in answers are shown as text; nothing runs."""
    tables, study, explored = made_up
    opened = tables.opened.copy()
    answers = list(hostile.values())
    opened["text"] = [answers[number // 12 % len(answers)] for number in range(len(opened))]
    pdf.write_pdf(replace(tables, opened=opened), study, explored, tmp_path / "report.pdf")
    text = _flat("".join(_texts(pypdf.PdfReader(tmp_path / "report.pdf"))))
    for shown in (
        '#import "/etc/passwd": * #panic("pwned") $x^2$ *bold* = Heading @ref `raw` //',
        "<script>alert(1)</script> <img src=x",
        '=cmd|"/c calc"!A1',
        "[U+001B][31mred",
        "before[U+0000]after",
        "safe [U+202E]gpj.exe",
        "[U+1F600]",
        "9,490 more characters]",
        "8,440 more characters]",
        "[27 characters that cannot be shown, from U+0E09]",
    ):
        assert _flat(shown) in text


def test_hostile_names_and_settings_are_text(
    made_up: tuple[Tables, Study, Exploration], tmp_path: Path
) -> None:
    """Names of models and topics, notes and settings cannot become markup either."""
    tables, study, explored = made_up
    bad = '#panic("x") \x1b[0m <b> $a$'
    stance = study.stance.replace({"topic": {"taiwan": bad}})
    divergence = study.divergence.replace({"topic": {"taiwan": bad}})
    hostile = replace(
        study,
        models=study.models.assign(name=[f"{bad} {number}" for number in range(3)], licence=bad),
        stance=stance,
        divergence=divergence,
        notes=[bad],
    )
    about = tables.manifest | {"slice": bad, bad: {"deep": bad}}
    pdf.write_pdf(replace(tables, manifest=about), hostile, explored, tmp_path / "report.pdf")
    text = _flat("".join(_texts(pypdf.PdfReader(tmp_path / "report.pdf"))))
    assert _flat('#panic("x") [U+001B][0m <b> $a$') in text


def test_accessible_by_the_standard(content: Document) -> None:
    """Typst accepts the report as PDF/UA-1: titles, alternative texts and glyphs are all there."""
    inputs = pdf._printable(asdict(content)) | {
        "fonts": fonts.families("en"),
        "footer": "",
    }
    compiler = typst.Compiler(str(pdf.TEMPLATE), font_paths=fonts.for_typst())
    made, warnings = compiler.compile_with_warnings(
        format="pdf", sys_inputs={"data": json.dumps(inputs)}, pdf_standards=["ua-1"]
    )
    assert made
    assert not warnings


def test_passages_have_their_direction_and_fonts(content: Document) -> None:
    """Arabic is set right to left, others left to right, and Chinese in the simplified font."""
    sections = content.sections
    exchanges = [block for part in sections for block in part.blocks if isinstance(block, Exchange)]
    found = {exchange.prompt.language: exchange.prompt for exchange in exchanges}
    assert set(found) == {"en", "zh", "ru", "ar", "fr", "es", "hi", "de"}
    assert {code for code, prompt in found.items() if prompt.direction == "rtl"} == {"ar"}
    assert found["zh"].fonts[3] == "Noto Sans SC"
    assert all(len(exchange.answers) == 3 for exchange in exchanges)


def test_real_study_with_half_of_it_missing(made_up: tuple[Tables, Study, Exploration]) -> None:
    """Studies of one model, of scored or of open answers only, and unlabelled ones, say so."""
    tables, _, _ = made_up
    tables = replace(tables, scored=tables.scored[tables.scored["language"] == "en"])
    one = tables.models["id"].iloc[0]
    alone = replace(
        tables,
        models=tables.models[tables.models["id"] == one],
        scored=tables.scored[tables.scored["model"] == one],
        opened=tables.opened[tables.opened["model"] == one],
    )
    unlabelled = tables.opened.drop(columns=["outcome", "response_language"])
    cases = {
        "One model was asked": alone,
        "No open questions were asked, so there is no text": replace(
            tables, opened=tables.opened.iloc[:0]
        ),
        "No scored questions were asked": replace(tables, scored=tables.scored.iloc[:0]),
        "their answers are not labelled": replace(tables, opened=unlabelled),
    }
    for said, case in cases.items():
        content = document(case, analyse(case, draws=50), explore(case, draws=50))
        texts = [
            block.text
            for part in content.sections
            for block in part.blocks
            if isinstance(block, Paragraph)
        ]
        assert [text for text in texts if said in text], said
        assert all(part.blocks for part in content.sections)
        assert pypdf.PdfReader(io.BytesIO(pdf.render(content))).pages


def test_nothing_measurable_is_said_in_sentences(
    made_up: tuple[Tables, Study, Exploration],
) -> None:
    """Where no model passes its gates there is no chart and no zero, but the reason."""
    tables, study, explored = made_up
    numbers = study.stance.columns.intersection(["stance", "low", "high", "worst", "best"])
    stance = study.stance.assign(measurable=False, reason="order 0.10, below 0.50")
    stance[numbers] = float("nan")
    numbers = study.divergence.select_dtypes("float").columns
    divergence = study.divergence.assign(measurable=False, reason="order 0.10, below 0.50")
    divergence[numbers] = float("nan")
    nothing = replace(
        study,
        stance=stance,
        divergence=divergence,
        measurable=study.measurable.assign(measurable=False, reasons="order 0.10, below 0.50"),
    )
    content = document(tables, nothing, explored)
    parts = {part.title: part for part in content.sections}
    assert "None of the 24 combinations" in parts["Summary"].blocks[0].items[1]
    for title in ("Divergence by topic", "Stance by topic"):
        assert "figure" not in [block.type for block in parts[title].blocks]
    said = [block.text for block in parts["Stance by topic"].blocks if isinstance(block, Paragraph)]
    assert any("order 0.10, below 0.50" in text for text in said)


def test_same_run_same_bytes() -> None:
    """A report made again is the same file."""
    small = Document("t", "s", (), (("1", "model"),), (Section("One", (Paragraph("text"),)),))
    assert pdf.render(small) == pdf.render(small)


def test_unwritable_place_keeps_what_was_there(
    made_up: tuple[Tables, Study, Exploration], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing folder is an error with a remedy, and no half file is left anywhere."""
    small = Document("t", "s", (), (("1", "model"),))
    monkeypatch.setattr(pdf, "document", lambda *_: small)
    with pytest.raises(ReportError, match="cannot be written"):
        pdf.write_pdf(*made_up, tmp_path / "missing" / "report.pdf")
    (tmp_path / "taken.pdf").mkdir()
    with pytest.raises(ReportError, match="cannot be written"):
        pdf.write_pdf(*made_up, tmp_path / "taken.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.pdf"]


def test_rows_spanning_models_keep_the_table_whole(content: Document) -> None:
    """In the table of gates every language of every model has its row of cells."""
    (section,) = [part for part in content.sections if part.title == "The models and their gates"]
    (gates,) = [
        block
        for block in section.blocks
        if isinstance(block, Table) and block.caption.startswith("Reliability")
    ]
    spans = [cell.rows for row in gates.rows for cell in row if cell.rows > 1]
    assert len(gates.rows) == 24
    assert spans == [8, 8, 8]
    widths = pd.Series([len(row) for row in gates.rows]).value_counts().to_dict()
    assert widths == {len(gates.columns): 3, len(gates.columns) - 1: 21}
