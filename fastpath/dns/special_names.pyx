"""Special-use names answered locally once decide() has passed them.

    resolver.arpa    for every client: our resolvers over TLS and HTTPS (DDR), or NODATA; never forwarded
    local zones      for every client: localhost, names that only mean something in a local network, and the reverse
                     trees of private addresses; no upstream learns of them.  Zones of the operator's own are forwarded
    canaries         for profiles with `canaries`, or all: NXDOMAIN, which clients take for "not in this network"
    safe search      for profiles with `safe_search`, of YouTube with `youtube`: an address, or a target name that is
                     looked up instead
    identity         in class CHAOS, for who asks who this server is.  version.bind and version.server: "filterd";
                     hostname.bind and id.server: the text of /dns/identity, without which all four are refused.  No
                     question of another class than IN goes to an upstream, whose own identity the answer would tell

The answer to a target is wrapped for the client, see alias_answer.pyx.  The question alone tells that it needs this: so
the in-flight table and the cache treat targets as ordinary names, and all clients of one target share one answer.

Invariants: exact names only, but for zones: of several, the longest counts.  No allocation.  An answer keeps the
client's question octet for octet and is never longer than `room`.  Types without a safe form (HTTPS, SVCB and every
other type of such a name) are NODATA.
Absent on purpose: signatures: a client that validates sees that these answers are not the zone's; the number of this
version, which tells an attacker more than an operator.
Source: RFC 9462 §4 and §6 (DDR), RFC 8906 §3 (canaries are answered), Google's and Microsoft's pages on safe search;
RFC 6761 §6 and RFC 6303 §3 (local zones), RFC 4035 §3.1.4.1 (DS belongs to the parent); RFC 4892 §2–3, BIND's and
Unbound's names (identity), which NSID tells, too (RFC 5001).
Cost: 5 ns for a profile with neither, outside of .arpa; one hash of the name for others.
"""
import enum
import ipaddress

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport OK
from fastpath.base.writer cimport Writer, put, put_u16, put_u32, put_u8
from fastpath.dns.alias_answer cimport begin_answer, end_answer, put_owned
from fastpath.dns.edns cimport EDE_NONE, OptFields, finish_answer
from fastpath.dns.query cimport Question, parse_query
from fastpath.dns.synthesis cimport BlockAnswer, write_block
from fastpath.dns.wire cimport (
    CLASS_CH, CLASS_IN, EDE_FILTERED, HEADER_OCTETS, MESSAGE_OCTETS, POINTER_TO_QNAME, RCODE_NOERROR, RCODE_NXDOMAIN,
    RD, TYPE_A, TYPE_AAAA, TYPE_ANY, TYPE_CLASS_OCTETS, TYPE_DS, TYPE_SVCB, TYPE_TXT, UPSTREAM_QUERY_OCTETS)
from fastpath.images.tables cimport TableSet, judge
from fastpath.images.verdict cimport PASSTHRU, Decision
from fastpath.wire.name cimport Name, name_from_wire

from fastpath.wire.name import to_wire

cdef enum:
    SLOT_MASK = SPECIAL_SLOTS - 1
    TTL_S = 60                  # a parent's change takes effect within a minute
    ZONES_TTL_S = 10800         # RFC 6303 §3
    RESOLVERS_TTL_S = 300       # they change with the configuration
    RESOLVER_ARPA_OCTETS = 15
    VERSION_OCTETS = 7

cdef uint32_t HASH_BASIS = <uint32_t>0x811c9dc5
cdef const char* RESOLVER_ARPA = b"\x08resolver\x04arpa\x00"
cdef const char* DNS_LABEL = b"\x04_dns"
cdef const char* VERSION = b"filterd"


# -- queries -----------------------------------------------------------------------------------------------------------

