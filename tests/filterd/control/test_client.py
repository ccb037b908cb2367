import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from filterd.control.client import ControlClient
from filterd.process.control_messages import CONTROL_REQUESTS, ControlRequest, Explain, PolicyUpdate
from filterd.process.json_socket import serve
from mgmt.contract.control import Ack, ControlFailure, Receipt

T = TypeVar("T")
REPLY = {
    "ok": True,
    "generation": 7,
    "acks": [{"worker": "dns-0", "generation": 7, "ms": 2.5, "refused": None}],
    "ms": 12.0,
    "at": "2026-11-25T02:00:00+00:00",
    "connections_ended": 3,
}
RECEIPT = Receipt(7, (Ack("dns-0", 7, 2.5, None),), 12.0, datetime(2026, 11, 25, 2, tzinfo=UTC), 3)


def asked(tmp_path: Path, reply: object, call: Callable[[ControlClient], Awaitable[T]]) -> tuple[T, list[object]]:
    """(what the client makes of a reply, the requests it sent)."""
    seen: list[object] = []

    async def answer(request: ControlRequest) -> object:
        seen.append(request)
        return reply

    async def play() -> T:
        server = await serve(tmp_path / "control/control.sock", "control", CONTROL_REQUESTS, answer)
        try:
            return await call(ControlClient(tmp_path))
        finally:
            server.close()

    return asyncio.run(play()), seen


@pytest.mark.parametrize("reply", [REPLY, RECEIPT], ids=["as JSON", "as control makes it"])
def test_a_receipt_comes_through_as_control_gave_it(tmp_path: Path, reply: object) -> None:
    receipt, seen = asked(tmp_path, reply, lambda client: client.policy_changed())

    assert receipt == RECEIPT
    assert seen == [PolicyUpdate()]


def test_a_question_is_passed_on_whole(tmp_path: Path) -> None:
    found, seen = asked(tmp_path, {"ok": True, "reason": "order"}, lambda c: c.explain("a.test", "192.0.2.7", "http"))

    assert found == {"reason": "order"}
    assert seen == [Explain("a.test", "192.0.2.7", "http")]


def test_control_that_says_no_or_is_not_there_has_failed(tmp_path: Path) -> None:
    with pytest.raises(ControlFailure, match="no image"):
        asked(tmp_path, {"ok": False, "error": "no image"}, lambda client: client.orders_changed())
    with pytest.raises(ControlFailure):
        asyncio.run(ControlClient(tmp_path / "absent").status())


@pytest.mark.parametrize("missing", sorted(REPLY.keys() - {"ok"}))
def test_a_receipt_that_lacks_something_is_none(tmp_path: Path, missing: str) -> None:
    reply: dict[str, Any] = {key: value for key, value in REPLY.items() if key != missing}

    with pytest.raises(ControlFailure, match=f"missing required field `{missing}`"):
        asked(tmp_path, reply, lambda client: client.orders_changed())
