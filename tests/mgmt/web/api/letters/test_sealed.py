"""An order of child abuse material over the API: taken encrypted alone, shown as counts, taken back whole."""

import base64
from datetime import timedelta
from typing import Any

import pysequoia
import pytest
from sqlalchemy import Engine, select
from support.lists.sealed import Seal, new_seal
from support.mgmt.desk import DeskOf
from support.mgmt.orders import NOW

from mgmt.orders.sealed_messages import messages
from parental.store.database import reading
from parental.store.schema.ledger import events
from parental.store.schema.orders import entries, orders

MARKER = "qzmarkerxhost.test"


@pytest.fixture(scope="module")
def seal() -> Seal:
    return new_seal()


def body(octets: bytes, **said: Any) -> dict[str, Any]:
    message = base64.b64encode(octets).decode()
    return {"issuer": "PTA", "ref": "CA/1", "ground": "PECA 22", "message": message} | said


async def test_it_is_stored_as_it_came_and_shown_without_an_entry(desk: DeskOf, engine: Engine, seal: Seal) -> None:
    api, octets = desk("regulator"), seal.close(f"{MARKER}\n")
    deadline = (NOW + timedelta(hours=12)).isoformat()

    status, order = await api.ask("POST", "/v1/sealed-orders", json=body(octets, deadline=deadline))
    again, same = await api.ask("POST", "/v1/sealed-orders", json=body(octets, deadline=deadline))

    assert (status, again) == (202, 202) and same["id"] == order["id"], order
    assert (order["ground"], order["entries"], order["counts"]) == ("child-abuse: PECA 22", [], {})
    assert order["clock"]["by"] == "letter"
    with reading(engine) as conn:
        assert [each.message for each in messages(conn)] == [(octets, "plain")]
        assert conn.execute(select(entries)).first() is None
        written = repr(conn.execute(select(events.c.text)).all()) + repr(conn.execute(select(orders)).all())
    assert MARKER not in written


async def test_what_is_not_encrypted_whole_is_refused_and_nothing_of_it_is_stored_or_quoted(
    desk: DeskOf, engine: Engine, seal: Seal
) -> None:
    octets, api = seal.close(f"{MARKER}\n"), desk("regulator")
    signed = pysequoia.sign(pysequoia.Tsk.from_bytes(seal.secret).signer(), MARKER.encode(), armor=False)
    armoured = pysequoia.encrypt(MARKER.encode(), recipients=[seal.cert], armor=True)
    bad = [body(each) for each in (MARKER.encode(), signed, octets + signed, octets * 2, octets[:-1], armoured)]

    for said in (*bad, body(b"", message=MARKER)):
        status, problem = await api.ask("POST", "/v1/sealed-orders", json=said)
        assert (status, problem["where"]) == (422, "/message"), problem
        assert MARKER not in str(problem)
    with reading(engine) as conn:
        assert conn.execute(select(orders)).first() is None


async def test_another_message_under_the_same_reference_is_refused(desk: DeskOf, seal: Seal) -> None:
    api = desk("regulator")
    await api.ask("POST", "/v1/sealed-orders", json=body(seal.close("a.test\n")))

    status, _ = await api.ask("POST", "/v1/sealed-orders", json=body(seal.close("a.test\n")))

    assert status == 409


async def test_a_part_of_it_is_not_taken_back_and_what_was_written_is_not_quoted(desk: DeskOf, seal: Seal) -> None:
    api = desk("regulator")
    _, order = await api.ask("POST", "/v1/sealed-orders", json=body(seal.close(f"{MARKER}\n")))
    path = f"/v1/orders/id/{order['id']}/withdraw"

    status, problem = await api.ask("POST", path, json={"reason": "a court", "entries": [MARKER]})
    assert status == 422 and MARKER not in str(problem)

    await api.ask("POST", path, json={"reason": "a court"})
    _, found = await api.ask("GET", f"/v1/orders/id/{order['id']}")
    assert (found["state"], found["withdrawal_reason"]) == ("withdrawal_pending", "a court")


async def test_another_issuers_token_pushes_none(desk: DeskOf, seal: Seal) -> None:
    status, _ = await desk("regulator").ask(
        "POST", "/v1/sealed-orders", json=body(seal.close("a.test\n"), issuer="A court")
    )

    assert status == 403


async def test_in_clear_it_is_still_refused_and_the_sealed_way_is_named(desk: DeskOf) -> None:
    said = {"issuer": "PTA", "ref": "CA/1", "ground": "PECA 22", "entries": [MARKER]}

    status, problem = await desk("regulator").ask("POST", "/v1/orders", json=said)

    assert status == 422 and "/v1/sealed-orders" in problem["detail"] and MARKER not in str(problem)