cdef Special answer_special(const Specials* s, uint8_t* msg, size_t* n, size_t room, const Question* q,
                            const Decision* d, Question* target) noexcept nogil:
    """Answer a query that was not blocked, where its name is a special one.

    q        what parse_query() said of the query at `msg`;  d: not a block, for its name and client
    target   filled for SPECIAL_TARGET: the question for the upstream, the same for all clients; `msg` is unchanged"""
    cdef const SpecialName* found
    cdef const SpecialTarget* t
    cdef uint8_t level
    if _is_resolver_arpa(&q.name):
        n[0] = _answer_resolvers(s, msg, n[0], room, q)
        return SPECIAL_ANSWERED
    if q.qclass != CLASS_IN:
        return SPECIAL_NONE
    found = _find_zone(s, &q.name)
    if found != NULL:
        return _answer_zone(s, found, msg, n, room, q)
    if d.safe_search | d.youtube | d.canaries == 0 and not s.has_canaries_for_all:
        return SPECIAL_NONE
    found = _find(s, &q.name)
    if found == NULL:
        return SPECIAL_NONE
    if found.kind == CANARY:
        if not d.canaries and not s.has_canaries_for_all:
            return SPECIAL_NONE
        n[0] = write_block(msg, n[0], room, q, &s.canary)
        return SPECIAL_ANSWERED
    level = d.youtube if found.kind == YOUTUBE else d.safe_search
    t = &s.targets[found.target[min(level, <uint8_t>2)]]
    if t == &s.targets[0]:
        return SPECIAL_NONE
    if t.wire_n != 0 and (q.qtype == TYPE_A or q.qtype == TYPE_AAAA):
        _write_target_question(t, q, target)
        return SPECIAL_TARGET
    n[0] = write_block(msg, n[0], room, q, &t.answer if t.wire_n == 0 else &s.nodata)
    return SPECIAL_ANSWERED


cdef Special _answer_zone(const Specials* s, const SpecialName* zone, uint8_t* msg, size_t* n, size_t room,
                          const Question* q) noexcept nogil:
    cdef const BlockAnswer* answer = &s.absent
    cdef bint is_apex = zone.wire_n == q.name.n
    if zone.kind == OWN_ZONE:
        return SPECIAL_NONE
    if zone.kind == LOCALHOST_ZONE:
        answer = &s.localhost
    elif zone.kind == EMPTY_ZONE and is_apex:
        if q.qtype == TYPE_DS:
            return SPECIAL_NONE
        answer = &s.empty
    n[0] = write_block(msg, n[0], room, q, answer)
    return SPECIAL_ANSWERED


cdef bint is_own_name(const Specials* s, const Name* name) noexcept nogil:
    """Whether a name is in a zone that the upstreams have for this network."""
    cdef const SpecialName* found = _find_zone(s, name)
    return found != NULL and found.kind == OWN_ZONE


cdef inline bint _is_resolver_arpa(const Name* name) noexcept nogil:
    """Whether a name is resolver.arpa or below it."""
    if name.n_labels < 2 or name.n - name.at[name.n_labels - 2] != RESOLVER_ARPA_OCTETS:
        return False
    return memcmp(name.wire + name.n - RESOLVER_ARPA_OCTETS, RESOLVER_ARPA, RESOLVER_ARPA_OCTETS) == 0


cdef size_t _answer_resolvers(const Specials* s, uint8_t* msg, size_t n, size_t room, const Question* q) noexcept nogil:
    """Answer all our resolvers to _dns.resolver.arpa SVCB, NODATA to all else."""
    cdef Writer w
    cdef OptFields opt
    cdef uint32_t i
    cdef bint is_dns = q.name.n == RESOLVER_ARPA_OCTETS + 5 and memcmp(q.name.wire, DNS_LABEL, 5) == 0
    if not is_dns or q.qtype != TYPE_SVCB or q.qclass != CLASS_IN or s.n_resolvers == 0 or q.after > room:
        return write_block(msg, n, room, q, &s.no_resolver)
    begin_answer(&w, msg, room, q, RCODE_NOERROR)
    for i in range(s.n_resolvers):
        put_owned(&w, TYPE_SVCB, RESOLVERS_TTL_S, s.resolver_n[i])
        put(&w, s.resolvers[i], s.resolver_n[i])
    msg[7] = <uint8_t>s.n_resolvers
    memset(&opt, 0, sizeof(OptFields))
    opt.ede = opt.ede2 = EDE_NONE
    return finish_answer(msg, end_answer(&w, msg, q), room, q, &opt)


cdef const SpecialName* _find(const Specials* s, const Name* name) noexcept nogil:
    if name.n > SPECIAL_OCTETS:
        return NULL
    return _row_of(s, _hash(name.wire, name.n, HASH_BASIS), name.wire, name.n)


