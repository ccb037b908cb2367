"""The life of one query up to its answer or to the upstream: the same for UDP, TCP, TLS and HTTPS.

    header → question → may it ask? → judge() → block | ANY | special name → cache → deliver() | forward | say nothing

Invariants: no allocation; the answer is written over the query; it is decided before the cache is looked at, and what
the cache holds is inspected again; only a blocked query is noted, and one that a list of action SHADOW would block is
counted by that list; a message that is itself an answer is never answered, so two servers cannot keep each other busy.
Source: RFC 1035 §4.1, RFC 8906 §3 (silence is the worst answer), RFC 8482 (ANY), RFC 5358 (who may ask).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastpath.base.atomic cimport load_pointer
from fastpath.base.cursor cimport OK
from fastpath.dns.admission cimport ADMITTED, NOT_OURS, Admission, ClientGuard, admit
from fastpath.dns.block_answers cimport block, open_answering
from fastpath.dns.cache cimport CACHE_DUE, CACHE_NONE, Cache, Cached, close_cache
from fastpath.dns.cookies cimport check_cookie
from fastpath.dns.device_option cimport address_of_device
from fastpath.dns.edns cimport EDE_NONE
from fastpath.dns.in_flight cimport hash_query
from fastpath.dns.query cimport parse_query
from fastpath.dns.response cimport Found, deliver, fall_back, look_up, take_cache, take_in
from fastpath.dns.rewrite cimport is_answer_to, write_query
from fastpath.dns.special_names cimport SPECIAL_NONE, SPECIAL_TARGET, Special, SpecialNames, answer_special
from fastpath.dns.state cimport ANSWER, FORWARD, SAY_NOTHING, Answering, Asker, Outcome, Wanted
from fastpath.dns.synthesis cimport write_any, write_refusal
from fastpath.dns.wire cimport (
    EDE_NETWORK_ERROR, EDE_PROHIBITED, HEADER_OCTETS, MESSAGE_OCTETS, QR_OCTET2, RCODE_FORMERR, RCODE_REFUSED,
    RCODE_SERVFAIL, TYPE_ANY, UPSTREAM_QUERY_OCTETS)
from fastpath.images.names cimport Hits, find_hits
from fastpath.images.subscribers cimport find_subscriber
from fastpath.images.tables cimport Handoff, Tables, judge, judge_found
from fastpath.images.verdict cimport C_DNS, NO_SUBSCRIBER, PASSTHRU, Decision
from fastpath.report.counters cimport (
    CNT_DNS_MALFORMED, CNT_DNS_NOT_A_QUERY, CNT_DNS_NOT_OURS, CNT_DNS_OVER_LIMIT, CNT_DNS_QUERIES, CNT_DNS_SPECIAL,
    CNT_DNS_TCP_QUERIES, CNT_NO_TABLES, count)
from fastpath.report.spool cimport Reporter, note_shadow

import ipaddress
import os


cdef inline Outcome _refuse(uint8_t* msg, size_t* n, size_t room, const Question* q, uint16_t rcode,
                            uint16_t ede) noexcept nogil:
    n[0] = write_refusal(msg, n[0], room, q, rcode, ede)
    return ANSWER if n[0] != 0 else SAY_NOTHING


cdef bint read_again(Answering* a, uint8_t* msg, size_t n, Asker* who, Question* q) noexcept nogil:
    """Read a query at `msg`, what is to be known of its answer's form, and whether its address is proven.

    False where it is to be answered with q.rcode: its form is known then, too (RFC 7873 §5.4: also a query without a
    question gets its cookie)."""
    cdef bint is_query = parse_query(msg, n, q) == OK
    who.is_proven = a.is_stream
    if a.has_cookies and check_cookie(&a.cookies, q, who.addr, who.ip_version, <uint32_t>a.now_s):
        who.is_proven = 1
    if a.is_stream:     # RFC 6891 §6.2.3: the size is that of UDP payloads
        q.edns_size = MESSAGE_OCTETS
    q.is_encrypted = a.is_encrypted
    return is_query


cdef void _judge_as(const Answering* a, const uint8_t* msg, Asker* who, const Question* q) noexcept nogil:
    """Whose policy counts: the client's own, or that of the device that a listed forwarder names, if it is known."""
    cdef uint8_t[16] device
    who.judged_version = who.ip_version
    memcpy(who.judged, who.addr, 4 if who.ip_version == 4 else 16)
    if q.device_at == 0 or a.forwarders == NULL or a.tables == NULL:
        return
    if admit(a.forwarders, who.addr, who.ip_version, 0, False) != ADMITTED or not address_of_device(msg, q, device):
        return
    if find_subscriber(&a.tables.subscribers, &a.tables.subscribers_delta, device, 6) != <uint32_t>NO_SUBSCRIBER:
        who.judged_version = 6
        memcpy(who.judged, device, 16)


