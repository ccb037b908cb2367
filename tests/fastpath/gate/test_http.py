"""HTTP through the gate: every request of a connection, however it arrives."""

import random
from pathlib import Path

import pytest
from support.gate.http_judge import verdicts
from support.gate.http_streams import ALLOWED as ALLOWED_NAME
from support.gate.http_streams import LISTED, NOBODYS, STREAMS, generated
from support.gate.lab import (
    ALLOWED,
    ANSWERED,
    ARRIVALS,
    BLOCKED,
    DROPPED,
    PARTIAL,
    PARTIAL_AGAIN,
    PARTIAL_SPOKEN,
    SPOKEN,
    Lab,
    bytewise,
    cut,
)
from support.packets.builders import ACK, Client, hello, request

from fastpath.images.tables import TableSet
from fastpath.wire.packet import packet as parse

WEB = Client(dport=80)
CHUNKED = request(b"www.allowed.test", method=b"POST", more=b"Transfer-Encoding: chunked\r\n")


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_how_a_request_arrives_does_not_change_the_verdict(lab: Lab, arrival: str) -> None:
    assert lab.send_all(WEB, ARRIVALS[arrival](request(b"www.blocked.test", more=b"Accept: */*\r\n" * 8))) == ANSWERED
    other = Client(dport=80, sport=1)
    assert lab.send_all(other, ARRIVALS[arrival](request(b"www.allowed.test", more=b"Accept: */*\r\n" * 8))) == ALLOWED


@pytest.mark.parametrize(
    "octets",
    [
        request(b"www.allowed.test", target=b"http://www.blocked.test/x"),
        request(b"www.blocked.test", target=b"http://www.allowed.test/x"),
        request(b"www.allowed.test", more=b"hOST:\tblocked.test \r\n"),
        request(b"www.allowed.test") + request(b"blocked.test"),
        request(b"allowed.test", method=b"POST", more=b"Content-Length: 4\r\n") + b"abcd" + request(b"blocked.test"),
        request(b"www.allowed.test", more=b"Content-Length: 900\r\n") + request(b"blocked.test"),
        CHUNKED + b"3\r\nabc\r\n0\r\n\r\n" + request(b"blocked.test"),
        CHUNKED + b"80\r\n" + request(b"blocked.test"),
        CHUNKED + b"80\r\n\x00\n" + request(b"www.allowed.test") + b"\r\n\xff\n" + request(b"blocked.test"),
        request(b"a.test", more=b"Content-Length : 90\r\n") + 2 * request(b"a.test") + request(b"blocked.test"),
    ],
    ids=[
        "target",
        "host",
        "second host",
        "pipelined",
        "behind a body",
        "hidden in a body",
        "behind a chunked body",
        "hidden in a chunk",
        "hidden between binary lines",
        "hidden deep in a body that not every server sees",
    ],
)
def test_every_reading_of_a_request_decides(lab: Lab, octets: bytes) -> None:
    assert lab.send(WEB, 0, octets) == ANSWERED
    assert lab.send_all(Client(dport=80, sport=1), bytewise(octets)) == ANSWERED


def test_a_keep_alive_with_an_octet_of_garbage_ends_no_connection_and_hides_nothing(lab: Lab) -> None:
    first = request(b"www.allowed.test")
    assert lab.send(WEB, 0, first) == ALLOWED
    assert lab.send(WEB, len(first) - 1, b"\0", ALLOWED) == DROPPED  # nobody has spoken: it may be the real octet
    assert lab.send(WEB, 0, first, ALLOWED) == ALLOWED

    kept = Client(dport=80, sport=1)
    for end in (len(first), 2 * len(first)):
        state = int(SPOKEN) if end > len(first) else 0
        assert lab.send(kept, end - len(first), first, state) in (ALLOWED, SPOKEN)
        assert lab.send(kept, end - 1, b"\0", SPOKEN) == DROPPED  # one without an octet asks in its stead
        assert lab.is_asking
        assert lab.answer(kept, end) == SPOKEN
        for _ in range(3):
            assert lab.send(kept, end - 1, b"\0", SPOKEN) == SPOKEN
    assert lab.send(kept, 2 * len(first), request(b"blocked.test"), SPOKEN) == ANSWERED

    other = Client(dport=80, sport=2)
    assert lab.send(other, 0, first) == ALLOWED
    assert lab.send(other, len(first) - 1, b"x", SPOKEN) == BLOCKED

    within = Client(dport=80, sport=3)
    assert lab.send(within, 0, first) == ALLOWED
    assert lab.send(within, len(first), first[:-9], SPOKEN) == PARTIAL_SPOKEN
    assert lab.send(within, 2 * len(first) - 10, b"\0", PARTIAL_SPOKEN) == DROPPED


