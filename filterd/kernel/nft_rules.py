"""Rules of nft chains in netlink's wire format: those that come and go with locks, and two that nft(8) cannot write.

    rule         TABLE, CHAIN, EXPRESSIONS { LIST_ELEM { NAME, DATA { … } } … }
    version      meta: nfproto to a register, cmp: equal to a number
    goto         immediate: VERDICT { CODE, CHAIN } to the register of verdicts
    held         payload: octets of the network header to a register, lookup: is that a key of SET?  nft has no type for
                 the IPv4 address inside of one of IPv6, and compares nothing without one with a set of addresses
    queue        target: iptables' NFQUEUE.  nft's own `queue` is not in every kernel; nft lists this one alike

Source: linux/netfilter/nf_tables.h, nf_tables_compat.h, xt_NFQUEUE.h.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from filterd.kernel.netlink import NESTED, attribute, message
from filterd.kernel.nft_elements import Change, NftSet

NEW_TABLE, DELETE_TABLE, NEW_CHAIN, NEW_RULE, DELETE_RULE = 0, 2, 3, 6, 8  # NFT_MSG_*
TABLE_NAME, CHAIN_TABLE, CHAIN_NAME = 1, 1, 3
RULE_TABLE, RULE_CHAIN, RULE_EXPRESSIONS = 1, 2, 4
LIST_ELEMENT, NAME, DATA = 1, 1, 2
META_TO, META_KEY, CMP_FROM, CMP_HOW, CMP_WITH, IMMEDIATE_TO, IMMEDIATE_WHAT = 1, 2, 1, 2, 3, 1, 2
PAYLOAD_TO, PAYLOAD_BASE, PAYLOAD_OFFSET, PAYLOAD_OCTETS, LOOKUP_SET, LOOKUP_FROM = 1, 2, 3, 4, 1, 2
NETWORK_HEADER = 1  # NFT_PAYLOAD_NETWORK_HEADER
NFPROTO, EQUAL = 15, 0  # NFT_META_NFPROTO, NFT_CMP_EQ
VERDICT_REGISTER, REGISTER = 0, 1
VALUE, VERDICT, VERDICT_CODE, VERDICT_CHAIN = 1, 2, 1, 2
GOTO = struct.pack(">i", -4)  # NFT_GOTO
NFPROTO_OF_VERSION = {4: 2, 6: 10}
IPV4 = 2
TARGET, TARGET_REVISION = b"NFQUEUE\0", 3
TARGET_NAME, TARGET_NUMBER, TARGET_DATA = 1, 2, 3
QUEUE_BYPASS = 1  # NFQ_FLAG_BYPASS: packets pass where no process reads the queue
COMPAT, COMPAT_GET, IS_TARGET = 11, 0, 1  # NFNL_SUBSYS_NFT_COMPAT, NFNL_MSG_COMPAT_GET
COMPAT_NAME, COMPAT_REVISION, COMPAT_KIND = 1, 2, 3


class NftChain(NamedTuple):
    """A chain in a table of the family inet."""

    table: str
    name: str

    def flush(self) -> Change:
        """Remove all rules."""
        return Change(DELETE_RULE, self._names())

    def add(self, expressions: Iterable[bytes]) -> Change:
        """Add one rule before the others."""
        listed = b"".join(attribute(LIST_ELEMENT | NESTED, each) for each in expressions)
        return Change(NEW_RULE, self._names() + attribute(RULE_EXPRESSIONS | NESTED, listed))

    def _names(self) -> bytes:
        return attribute(RULE_TABLE, self.table.encode() + b"\0") + attribute(RULE_CHAIN, self.name.encode() + b"\0")


def of_version(version: int) -> list[bytes]:
    """Match: meta nfproto ipv4, or ipv6."""
    load = attribute(META_KEY, _u32(NFPROTO)) + attribute(META_TO, _u32(REGISTER))
    value = attribute(VALUE, bytes((NFPROTO_OF_VERSION[version],)))
    compare = attribute(CMP_FROM, _u32(REGISTER)) + attribute(CMP_HOW, _u32(EQUAL))
    return [_expression(b"meta\0", load), _expression(b"cmp\0", compare + attribute(CMP_WITH | NESTED, value))]


def held(offset: int, where: NftSet) -> list[bytes]:
    """Match: the octets at this offset of the IP header are in a set."""
    load = attribute(PAYLOAD_TO, _u32(REGISTER)) + attribute(PAYLOAD_BASE, _u32(NETWORK_HEADER))
    load += attribute(PAYLOAD_OFFSET, _u32(offset)) + attribute(PAYLOAD_OCTETS, _u32(where.width))
    look = attribute(LOOKUP_SET, where.name.encode() + b"\0") + attribute(LOOKUP_FROM, _u32(REGISTER))
    return [_expression(b"payload\0", load), _expression(b"lookup\0", look)]


def goto(chain: str) -> list[bytes]:
    """Verdict: goto CHAIN."""
    verdict = attribute(VERDICT_CODE, GOTO) + attribute(VERDICT_CHAIN, chain.encode() + b"\0")
    what = attribute(IMMEDIATE_WHAT | NESTED, attribute(VERDICT | NESTED, verdict))
    return [_expression(b"immediate\0", attribute(IMMEDIATE_TO, _u32(VERDICT_REGISTER)) + what)]


def queue(first: int, n_queues: int, is_open_when_dead: bool) -> list[bytes]:
    """Target: queue num FIRST-LAST, with bypass for fail-open; the kernel picks a queue by a hash of both addresses."""
    data = struct.pack("=HHHxx", first, n_queues, QUEUE_BYPASS if is_open_when_dead else 0)
    target = attribute(TARGET_NAME, TARGET) + attribute(TARGET_NUMBER, _u32(TARGET_REVISION))
    return [_expression(b"target\0", target + attribute(TARGET_DATA, data))]


def trial(rule: Iterable[bytes]) -> list[Change]:
    """Try a rule in a table of its own, deleted in the same transaction: it changes nothing, or is refused."""
    chain = NftChain("filterd_trial", "trial")
    table, name = chain.table.encode() + b"\0", chain.name.encode() + b"\0"
    return [
        Change(NEW_TABLE, attribute(TABLE_NAME, table)),
        Change(NEW_CHAIN, attribute(CHAIN_TABLE, table) + attribute(CHAIN_NAME, name)),
        chain.add(rule),
        Change(DELETE_TABLE, attribute(TABLE_NAME, table)),
    ]


def queue_question() -> bytes:
    """Query whether the kernel has the queue's target.   This loads its module; a rule in an inet table would not."""
    asked = attribute(COMPAT_NAME, TARGET) + attribute(COMPAT_REVISION, _u32(TARGET_REVISION))
    return message(COMPAT << 8 | COMPAT_GET, 0, 1, IPV4, asked + attribute(COMPAT_KIND, _u32(IS_TARGET)))


def _expression(name: bytes, data: bytes) -> bytes:
    return attribute(NAME, name) + attribute(DATA | NESTED, data)


def _u32(number: int) -> bytes:
    return struct.pack(">I", number)
