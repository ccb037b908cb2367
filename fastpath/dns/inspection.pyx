"""Whether an upstream's answer may be delivered: every name that it leads to is judged as if it had been asked.

    plain addresses? deliver → read every target → is one listed at all? if not, deliver → judge them along the chain

Targets are those of CNAME and DNAME and the TargetName of SVCB and HTTPS, in the answer section, whatever their owner.
Where any list holds addresses, those of A and AAAA and the address hints of SVCB and HTTPS are targets, too, by the
name that stands for each (see fastpath/wire/address.pyx).  A blocked target blocks the answer, with its own decision:
action, list, rule and data are those of the target.

Precedence (semantics §3, RPZ draft §5 on chain position):
  - Of several blocked targets the strongest tier decides: a CSAM target behind a category's is answered as CSAM is.
    Within a tier the first in the answer does, whatever the order of their lists.
  - A name that a rule let through opens what its aliases lead to, for tiers no stronger than that rule's own.  The help
    corridor opens all but CSAM and orders; an exception of the security tier opens the security tier.  An exception of
    another tier silences its own list for its own name, as in decide(), and opens nothing.
  - It opens only along the chain: from the question by CNAME (and DNAME above it) to what each name owns.  A record off
    the chain is judged as it stands; an exception at the end of the chain opens nothing ahead of it.
  - A question that decide() passed because no rule matches opens nothing.
So a name ranks against its targets as two rules of one name do in decide(), but for the order of lists inside the
security tier.  If the household's tiers ever get a rule whose allow does not open the security tier, decide() and
_opens() have to say so.

Invariants: no allocation.  The answer is not changed.  An answer section without the records that it promises, or with
an unreadable target, is never OK, as a client may read it differently.
Absent on purpose: targets in other sections, which clients do not follow; targets of MX, SRV and NS, which clients look
up; address records of other classes than IN.
Source: RFC 1035 §3.4.1, RFC 3596 §2.2 (addresses); RFC 9460 §2.2, §7.3 (hints).
Cost: 10 ns for four plain addresses, 50 ns more for each target, 0.2 us where one is listed.  Where lists hold
addresses, 65 ns an IPv4 address and 210 ns an IPv6 one (of 34 labels), with a million names and 50,000 prefixes.  The
largest message, all of it hints, takes 0.8 ms, and 1.1 ms where they are listed.
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, TOO_BIG, Status
from fastpath.dns.query cimport Question
from fastpath.dns.records cimport IN_ANSWER, Record, Walk, begin_walk, read_name, take_record
from fastpath.dns.wire cimport (
    CLASS_IN, HEADER_OCTETS, POINTER, RECORD_OCTETS, SVC_IPV4HINT, SVC_IPV6HINT, SVC_PARAM_OCTETS, SVC_PRIORITY_OCTETS,
    TYPE_A, TYPE_AAAA, TYPE_CNAME, TYPE_DNAME, TYPE_HTTPS, TYPE_SVCB)
from fastpath.images.names cimport Hits, find_hits
from fastpath.images.tables cimport TableSet, Tables, hold_addresses, judge, lists_of
from fastpath.images.verdict cimport NO_LIST, NO_SUBSCRIBER, PASSTHRU, R_DEFAULT, TCP_ONLY, T_DEFAULT, Decision
from fastpath.wire.address cimport name_of_address
from fastpath.wire.name cimport Name

import ipaddress

from fastpath.wire.address import rule_text

cdef enum:
    V4_OCTETS = 4
    V6_OCTETS = 16
    COMPRESSED_HEAD = 2 + RECORD_OCTETS     # of a record owned by a pointer


cdef struct Chain:          # of aliases, from the question
    Name at                 # the name that the next alias must belong to
    uint8_t opened          # the strongest tier whose rule let one of its names through; T_DEFAULT: none


cdef struct Targets:        # of one record, an iterator
    bint has_name
    bint has_parameters     # SvcParams follow the name, and are to be read
    bint is_address         # the target given last
    uint8_t version         # of the addresses
    size_t at               # of what is read next
    size_t addresses_end    # where the addresses at `at` end
    size_t end              # of the record's data


cdef Status inspect_answer(const Tables* t, const uint8_t* msg, size_t n, const Question* q, const uint8_t* addr,
                           uint8_t ip_version, int64_t now_s, Name* culprit, Decision* out) noexcept nogil:
    """Judge what an answer leads to, for the client at `addr`.

    q         the question that was passed;  addr, ip_version, now_s: as judge() takes them
    culprit   the blocked target, empty where none is blocked; `out` names its rule by its labels
    out       action PASSTHRU: deliver;  else: answer `q` with it, and record it with `culprit` as its name.  `shadow`
              is the list that would block the answer but not the question, which would then not have been forwarded
    Not OK: do not deliver.  NEED_MORE: cut off (as with TC).  MALFORMED: unreadable.  TOO_BIG: over MAX_TARGETS or
    MAX_ADDRESSES."""
    cdef Walk w
    cdef Status status
    cdef bint is_listed = False
    culprit.n = 0
    memset(out, 0, sizeof(Decision))
    out.action = PASSTHRU
    out.reason = R_DEFAULT
    out.tier = T_DEFAULT
    out.list = NO_LIST
    out.shadow = NO_LIST
    out.subscriber = NO_SUBSCRIBER
    status = begin_walk(&w, msg, n, IN_ANSWER)
    if status != OK or (not hold_addresses(t) and _is_plain(&w)):
        return status
    status = _find_listed(t, w, &is_listed)
    if status != OK or not is_listed:
        return status
    return _judge_all(t, &w, q, addr, ip_version, now_s, culprit, out)


cdef bint _is_plain(const Walk* w) noexcept nogil:
    """Whether the answer is whole and has only addresses of the name asked."""
    cdef const uint8_t* at = w.msg + w.at
    cdef const uint8_t* end = w.msg + w.n
    cdef uint32_t _i
    for _i in range(w.left):
        if end - at < COMPRESSED_HEAD or at[0] != POINTER or at[1] != HEADER_OCTETS or at[2] != 0:
            return False
        if at[3] != TYPE_A and at[3] != TYPE_AAAA:
            return False
        at += COMPRESSED_HEAD + ((at[10] << 8) | at[11])
    return at <= end


cdef Status _find_listed(const Tables* t, Walk w, bint* is_listed) noexcept nogil:
    """Read all targets, and find out whether any list holds one."""
    cdef Record r
    cdef Targets targets
    cdef Name target
    cdef Hits hits
    cdef uint32_t n_names = 0
    cdef uint32_t n_addresses = 0
    cdef Status status
    while w.left:
        status = take_record(&w, &r)
        if status == OK:
            status = _begin_targets(&r, hold_addresses(t), &targets)
        while status == OK:
            status = _next_target(&w, &targets, &target)
            if status != OK:
                break
            n_names += not targets.is_address
            n_addresses += targets.is_address
            if n_names > MAX_TARGETS or n_addresses > MAX_ADDRESSES:
                return TOO_BIG
            if not is_listed[0]:
                find_hits(&t.names, &t.names_delta, &target, &hits)
                is_listed[0] = hits.n != 0
        if status != NOT_THIS:
            return status
    return OK


cdef Status _begin_targets(const Record* r, bint with_addresses, Targets* out) noexcept nogil:
    """Start iterating a record's targets.   NOT_THIS: it has none.   MALFORMED: its data are malformed"""
    with_addresses = with_addresses and r.class_ == CLASS_IN
    out.has_name = False
    out.has_parameters = False
    out.at = r.data_at
    out.end = r.data_at + r.data_n
    out.addresses_end = r.data_at
    if r.kind == TYPE_CNAME or r.kind == TYPE_DNAME:
        out.has_name = True
        return OK
    if r.kind == TYPE_SVCB or r.kind == TYPE_HTTPS:
        out.has_name = True
        out.has_parameters = with_addresses
        out.at += SVC_PRIORITY_OCTETS
        return OK if r.data_n >= SVC_PRIORITY_OCTETS else MALFORMED
    if not with_addresses or (r.kind != TYPE_A and r.kind != TYPE_AAAA):
        return NOT_THIS
    out.version = 4 if r.kind == TYPE_A else 6
    out.addresses_end = out.end
    return OK if r.data_n == _address_octets(out.version) else MALFORMED


