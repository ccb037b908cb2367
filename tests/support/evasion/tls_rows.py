"""E31 and E34 to E45: unusual TLS streams, in any segmentation."""

import itertools
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from support.evasion import hellos
from support.evasion.hellos import OLD_ESNI, extension, extensions, grease_ech, message
from support.evasion.segments import FRAMINGS, Row, Segment, Stream, pieces, whole
from support.packets.builders import records, server_name

Make = Callable[[bytes], bytes]
BOTH = FRAMINGS[::2]
OTHER = b"www.allowed.test"
EARLY_DATA = 42
CHANGE_CIPHER_SPEC = b"\x14\x03\x03\x00\x01\x01"
WARNING = b"\x15\x03\x03\x00\x02\x01\x5a"  # user_canceled
EMPTY = b"\x16\x03\x01\x00\x00"


def versioned(name: bytes, version: int) -> bytes:
    octets = records(hellos.classic(name))
    return octets[:1] + struct.pack("!H", version) + octets[3:]


def in_records(name: bytes, size: int, between: bytes = b"") -> bytes:
    """The hello in records of `size` octets, with other records between them."""
    hello = hellos.classic(name)
    return between.join(records(hello[at : at + size]) for at in range(0, len(hello), size))


def cut_in_name(name: bytes) -> bytes:
    hello = hellos.classic(name)
    border = hello.index(name) + len(name) // 2
    return records(hello[:border]) + records(hello[border:])


def listing(octets: bytes) -> bytes:
    """A server_name extension with this list."""
    return extension(0, struct.pack("!H", len(octets)) + octets)


def entry(name: bytes, kind: int = 0) -> bytes:
    return struct.pack("!BH", kind, len(name)) + name


def with_names(*parts: bytes) -> bytes:
    """A hello with these extensions for names, and all the others."""
    return records(message([*parts, *extensions()], hellos.CLASSIC_OCTETS))


def alternating(name: bytes) -> bytes:
    return bytes(octet - 32 * (at % 2 and 97 <= octet <= 122) for at, octet in enumerate(name))


def shuffled(name: bytes) -> bytes:
    parts = [server_name(name), *extensions(), grease_ech()]
    random.Random(len(name)).shuffle(parts)
    return records(message(parts))


