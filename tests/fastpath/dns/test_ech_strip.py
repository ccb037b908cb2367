"""ECH removed from HTTPS and SVCB records; dnslib reads the rest, which is compared record by record."""

import struct

import pytest
from dnslib import HTTPS, RR, DNSBuffer, DNSRecord
from hypothesis import given
from hypothesis import strategies as st
from support.dns.answers import ALPN, ECH, IPV4HINT, IPV6HINT, MANDATORY, Params, answer, dname, https

from fastpath.dns.ech_strip import without_ech
from fastpath.dns.records import name_at, records

CONFIG = bytes.fromhex("0045fe0d0041") + bytes(range(64))  # an ECHConfigList in length, not in truth
H2, V4, V6 = (ALPN, b"\2h2"), (IPV4HINT, bytes([192, 0, 2, 1])), (IPV6HINT, bytes(16))
TOO_MANY = 65
AD = 0x20


def params_of(rr: RR) -> list[tuple[int, bytes]]:
    data = rr.rdata if rr.rtype == 65 else HTTPS.parse(DNSBuffer(rr.rdata.data), len(rr.rdata.data))
    return [(key, bytes(value)) for key, value in data.params]


def services(octets: bytes) -> list[list[tuple[int, bytes]]]:
    """The parameters of each service, by dnslib; every octet must have been read."""
    read = DNSRecord.parse(octets)
    assert struct.unpack_from("!HHH", octets, 6) == (len(read.rr), len(read.auth), len(read.ar))
    assert all(end.data_at + len(end.data) == len(octets) for end in records(octets)[-1:])
    return [params_of(rr) for rr in (*read.rr, *read.auth, *read.ar) if rr.rtype in (64, 65)]


def as_text(octets: bytes) -> list[str]:
    """Every record but the services, as dnslib prints it; it does not read the name in a DNAME (39)."""
    read = DNSRecord.parse(octets)
    return [str(rr) for rr in (*read.rr, *read.auth, *read.ar) if rr.rtype not in (39, 64, 65)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([H2, (ECH, CONFIG)], [H2]),
        ([(ECH, CONFIG)], []),
        ([H2, V4, (ECH, CONFIG), V6], [H2, V4, V6]),
        ([(ECH, b"")], []),
        ([H2, V4, V6], [H2, V4, V6]),
        ([], []),
        ([(MANDATORY, b"\0\1\0\5"), H2, (ECH, CONFIG)], [(MANDATORY, b"\0\1"), H2]),
        ([(MANDATORY, b"\0\5"), H2, (ECH, CONFIG)], [H2]),
        ([(MANDATORY, b"\0\4\0\5\0\6"), V4, (ECH, CONFIG), V6], [(MANDATORY, b"\0\4\0\6"), V4, V6]),
        ([(MANDATORY, b"\0\5\0\5\0\1"), H2, (ECH, CONFIG)], [(MANDATORY, b"\0\1"), H2]),
        ([(MANDATORY, b"\0\5"), H2], [H2]),
        ([(MANDATORY, b"\0\1"), H2, (ECH, CONFIG)], [(MANDATORY, b"\0\1"), H2]),
        ([(MANDATORY, b""), (ECH, CONFIG)], [(MANDATORY, b"")]),
        ([(ECH, CONFIG), (ECH, CONFIG), H2], [H2]),
        ([(0x0105, b"x"), (ECH, CONFIG), (0x0500, b"y")], [(0x0105, b"x"), (0x0500, b"y")]),
    ],
    ids=[
        "last",
        "alone",
        "amid others",
        "empty",
        "none",
        "no parameter",
        "mandatory among others",
        "mandatory alone",
        "mandatory amid others",
        "mandatory twice",
        "mandatory and absent",
        "not mandatory",
        "nothing mandatory",
        "twice",
        "keys like it",
    ],
)
@pytest.mark.parametrize("kind", [64, 65])
def test_ech_is_taken_out_and_mandatory_stays_consistent(before: Params, after: Params, kind: int) -> None:
    octets = answer("shop.test", "HTTPS", https("shop.test", 1, "svc.shop.test", before, kind))

    stripped = without_ech(octets)

    assert services(stripped) == [after]
    assert stripped == answer("shop.test", "HTTPS", https("shop.test", 1, "svc.shop.test", after, kind))
    assert without_ech(stripped) == stripped


def test_every_service_of_every_section_loses_its_ech() -> None:
    octets = answer(
        "shop.test",
        "HTTPS",
        https("shop.test", 1, "", [H2, (ECH, CONFIG)]),
        https("shop.test", 2, "", [(ECH, b"x")]),
        https("shop.test", 0, "other.test", [(ECH, b"x")]),
        authority=[https("shop.test", 3, "", [(ECH, CONFIG), V6])],
        additional=[https("svc.test", 1, "", [(MANDATORY, b"\0\5"), H2, (ECH, CONFIG)], 64)],
    )

    assert services(without_ech(octets)) == [[H2], [], [], [V6], [H2]]


