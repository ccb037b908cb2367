"""TSIG: signs and verifies requests, answers and streams of answers between servers that share a key.

    query ── sign_query → mac        check_query → VerifiedQuery(message, key, mac) ── AnswerSigner(key, mac).sign …
             AnswerChecker(key, mac).check ← answers                                 └─ refusal(answer, why)

Invariants: a MAC is compared in constant time, before any other field of its record is trusted; a record that is not
last, is repeated or is malformed is a BadMessage (FORMERR), never a signature; in a stream the first and the last
message are signed, with at most 99 unsigned ones between two signed.
Absent on purpose: HMAC-MD5 and SHA-1 (RFC 8945 §6: not recommended), truncated MACs (BADTRUNC), GSS-TSIG, TKEY.
Source: RFC 8945 §4.2 (the record), §4.3 (what is digested), §5.2 and §5.3 (servers), §5.3.1 (streams), §5.4 (clients).
"""

import base64
import binascii
import hmac
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from dns.base.message import BadMessage, read_header, read_name, shown, skip_record
from dns.base.wire_format import ANY_CLASS, HEADER_OCTETS, NOTAUTH, RCODE_MASK, TSIG, flags_of
from fastpath.wire.name import from_wire, to_wire

FUDGE_S: Final = 300  # RFC 8945 §10: recommended
MAX_UNSIGNED: Final = 99  # RFC 8945 §5.3.1: between two signed messages of a stream
MIN_SECRET_OCTETS: Final = 16  # shorter ones can be tried; RFC 8945 §8 recommends the digest's length
KEY_TEXT: Final = "write what tsig-keygen prints, or hmac-sha256:NAME:SECRET"

ALGORITHMS: Final = {"hmac-sha256": "sha256", "hmac-sha384": "sha384", "hmac-sha512": "sha512"}

_FIXED: Final = struct.Struct(">HHIH")
_BEFORE_MAC: Final = struct.Struct(">HIHH")  # time (16 + 32 bits), fudge, length of the MAC
_AFTER_MAC: Final = struct.Struct(">HHH")  # original id, error, length of other data
_NO_TTL: Final = 0
_KEY_BLOCK: Final = re.compile(
    r'\s*key\s+"?([^"\s{};]+)"?\s*\{\s*algorithm\s+"?([\w-]+)\.?"?\s*;\s*secret\s+"?([^"\s;]+)"?\s*;\s*\}\s*;?\s*'
)
_KEY_LINE: Final = re.compile(r"\s*([\w-]+)\.?:([^:\s]+):([^:\s]+)\s*")


class TsigError(IntEnum):
    """Error codes of a TSIG record (RFC 8945 §4.2)."""

    BADSIG = 16
    BADKEY = 17
    BADTIME = 18
    BADTRUNC = 22


@dataclass(frozen=True, slots=True)
class Key:
    """A shared secret.   name  in wire form, folded;   algorithm  a key of ALGORITHMS"""

    name: bytes
    algorithm: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Key({shown(self.name)}, {self.algorithm})"


class Tsig(NamedTuple):
    """A TSIG record of a message."""

    start: int  # where it begins
    name: bytes
    algorithm: bytes  # in wire form, folded
    time_s: int
    fudge_s: int
    mac: bytes
    original_id: int
    error: int
    other: bytes


class VerifiedQuery(NamedTuple):
    """A verified request.   key None: it was not signed."""

    message: bytes  # without its TSIG record
    key: Key | None
    mac: bytes


class BadSignature(ValueError):
    """A signature that is not valid.

    tsig   the record, None where one is missing;   key   whose MAC was right all the same (BADTIME, BADTRUNC)"""

    def __init__(self, error: TsigError, why: str, tsig: Tsig | None = None, key: Key | None = None) -> None:
        super().__init__(f"{error.name}: {why}")
        self.error, self.tsig, self.key = error, tsig, key


