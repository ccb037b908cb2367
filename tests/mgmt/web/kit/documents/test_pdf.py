"""A confirmation as PDF."""

import importlib.util
import io
from typing import Any

import pypdf
import pytest
from sqlalchemy import Connection
from support.mgmt.confirmed import confirmed

from mgmt.orders.confirmation.replies import last_confirmation
from mgmt.web.kit.documents.confirmation import page_of
from mgmt.web.kit.documents.pdf import NoPdf, pdf_of

pytestmark = pytest.mark.services


async def test_two_pdfs_of_one_statement_are_the_same_octets_with_urdu_in_its_own_font(conn: Connection) -> None:
    row = last_confirmation(conn, confirmed(conn))
    assert row is not None
    page = page_of(row.text, row.note)

    first, second = await pdf_of(page), await pdf_of(page)

    assert first == second
    document = pypdf.PdfReader(io.BytesIO(first))
    resources: Any = document.pages[0]["/Resources"]
    assert any("Nastaliq" in str(font.get_object()["/BaseFont"]) for font in resources["/Font"].values())
    assert document.metadata is not None and str(document.metadata["/CreationDate"]) == "D:20260803160031Z"


async def test_nothing_is_loaded_for_a_page(tmp_path: object) -> None:
    found = await pdf_of(f'<img src="file://{tmp_path}/x.png"><link rel="stylesheet" href="http://192.0.2.1/"><p>text')
    assert found.startswith(b"%PDF-")


async def test_a_box_without_weasyprint_says_which_other_forms_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoPdf, match="take csv or xlsx"):
        await pdf_of("")
