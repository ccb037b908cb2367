"""Whether an upstream's answer may be delivered: every name that it leads to is judged as if it had been asked.

    plain addresses? deliver → read every target → is one listed at all? if not, deliver → judge them along the chain

Targets are those of CNAME and DNAME and the TargetName of SVCB and HTTPS, regardless of their owner.  The owner of a
record that does not belong to the question's chain is a target, too: a client might believe what it says of that name.
Where any list holds addresses, those of A and AAAA and the address hints of SVCB and HTTPS are targets, too, by the
name that stands for each (see fastpath/wire/address.pyx); so are IPv4 addresses within those of NAT64 and 6to4.  A
blocked target blocks the answer, with its own decision: action, list, rule and data are those of the target.

Precedence (semantics §3, RPZ draft §5.1 on chain position, §5.2 on the order of zones):
  - Of several blocked targets the strongest tier decides: a CSAM target behind a category's is answered as CSAM is.
    Within a tier the first in the answer does, regardless of the order of their lists.
  - A name that a rule let through, or sent to a target of its own, opens what its aliases lead to, for tiers no
    stronger than that rule's own.  The help corridor opens all but CSAM and orders; an exception of the security tier
    opens the security tier.  An exception of another tier silences its own list for its own name, as in decide(), and
    opens nothing.
  - The addresses of a name stand where the name does: of one tier, its own rule opens them for later lists alone.
  - It opens only along the chain: from the question by CNAME (and DNAME above it) to what each name owns.  A record off
    the chain is judged as it stands; an exception at the end of the chain opens nothing ahead of it.
  - A question that decide() passed because no rule matches opens nothing.
  - A name that the household allows opens its denied names, services and categories, and no security list; a grant
    opens nothing here, and a soft lock closes nothing: it has decided on the question.
So a name ranks against its targets as two rules of one name do in decide(); of an alias of its own it also opens
earlier lists of its tier.

Invariants: no allocation.  The answer is not changed.  An answer section without the records that it promises, or with
an unreadable target, is never OK, as a client may read it differently.
Absent on purpose: the additional section, which strip_opt() has removed; targets of MX, SRV, NAPTR and NS, which
clients look up; owners of what says where a zone begins and what it is signed with; addresses of other classes than IN.
Source: RFC 1035 §3.4.1, RFC 3596 §2.2 (addresses); RFC 9460 §2.2, §7.3 (hints); RFC 5452 §6 (what may be believed).
Cost: 10 ns for four plain addresses, 50 ns more for each target, 0.2 us where one is listed.  Where lists hold
addresses, 65 ns an IPv4 address and 210 ns an IPv6 one (of 34 labels), with a million names and 50,000 prefixes.  The
largest message, all of it hints, takes 0.8 ms, and 1.1 ms where they are listed.
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, TOO_BIG, Status
from fastpath.dns.alias_answer cimport has_name_asked
from fastpath.dns.query cimport Question
from fastpath.dns.records cimport IN_AUTHORITY, Record, Walk, begin_walk, read_name, take_record
from fastpath.dns.wire cimport (
    CLASS_IN, HEADER_OCTETS, POINTER, RECORD_OCTETS, SVC_IPV4HINT, SVC_IPV6HINT, SVC_PARAM_OCTETS, SVC_PRIORITY_OCTETS,
    TYPE_A, TYPE_AAAA, TYPE_CNAME, TYPE_DNAME, TYPE_DS, TYPE_HTTPS, TYPE_NS, TYPE_NSEC, TYPE_NSEC3, TYPE_RRSIG,
    TYPE_SOA, TYPE_SVCB)
from fastpath.images.names cimport Hits, find_hits
from fastpath.images.tables cimport TableSet, Tables, has_household, hold_addresses, judge_target, lists_of
from fastpath.images.verdict cimport (
    LOCAL_DATA, NO_LIST, NO_SUBSCRIBER, PASSTHRU, R_DEFAULT, TCP_ONLY, T_ALLOWED, T_CATEGORY, T_DEFAULT, T_DENIED,
    T_GRANT, Decision, has_rule)
from fastpath.wire.address cimport embedded_ipv4_at, name_of_address
from fastpath.wire.name cimport Name

import ipaddress

from fastpath.wire.address import rule_text

cdef enum:
    V4_OCTETS = 4
    V6_OCTETS = 16
    COMPRESSED_HEAD = 2 + RECORD_OCTETS     # of a record owned by a pointer


cdef struct Chain:          # of aliases, from the question
    Name at                 # the name that the next alias must belong to
    uint8_t opened          # the strongest tier whose rule let an earlier name through; T_DEFAULT: none
    uint8_t own_tier        # of the rule that let `at` through; T_DEFAULT: none
    uint8_t own_list
    bint is_allowed         # by the household, `at` or an earlier name


cdef struct Targets:        # of one record, an iterator
    bint has_name
    bint has_parameters     # SvcParams follow the name, and are to be read
    bint is_address         # the target given last
    uint8_t version         # of the addresses
    size_t at               # of what is read next
    size_t addresses_end    # where the addresses at `at` end
    size_t embedded_at      # of the IPv4 address within the one given last; 0: none, or given
    size_t end              # of the record's data


cdef Status inspect_answer(const Tables* t, const uint8_t* msg, size_t n, const Question* q, const uint8_t* addr,
                           uint8_t ip_version, int64_t now_s, Name* culprit, Decision* out) noexcept nogil:
    """Judge what an answer leads to, for the client at `addr`.

    msg       without its additional section;  q: the question that was passed, or sent to a target, which `msg` answers
    addr, ip_version, now_s   as judge() takes them
    culprit   the blocked target, empty where none is blocked; `out` names its rule by its labels
    out       action PASSTHRU: deliver;  else: answer `q` with it, and record it with `culprit` as its name.  `shadow`
              is the list that would block the answer but not the question, which would then not have been forwarded
    Not OK: do not deliver.  NEED_MORE: cut off (as with TC).  MALFORMED: unreadable.  TOO_BIG: over MAX_TARGETS or
    MAX_ADDRESSES."""
    cdef Walk w
    cdef Status status
    cdef const Name* asked = &q.name
    cdef Name target
    cdef size_t after
    cdef bint is_of_target = False
    cdef bint is_listed = False
    culprit.n = 0
    memset(out, 0, sizeof(Decision))
    out.action = PASSTHRU
    out.reason = R_DEFAULT
    out.tier = T_DEFAULT
    out.list = NO_LIST
    out.shadow = NO_LIST
    out.subscriber = NO_SUBSCRIBER
    status = begin_walk(&w, msg, n, IN_AUTHORITY)
    if status != OK:
        return status
    if not has_name_asked(msg, n, q):
        if read_name(msg, n, HEADER_OCTETS, &target, &after) != OK:
            return MALFORMED
        is_of_target = not _is_same(&target, &q.name)
        asked = &target
    if not is_of_target and not hold_addresses(t) and _is_plain(&w):
        return OK
    status = _find_listed(t, w, asked, &is_listed)
    if status != OK or not (is_listed or is_of_target or has_household(t, addr, ip_version)):
        return status
    return _judge_all(t, &w, q, asked, addr, ip_version, now_s, culprit, out)


cdef inline bint _is_same(const Name* one, const Name* other) noexcept nogil:
    return one.n == other.n and memcmp(one.wire, other.wire, one.n) == 0


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


cdef Status _find_listed(const Tables* t, Walk w, const Name* asked, bint* is_listed) noexcept nogil:
    """Read all targets, and find out whether any list holds one."""
    cdef Record r
    cdef Targets targets
    cdef Name target
    cdef Name last = asked[0]       # the owner to expect: of what a chain leads to
    cdef uint32_t n_names = 0
    cdef uint32_t n_addresses = 0
    cdef Status status
    while w.left:
        status = take_record(&w, &r)
        if status != OK:
            return status
        status = _read_other_owner(&w, &r, asked, &last, &target)
        if status == OK:
            n_names += 1
            _note_listed(t, &target, is_listed)
            last = target
        elif status != NOT_THIS:
            return status
        status = _begin_targets(&r, hold_addresses(t), &targets)
        while status == OK:
            status = _next_target(&w, &targets, &target)
            if status != OK:
                break
            n_names += not targets.is_address
            n_addresses += targets.is_address
            if n_names > MAX_TARGETS or n_addresses > MAX_ADDRESSES:
                return TOO_BIG
            _note_listed(t, &target, is_listed)
            if r.kind == TYPE_CNAME:
                last = target
        if status != NOT_THIS:
            return status
    return OK if n_names <= MAX_TARGETS else TOO_BIG


cdef inline void _note_listed(const Tables* t, const Name* name, bint* is_listed) noexcept nogil:
    cdef Hits hits
    if not is_listed[0]:
        find_hits(&t.names, &t.names_delta, name, &hits)
        is_listed[0] = hits.n != 0


cdef Status _read_other_owner(const Walk* w, const Record* r, const Name* asked, const Name* last,
                              Name* out) noexcept nogil:
    """Read the owner of a record that speaks of another name than these two.   NOT_THIS: of one of them, or of none"""
    cdef const uint8_t* at = w.msg + r.owner_at
    cdef size_t after
    if not _speaks_of_owner(r.kind) or (at[0] == POINTER and at[1] == HEADER_OCTETS):
        return NOT_THIS
    if read_name(w.msg, w.n, r.owner_at, out, &after) != OK:
        return MALFORMED
    return NOT_THIS if _is_same(out, last) or _is_same(out, asked) else OK


cdef inline bint _speaks_of_owner(uint16_t kind) noexcept nogil:
    """Whether a record may give an address of its owner; not what says where a zone begins, leads and is signed."""
    return (kind != TYPE_SOA and kind != TYPE_NS and kind != TYPE_DNAME and kind != TYPE_DS and kind != TYPE_RRSIG
            and kind != TYPE_NSEC and kind != TYPE_NSEC3)


cdef Status _begin_targets(const Record* r, bint with_addresses, Targets* out) noexcept nogil:
    """Start iterating a record's targets.   NOT_THIS: it has none.   MALFORMED: its data are malformed"""
    with_addresses = with_addresses and r.class_ == CLASS_IN
    out.has_name = False
    out.has_parameters = False
    out.at = r.data_at
    out.end = r.data_at + r.data_n
    out.addresses_end = r.data_at
    out.embedded_at = 0
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
    if targets.embedded_at != 0:
        name_of_address(w.msg + targets.embedded_at, 4, out)
        targets.embedded_at = 0
        return OK
    while targets.at == targets.addresses_end:
        if not targets.has_parameters or targets.at == targets.end:
            return NOT_THIS
        status = _take_parameter(w.msg, targets)
        if status != OK:
            return status
    name_of_address(w.msg + targets.at, targets.version, out)
    targets.embedded_at = embedded_ipv4_at(w.msg + targets.at) if targets.version == 6 else 0
    if targets.embedded_at != 0:
        targets.embedded_at += targets.at
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


