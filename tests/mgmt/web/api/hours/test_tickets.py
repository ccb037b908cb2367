"""Tickets over the API."""

import pytest
from support.mgmt.desk import Clock, Desk, DeskOf

from parental.calendar.tickets import N_TRIES

TICKETS, USE = "/v1/accounts/7/tickets", "/v1/accounts/7/profiles/7/ticket"
ALWAYS = {"kind": "sleep", "from": "12 am", "to": "12 am"}


@pytest.fixture
async def parent(desk: DeskOf) -> Desk:
    """Of line 7, which a card closes."""
    found = desk("parent", 7)
    await found.ask("POST", "/v1/accounts/7/profiles/7/cards", json=ALWAYS)
    return found


async def test_a_sheet_is_made_used_and_shown(parent: Desk) -> None:
    status, body = await parent.ask("POST", TICKETS, json={"count": 3, "minutes": 45})
    assert (status, len(body["tickets"])) == (201, 3)
    assert len({each["code"] for each in body["tickets"]}) == 3

    status, used = await parent.ask("POST", USE, json={"code": body["tickets"][0]["code"]})
    assert (status, used["minutes"], used["time"]["state"], used["time"]["why"]) == (200, 45, "open", "ticket")
    assert (await parent.ask("POST", USE, json={"code": body["tickets"][0]["code"]}))[0] == 404
    assert (await parent.ask("DELETE", f"{TICKETS}/{body['tickets'][1]['id']}"))[0] == 200
    _, body = await parent.ask("GET", TICKETS)
    assert [each["state"] for each in body["tickets"]] == ["used", "revoked", "unused"]


async def test_a_ticket_is_told_to_be_expired(parent: Desk, clock: Clock) -> None:
    await parent.ask("POST", TICKETS, json={"count": 1})
    clock.forward(days=181)

    assert [each["state"] for each in (await parent.ask("GET", TICKETS))[1]["tickets"]] == ["expired"]


async def test_a_helper_sees_no_codes_and_a_foreign_household_uses_none(parent: Desk, desk: DeskOf) -> None:
    _, body = await parent.ask("POST", TICKETS, json={"count": 1})

    assert (await desk("helper", 7).ask("GET", TICKETS))[0] == 403
    code = {"code": body["tickets"][0]["code"]}
    assert (await desk("parent", 8).ask("POST", USE, json=code))[0] == 403
    assert (await desk("parent", 8).ask("POST", "/v1/accounts/8/profiles/8/ticket", json=code))[0] == 404


async def test_a_ticket_that_would_open_nothing_is_kept(desk: DeskOf) -> None:
    parent = desk("parent", 7)
    _, body = await parent.ask("POST", TICKETS, json={"count": 1})

    status, said = await parent.ask("POST", USE, json={"code": body["tickets"][0]["code"]})
    assert (status, "nothing closes it" in said["detail"]) == (409, True)
    assert [each["state"] for each in (await parent.ask("GET", TICKETS))[1]["tickets"]] == ["unused"]


async def test_a_household_that_tries_codes_is_slowed_down(parent: Desk) -> None:
    statuses = [(await parent.ask("POST", USE, json={"code": f"001 000 {n:03}"}))[0] for n in range(N_TRIES + 1)]

    assert statuses == [404] * N_TRIES + [429]


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 51}, {"minutes": 0}, {"minutes": 241}])
async def test_too_many_tickets_or_minutes_are_refused(parent: Desk, wrong: dict[str, int]) -> None:
    assert (await parent.ask("POST", TICKETS, json=wrong))[0] == 422
