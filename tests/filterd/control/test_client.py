import asyncio
from datetime import UTC, datetime

import pytest

from filterd.control.client import ControlClient, receipt_of
from filterd.process.json_socket import serve
from mgmt.control_protocol import Ack, ControlFailed, Receipt

REPLY = {
    "ok": True,
    "generation": 7,
    "acks": [{"worker": "dns-0", "generation": 7, "ms": 2.5, "refused": None}],
    "ms": 12.0,
    "at": "2026-11-25T02:00:00+00:00",
    "connections_ended": 3,
}


def asked(tmp_path, reply, call):
    seen = []

    async def answer(request):
        seen.append(request)
        return dict(reply)

    async def play():
        server = await serve(tmp_path / "control.sock", answer)
        try:
            return await call(ControlClient(tmp_path))
        finally:
            server.close()

    return asyncio.run(play()), seen


def test_a_receipt_comes_through_as_control_gave_it(tmp_path):
    receipt, seen = asked(tmp_path, REPLY, lambda client: client.policy_changed())

    at = datetime(2026, 11, 25, 2, tzinfo=UTC)
    assert receipt == Receipt(7, (Ack("dns-0", 7, 2.5, None),), 12.0, at, 3)
    assert seen == [{"op": "policy_changed"}]


def test_a_question_is_passed_on_whole(tmp_path):
    found, seen = asked(tmp_path, {"ok": True, "reason": "order"}, lambda c: c.explain("a.test", "192.0.2.7", "http"))

    assert found == {"reason": "order"}
    assert seen == [{"op": "explain", "name": "a.test", "address": "192.0.2.7", "channel": "http"}]


def test_control_that_says_no_or_is_not_there_has_failed(tmp_path):
    with pytest.raises(ControlFailed, match="no image"):
        asked(tmp_path, {"ok": False, "error": "no image"}, lambda client: client.orders_changed())
    with pytest.raises(ControlFailed):
        asyncio.run(ControlClient(tmp_path / "absent").status())


@pytest.mark.parametrize("missing", sorted(REPLY.keys() - {"ok"}))
def test_a_receipt_that_lacks_something_is_none(missing):
    with pytest.raises(ControlFailed, match="cannot be read"):
        receipt_of({key: value for key, value in REPLY.items() if key != missing})