cdef inline size_t _address_octets(uint8_t version) noexcept nogil:
    return V4_OCTETS if version == 4 else V6_OCTETS


cdef Status _next_target(const Walk* w, Targets* targets, Name* out) noexcept nogil:
    """Give the next target of a record, as a name.   NOT_THIS: no more; (SVCB) its owner is not given.
    MALFORMED: it cannot be read."""
    cdef Status status
    if targets.has_name:
        status = _take_name(w, targets, out)
        if status != NOT_THIS:
            return status
    while targets.at == targets.addresses_end:
        if not targets.has_parameters or targets.at == targets.end:
            return NOT_THIS
        status = _take_parameter(w.msg, targets)
        if status != OK:
            return status
    name_of_address(w.msg + targets.at, targets.version, out)
    targets.at += _address_octets(targets.version)
    targets.is_address = True
    return OK


cdef Status _take_name(const Walk* w, Targets* targets, Name* out) noexcept nogil:
    cdef bint is_service = targets.at != targets.addresses_end      # its priority is in between
    targets.has_name = False
    targets.is_address = False
    if read_name(w.msg, targets.end, targets.at, out, &targets.at) != OK:
        return MALFORMED
    if targets.at != targets.end and not is_service:
        return MALFORMED
    targets.addresses_end = targets.at
    return NOT_THIS if out.n_labels == 0 else OK