def read_key(text: str) -> Key:
    """Read a key as `tsig-keygen` prints it, or as `dig -y` takes it.   Raises ValueError, without the secret."""
    found = _KEY_BLOCK.fullmatch(text)
    name, algorithm, secret = found.groups() if found else ("", "", "")
    if found is None and (found := _KEY_LINE.fullmatch(text)):
        algorithm, name, secret = found.groups()
    if found is None:
        raise ValueError(f"no TSIG key; not used; {KEY_TEXT}")
    if algorithm.lower() not in ALGORITHMS:
        raise ValueError(f"TSIG key of algorithm {algorithm[:40]}; not used; make one of {', '.join(ALGORITHMS)}")
    try:
        octets = base64.b64decode(secret, validate=True)
        wire = to_wire(name.rstrip(".").lower().encode("ascii"))
    except (binascii.Error, ValueError):
        raise ValueError(f"TSIG key whose name or secret cannot be read; not used; {KEY_TEXT}") from None
    if len(octets) < MIN_SECRET_OCTETS:
        raise ValueError(f"TSIG key with a secret of {len(octets)} octets; not used; make one of 32 with tsig-keygen")
    return Key(wire, algorithm.lower(), octets)


def sign_query(message: bytes, key: Key, now_s: int) -> tuple[bytes, bytes]:
    """Sign a request; return it with the MAC that its answer depends on."""
    tsig = _new(message, key, now_s)
    mac = _mac(key, message, _variables(tsig))
    return _append(message, tsig._replace(mac=mac)), mac


def check_query(octets: bytes, keys: Mapping[bytes, Key], now_s: int) -> VerifiedQuery:
    """Verify a request.   keys  by name.   Raises BadSignature (answer with refusal()), BadMessage (FORMERR)."""
    tsig = find_tsig(octets)
    if tsig is None:
        return VerifiedQuery(octets, None, b"")
    key = keys.get(tsig.name)
    if key is None or tsig.algorithm != _algorithm_wire(key):
        raise BadSignature(TsigError.BADKEY, f"no key {shown(tsig.name)} of this algorithm", tsig)
    message = _strip(octets, tsig)
    _check(key, tsig, now_s, _digest(key, message, _variables(tsig)))
    # Under the id it came with: a forwarder may have changed it, and waits for the answer to its own.
    return VerifiedQuery(octets[:2] + message[2:], key, tsig.mac)


def refusal(answer: bytes, bad: BadSignature, now_s: int) -> bytes:
    """Make `answer`, which has no TSIG, a NOTAUTH with the error of the request (RFC 8945 §5.3.2)."""
    flags = flags_of(answer) & ~RCODE_MASK | NOTAUTH
    answer = answer[:2] + flags.to_bytes(2, "big") + answer[4:]
    if bad.tsig is None:
        return answer
    tsig = bad.tsig._replace(mac=b"", error=bad.error, other=b"", original_id=int.from_bytes(answer[:2], "big"))
    if bad.error is TsigError.BADTIME:  # the time of the request, so that it is believed; ours next to it
        tsig = tsig._replace(other=now_s.to_bytes(6, "big"))
    if bad.key is None:
        return _append(answer, tsig)
    return _append(answer, tsig._replace(mac=_mac(bad.key, _prefixed(bad.tsig.mac), answer, _variables(tsig))))


class AnswerSigner:
    """Signs an answer, or a stream of answers in order.   mac  of the request"""

    def __init__(self, key: Key, mac: bytes) -> None:
        self._key, self._mac, self._is_first = key, mac, True

    def sign(self, message: bytes, now_s: int) -> bytes:
        """Sign the next message."""
        tsig = _new(message, self._key, now_s)
        tail = _variables(tsig) if self._is_first else _timers(tsig)
        self._mac, self._is_first = _mac(self._key, _prefixed(self._mac), message, tail), False
        return _append(message, tsig._replace(mac=self._mac))


