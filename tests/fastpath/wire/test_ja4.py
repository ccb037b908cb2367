"""JA4: the specification's example, tshark's reading of many hellos, and what must not change it."""

import random
import struct
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from support.packets.builders import Client
from support.packets.captures import captures, crypto_stream, datagrams_to, streams_to, write_capture
from support.packets.shapes import record, records, vector

from fastpath.wire.ja4 import ja4, stream_ja4

GREASE = [0x1010 * n + 0x0A0A for n in range(16)]
SUITES = [0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 156, 157, 47, 53]
KINDS = [0x1B, 0, 0x33, 0x10, 0x4469, 0x17, 0x2D, 0x0D, 5, 0x23, 0x12, 0x2B, 0xFF01, 0x0B, 0x0A, 0x15]
ALGORITHMS = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]
LENGTHS = "do not fit each other"


def codes(numbers: Sequence[int], width: int = 2) -> bytes:
    return vector(struct.pack(f"!{len(numbers)}H", *numbers), width)


def body_of(kind: int, versions: Sequence[int], algorithms: Sequence[int], protocols: Sequence[bytes]) -> bytes:
    """What an extension holds that is in the fingerprint; nothing that matters for the others."""
    shown = {
        0: vector(b"\x00" + vector(b"allowed.test", 2), 2),
        13: codes(algorithms),
        16: vector(b"".join(vector(name, 1) for name in protocols), 2),
        43: codes(versions, 1),
    }
    return shown.get(kind, b"")


def message(
    suites: Sequence[int] = SUITES,
    kinds: Sequence[int] = KINDS,
    algorithms: Sequence[int] = ALGORITHMS,
    versions: Sequence[int] = (0x0304, 0x0303),
    protocols: Sequence[bytes] = (b"h2", b"http/1.1"),
    legacy: int = 0x0303,
    body: bytes | None = None,
) -> bytes:
    """A ClientHello; `body` is put into every extension instead of what belongs there."""
    filled = [(kind, body_of(kind, versions, algorithms, protocols) if body is None else body) for kind in kinds]
    block = b"".join(struct.pack("!H", kind) + vector(octets, 2) for kind, octets in filled)
    head = struct.pack("!H", legacy) + bytes(32) + vector(bytes(32), 1) + codes(suites) + vector(b"\x00", 1)
    return b"\x01" + vector(head + vector(block, 2), 3)


def with_grease(numbers: Sequence[int], draw: random.Random) -> list[int]:
    found = list(numbers)
    for _ in range(draw.randrange(3)):
        found.insert(draw.randrange(len(found) + 1), draw.choice(GREASE))
    return found


def test_the_example_of_the_specification_has_its_fingerprint() -> None:
    assert ja4(message()) == "t13d1516h2_8daaf6152771_e5627efa2ab1"
    assert ja4(message(), is_quic=True) == "q13d1516h2_8daaf6152771_e5627efa2ab1"


def test_without_signature_algorithms_no_underscore_is_hashed() -> None:
    assert ja4(message(algorithms=[])).endswith("_6d807ffa2a79")


def test_order_and_grease_do_not_matter_except_of_signature_algorithms() -> None:
    draw = random.Random(1)
    for _ in range(50):
        suites, kinds = draw.sample(SUITES, len(SUITES)), draw.sample(KINDS, len(KINDS))
        shuffled = message(
            with_grease(suites, draw),
            with_grease(kinds, draw),
            with_grease(ALGORITHMS, draw),
            with_grease([0x0303, 0x0304], draw),
        )
        assert ja4(shuffled) == ja4(message())
    assert ja4(message(algorithms=ALGORITHMS[::-1])) != ja4(message())


@pytest.mark.parametrize(
    ("version", "shown"),
    [(0x304, "13"), (0x303, "12"), (0x302, "11"), (0x301, "10"), (0x300, "s3"), (2, "s2"), (0x305, "00"), (0, "00")],
)
def test_the_version_is_the_highest_supported_one_or_else_the_hellos(version: int, shown: str) -> None:
    assert ja4(message(versions=[0x3A3A, 0, version, 1]))[1:3] == shown
    assert ja4(message(kinds=[0, 10], legacy=version))[1:3] == shown