@pytest.mark.parametrize("client", [WEB, Client("2001:db8::7", "2001:db8:1::1", dport=80)])
def test_a_keep_alive_that_may_stand_in_a_decoy_s_place_reaches_its_server_without_its_octet(
    lab: Lab, client: Client
) -> None:
    first = request(b"www.allowed.test")
    decoy = b"GET http://www.allowed.test/x HTTP/1.1\r\nX: y\r\n\r\n"
    end = len(first + decoy)
    lab.send(client, 0, first)
    lab.send(client, len(first), decoy, SPOKEN)  # its TTL ends before its server
    lab.gate.injected()

    assert lab.send(client, end - 1, b"\0", SPOKEN) == DROPPED
    (sent,) = lab.gate.injected()
    assert len(sent) == len(client.segment(end - 1, b"\0")) - 1
    found, dropped = parse(sent), parse(client.segment(end - 1, b"\0"))
    assert found is not None and dropped is not None
    assert found == dropped._replace(payload=b"", flags=ACK)

    assert lab.answer(client, len(first)) == SPOKEN  # so far has its server received
    assert lab.send(client, end - 1, b"\0", SPOKEN) == DROPPED


def test_a_second_request_of_a_kept_connection_is_judged(lab: Lab) -> None:
    first = request(b"www.allowed.test")

    assert lab.send(WEB, 0, first) == ALLOWED
    assert lab.send(WEB, len(first), first, SPOKEN) == SPOKEN
    assert lab.send(WEB, 2 * len(first), request(b"blocked.test"), SPOKEN) == ANSWERED


@pytest.mark.parametrize("at", [-100_000, -40_000, 40_000, 100_000])
def test_what_stands_apart_is_blocked_where_nobody_knows_which_octets_the_server_takes(lab: Lab, at: int) -> None:
    web = Client(dport=80, isn=1 << 20)
    assert lab.send(web, at, request(b"www.allowed.test"), isn=False) == ALLOWED
    assert lab.send(web, 0, request(b"www.blocked.test"), ALLOWED, isn=False) == BLOCKED
    assert lab.counted("gate_forgotten") == 2  # its beginning, and what stands apart


def test_a_kept_connection_that_was_forgotten_goes_on(lab: Lab) -> None:
    body = b"x" * 200_000
    octets = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: 200000\r\n") + body
    pieces = [(at, octets[at : at + 1400]) for at in range(0, len(octets), 1400)]

    assert lab.send_all(WEB, pieces, isn=False) == ALLOWED


def test_a_false_body_in_front_of_a_forgotten_connection_covers_nothing(lab: Lab) -> None:
    decoy = request(b"www.allowed.test", more=b"Content-Length: 1000000\r\n")
    assert lab.send(WEB, 0, decoy, SPOKEN) == SPOKEN

    pieces = bytewise(request(b"www.blocked.test"))
    assert [lab.send(WEB, len(decoy) + at, octets, SPOKEN) for at, octets in pieces][-1] == BLOCKED


def test_lines_of_a_chunked_body_that_look_like_requests_block_nobody(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path / "gate", tables, closed=1)
    body = b"20\r\nsee /x\r\n\r\nfrom a /y HTTP/1.1\r\n\r\n" + b"\n" * 70000 + b"a /\n" * 20000 + b"\x00\n"

    state = lab.send(WEB, 0, CHUNKED)
    assert state == ALLOWED
    at = len(CHUNKED)
    for octets in (body[i : i + 1400] for i in range(0, len(body), 1400)):
        assert lab.send(WEB, at, octets, SPOKEN) in (SPOKEN, PARTIAL_SPOKEN)
        at += len(octets)
        if lab.is_asking:
            lab.answer(WEB, at)