cdef struct Judging:        # of one answer, for one client
    const Tables* t
    const uint8_t* addr
    uint8_t ip_version
    int64_t now_s
    Chain chain
    bint is_counted         # a shadow list has counted the question itself
    uint8_t shadow
    uint8_t shadow_tier
    Name* culprit
    Decision* out


cdef Status _judge_all(const Tables* t, Walk* w, const Question* q, const Name* asked, const uint8_t* addr,
                       uint8_t ip_version, int64_t now_s, Name* culprit, Decision* out) noexcept nogil:
    """Set `out` to the strongest block among the targets, if there is one.   asked: the name that the answer is of"""
    cdef Judging j
    cdef Record r
    cdef Targets targets
    cdef Name target
    cdef Decision d
    cdef bint is_on_chain, is_of_target
    j.t = t
    j.addr = addr
    j.ip_version = ip_version
    j.now_s = now_s
    j.shadow = NO_LIST
    j.shadow_tier = T_DEFAULT
    j.culprit = culprit
    j.out = out
    judge_target(t, &q.name, addr, ip_version, now_s, &d)
    out.subscriber = d.subscriber
    j.is_counted = d.shadow != NO_LIST
    j.chain.opened = j.chain.own_tier = T_DEFAULT
    j.chain.is_allowed = False
    _go_to(&j.chain, &q.name, &d)
    is_of_target = not _is_same(asked, &q.name)
    if d.action == TCP_ONLY or (d.action == LOCAL_DATA and is_of_target):
        j.chain.own_tier = d.tier
        j.chain.own_list = d.list
    if is_of_target:
        _judge_target(&j, asked, True, False, &d)
        _go_to(&j.chain, asked, &d)
    while w.left:
        take_record(w, &r)      # _find_listed() has read it all
        is_on_chain = _is_on_chain(w, &r, &j.chain.at)
        if not is_on_chain and _read_other_owner(w, &r, &q.name, &j.chain.at, &target) == OK:
            _judge_target(&j, &target, False, False, &d)
        if _begin_targets(&r, hold_addresses(t), &targets) != OK:
            continue
        while _next_target(w, &targets, &target) == OK:
            _judge_target(&j, &target, is_on_chain, targets.is_address, &d)
            if is_on_chain and r.kind == TYPE_CNAME:
                _go_to(&j.chain, &target, &d)
    out.shadow = j.shadow
    return OK


