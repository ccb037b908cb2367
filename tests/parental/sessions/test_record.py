from ipaddress import ip_network

from support.sessions.requests import session

from parental.sessions.record import (
    RECORD_OCTETS,
    Digests,
    network_of,
    read_record,
    slot_at,
    slot_of,
    slot_within,
    slots_in,
)


def test_a_record_is_read_as_it_was_written() -> None:
    one = session(1, "192.0.2.7/32", "2001:db8:7::/56", "2001:db8:8::/64")

    assert len(one.packed()) == RECORD_OCTETS
    assert read_record(one.packed()) == one
    assert slots_in(one.packed()) == [slot for slot in one.slots if slot]


def test_a_slot_and_its_prefix_are_each_others() -> None:
    for text in ("192.0.2.7/32", "2001:db8:7::/56"):
        assert network_of(slot_of(ip_network(text))) == ip_network(text)


def test_an_address_is_within_the_prefix_of_fewer_bits() -> None:
    assert slot_within(slot_at("2001:db8:7:1::9"), 56) == slot_of(ip_network("2001:db8:7::/56"))


def test_digests_differ_by_key_kind_and_where_one_part_ends_and_the_next_begins() -> None:
    ours, others = Digests(b"k" * 32), Digests(b"l" * 32)

    assert ours.who(b"flat3") != others.who(b"flat3")
    assert ours.nas("relay", b"bng1") != ours.nas("relayb", b"ng1")
    assert ours.session(b"n", b"s") != ours.session(b"ns", b"")
    assert b"flat3" not in ours.who(b"flat3")
