import pytest
from support.packets.builders import hello, hello_message, records, request

from fastpath.wire.detect import spoken

CCS, EMPTY = b"\x14\x03\x03\x00\x01\x01", b"\x16\x03\x03\x00\x00"


@pytest.mark.parametrize(
    ("octets", "told_after"),
    [
        (hello(b"a.test"), 6),
        (records(hello_message(b"a.test"), 1), 6),
        (CCS + hello(b"a.test"), len(CCS + hello(b"a.test"))),
        (EMPTY + hello(b"a.test"), len(EMPTY + hello(b"a.test"))),
    ],
    ids=["hello", "records of one octet", "change_cipher_spec first", "empty record first"],
)
def test_tls_is_known_by_its_first_record(octets: bytes, told_after: int) -> None:
    answers = [spoken(octets[:n]) for n in range(len(octets) + 1)]

    assert answers == [None] * told_after + ["tls"] * (len(octets) + 1 - told_after)


@pytest.mark.parametrize("octets", [request(b"a.test"), b"\r\n" + request(b"a.test", method=b"PROPFIND")])
def test_http_is_known_by_its_first_line(octets: bytes) -> None:
    line = octets.index(b"HTTP/1.1\r\n") + 10
    answers = [spoken(octets[:n]) for n in range(len(octets) + 1)]

    assert answers == [None] * line + ["http"] * (len(octets) + 1 - line)


@pytest.mark.parametrize(
    "octets",
    [
        b"SSH-2.0-client\r\n",
        b"EHLO mail.test\r\n",
        b"\x00\x01\x02\x03",
        b"\x16\x03\x03\x00\x30\x02" + bytes(47),
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\x13BitTorrent protocol",
        b"a" * 70000,
    ],
    ids=["ssh", "smtp", "binary", "server's hello", "answer", "bittorrent", "no line end"],
)
def test_what_is_neither_is_other(octets: bytes) -> None:
    assert spoken(octets) == "other"


def test_an_answer_once_given_does_not_change() -> None:
    begins = (b"SSH-2.0-client\r\n", CCS + b"SSH", EMPTY + b"\x16SSH", b"GET / HTTP/1.1\r\n\x16\x03\x01")
    for octets in (hello(b"a.test"), request(b"a.test"), *begins):
        answers = [spoken(octets[:n]) for n in range(len(octets) + 1)]
        given = [answer for answer in answers if answer is not None]
        assert len(set(given)) == 1 and answers[-len(given) :] == given
