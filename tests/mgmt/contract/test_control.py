import asyncio
from datetime import UTC, datetime

import pytest

from mgmt.contract.control import Ack, ControlFailure, Cut, Receipt, receipt_json, receive
from mgmt.contract.errors import NotInForce

NOW = datetime(2026, 8, 3, 16, 0, 3, 120_000, tzinfo=UTC)


async def giving(found: Receipt | BaseException) -> Receipt:
    if isinstance(found, BaseException):
        raise found
    return found


async def test_a_receipt_of_workers_that_all_serve_is_passed_on() -> None:
    receipt = Receipt(7, (Ack("dns-0", 7, 1.0, None),), 2.0, NOW, None)

    assert await receive(giving(receipt)) is receipt


@pytest.mark.parametrize("fault", [ControlFailure("no socket"), ConnectionRefusedError(111, "refused"), TimeoutError()])
async def test_a_control_that_cannot_be_asked_is_said_to_be_late_and_nothing_lost(fault: Exception) -> None:
    with pytest.raises(NotInForce, match="the change is stored; send the same request again"):
        await receive(giving(fault))


async def test_a_control_that_never_answers_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgmt.contract.control.CONTROL_TIMEOUT_S", 0.01)

    async def never() -> Receipt:
        return await asyncio.Future()

    with pytest.raises(NotInForce, match="no answer in time"):
        await receive(never())


async def test_every_worker_that_refuses_is_named() -> None:
    acks = (Ack("dns-0", 7, 1.0, None), Ack("dns-1", 6, 1.0, "checksum differs"), Ack("gate-0", 6, 1.0, "no space"))

    with pytest.raises(NotInForce, match="dns-1: checksum differs; gate-0: no space; the change is stored"):
        await receive(giving(Receipt(7, acks, 2.0, NOW, None)))


def test_a_receipt_is_told_in_the_zone_of_the_place() -> None:
    told = receipt_json(Receipt(7, (Ack("dns-0", 7, 1.26, None),), 2.04, NOW, 3), "Asia/Karachi")

    assert told == {
        "generation": 7,
        "ms": 2.0,
        "at": "2026-08-03T21:00:03.120+05:00",
        "connections_ended": 3,
        "cut": None,
        "workers": [{"worker": "dns-0", "generation": 7, "ms": 1.3}],
    }


def test_a_receipt_tells_what_a_tightened_rule_has_ended_and_what_goes_on() -> None:
    told = receipt_json(Receipt(7, (), 2.0, NOW, None, Cut(NOW, 5, 0)), "Asia/Karachi")

    assert told["cut"] == {"at": "2026-08-03T21:00:03.120+05:00", "ended": 5, "still_open": 0, "by": "labels"}