cdef Outcome read_query(Answering* a, uint8_t* msg, size_t* n, size_t room, Asker* who, Question* q) noexcept nogil:
    """Read one query; if it is wrong, or nobody's who may ask, write the answer over it.

    n      in: octets of the query, out: of the answer;  room: octets that `msg` may grow to
    who    with its address;  q: filled where the outcome is FORWARD: it is to be decided on by answer_read()"""
    cdef Outcome outcome
    if n[0] < HEADER_OCTETS:
        count(a.shared.counters, CNT_DNS_MALFORMED, 1)
        return SAY_NOTHING
    if msg[2] & QR_OCTET2:
        count(a.shared.counters, CNT_DNS_NOT_A_QUERY, 1)
        return SAY_NOTHING
    count(a.shared.counters, CNT_DNS_QUERIES, 1)
    if not read_again(a, msg, n[0], who, q):
        if q.rcode == RCODE_FORMERR:
            count(a.shared.counters, CNT_DNS_MALFORMED, 1)
        return _refuse(msg, n, room, q, q.rcode, EDE_NONE)
    if a.guard != NULL:
        outcome = _admit(a, who)
        if outcome == ANSWER:
            return _refuse(msg, n, room, q, RCODE_REFUSED, EDE_PROHIBITED)
        if outcome == SAY_NOTHING:
            return SAY_NOTHING
    _judge_as(a, msg, who, q)
    return FORWARD


cdef Outcome answer_query(Answering* a, uint8_t* msg, size_t* n, size_t room, Asker* who, Question* q,
                          Wanted* out) noexcept nogil:
    """Decide on one query and, if it is blocked, known or wrong, write the answer over it: as read_query() has it."""
    cdef Hits hits
    cdef Outcome outcome = read_query(a, msg, n, room, who, q)
    if outcome != FORWARD:
        out.is_due = 0
        return outcome
    if a.tables != NULL:
        find_hits(&a.tables.names, &a.tables.names_delta, &q.name, &hits)
    return answer_read(a, msg, n, room, who, q, &hits, 0, out)


cdef Outcome _admit(Answering* a, const Asker* who) noexcept nogil:
    """FORWARD: go on;  ANSWER: refuse."""
    cdef Admission admission = admit(a.guard, who.addr, who.ip_version, a.monotonic_ns, who.is_proven)
    if admission == ADMITTED:
        return FORWARD
    if admission == NOT_OURS:
        count(a.shared.counters, CNT_DNS_NOT_OURS, 1)
        return ANSWER
    count(a.shared.counters, CNT_DNS_OVER_LIMIT, 1)
    return SAY_NOTHING


cdef Outcome answer_read(Answering* a, uint8_t* msg, size_t* n, size_t room, const Asker* who, const Question* q,
                         const Hits* hits, uint64_t key, Wanted* out) noexcept nogil:
    """Decide on what read_query() has read: what the lists say, and only then what is known.

    hits   of q.name in a.tables; not looked at where there are none;  key  hash_query() of q; 0: not known yet"""
    cdef Decision d
    cdef Outcome outcome
    out.is_due = 0
    out.question = q
    out.key = key
    out.after = q.after
    if a.tables == NULL:
        count(a.shared.counters, CNT_NO_TABLES, 1)
        return _look_up(a, msg, n, room, who, q, out)
    judge_found(a.tables, hits, who.judged, who.judged_version, a.now_s, &d)
    if d.action != PASSTHRU:
        outcome = block(a, msg, n, room, q, &q.name, &d)
        if outcome != FORWARD:
            return outcome
        note_shadow(a.shared, d.shadow, C_DNS)
        return _look_up(a, msg, n, room, who, q, out)
    note_shadow(a.shared, d.shadow, C_DNS)
    if a.specials != NULL and _is_special(a, msg, n, room, q, &d, out):
        return ANSWER if n[0] != 0 else SAY_NOTHING
    return _look_up(a, msg, n, room, who, q, out)


