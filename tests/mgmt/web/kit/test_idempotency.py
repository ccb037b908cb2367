import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from support.mgmt.desk import Clock, Desk, DeskOf, PlayedControl

from mgmt.web.kit import idempotency
from parental.policy.profiles import set_schedule
from parental.policy.schedule import Interval, Schedule
from parental.store.database import reading, writing
from parental.store.schema.calendar import time_spans
from parental.store.schema.idempotency import idempotency_keys

ORDER = {"issuer": "PTA", "ref": "1", "ground": "g", "entries": ["bad.example"]}
KEY = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'


async def pushed(api: Desk, order: Any = ORDER, key: str = KEY, wait: int = 9) -> tuple[int, Any, Any]:
    head = {"Idempotency-Key": key}
    status, headers, octets = await api.raw(
        "POST", f"/v1/orders?wait={wait}", headers=head, data=json.dumps(order).encode()
    )
    return status, headers, json.loads(octets)


def kept(engine: Engine) -> list[Any]:
    with reading(engine) as conn:
        return [row.status for row in conn.execute(select(idempotency_keys))]


async def test_the_same_request_under_one_key_is_done_once_and_answered_twice_the_same(
    desk: DeskOf, control: PlayedControl, engine: Engine
) -> None:
    api = desk("regulator")

    first, again = await pushed(api), await pushed(api)

    assert (first[0], again[0], first[2]) == (201, 201, again[2])
    assert again[1]["Location"] == "/v1/orders/id/1"
    assert control.asked == ["orders_changed"]
    assert kept(engine) == [201]


async def test_a_withdrawal_that_is_sent_twice_says_twice_what_it_has_done(desk: DeskOf) -> None:
    api = desk("regulator")
    await pushed(api)
    said = {"headers": {"Idempotency-Key": "w1"}, "data": b'{"reason": "a court"}'}

    answers = [await api.raw("POST", "/v1/orders/id/1/withdraw", **said) for _ in range(2)]

    assert [(status, json.loads(octets)["withdrawn_now"]) for status, _, octets in answers] == [(200, 1), (200, 1)]


@pytest.mark.parametrize(("change", "wait"), [({"entries": ["other.example"]}, 9), ({}, 8)])
async def test_another_request_under_a_key_is_refused_and_does_nothing(
    desk: DeskOf, control: PlayedControl, change: Any, wait: int
) -> None:
    api = desk("regulator")
    await pushed(api)

    status, _, body = await pushed(api, {**ORDER, **change}, wait=wait)

    assert (status, body["type"], body["where"]) == (422, "/v1/problems/key-reused", "Idempotency-Key")
    assert control.asked == ["orders_changed"]


async def test_a_request_whose_first_still_runs_is_told_to_come_again(desk: DeskOf, control: PlayedControl) -> None:
    api = desk("regulator")
    control.hangs = True
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(pushed(api))
        await asyncio.wait_for(control.waits.wait(), 60)
        second = await pushed(api)
        control.release()

    assert (second[0], second[2]["type"]) == (409, "/v1/problems/key-runs")
    assert first.result()[0] == 201
    assert (await pushed(api))[0] == 201


async def test_what_was_refused_keeps_no_key_and_may_be_sent_again_mended(desk: DeskOf, engine: Engine) -> None:
    api = desk("regulator")

    assert (await pushed(api, {**ORDER, "entries": []}))[0] == 422
    assert kept(engine) == []
    assert (await pushed(api))[0] == 201


async def test_a_key_belongs_to_its_token_and_ends_after_a_day(desk: DeskOf, engine: Engine, clock: Clock) -> None:
    await pushed(desk("regulator"))
    assert (await pushed(desk("operator")))[0] == 200  # the order is known; the key is another one
    assert kept(engine) == [201, 200] or kept(engine) == [200, 201]

    clock.forward(hours=25)
    await pushed(desk("operator"), {**ORDER, "ref": "2"})

    assert kept(engine) == [201]


async def test_a_key_whose_request_has_died_is_free_after_some_minutes(
    desk: DeskOf, engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = desk("regulator")
    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "_end", lambda *_: None)
        await pushed(api)
    assert kept(engine) == [None]

    assert (await pushed(api))[0] == 409
    clock.forward(minutes=4)
    assert (await pushed(api))[0] == 200


@pytest.mark.parametrize("key", ["", '""', '"a', "a b", '"' + "x" * 256 + '"', "x" * 256, "schlüssel"])
async def test_what_is_no_key_is_refused(desk: DeskOf, key: str) -> None:
    status, _, body = await pushed(desk("regulator"), key=key)

    assert (status, body["where"]) == (400, "Idempotency-Key")


async def test_a_token_has_so_many_keys_at_once(desk: DeskOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MAX_OF_HOLDER", 2)
    api = desk("regulator")

    answers = [(await pushed(api, {**ORDER, "ref": key}, key))[0] for key in ("a", "b", "c")]

    assert answers == [201, 201, 429]


@pytest.mark.parametrize("fault", ["fails", "refuses"])
async def test_minutes_that_were_stored_and_not_in_force_are_not_given_twice(
    desk: DeskOf, control: PlayedControl, engine: Engine, fault: str
) -> None:
    api, head = desk("parent", 7), {"Idempotency-Key": KEY}
    path = "/v1/accounts/7/profiles/7/plus"

    async def asked() -> tuple[int, Any]:
        status, _, octets = await api.raw("POST", path, headers=head, data=b'{"minutes": 30}')
        return status, json.loads(octets)

    def spans() -> int:
        with reading(engine) as conn:
            return len(conn.execute(select(time_spans)).all())

    with writing(engine) as conn:
        set_schedule(conn, 7, Schedule((Interval(0, 0, 10080),)))
    setattr(control, fault, "it is away")
    assert [(await asked())[0] for _ in range(2)] == [503, 503]
    setattr(control, fault, None)
    status, body = await asked()

    assert (status, body["type"]) == (409, "/v1/problems/conflict")
    assert "it was stored when it came first, and is in force now" in body["detail"]
    assert spans() == 1
    assert control.asked == ["policy_changed"] * 3


async def test_a_secret_that_is_answered_twice_is_not_readable_in_the_database(desk: DeskOf, engine: Engine) -> None:
    said = {"headers": {"Idempotency-Key": KEY}, "data": b'{"role": "engineer"}'}
    api = desk("operator")

    answers = [await api.raw("POST", "/v1/tokens", **said) for _ in range(2)]

    made = json.loads(answers[0][2])["token"]
    assert [json.loads(octets)["token"] for _, _, octets in answers] == [made, made]
    with reading(engine) as conn:
        [row] = conn.execute(select(idempotency_keys)).all()
    assert made.encode() not in row.answer


async def test_an_answer_that_another_release_has_kept_is_said_to_be_lost_and_nothing_is_done_again(
    desk: DeskOf, engine: Engine, control: PlayedControl
) -> None:
    api = desk("regulator")
    await pushed(api)
    with writing(engine) as conn:
        conn.execute(update(idempotency_keys).values(answer=b'{"id": 1}'))

    status, _, body = await pushed(api)

    assert (status, body["where"]) == (409, "Idempotency-Key")
    assert "it was done, and its answer cannot be read any more" in body["detail"]
    assert control.asked == ["orders_changed"]
