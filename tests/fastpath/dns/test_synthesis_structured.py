"""Structured errors on the wire: which clients get EXTRA-TEXT, its cost for others, and what kdig reads."""

import json
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from dnslib import DNSRecord
from support.packets.shapes import opt, question

from fastpath.dns.query import query
from fastpath.dns.synthesis import Block, block_answer

SDE = struct.pack("!HH", 26, 0)
TEXT = json.dumps({"c": ["mailto:help@isp.example"], "j": "Access is restricted by law.", "l": "en"}).encode()
CENSORED, FORGED = 16, 4
SPLASH = Block(is_splash=True, splash4=bytes([192, 0, 2, 80]), ede=CENSORED, ttl_s=30, text=TEXT)
NXDOMAIN = Block(ede=CENSORED, text=TEXT)


def asked(options: bytes = SDE, size: int = 1232, name: bytes = b"blocked.test") -> bytes:
    return question(name, additional=[opt(size, options=options)])


def errors(answer: bytes) -> list[tuple[int, bytes]]:
    """Extended errors: code and text."""
    found = [option.data for record in DNSRecord.parse(answer).ar for option in record.rdata if option.code == 15]
    return [(int.from_bytes(data[:2], "big"), bytes(data[2:])) for data in found]


def test_the_empty_option_asks_for_structured_errors() -> None:
    assert query(asked()).is_structure_wanted
    assert not query(asked(b"")).is_structure_wanted
    assert not query(question(b"blocked.test")).is_structure_wanted


def test_an_option_that_is_not_empty_is_ignored() -> None:
    assert not query(asked(struct.pack("!HH", 26, 1) + b"x")).is_structure_wanted


def test_who_asks_is_told_and_who_does_not_ask_is_not() -> None:
    assert errors(block_answer(asked(), NXDOMAIN)) == [(CENSORED, TEXT)]
    assert errors(block_answer(asked(b""), NXDOMAIN)) == [(CENSORED, b"")]


def test_who_asks_gets_no_forged_answer_as_an_error() -> None:
    assert errors(block_answer(asked(), SPLASH)) == [(CENSORED, TEXT)]
    assert errors(block_answer(asked(b""), SPLASH)) == [(CENSORED, b""), (FORGED, b"")]


def test_asking_changes_nothing_where_there_is_nothing_to_say() -> None:
    assert block_answer(asked(), NXDOMAIN._replace(text=b"")) == block_answer(asked(b""), NXDOMAIN).replace(
        asked(b"")[12:30], asked()[12:30]
    )


def test_a_text_that_does_not_fit_is_left_out_and_the_rest_stays() -> None:
    long = b".".join([b"a" * 63] * 3 + [b"a" * 61])
    answer = block_answer(asked(size=512, name=long), SPLASH._replace(text=b"x" * 300))

    assert errors(answer) == [(CENSORED, b"")]
    assert not answer[2] & 0x02 and len(DNSRecord.parse(answer).rr) == 1
    for room in range(40, 400):
        cut = block_answer(asked(), NXDOMAIN, room)
        assert len(cut) <= room
        assert {text for _, text in errors(cut)} <= {b"", TEXT}


@contextmanager
def answering(block: Block) -> Iterator[int]:
    """A server that blocks everything; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            asked_for, client = server.recvfrom(4096)
            server.sendto(block_answer(asked_for, block), client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.services
@pytest.mark.parametrize(("flags", "is_told"), [(["+ednsopt=26"], True), (["+edns"], False)])
def test_kdig_shows_the_text_to_who_asked(flags: list[str], is_told: bool) -> None:
    with answering(NXDOMAIN) as port:
        shown = subprocess.run(
            ["kdig", "@127.0.0.1", "-p", str(port), "blocked.test", *flags],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    assert "16 (Censored)" in shown
    assert ("Access is restricted by law." in shown) == is_told
