"""Sends NOTIFY to a secondary for each new edition of a zone, until it acknowledges.

Invariants: of several new editions only the newest is announced next; a secondary that never answers costs one datagram
for each try, does not delay other secondaries, and asks after its refresh time.  The signature of an answer is not
checked: a forged one only keeps a secondary waiting for its refresh time.
Source: RFC 1996 §3 (message), §4.5-4.8 (retries); RFC 8945.
"""

import asyncio
import contextlib
import logging
import secrets
import socket
import struct
import time
from typing import Final

from dns.base.endpoints import Endpoint
from dns.base.message import shown
from dns.base.wire_format import AA, IN, NOERROR, NOTIFY, OPCODE_SHIFT, QR, RCODE_MASK, SOA, opcode_of, rcode_text
from dns.zones.served_zone import ServedZone
from dns.zones.tsig import sign_query

WAITS_S: Final = (1, 2, 4, 8, 15, 30)  # for an answer, try after try; a minute in all, as RFC 1996 §3.6 has it
# PowerDNS Recursor 5.4 answers a NOTIFY within 5 s of its last refresh and forgets it; so each is notified once more.
REMIND_S: Final = 6.0
MAX_ANSWER_OCTETS: Final = 4096

_HEADER: Final = struct.Struct(">6H")
_FLAGS: Final = NOTIFY << OPCODE_SHIFT | AA

log = logging.getLogger("dns.zones")


async def notify_of_editions(zone: ServedZone, secondary: Endpoint, source: str | None) -> None:
    """Send NOTIFY for each new edition, until cancelled.   source  our address as its primary"""
    news = zone.news[secondary]
    while True:
        await news.wait()
        news.clear()
        if await _has_heard(zone, secondary, source):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REMIND_S):
                    await news.wait()
            if not news.is_set():
                await _has_heard(zone, secondary, source)


async def _has_heard(zone: ServedZone, secondary: Endpoint, source: str | None) -> bool:
    try:
        fault = await _notify(zone, secondary, source)
    except OSError as reason:  # no route to it, or no socket left
        fault = reason.strerror or str(reason)
    if fault:
        log.warning(
            "zone %s: NOTIFY to %s: %s; it will ask after its refresh time; check its configuration",
            shown(zone.plan.name),
            secondary,
            fault,
        )
    return not fault


async def _notify(zone: ServedZone, secondary: Endpoint, source: str | None) -> str:
    """Why the secondary did not acknowledge; "" if it did, or if a newer edition exists."""
    with _socket_to(secondary, source) as connected:
        for wait_s in WAITS_S:
            request = _request(zone)
            with contextlib.suppress(ConnectionRefusedError, TimeoutError):
                rcode = await _ask(connected, request, wait_s)
                return "" if rcode == NOERROR else f"it answers {rcode_text(rcode)}"
            if zone.news[secondary].is_set():
                return ""
    return f"no answer to {len(WAITS_S)} of them"


async def _ask(connected: socket.socket, request: bytes, wait_s: float) -> int:
    """The rcode of the answer.   Raises TimeoutError, OSError, only after the full wait, so that retries are few."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(wait_s):
        try:
            await loop.sock_sendall(connected, request)
            while True:
                answer = await loop.sock_recv(connected, MAX_ANSWER_OCTETS)
                if len(answer) >= _HEADER.size and answer[:2] == request[:2]:
                    flags = int.from_bytes(answer[2:4], "big")
                    if flags & QR and opcode_of(flags) == NOTIFY:
                        return flags & RCODE_MASK
        except ConnectionRefusedError:  # it is being started, perhaps
            await asyncio.sleep(wait_s)
            raise


def _request(zone: ServedZone) -> bytes:
    assert zone.edition is not None
    question = zone.plan.name + struct.pack(">HH", SOA, IN)
    head = _HEADER.pack(secrets.randbits(16), _FLAGS, 1, 1, 0, 0)
    message = head + question + zone.soa(zone.edition.serial)
    key = zone.rights.key
    return message if key is None else sign_query(message, key, int(time.time()))[0]


def _socket_to(secondary: Endpoint, source: str | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in secondary.host else socket.AF_INET
    connected = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if source is not None:
            connected.bind((source, 0))
        connected.connect(secondary)
    except OSError:
        connected.close()
        raise
    return connected
