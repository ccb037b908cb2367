"""The confirmation of an order over the API."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from support.mgmt.confirmed import SIGNER, confirmed
from support.mgmt.desk import DeskOf
from support.mgmt.orders import NOW, publish, push

from mgmt.ledger.event import CONTROL
from mgmt.ledger.signed_statement import digest_of
from mgmt.orders.confirmation.replies import restate
from mgmt.orders.confirmation.signed import check_document
from mgmt.orders.store import find_order, withdraw_order
from parental.store.database import reading, writing
from parental.store.schema.ledger import events

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


async def test_once_the_order_is_withdrawn_the_older_answer_is_refused_and_the_newest_says_withdrawn(
    engine: Engine, desk: DeskOf, order: int
) -> None:
    older = digest_of(check_document((await desk("regulator").raw("GET", PATH))[2], [SIGNER.vkey]))
    with writing(engine) as conn:
        withdraw_order(conn, order, "a court", NOW, CONTROL)
    status, said = await desk("regulator").ask("GET", PATH)
    assert status == 409 and "has changed since its statement of 2026-08-03T16:00:31.000Z" in said["detail"]

    with writing(engine) as conn:
        publish(conn)
        assert restate(conn, order, SIGNER, NOW + timedelta(hours=1))
    text = check_document((await desk("regulator").raw("GET", PATH))[2], [SIGNER.vkey])
    assert (json.loads(text)["answer"], json.loads(text)["supersedes"]["sha256"]) == ("withdrawn", older)
    assert (await desk("regulator").ask("GET", f"{PATH}&sha256={digest_of(text)}"))[0] == 200
    for sha256, words in ((older, f"was superseded by {digest_of(text)}"), ("00" * 32, "no statement has this digest")):
        status, said = await desk("regulator").ask("GET", f"{PATH}&sha256={sha256}")
        assert status == 409 and words in said["detail"]


@pytest.mark.services
@pytest.mark.usefixtures("order")
async def test_a_pdf_is_made_by_a_process_of_its_own(desk: DeskOf) -> None:
    status, _, octets = await desk("regulator").raw("GET", f"{PATH}&format=pdf")
    assert status == 200 and octets.startswith(b"%PDF-")
