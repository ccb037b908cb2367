"""One question over UDP to one resolver that is trusted: for the addresses of a name, or whether it answers at all.

Invariants: only the resolver that was asked can answer: the socket is connected, its port and the id are random, and
an answer has to repeat the question; what is no such answer is passed over until time is up.
A resolver believes no datagram of a listed proxy without a PROXY header; where our own address is one, the question has
a header that names no client.
Source: RFC 1035 §4.1, RFC 5452 §9; HAProxy, "The PROXY protocol Versions 1 & 2", §2.2 (LOCAL).
Cost: one datagram each way.
"""

import asyncio
import secrets
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from dns.base.endpoints import Endpoint
from dns.base.errors import UpstreamFailure
from dns.base.message import BadMessage, Message, Question, read_message, write_message
from dns.base.wire_format import AAAA, IN, NOERROR, NXDOMAIN, QR, RD, A, rcode_text

PATIENCE_S = 3.0
MAX_DATAGRAM_OCTETS = 65_535
LOCAL_HEADER = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"

Address = IPv4Address | IPv6Address
Addresses = tuple[tuple[Address, int], ...]  # each with the seconds for which it is good


async def ask_addresses(
    resolver: Endpoint, wire: bytes, qtype: int, patience_s: float = PATIENCE_S, proxies: Iterable[str] = ()
) -> Addresses:
    """The A or AAAA records of a wire name, aliases followed.   Raises UpstreamFailure.

    proxies   prefixes from which the resolver wants a PROXY header"""
    try:
        return _addresses_of(await _asked(resolver, Question(wire, qtype), patience_s, proxies), qtype)
    except (OSError, BadMessage) as reason:
        said = str(reason) or type(reason).__name__
        raise UpstreamFailure(f"resolver {resolver}: {said}; no address is known; is it running") from reason


async def is_answered(
    resolver: Endpoint, wire: bytes, patience_s: float = PATIENCE_S, proxies: Iterable[str] = ()
) -> bool:
    """Whether a question for the A records of a wire name gets an answer, of any kind.   proxies: as ask_addresses()"""
    try:
        await _asked(resolver, Question(wire, A), patience_s, proxies)
    except OSError:
        return False
    return True


async def _asked(resolver: Endpoint, question: Question, patience_s: float, proxies: Iterable[str]) -> Message:
    """The answer to a question.   Raises OSError, TimeoutError"""
    identity = secrets.randbelow(1 << 16)
    family = socket.AF_INET6 if ":" in resolver.host else socket.AF_INET
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.connect(resolver)
        own = ip_address(asking.getsockname()[0])
        header = LOCAL_HEADER if any(own in ip_network(each) for each in proxies) else b""
        await loop.sock_sendall(asking, header + write_message(identity, RD, [question]))
        async with asyncio.timeout(patience_s):
            while True:
                answer = _answer_in(await loop.sock_recv(asking, MAX_DATAGRAM_OCTETS), identity, question)
                if answer is not None:
                    return answer


def _answer_in(datagram: bytes, identity: int, question: Question) -> Message | None:
    """The answer to our question; None for anything else."""
    try:
        found = read_message(datagram)
    except BadMessage:
        return None
    is_ours = found.id == identity and found.flags & QR and found.questions == [question]
    return found if is_ours else None


def _addresses_of(answer: Message, qtype: int) -> Addresses:
    if answer.rcode not in (NOERROR, NXDOMAIN):
        raise BadMessage(rcode_text(answer.rcode))
    octets = {A: 4, AAAA: 16}[qtype]
    good_s = min((record.ttl_s for record in answer.answers), default=0)  # an alias may end before its target
    wanted = (qtype, IN, octets)
    found = (record.rdata for record in answer.answers if (record.rtype, record.rclass, len(record.rdata)) == wanted)
    return tuple((ip_address(rdata), good_s) for rdata in found)