@pytest.mark.parametrize(
    ("protocols", "shown"),
    [
        ([b"h2"], "h2"),
        ([b"http/1.1", b"h2"], "h1"),
        ([b"x"], "xx"),
        ([b"", b"h2"], "00"),
        ([], "00"),
        ([b"\xab"], "ab"),
        ([b"\xab\xcd"], "ad"),
        ([b"0\xab"], "3b"),
        ([b"01\xab\xcd"], "3d"),
        ([b"a\x01z"], "az"),
        ([b"-h"], "28"),
        ([b"GZ"], "GZ"),
        ([b"/9:"], "2a"),
        ([b"@["], "4b"),
        ([b"`{"], "6b"),
    ],
)
def test_the_first_protocol_is_shown_by_its_first_and_last_character(protocols: list[bytes], shown: str) -> None:
    assert ja4(message(protocols=protocols))[8:10] == shown


def test_a_hello_without_a_name_goes_to_an_address() -> None:
    assert ja4(message(kinds=[13, 43])).startswith("t13i1502")


def test_nothing_to_hash_is_twelve_zeros() -> None:
    assert ja4(message(suites=[0x0A0A], kinds=[0, 16])) == "t12d0002h2_000000000000_000000000000"
    bare = b"\x03\x01" + bytes(32) + b"\x00" + codes([0x2F]) + vector(b"\x00", 1)
    assert ja4(b"\x01" + vector(bare, 3)) == f"t10i010000_{sha256(b'002f').hexdigest()[:12]}_000000000000"


def test_counts_end_at_99_and_hashes_do_not() -> None:
    many = ja4(message(suites=range(0x100, 0x180), kinds=[*range(256, 384), 0, 16]))

    assert many[3:8] == "d9999"
    assert many[11:23] == sha256(",".join(f"{code:04x}" for code in range(0x100, 0x180)).encode()).hexdigest()[:12]


@pytest.mark.parametrize("what", ["suites", "kinds", "algorithms"])
def test_more_than_128_of_a_kind_are_too_many(what: str) -> None:
    too_many: dict[str, Any] = {what: range(0x100, 0x181)}
    just_enough: dict[str, Any] = {what: range(0x100, 0x180)}

    with pytest.raises(ValueError, match="more than 128"):
        ja4(message(**too_many))
    assert ja4(message(**just_enough)).startswith("t")


def test_another_message_has_none() -> None:
    for other in (b"", b"\x02" + message()[1:], record(message())):
        with pytest.raises(ValueError, match="not a ClientHello"):
            ja4(other)


def test_a_hello_cut_at_any_octet_has_none() -> None:
    whole = message()
    end_of_suites = whole.index(codes(SUITES)) + len(codes(SUITES)) + 2  # without extensions it is a hello, too
    for n in range(1, len(whole)):
        if n != end_of_suites:
            with pytest.raises(ValueError, match=LENGTHS):
                ja4(whole[:n])


@pytest.mark.parametrize("kind", [13, 16, 43])
@pytest.mark.parametrize("body", [b"", b"\x01", b"\x00\x03\x00", b"\x01\x03\x03", b"\x00\x01\x09", b"\x03\x03\x04\x03"])
def test_a_hello_with_an_extension_that_cannot_be_read_has_none(kind: int, body: bytes) -> None:
    with pytest.raises(ValueError, match=LENGTHS):
        ja4(message(kinds=[kind], body=body))


def test_a_stream_has_the_fingerprint_of_its_hello_whatever_its_records() -> None:
    for stream in (record(message()), records(message(), 50), records(message(), 1) + b"behind"):
        assert stream_ja4(stream) == ja4(message())
    assert stream_ja4(record(message() + message(suites=[0x1301]))) == ja4(message())
    assert stream_ja4(record(message())[:-1]) is None


# ------------------------------------------------------------------------------------------------------ a second reader


