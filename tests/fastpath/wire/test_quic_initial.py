"""Initials: the vectors of the RFCs, other libraries' packets, real clients', and none of those that were touched."""

import json
import random
import subprocess
from pathlib import Path
from shutil import which

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.packet import QuicProtocolVersion
from hypothesis import given
from hypothesis import strategies as st
from support.packets.captures import captures, crypto_stream, datagrams_to, write_capture
from support.packets.initials import (
    DCID,
    DRAFT_29,
    HANDSHAKE,
    PING,
    V1,
    V2,
    VERSIONS,
    ZERO_RTT,
    ack,
    crypto,
    crypto_of,
    initial,
    keys_of,
    long_header,
    numbered,
    varint,
)
from support.packets.shapes import hello_message, ipv4, server_name, udp

from fastpath.wire.quic_initial import InitialOpener, Keys, client_keys, server_keys
from fastpath.wire.tls import hello_messages

MESSAGE = hello_message([(10, bytes(6)), server_name(b"allowed.test")])
FRAMES = crypto(0, MESSAGE)
OWN = InitialOpener()

# RFC 9001 appendix A.2 and RFC 9369 appendix A.2 protect the same CRYPTO frame and 917 octets of padding.
RFC_FRAMES = bytes.fromhex(
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c000000010"
    "000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e00050005010000000000330026"
    "0024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e040305030603"
    "0203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901"
    "100f088394c8f03e51570806048000ffff"
) + bytes(917)
# and draft-ietf-quic-tls-29 appendix A.2 another one with 962
DRAFT_FRAMES = bytes.fromhex(
    "060040c4010000c003036660261ff947cea49cce6cfad687f457cf1b14531ba14131a0e8f309a1d0b9c4000006130113031302010000910000"
    "000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d00204c"
    "fdfcd178b784bf328cae793b136f2aedce005ff183d7bb1495207236647037002b0003020304000d0020001e04030503060302030804080508"
    "0604010501060102010402050206020202002d00020101001c00024001"
) + bytes(962)
VECTORS = {  # version: frames, key, iv, hp, the packet's first 32 octets, its last 16: the tag over all of it
    V1: (
        RFC_FRAMES,
        "1f369613dd76d5467730efcbe3b1a22d",
        "fa044b2f42a3fd3b46fb255c",
        "9f50449e04a0e810283a1e9933adedd2",
        "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11",
        "e221af44860018ab0856972e194cd934",
    ),
    V2: (
        RFC_FRAMES,
        "8b1a0bc121284290a29e0971b5cd045d",
        "91f73e2351d8fa91660e909f",
        "45b95e15235d6f45a6b19cbcb0294ba9",
        "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485",
        "a18b2faa745b6fe189cf772a9f84cbfc",
    ),
    DRAFT_29: (
        DRAFT_FRAMES,
        "175257a31eb09dea9366d8bb79ad80ba",
        "6b26114b9cba2b63a9e8dd4f",
        "9ddd12c994c0698b89374a9c077a3077",
        "c5ff00001d088394c8f03e5157080000449e4a95245bfb66bc5f93032b7ddd89",
        "43b1ca70a2d8d3f725ead1391377dcc0",
    ),
}


def named(datagrams: list[bytes]) -> list[bytes]:
    """The names of the hello that datagrams hold together, their CRYPTO frames in any order."""
    found = hello_messages(crypto_stream(datagrams))
    assert found is not None
    return found.names


# ------------------------------------------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("version", VERSIONS)
def test_keys_are_those_of_the_rfcs(version: int) -> None:
    _, key, iv, hp, _, _ = VECTORS[version]

    assert client_keys(version, DCID) == Keys(bytes.fromhex(key), bytes.fromhex(iv), bytes.fromhex(hp))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_initial_of_the_rfcs_opens(version: int) -> None:
    frames, _, _, _, begin, end = VECTORS[version]
    octets = initial(frames, version=version, number=2)
    assert (len(octets), octets[:32].hex(), octets[-16:].hex()) == (1200, begin, end)

    assert OWN.opened(octets) == InitialOpener(version, DCID).opened(octets) == [frames]


def test_the_hello_of_the_rfc_names_its_server() -> None:
    assert named([initial(RFC_FRAMES, number=2)]) == [b"example.com"]


@given(version=st.sampled_from(VERSIONS), dcid=st.binary(max_size=60))
def test_keys_are_derived_as_another_library_derives_them(version: int, dcid: bytes) -> None:
    assert client_keys(version, dcid) == keys_of(version, dcid)
    assert server_keys(version, dcid) == keys_of(version, dcid, b"server in")


def test_an_unknown_version_has_keys_that_open_nothing() -> None:
    for keys in (client_keys, server_keys):
        assert keys(0x0A0A0A0A, DCID) == Keys(bytes(16), bytes(12), bytes(16))
    assert InitialOpener(0x0A0A0A0A, DCID).opened(initial(FRAMES)) == [None]


# ------------------------------------------------------------------------------------------------------------- packets


