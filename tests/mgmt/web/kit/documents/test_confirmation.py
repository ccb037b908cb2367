"""A confirmation as a page."""

import json

from sqlalchemy import Connection
from support.mgmt.confirmed import confirmed

from mgmt.orders.base.model import EntryStatus
from mgmt.orders.confirmation.replies import last_confirmation
from mgmt.text.catalogue import catalogue
from mgmt.web.kit.documents.confirmation import MOST_ENTRIES, page_of


def test_it_speaks_english_and_urdu_and_what_an_issuer_wrote_is_escaped(conn: Connection) -> None:
    row = last_confirmation(conn, confirmed(conn, "bad.example", "<script>alert(1)</script>"))
    assert row is not None
    page = page_of(row.text, row.note)

    for language in ("en", "ur"):
        assert f'<section lang="{language}">' in page and catalogue(language).texts["confirmation.title"] in page
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert page.count("blocked by name") == 2 and page == page_of(row.text, row.note)


def test_every_status_has_words() -> None:
    for language in ("en", "ur"):
        assert {f"confirmation.status.{status}" for status in EntryStatus} <= catalogue(language).texts.keys()


def test_a_replaced_order_names_its_correction_in_both_languages(conn: Connection) -> None:
    row = last_confirmation(conn, confirmed(conn, "bad.example"))
    assert row is not None
    said = json.loads(row.text)
    said["order"] |= {"replaced_by": "PTA/WA/1/C1", "replaced_by_sha256": "ab" * 32}

    page = page_of(json.dumps(said | {"answer": "replaced"}), row.note)

    assert page.count(f"PTA/WA/1/C1 ({'ab' * 32})") == 2
    for language in ("en", "ur"):
        assert catalogue(language).texts["confirmation.answer.replaced"] in page


def test_of_a_large_order_it_says_how_many_entries_are_in_the_other_forms(conn: Connection) -> None:
    row = last_confirmation(conn, confirmed(conn, "bad.example"))
    assert row is not None
    said = json.loads(row.text)
    said["entries"] *= MOST_ENTRIES + 7

    page = page_of(json.dumps(said), row.note)

    assert "7 more entries" in page and page.count("bad.example") == MOST_ENTRIES
