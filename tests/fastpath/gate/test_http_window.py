"""Uploads through the gate: bodies in chunks, frames, positions beyond 2^24, and texts that quote requests."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from support.gate.lab import ALLOWED, ANSWERED, BLOCKED, DROPPED, PARTIAL, PARTIAL_AGAIN, PARTIAL_SPOKEN, SPOKEN, Lab
from support.packets.builders import ACK, FIN, Client, request

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
    lab, octets = Unseen(tmp_path / "gate", tables, closed, is_asymmetric=True), UPLOADS[upload] * 6
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


# -- what a window costs -----------------------------------------------------------------------------------------------

HUGE = 4 << 20


def begin_far(send: Callable[[int, bytes], int]) -> None:
    """A head, and octets behind a gap up to the end of a huge window."""
    send(0, CHUNKED)
    assert send(98_304, b"x") in PASSING
    assert send(HUGE - 1, b"x") in PASSING


def test_a_huge_window_with_a_gap_is_not_moved_for_single_octets(tmp_path: Path, tables: TableSet) -> None:
    lab = Unseen(tmp_path / "gate", tables, is_asymmetric=True)
    lab.begin(WEB)
    begin_far(lambda at, octets: lab.say(WEB, at, octets))

    for number in range(20):
        lab.say(WEB, len(CHUNKED) + number, b"\n")
        lab.say(WEB, HUGE + len(CHUNKED) + number, b"\n")
    assert lab.counted("gate_too_big") == 20  # none of them has found a place


def test_a_head_with_a_long_body_moves_no_huge_window_over_a_gap(tmp_path: Path, tables: TableSet) -> None:
    lab = Unseen(tmp_path / "gate", tables, is_asymmetric=True)
    lab.begin(WEB)
    begin_far(lambda at, octets: lab.say(WEB, at, octets))
    lab.say(WEB, len(CHUNKED), b"0\r\n\r\n" + request(b"www.allowed.test", more=b"Content-Length: 1500000\r\n"))

    lab.say(WEB, HUGE + 1, b"\n")
    assert lab.counted("gate_too_big") == 1


@POLICIES
def test_a_huge_window_with_a_gap_is_not_moved_for_a_few_octets_that_are_acknowledged(
    tmp_path: Path, tables: TableSet, closed: int
) -> None:
    lab = Lab(tmp_path / "gate", tables, closed)
    begin_far(lambda at, octets: lab.send(WEB, at, octets, SPOKEN if at else 0))
    filled = len(CHUNKED) + 5000
    lab.send(WEB, len(CHUNKED), b"\n" * 5000, SPOKEN)
    lab.answer(WEB, filled)

    assert lab.send(WEB, HUGE + 100, b"x", SPOKEN) == DROPPED  # it has no place yet, and comes again


@POLICIES
def test_octets_far_ahead_of_all_others_take_no_huge_window(tmp_path: Path, tables: TableSet, closed: int) -> None:
    lab = Lab(tmp_path / "gate", tables, closed)
    lab.send(WEB, 0, CHUNKED)

    assert lab.send(WEB, HUGE - 1, b"x", SPOKEN) == DROPPED


@pytest.mark.parametrize("is_ended", [True, False], ids=["ended", "silent"])
def test_an_upload_leaves_its_huge_window_to_the_next(tmp_path: Path, tables: TableSet, is_ended: bool) -> None:
    lab = Unseen(tmp_path / "gate", tables, closed=1, is_asymmetric=True, n_windows=1024, n_flows=64)
    octets = UPLOADS["in chunks"]
    for number in range(1, 6):  # of two huge windows
        uploading = Client(f"198.51.100.{number}", dport=80)
        lab.begin(uploading)
        assert {lab.say(uploading, at, piece) for at, piece in pieces(octets)} <= set(PASSING)
        assert lab.say(uploading, *pieces(octets)[-200]) in PASSING  # lost behind the gate, it comes again
        if is_ended:
            end = uploading.segment(len(octets), b"", ACK | FIN, ack=77_778 + 100)
            lab.gate.feed(end, uploading.mark(0) | MARK_UNTRACKED, lab.now_s)
        else:
            lab.now_s += 11


def test_a_window_that_was_given_up_keeps_what_came_last(tmp_path: Path, tables: TableSet) -> None:
    lab = Unseen(tmp_path / "gate", tables, closed=1, is_asymmetric=True, n_windows=1024, n_flows=64)
    octets = UPLOADS["in chunks"]
    clients = [Client(f"198.51.100.{number}", dport=80) for number in range(1, 4)]
    for client in clients:
        lab.begin(client)
        for at, piece in pieces(octets):
            lab.say(client, at, piece)
        lab.now_s += 11

    listed = request(b"www.blocked.test")
    assert lab.say(clients[0], len(octets) - len(listed), listed) == BLOCKED
    assert lab.counted("gate_overlap") == 1
    assert lab.say(clients[1], len(octets), listed) == BLOCKED


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


@POLICIES
def test_a_request_in_a_body_is_found_however_its_line_is_cut(tmp_path: Path, tables: TableSet, closed: int) -> None:
    head = request(b"www.allowed.test", more=b"Content-Length: 9000\r\n")
    line = b"GET x://www.blocked.test/\x01 a b c HTTP/1.1\r\nHost: www.allowed.test\r\n\r\n"
    lab = Lab(tmp_path / "gate", tables, closed, n_flows=128)
    for cut in range(1, len(line)):
        client = Client(dport=80, sport=cut)
        state = lab.send(client, 0, head)
        for at, end in ((0, cut), (cut, len(line))):
            if state not in (BLOCKED, ANSWERED):
                state = lab.send(client, len(head) + at, line[at:end], state)
        assert state in (BLOCKED, ANSWERED), cut


def test_what_a_line_was_says_nothing_of_the_one_behind_its_head(lab: Lab) -> None:
    found = b"(GET) http://www.allowed.test/ HTTP/1.1\r\nHost: www.allowed.test\r\n\r\n"
    octets = carrying(found + bytes(9000))["of GET"]
    end = octets.index(bytes(9000))
    cut = octets.index(b"TP/1.1\r\nHost", octets.index(b"(GET)"))
    listed = b"GET http://www.blocked.test/ a b HTTP/1.1\r\nHost: www.allowed.test\r\n\r\n"
    state = 0
    for at, piece in ((0, octets[:cut]), (cut, octets[cut:end]), (end, listed)):
        state = lab.send(WEB, at, piece, state)
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
    lab = Lab(tmp_path / "gate", tables, is_h2c_let=True)

    assert lab.send(WEB, 0, request(b"www.allowed.test", more=OFFER)) == ALLOWED
    assert lab.gate.injected() == []


def test_a_listed_name_that_offers_http2_is_answered_with_a_page(lab: Lab) -> None:
    assert lab.send(WEB, 0, request(b"www.blocked.test", more=OFFER)) == ANSWERED


def test_what_leaves_with_a_head_without_its_offer_is_remembered(tmp_path: Path, tables: TableSet) -> None:
    lab = Unseen(tmp_path / "gate", tables, closed=1, is_asymmetric=True)
    begun = request(b"www.allowed.test", more=OFFER) + b"GET http://www.blocked.test/ HTTP/1.1\r\nX: "
    lab.begin(WEB)
    lab.say(WEB, 0, begun)
    (sent,) = lab.gate.injected()
    found = parse(sent)
    assert found is not None and found.payload == begun.replace(b"h2c", b"h-c")

    again = Client(dport=80, isn=WEB.isn + len(begun))  # its server takes this for the rest of the field
    lab.begin(again)
    assert lab.say(again, 0, request(b"www.allowed.test")) == BLOCKED


def test_a_connection_whose_offer_was_hidden_goes_on_where_its_server_is_not_seen(
    tmp_path: Path, tables: TableSet
) -> None:
    lab = Unseen(tmp_path / "gate", tables, closed=1, is_asymmetric=True)
    offered = request(b"www.allowed.test", more=OFFER)
    lab.begin(WEB)

    for _ in range(2):
        assert lab.say(WEB, 0, offered) == DROPPED
        assert len(lab.gate.injected()) == 1
    assert lab.say(WEB, len(offered), request(b"www.allowed.test")) == ALLOWED
    assert lab.say(WEB, len(offered) + len(request(b"www.allowed.test")), request(b"www.blocked.test")) == BLOCKED


def test_an_offer_stays_in_front_of_octets_that_are_not_judged(lab: Lab) -> None:
    begun = request(b"www.allowed.test", more=OFFER) + b"GET / HTTP/1.1\r\nX: "

    assert lab.send(WEB, 0, begun) == PARTIAL
    assert lab.gate.injected() == []


def test_a_head_longer_than_a_segment_passes_with_its_offer(lab: Lab) -> None:
    offered = request(b"www.allowed.test", more=OFFER + b"Cookie: " + b"a" * 1500 + b"\r\n")

    assert lab.send(WEB, 0, offered) == ALLOWED
    assert lab.gate.injected() == []