@given(
    version=st.sampled_from(VERSIONS),
    dcid=st.binary(max_size=20),
    token=st.binary(max_size=300),
    number_octets=st.integers(1, 4),
    frames=st.binary(min_size=3, max_size=400),
    is_fixed=st.booleans(),
    data=st.data(),
)
def test_an_initial_of_any_shape_opens(
    version: int, dcid: bytes, token: bytes, number_octets: int, frames: bytes, is_fixed: bool, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, (1 << 8 * number_octets) - 1))
    octets = initial(
        frames, version=version, dcid=dcid, token=token, number=number, number_octets=number_octets, is_fixed=is_fixed
    )

    assert OWN.opened(octets) == [frames]


@pytest.mark.parametrize("version", [V1, V2])
def test_what_aioquic_protects_opens(version: int) -> None:
    pair = CryptoPair()
    pair.setup_initial(DCID, is_client=True, version=version)
    head = long_header(0, version, more=b"\x00" + varint(2 + len(FRAMES) + 16, 2))
    head = bytes([head[0] | 1]) + head[1:] + b"\x00\x07"

    assert OWN.opened(pair.encrypt_packet(head, FRAMES, 7)) == [FRAMES]


@pytest.mark.parametrize("version", [V1, V2])
def test_the_hello_of_an_aioquic_client_gives_its_name(version: int) -> None:
    config = QuicConfiguration(
        is_client=True,
        alpn_protocols=["h3"],
        server_name="allowed.test",
        original_version=QuicProtocolVersion(version),
        supported_versions=[QuicProtocolVersion(version)],
    )
    client = QuicConnection(configuration=config)
    client.connect(("192.0.2.1", 443), now=0.0)

    assert named([octets for octets, _ in client.datagrams_to_send(now=0.0)]) == [b"allowed.test"]


def test_initials_behind_other_packets_and_behind_each_other_open() -> None:
    other = initial(PING * 20, dcid=b"another id", version=V2)
    datagram = numbered(ZERO_RTT) + numbered(HANDSHAKE) + other + initial(FRAMES) + b"\x00" * 40

    assert OWN.opened(datagram) == [PING * 20, FRAMES]


def test_a_hello_shuffled_over_several_initials_is_found_whole() -> None:
    pieces = crypto_of(MESSAGE, [1, 30, 7, 20])
    random.Random(3).shuffle(pieces)
    first, second = b"".join(PING + piece for piece in pieces[:2]), ack() + b"".join(pieces[2:]) + bytes(50)

    assert named([initial(second, number=1), initial(first)]) == [b"allowed.test"]


@pytest.mark.parametrize("n", [0, 1, 20])
def test_connection_ids_of_0_to_20_octets_open(n: int) -> None:
    assert OWN.opened(initial(FRAMES, dcid=bytes(n))) == [FRAMES]


def test_an_initial_of_21_octets_of_connection_id_is_not_looked_at() -> None:
    assert OWN.opened(initial(FRAMES, dcid=bytes(21))) == []


def test_an_initial_with_other_keys_than_its_connection_ids_opens_by_these_alone() -> None:
    octets = initial(FRAMES, dcid=b"the server's", keyed=DCID)

    assert OWN.opened(octets) == [None]
    assert InitialOpener(V1, DCID).opened(octets) == [FRAMES]
    assert InitialOpener(V2, DCID).opened(octets) == [None]


@pytest.mark.parametrize("n", range(20))
def test_an_initial_too_short_for_a_sample_never_opens(n: int) -> None:
    assert OWN.opened(long_header(0, more=b"\x00" + varint(n, 2) + bytes(n))) == [None]


def test_an_initial_without_a_frame_opens_empty() -> None:
    assert OWN.opened(initial(b"", number_octets=4)) == [b""]


def test_an_initial_larger_than_the_room_is_not_opened() -> None:
    octets = initial(FRAMES, size=600)
    room = 600 - (len(octets) - 600) - 18

    assert OWN.opened(octets, 600) == OWN.opened(octets, room) == [FRAMES + bytes(600 - 18 - 4 - 16 - len(FRAMES))]
    with pytest.raises(ValueError, match="octets of room"):
        OWN.opened(octets, room - 1)


def test_a_datagram_as_large_as_they_come_opens() -> None:
    octets = initial(FRAMES, token=bytes(49000), size=65000)
    assert len(octets) == 65000

    assert [len(plain or b"") for plain in OWN.opened(octets)] == [65000 - 49000 - 21 - 4 - 16]


# --------------------------------------------------------------------------------------------------------- corruption