def test_http_is_never_released(lab: Lab) -> None:
    first = request(b"www.allowed.test")
    lab.open(WEB)
    for n in range(1000):
        assert lab.send(WEB, n * len(first), first, SPOKEN) == SPOKEN

    assert lab.send(WEB, 1000 * len(first), request(b"blocked.test"), SPOKEN) == ANSWERED


@pytest.mark.parametrize("state", [ALLOWED, SPOKEN])
def test_a_request_behind_a_body_longer_than_24_bits_is_judged(lab: Lab, state: int) -> None:
    n, step = 20 << 20, 60000
    head = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: %d\r\n" % n)
    assert lab.send(WEB, 0, head) == ALLOWED
    for at in range(0, n, step):
        assert lab.send(WEB, len(head) + at, bytes(min(step, n - at)), state) == state

    assert lab.send(WEB, len(head) + n, request(b"blocked.test"), SPOKEN) == ANSWERED
    assert lab.counted("gate_too_big") == 0


def test_lost_segments_of_a_body_do_not_matter(closed_lab: Lab) -> None:
    n = 200_000
    head = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: %d\r\n" % n)
    pieces = [(at, bytes(min(1400, n - at))) for at in range(0, n, 1400)]
    random.Random(3).shuffle(pieces)
    closed_lab.send(WEB, 0, head)

    assert {closed_lab.send(WEB, len(head) + at, octets, ALLOWED) for at, octets in pieces} == {ALLOWED}
    assert closed_lab.send(WEB, len(head) + n, request(b"blocked.test"), SPOKEN) == ANSWERED


def test_a_body_of_unknown_length_is_looked_through_at_every_segment(lab: Lab) -> None:
    head = request(b"www.allowed.test", method=b"POST", more=b"Transfer-Encoding: chunked\r\n")
    chunk = b"578\r\n" + bytes(1400) + b"\r\n"
    at = len(head)
    lab.send(WEB, 0, head)
    for _ in range(30):
        assert lab.send(WEB, at, chunk, SPOKEN) == SPOKEN
        at += len(chunk)

    assert lab.send(WEB, at, b"0\r\n\r\n", SPOKEN) == SPOKEN
    assert lab.send(WEB, at + 5, request(b"blocked.test"), SPOKEN) == ANSWERED


def test_a_decoy_request_does_not_save_the_real_one(lab: Lab) -> None:
    assert lab.send_all(WEB, [(0, request(b"www.allowed.test")), (0, request(b"www.blocked.test"))]) == BLOCKED


def test_no_http_on_its_port_goes_by_the_policy(lab: Lab, closed_lab: Lab) -> None:
    assert lab.send(WEB, 0, b"\x13BitTorrent protocol") == ALLOWED
    assert closed_lab.send(WEB, 0, b"\x13BitTorrent protocol") == BLOCKED
    assert lab.counted("gate_malformed") == 1


def test_a_head_longer_than_the_window_goes_by_the_policy_unless_a_host_is_known(lab: Lab, closed_lab: Lab) -> None:
    filler = b"X: " + b"y" * 1000 + b"\r\n"
    hidden = b"GET / HTTP/1.1\r\n" + filler * 100 + b"Host: blocked.test\r\n\r\n"
    shown = b"GET / HTTP/1.1\r\nHost: blocked.test\r\n" + filler * 100 + b"\r\n"

    first, (at, rest) = cut(hidden, 60000)
    assert lab.send(WEB, *first) == PARTIAL
    assert lab.send(WEB, at, rest, PARTIAL) == ANSWERED  # its lines are read, though it is too long for a head
    assert lab.counted("gate_too_big") == 1
    assert closed_lab.send_all(WEB, cut(hidden, 60000)) == BLOCKED
    assert lab.send_all(Client(dport=80, sport=1), cut(shown, 60000)) == ANSWERED


