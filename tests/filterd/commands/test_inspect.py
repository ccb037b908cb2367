import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from support.packets import frames as framed
from support.packets import shapes as wire
from support.packets.frames import QINQ, VLAN

from fastpath.wire.ja4 import stream_ja4
from filterd.cli import main


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "pta.txt").write_text("bad.test\n")
    return f"{tmp_path / 'pta.txt'},tier=order"


@pytest.fixture
def capture(tmp_path: Path) -> str:
    blocked, allowed = (wire.tcp(wire.hello(name)) for name in (b"www.bad.test", b"good.test"))
    packets = [wire.ipv4(blocked), b"\x45\x00", wire.ipv6(allowed)]
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    data += b"".join(struct.pack("<IIII", 5, 0, len(packet), len(packet)) + packet for packet in packets)
    path = tmp_path / "x.pcap"
    path.write_bytes(data + b"\x01")
    return str(path)


def test_every_name_is_one_object_with_the_keys_of_the_contract(
    source: str, capture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", capture, "--list", source, "--json"]) == 0

    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    contract = "ts channel src sport dst dport name url ech quic_version decision"
    assert found[0].keys() == set(contract.split())
    assert [(each.get("name"), (each.get("decision") or {}).get("action")) for each in found] == [
        ("www.bad.test", "splash"),
        (None, None),
        ("good.test", "passthru"),
        (None, None),
    ]
    assert "undecidable" in found[1] and "undecidable" in found[3]


def test_without_json_it_is_a_line_for_people(source: str, capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["inspect", capture, "--list", source])

    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("sni www.bad.test: splash (reason order, rule bad.test)")


def test_with_classes_each_hello_is_told_with_its_own(
    source: str, capture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = tmp_path / "ja4.txt"
    classes.write_text(f"{stream_ja4(wire.hello(b'good.test'))} vpn\nno\n")

    assert main(["inspect", capture, "--list", source, "--json", "--ja4-classes", str(classes)]) == 0
    said = capsys.readouterr()
    found = [json.loads(line) for line in said.out.splitlines()]
    assert [each.get("ja4_class") for each in found] == ["vpn", None, "vpn", None]
    assert "ja4" not in found[0]
    assert "line 2: 'no' is not two words; line not used; " in said.err


def test_classes_that_cannot_be_read_are_wrong_use(
    source: str, capture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", capture, "--list", source, "--ja4-classes", str(tmp_path / "absent.txt")]) == 2
    assert "absent.txt: No such file or directory; not read; " in capsys.readouterr().err


def test_a_file_that_is_no_capture_is_wrong_use(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(tmp_path / "pta.txt"), "--list", source]) == 2
    assert "neither pcap nor pcapng" in capsys.readouterr().err


@pytest.mark.parametrize(
    "rest",
    [
        lambda packet: framed.tagged(packet, VLAN),
        lambda packet: framed.tagged(packet, QINQ, VLAN),
        framed.in_session,
        lambda packet: framed.behind_tags(framed.in_session(packet), QINQ, VLAN),
        lambda packet: framed.labelled(packet, 2),
        lambda packet: framed.behind_tags(framed.labelled(packet, 1), VLAN),
    ],
    ids=["VLAN", "QinQ", "PPPoE", "PPPoE in QinQ", "MPLS", "MPLS in VLAN"],
)
def test_a_capture_of_a_carriers_wire_is_read(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], rest: Callable[[bytes], bytes]
) -> None:
    halves = [wire.hello(b"www.bad.test")[:90], wire.hello(b"www.bad.test")[90:]]
    segments = [wire.tcp(halves[0], seq=5), wire.tcp(halves[1], seq=95)]
    packets = [make(segment) for make in (wire.ipv4, wire.ipv6) for segment in segments]
    path = tmp_path / "wire.pcap"
    path.write_bytes(framed.pcap([framed.ethernet(rest(packet)) for packet in packets]))

    assert main(["inspect", str(path), "--list", source, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [(each["src"], each["name"], each["decision"]["action"]) for each in found]
    assert told == [("192.0.2.10", "www.bad.test", "splash"), ("2001:db8::10", "www.bad.test", "splash")]