cdef inline bint _is_special(Answering* a, uint8_t* msg, size_t* n, size_t room, const Question* q, const Decision* d,
                             Wanted* out) noexcept nogil:
    """Whether a special name was answered; where another one is to be asked for, `out` says so."""
    cdef Special special = answer_special(a.specials, msg, n, room, q, d, &out.target)
    if special == SPECIAL_NONE:
        return False
    count(a.shared.counters, CNT_DNS_SPECIAL, 1)
    if special == SPECIAL_TARGET:
        out.question = &out.target
        out.key = 0
        return False
    return True


cdef Outcome _look_up(Answering* a, uint8_t* msg, size_t* n, size_t room, const Asker* who, const Question* q,
                      Wanted* out) noexcept nogil:
    """Out of the cache, unless it is ANY or unknown."""
    cdef Found found
    cdef Cached kept
    if q.qtype == TYPE_ANY:
        n[0] = write_any(msg, n[0], room, q)
        return ANSWER if n[0] != 0 else SAY_NOTHING
    if out.key == 0:
        out.key = hash_query(a.question_key, out.question)
    kept = look_up(a, out.question, out.key, &found)
    if kept == CACHE_NONE:
        return FORWARD
    out.is_due = kept == CACHE_DUE
    return deliver(a, msg, n, room, who, q, &found)


