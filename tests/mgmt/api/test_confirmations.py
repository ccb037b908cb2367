"""The confirmation of an order over the API."""

import json

import pytest
from sqlalchemy import Engine, select
from support.mgmt.confirmed import SIGNER, confirmed
from support.mgmt.desk import DeskOf
from support.mgmt.orders import publish, push

from mgmt.confirmation.signed import check_document
from mgmt.ledger.signed_statement import digest_of
from mgmt.orders.store import find_order
from parental.database import reading, writing
from parental.schema.ledger import events

PATH = "/v1/orders/WA-1/confirmation?issuer=PTA"


@pytest.fixture
def order(engine: Engine) -> int:
    with writing(engine) as conn:
        return confirmed(conn, "bad.example", ref="WA-1")


@pytest.mark.usefixtures("order")
async def test_its_issuer_takes_the_signed_confirmation_and_the_ledger_says_so_without_an_entry(
    engine: Engine, desk: DeskOf
) -> None:
    status, headers, octets = await desk("regulator").raw("GET", PATH)

    assert (status, headers["Content-Type"]) == (200, "application/json")
    text = check_document(octets, [SIGNER.vkey])
    assert json.loads(text)["entries"][0]["verified"] is True
    with reading(engine) as conn:
        last = json.loads(conn.execute(select(events.c.text).order_by(events.c.number.desc())).scalars().first() or "")
    assert (last["action"], last["said"]) == ("confirmation pulled", {"format": "json", "sha256": digest_of(text)})


@pytest.mark.parametrize("form", ["json", "csv", "xlsx"])
async def test_each_form_is_the_same_octets_each_time(desk: DeskOf, order: int, form: str) -> None:
    path = f"/v1/orders/id/{order}/confirmation?format={form}"
    first, again = await desk("compliance").raw("GET", path), await desk("auditor").raw("GET", path)

    assert first[0] == again[0] == 200 and first[2] == again[2]
    assert first[1]["Content-Disposition"].endswith(f'.{form}"')


async def test_an_order_that_is_not_confirmed_says_what_it_waits_for(engine: Engine, desk: DeskOf) -> None:
    with writing(engine) as conn:
        push(conn, "bad.example", ref="WA-1")
        publish(conn)
        assert find_order(conn, "PTA", "WA-1") is not None

    status, said = await desk("regulator").ask("GET", PATH)

    assert status == 409 and "the traffic has verified it, and control can sign it" in said["detail"]


@pytest.mark.services
@pytest.mark.usefixtures("order")
async def test_a_pdf_is_made_by_a_process_of_its_own(desk: DeskOf) -> None:
    status, _, octets = await desk("regulator").raw("GET", f"{PATH}&format=pdf")
    assert status == 200 and octets.startswith(b"%PDF-")
