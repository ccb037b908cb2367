"""A load generator of DNS queries over UDP, and a server that answers a resolver's queries.

One socket, a window of questions under way; a question without an answer is asked again in a later round.
"""

import contextlib
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

Address = tuple[str, int]
Question = tuple[bytes, int]  # name on the wire, in any letter case; its type

A, CNAME, SOA, AAAA = 1, 5, 6, 28
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
# what the answerer says for every name, by type of question
ANYBODYS = {A: bytes((192, 0, 2, 77)), AAAA: socket.inet_pton(socket.AF_INET6, "2001:db8:77::77")}
OWN = b"at-"  # what the label of a name with an address of its own begins with
WINDOW = 256
BUFFER_OCTETS = 4 << 20
LARGEST_ANSWER = 4096
_HEADER = struct.Struct("!6H")


class Answer(NamedTuple):
    """What of an answer tells verdicts apart."""

    rcode: int
    is_truncated: bool
    addresses: frozenset[bytes]  # of its A and AAAA records
    targets: frozenset[bytes]  # of its CNAME records, on the wire, lower case


def ask_all(
    server: Address, questions: Sequence[Question], patience_s: float = 0.5, rounds: int = 4
) -> list[Answer | None]:
    """The answer to each question, None for one that was never answered.

    patience_s  after which a question counts as unanswered; twice as long in each further round
    A failure of the server (SERVFAIL) is asked again as well, and stands if it stays."""
    answers: list[Answer | None] = [None] * len(questions)
    left = list(range(len(questions)))
    for n in range(rounds):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
            asking.setblocking(False)
            asking.connect(server)
            for index, message in _exchange(asking, questions, left, patience_s * 2**n):
                answers[index] = read_answer(message)
        left = [i for i in left if (answer := answers[i]) is None or answer.rcode == SERVFAIL]
    return answers


def _exchange(
    asking: socket.socket, questions: Sequence[Question], indices: Sequence[int], patience_s: float
) -> Iterator[tuple[int, bytes]]:
    """Ask each of `indices` once, at most WINDOW at a time; give (index, answer)."""
    under_way: dict[int, tuple[int, float]] = {}  # by id, in the order in which they were asked
    at, next_id = 0, 0
    while at < len(indices) or under_way:
        while at < len(indices) and len(under_way) < WINDOW:
            while next_id in under_way:
                next_id = (next_id + 1) & 0xFFFF
            name, qtype = questions[indices[at]]
            try:
                asking.send(_HEADER.pack(next_id, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", qtype, 1))
            except BlockingIOError:
                break
            under_way[next_id] = indices[at], time.monotonic() + patience_s
            next_id = (next_id + 1) & 0xFFFF
            at += 1
        for message in _received(asking):
            number = int.from_bytes(message[:2], "big")
            if number in under_way and _repeats(message, questions[under_way[number][0]]):
                yield under_way.pop(number)[0], message
        now = time.monotonic()
        for number in [number for number, (_, until) in under_way.items() if until < now]:
            del under_way[number]


def _received(asking: socket.socket) -> Iterator[bytes]:
    """What is there, after waiting a little where nothing is."""
    select.select([asking], [], [], 0.02)
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        while True:
            yield asking.recv(LARGEST_ANSWER)


def _repeats(message: bytes, question: Question) -> bool:
    """Whether the answer is one to this question: an earlier one of the same id may be late."""
    name, qtype = question
    asked = message[12 : 16 + len(name)].lower()
    return asked == name.lower() + struct.pack("!HH", qtype, 1)


def read_answer(message: bytes) -> Answer:
    """Read an answer with one question.   Raises ValueError for one that is cut."""
    _, flags, _, n_answers, _, _ = _HEADER.unpack_from(message)
    _, at = read_name(message, 12)
    at += 4
    addresses, targets = set(), set()
    for _ in range(n_answers):
        _, at = read_name(message, at)
        rtype, _, _, length = struct.unpack_from("!HHIH", message, at)
        at += 10
        if rtype in (A, AAAA):
            addresses.add(message[at : at + length])
        elif rtype == CNAME:
            targets.add(read_name(message, at)[0])
        at += length
    return Answer(flags & 15, bool(flags & 0x0200), frozenset(addresses), frozenset(targets))


def read_name(message: bytes, at: int) -> tuple[bytes, int]:
    """A name without its pointers, in lower case, and where it ends."""
    labels = []
    end = 0
    while message[at]:
        if message[at] >= 0xC0:
            end = end or at + 2
            at = int.from_bytes(message[at : at + 2], "big") & 0x3FFF
            continue
        labels.append(message[at : at + 1 + message[at]])
        at += 1 + message[at]
    return b"".join(labels).lower() + b"\0", end or at + 1


def address_octets(text: str) -> bytes:
    """An address as records hold it."""
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def name_at(address: str) -> bytes:
    """A name that has this address alone, on the wire."""
    label = OWN + address_octets(address).hex().encode()
    return bytes([len(label)]) + label + b"\2at\4test\0"


def _own_record(query: bytes) -> bytes | None:
    """The record of a name of name_at() for the type that is asked for; None for another name or type."""
    label, rtype = query[13 : 13 + query[12]].lower(), query[query.index(b"\0", 12) + 2]
    if not label.startswith(OWN):
        return None
    rdata = bytes.fromhex(label[len(OWN) :].decode("ascii"))
    if len(rdata) != {A: 4, AAAA: 16}.get(rtype):
        return b""
    return struct.pack("!HHHIH", 0xC00C, rtype, 1, 3600, len(rdata)) + rdata


def answer_everything(address: Address) -> None:
    """Be the internet: every name has the addresses of ANYBODYS, or its own of name_at(), and nothing else.   Ends with
    its process."""
    records = {
        struct.pack("!HH", rtype, 1): struct.pack("!HHHIH", 0xC00C, rtype, 1, 3600, len(rdata)) + rdata
        for rtype, rdata in ANYBODYS.items()
    }
    # negative caches need a SOA; its owner, both its names and their zone are the root
    soa = b"\0" + struct.pack("!HHIH", SOA, 1, 60, 22) + bytes(2) + struct.pack("!5I", 1, 60, 60, 60, 60)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answering:
        answering.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
        answering.bind(address)
        while True:
            query, client = answering.recvfrom(LARGEST_ANSWER)
            end = query.index(b"\0", 12) + 5
            own = _own_record(query)
            record = records.get(query[end - 4 : end]) if own is None else own or None
            counts = (1, 0, 1, 0) if record is None else (1, 1, 0, 0)
            head = query[:2] + _HEADER.pack(0, 0x8580, *counts)[2:]
            answering.sendto(head + query[12:end] + (record or soa), client)


if __name__ == "__main__":
    answer_everything((sys.argv[1], int(sys.argv[2])))