cdef void _judge_target(Judging* j, const Name* target, bint is_on_chain, bint is_address, Decision* d) noexcept nogil:
    """Judge one target, and note its decision where it is the strongest so far.   d: that decision"""
    cdef uint8_t tier
    judge_target(j.t, target, j.addr, j.ip_version, j.now_s, d)
    if d.action != PASSTHRU and d.tier < j.out.tier:
        if not (is_on_chain and _opens(&j.chain, d.tier, d.list, is_address)):
            j.out[0] = d[0]
            j.culprit[0] = target[0]
    if d.shadow == NO_LIST or j.is_counted:
        return
    tier = lists_of(j.t)[d.shadow].tier
    if tier < j.shadow_tier and not (is_on_chain and _opens(&j.chain, tier, d.shadow, is_address)):
        j.shadow = d.shadow
        j.shadow_tier = tier


cdef void _go_to(Chain* c, const Name* name, const Decision* d) noexcept nogil:
    """Follow the chain to the next name.   d: the decision on it"""
    c.opened = min(c.opened, c.own_tier)
    c.at = name[0]
    c.own_tier = d.tier if d.action == PASSTHRU and d.tier != T_GRANT and d.tier != T_ALLOWED else T_DEFAULT
    c.own_list = d.list
    c.is_allowed |= d.action == PASSTHRU and d.tier == T_ALLOWED


