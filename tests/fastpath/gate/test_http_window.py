"""Uploads through the gate: bodies in chunks, frames, positions beyond 2^24, and texts that quote requests."""

import itertools
import random
from pathlib import Path

import pytest
from support.gate.lab import ALLOWED, ANSWERED, BLOCKED, DROPPED, PARTIAL, PARTIAL_AGAIN, PARTIAL_SPOKEN, SPOKEN, Lab
from support.packets.builders import Client, request

from fastpath.gate.marks import MARK_UNTRACKED
from fastpath.images.tables import TableSet
from fastpath.wire.packet import packet as parse

WEB = Client(dport=80)
SEGMENT = 1400
CHUNKED = request(b"www.allowed.test", method=b"POST", more=b"Transfer-Encoding: chunked\r\n")
UPGRADE = request(b"www.allowed.test", more=b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
PASSING = (ALLOWED, SPOKEN, PARTIAL_AGAIN, PARTIAL_SPOKEN)
POLICIES = pytest.mark.parametrize("closed", [0, 1], ids=["open", "closed"])


class Unseen(Lab):
    """A gate where answers take another path."""

    def begin(self, client: Client) -> None:
        self.gate.feed(client.segment(-1, b"", 0x02), client.mark(0) | MARK_UNTRACKED, self.now_s)

    def say(self, client: Client, at: int, octets: bytes) -> int:
        return self.send(client, at, octets, MARK_UNTRACKED, isn=False)


def chunks(n: int) -> bytes:
    source = random.Random(n)
    return b"".join(b"4000\r\n" + source.randbytes(0x4000) + b"\r\n" for _ in range(n // 0x4000)) + b"0\r\n\r\n"


def frames(n: int) -> bytes:
    source = random.Random(n)
    return b"".join(b"\x82\xfe\xff\xff" + source.randbytes(0xFFFF + 4) for _ in range(n // 0xFFFF))


UPLOADS = {"in chunks": CHUNKED + chunks(1 << 20), "frames of a web socket": UPGRADE + frames(1 << 20)}


def pieces(octets: bytes) -> list[tuple[int, bytes]]:
    return [(at, octets[at : at + SEGMENT]) for at in range(0, len(octets), SEGMENT)]


@POLICIES
@pytest.mark.parametrize("upload", UPLOADS)
def test_an_upload_far_ahead_of_its_server_passes_at_once(
    tmp_path: Path, tables: TableSet, closed: int, upload: str
) -> None:
    lab, octets = Lab(tmp_path / "gate", tables, closed), UPLOADS[upload]
    states = {lab.send(WEB, at, piece, SPOKEN if at else 0) for at, piece in pieces(octets)}

    assert states <= set(PASSING)
    assert lab.send(WEB, len(octets), request(b"blocked.test"), SPOKEN) == ANSWERED


@POLICIES
@pytest.mark.parametrize("upload", UPLOADS)
def test_an_upload_passes_where_its_server_is_not_seen(
    tmp_path: Path, tables: TableSet, closed: int, upload: str
) -> None:
    lab, octets = Unseen(tmp_path / "gate", tables, closed, is_asymmetric=1), UPLOADS[upload] * 6
    lab.begin(WEB)

    assert {lab.say(WEB, at, piece) for at, piece in pieces(octets)} <= set(PASSING)
    assert lab.say(WEB, len(octets), request(b"blocked.test")) == BLOCKED


@POLICIES
def test_what_is_lost_in_front_of_the_gate_and_comes_again_completes_an_upload(
    tmp_path: Path, tables: TableSet, closed: int
) -> None:
    lab, octets = Lab(tmp_path / "gate", tables, closed), UPLOADS["in chunks"]
    lost = 10
    all_pieces = pieces(octets)
    for at, piece in [*all_pieces[:lost], *all_pieces[lost + 1 :]]:
        assert lab.send(WEB, at, piece, SPOKEN if at else 0) in PASSING
    assert lab.send(WEB, *all_pieces[lost], SPOKEN) in PASSING
    assert lab.send(WEB, len(octets), request(b"blocked.test"), SPOKEN) == ANSWERED


@POLICIES
def test_where_no_large_window_is_left_what_does_not_fit_comes_again(
    tmp_path: Path, tables: TableSet, closed: int
) -> None:
    lab, octets = Lab(tmp_path / "gate", tables, closed, n_windows=256, n_flows=64), UPLOADS["in chunks"]
    for sport in (1, 2):  # of the same client, which has no more of them then
        holder = Client(dport=80, sport=sport)
        for at, piece in pieces(octets[:200_000]):
            assert lab.send(holder, at, piece, SPOKEN if at else 0) in PASSING
    all_pieces, acked, n_dropped = dict(pieces(octets)), 0, 0
    while acked < len(octets):  # as TCP: what is not acknowledged comes again
        received = acked
        for at in range(acked, min(acked + 150 * SEGMENT, len(octets)), SEGMENT):
            state = lab.send(WEB, at, all_pieces[at], SPOKEN if at else 0)
            n_dropped += state == DROPPED
            assert state in (*PASSING, DROPPED)
            if state != DROPPED and at == received:
                received = min(at + SEGMENT, len(octets))
        assert received > acked
        acked = received
        lab.answer(WEB, acked)

    assert n_dropped > 0
    assert lab.send(WEB, len(octets), request(b"blocked.test"), SPOKEN) == ANSWERED


@POLICIES
def test_decoys_in_front_of_a_long_upload_hide_no_request(tmp_path: Path, tables: TableSet, closed: int) -> None:
    lab, octets = Lab(tmp_path / "gate", tables, closed), UPLOADS["in chunks"]
    for at, piece in pieces(octets):
        lab.send(WEB, at, piece, SPOKEN if at else 0)
    lab.answer(WEB, len(CHUNKED))  # of what came behind its server has nothing

    assert lab.send(WEB, len(CHUNKED), b"0\r\n\r\n" + request(b"blocked.test"), SPOKEN) == BLOCKED


# -- positions ---------------------------------------------------------------------------------------------------------


@POLICIES
@pytest.mark.parametrize("is_seen", [True, False])
def test_a_segment_that_comes_far_behind_the_others_is_in_its_body(
    tmp_path: Path, tables: TableSet, closed: int, is_seen: bool
) -> None:
    n, step, lost = 40 << 20, 60_000, 120_000
    lab = Unseen(tmp_path / "gate", tables, closed, is_asymmetric=not is_seen)
    head = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: %d\r\n" % n)
    if is_seen:
        send = lambda at, octets: lab.send(WEB, at, octets, SPOKEN if at else 0)  # noqa: E731
    else:
        lab.begin(WEB)
        send = lambda at, octets: lab.say(WEB, at, octets)  # noqa: E731
    send(0, head)
    for at in range(0, n, step):
        if at != lost:
            assert send(len(head) + at, bytes(min(step, n - at))) in PASSING

    assert send(len(head) + lost, bytes(step)) in PASSING
    assert send(len(head) + n, request(b"blocked.test")) in (ANSWERED, BLOCKED)


# -- texts that quote requests -----------------------------------------------------------------------------------------

QUOTED = {
    "a log of a proxy": b'192.0.2.7 - - [01/Dec/2026:00:00:00 +0500] "GET http://www.blocked.test/ HTTP/1.1" 200 7\r\n',
    "a line in quotes": b'"GET http://www.blocked.test/ HTTP/1.1"\r\n',
    "JSON": b'{"query": "GET http://www.blocked.test/ HTTP/1.1"}\r\n',
    "a line with more behind it": b"GET http://www.blocked.test/ HTTP/1.1 200 12ms\r\n",
    "a line with a time in front": b"2026-12-01 00:00:00 GET http://www.blocked.test/ HTTP/1.1\r\n",
    "a link": b"see http://www.blocked.test/\r\n",
}


def carrying(body: bytes) -> dict[str, bytes]:
    length = b"Content-Length: %d\r\n" % len(body)
    return {
        "in chunks": CHUNKED + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n",
        "with a length": request(b"www.allowed.test", method=b"POST", more=length) + body,
        "of GET": request(b"www.allowed.test", more=length) + body,
    }


@POLICIES
@pytest.mark.parametrize("cut", [37, 100, SEGMENT, 60_000])
@pytest.mark.parametrize("quoted", QUOTED)
def test_a_body_that_quotes_a_request_blocks_nobody(
    tmp_path: Path, tables: TableSet, closed: int, quoted: str, cut: int
) -> None:
    lab = Lab(tmp_path / "gate", tables, closed, n_flows=64)
    for sport, octets in enumerate(carrying(QUOTED[quoted] * 60).values(), 1):
        client = Client(dport=80, sport=sport)
        starts, octets = [*range(0, len(octets), cut), len(octets)], octets + request(b"www.allowed.test")
        for at, end in itertools.pairwise([*starts, len(octets)]):
            state = lab.send(client, at, octets[at:end], SPOKEN if at else 0)
            if state == DROPPED:  # until its server has the body in front of it
                lab.answer(client, at)
                state = lab.send(client, at, octets[at:end], SPOKEN)
            assert state in (*PASSING, PARTIAL)
            if lab.is_asking:
                lab.answer(client, end)
        assert lab.send(client, len(octets), request(b"blocked.test"), SPOKEN) == ANSWERED


@POLICIES
def test_a_target_with_blanks_and_a_listed_url_behind_them_blocks_nobody(
    tmp_path: Path, tables: TableSet, closed: int
) -> None:
    lab = Lab(tmp_path / "gate", tables, closed)
    targets = (
        b"/redirect?to=http://www.blocked.test/ x",
        b"/search?q=a http://www.blocked.test/",
        b"/s?q=a http://www.blocked.test/ b",
    )
    for sport, target in enumerate(targets, 1):
        assert lab.send(Client(dport=80, sport=sport), 0, request(b"www.allowed.test", target=target)) == ALLOWED


@pytest.mark.parametrize("cut", [1, 2, 3, 7, SEGMENT])
@pytest.mark.parametrize(
    "line",
    [
        b"GET http://www.blocked.test/ HTTP/1.1",
        b"(GET) http://www.blocked.test/ HTTP/1.1",
        b"\x00\x00 http://www.blocked.test/ HTTP/1.1",
        b"GET /a b HTTP/1.1\r\nHost: blocked.test",
        b"abcGET http://www.blocked.test/ http/1.01",
        b"GET http://www.blocked.test/",
    ],
)
def test_what_a_server_that_reads_no_bodies_takes_for_a_request_is_blocked(lab: Lab, line: bytes, cut: int) -> None:
    body = line + b"\r\n\r\n"
    for sport, octets in enumerate(carrying(body).values(), 1):
        client, state = Client(dport=80, sport=sport), 0
        for at in range(0, len(octets), cut):
            state = lab.send(client, at, octets[at : at + cut], state)
            if state in (BLOCKED, ANSWERED):
                break
        assert state in (BLOCKED, ANSWERED)


# -- HTTP/2 that is offered --------------------------------------------------------------------------------------------

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"


def test_an_offer_of_http2_without_tls_goes_on_in_a_copy_that_names_what_no_server_knows(lab: Lab) -> None:
    offered = request(b"www.allowed.test", more=OFFER)

    for _ in range(2):  # and again, where its server has not answered
        assert lab.send(WEB, 0, offered) == DROPPED
        (sent,) = lab.gate.injected()
        found, dropped = parse(sent), parse(WEB.segment(0, offered))
        assert found is not None and dropped is not None
        assert found == dropped._replace(payload=offered.replace(b"h2c", b"h-c"))
    assert lab.send(WEB, len(offered), request(b"www.blocked.test"), SPOKEN) == ANSWERED


def test_an_offer_of_http2_without_tls_stays_where_it_may_pass(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path / "gate", tables, is_h2c_let=1)

    assert lab.send(WEB, 0, request(b"www.allowed.test", more=OFFER)) == ALLOWED
    assert lab.gate.injected() == []


def test_a_listed_name_that_offers_http2_is_answered_with_a_page(lab: Lab) -> None:
    assert lab.send(WEB, 0, request(b"www.blocked.test", more=OFFER)) == ANSWERED