def test_a_message_without_ech_comes_back_as_it_was() -> None:
    octets = answer("shop.test", "A", "shop.test 60 A 192.0.2.1", authority=["shop.test 60 NS ns.shop.test"])

    assert without_ech(octets) == octets


def test_octets_of_other_records_that_look_like_ech_stay() -> None:
    octets = answer("shop.test", "TXT", 'shop.test 60 TXT "\\000\\005\\000\\001x"')

    assert without_ech(octets) == octets


LATER = [
    "shop.test 60 NS ns1.dns.example",
    "shop.test 60 NS ns2.dns.example",
    "shop.test 60 MX 5 mail.dns.example",
    "shop.test 60 SRV 1 2 3 mail.dns.example",
    "1.shop.test 60 PTR mail.dns.example",
    "www.shop.test 60 CNAME mail.dns.example",
    "dns.example 60 SOA ns1.dns.example root.dns.example 1 2 3 4 5",
    dname("alias.dns.example", "mail.dns.example"),
]


def test_names_behind_that_point_past_the_gap_read_as_before() -> None:
    octets = answer(
        "shop.test",
        "HTTPS",
        https("shop.test", 1, "", [H2, (ECH, CONFIG)]),
        authority=LATER,
        additional=[
            "ns2.dns.example 60 A 192.0.2.1",
            https("svc.dns.example", 1, "", [(MANDATORY, b"\0\1\0\5"), H2, (ECH, CONFIG)]),
            "mail.dns.example 60 AAAA 2001:db8::1",
            "svc.dns.example 60 A 192.0.2.2",
        ],
    )

    stripped = without_ech(octets)

    assert as_text(stripped) == as_text(octets)
    assert services(stripped) == [[H2], [(MANDATORY, b"\0\1"), H2]]
    assert [r.owner for r in records(stripped)] == [r.owner for r in records(octets)]
    assert [(r.kind, r.class_, r.ttl_s) for r in records(stripped)] == [
        (r.kind, r.class_, r.ttl_s) for r in records(octets)
    ]


@pytest.mark.parametrize("kind", [2, 3, 4, 5, 7, 8, 9, 12, 39])
def test_a_single_compressed_name_in_rdata_is_mended(kind: int) -> None:
    assert name_behind(kind, b"") == b"\3svc\4test\0"


@pytest.mark.parametrize("kind", [15, 18, 21, 26, 36])
def test_a_compressed_name_behind_a_number_is_mended(kind: int) -> None:
    assert name_behind(kind, b"\0\7", again=kind == 26) == b"\3svc\4test\0"


@pytest.mark.parametrize("kind", [6, 14, 17])
def test_the_second_compressed_name_is_mended_too(kind: int) -> None:
    assert name_behind(kind, b"", again=True) == b"\3svc\4test\0"


def name_behind(kind: int, ahead: bytes, again: bool = False) -> bytes:
    """The last name in the rdata of a record of that type, a pointer past a gap, after the gap was closed."""
    octets = answer("a.test", "HTTPS", https("a.test", 1, "", [(ECH, CONFIG)]), "svc.test 60 A 192.0.2.1")
    pointer = struct.pack("!H", 0xC000 | records(octets)[1].data_at - 10 - len(b"\3svc\xc0\x0e"))
    rdata = ahead + pointer + (pointer if again else b"") + (bytes(20) if kind == 6 else b"")
    octets += b"\0" + struct.pack("!HHIH", kind, 1, 60, len(rdata)) + rdata
    stripped = without_ech(octets[:7] + b"\3" + octets[8:])
    last = records(stripped)[-1]
    return name_at(stripped, last.data_at + len(ahead) + (2 if again else 0))[0]


def test_a_pointer_into_what_goes_is_refused() -> None:
    octets = answer("a.test", "HTTPS", https("a.test", 1, "", [(ECH, b"\3www\4test\0")]))
    at = octets.index(b"\3www")
    octets += struct.pack("!HHHIHL", 0xC000 | at, 1, 1, 60, 4, 0xC0000201)

    with pytest.raises(ValueError, match="do not deliver it"):
        without_ech(octets[:7] + b"\2" + octets[8:])


def test_a_name_that_would_read_otherwise_is_refused() -> None:
    """A name that runs into what goes, from the parameter before it."""
    octets = answer("a.test", "HTTPS", https("a.test", 1, "", [(ALPN, b"\2h2\x09"), (ECH, b"abcde\0")]))
    at = octets.index(b"\2h2") + 3  # a label of nine octets: the head of ech and five more
    octets += struct.pack("!HHHIHL", 0xC000 | at, 1, 1, 60, 4, 0xC0000201)
    whole = octets[:7] + b"\2" + octets[8:]
    assert len(records(whole)) == 2, "readable as long as ech is there"

    with pytest.raises(ValueError, match="do not deliver it"):
        without_ech(whole)


def test_ad_is_cleared_where_something_was_taken_out_and_only_there() -> None:
    plain = answer("a.test", "HTTPS", https("a.test", 1, "", [H2]))
    with_ech = answer("a.test", "HTTPS", https("a.test", 1, "", [H2, (ECH, CONFIG)]))

    assert without_ech(plain[:3] + bytes([plain[3] | AD]) + plain[4:])[3] & AD
    assert not without_ech(with_ech[:3] + bytes([with_ech[3] | AD]) + with_ech[4:])[3] & AD