def of_raw(raw: str) -> str:
    """The fingerprint of tshark's raw one, which has GREASE among the signature algorithms."""
    head, suites, rest = raw.split("_", 2)
    extensions, _, algorithms = rest.partition("_")
    kept = ",".join(each for each in algorithms.split(",") if each and int(each, 16) not in GREASE)
    return "_".join([head, _digits(suites), _digits(extensions, kept)])


def _digits(listed: str, behind: str = "") -> str:
    text = f"{listed}_{behind}" if behind else listed
    return sha256(text.encode()).hexdigest()[:12] if listed else "0" * 12


def of_tshark(path: Path, transport: str) -> list[str]:
    """The fingerprints of all hellos over TCP ("t") or QUIC ("q") that tshark finds."""
    command = ["tshark", "-n", "-r", str(path), "-Y", "tls.handshake.ja4", "-T", "fields", "-e", "tls.handshake.ja4_r"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [of_raw(raw) for raw in shown.splitlines() if raw.startswith(transport)]


@pytest.mark.services
@pytest.mark.skipif(not which("tshark"), reason="no tshark")
def test_many_hellos_have_the_fingerprints_that_tshark_gives_them(tmp_path: Path) -> None:
    draw = random.Random(4)
    sent = [any_message(draw) for _ in range(300)]
    clients = [Client(sport=1024 + number) for number in range(len(sent))]
    packets = [client.segment(0, record(octets)) for client, octets in zip(clients, sent, strict=True)]
    write_capture(tmp_path / "hellos.pcap", packets)

    assert [ja4(octets) for octets in sent] == of_tshark(tmp_path / "hellos.pcap", "t")


def any_message(draw: random.Random) -> bytes:
    """A hello of any suites, and of extensions that may be empty or have a body here; GREASE everywhere."""
    kinds = draw.sample([0, 13, 16, 43, 18, 21, 22, 23, 35, 0x4000, 0x4469, 0xEA60], draw.randrange(1, 13))
    return message(
        with_grease([draw.randrange(65536) for _ in range(draw.randrange(1, 120))], draw),
        with_grease(kinds, draw),
        with_grease([draw.randrange(65536) for _ in range(draw.randrange(1, 20))], draw),
        with_grease(draw.sample([0x0304, 0x0303, 0x0302, 0x0301], draw.randrange(1, 4)), draw),
        draw.sample([b"h2", b"http/1.1", b"h3", b"dot", b"x"], draw.randrange(1, 4)),
        draw.choice([0x0303, 0x0302, 0x0301]),
    )


@pytest.mark.services
@pytest.mark.skipif(not captures(is_quic=False) or not which("tshark"), reason="no captures beside this, or no tshark")
def test_real_clients_over_tcp_have_the_fingerprints_that_tshark_gives_them() -> None:
    for path in captures(is_quic=False):
        ours = sorted(str(stream_ja4(stream)) for stream in streams_to(path.read_bytes(), 443))
        assert ours == sorted(of_tshark(path, "t")), path.name


@pytest.mark.services
@pytest.mark.skipif(not captures(is_quic=True) or not which("tshark"), reason="no captures beside this, or no tshark")
def test_real_clients_over_quic_have_the_fingerprints_that_tshark_gives_them() -> None:
    for path in captures(is_quic=True):
        clients = datagrams_to(path.read_bytes(), 443).values()
        ours = sorted(ja4(crypto_stream(sent), is_quic=True) for sent in clients)
        assert ours == sorted(of_tshark(path, "q")), path.name


@pytest.mark.skipif(not captures(is_quic=False), reason="no captures of real clients beside this checkout")
def test_every_connection_of_a_browser_has_the_same_fingerprint() -> None:
    for client in ("chromium", "firefox"):
        paths = [path for path in captures(is_quic=False) if path.name.startswith(client)]
        streams = [stream for path in paths for stream in streams_to(path.read_bytes(), 443)]
        assert len(streams) > 2 and len({stream_ja4(stream) for stream in streams}) == 1, client
