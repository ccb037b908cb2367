import asyncio
import socket
from collections import Counter

import pytest
from support.sessions.requests import START, told
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from filterd.radius import inbox as module
from filterd.radius.inbox import Inbox, listen


async def test_what_comes_waits_and_an_answer_goes_back_to_where_it_came_from() -> None:
    counted, port = Counter[str](), free_port()
    inbox = Inbox(lambda name: counted.update([name]))
    [heard] = await listen([Endpoint("127.0.0.1", port)], inbox)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nas:
        nas.setblocking(False)
        nas.connect(("127.0.0.1", port))
        for _ in range(2):
            nas.send(told(START))
            await asyncio.wait_for(inbox.has_some.wait(), 60)
            [datagram] = inbox.take()
            if inbox.answer_of(datagram) is None:
                inbox.begin(datagram)
                assert inbox.answer_of(datagram) == b""
                inbox.end(datagram, b"answer")
            else:
                datagram.answer(inbox.answer_of(datagram) or b"")
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(nas, 100), 60) == b"answer"
    heard.close()
    assert counted == {"radius_requests": 2}


async def test_a_request_that_was_not_answered_is_new_again() -> None:
    inbox = Inbox(lambda _: None)
    inbox.receive(told(START), ("192.0.2.1", 1), None)  # type: ignore[arg-type]
    [datagram] = inbox.take()
    inbox.begin(datagram)

    inbox.end(datagram, None)

    assert inbox.answer_of(datagram) is None


async def test_there_is_room_for_so_many_and_what_is_beyond_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    monkeypatch.setattr(module, "MOST_ANSWERS", 2)
    counted = Counter[str]()
    inbox = Inbox(lambda name: counted.update([name]))

    for n in range(5):
        inbox.receive(told(START, identifier=n), ("192.0.2.1", 1), None)  # type: ignore[arg-type]
    taken = inbox.take()
    for datagram in taken:
        inbox.begin(datagram)

    assert (len(taken), counted["radius_refused"]) == (3, 2)
    assert [inbox.answer_of(each) for each in taken] == [None, b"", b""]


async def test_a_place_that_cannot_be_had_is_said_by_its_address() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port}"):
            await listen([Endpoint("127.0.0.1", port)], Inbox(lambda _: None))