WHOLE = answer(
    "shop.test",
    "HTTPS",
    https("shop.test", 1, "svc.test", [(MANDATORY, b"\0\1\0\5"), H2, (ECH, CONFIG)]),
    authority=["shop.test 60 NS ns.dns.example"],
)


def is_refused(octets: bytes) -> bool:
    try:
        without_ech(octets)
    except ValueError:
        return True
    return False


def test_a_message_cut_at_any_octet_is_refused() -> None:
    assert [n for n in range(len(WHOLE)) if not is_refused(WHOLE[:n])] == []


def test_octets_behind_the_last_record_stay_there() -> None:
    assert without_ech(WHOLE + b"junk") == without_ech(WHOLE) + b"junk"


@pytest.mark.parametrize("by", [-1, 1])
def test_a_parameter_whose_length_is_one_more_or_less_is_refused(by: int) -> None:
    service = records(WHOLE)[0]
    at = service.data_at + 2 + len(b"\3svc\4test\0")
    while at < service.data_at + len(service.data):
        size = struct.unpack_from("!H", WHOLE, at + 2)[0]
        assert is_refused(WHOLE[: at + 2] + struct.pack("!H", size + by) + WHOLE[at + 4 :])
        at += 4 + size


@pytest.mark.parametrize("by", [-1, 1])
def test_an_rdlength_that_is_one_more_or_less_is_refused(by: int) -> None:
    service = records(WHOLE)[0]
    length = struct.pack("!H", len(service.data) + by)

    assert is_refused(WHOLE[: service.data_at - 2] + length + WHOLE[service.data_at :])


@pytest.mark.parametrize("rdata", [b"", b"\0\1", b"\0\1\3ab", b"\0\1\0\0", b"\0\1\0\0\5\0", b"\0\1\0\0\0\0\1\0"])
def test_a_service_that_cannot_be_read_is_refused(rdata: bytes) -> None:
    octets = answer("a.test", "HTTPS")
    record = b"\xc0\x0c" + struct.pack("!HHIH", 65, 1, 60, len(rdata)) + rdata

    assert is_refused(octets[:7] + b"\1" + octets[8:] + record)


def test_more_parameters_than_any_answer_holds_are_refused() -> None:
    params: Params = [(ECH, b"")]
    most = [https("a.test", 1, "", params) for _ in range(TOO_MANY - 1)]

    assert services(without_ech(answer("a.test", "HTTPS", *most))) == [[]] * (TOO_MANY - 1)
    assert is_refused(answer("a.test", "HTTPS", *most, most[0]))


LABEL = st.text("abcdef0123", min_size=1, max_size=8).map("x{}".format)
NAME = st.lists(LABEL, min_size=1, max_size=3).map(lambda labels: ".".join(labels) + ".test")
KEYS = st.sampled_from([ALPN, IPV4HINT, ECH, ECH, IPV6HINT, 2, 0x0105, 0xFF00])


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    names = draw(st.lists(NAME, min_size=1, max_size=4))
    pick = st.sampled_from(names)
    mandatory = st.lists(KEYS, max_size=3).map(lambda keys: b"".join(struct.pack("!H", key) for key in keys))
    params = st.tuples(st.booleans(), mandatory, st.lists(st.tuples(KEYS, st.binary(max_size=30)), max_size=4)).map(
        lambda drawn: ([(MANDATORY, drawn[1])] if drawn[0] else []) + drawn[2]
    )
    record = st.one_of(
        st.builds("{} 60 A 192.0.2.1".format, pick),
        st.builds("{} 60 CNAME {}".format, pick, pick),
        st.builds("{} 60 MX 1 {}".format, pick, pick),
        st.builds("{} 60 SOA {} {} 1 2 3 4 5".format, pick, pick, pick),
        st.builds(https, pick, st.integers(0, 3), pick, params, st.sampled_from([64, 65])),
    )
    sections = [draw(st.lists(record, max_size=5)) for _ in range(3)]
    return answer(names[0], "HTTPS", *sections[0], authority=sections[1], additional=sections[2])


@given(messages())
def test_of_any_answer_that_dnslib_writes_only_ech_goes(octets: bytes) -> None:
    stripped = without_ech(octets)

    assert without_ech(stripped) == stripped
    assert as_text(stripped) == as_text(octets)
    assert [r.owner for r in records(stripped)] == [r.owner for r in records(octets)]
    assert services(stripped) == [
        [had for param in before for had in without_key(*param)] for before in services(octets)
    ]


def without_key(key: int, value: bytes) -> list[tuple[int, bytes]]:
    """What is to be left of one parameter."""
    if key == MANDATORY and value:
        value = b"".join(value[at : at + 2] for at in range(0, len(value), 2) if value[at : at + 2] != b"\0\5")
        return [(key, value)] if value else []
    return [] if key == ECH else [(key, value)]
