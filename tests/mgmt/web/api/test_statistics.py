"""Statistics over the API."""

import json

import pytest
from sqlalchemy import Engine, select
from support.mgmt.confirmed import SIGNER
from support.mgmt.desk import DeskOf
from support.mgmt.published import published, statement_of

from mgmt.ledger.signed_statement import digest_of
from mgmt.registers.records.statistics.statement import check_document, text_of
from parental.store.database import reading, writing
from parental.store.schema.ledger import events

PATH = "/v1/audit/statistics"


@pytest.fixture(autouse=True)
def release(engine: Engine) -> None:
    with writing(engine) as conn:
        published(conn)


async def test_an_auditor_finds_what_was_published_and_takes_it_signed_and_the_ledger_says_so(
    engine: Engine, desk: DeskOf
) -> None:
    _, said = await desk("auditor").ask("GET", PATH)
    status, headers, octets = await desk("auditor").raw("GET", f"{PATH}/2026-Q3")

    text = check_document(octets, [SIGNER.vkey])
    assert (status, headers["Content-Type"], text) == (200, "application/json", text_of(statement_of()))
    assert said["releases"] == [
        {"quarter": "2026-Q3", "node": "", "made": "2026-10-02T00:00:00.000Z", "sha256": digest_of(text)}
    ]
    with reading(engine) as conn:
        last = json.loads(conn.execute(select(events.c.text).order_by(events.c.number.desc())).scalars().first() or "")
    assert (last["action"], last["said"]["sha256"]) == ("statistics of a quarter pulled", digest_of(text))


@pytest.mark.parametrize(("form", "media"), [("csv", "text/csv"), ("svg", "image/svg+xml")])
async def test_each_form_is_the_same_octets_each_time(desk: DeskOf, form: str, media: str) -> None:
    first, again = [await desk("auditor").raw("GET", f"{PATH}/2026-Q3?format={form}") for _ in range(2)]

    assert first[0] == 200 and first[2] == again[2] and first[1]["Content-Type"].startswith(media)


@pytest.mark.parametrize(
    ("path", "status"), [("2026-Q4", 404), ("2026-Q3?node=gw1", 404), ("2026-Q5", 422), ("2026-Q3?format=xml", 422)]
)
async def test_what_was_not_published_is_named(desk: DeskOf, path: str, status: int) -> None:
    found, said = await desk("auditor").ask("GET", f"{PATH}/{path}")
    assert found == status and said["detail"]


@pytest.mark.services
async def test_a_pdf_is_made_by_a_process_of_its_own(desk: DeskOf) -> None:
    status, _, octets = await desk("auditor").raw("GET", f"{PATH}/2026-Q3?format=pdf")
    assert status == 200 and octets.startswith(b"%PDF-")