def test_a_request_of_a_flow_we_no_longer_know_is_judged(lab: Lab) -> None:
    first = request(b"www.allowed.test")

    assert lab.send(WEB, 123456, first, SPOKEN) == SPOKEN
    assert lab.send(WEB, 123456 + 500, request(b"blocked.test"), SPOKEN) == DROPPED  # its server may have the rest
    lab.answer(WEB, 123456 + len(first), state=SPOKEN)
    assert lab.send(WEB, 123456 + 500, request(b"blocked.test"), SPOKEN) in (PARTIAL_SPOKEN, ANSWERED)
    assert lab.send(Client(dport=80, sport=1), 99999, request(b"blocked.test"), SPOKEN) == BLOCKED


def test_a_flow_we_no_longer_know_goes_on_where_its_server_does(lab: Lab) -> None:
    assert lab.send(WEB, 0, b"POST / HTTP/1.1\r\nHost: www.allowed.t", SPOKEN) == PARTIAL_SPOKEN  # sent again
    lab.answer(WEB, 50000, state=PARTIAL_SPOKEN)

    assert lab.send(WEB, 50000, request(b"blocked.test"), PARTIAL_SPOKEN) == BLOCKED


# -- what one server reads and another does not ------------------------------------------------------------------------


@pytest.fixture
def wide_lab(tmp_path: Path, tables: TableSet) -> Lab:
    return Lab(tmp_path / "wide", tables, n_flows=4096)


@pytest.mark.parametrize("name", [name for name in STREAMS if name not in NOBODYS])
def test_what_some_server_takes_for_a_request_is_blocked_however_it_arrives(wide_lab: Lab, name: str) -> None:
    found = verdicts(wide_lab, STREAMS[name](LISTED), random.Random(name))

    assert [way for way, is_blocked in found.items() if not is_blocked] == []


def test_nothing_is_blocked_that_names_no_listed_host(wide_lab: Lab) -> None:
    source = random.Random(8)
    streams = [make(ALLOWED_NAME) for make in STREAMS.values()]
    streams += [generated(source, ALLOWED_NAME) for _ in range(300)]

    assert [octets for octets in streams if any(verdicts(wide_lab, octets, source).values())] == []


def test_a_host_behind_more_of_them_than_are_kept_is_judged(lab: Lab, closed_lab: Lab) -> None:
    hosts = b"".join(b"Host: n%d.test\r\n" % n for n in range(40))

    assert lab.send(WEB, 0, request(b"a.test", more=hosts)) == ALLOWED
    assert closed_lab.send(WEB, 0, request(b"a.test", more=hosts)) == BLOCKED
    assert (
        lab.send(Client(dport=80, sport=1), 0, request(b"a.test", more=hosts + b"Host: blocked.test\r\n")) == ANSWERED
    )


def test_a_head_longer_than_all_limits_is_read_to_its_end_where_it_may_pass(lab: Lab, closed_lab: Lab) -> None:
    filler = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(80))
    for gate, state in ((lab, ANSWERED), (closed_lab, BLOCKED)):
        first = request(b"www.allowed.test")
        octets = b"GET / HTTP/1.1\r\n" + filler + b"Host: www.blocked.test\r\n\r\n"
        assert gate.send(WEB, 0, first) == ALLOWED
        at, last = len(first), int(SPOKEN)
        for piece in (octets[i : i + 1400] for i in range(0, len(octets), 1400)):
            last = gate.send(WEB, at, piece, last)
            at += len(piece)
            if last in (BLOCKED, ANSWERED):
                break
        assert last == state


@pytest.mark.parametrize(
    "body",
    [b"x" * 9000, b'{"a": "b /c HTTP"}\n' * 500, b"a=b&c=d" * 900, bytes(range(256)) * 30, b"see /x\n" * 1000],
    ids=["one word", "JSON", "a form", "binary", "text with paths"],
)
@pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH"])
def test_a_body_of_known_length_leaves_nothing_unjudged(closed_lab: Lab, method: bytes, body: bytes) -> None:
    first = request(b"www.allowed.test", method=method, more=b"Content-Length: %d\r\n" % len(body))
    assert closed_lab.send(WEB, 0, first) == ALLOWED

    at, state = len(first), int(SPOKEN)
    for octets in (body[i : i + 1400] for i in range(0, len(body), 1400)):
        state = closed_lab.send(WEB, at, octets, SPOKEN)
        at += len(octets)
        if closed_lab.is_asking:
            closed_lab.answer(WEB, at)
    assert state == SPOKEN
    assert closed_lab.send(WEB, at, request(b"www.allowed.test"), SPOKEN) == SPOKEN
    assert closed_lab.send(WEB, at + len(request(b"www.allowed.test")), request(b"blocked.test"), SPOKEN) == ANSWERED