@pytest.mark.parametrize("version", VERSIONS)
def test_no_initial_with_a_flipped_bit_is_accepted(version: int) -> None:
    octets = initial(FRAMES, version=version, token=b"token", size=300)

    for at in range(8 * len(octets)):
        touched = bytearray(octets)
        touched[at // 8] ^= 1 << at % 8
        assert FRAMES not in [(plain or b"")[: len(FRAMES)] for plain in _opened(bytes(touched))], at


def _opened(octets: bytes) -> list[bytes | None]:
    """Opened by both: the packet's own keys, and those of the packet as it was."""
    return [*OWN.opened(octets), *(plain for v in VERSIONS for plain in InitialOpener(v, DCID).opened(octets))]


def test_an_initial_cut_at_any_octet_is_not_opened() -> None:
    octets = initial(FRAMES, size=300)

    assert {n for n in range(len(octets)) if any(OWN.opened(octets[:n]))} == set()


def test_an_initial_is_opened_by_the_keys_of_its_connection_id_alone() -> None:
    octets = initial(FRAMES)

    assert [InitialOpener(V1, other).opened(octets) for other in (DCID[:-1], DCID + b"\x00", b"")] == [[None]] * 3


# ------------------------------------------------------------------------------------------------------ packet numbers


def test_numbers_cut_to_one_octet_go_on_past_255() -> None:
    opener = InitialOpener(V1, DCID)

    for number in range(0, 2000, 100):
        assert opener.opened(initial(FRAMES, number=number, number_octets=1)) == [FRAMES], number


def test_a_number_that_comes_late_is_completed_downwards() -> None:
    opener = InitialOpener(V1, DCID)

    for number in (200, 300, 250, 255, 256, 199):
        assert opener.opened(initial(FRAMES, number=number, number_octets=1)) == [FRAMES], number


def test_a_decoy_with_a_large_number_does_not_hide_the_small_one_that_the_server_takes() -> None:
    opener = InitialOpener(V1, DCID)

    assert opener.opened(initial(PING * 9, number=0xFFFFFF, number_octets=4)) == [PING * 9]
    assert opener.opened(initial(FRAMES, number=1, number_octets=1)) == [FRAMES]


def test_a_packet_that_does_not_open_moves_no_number() -> None:
    opener = InitialOpener(V1, DCID)

    assert opener.opened(initial(FRAMES, number=0xFFFFFF)[:-1] + b"\x00") == [None]
    assert opener.opened(initial(FRAMES, number=256, number_octets=1)) == [None]
    assert opener.opened(initial(FRAMES, number=255, number_octets=1)) == [FRAMES]
    assert opener.opened(initial(FRAMES, number=256, number_octets=1)) == [FRAMES]


@given(largest=st.integers(0, (1 << 32) - 1), by=st.integers(-126, 128), number_octets=st.integers(1, 4))
def test_a_number_within_its_window_is_completed(largest: int, by: int, number_octets: int) -> None:
    opener = InitialOpener(V1, DCID)
    number = max(largest + by, 0)

    assert opener.opened(initial(FRAMES, number=largest)) == [FRAMES]
    assert opener.opened(initial(FRAMES, number=number, number_octets=number_octets)) == [FRAMES]


# -------------------------------------------------------------------------------------------------------- real clients


def names_of_tshark(path: Path) -> set[tuple[int, str]]:
    """(client's port, name) of every hello that tshark finds in QUIC."""
    fields = ["udp.srcport", "tls.handshake.extensions_server_name"]
    command = ["tshark", "-n", "-r", str(path), "-Y", "quic && tls.handshake.type == 1", "-T", "json"]
    command += [argument for field in fields for argument in ("-e", field)]
    shown = subprocess.run(command, check=True, capture_output=True).stdout
    layers = [each["_source"]["layers"] for each in json.loads(shown)]
    return {(int(each[fields[0]][0]), each[fields[1]][0]) for each in layers}


@pytest.mark.skipif(not captures(is_quic=True), reason="no captures of real clients beside this checkout")
def test_the_hellos_of_real_clients_give_their_names() -> None:
    for path in captures(is_quic=True):
        found = {name for datagrams in datagrams_to(path.read_bytes(), 443).values() for name in named(datagrams)}
        assert b"allowed.test" in found, path.name


@pytest.mark.services
@pytest.mark.skipif(not captures(is_quic=True) or not which("tshark"), reason="no captures beside this, or no tshark")
def test_the_hellos_of_real_clients_give_the_names_that_tshark_finds() -> None:
    for path in captures(is_quic=True):
        clients = datagrams_to(path.read_bytes(), 443)
        found = {(port, name.decode()) for port, datagrams in clients.items() for name in named(datagrams)}
        assert found == names_of_tshark(path), path.name


@pytest.mark.services
@pytest.mark.skipif(not which("tshark"), reason="no tshark")
def test_tshark_finds_the_same_names_in_initials_written_here(tmp_path: Path) -> None:
    sent: dict[int, bytes] = {}
    for port, version in enumerate(VERSIONS, 40000):
        dcid, hello = port.to_bytes(8, "big"), hello_message([server_name(f"v{port}.test".encode())])
        one = initial(crypto(0, hello), version=version, dcid=dcid, number=7, size=1000)
        sent[port] = one + numbered(ZERO_RTT, version, dcid=dcid)  # the other way round tshark 4.4 finds no hello
    packets = [ipv4(udp(octets, sport=port), proto=17) for port, octets in sent.items()]
    write_capture(tmp_path / "written.pcap", packets)

    found = {(port, name.decode()) for port, octets in sent.items() for name in named([octets])}
    assert len(found) == len(VERSIONS)
    assert found == names_of_tshark(tmp_path / "written.pcap")
