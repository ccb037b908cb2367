"""Every answer keeps the question octet for octet, fits its limits, and reads back as a message of that question."""

from fastpath.dns.query import Query, fault_of, query
from fastpath.dns.synthesis import Block, any_answer, block_answer, cut_answer, error_answer

SPLASH4, SPLASH6 = bytes([192, 0, 2, 80]), bytes.fromhex("20010db8") + bytes(12)
BLOCKS = (
    Block(is_splash=True, ede=16, text=b"{}", splash4=SPLASH4, splash6=SPLASH6),
    Block(is_splash=True, splash4=SPLASH4),
    Block(rcode=3, ede=17),
    Block(rcode=0),
    Block(rcode=5, ede=18),
    Block(is_cut=True),
)
OPT_OCTETS = 11


def check(data: bytes) -> None:
    refused = error_answer(data, 1)
    assert bool(refused) == (len(data) >= 12 and data[2] < 0x80)
    assert 12 * bool(refused) <= len(refused) <= max(len(data), 12) + OPT_OCTETS
    try:
        asked = query(data)
    except ValueError:
        assert not refused or fault_of(data) in (0, 1, 4, 16)
        return
    assert fault_of(data) is None
    _check_query(data, asked)
    _check_answer(data, asked, refused, 65535)
    for block in BLOCKS:
        for room in (65535, asked.after, asked.after + 30):
            _check_answer(data, asked, block_answer(data, block, room), room)
    _check_answer(data, asked, any_answer(data), 65535)
    _check_answer(data, asked, cut_answer(data), 65535)


def _check_query(data: bytes, asked: Query) -> None:
    assert 17 <= asked.after <= len(data) and 512 <= asked.edns_size <= 1232
    assert len(asked.cookie) in (0, 8, *range(16, 41))
    assert asked.device is None or asked.device[1] in data
    if asked.edns_version is None:
        assert not (asked.cookie or asked.device or asked.is_padding_wanted)


def _check_answer(data: bytes, asked: Query, answer: bytes, room: int) -> None:
    assert answer[:2] == data[:2] and answer[12 : asked.after] == data[12 : asked.after]
    assert len(answer) <= min(room, asked.edns_size)
    assert answer[2] & 0x80 and not answer[2] & 0x04, "QR set, AA clear"
    again = query(answer[:2] + bytes([answer[2] & 0x7F]) + answer[3:])
    assert (again.name, again.qtype, again.qclass) == (asked.name, asked.qtype, asked.qclass)
    if again.edns_version is not None:
        assert asked.edns_version is not None and (again.edns_version, again.edns_size) == (0, 1232)
