"""Builders of whole DNS answers, compressed as dnslib does it, and of HTTPS records with any parameter."""

from collections.abc import Sequence

from dnslib import CNAME, HTTPS, QTYPE, RR, DNSHeader, DNSQuestion, DNSRecord

MANDATORY, ALPN, IPV4HINT, ECH, IPV6HINT = 0, 1, 4, 5, 6

Params = Sequence[tuple[int, bytes]]


def https(owner: str, priority: int, target: str = "", params: Params = (), kind: int = 65) -> RR:
    """An HTTPS record (or SVCB with kind 64).   target  "" is the owner itself"""
    labels = [label.encode() for label in target.split(".")] if target else []
    return RR(owner, kind, 1, 60, HTTPS(priority, labels, list(params)))


def dname(owner: str, target: str) -> RR:
    return RR(owner, 39, 1, 60, CNAME(target))


def answer(
    qname: str,
    qtype: str = "A",
    *answers: str | RR,
    authority: Sequence[str | RR] = (),
    additional: Sequence[str | RR] = (),
) -> bytes:
    """The answer to one question; records are zone file lines, or records."""
    record = DNSRecord(DNSHeader(id=7, qr=1, rd=1, ra=1), q=DNSQuestion(qname, getattr(QTYPE, qtype)))
    record.add_answer(*_read(answers))
    record.add_auth(*_read(authority))
    record.add_ar(*_read(additional))
    return bytes(record.pack())


def _read(records: Sequence[str | RR]) -> list[RR]:
    found: list[RR] = []
    for record in records:
        found += RR.fromZone(record) if isinstance(record, str) else [record]
    return found
