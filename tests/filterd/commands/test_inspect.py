import json
import struct

import pytest
from support import wire

from filterd.cli import main


@pytest.fixture
def source(tmp_path):
    (tmp_path / "pta.txt").write_text("bad.test\n")
    return f"{tmp_path / 'pta.txt'},tier=order"


@pytest.fixture
def capture(tmp_path):
    blocked, allowed = (wire.tcp(wire.hello(name)) for name in (b"www.bad.test", b"good.test"))
    packets = [wire.ipv4(blocked), b"\x45\x00", wire.ipv6(allowed)]
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    data += b"".join(struct.pack("<IIII", 5, 0, len(packet), len(packet)) + packet for packet in packets)
    path = tmp_path / "x.pcap"
    path.write_bytes(data + b"\x01")
    return str(path)


def test_every_name_is_one_object_with_the_keys_of_the_contract(source, capture, capsys):
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


def test_without_json_it_is_a_line_for_people(source, capture, capsys):
    main(["inspect", capture, "--list", source])

    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("sni www.bad.test: splash (reason order, rule bad.test)")


def test_a_file_that_is_no_capture_is_wrong_use(source, tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "pta.txt"), "--list", source]) == 2
    assert "neither pcap nor pcapng" in capsys.readouterr().err