def padded(name: bytes, n: int) -> bytes:
    """`n` octets of padding before the name, in as many extensions of unknown kinds as it takes."""
    filling = [extension(0xFE00 + at // 4000, bytes(min(4000, n - at))) for at in range(0, n, 4000)]
    return records(message([*filling, server_name(name), *extensions()]))


def after_retry(name: bytes) -> bytes:
    """Two hellos: the first makes the server ask for another, which has the name."""
    return records(hellos.retried(OTHER)) + records(hellos.classic(name))


def after_early_data(name: bytes) -> bytes:
    """The same, with a record of early data between the two."""
    return EARLY + records(bytes(40), kind=23) + records(hellos.classic(name))


def after_long_retry(name: bytes) -> bytes:
    """The same, with both hellos long: together they are more than any window."""
    filling = [extension(0xFE00 + at, bytes(4000)) for at in range(14)]
    return LONG + records(message([*filling, *extensions(), server_name(name)]))


def after_retry_unversioned(name: bytes) -> bytes:
    """The same, with 0000 for the version of the second hello's record."""
    return records(hellos.retried(OTHER)) + versioned(name, 0)


EARLY = records(message([server_name(OTHER), extension(EARLY_DATA, b""), *extensions(shares=())]))
LONG = records(
    message([*(extension(0xFE00 + at, bytes(4000)) for at in range(14)), server_name(OTHER), *extensions(shares=())])
)
RETRY_OCTETS = len(after_retry(OTHER)) // 2

# What a server completes.
COMPLETED: dict[str, Make] = {
    **{f"E34 records of {n} octets": partial(in_records, size=n) for n in (1, 2, 5, 20, 100, 511)},
    "E34 records cut in the name": cut_in_name,
    **{
        f"E35 record version {version:04x}": partial(versioned, version=version)
        for version in (0x0300, 0x0302, 0x0303, 0x0304, 0x03FF)
    },
    "E36 an empty record in front": lambda name: EMPTY + records(hellos.classic(name)),
    "E36 empty records between": lambda name: in_records(name, 100, EMPTY),
    "E37 capital letters": lambda name: with_names(server_name(name.upper())),
    "E37 alternating letters": lambda name: with_names(server_name(alternating(name))),
    "E37 a dot at the end": lambda name: with_names(server_name(name + b".")),
    "E37 a port": lambda name: with_names(server_name(name + b":443")),
    "E38 name last": lambda name: records(message([*extensions(), server_name(name)])),
    "E38 extensions in any order": shuffled,
    "E38 name behind 1,200 octets": lambda name: padded(name, 1200),
    "E31 name behind 11,000 octets": lambda name: padded(name, 11_000),
    "E31 name behind 15,000 octets": lambda name: padded(name, 15_000),
    "E31 name behind 60,000 octets": lambda name: padded(name, 60_000),
    "E44 GREASE ECH": lambda name: records(hellos.with_grease_ech(name)),
    "E45 old ESNI": lambda name: records(message([server_name(name), *extensions(), grease_ech(OLD_ESNI)])),
}
# What OpenSSL refuses, or takes for another name; another server may not.
REFUSED: dict[str, Make] = {
    "E35 record version 0000": lambda name: versioned(name, 0),
    "E35 record version ffff": lambda name: versioned(name, 0xFFFF),
    "E36 an alert in front": lambda name: WARNING + records(hellos.classic(name)),
    "E36 change_cipher_spec in front": lambda name: CHANGE_CIPHER_SPEC + records(hellos.classic(name)),
    "E36 alerts between": lambda name: in_records(name, 100, WARNING),
    "E36 change_cipher_spec between": lambda name: in_records(name, 100, CHANGE_CIPHER_SPEC),
    "E37 a zero at the end": lambda name: with_names(server_name(name + b"\0")),
    "E37 a blank in front": lambda name: with_names(server_name(b" " + name)),
    "E37 two names, the second is meant": lambda name: with_names(server_name(OTHER, name)),
    "E37 two names, the first is meant": lambda name: with_names(server_name(name, OTHER)),
    "E37 two extensions, the second is meant": lambda name: with_names(server_name(OTHER), server_name(name)),
    "E37 two extensions, the first is meant": lambda name: with_names(server_name(name), server_name(OTHER)),
    "E37 another kind of name in front": lambda name: with_names(listing(entry(b"x", 1) + entry(name))),
    "E37 a list that is one octet too long": lambda name: with_names(extension(0, b"\0\xff" + entry(name))),
    "E40 a second hello in the same record": lambda name: records(hellos.classic(OTHER) + hellos.classic(name)),
}
BASES: dict[str, Make] = {
    **COMPLETED,
    **REFUSED,
    "after a HelloRetryRequest": after_retry,
    "after a HelloRetryRequest, odd version": after_retry_unversioned,
    "after a HelloRetryRequest, early data": after_early_data,
    "after a HelloRetryRequest, both long": after_long_retry,
}


def retried(stream: Stream) -> list[Segment]:
    first, second = stream.octets[:RETRY_OCTETS], stream.octets[RETRY_OCTETS:]
    return [Segment(at=0, data=first), Segment(at=len(first), data=second, awaits_answer=True)]


def retried_in_pieces(stream: Stream) -> list[Segment]:
    first, *others = pieces(stream.octets, RETRY_OCTETS, RETRY_OCTETS + 60, RETRY_OCTETS + 140)
    return [first, Segment(at=others[0].at, data=others[0].data, awaits_answer=True), *others[1:]]


def answered_behind(stream: Stream, n: int) -> list[Segment]:
    """The octets from the n-th on wait for an answer to those before."""
    return [replace(one, awaits_answer=one.at == n) for one in pieces(stream.octets, n)]


def small(stream: Stream) -> list[Segment]:
    return pieces(stream.octets, *range(60, min(len(stream.octets), 600), 60))


ROWS = [
    *(
        Row(
            name=name + how,
            plan=plan,
            bases=(name,),
            framings=BOTH,
            reaches=name in COMPLETED,
            passes=name in COMPLETED,
        )
        for name, (how, plan) in itertools.product([*COMPLETED, *REFUSED], (("", whole), (", in pieces", small)))
    ),
    Row(name="E40 after a HelloRetryRequest", plan=retried, bases=("after a HelloRetryRequest",)),
    Row(name="E40 after a HelloRetryRequest, in pieces", plan=retried_in_pieces, bases=("after a HelloRetryRequest",)),
    Row(
        name="E40 after a HelloRetryRequest, odd record version",
        plan=retried,
        bases=("after a HelloRetryRequest, odd version",),
    ),
    Row(
        name="E40 after a HelloRetryRequest, behind early data",
        plan=partial(answered_behind, n=len(EARLY)),
        bases=("after a HelloRetryRequest, early data",),
    ),
    Row(
        name="E40 after a HelloRetryRequest, both hellos long",
        plan=partial(answered_behind, n=len(LONG)),
        bases=("after a HelloRetryRequest, both long",),
        framings=BOTH,
    ),
]