cdef const SpecialName* _row_of(const Specials* s, uint32_t hashed, const uint8_t* wire, uint32_t n) noexcept nogil:
    cdef uint32_t i = _slot_of(hashed)
    cdef const SpecialName* found
    while s.slots[i] != 0:
        found = &s.names[s.slots[i] - 1]
        if found.wire_n == n and memcmp(found.wire, wire, n) == 0:
            return found
        i = (i + 1) & SLOT_MASK
    return NULL


cdef const SpecialName* _find_zone(const Specials* s, const Name* name) noexcept nogil:
    """Find the longest zone that a name is, or is below; NULL for none."""
    cdef const SpecialName* found = NULL
    cdef const SpecialName* row
    cdef uint32_t end = name.n
    cdef uint32_t i = name.n_labels
    cdef uint32_t h = <uint32_t>HASH_BASIS
    if i == 0 or s.last_labels & _last_label_bit(name) == 0:
        return NULL
    while i > 0 and name.n - name.at[i - 1] <= SPECIAL_OCTETS:
        i -= 1
        h = _hash(name.wire + name.at[i], end - name.at[i], h)
        end = name.at[i]
        row = _row_of(s, h, name.wire + end, name.n - end)
        if row != NULL and row.kind >= EMPTY_ZONE:
            found = row
    return found


cdef inline uint64_t _last_label_bit(const Name* name) noexcept nogil:
    """One of 64 bits, by the length and two octets of the last label.   name  not the root"""
    cdef const uint8_t* label = name.wire + name.at[name.n_labels - 1]
    return <uint64_t>1 << ((3 * label[0] + 5 * label[1] + name.wire[name.n - 2]) & 63)


cdef inline uint32_t _hash(const uint8_t* wire, uint32_t n, uint32_t h) noexcept nogil:
    """FNV-1a from the end to the beginning, so that a name's hash goes on from that of its parent.

    h   HASH_BASIS, or the hash of what stands behind these `n` octets.  Not keyed: the names come from our
        configuration, and half of the slots are free"""
    while n > 0:
        n -= 1
        h = (h ^ wire[n]) * <uint32_t>0x01000193
    return h


cdef inline uint32_t _slot_of(uint32_t h) noexcept nogil:
    return (h ^ (h >> 16)) & SLOT_MASK


cdef void _write_target_question(const SpecialTarget* t, const Question* q, Question* target) noexcept nogil:
    cdef size_t after
    memset(target, 0, sizeof(Question))
    name_from_wire(t.wire, t.wire_n, 0, &target.name, &after)
    ask_target(q, target)


cdef void ask_target(const Question* q, Question* target) noexcept nogil:
    """Fill in the question for a target's name: of the client it has the type alone, so that one answer serves all."""
    target.id = q.id
    target.flags = RD
    target.qtype = q.qtype
    target.qclass = q.qclass
    target.after = <uint16_t>(HEADER_OCTETS + target.name.n + TYPE_CLASS_OCTETS)
    target.has_edns = 1
    target.edns_size = q.edns_size


cdef size_t answer_identity(const Specials* s, uint8_t* msg, size_t room, const Question* q) noexcept nogil:
    """Answer a question about this server; give the answer's octets, 0 where it is to be refused.   s: or NULL"""
    cdef Writer w
    cdef OptFields opt
    cdef const uint8_t* text = <const uint8_t*>VERSION
    cdef uint8_t n = VERSION_OCTETS
    if s == NULL or s.identity_n == 0 or q.qclass != CLASS_CH or q.after > room:
        return 0
    if _is(&q.name, b"\x08hostname\x04bind", 15) or _is(&q.name, b"\x02id\x06server", 11):
        text = &s.identity[0]
        n = s.identity_n
    elif not _is(&q.name, b"\x07version\x04bind", 14) and not _is(&q.name, b"\x07version\x06server", 16):
        return 0
    begin_answer(&w, msg, room, q, RCODE_NOERROR)
    if q.qtype == TYPE_TXT or q.qtype == TYPE_ANY:
        put_u16(&w, POINTER_TO_QNAME)
        put_u16(&w, TYPE_TXT)
        put_u16(&w, CLASS_CH)
        put_u32(&w, 0)
        put_u16(&w, n + 1)
        put_u8(&w, n)
        put(&w, text, n)
        msg[7] = 1
    memset(&opt, 0, sizeof(OptFields))
    opt.ede = opt.ede2 = EDE_NONE
    return finish_answer(msg, end_answer(&w, msg, q), room, q, &opt)


