"""What differs over streams: no size limit of datagrams, the steps around an upstream, padding, refusals."""

import time
from pathlib import Path

import pytest
from dnslib import CNAME, EDNS0, QTYPE, RCODE, RR, A, DNSRecord, EDNSOption
from support.dns.stream_desk import CLIENT, NOW_NS, SPECS, Desk, ask, desk_with
from support.images.opened import Entry, Images

from dns.front.special_names import special_names
from fastpath.dns.admission import ClientGuard
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.people.policy_writer import ProfileSpec


def test_local_data_over_a_stream_are_not_cut_to_the_size_of_a_datagram(images: Images) -> None:
    data = (b"\0\x10" + b"\0\0\0\x3c" + b"\0\xf1" + b"\xf0" + b"x" * 240) * 2
    desk = desk_with(images, ("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, data))

    answer = desk.ask("n.test", "TXT")

    assert answer is not None and (answer.header.tc, len(answer.rr)) == (0, 2)


def test_a_tcp_only_name_over_a_stream_is_the_upstreams_to_answer(images: Images) -> None:
    desk = desk_with(images, ("orders", "n.test", Mode.SUBTREE, Action.TCP_ONLY))

    assert desk.resolver.answer(ask("n.test"), CLIENT, NOW_NS) is None
    assert "dns_blocked" not in desk.counted()


def test_answers_over_a_stream_are_counted_by_their_rcode(images: Images) -> None:
    desk = desk_with(images, ("orders", "n.test", Mode.SUBTREE, Action.NXDOMAIN))
    desk.ask("n.test")
    theirs = DNSRecord.parse(desk.upstream_query("free.test")).reply()
    desk.deliver("free.test", theirs)
    desk.resolver.give_up(ask("other.test"), CLIENT, NOW_NS)

    counted = {name: n for name, n in desk.counted().items() if name.startswith("dns_rcode_")}
    assert counted == {"dns_rcode_nxdomain": 1, "dns_rcode_noerror": 1, "dns_rcode_servfail": 1}


def test_a_client_that_is_no_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="somebody"):
        Desk(tmp_path, SPECS).resolver.answer(b"", "somebody", NOW_NS)


def test_what_the_upstream_said_over_a_stream_is_kept_and_runs_out(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS, cache_octets=1 << 20)
    theirs = DNSRecord.parse(desk.upstream_query("free.test")).reply()
    theirs.add_answer(RR("free.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=30))

    assert str(desk.deliver("free.test", theirs).a.rdata) == "198.51.100.1"
    kept = desk.resolver.answer(ask("FREE.test"), CLIENT, NOW_NS + 10 * 10**9)

    assert kept is not None and (DNSRecord.parse(kept).a.ttl, str(DNSRecord.parse(kept).q.qname)) == (20, "FREE.test.")
    assert desk.resolver.answer(ask("free.test"), CLIENT, NOW_NS + 30 * 10**9) is None
    assert desk.counted()["dns_cache_hits"] == 1


def test_what_is_kept_runs_out_also_where_the_wall_clock_was_set_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS, cache_octets=1 << 20)
    theirs = DNSRecord.parse(desk.upstream_query("free.test")).reply()
    theirs.add_answer(RR("free.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=30))
    desk.deliver("free.test", theirs)
    earlier = NOW_NS - 5 * 3600 * 10**9

    assert desk.resolver.answer(ask("free.test"), CLIENT, earlier) is not None
    assert desk.resolver.answer(ask("free.test"), CLIENT, earlier + 29 * 10**9) is not None
    assert desk.resolver.answer(ask("free.test"), CLIENT, earlier + 30 * 10**9) is None


def test_a_stream_that_no_upstream_answers_gets_what_is_kept_of_old_or_servfail(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS, cache_octets=1 << 20)
    theirs = DNSRecord.parse(desk.upstream_query("free.test")).reply()
    theirs.add_answer(RR("free.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=30))
    desk.deliver("free.test", theirs)
    later = NOW_NS + 60 * 10**9

    stale = DNSRecord.parse(desk.resolver.give_up(ask("free.test"), CLIENT, later))
    nothing = DNSRecord.parse(desk.resolver.give_up(ask("other.test"), CLIENT, later))

    assert (str(stale.a.rdata), stale.a.ttl) == ("198.51.100.1", 30)
    assert (nothing.header.rcode, nothing.rr) == (RCODE.SERVFAIL, [])


def test_an_answer_over_a_stream_that_leads_to_a_listed_name_is_blocked(images: Images) -> None:
    desk = desk_with(images, ("orders", "n.test", Mode.SUBTREE))
    theirs = DNSRecord.parse(desk.upstream_query("free.test")).reply()
    theirs.add_answer(RR("free.test", QTYPE.CNAME, rdata=CNAME("www.n.test"), ttl=30))

    assert [str(record.rdata) for record in desk.deliver("free.test", theirs).rr] == ["192.0.2.80"]
    assert desk.counted()["dns_inspected"] == 1


def test_an_order_that_came_while_a_stream_waited_answers_it(images: Images) -> None:
    desk = Desk(images.folder, SPECS)
    assert desk.ask("soon.test") is None
    asked = desk.upstream_query("soon.test")
    theirs = DNSRecord.parse(asked).reply()
    theirs.add_answer(RR("soon.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=30))
    desk.serve(TableSet(images.names((("orders", "soon.test", Mode.SUBTREE),))))

    answer = desk.resolver.deliver(ask("soon.test"), CLIENT, asked, bytes(theirs.pack()), NOW_NS)

    assert [str(record.rdata) for record in DNSRecord.parse(answer).rr] == ["192.0.2.80"]
    assert desk.counted()["dns_blocked"] == 1


def test_what_is_kept_of_old_is_not_given_for_a_name_that_was_ordered_meanwhile(images: Images) -> None:
    desk = Desk(images.folder, SPECS, cache_octets=1 << 20)
    theirs = DNSRecord.parse(desk.upstream_query("soon.test")).reply()
    theirs.add_answer(RR("soon.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=30))
    desk.deliver("soon.test", theirs)
    later = NOW_NS + 60 * 10**9
    assert desk.resolver.answer(ask("soon.test"), CLIENT, later) is None
    desk.serve(TableSet(images.names((("orders", "soon.test", Mode.SUBTREE),))))

    answer = DNSRecord.parse(desk.resolver.give_up(ask("soon.test"), CLIENT, later))

    assert [str(record.rdata) for record in answer.rr] == ["192.0.2.80"]


def for_safe_search(images: Images, *entries: Entry) -> Desk:
    desk = Desk(images.folder, SPECS, specials=special_names())
    desk.serve(
        TableSet(
            images.names(entries),
            None,
            images.subscribers([("192.0.2.0/24", 7)]),
            None,
            images.policy([(7, ProfileSpec(0, (), 0, 0, safe_search=1))]),
            None,
        ),
    )
    return desk


def test_a_tcp_only_name_over_a_stream_is_a_special_name_still(images: Images) -> None:
    desk = for_safe_search(
        images,
        ("malware", "www.google.com", Mode.SUBTREE, Action.TCP_ONLY),
        ("malware", "arpa", Mode.SUBTREE, Action.TCP_ONLY),
    )

    assert desk.ask("www.google.com") is None
    assert str(DNSRecord.parse(desk.upstream_query("www.google.com")).q.qname) == "forcesafesearch.google.com."
    for name, qtype in (
        ("www.google.com", "HTTPS"),
        ("_dns.resolver.arpa", "A"),
        ("1.0.0.10.in-addr.arpa", "PTR"),
    ):
        assert desk.ask(name, qtype) is not None, name
    assert "dns_blocked" not in desk.counted()


def test_safe_search_over_a_stream_asks_for_the_target_and_wraps_its_answer(images: Images) -> None:
    desk = for_safe_search(images)
    assert desk.ask("www.google.com") is None
    asked = DNSRecord.parse(desk.upstream_query("www.google.com"))
    theirs = asked.reply()
    theirs.add_answer(RR(asked.q.qname, QTYPE.A, rdata=A("198.51.100.38"), ttl=30))

    answer = desk.deliver("www.google.com", theirs)

    assert str(asked.q.qname) == "forcesafesearch.google.com."
    assert [str(record.rdata) for record in answer.rr] == ["forcesafesearch.google.com.", "198.51.100.38"]


def test_an_upstreams_answer_cut_anywhere_is_delivered_whole_or_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS)
    theirs = DNSRecord.parse(desk.upstream_query("free.test")).reply()
    theirs.add_answer(RR("free.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=30))
    whole = bytes(theirs.pack())

    for n in range(len(whole)):
        with pytest.raises(ValueError, match="not delivered"):
            desk.resolver.deliver(ask("free.test"), CLIENT, desk.upstream_query("free.test"), whole[:n], NOW_NS)


def test_strangers_over_a_stream_are_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS, guard=ClientGuard(["198.51.100.0/24"]))

    answer = desk.ask("free.test")

    assert answer is not None and answer.header.rcode == RCODE.REFUSED
    assert desk.counted()["dns_not_ours"] == 1


def test_tables_are_in_force_at_once_and_older_ones_change_nothing(images: Images) -> None:
    older, newer = (TableSet(images.names((("orders", name, Mode.SUBTREE),))) for name in ("old.test", "new.test"))
    desk = Desk(images.folder, SPECS)
    for tables in (newer, older):
        desk.resolver.use(tables)

        assert desk.resolver.answer(ask("new.test"), CLIENT, NOW_NS) is not None
        assert desk.resolver.answer(ask("old.test"), CLIENT, NOW_NS) is None
    assert "no_tables" not in desk.counted()


def test_a_client_over_its_rate_gets_no_answer_and_later_one_again(images: Images) -> None:
    desk = Desk(images.folder, SPECS, guard=ClientGuard(["192.0.2.0/24"], 50, 2))
    desk.serve(TableSet(images.names((("orders", "n.test", Mode.SUBTREE),))))

    answers, began_s = list[bytes | None](), time.monotonic()
    while not answers or answers[-1]:
        answers.append(desk.resolver.answer(ask("n.test"), CLIENT, NOW_NS))
    took_s = time.monotonic() - began_s  # a busy machine may take so long that one more is due
    time.sleep(0.1)

    assert 3 <= len(answers) <= 3 + int(50 * took_s)
    assert answers[-1] == b"" and desk.counted()["dns_over_limit"] == 1
    assert desk.ask("n.test") is not None


def test_an_answer_is_padded_where_the_query_was_and_the_stream_is_encrypted(images: Images) -> None:
    desk = desk_with(images, ("orders", "n.test", Mode.SUBTREE))
    padded = DNSRecord.question("n.test")
    padded.add_ar(EDNS0(udp_len=1232, opts=[EDNSOption(12, bytes(8))]))
    query = bytes(padded.pack())

    encrypted = desk.resolver.answer(query, CLIENT, NOW_NS, is_encrypted=True)
    clear = desk.resolver.answer(query, CLIENT, NOW_NS)
    given_up = desk.resolver.give_up(query.replace(b"\x01n", b"\x01f"), CLIENT, NOW_NS, is_encrypted=True)

    assert encrypted is not None and clear is not None
    assert (len(encrypted), len(given_up)) == (468, 468) and len(clear) < 200
