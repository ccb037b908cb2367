"""Hellos counted by the class of their software, and nothing but counted.

The fingerprints are made by the second reader of the fuzz target, which shares no code with the gate."""

import logging
import random
import struct
from collections import Counter
from pathlib import Path

import pytest
from fuzz.targets.ja4 import fingerprint
from support.gate.lab import ALLOWED, BLOCKED, DECOY, REAL, Lab
from support.gate.tap_lab import TapLab
from support.packets.builders import Client, hello, hello_message, records, request
from support.packets.initials import crypto, initial

from fastpath.images.tables import TableSet
from fastpath.report.counters import read_classes
from fastpath.report.hello_classes import MAX_CLASSES, MAX_FINGERPRINTS, OTHER, Ja4Classes
from fastpath.report.spool import read_segment, segment_numbers, segment_path

BROWSER, VPN = hello(b"www.allowed.test"), hello()  # one tells its server's name, the other none
TOR = hello(b"tor.test", padding=400)  # the same fingerprint as BROWSER: lengths are not in it


def suited(*suites: int) -> bytes:
    """A hello of another software: with these cipher suites."""
    body = b"\x03\x03" + bytes(32) + b"\x00" + struct.pack(f"!H{len(suites)}H", 2 * len(suites), *suites) + b"\x01\x00"
    return records(b"\x01" + len(body).to_bytes(3, "big") + body)


def ja4_of(stream: bytes, transport: str = "t") -> str:
    return transport + fingerprint(stream[5:])[1:]


def lab_of(folder: Path, tables: TableSet, classes: dict[str, str], n_flows: int = 8) -> Lab:
    return Lab(folder, tables, ja4_classes=Ja4Classes(classes), n_flows=n_flows)


def counted(lab: Lab | TapLab) -> dict[str, int]:
    return read_classes(lab.folder / "counters")


def some_ja4(draw: random.Random) -> str:
    return f"t13d1516h2_{draw.getrandbits(48):012x}_{draw.getrandbits(48):012x}"


# ---------------------------------------------------------------------------------------------------------- the look-up


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, MAX_FINGERPRINTS])
def test_every_fingerprint_has_its_class_and_no_other_one_has_any(n: int) -> None:
    draw = random.Random(n)
    names = [f"class-{number}" for number in range(MAX_CLASSES)]
    given = {some_ja4(draw): draw.choice(names) for _ in range(n)}
    classes = Ja4Classes(given)

    assert {ja4: classes.of(ja4) for ja4 in given} == given
    assert {classes.of(some_ja4(draw)) for _ in range(1000)} == {OTHER}


def test_a_fingerprint_that_differs_in_one_character_is_another() -> None:
    ja4 = some_ja4(random.Random(1))
    classes = Ja4Classes({ja4: "vpn"})

    assert classes.of(ja4) == "vpn"
    assert {classes.of(ja4[:at] + "~" + ja4[at + 1 :]) for at in range(len(ja4))} == {OTHER}


def test_more_than_the_limits_is_refused() -> None:
    draw = random.Random(2)
    many = {some_ja4(draw): "vpn" for _ in range(MAX_FINGERPRINTS + 1)}
    with pytest.raises(ValueError, match="65537 fingerprints; none counted; at most 65536"):
        Ja4Classes(many)
    with pytest.raises(ValueError, match="17 classes; none counted; at most 16"):
        Ja4Classes({some_ja4(draw): f"class-{number}" for number in range(17)})


@pytest.mark.parametrize("name", ["", "x" * 33, OTHER])
def test_a_class_that_cannot_be_counted_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="of 1 to 32 octets, and none is other"):
        Ja4Classes({some_ja4(random.Random(3)): name})


@pytest.mark.parametrize("ja4", ["", "t13d1516h2", some_ja4(random.Random(4)) + "0"])
def test_what_is_not_as_long_as_a_fingerprint_is_refused(ja4: str) -> None:
    with pytest.raises(ValueError, match="a fingerprint has 36 octets"):
        Ja4Classes({ja4: "vpn"})
    with pytest.raises(ValueError, match="a fingerprint has 36 octets"):
        Ja4Classes({}).of(ja4)


def test_classes_are_told_in_order() -> None:
    draw = random.Random(5)

    assert Ja4Classes({some_ja4(draw): name for name in ("vpn", "tor", "vpn")}).names == ("tor", "vpn")


# ---------------------------------------------------------------------------------------------------------- in the gate


def test_hellos_are_counted_by_the_class_of_their_software(tmp_path: Path, tables: TableSet) -> None:
    lab = lab_of(tmp_path, tables, {ja4_of(BROWSER): "browser", ja4_of(VPN): "vpn"})
    for port, octets in enumerate((BROWSER, VPN, BROWSER, suited(0x1302), TOR), 1):
        assert lab.send(Client(sport=port), 0, octets) == ALLOWED

    assert counted(lab) == {OTHER: 1, "browser": 3, "vpn": 1}


def test_a_hello_is_counted_once_however_it_is_cut(tmp_path: Path, tables: TableSet) -> None:
    lab = lab_of(tmp_path, tables, {ja4_of(BROWSER): "browser"}, n_flows=len(BROWSER))
    for cut in range(1, len(BROWSER)):
        lab.send_all(Client(sport=cut), [(0, BROWSER[:cut]), (cut, BROWSER[cut:])])

    assert counted(lab) == {OTHER: 0, "browser": len(BROWSER) - 1}


