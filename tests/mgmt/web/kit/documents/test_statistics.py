"""Statistics as a page."""

import io
import json
from typing import Any
from xml.etree import ElementTree

import pypdf
import pytest
from support.mgmt.published import statement_of

from mgmt.registers.records.statistics.statement import text_of
from mgmt.text.catalogue import catalogue
from mgmt.web.kit.documents.pdf import pdf_of
from mgmt.web.kit.documents.statistics import page_of, svg_of

TEXT = text_of(statement_of())


def test_it_speaks_english_and_urdu_and_what_a_list_is_called_is_escaped() -> None:
    page = page_of(TEXT, "a note\n")

    for language in ("en", "ur"):
        texts = catalogue(language).texts
        assert f'<section lang="{language}">' in page and texts["statistics.title"] in page
        assert texts["category.adult"] in page and texts["statistics.part"] in page
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert page == page_of(TEXT, "a note\n")


def test_where_all_is_withheld_it_says_so() -> None:
    said = json.loads(TEXT) | {"blocks": []}

    assert catalogue("en").texts["statistics.withheld"] in page_of(json.dumps(said), "")


def test_what_a_tap_has_seen_is_no_block_in_totals_and_charts_and_has_a_line_of_its_own() -> None:
    said = json.loads(TEXT)
    seen = said["blocks"][0] | {"outcome": "shadow", "count": 5000, "list": "seen-alone"}
    page = page_of(json.dumps(said | {"blocks": [*said["blocks"], seen]}), "")

    total = sum(row["count"] for row in said["blocks"])
    for language in ("en", "ur"):
        texts = catalogue(language).texts
        assert f'{texts["statistics.total"]}: <span class="value">{total}</span>' in page
        assert f'{texts["statistics.seen"]}: <span class="value">5000</span>' in page
    assert "seen-alone" not in page and catalogue("en").texts["statistics.seen"] not in page_of(TEXT, "")


def test_the_picture_is_well_formed_says_each_number_and_holds_no_markup_of_a_list() -> None:
    picture = svg_of(TEXT)
    root = ElementTree.fromstring(picture)

    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "120" in texts and "<b>" in texts and b"<b>" not in picture
    assert picture == svg_of(TEXT)


def test_in_the_picture_no_bar_lies_over_the_name_of_a_list() -> None:
    said = json.loads(TEXT)
    said["blocks"][0]["list"] = "orders-of-the-supreme-court-and-of-high-courts"
    root = ElementTree.fromstring(svg_of(json.dumps(said)))

    longest = max(len(each.text or "") for each in root.iter("{http://www.w3.org/2000/svg}text"))
    assert all(float(each.attrib["x"]) >= 7 * longest for each in root.iter("{http://www.w3.org/2000/svg}rect"))


def test_tables_end_with_the_count_and_words_of_urdu_are_not_in_the_font_of_numbers() -> None:
    said = json.loads(TEXT) | {"appeals": [{"count": 23, "month": "2026-07", "outcome": None}]}
    page = page_of(json.dumps(said), "")

    for language in ("en", "ur"):
        row = f'<td><bdi dir="ltr">2026-07</bdi></td><td>{catalogue(language).texts["statistics.sums"]}</td>'
        assert f'<tr>{row}<td class="value">23</td></tr>' in page


@pytest.mark.services
async def test_two_pdfs_of_one_statement_are_the_same_octets_with_urdu_in_its_own_font() -> None:
    page = page_of(TEXT, "a note\n")

    first, second = await pdf_of(page), await pdf_of(page)

    assert first == second
    fonts: Any = [page["/Resources"] for page in pypdf.PdfReader(io.BytesIO(first)).pages]
    assert any("Nastaliq" in str(font.get_object()["/BaseFont"]) for each in fonts for font in each["/Font"].values())