cdef inline bint _is(const Name* name, const char* wire, uint32_t n) noexcept nogil:
    """Whether a name is `wire`, which has `n` octets and the root's."""
    return name.n == n and memcmp(name.wire, wire, n) == 0


# -- for the control plane and tests -----------------------------------------------------------------------------------

cdef void _fill_filtered(BlockAnswer* a, uint8_t rcode):
    memset(a, 0, sizeof(BlockAnswer))
    a.rcode = rcode
    a.ttl_s = TTL_S
    a.ede = EDE_FILTERED


cdef void _fill_zone(BlockAnswer* a, uint8_t rcode):
    memset(a, 0, sizeof(BlockAnswer))
    a.rcode = rcode
    a.ttl_s = ZONES_TTL_S
    a.ede = EDE_NONE


cdef void _fill_localhost(BlockAnswer* a):
    _fill_zone(a, RCODE_NOERROR)
    a.has_splash = a.has_splash4 = a.has_splash6 = 1
    a.splash4[0], a.splash4[3] = 127, 1
    a.splash6[15] = 1


class ZoneKind(enum.IntEnum):
    """How names of a local zone are answered."""

    EMPTY = EMPTY_ZONE
    ABSENT = ABSENT_ZONE
    LOCALHOST = LOCALHOST_ZONE
    OWN = OWN_ZONE


