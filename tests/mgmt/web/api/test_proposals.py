"""A push is a proposal, and whoever pushes may wait for what becomes of it."""

import asyncio
import json

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW, DeskOf, PlayedControl

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.live import orders_revision
from mgmt.orders.phases.canary_rules import Policy
from mgmt.orders.phases.canary_store import begin, enter
from mgmt.staff.issuers import Issuer, put_issuer
from parental.store.database import writing

ORDER = {"issuer": "PTA", "ref": "1", "ground": "peca-37", "entries": ["bad.example"]}


async def test_a_push_that_does_not_wait_is_a_proposal_and_its_place_says_what_becomes_of_it(
    desk: DeskOf, control: PlayedControl
) -> None:
    api = desk("regulator")
    control.hangs = True

    status, headers, octets = await api.raw("POST", "/v1/orders", data=json.dumps(ORDER).encode())

    assert (status, headers["Location"], json.loads(octets)["state"]) == (202, "/v1/orders/id/1", "pending")
    assert "push it again with ?wait=" in json.loads(octets)["detail"]
    control.release()
    status, body = await api.ask("POST", "/v1/orders?wait=9", json=ORDER)
    assert (status, body["state"]) == (200, "enforced")


async def test_a_push_waits_no_longer_than_it_says(desk: DeskOf, control: PlayedControl) -> None:
    control.hangs = True

    assert (await desk("regulator").ask("POST", "/v1/orders?wait=1", json=ORDER))[0] == 202
    for wait in ("-1", "16", "x"):
        status, body = await desk("regulator").ask("POST", f"/v1/orders?wait={wait}", json=ORDER)
        assert (status, body["where"]) == (422, "?wait")
    control.release()


async def test_many_pushes_at_once_are_a_few_publications(desk: DeskOf, control: PlayedControl) -> None:
    api = desk("regulator")
    pushes = (api.ask("POST", "/v1/orders?wait=15", json={**ORDER, "ref": str(number)}) for number in range(40))

    answers = await asyncio.gather(*pushes)

    assert {status for status, _ in answers} == {201}
    assert 1 <= control.asked.count("orders_changed") < 30


async def test_an_issuer_orders_within_its_scopes_and_while_it_is_active(desk: DeskOf, engine: Engine) -> None:
    api = desk("operator")
    with writing(engine) as conn:
        put_issuer(conn, Issuer("PTA", scopes=frozenset({"exact"})), CONTROL, NOW)

    status, body = await api.ask("POST", "/v1/orders", json=ORDER)
    assert (status, body["where"]) == (403, "/issuer")
    assert "PTA may not order scope subtree; not taken" in body["detail"]
    exact = {**ORDER, "scope": "exact", "entries": ["a.example"]}
    assert (await api.ask("POST", "/v1/orders", json={**exact, "entries": [{"value": "a", "scope": "subtree"}]}))[
        0
    ] == 403
    assert (await api.ask("POST", "/v1/orders?wait=9", json=exact))[0] == 201

    with writing(engine) as conn:
        put_issuer(conn, Issuer("PTA", is_active=False), CONTROL, NOW)
    status, body = await api.ask("POST", "/v1/orders", json={**exact, "ref": "2"})
    assert status == 403 and "it is disabled" in body["detail"]


@pytest.mark.parametrize("name", ["pta", "PTA ", "P\u200bTA", "\u0420\u0422\u0410"])
async def test_another_spelling_of_an_issuer_goes_round_neither_its_key_nor_its_limits(
    desk: DeskOf, engine: Engine, name: str
) -> None:
    with writing(engine) as conn:
        put_issuer(conn, Issuer("PTA", is_active=False), CONTROL, NOW)

    status, body = await desk("operator").ask("POST", "/v1/orders?wait=9", json={**ORDER, "issuer": name})

    assert (status, body["where"], "not taken" in body["detail"]) == (403, "/issuer", True)
    assert (await desk("operator").ask("GET", "/v1/orders"))[1]["orders"] == []


async def test_an_order_that_is_tried_on_one_gateway_first_says_so_where_it_is_pushed(
    desk: DeskOf, control: PlayedControl, engine: Engine
) -> None:
    api, gw1 = desk("regulator"), Policy("gw1", "gw1", 600, 100)
    control.fails = "connection refused"
    _, body = await api.ask("POST", "/v1/orders", json=ORDER)
    assert body["canary"] is None
    with writing(engine) as conn:
        enter(conn, gw1, [(body["id"], 1)], NOW)
        revision = orders_revision(conn)

    _, body = await api.ask("POST", "/v1/orders", json=ORDER)
    assert body["detail"].startswith("the order is tried on gw1 first, whose workers do not serve it yet")

    with writing(engine) as conn:
        begin(conn, gw1, revision, int(NOW.timestamp()))
    status, body = await api.ask("POST", "/v1/orders?wait=1", json=ORDER)
    assert (status, body["canary"]["state"]) == (202, "running")
    assert body["detail"] == "the order is in force on gw1 alone, and everywhere in 600 s; look at Location"
