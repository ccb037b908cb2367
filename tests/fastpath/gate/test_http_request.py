"""URLs in plain HTTP: a request is blocked for its URL, however it writes it, and its neighbours are let go."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.gate.lab import ALLOWED, ANSWERED, BLOCKED, NOW_S, PARTIAL, PARTIAL_SPOKEN, SPOKEN, Lab, bytewise, cut
from support.images import prefixes
from support.images.opened import NUMBER, Entry, Images
from support.packets.builders import Client, hello, request

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Channel, Mode
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.counters import read_counted
from fastpath.report.spool import read_segment
from fastpath.wire.packet import packet as parse

WEB = Client(dport=80)
SLOT_OCTETS = 128


@pytest.fixture
def tables(images: Images) -> TableSet:
    urls: list[Entry] = [
        ("orders", "shared.test/bad/page?id=7", Mode.EXACT, 255, 12),
        ("orders", "shared.test/folder", Mode.SUBTREE),
        ("csam", "shared.test/secret", Mode.EXACT),
        ("orders", "192.0.2.80/bad", Mode.EXACT),
        ("orders", "[2001:db8::80]/bad", Mode.EXACT),
        ("orders", "shared.test:8080/port", Mode.EXACT),
        ("orders", "long.test/" + "a" * 400, Mode.SUBTREE),
        ("orders", "shared.test/with%20blanks%20inside", Mode.EXACT),
        ("adult", "shared.test/adult", Mode.SUBTREE),
    ]
    return TableSet(
        images.names([("orders", "blocked.test", Mode.SUBTREE)]),
        subscribers=images.subscribers([("192.0.2.66/32", 66), ("192.0.2.7/32", 7)]),
        policy=images.policy([(66, ProfileSpec(0, (), NOW_S + 1000, 0)), (7, ProfileSpec(1 << 1, (), 0, 0))]),
        urls=images.urls(urls),
    )


def state_of(lab: Lab, octets: bytes, client: Client = WEB) -> int:
    return lab.send(client, 0, octets)


@pytest.mark.parametrize(
    "target",
    [
        b"/bad/page?id=7",
        b"//bad/./page?id=7",
        b"/x/../bad/page?id=%37",
        b"/%62ad%2fpage?id=7",
        b"/bad\\page?id=7",
        b"/%2562ad/page?id=7",
        b"/bad/page?id=7#part",
        b"http://shared.test/bad/page?id=7",
        b"HTTP://u@x.test:99/bad/page?id=7",
        b"bad/page?id=7",
        b"/folder",
        b"/folder/",
        b"/folder/deep/er?x",
        b"/folder?x",
        b"/secret",
        b"/with%20blanks%20inside",
        b"/with blanks inside",
        b"/folder x",
    ],
)
def test_every_spelling_of_a_listed_url_is_answered_with_the_page(lab: Lab, target: bytes) -> None:
    assert state_of(lab, request(b"Shared.test:80", target)) == ANSWERED
    page = parse(lab.gate.injected()[0])
    assert page is not None
    assert page.payload.startswith(b"HTTP/1.1 451 \r\n\r\nstopped")


@pytest.mark.parametrize(
    "target",
    [
        b"/x//../secret",  # nginx merges slashes first, and Python's http.server
        b"/x/%2f../secret",
        b"/a\\b/../secret",  # on Unix one segment
        b"/a%5cb/../secret",
        b"/a%5cb//../secret",
        b"/a%252fb/../secret",  # decoded once: one segment
        b"/a%2fb/../secret",  # a proxy resolves it before it decodes
        b"/folder/%252e%252e/x",  # behind the prefix a script reads the rest
        b"/x//../bad/page?id=7",
        b"http://shared.test/x//../secret",
        b"/" * 2100 + b"secret",
    ],
)
def test_a_listed_url_is_blocked_in_each_way_that_servers_read_its_path(lab: Lab, target: bytes) -> None:
    assert state_of(lab, request(b"shared.test", target)) == ANSWERED


LONG = b"/x//../" + b"a/" * 900  # read in twelve ways


def head_of(*hosts: bytes, target: bytes = LONG, more: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + b"".join(b"Host: %s\r\n" % host for host in hosts) + more


def test_a_head_has_its_paths_read_again_within_a_budget_and_is_undecidable_beyond(lab: Lab, closed_lab: Lab) -> None:
    """Eight hosts, each with a target of 8 KiB, would cost a worker tens of milliseconds."""
    many = head_of(b"shared.test", b"Shared.test", b"sHared.test", b"shAred.test", more=b"\r\n")

    assert state_of(lab, request(b"shared.test", LONG)) == ALLOWED and lab.counted("gate_too_big") == 0
    assert state_of(lab, many, Client(dport=80, sport=1)) == ALLOWED and lab.counted("gate_too_big") == 1
    assert state_of(closed_lab, many) == BLOCKED


def test_a_host_that_is_there_again_costs_nothing(closed_lab: Lab) -> None:
    assert state_of(closed_lab, head_of(*[b"shared.test"] * 8, more=b"\r\n")) == ALLOWED


def test_what_follows_a_head_whose_budget_is_used_up_is_judged_and_so_is_each_name(lab: Lab) -> None:
    hosts = [b"shared.test", b"Shared.test", b"sHared.test", b"shAred.test"]
    spent = head_of(*hosts, more=b"\r\n")
    for sport, last in enumerate(
        [
            request(b"shared.test", b"/secret"),
            request(b"blocked.test", LONG),
            request(b"shared.test", b"/" + b"x" * 1500 + b"//../secret"),  # each head has a budget of its own
        ]
    ):
        client = Client(dport=80, sport=sport)
        assert state_of(lab, spent + head_of(*hosts, more=b"\r\n") + last, client) == ANSWERED
    assert state_of(lab, head_of(*hosts, b"blocked.test", more=b"\r\n"), Client(dport=80, sport=9)) == ANSWERED


@pytest.mark.parametrize("octets", [b"a", b"\ra", b"\r\r", b"a\r\n"])
def test_a_head_that_a_bare_cr_may_end_is_not_judged_again_with_each_segment(lab: Lab, octets: bytes) -> None:
    """Undecidable as often as judged: here once for each host more, not once for each of the segments."""
    head = head_of(b"shared.test", b"Shared.test", b"sHared.test", b"shAred.test", more=b"Y: 1\rX: ")
    state, at = lab.send(WEB, 0, head), len(head)
    for _ in range(50):
        state = lab.send(WEB, at, octets, state)
        at += len(octets)

    assert state == PARTIAL and 1 <= lab.counted("gate_too_big") <= 3


@pytest.mark.parametrize("more", [b"Host: shared.test\r", b"GET /secret HTTP/1.1\r"])
def test_a_host_or_a_target_that_comes_later_is_judged_though_the_head_has_no_end(lab: Lab, more: bytes) -> None:
    head = (
        b"GET /secret HTTP/1.1\r\nY: 1\rX: 2\r"
        if more.startswith(b"Host")
        else head_of(b"shared.test", target=b"/good", more=b"Y: 1\rX: 2\r")
    )

    state = lab.send(WEB, 0, head)
    assert state == PARTIAL
    for at, octets in bytewise(more + b"Z"):
        state = lab.send(WEB, len(head) + at, octets, state)
        if state != PARTIAL:
            break
    assert state == ANSWERED


def test_a_path_with_parents_passes_however_it_arrives_and_as_often_as_it_is_asked_for(closed_lab: Lab) -> None:
    octets, state, at = request(b"shared.test", b"/%61/b//../c/" + LONG + b"?q=%2F"), 0, 0
    for _ in range(8):
        for begin in range(0, len(octets), 100):
            state = closed_lab.send(WEB, at + begin, octets[begin : begin + 100], state)
            assert state != BLOCKED
        at += len(octets)
    assert state == ALLOWED and closed_lab.counted("gate_too_big") == 0


@pytest.mark.parametrize("target", [b"/x/../../good", b"/a//../good", b"/a%2fb/../good?/../secret", b"/secret/../x"])
def test_a_path_with_parents_that_no_server_reads_as_a_listed_one_is_let_go(lab: Lab, target: bytes) -> None:
    assert state_of(lab, request(b"shared.test", target)) == ALLOWED


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/bad/page",
        b"/bad/page?id=70",
        b"/bad/page?id=7&x",
        b"/bad/page/?id=7",
        b"/Bad/page?id=7",
        b"/folders",
        b"/secret/more",
        b"/secret?x",
        b"*",
        b"/bad/page%3Fid=7",
        b"/port",
        b"/with blanks",
        b"/adult",
    ],
)
def test_the_neighbours_of_a_listed_url_are_let_go(lab: Lab, target: bytes) -> None:
    assert state_of(lab, request(b"shared.test", target)) == ALLOWED
    assert lab.gate.injected() == []


@pytest.mark.parametrize("host", [b"www.shared.test", b"shared.test.example", b"other.test"])
def test_the_same_path_on_another_host_is_let_go(lab: Lab, host: bytes) -> None:
    assert state_of(lab, request(host, b"/folder")) == ALLOWED


def test_a_host_with_listed_urls_is_let_go_in_tls(lab: Lab) -> None:
    assert lab.send(Client(), 0, hello(b"shared.test")) == ALLOWED


def test_a_profile_decides_on_urls_as_on_names(lab: Lab) -> None:
    assert state_of(lab, request(b"shared.test", b"/adult/x"), Client("192.0.2.7", dport=80)) in (BLOCKED, ANSWERED)
    assert state_of(lab, request(b"shared.test", b"/adult/x"), Client("192.0.2.8", dport=80)) == ALLOWED


@pytest.mark.parametrize(
    "host",
    [b"192.0.2.80", b"192.0.2.80:80", b"0xc0.0.2.80", b"u@3221226064", b"[2001:DB8::80]", b"[2001:db8:0::80]:80"],
)
def test_a_url_of_an_address_is_matched_in_any_spelling(lab: Lab, host: bytes) -> None:
    assert state_of(lab, request(host, b"/bad")) == ANSWERED
    assert state_of(lab, request(host, b"/good"), Client(dport=80, sport=1)) == ALLOWED


def test_an_address_without_a_listed_url_stays_undecidable(lab: Lab, closed_lab: Lab) -> None:
    assert state_of(lab, request(b"192.0.2.80", b"/good")) == ALLOWED
    assert lab.counted("gate_no_name") == 1
    assert state_of(closed_lab, request(b"192.0.2.80", b"/good")) == BLOCKED


def test_the_port_is_the_one_that_is_said_and_the_one_that_was_met(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path / "ports", tables, http_ports=(80, 8080))
    web = Client(dport=8080)

    assert state_of(lab, request(b"shared.test:8080", b"/port"), web) == ANSWERED
    assert state_of(lab, request(b"shared.test", b"/port"), Client(dport=8080, sport=1)) == ANSWERED
    assert state_of(lab, request(b"shared.test:8080", b"/port"), Client(dport=80, sport=2)) == ANSWERED
    assert state_of(lab, request(b"shared.test:81", b"/port"), Client(dport=80, sport=3)) == ALLOWED
    assert state_of(lab, request(b"shared.test:81", b"/secret"), Client(dport=80, sport=4)) == ANSWERED
    assert state_of(lab, request(b"shared.test:8080", b"/secret"), Client(dport=8080, sport=5)) == ALLOWED


ARRIVALS: dict[str, Callable[[bytes], list[tuple[int, bytes]]]] = {
    "one octet a segment": bytewise,
    "reversed": lambda octets: list(reversed(bytewise(octets))),
    "cut inside the target": lambda octets: cut(octets, 8),
}


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_how_a_request_arrives_does_not_change_the_verdict(lab: Lab, arrival: str) -> None:
    assert lab.send_all(WEB, ARRIVALS[arrival](request(b"shared.test", b"/bad/page?id=7"))) == ANSWERED
    assert lab.send_all(Client(dport=80, sport=1), ARRIVALS[arrival](request(b"shared.test", b"/good"))) == ALLOWED


def test_a_request_cut_at_any_octet_waits_and_is_judged_when_it_is_whole(lab: Lab) -> None:
    octets = request(b"shared.test", b"/folder/x")
    for at in range(1, len(octets)):
        client = Client(dport=80, sport=at)
        assert lab.send(client, 0, octets[:at]) == PARTIAL
        assert lab.send(client, at, octets[at:], PARTIAL) == ANSWERED


def test_a_later_request_of_the_connection_is_judged_too(lab: Lab) -> None:
    first = request(b"shared.test", b"/good")

    assert lab.send(WEB, 0, first) == ALLOWED
    assert lab.send(WEB, len(first), request(b"shared.test", b"/folder"), SPOKEN) == ANSWERED


@pytest.mark.parametrize("n", [2024, 2025, 2026, 2027, 2028, 2029, 2030, 2031, 2032, 8000, 8184, 8185, 20_000])
@pytest.mark.parametrize("begin", [b"/folder/", b"/folder?", b"/%66older/", b"//folder?", b"/folder/?"])
def test_what_lies_below_a_listed_folder_is_blocked_whatever_its_length(lab: Lab, begin: bytes, n: int) -> None:
    """shared.test/folder/aaa…: 2048 octets, the most of a listed URL, at n == 2029."""
    assert state_of(lab, request(b"shared.test", begin + b"a" * n)) == ANSWERED


@pytest.mark.parametrize(
    "target",
    [
        b"/" + b"x" * 2100 + b"//../secret",  # to nginx it is /secret; as browsers read it, it is too long for a rule
        b"/" + b"x" * 9000 + b" /secret",
        b"/secret#" + b"q" * 9000,
        b"/./" * 2000 + b"secret",
    ],
)
def test_a_reading_that_is_too_long_for_a_rule_hides_no_other_one(lab: Lab, target: bytes) -> None:
    assert state_of(lab, request(b"shared.test", target)) == ANSWERED


@pytest.mark.parametrize(
    "target",
    [
        b"/good?" + b"q=%20&" * 1000,
        b"/good?" + b"q" * 30_000,
        b"/secret?" + b"q" * 2100,
        b"/secret" + b"y" * 2100,
        b"/folders?" + b"q" * 2100,
        b"/folders" + b"y" * 8000,
        b"/good/../" + b"a/" * 3000,
    ],
)
def test_a_long_target_that_no_rule_covers_passes_under_either_policy(closed_lab: Lab, target: bytes) -> None:
    assert state_of(closed_lab, request(b"shared.test", target)) == ALLOWED
    assert closed_lab.counted("gate_too_big") == 0


@pytest.mark.parametrize("target", [b"/./" * 3000 + b"secret", b"/good?%" + b"25" * 7000, b"/" + b"x" * 9000])
def test_a_path_beyond_what_is_read_goes_by_the_policy(lab: Lab, closed_lab: Lab, target: bytes) -> None:
    assert state_of(lab, request(b"shared.test", target)) == ALLOWED
    assert state_of(closed_lab, request(b"shared.test", target)) == BLOCKED
    assert lab.counted("gate_too_big") == 1


FILLER = b"".join(b"X-%05d: %s\r\n" % (n, b"a" * 1000) for n in range(70))
UNREAD = {
    "its host last": b"GET /secret HTTP/1.1\r\n" + FILLER + b"Host: %s\r\n\r\n",
    "its host first, its target not read": b"GET /./%s HTTP/1.1\r\nHost: %%s\r\n" % (b"./" * 4500) + FILLER + b"\r\n",
}


def sent_behind(lab: Lab, first: bytes, octets: bytes) -> int:
    """Send both on one connection, as its server takes them; the state that it ends with."""
    assert lab.send(WEB, 0, first) == ALLOWED
    state: int = SPOKEN
    for at in range(len(first), len(first + octets), 1400):
        piece = (first + octets)[at : at + 1400]
        state = lab.send(WEB, at, piece, state)
        if state in (BLOCKED, ANSWERED):
            break
        if lab.is_asking:
            lab.answer(WEB, at + len(piece), state=state)
    return state


@pytest.mark.parametrize("head", UNREAD)
def test_a_second_head_beyond_64_kib_goes_by_the_policy_where_its_host_has_listed_urls(
    lab: Lab, closed_lab: Lab, head: str
) -> None:
    first = b"GET /a HTTP/1.1\nHost: ok.test\n\n"  # a bare LF: from here on each line may begin a request

    assert sent_behind(lab, first, UNREAD[head] % b"shared.test") in (SPOKEN, PARTIAL_SPOKEN)
    assert lab.counted("gate_too_big") == 1
    assert sent_behind(closed_lab, first, UNREAD[head] % b"shared.test") == BLOCKED


@pytest.mark.parametrize("head", UNREAD)
def test_an_upload_that_looks_like_a_head_of_another_host_passes(closed_lab: Lab, head: str) -> None:
    first = request(b"ok.test", method=b"POST", more=b"Transfer-Encoding: chunked\r\n")

    assert sent_behind(closed_lab, first, UNREAD[head] % b"other.test") in (SPOKEN, PARTIAL_SPOKEN)


LONG_LINES = {
    "a listed folder": b"GET /folder?%s HTTP/1.1\r\nHost: shared.test\r\n\r\n",
    "a listed name": b"GET http://www.blocked.test/?%s HTTP/1.1\r\nHost: ok.test\r\n\r\n",
    "another scheme": b"X y://www.blocked.test/?%s HTTP/1.1\r\nHost: ok.test\r\n\r\n",
}


@pytest.mark.parametrize("line", LONG_LINES)
def test_a_second_request_line_beyond_64_kib_goes_by_the_policy_whatever_comes_behind_it(
    lab: Lab, closed_lab: Lab, line: str
) -> None:
    first = b"GET /a HTTP/1.1\nHost: ok.test\n\n"

    assert sent_behind(lab, first, LONG_LINES[line] % (b"q" * 70_000)) in (SPOKEN, PARTIAL_SPOKEN)
    assert lab.counted("gate_too_big") == 1
    assert sent_behind(closed_lab, first, LONG_LINES[line] % (b"q" * 70_000)) == BLOCKED


@pytest.mark.parametrize("text", [b"a line of words, ", b"0123456789abcdef", b"var x=1;function a(b){return b/2};"])
def test_an_upload_of_one_long_line_passes(closed_lab: Lab, text: bytes) -> None:
    first = request(b"ok.test", method=b"POST", more=b"Transfer-Encoding: chunked\r\n")
    body = b"1ffff\r\n" + (text * 9000)[:0x1FFFF] + b"\r\n"

    assert sent_behind(closed_lab, first, body) in (SPOKEN, PARTIAL_SPOKEN)


def test_an_upload_of_lines_that_are_urls_of_a_host_with_listed_ones_passes(closed_lab: Lab) -> None:
    first = request(b"ok.test", method=b"POST", more=b"Transfer-Encoding: chunked\r\n")
    body = b"5000\r\n" + b"http://shared.test/good\r\n" * 900 + b"\r\n"

    assert sent_behind(closed_lab, first, body) in (SPOKEN, PARTIAL_SPOKEN)


def test_a_long_target_of_a_host_without_listed_urls_is_nothing_to_wonder_at(closed_lab: Lab) -> None:
    assert state_of(closed_lab, request(b"other.test", b"/" + b"a" * 4000)) == ALLOWED
    assert closed_lab.counted("gate_too_big") == 0


def events(lab: Lab) -> list[tuple[int, str, str, int]]:
    segment = next((lab.folder / "spool").glob("*.seg"))
    return [(event.channel, event.list, event.rule, event.order) for event in read_segment(segment, 0, 10).events]


def test_the_record_of_a_block_names_the_rule_and_never_the_query(lab: Lab) -> None:
    state_of(lab, request(b"shared.test", b"/folder/private?name=x"))
    state_of(lab, request(b"shared.test", b"/bad/page?id=7"), Client(dport=80, sport=1))
    state_of(lab, request(b"192.0.2.80", b"/bad"), Client(dport=80, sport=2))
    state_of(lab, request(b"www.blocked.test", b"/x"), Client(dport=80, sport=3))

    assert events(lab) == [
        (Channel.HTTP, "orders", "shared.test/folder", 0),
        (Channel.HTTP, "orders", "shared.test/bad/page?id=7", 12),
        (Channel.HTTP, "orders", "192.0.2.80/bad", 0),
        (Channel.HTTP, "orders", "blocked.test", 0),
    ]


def test_a_confidential_url_leaves_a_count_and_no_record(lab: Lab) -> None:
    assert state_of(lab, request(b"shared.test", b"/secret")) == ANSWERED
    assert events(lab) == []
    assert lab.counted("gate_blocked") == 1


def test_a_long_rule_is_cut_at_what_the_record_holds(lab: Lab) -> None:
    assert state_of(lab, request(b"long.test", b"/" + b"a" * 400)) == ANSWERED
    assert events(lab)[0][2] == ("long.test/" + "a" * 400)[:255]


def test_a_lock_stops_a_listed_url_for_its_own_reason(lab: Lab) -> None:
    assert state_of(lab, request(b"shared.test", b"/good"), Client("192.0.2.66", dport=80)) == BLOCKED
    assert events(lab)[0][1:3] == ("", "")


@pytest.mark.parametrize(
    ("host", "target", "counts"),
    [
        (b"shared.test", b"/tried", 1),
        (b"shared.test", b"/tried x", 1),
        (b"shared.test:99", b"/tried", 1),
        (b"192.0.2.80", b"/tried", 1),
        (b"192.0.2.80", b"/", 0),
        (b"shared.test", b"/", 0),
    ],
)
def test_a_url_in_the_shadow_is_let_go_and_counted_once_a_request(
    tmp_path: Path, images: Images, host: bytes, target: bytes, counts: int
) -> None:
    images.try_out("malware")
    tried = [("malware", f"{each}/tried", Mode.SUBTREE) for each in ("shared.test", "shared.test:99", "192.0.2.80")]
    names = [("malware", "listed.test", Mode.SUBTREE), *prefixes.entries("malware", "192.0.2.0/24")]
    lab = Lab(tmp_path, TableSet(images.names(names), urls=images.urls(tried)))

    assert state_of(lab, request(host, target)) == ALLOWED
    assert read_counted(tmp_path / "counters") == ({(NUMBER["malware"], Channel.HTTP): counts} if counts else {})


@pytest.mark.parametrize(
    "value", [b"a.test\x00", b"a.test, b.test", b"w\xff.a.test", b"w" * 64 + b".a.test", b":a.test"]
)
def test_a_value_that_is_no_name_goes_by_the_policy_unless_a_name_in_it_is_blocked(
    lab: Lab, closed_lab: Lab, value: bytes
) -> None:
    listed = value.replace(b"a.test", b"blocked.test")

    assert lab.send(WEB, 0, request(value)) == ALLOWED
    assert closed_lab.send(WEB, 0, request(value)) == BLOCKED
    assert lab.send(Client(dport=80, sport=1), 0, request(listed)) == ANSWERED


@pytest.mark.parametrize("value", [b"user:1@a.test", b"a.test:80", b"a.test."])
def test_a_name_with_a_user_or_a_port_is_one(closed_lab: Lab, value: bytes) -> None:
    assert closed_lab.send(WEB, 0, request(value)) == ALLOWED


def test_a_listed_name_of_a_user_is_taken_for_the_host(lab: Lab) -> None:
    assert lab.send(WEB, 0, request(b"blocked.test@a.test")) == ANSWERED


def test_a_confidential_block_leaves_nothing_in_the_spool_and_the_records_around_it_whole(lab: Lab) -> None:
    for sport, target in enumerate([b"/folder/a", b"/secret", b"/folder/b", b"/secret"], 1):
        state_of(lab, request(b"shared.test", target), Client(dport=80, sport=sport))

    octets = next((lab.folder / "spool").glob("*.seg")).read_bytes()
    assert [rule for _, _, rule, _ in events(lab)] == ["shared.test/folder"] * 2
    assert b"secret" not in octets and b"csam" not in octets
    assert not any(octets[3 * SLOT_OCTETS :]), "behind the head and two records"
    assert lab.counted("events") == 2
