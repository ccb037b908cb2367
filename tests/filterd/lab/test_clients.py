from pathlib import Path

import pytest
from support.system.stage import ScriptedPlace, dig_text

from filterd.lab.clients import MARK, connect_to, dig, parse_curl, parse_dig

SOA = "test. 30 IN SOA a.test. b.test. 1 2 3 4 5"


def test_an_answer_is_read_with_its_ede_and_its_authority() -> None:
    answer = parse_dig(dig_text("listed.test. 60 IN A 192.0.2.1", ede=(16, 4), authority=(SOA,)))

    assert (answer.rcode, answer.data, answer.ede, answer.time_us) == ("NOERROR", ("192.0.2.1",), (16, 4), 412)
    assert answer.records == ("listed.test. 60 IN A 192.0.2.1",)
    assert (answer.authority, answer.flags) == ((SOA,), ("qr", "rd", "ra"))


def test_data_with_spaces_stays_whole() -> None:
    assert parse_dig(dig_text('a.test. 60 IN TXT "two words"')).data == ('"two words"',)


def test_no_answer_is_no_rcode() -> None:
    answer = parse_dig(";; communications error to 192.0.2.1#53: timed out\n\n;; no servers could be reached\n")

    assert (answer.rcode, answer.data, answer.ede) == (None, (), ())


@pytest.mark.parametrize(("transport", "flag"), [("udp", "+notcp"), ("tcp", "+tcp")])
def test_dig_asks_the_gateway_over_the_transport_that_is_wanted(tmp_path: Path, transport: str, flag: str) -> None:
    place = ScriptedPlace(tmp_path, lambda *_: dig_text())

    dig(place, "child", "a.test", "AAAA", transport, source="198.51.100.2")  # type: ignore[arg-type]

    [(node, argv, _)] = place.asked
    assert node == "child"
    assert argv[-5:] == ["-p", "53", "@192.0.2.1", "a.test", "AAAA"]
    assert flag in argv
    assert argv[argv.index("-b") + 1] == "198.51.100.2"


def test_a_page_is_read_with_its_headers() -> None:
    page = 'HTTP/1.1 451 Unavailable\nLink: <https://isp.example>; rel="blocked-by"\nA: b\n\n<p>\n\nno\n'

    seen = parse_curl(0, f"{page}{MARK}451 0.012", "")

    assert (seen.exit_code, seen.code, seen.time_s) == (0, 451, 0.012)
    assert seen.body == "<p>\n\nno\n"
    assert seen.headers == {"link": '<https://isp.example>; rel="blocked-by"', "a": "b"}
    assert not seen.was_reset


@pytest.mark.parametrize(
    ("exit_code", "fault", "was_reset"),
    [
        (35, "curl: (35) Recv failure: Connection reset by peer", True),
        (56, "curl: (56) Recv failure: Connection reset by peer", True),
        (35, "curl: (35) TLS connect error: wrong version number", False),
        (28, "curl: (28) Connection timed out after 5001 milliseconds", False),
        (7, "curl: (7) Failed to connect to 192.0.2.40 port 443: Connection refused", False),
    ],
)
def test_only_a_reset_is_a_reset(exit_code: int, fault: str, was_reset: bool) -> None:
    seen = parse_curl(exit_code, f"{MARK}000 0.001", fault)

    assert (seen.was_reset, seen.code) == (was_reset, 0)


def test_curl_connects_to_an_address_of_either_family() -> None:
    assert connect_to("192.0.2.40") == ["--connect-to", "::192.0.2.40:"]
    assert connect_to("2001:db8::1") == ["--connect-to", "::[2001:db8::1]:"]
    assert connect_to("") == []