class AnswerChecker:
    """Verifies an answer, or a stream of answers in order.   mac  of the request"""

    def __init__(self, key: Key, mac: bytes) -> None:
        self._key = key
        self._is_first = True
        self._n_unsigned = 0
        self._begin(mac)

    def check(self, octets: bytes, now_s: int) -> bytes:
        """Verify the next message; return it without its signature.   Raises BadSignature, BadMessage."""
        tsig = find_tsig(octets)
        if tsig is None:
            return self._let_by(octets)
        _refuse_refusal(tsig)
        if tsig.name != self._key.name or tsig.algorithm != _algorithm_wire(self._key):
            raise BadSignature(TsigError.BADKEY, f"the answer is signed with key {shown(tsig.name)}", tsig)
        message = _strip(octets, tsig)
        self._digest.update(message)
        self._digest.update(_variables(tsig) if self._is_first else _timers(tsig))
        _check(self._key, tsig, now_s, self._digest)
        self._is_first, self._n_unsigned = False, 0
        self._begin(tsig.mac)
        return octets[:2] + message[2:]

    def finish(self) -> None:
        """End the stream.   Raises BadSignature if the last message was not signed."""
        if self._n_unsigned or self._is_first:
            raise BadSignature(TsigError.BADSIG, "the last message is not signed")

    def _begin(self, mac: bytes) -> None:
        self._digest = hmac.new(self._key.secret, _prefixed(mac), ALGORITHMS[self._key.algorithm])

    def _let_by(self, octets: bytes) -> bytes:
        if self._is_first:
            raise BadSignature(TsigError.BADSIG, "the answer is not signed")
        self._n_unsigned += 1
        if self._n_unsigned > MAX_UNSIGNED:
            raise BadSignature(TsigError.BADSIG, f"more than {MAX_UNSIGNED} messages in a row are not signed")
        self._digest.update(octets)
        return octets


def find_tsig(octets: bytes) -> Tsig | None:
    """Find the TSIG record of a message.   Raises BadMessage: answer with FORMERR only."""
    _, _, n_questions, *counts = read_header(octets)
    at = HEADER_OCTETS
    for _ in range(n_questions):
        at = read_name(octets, at, {})[1] + 4
    found: Tsig | None = None
    for left in range(sum(counts), 0, -1):
        start = at
        fixed, at = skip_record(octets, at)
        if octets[fixed] == 0 and octets[fixed + 1] == TSIG:
            if left > 1 or counts[2] == 0:
                raise BadMessage(f"the TSIG record at {start} is not the last one")
            found = _read_tsig(octets, start, fixed, at)
    if at != len(octets):
        raise BadMessage(f"{len(octets) - at} octets follow the last record")
    return found


# ----------------------------------------------------------------------------------------------------------------------


def _read_tsig(octets: bytes, start: int, fixed: int, end: int) -> Tsig:
    """The record whose fixed part begins at `fixed`."""
    name, _ = read_name(octets, start, {})
    _, rclass, ttl_s, _ = _FIXED.unpack_from(octets, fixed)
    if rclass != ANY_CLASS or ttl_s != _NO_TTL:
        raise BadMessage(f"the TSIG record at {start} has class {rclass} and TTL {ttl_s}")
    try:
        algorithm, at = from_wire(octets[:end], fixed + _FIXED.size)
        high, low, fudge_s, n_mac = _BEFORE_MAC.unpack_from(octets[:end], at)
        at += _BEFORE_MAC.size
        mac = octets[at : at + n_mac]
        original_id, error, n_other = _AFTER_MAC.unpack_from(octets[:end], at + n_mac)
        at += n_mac + _AFTER_MAC.size
    except (ValueError, struct.error) as reason:
        raise BadMessage(f"the TSIG record at {start} is cut off: {reason}") from None
    if at + n_other != end:
        raise BadMessage(f"the TSIG record at {start} does not end where it says")
    return Tsig(start, name, algorithm, high << 32 | low, fudge_s, mac, original_id, error, octets[at:end])