def test_the_same_software_over_quic_is_another_line_of_the_file(tmp_path: Path, tables: TableSet) -> None:
    datagram = initial(crypto(0, hello_message(b"www.allowed.test")), size=1200)
    over_tcp = lab_of(tmp_path / "tcp", tables, {ja4_of(BROWSER): "browser"})
    over_quic = lab_of(tmp_path / "quic", tables, {ja4_of(BROWSER, "q"): "browser"})
    for lab in (over_tcp, over_quic):
        assert lab.send_datagram(datagram) == 0

    assert counted(over_tcp) == {OTHER: 1, "browser": 0}
    assert counted(over_quic) == {OTHER: 0, "browser": 1}


def test_a_hello_that_is_blocked_is_counted_too(tmp_path: Path, tables: TableSet) -> None:
    lab = lab_of(tmp_path, tables, {ja4_of(REAL): "browser"})

    assert lab.send(Client(), 0, REAL) == BLOCKED
    assert counted(lab) == {OTHER: 0, "browser": 1}


def test_a_hello_that_has_no_fingerprint_is_of_no_class(tmp_path: Path, tables: TableSet) -> None:
    lab = lab_of(tmp_path, tables, {ja4_of(BROWSER): "browser"})
    lab.send(Client(), 0, suited(*range(0x100, 0x181)))

    assert counted(lab) == {OTHER: 1, "browser": 0}


@pytest.mark.parametrize(
    "octets",
    [b"SSH-2.0-client\r\n", BROWSER[:-1], BROWSER[:43] + b"\xff" + BROWSER[44:], records(b"\x02" + BROWSER[6:])],
    ids=["not TLS", "a hello that is cut", "lengths that do not nest", "another message"],
)
def test_what_is_no_whole_hello_is_not_counted(tmp_path: Path, tables: TableSet, octets: bytes) -> None:
    lab = lab_of(tmp_path, tables, {ja4_of(BROWSER): "browser"})
    lab.send(Client(), 0, octets)

    assert counted(lab) == {OTHER: 0, "browser": 0}


def test_a_tap_counts_as_the_gate_does(tmp_path: Path, tables: TableSet) -> None:
    lab = TapLab(tmp_path / "tap", tables, ja4_classes=Ja4Classes({ja4_of(REAL): "browser"}))
    lab.send(Client(), 0, REAL)
    lab.send(Client(sport=2), 0, VPN)

    assert counted(lab) == {OTHER: 1, "browser": 1}


def test_without_classes_nothing_is_counted_by_class(lab: Lab) -> None:
    lab.send(Client(), 0, BROWSER)

    assert lab.counted("gate_hellos") == 1
    assert counted(lab) == {}


def test_a_class_keeps_its_count_when_the_gate_starts_again_with_another_file(tmp_path: Path, tables: TableSet) -> None:
    """The worker's counters outlive it; which number a class has is not theirs to know."""
    lab_of(tmp_path, tables, {ja4_of(VPN): "vpn"}).send(Client(), 0, VPN)
    again = lab_of(tmp_path, tables, {ja4_of(BROWSER): "browser", ja4_of(VPN): "vpn"})
    assert counted(again) == {OTHER: 0, "browser": 0, "vpn": 1}

    Lab(tmp_path, tables)
    assert counted(again) == {}


# ------------------------------------------------------------------------------------------------- nothing but counts


def any_traffic(draw: random.Random) -> list[tuple[Client, bytes]]:
    """Hellos and requests of many people, listed names among them; some are no hello."""
    said = [
        BROWSER,
        VPN,
        REAL,
        DECOY,
        TOR,
        suited(0x1303),
        suited(*range(0x100, 0x181)),
        b"SSH-2.0-client\r\n",
        hello(b"confidential.test"),
        hello(b"192.0.2.1"),
    ]
    people = ["192.0.2.1", "192.0.2.66", "192.0.2.7", "2001:db8::66", "2001:db8::7"]
    found = []
    for port in range(1, 400):
        src = draw.choice(people)
        dst = "2001:db8:1::1" if ":" in src else "198.51.100.1"
        found.append((Client(src, dst, sport=port), draw.choice(said)))
        found.append((Client(src, dst, sport=port, dport=80), request(draw.choice([b"blocked.test", b"allowed.test"]))))
    return found


def events_of(lab: Lab) -> list[object]:
    spool = str(lab.folder / "spool")
    return [
        event._replace(time_ns=0)
        for number in segment_numbers(spool)
        for event in read_segment(segment_path(spool, number), 0, 1000).events
    ]


def test_counting_changes_no_verdict_no_event_and_no_other_counter_and_logs_nothing(
    tmp_path: Path, tables: TableSet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    classes = {ja4_of(BROWSER): "browser", ja4_of(VPN): "vpn"}
    off, on = Lab(tmp_path / "off", tables), lab_of(tmp_path / "on", tables, classes)
    for client, octets in any_traffic(random.Random(6)):
        assert on.send(client, 0, octets) == off.send(client, 0, octets)
        assert on.gate.injected() == off.gate.injected()

    assert events_of(on) == events_of(off) != []
    assert on.reporter.counters.values() == off.reporter.counters.values()
    assert caplog.records == []


def test_what_is_kept_of_many_hellos_is_a_number_a_class(tmp_path: Path, tables: TableSet) -> None:
    """No fingerprint, no address and no name stands in what the gate writes; all classes together are the hellos."""
    classes = {ja4_of(BROWSER): "browser", ja4_of(VPN): "vpn"}
    lab = lab_of(tmp_path, tables, classes)
    traffic = any_traffic(random.Random(7))
    for client, octets in traffic:
        lab.send(client, 0, octets)
        lab.gate.injected()

    hellos = [octets for _, octets in traffic if octets.startswith(b"\x16")]
    assert counted(lab) == Counter(classes.get(ja4_of(octets), OTHER) for octets in hellos)
    assert sum(counted(lab).values()) == lab.counted("gate_hellos") == len(hellos)
    written = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())
    for ja4 in classes:
        assert ja4[:10].encode() not in written and ja4[11:23].encode() not in written
