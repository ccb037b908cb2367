"""Upstream answers that dnslib writes from zone file lines."""

from collections.abc import Sequence

from dnslib import RR, DNSHeader, DNSRecord
from support.packets.shapes import opt

OPT = opt(1232)
SOA = "{zone} {ttl} IN SOA ns.{zone} hostmaster.{zone} 1 3600 600 86400 {minimum}"


def soa(zone: str = "test", ttl: int = 300, minimum: int = 300) -> str:
    """The zone file line of a SOA."""
    return SOA.format(zone=zone + ".", ttl=ttl, minimum=minimum)


def answer_to(
    query: bytes,
    *records: str,
    authority: Sequence[str] = (),
    additional: Sequence[str] = (),
    rcode: int = 0,
    is_authentic: bool = False,
    edns: bytes | None = None,
) -> bytes:
    """An answer with its question as in `query`; `edns` is put behind everything else, see wire.opt()."""
    asked = DNSRecord.parse(query)
    header = DNSHeader(id=asked.header.id, qr=1, rd=1, ra=1, aa=1, ad=int(is_authentic), rcode=rcode)
    made = DNSRecord(header, q=asked.q)
    for lines, add in ((records, made.add_answer), (authority, made.add_auth), (additional, made.add_ar)):
        for line in lines:
            add(*RR.fromZone(line))
    packed = bytes(made.pack())
    return packed if edns is None else packed[:11] + bytes([packed[11] + 1]) + packed[12:] + edns