def test_a_body_that_may_begin_as_a_request_is_held_until_it_shows(lab: Lab) -> None:
    first = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: 500\r\n")
    assert lab.send(WEB, 0, first) == ALLOWED
    assert lab.send(WEB, len(first), b"GET / HT", ALLOWED) == PARTIAL_AGAIN
    assert lab.send(WEB, len(first) + 8, b"ML is text\n" + bytes(400), PARTIAL_AGAIN) == ALLOWED


def test_a_body_whose_beginning_comes_last_and_is_a_request_is_read_by_line(lab: Lab) -> None:
    inner = request(b"www.allowed.test")
    first = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: 20000\r\n")
    assert lab.send(WEB, 0, first) == ALLOWED
    for at in range(1400, 9800, 1400):
        assert lab.send(WEB, len(first) + at, bytes(1400), ALLOWED) in (ALLOWED, PARTIAL_AGAIN)
    assert lab.send(WEB, len(first), inner + bytes(1400 - len(inner)), ALLOWED) in (ALLOWED, PARTIAL_AGAIN)
    assert lab.send(WEB, len(first) + 9800, b"\r\n" + request(b"blocked.test"), PARTIAL_AGAIN) == ANSWERED


def test_octets_before_those_of_a_stream_without_a_beginning_end_nothing(lab: Lab, closed_lab: Lab) -> None:
    for each in (lab, closed_lab):
        state = each.send(WEB, 60_000, b"x" * 1400, isn=False)
        for at in range(58_600, 0, -1400):
            state = each.send(WEB, at, bytes(1400), state, isn=False)
            if state == BLOCKED:
                break
        assert state in (BLOCKED, ALLOWED, PARTIAL, PARTIAL_AGAIN)


