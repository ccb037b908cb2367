"""A confirmation as PDF."""

import importlib.util
import io
import os
from pathlib import Path
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


WITHOUT_SUBSETTER = """
import cffi
opened = cffi.FFI.dlopen
def dlopen(self, name, flags=0):
    if name is not None and "harfbuzz" in name and "subset" in name:
        raise OSError("not here")
    return opened(self, name, flags)
cffi.FFI.dlopen = dlopen
"""
ANOTHER_DAY = """
import time
now = time.time
time.time = lambda: now() + 100_000
"""


@pytest.fixture
def page(conn: Connection) -> str:
    """Of a confirmation."""
    row = last_confirmation(conn, confirmed(conn))
    assert row is not None
    return page_of(row.text, row.note)


@pytest.mark.parametrize("box", ["", WITHOUT_SUBSETTER], ids=["with libharfbuzz-subset0", "without"])
async def test_a_statement_has_the_same_octets_on_another_day(
    page: str, box: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day, said in (("one", ""), ("another", ANOTHER_DAY)):
        (tmp_path / day).mkdir()
        (tmp_path / day / "sitecustomize.py").write_text(box + said)
    path = os.environ.get("PYTHONPATH", "")
    made = []
    for day in ("one", "another"):
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path / day}:{Path.cwd()}:{path}")
        made.append(await pdf_of(page))

    assert made[0] == made[1]


async def test_nothing_is_loaded_for_a_page(tmp_path: object) -> None:
    found = await pdf_of(f'<img src="file://{tmp_path}/x.png"><link rel="stylesheet" href="http://192.0.2.1/"><p>text')
    assert found.startswith(b"%PDF-")


async def test_a_box_without_weasyprint_says_which_other_forms_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoPdf, match="take csv or xlsx"):
        await pdf_of("")
