from ipaddress import ip_network
from pathlib import Path

import pytest
from support.sessions.waiting import running, until

from filterd.box.places import CONTROL, control_socket
from filterd.process.codec import FailureReply
from filterd.process.control_messages import CONTROL_REQUESTS, SessionsReceipt, SessionsUpdate
from filterd.process.json_socket import serve
from filterd.radius import notices as module
from filterd.radius.notices import Notices, PendingNotice
from parental.sessions.record import slot_of


def slot(n: int) -> bytes:
    return slot_of(ip_network(f"192.0.2.{n}/32"))


async def test_control_is_told_in_parts_and_again_what_it_did_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PREFIXES", 2)
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    told: list[SessionsUpdate] = []

    async def answer(request: SessionsUpdate) -> SessionsReceipt | FailureReply:
        told.append(request)
        return FailureReply("the kernel refuses") if len(told) == 1 else SessionsReceipt(0)

    notices = Notices(tmp_path)
    async with running(notices.run()):
        notices.tell([slot(1), slot(2), slot(3)], {slot(2)}, {slot(2): 7, slot(3): 0})
        await until(lambda: notices.fault)  # control is away
        server = await serve(control_socket(tmp_path), CONTROL, CONTROL_REQUESTS, answer)
        await until(lambda: len(told) >= 3 and notices.fault is None)
    server.close()

    taken = told[1:]
    assert all(len(each.prefixes) <= 2 for each in told)
    assert {prefix for each in taken for prefix in each.prefixes} == {f"192.0.2.{n}/32" for n in (1, 2, 3)}
    assert [prefix for each in taken for prefix in each.cut] == ["192.0.2.2/32"]
    assert [loser for each in taken for loser in each.losers] == [7]


def test_a_prefix_that_is_to_be_cut_stays_so_when_it_changes_again_and_all_its_losers_are_told(tmp_path: Path) -> None:
    notices = Notices(tmp_path)

    notices.tell([slot(1)], {slot(1)}, {slot(1): 7})
    notices.tell([slot(1)], set(), {slot(1): 8})

    assert notices._untold == {slot(1): PendingNotice(True, frozenset({7, 8}))}