def test_frames_of_a_web_socket_pass_and_leave_nothing_unjudged(closed_lab: Lab) -> None:
    upgrade = request(b"www.allowed.test", more=b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
    assert closed_lab.send(WEB, 0, upgrade) == ALLOWED
    at = len(upgrade)
    for key in range(1, 200):
        frame = b"\x82\xfe\x03\x84" + bytes(4) + bytes(key ^ n & 0x7F | 0x80 for n in range(900))
        assert closed_lab.send(WEB, at, frame, SPOKEN) == SPOKEN
        at += len(frame)
        if closed_lab.is_asking:
            closed_lab.answer(WEB, at)


def test_another_protocol_that_begins_with_words_leaves_nothing_unjudged_where_it_may_pass(lab: Lab) -> None:
    banner = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
    assert lab.send(WEB, 0, banner) == ALLOWED
    packet = b"\x00\x00\x05\x24\x07\x14" + bytes(range(0x80, 0x100)) * 8
    for n in range(50):
        assert lab.send(WEB, len(banner) + n * len(packet), packet, SPOKEN) == SPOKEN


def test_the_preface_of_http2_behind_the_body_of_an_upgrade_is_refused(lab: Lab) -> None:
    upgrade = request(b"www.allowed.test", more=b"Upgrade: h2c\r\nContent-Length: 3\r\n") + b"abc"
    assert lab.send_all(WEB, cut(upgrade, 20)) == PARTIAL  # a head in pieces goes on as it is
    assert lab.send(WEB, len(upgrade), PREFACE, PARTIAL_SPOKEN) == BLOCKED
    assert lab.counted("gate_h2c") == 1


@pytest.mark.parametrize(
    "first", [b"", b"\x14\x03\x03\x00\x01\x01", b"\x15\x03\x03\x00\x02\x01\x00", b"\x16\x03\x01\x00\x00"]
)
@pytest.mark.parametrize("step", [1, 3, 1400])
def test_tls_behind_a_head_goes_by_the_policy(lab: Lab, closed_lab: Lab, first: bytes, step: int) -> None:
    head = b"CONNECT www.allowed.test:443 HTTP/1.1\r\nHost: www.allowed.test:443\r\n\r\n"
    octets = first + hello(b"www.blocked.test")

    for place in (lab, closed_lab):
        assert place.send(WEB, 0, head) == ALLOWED
        state: int = SPOKEN
        for at in range(0, len(octets), step):
            state = place.send(WEB, len(head) + at, octets[at : at + step], state)
            if state == BLOCKED:
                break
        assert (state == BLOCKED) is (place is closed_lab)
        assert place.counted("gate_malformed") > 0


def test_octets_that_begin_like_tls_and_go_on_otherwise_block_nothing(closed_lab: Lab) -> None:
    bodies = [
        b"\x16",
        b"\x16\x03\x05",
        b"\x14\x03\x03\x00\x02\x01",
        b"\x16\x03\x03\x00\x28\x02" + bytes(40),
        b"\x17\x03\x03",
    ]
    for sport, body in enumerate(bodies, 1):
        client = Client(dport=80, sport=sport)
        assert closed_lab.send(client, 0, CHUNKED) == ALLOWED
        chunk = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        state: int = SPOKEN
        for at in range(len(chunk)):
            state = closed_lab.send(client, len(CHUNKED) + at, chunk[at : at + 1], state)
            assert state != BLOCKED


# -- HTTP/2 without TLS ----------------------------------------------------------------------------------------------

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def test_http2_without_tls_is_refused_at_the_begin_and_after_an_upgrade(lab: Lab) -> None:
    upgrade = request(b"www.allowed.test", more=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")

    assert lab.send_all(WEB, cut(PREFACE, 3, 15)) == BLOCKED
    client = Client(dport=80, sport=2)
    assert lab.send(client, 0, upgrade) == DROPPED  # its server gets a copy without the offer
    assert lab.send(client, len(upgrade), PREFACE, SPOKEN) == BLOCKED
    assert lab.counted("gate_h2c") == 2


def test_http2_without_tls_passes_where_the_operator_says_so(tmp_path: Path, tables: TableSet) -> None:
    assert Lab(tmp_path, tables, is_h2c_let=True).send(WEB, 0, PREFACE) == ALLOWED


# -- memory ----------------------------------------------------------------------------------------------------------


def test_an_upload_takes_one_small_piece_however_long_it_is_and_what_follows_is_judged(
    tmp_path: Path, tables: TableSet
) -> None:
    lab = Lab(tmp_path, tables, n_windows=256, share=2)
    head = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: 300000\r\n")
    octets = head + bytes(300_000)

    state = lab.send_all(WEB, cut(octets, *range(50_000, 300_000, 50_000)))
    assert state == ALLOWED
    assert lab.send(Client(dport=80, sport=2), 0, b"GET") == PARTIAL
    assert lab.counted("gate_beyond_share") == lab.counted("gate_blocked") == 0
    assert lab.send(WEB, len(octets), request(b"www.blocked.test"), SPOKEN) == ANSWERED
    assert lab.counted("gate_blocked") == 1


@pytest.mark.parametrize("size", [1, 100, 4096, 5000])
def test_a_long_head_is_judged_with_its_last_segment_whatever_the_size_of_the_others(lab: Lab, size: int) -> None:
    filler = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 70) for n in range(90))
    octets = b"\r\n\n\r\nGET / HTTP/1.1\r\n" + filler + b"Host: www.blocked.test\r\n\r\n"
    pieces = [(at, octets[at : at + size]) for at in range(0, len(octets), size)]

    assert lab.send_all(WEB, pieces[:-1]) == PARTIAL
    assert lab.send(WEB, *pieces[-1], PARTIAL) == ANSWERED


def test_a_request_without_headers_and_a_very_long_target_ends_with_its_line(lab: Lab) -> None:
    octets = b"GET http://www.blocked.test/" + b"a" * 6000 + b"\r\n"

    assert lab.send_all(WEB, cut(octets, 3000, len(octets) - 1)) == ANSWERED