cdef inline bint _opens(const Chain* c, uint8_t tier, uint8_t list_, bint is_address) noexcept nogil:
    """Whether the rules that let the chain's names through also open its next target for this list of `tier`."""
    if c.opened <= tier or c.own_tier < tier or (c.is_allowed and T_DENIED <= tier <= T_CATEGORY):
        return True
    return c.own_tier == tier and (not is_address or c.own_list <= list_)


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


def inspect(TableSet tables not None, bytes answer not None, str address, int64_t now_s,
            bytes asked=None) -> Inspection:
    """Judge an answer for the client at `address` (None: no known client).

    asked   the name in the client's question, wire form;  None: that in the answer, which is else that of a target
    ValueError: it cannot be read to its end, or leads to more than MAX_TARGETS names or MAX_ADDRESSES addresses; it
    must not be delivered; or `asked` is no name."""
    cdef Question q
    cdef Name culprit
    cdef Decision d
    cdef size_t after
    cdef bytes packed = b"" if address is None else ipaddress.ip_address(address).packed
    cdef uint8_t version = 0 if address is None else 4 if len(packed) == 4 else 6
    memset(&q, 0, sizeof(Question))
    if read_name(answer, len(answer), HEADER_OCTETS, &q.name, &after) != OK:
        raise ValueError(f"an answer of {len(answer)} octets: its question cannot be read; do not deliver it")
    if asked is not None and read_name(asked, len(asked), 0, &q.name, &after) != OK:
        raise ValueError(f"a question of {len(asked)} octets is no name in wire form")
    if inspect_answer(&tables.tables, answer, len(answer), &q, packed, version, now_s, &culprit, &d) != OK:
        raise ValueError(f"an answer of {len(answer)} octets cannot be read, or leads to more than {MAX_TARGETS} names "
                         f"or {MAX_ADDRESSES} addresses; do not deliver it")
    if culprit.n == 0:
        return Inspection(None, tables._value(&d, None))
    wire = PyBytes_FromStringAndSize(<const char*>culprit.wire, culprit.n)
    return Inspection(wire, tables._value(&d, rule_text(wire[culprit.at[d.rule_label]:]) if has_rule(&d) else None))
