"""Corrections over the API: a later version takes the place of an order, and what is over is not corrected."""

from datetime import timedelta
from urllib.parse import quote

from sqlalchemy import Engine, update
from support.mgmt.desk import NOW, Clock, DeskOf

from mgmt.orders.base.live import live_entries
from parental.store.database import reading, writing
from parental.store.schema.access import tokens

REF = "PTA/WA/123/2026"
ORDER: dict[str, object] = {"issuer": "PTA", "ref": REF, "ground": "peca-37:decency"}
ORDER |= {"entries": ["Bad.Example.", {"value": "exact.example", "scope": "exact"}]}
PATH = "/v1/orders/" + quote(REF, safe="") + "?issuer=PTA"
WITHDRAW = PATH.replace("?", "/withdraw?")
CORRECTION = ORDER | {"ref": "PTA/WA/130/2026", "corrects": REF, "entries": ["bad.example", "new.example"]}


def live(engine: Engine) -> set[tuple[bytes, int]]:
    with reading(engine) as conn:
        return {(entry.wire, entry.order) for entry in live_entries(conn)}


async def test_a_correction_replaces_the_entries_of_an_order_and_both_are_kept(desk: DeskOf, engine: Engine) -> None:
    ask = desk("regulator").ask
    await ask("POST", "/v1/orders?wait=9", json=ORDER)
    status, body = await ask("POST", "/v1/orders?wait=9", json=CORRECTION)

    assert (status, body["state"], body["version"], body["first"]) == (201, "enforced", 2, 1)
    assert live(engine) == {(b"\3bad\7example\0", 2), (b"\3new\7example\0", 2)}
    before = (await ask("GET", PATH))[1]
    assert (before["state"], before["replaced_by"]) == ("replaced", 2)
    assert [entry["reason"] for entry in before["entries"]] == ["order 2 has corrected it"] * 2
    assert (await ask("POST", "/v1/orders?wait=9", json=CORRECTION))[0] == 200  # sent again: safe


async def test_a_correction_of_what_is_over_is_refused_with_what_to_do(desk: DeskOf) -> None:
    ask = desk("regulator").ask
    assert (await ask("POST", "/v1/orders", json=CORRECTION))[0] == 422
    await ask("POST", "/v1/orders?wait=9", json=ORDER)
    await ask("POST", WITHDRAW, json={"reason": "court"})

    status, body = await ask("POST", "/v1/orders", json=CORRECTION)

    assert (status, body["where"]) == (409, "/corrects")
    assert (
        "it was withdrawn; not corrected, nothing stored; push what is to be blocked as a new order" in body["detail"]
    )
    assert len((await ask("GET", "/v1/orders"))[1]["orders"]) == 1


async def test_an_order_that_was_corrected_is_withdrawn_by_its_newest_version_alone(
    desk: DeskOf, engine: Engine
) -> None:
    ask = desk("regulator").ask
    await ask("POST", "/v1/orders?wait=9", json=ORDER)
    await ask("POST", "/v1/orders?wait=9", json=CORRECTION)

    status, body = await ask("POST", WITHDRAW, json={"reason": "court"})
    assert status == 409 and "withdraw that one, or a part of it" in body["detail"]
    assert (await ask("POST", "/v1/orders/id/2/withdraw", json={"reason": "court"}))[0] == 200
    assert live(engine) == set()


async def test_a_token_that_may_not_withdraw_corrects_nothing(desk: DeskOf, engine: Engine) -> None:
    ask = desk("regulator").ask
    await ask("POST", "/v1/orders?wait=9", json=ORDER)
    with writing(engine) as conn:
        conn.execute(update(tokens).values(scopes="orders.push"))

    status, _ = await ask("POST", "/v1/orders", json=CORRECTION)

    assert status == 403 and len(live(engine)) == 2


async def test_the_days_of_an_order_are_local_ones_and_the_past_is_refused(desk: DeskOf, clock: Clock) -> None:
    ask = desk("regulator").ask
    days = {"review": "2026-08-20", "expires": "2026-09-01"}
    _, body = await ask("POST", "/v1/orders?wait=9", json=ORDER | days)
    assert {name: body[name] for name in days} == days

    status, body = await ask("POST", "/v1/orders", json=ORDER | {"ref": "2", "expires": "2026-08-02"})
    assert (status, body["where"]) == (422, "/expires")
    assert (await ask("GET", "/v1/orders?review=due"))[1]["orders"] == []
    clock.now = NOW + timedelta(days=20)
    assert [each["id"] for each in (await ask("GET", "/v1/orders?review=due"))[1]["orders"]] == [1]
