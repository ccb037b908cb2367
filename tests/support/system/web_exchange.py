"""Octets sent to many servers at once, and what they answer."""

import contextlib
import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

AT_ONCE = 200  # connections
HOST = "127.0.0.1"


@dataclass(slots=True)
class _Exchange:
    socket: socket.socket
    left: bytes
    ends: float
    is_half_closed: bool
    answer: bytearray = field(default_factory=bytearray)


def ask(
    questions: Sequence[tuple[int, bytes]], patience_s: float = 0.3, until: bytes = b"", fin: bool = False
) -> list[bytes]:
    """What the server at each port answers to octets, until it closes or is silent for `patience_s`.

    until   ends an answer that has it;  fin: the client closes its side behind its octets"""
    answers: list[bytes] = []
    for at in range(0, len(questions), AT_ONCE):
        answers += _ask_at_once(questions[at : at + AT_ONCE], patience_s, until, fin)
    return answers


def _ask_at_once(questions: Sequence[tuple[int, bytes]], patience_s: float, until: bytes, fin: bool) -> list[bytes]:
    with selectors.DefaultSelector() as selector:
        exchanges = [_begin(port, octets, patience_s, fin) for port, octets in questions]
        for one in exchanges:
            if one.left or one.ends:
                selector.register(one.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, one)
        while selector.get_map():
            for key, events in selector.select(0.02):
                one = key.data
                if not _goes_on(one, events, patience_s) or (until and until in one.answer):
                    selector.unregister(one.socket)
                elif not one.left:
                    selector.modify(one.socket, selectors.EVENT_READ, one)
            for one in list(_silent(selector.get_map().values())):
                selector.unregister(one.socket)
    for one in exchanges:
        one.socket.close()
    return [bytes(one.answer) for one in exchanges]


def _begin(port: int, octets: bytes, patience_s: float, fin: bool) -> _Exchange:
    connected = socket.socket()
    connected.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        connected.connect((HOST, port))
    return _Exchange(connected, octets, time.monotonic() + patience_s, fin)


def _goes_on(one: _Exchange, events: int, patience_s: float) -> bool:
    try:
        if events & selectors.EVENT_WRITE and one.left:
            one.left = one.left[one.socket.send(one.left) :]
            if not one.left and one.is_half_closed:
                one.socket.shutdown(socket.SHUT_WR)
        if events & selectors.EVENT_READ:
            octets = one.socket.recv(65536)
            one.answer += octets
            if not octets:
                return False
    except BlockingIOError:
        return True
    except OSError:  # reset, or refused
        return False
    one.ends = time.monotonic() + patience_s
    return True


def _silent(keys: Iterable[selectors.SelectorKey]) -> Iterator[_Exchange]:
    now = time.monotonic()
    return (key.data for key in keys if key.data.ends < now)