cdef Status _take_parameter(const uint8_t* msg, Targets* targets) noexcept nogil:
    """Step into an SvcParam of address hints, or over another one."""
    cdef const uint8_t* head = msg + targets.at
    cdef size_t left = targets.end - targets.at
    cdef uint16_t key
    cdef size_t n
    if left < SVC_PARAM_OCTETS:
        return MALFORMED
    key = <uint16_t>((head[0] << 8) | head[1])
    n = (head[2] << 8) | head[3]
    if left - SVC_PARAM_OCTETS < n:
        return MALFORMED
    targets.at += SVC_PARAM_OCTETS
    targets.addresses_end = targets.at + n
    if key != SVC_IPV4HINT and key != SVC_IPV6HINT:
        targets.at = targets.addresses_end
        return OK
    targets.version = 4 if key == SVC_IPV4HINT else 6
    return OK if n % _address_octets(targets.version) == 0 else MALFORMED


cdef Status _judge_all(const Tables* t, Walk* w, const Question* q, const uint8_t* addr, uint8_t ip_version,
                       int64_t now_s, Name* culprit, Decision* out) noexcept nogil:
    """Set `out` to the strongest block among the targets, if there is one."""
    cdef Chain chain
    cdef Record r
    cdef Targets targets
    cdef Name target
    cdef Decision d
    cdef bint is_on_chain
    cdef uint8_t shadow = NO_LIST
    cdef uint8_t shadow_tier = T_DEFAULT
    cdef uint8_t tier
    cdef bint is_counted
    judge(t, &q.name, addr, ip_version, now_s, &d)
    memcpy(&chain.at, &q.name, sizeof(Name))
    chain.opened = d.tier if d.action == PASSTHRU or d.action == TCP_ONLY else T_DEFAULT
    out.subscriber = d.subscriber
    is_counted = d.shadow != NO_LIST
    while w.left:
        take_record(w, &r)      # _find_listed() has read it all
        if _begin_targets(&r, hold_addresses(t), &targets) != OK:
            continue
        is_on_chain = _is_on_chain(w, &r, &chain.at)
        while _next_target(w, &targets, &target) == OK:
            judge(t, &target, addr, ip_version, now_s, &d)
            if d.action != PASSTHRU:
                if d.tier < out.tier and not (is_on_chain and _opens(chain.opened, d.tier)):
                    out[0] = d
                    culprit[0] = target
            if d.shadow != NO_LIST and not is_counted:
                tier = lists_of(t)[d.shadow].tier
                if tier < shadow_tier and not (is_on_chain and _opens(chain.opened, tier)):
                    shadow = d.shadow
                    shadow_tier = tier
            if is_on_chain and r.kind == TYPE_CNAME:
                chain.at = target
                if d.action == PASSTHRU:
                    chain.opened = min(chain.opened, d.tier)
    out.shadow = shadow
    return OK


cdef inline bint _opens(uint8_t allow, uint8_t tier) noexcept nogil:
    """Whether a rule of tier `allow` that let a name through also opens its targets for tier `tier`."""
    return allow <= tier


cdef bint _is_on_chain(const Walk* w, const Record* r, const Name* name) noexcept nogil:
    """Whether a record is owned by `name`, or is a DNAME above it."""
    cdef Name owner
    cdef size_t after
    cdef uint32_t ahead
    cdef uint32_t i
    if read_name(w.msg, w.n, r.owner_at, &owner, &after) != OK or owner.n > name.n:
        return False
    ahead = name.n - owner.n
    if memcmp(name.wire + ahead, owner.wire, owner.n) != 0:
        return False
    if r.kind != TYPE_DNAME:
        return ahead == 0
    for i in range(name.n_labels):
        if name.at[i] == ahead:
            return True
    return owner.n == 1


class Inspection(NamedTuple):
    """What an answer leads to.

    culprit   the blocked target in wire form, for an address the name that stands for it; None: not blocked"""

    culprit: bytes | None
    decision: object


def inspect(TableSet tables not None, bytes answer not None, str address, int64_t now_s) -> Inspection:
    """Judge the answer to its own question for the client at `address` (None: no known client).

    ValueError: it cannot be read to its end, or leads to more than MAX_TARGETS names or MAX_ADDRESSES addresses; it
    must not be delivered."""
    cdef Question q
    cdef Name culprit
    cdef Decision d
    cdef size_t after
    cdef bytes packed = b"" if address is None else ipaddress.ip_address(address).packed
    cdef uint8_t version = 0 if address is None else 4 if len(packed) == 4 else 6
    memset(&q, 0, sizeof(Question))
    if read_name(answer, len(answer), HEADER_OCTETS, &q.name, &after) != OK:
        raise ValueError(f"an answer of {len(answer)} octets: its question cannot be read; do not deliver it")
    if inspect_answer(&tables.tables, answer, len(answer), &q, packed, version, now_s, &culprit, &d) != OK:
        raise ValueError(f"an answer of {len(answer)} octets cannot be read, or leads to more than {MAX_TARGETS} names "
                         f"or {MAX_ADDRESSES} addresses; do not deliver it")
    if culprit.n == 0:
        return Inspection(None, tables._value(&d, None))
    wire = PyBytes_FromStringAndSize(<const char*>culprit.wire, culprit.n)
    has_rule = d.list != NO_LIST and not d.confidential
    return Inspection(wire, tables._value(&d, rule_text(wire[culprit.at[d.rule_label]:]) if has_rule else None))