@cython.final
@cython.auto_pickle(False)
cdef class SpecialNames:
    """The special names of a front.

    safe_search   (host, its target for moderate, for strict); a target is a name, an IPv4 address, or "": no rewrite
    canaries      names;   resolvers  rdata of SVCB records, see dns/front/special_names.py
    zones         (name, ZoneKind): each with all names below it
    has_canaries_for_all   canaries are not for profiles alone
    guards_private         private addresses are right in own zones alone
    identity               what this server calls itself, at most 64 octets;  empty: nothing
    youtube       as safe_search, for the setting of that name
    Raises ValueError for what is no name, too long, too much, or there twice."""

    def __cinit__(self, safe_search=(), canaries=(), resolvers=(), zones=(), bint has_canaries_for_all=False,
                  bint guards_private=False, bytes identity=b"", youtube=()):
        cdef dict numbers = {"": 0}
        if len(identity) > IDENTITY_OCTETS:
            raise ValueError(f"special names: an identity of {len(identity)} octets; not used; write at most "
                             f"{IDENTITY_OCTETS}")
        self.s.has_canaries_for_all = has_canaries_for_all
        self.s.guards_private = guards_private
        self.s.identity_n = <uint8_t>len(identity)
        memcpy(self.s.identity, <const char*>identity, len(identity))
        _fill_zone(&self.s.empty, RCODE_NOERROR)
        _fill_zone(&self.s.absent, RCODE_NXDOMAIN)
        _fill_localhost(&self.s.localhost)
        self.s.n_targets = 1
        _fill_filtered(&self.s.canary, RCODE_NXDOMAIN)
        _fill_filtered(&self.s.nodata, RCODE_NOERROR)
        _fill_filtered(&self.s.no_resolver, RCODE_NOERROR)
        self.s.no_resolver.ede = EDE_NONE
        for kind, hosts in ((SAFE_SEARCH, safe_search), (YOUTUBE, youtube)):
            for host, moderate, strict in hosts:
                for target in (moderate, strict):
                    if target not in numbers:
                        numbers[target] = self._add_target(target)
                self._add_name(host, kind, numbers[moderate], numbers[strict])
        for host in canaries:
            self._add_name(host, CANARY, 0, 0)
        for host, kind in zones:
            self._add_name(host, kind, 0, 0)
        for rdata in resolvers:
            self._add_resolver(rdata)

    cdef object _add_name(self, str host, uint8_t kind, uint8_t moderate, uint8_t strict):
        cdef bytes wire = _short_wire(host)
        cdef Name name
        cdef size_t after
        cdef SpecialName* row = &self.s.names[self.s.n_names]
        cdef uint32_t i = _slot_of(_hash(wire, len(wire), HASH_BASIS))
        name_from_wire(wire, len(wire), 0, &name, &after)
        if self.s.n_names >= MAX_SPECIALS or _find(&self.s, &name) != NULL:
            raise ValueError(f"special names: {host} is there twice, or one of more than {MAX_SPECIALS}; not used; "
                             "remove it")
        row.kind = kind
        if kind >= EMPTY_ZONE:
            self.s.last_labels |= _last_label_bit(&name)
        row.wire_n = name.n
        row.target[1] = moderate
        row.target[2] = strict
        memcpy(row.wire, name.wire, name.n)
        self.s.n_names += 1
        while self.s.slots[i] != 0:
            i = (i + 1) & SLOT_MASK
        self.s.slots[i] = <uint16_t>self.s.n_names

    cdef object _add_target(self, str target):
        """Add a target; give its number."""
        cdef SpecialTarget* row = &self.s.targets[self.s.n_targets]
        cdef bytes octets
        if self.s.n_targets > MAX_TARGETS:
            raise ValueError(f"special names: {target} is one of more than {MAX_TARGETS} targets; not used; remove it")
        _fill_filtered(&row.answer, RCODE_NOERROR)
        try:
            octets = ipaddress.IPv4Address(target).packed
        except ValueError:
            octets = _short_wire(target)
            row.wire_n = <uint8_t>len(octets)
            memcpy(row.wire, <const char*>octets, len(octets))
        else:
            row.answer.has_splash = row.answer.has_splash4 = 1
            memcpy(row.answer.splash4, <const char*>octets, 4)
        self.s.n_targets += 1
        return self.s.n_targets - 1

    cdef object _add_resolver(self, bytes rdata):
        cdef uint32_t i = self.s.n_resolvers
        if i >= MAX_RESOLVERS or len(rdata) > RESOLVER_OCTETS:
            raise ValueError(f"special names: resolver {i + 1} has {len(rdata)} octets; not used; "
                             f"give at most {MAX_RESOLVERS} of at most {RESOLVER_OCTETS}")
        self.s.resolver_n[i] = <uint16_t>len(rdata)
        memcpy(self.s.resolvers[i], <const char*>rdata, len(rdata))
        self.s.n_resolvers += 1

    def ask(self, TableSet tables not None, bytes query, str client, int64_t now_s) -> tuple[bytes, bytes] | None:
        """Answer a query of `client`, for tests: (answer, b""), (b"", the query for its target), or None: neither.

        ValueError where it is no query."""
        cdef Question q
        cdef Question target
        cdef Decision d
        cdef uint8_t[MESSAGE_OCTETS] msg
        cdef bytes addr = ipaddress.ip_address(client).packed
        cdef size_t n = len(query)
        cdef Special special
        _parse(query, &q)
        memcpy(msg, <const char*>query, n)
        judge(&tables.tables, &q.name, addr, 4 if len(addr) == 4 else 6, now_s, &d)
        if d.action != PASSTHRU:
            return None
        special = answer_special(&self.s, msg, &n, sizeof(msg), &q, &d, &target)
        if special == SPECIAL_ANSWERED:
            return msg[:n], b""
        return (b"", _query_of(&target)) if special == SPECIAL_TARGET else None


cdef object _parse(bytes query, Question* q):
    if len(query) > MESSAGE_OCTETS or parse_query(query, len(query), q) != OK:
        raise ValueError("the query is not one readable question")


cdef bytes _query_of(const Question* q):
    cdef uint8_t[UPSTREAM_QUERY_OCTETS] msg
    cdef Writer w
    w.at = msg
    w.end = msg + sizeof(msg)
    w.is_full = 0
    put_u16(&w, q.id)
    put_u16(&w, q.flags)
    put_u32(&w, 0x10000)        # one question
    put_u32(&w, 0)
    put(&w, q.name.wire, q.name.n)
    put_u16(&w, q.qtype)
    put_u16(&w, q.qclass)
    return PyBytes_FromStringAndSize(<const char*>msg, w.at - msg)


cdef bytes _short_wire(str host):
    wire = to_wire(host.encode())
    if len(wire) > SPECIAL_OCTETS:
        raise ValueError(f"special names: {host} is longer than {SPECIAL_OCTETS} octets; not used; remove it")
    return wire