def _refuse_refusal(tsig: Tsig) -> None:
    """Raise for an answer without a MAC from a server that rejected our signature (RFC 8945 §5.4.1)."""
    if tsig.error in (TsigError.BADKEY, TsigError.BADSIG) and not tsig.mac:
        raise BadSignature(TsigError(tsig.error), "the server does not accept our key", tsig)


def _check(key: Key, tsig: Tsig, now_s: int, digest: "hmac.HMAC") -> None:
    """In the order of RFC 8945 §5.2: the key is right already, then MAC, time, truncation, what the peer says."""
    expected = digest.digest()
    if not max(10, len(expected) // 2) <= len(tsig.mac) <= len(expected):
        raise BadMessage(f"a MAC of {len(tsig.mac)} octets, {key.algorithm} makes {len(expected)}")
    if not hmac.compare_digest(tsig.mac, expected[: len(tsig.mac)]):
        raise BadSignature(TsigError.BADSIG, f"the MAC is not that of key {shown(key.name)}", tsig)
    if tsig.error == TsigError.BADTIME:
        raise BadSignature(
            TsigError.BADTIME,
            f"says the server: its clock is at {int.from_bytes(tsig.other, 'big')}, ours at {now_s}",
            tsig,
            key,
        )
    if abs(now_s - tsig.time_s) > tsig.fudge_s:
        raise BadSignature(TsigError.BADTIME, f"signed {tsig.time_s - now_s:+} s from our clock", tsig, key)
    if len(tsig.mac) < len(expected):
        raise BadSignature(TsigError.BADTRUNC, f"a MAC of {len(tsig.mac)} octets, {len(expected)} are asked", tsig, key)


def _new(message: bytes, key: Key, now_s: int) -> Tsig:
    identity = int.from_bytes(message[:2], "big")
    return Tsig(len(message), key.name, _algorithm_wire(key), now_s, FUDGE_S, b"", identity, 0, b"")


def _mac(key: Key, *parts: bytes) -> bytes:
    return _digest(key, *parts).digest()


def _digest(key: Key, *parts: bytes) -> "hmac.HMAC":
    return hmac.new(key.secret, b"".join(parts), ALGORITHMS[key.algorithm])


def _prefixed(mac: bytes) -> bytes:
    return len(mac).to_bytes(2, "big") + mac


def _timers(tsig: Tsig) -> bytes:
    return tsig.time_s.to_bytes(6, "big") + tsig.fudge_s.to_bytes(2, "big")


def _variables(tsig: Tsig) -> bytes:
    """RFC 8945 §4.3.3; names are folded already."""
    head = tsig.name + ANY_CLASS.to_bytes(2, "big") + _NO_TTL.to_bytes(4, "big") + tsig.algorithm
    return head + _timers(tsig) + struct.pack(">HH", tsig.error, len(tsig.other)) + tsig.other


def _strip(octets: bytes, tsig: Tsig) -> bytes:
    """The message as it was signed: without the record, under its original id."""
    n_additionals = int.from_bytes(octets[10:12], "big") - 1
    head = tsig.original_id.to_bytes(2, "big") + octets[2:10] + n_additionals.to_bytes(2, "big")
    return head + octets[HEADER_OCTETS : tsig.start]


def _append(message: bytes, tsig: Tsig) -> bytes:
    before = _BEFORE_MAC.pack(tsig.time_s >> 32, tsig.time_s & 0xFFFFFFFF, tsig.fudge_s, len(tsig.mac))
    after = _AFTER_MAC.pack(tsig.original_id, tsig.error, len(tsig.other))
    rdata = tsig.algorithm + before + tsig.mac + after + tsig.other
    n_additionals = int.from_bytes(message[10:12], "big") + 1
    record = tsig.name + _FIXED.pack(TSIG, ANY_CLASS, _NO_TTL, len(rdata)) + rdata
    return message[:10] + n_additionals.to_bytes(2, "big") + message[HEADER_OCTETS:] + record


def _algorithm_wire(key: Key) -> bytes:
    return bytes([len(key.algorithm)]) + key.algorithm.encode("ascii") + b"\0"
