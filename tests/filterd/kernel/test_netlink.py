"""Messages as octets, beside what pyroute2 makes and reads; and the kernel's refusals."""

import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.nfnetlink.nftsocket import nft_set_elem_list_msg
from support.system.namespace import a_network_of_its_own
from support.system.rights import needs

from filterd.box.capabilities import Capability
from filterd.kernel.netlink import NESTED, Answer, Netlink, answer_of, attribute, attributes, message, split

ROOT = Path(__file__).parents[3]
GET_GENERATION = 10 << 8 | 16


def test_a_request_is_what_pyroute2_makes_of_it() -> None:
    theirs = nft_set_elem_list_msg()
    theirs["nfgen_family"] = 1
    theirs["attrs"] = [("NFTA_SET_ELEM_LIST_TABLE", "filterd"), ("NFTA_SET_ELEM_LIST_SET", "locked4")]
    theirs["header"].update({"type": 10 << 8 | 12, "flags": 0x405, "sequence_number": 7, "pid": 0})
    theirs.encode()

    ours = message(10 << 8 | 12, 0x404, 7, 1, attribute(1, b"filterd\0") + attribute(2, b"locked4\0"))

    assert ours == bytes(theirs.data)


@given(st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=40))))
def test_attributes_are_read_as_they_were_written(wanted: list[tuple[int, bytes]]) -> None:
    written = b"".join(attribute(kind | NESTED, value) for kind, value in wanted)

    assert [(kind, written[first:last]) for kind, first, last in attributes(written, 0, len(written))] == wanted


@given(st.binary(max_size=200), st.integers(0, 200))
def test_what_is_broken_ends_the_reading_within_what_is_there(octets: bytes, at: int) -> None:
    for _, first, last in attributes(octets, at, len(octets)):
        assert at <= first <= last <= len(octets)
    for found in split(octets):
        assert 0 <= found.at < found.end <= len(octets)
        answer_of(found)


def test_a_part_cut_anywhere_gives_the_messages_before_the_cut() -> None:
    whole = message(5, 0, 1, 2, attribute(1, b"abc")) + message(6, 0, 2, 2)

    for cut in range(len(whole)):
        n = len(list(split(whole[:cut])))
        assert n == (0 if cut < len(message(5, 0, 1, 2, attribute(1, b"abc"))) else 1)
    assert [each.kind for each in split(whole)] == [5, 6]


def test_an_acknowledgement_says_what_was_wrong() -> None:
    refused = struct.pack("=IHHIIi", 36, 2, 0, 9, 0, -errno.ENOENT) + bytes(16)
    short = struct.pack("=IHHII", 16, 2, 0, 9, 0)

    assert answer_of(next(split(refused))) == Answer(9, errno.ENOENT)
    assert answer_of(next(split(short))) == Answer(9, errno.EPROTO)


class Said:
    """Stands for the socket: says what it was given."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)

    def send(self, octets: bytes) -> None:
        pass

    def recv(self, octets: int, flags: int = 0) -> bytes:
        return self.chunks.pop(0)


def dumped(*chunks: bytes) -> list[bytes]:
    link = Netlink.__new__(Netlink)
    link._socket = Said(*chunks)  # type: ignore[assignment]
    return list(link.dump(b""))


ENTRY, FALSE_END = message(5, 0, 1, 2, b"entry123"), message(5, 0, 1, 2, struct.pack("=IH", 20, 3) + bytes(14))


def done(fault: int = 0) -> bytes:
    return struct.pack("=IHHIIi", 20, 3, 2, 1, 0, -fault)


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        ([done()], []),
        ([ENTRY, ENTRY * 2, done()], [ENTRY, ENTRY * 2]),
        ([ENTRY, ENTRY * 2 + done()], [ENTRY, ENTRY * 2]),
        ([FALSE_END, ENTRY, done()], [FALSE_END, ENTRY]),
    ],
    ids=["nothing", "alone", "behind others", "looks like it"],
)
def test_the_end_of_a_dump_is_seen_wherever_it_stands(chunks: list[bytes], told: list[bytes]) -> None:
    assert dumped(*chunks) == told


def test_a_dump_that_failed_is_told() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EINTR)):
        dumped(ENTRY, ENTRY + done(errno.EINTR))


@pytest.mark.kernel
def test_the_kernel_answers_and_refuses() -> None:
    with a_network_of_its_own() as call:
        call(_ask)


def _ask() -> None:
    with Netlink() as link:
        assert link.ask(message(GET_GENERATION, 0, 1, 0)).kind == 10 << 8 | 15
        with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
            link.ask(message(200 << 8, 0, 1, 0))  # no such subsystem
        assert link.send(message(200 << 8, 0, 5, 0)) == [Answer(5, errno.EINVAL)]
        with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
            list(link.dump(message(200 << 8, 0x300, 1, 0)))


@pytest.mark.kernel
@needs(Capability.NET_ADMIN, Capability.SETUID)
def test_without_the_right_to_it_the_message_says_what_is_missing() -> None:
    program = "from filterd.kernel.netlink import Netlink\ntry: Netlink()\nexcept RuntimeError as reason: print(reason)"
    done = subprocess.run(
        ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )

    assert done.stdout == "netfilter: not permitted; nothing was changed; run as root or grant cap_net_admin\n", done