cdef class StreamAnswering:
    """Answers queries that came over a stream (TCP, TLS, HTTPS), with the tables of a running loop.

    handoff       of the loop beside it: whatever that loop serves is served here
    reporter      its own, never the loop's: a spool and its counters have one writer
    cache_octets  of memory for answers, its own, taken as they come; 0: none
    guard, forwarders, specials, cookie_master   see DnsLoop; the guard is its own, too
    Belongs to the thread that gives tables to `handoff`."""

    cdef Answering state
    cdef Cache cache
    cdef Handoff _handoff
    cdef Reporter _reporter
    cdef tuple _kept            # alive
    cdef uint8_t buffer[MESSAGE_OCTETS]

    def __cinit__(self, Handoff handoff not None, Reporter reporter not None, answers, size_t cache_octets=0,
                  ClientGuard guard=None, ClientGuard forwarders=None, SpecialNames specials=None,
                  bytes cookie_master=b""):
        cdef bytes drawn = os.urandom(16)
        open_answering(&self.state, answers, FORWARD, guard, forwarders, specials, cookie_master)
        self._kept = (guard, forwarders, specials)
        self._handoff = handoff
        self._reporter = reporter
        self.state.shared = &reporter.shared
        self.state.is_stream = 1
        memcpy(self.state.question_key, <const char*>drawn, 16)
        self.state.cache = take_cache(&self.cache, cache_octets)

    def __dealloc__(self):
        close_cache(&self.cache)

    cdef object _begin(self, bytes query, int64_t now_ns):
        """Put the query into the buffer, and what holds at this instant into the state."""
        if <size_t>len(query) > sizeof(self.buffer):
            raise ValueError(f"a query of {len(query)} octets; not answered; at most {MESSAGE_OCTETS} fit a stream")
        memcpy(self.buffer, <const char*>query, len(query))
        self.state.tables = <const Tables*>load_pointer(&self._handoff.h.current)
        self.state.now_ns = now_ns
        self.state.now_s = now_ns // 1_000_000_000
        self.state.cache_s = <uint32_t>self.state.now_s

    def answer(self, bytes query, str client, int64_t now_ns, bint is_encrypted=False) -> bytes | None:
        """The answer to `query`; None: the upstream's to answer; empty: none at all.

        client   the address alone;  now_ns  unix;  is_encrypted: the answer is padded where the query was
        Raises ValueError for a client that is no address."""
        cdef Question q
        cdef Wanted wanted
        cdef Asker who
        cdef bytes packed = _packed(client)
        cdef size_t n = len(query)
        cdef Outcome outcome
        self.state.is_encrypted = is_encrypted
        self._begin(query, now_ns)
        _name(&who, packed)
        count(self._reporter.shared.counters, CNT_DNS_TCP_QUERIES, 1)
        outcome = answer_query(&self.state, self.buffer, &n, sizeof(self.buffer), &who, &q, &wanted)
        if outcome == FORWARD:
            return None
        return self.buffer[:n] if outcome == ANSWER else b""

    cdef bint _read_again(self, bytes query, bytes packed, int64_t now_ns, Asker* who, Question* q,
                          Wanted* out) except -1:
        """What answer() made of a query that it left to the upstream; False where it would not do so now."""
        cdef Decision d
        cdef size_t n = len(query)
        self._begin(query, now_ns)
        _name(who, packed)
        if not read_again(&self.state, self.buffer, n, who, q):
            return False
        _judge_as(&self.state, self.buffer, who, q)
        out.question = q
        if self.state.tables != NULL and self.state.specials != NULL:
            judge(self.state.tables, &q.name, who.judged, who.judged_version, self.state.now_s, &d)
            if d.action == PASSTHRU and _is_special(&self.state, self.buffer, &n, sizeof(self.buffer), q, &d, out):
                return False
        out.key = hash_query(self.state.question_key, out.question)
        return True

    def upstream_query(self, bytes query, str client, int64_t now_ns) -> bytes:
        """What an upstream is to be asked for a query that answer() has just left to it, with the client's id.

        Raises ValueError where that is no query, or ours to answer by now."""
        cdef Question q
        cdef Wanted wanted
        cdef Asker who
        cdef bytes packed = _packed(client)
        cdef uint8_t asked[UPSTREAM_QUERY_OCTETS]
        cdef size_t n
        if not self._read_again(query, packed, now_ns, &who, &q, &wanted):
            raise ValueError(f"{client}: a query that is not the upstream's to answer; not asked; call answer() first")
        n = write_query(wanted.question, asked)
        asked[0] = <uint8_t>(q.id >> 8)
        asked[1] = <uint8_t>q.id
        return asked[:n]

    def deliver(self, bytes query, str client, bytes asked, bytes answer, int64_t now_ns,
                bint is_encrypted=False) -> bytes:
        """What the client gets of the upstream's answer to `asked`, upstream_query()'s; empty: nothing.

        Raises ValueError for an answer to something else, or one that cannot be read."""
        cdef Question q
        cdef Question theirs
        cdef Found found
        cdef Asker who
        cdef bytes packed = _packed(client)
        cdef bytearray message = bytearray(answer)
        cdef uint8_t* msg = <uint8_t*><char*>message
        cdef size_t n = len(query)
        cdef uint64_t key
        self.state.is_encrypted = is_encrypted
        self._begin(query, now_ns)
        _name(&who, packed)
        if (not read_again(&self.state, self.buffer, n, &who, &q) or parse_query(asked, len(asked), &theirs) != OK
                or not is_answer_to(&theirs, msg, len(message))):
            raise ValueError("the upstream's answer is to another question; not delivered; look at what listens there")
        _judge_as(&self.state, self.buffer, &who, &q)
        key = hash_query(self.state.question_key, &theirs)
        if take_in(&self.state, &theirs, key, msg, len(message), &found) == 0:
            raise ValueError("the upstream's answer cannot be read; not delivered; look at what listens there")
        if deliver(&self.state, self.buffer, &n, sizeof(self.buffer), &who, &q, &found) != ANSWER:
            return b""
        return self.buffer[:n]

    def give_up(self, bytes query, str client, int64_t now_ns, bint is_encrypted=False) -> bytes:
        """What the client gets where no upstream answers: what is kept of old, or SERVFAIL; empty: nothing."""
        cdef Question q
        cdef Wanted wanted
        cdef Found found
        cdef Asker who
        cdef bytes packed = _packed(client)
        cdef size_t n = len(query)
        self.state.is_encrypted = is_encrypted
        if not self._read_again(query, packed, now_ns, &who, &q, &wanted):
            return b""
        if not fall_back(&self.state, wanted.question, wanted.key, &found):
            n = write_refusal(self.buffer, n, sizeof(self.buffer), &q, RCODE_SERVFAIL, EDE_NETWORK_ERROR)
        elif deliver(&self.state, self.buffer, &n, sizeof(self.buffer), &who, &q, &found) != ANSWER:
            return b""
        return self.buffer[:n]


cdef bytes _packed(str client):
    return ipaddress.ip_address(client.partition("%")[0]).packed


cdef inline void _name(Asker* who, bytes packed):
    """`packed` outlives `who`."""
    who.addr = packed
    who.ip_version = 4 if len(packed) == 4 else 6
