"""The life of one query up to its answer or to the upstream: the same for UDP, TCP and what is to come over TLS.

    header → question → judge() → a cell of the answer table → answer in place, forward, or say nothing

Which answer a decision gets was worked out before: one cell for each reason and action, so that the loop looks up;
local data alone are the deciding entry's own.

Invariants: no allocation; the answer is written over the query; only a blocked query is counted or noted; a message
that is itself an answer is never answered, so two servers cannot keep each other busy.
Source: RFC 1035 §4.1, RFC 8906 §3 (silence is the worst answer), RPZ draft §3 (actions).
"""
from typing import NamedTuple

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memset

from fastpath.atomic cimport load_pointer
from fastpath.counters cimport (CNT_DNS_BLOCKED, CNT_DNS_MALFORMED, CNT_DNS_NOT_A_QUERY, CNT_DNS_QUERIES,
                                CNT_DNS_TCP_QUERIES, CNT_NO_TABLES, count)
from fastpath.cursor cimport OK
from fastpath.dnsmsg cimport (BlockAnswer, DNS_HEADER, EDE_NONE, RCODE_FORMERR, RCODE_NOERROR, RCODE_NOTIMP,
                              RCODE_NXDOMAIN, RCODE_REFUSED, parse_query, write_block, write_error)
from fastpath.spool cimport Reporter, note_block
from fastpath.tables cimport Handoff, judge
from fastpath.verdict cimport (C_DNS, DROP, LOCAL_DATA, Decision, NO_ACTION, NXDOMAIN, PASSTHRU, REFUSED, SPLASH,
                               TCP_ONLY)

import ipaddress

# A DNS message over TCP has a 16-bit length; a block answer adds records, SOA, OPT and EDE, as far as they fit.
MESSAGE_OCTETS = 65535


class AnswerSpec(NamedTuple):
    """How blocks of one reason are answered."""

    splash4: bytes      # 4 octets, or empty: no such address
    splash6: bytes      # 16 octets, or empty
    ttl_s: int
    ede: int            # RFC 8914 info-code; 65535: none
    action: int         # instead of the list's own; NO_ACTION (255): the list's own


cdef object _fill_cell(AnswerCell* cell, object spec, int action, Outcome for_tcp_only):
    cdef BlockAnswer* a = &cell.answer
    memset(cell, 0, sizeof(AnswerCell))
    a.ttl_s = spec.ttl_s
    a.ede = spec.ede
    a.rcode = RCODE_NOERROR
    cell.outcome = ANSWER
    if action == PASSTHRU:
        cell.outcome = FORWARD
    elif action == DROP:
        cell.outcome = SAY_NOTHING
    elif action == TCP_ONLY:
        cell.outcome = for_tcp_only
        a.truncate = 1
        a.ede = EDE_NONE
    elif action == REFUSED:
        a.rcode = RCODE_REFUSED
    elif action == NXDOMAIN or (action == SPLASH and not spec.splash4 and not spec.splash6):
        a.rcode = RCODE_NXDOMAIN
    elif action == LOCAL_DATA:
        a.has_data = 1
    elif action == SPLASH:
        _fill_splash(a, spec.splash4, spec.splash6)


cdef object _fill_splash(BlockAnswer* a, bytes splash4, bytes splash6):
    a.has_splash = 1
    if splash4:
        a.has_splash4 = 1
        memcpy(a.splash4, <const char*>splash4, 4)
    if splash6:
        a.has_splash6 = 1
        memcpy(a.splash6, <const char*>splash6, 16)


cdef object fill_cells(AnswerCell (*cells)[8], object specs, Outcome for_tcp_only):
    """Work out every answer.   specs: one a Reason, in its order;  for_tcp_only: ANSWER on UDP, FORWARD on a stream."""
    cdef int reason
    cdef int action
    specs = tuple(specs)
    if len(specs) != N_REASONS:
        raise ValueError(f"answers: {len(specs)} specs; not used; give one for each of the {N_REASONS} reasons")
    for reason, spec in enumerate(specs):
        if len(spec.splash4) not in (0, 4) or len(spec.splash6) not in (0, 16):
            raise ValueError(f"answers of reason {reason}: a splash address of the wrong length; not used; "
                             "give 4 octets and 16, or none")
        for action in range(N_ACTIONS):
            wanted = action if spec.action == NO_ACTION or action == PASSTHRU else spec.action
            _fill_cell(&cells[reason][action], spec, wanted, for_tcp_only)


cdef inline Outcome _refuse(uint8_t* msg, size_t* n, uint8_t rcode) noexcept nogil:
    n[0] = write_error(msg, n[0], rcode)
    return ANSWER if n[0] != 0 else SAY_NOTHING


cdef Outcome answer_query(Answering* a, uint8_t* msg, size_t* n, size_t room, const uint8_t* addr, uint8_t ip_version,
                          Question* q) noexcept nogil:
    """Decide on one query and, if it is blocked or wrong, write the answer over it.

    n      in: octets of the query, out: of the answer;  room: octets that `msg` may grow to
    addr   of the client, 4 or 16 octets by ip_version
    q      filled where the outcome is FORWARD
    Cost: about 0.3 µs for a blocked name, see bench/dns.py."""
    cdef Decision d
    cdef const AnswerCell* cell
    cdef int opcode
    if n[0] < DNS_HEADER:
        count(a.shared.counters, CNT_DNS_MALFORMED, 1)
        return SAY_NOTHING
    if msg[2] & 0x80:   # QR: an answer
        count(a.shared.counters, CNT_DNS_NOT_A_QUERY, 1)
        return SAY_NOTHING
    count(a.shared.counters, CNT_DNS_QUERIES, 1)
    opcode = (msg[2] >> 3) & 15
    if opcode != 0:
        return _refuse(msg, n, RCODE_NOTIMP)
    if parse_query(msg, n[0], q) != OK:
        count(a.shared.counters, CNT_DNS_MALFORMED, 1)
        return _refuse(msg, n, RCODE_FORMERR)
    if a.is_stream:     # RFC 6891 §6.2.3: the size is that of UDP payloads
        q.edns_size = 65535
    if a.tables == NULL:
        count(a.shared.counters, CNT_NO_TABLES, 1)
        return FORWARD
    judge(a.tables, &q.name, addr, ip_version, a.now_s, &d)
    if d.action == PASSTHRU:
        return FORWARD
    if d.action >= N_ACTIONS:   # an image of a later version: what it blocks stays blocked
        d.action = NXDOMAIN
    cell = &a.cells[d.reason][d.action]
    if cell.answer.truncate:
        if cell.outcome == ANSWER:
            n[0] = write_block(msg, n[0], room, q, &cell.answer)
        return cell.outcome
    count(a.shared.counters, CNT_DNS_BLOCKED, 1)
    note_block(a.shared, a.tables, &q.name, &d, C_DNS, a.now_ns)
    if cell.outcome == ANSWER:
        n[0] = _write_answer(msg, n[0], room, q, &cell.answer, &d)
    return cell.outcome if n[0] != 0 else SAY_NOTHING


cdef inline size_t _write_answer(uint8_t* msg, size_t n, size_t room, const Question* q, const BlockAnswer* a,
                                 const Decision* d) noexcept nogil:
    """Write a block's answer: of local data the deciding entry's, which no cell can hold."""
    cdef BlockAnswer with_data
    if not a.has_data:
        return write_block(msg, n, room, q, a)
    with_data = a[0]
    with_data.data = d.data
    with_data.data_n = d.data_n
    return write_block(msg, n, room, q, &with_data)


cdef class StreamAnswering:
    """Answers queries that came over a stream (TCP, later TLS and HTTPS), with the tables of a running loop.

    handoff    of the loop beside it: whatever that loop serves is served here
    reporter   its own, never the loop's: a spool and its counters have one writer
    Belongs to the thread that gives tables to `handoff`."""

    cdef Answering state
    cdef Handoff _handoff
    cdef Reporter _reporter
    cdef uint8_t buffer[65535]

    def __cinit__(self, Handoff handoff not None, Reporter reporter not None, answers):
        fill_cells(self.state.cells, answers, FORWARD)
        self._handoff = handoff
        self._reporter = reporter
        self.state.shared = &reporter.shared
        self.state.is_stream = 1

    def answer(self, bytes query, str client, int64_t now_ns) -> bytes | None:
        """The answer to `query`; None: the upstream's to answer; empty: none at all.

        client   the address alone;  now_ns  unix.   Raises ValueError for a client that is no address."""
        cdef Question q
        cdef bytes packed = ipaddress.ip_address(client.partition("%")[0]).packed
        cdef size_t n = len(query)
        cdef uint8_t version = 4 if len(packed) == 4 else 6
        cdef Outcome outcome
        if n > sizeof(self.buffer):
            raise ValueError(f"{client}: a query of {n} octets; not answered; at most {MESSAGE_OCTETS} fit a stream")
        memcpy(self.buffer, <const char*>query, n)
        self.state.tables = <const Tables*>load_pointer(&self._handoff.h.current)
        self.state.now_ns = now_ns
        self.state.now_s = now_ns // 1_000_000_000
        count(self._reporter.shared.counters, CNT_DNS_TCP_QUERIES, 1)
        outcome = answer_query(&self.state, self.buffer, &n, sizeof(self.buffer), packed, version, &q)
        if outcome == FORWARD:
            return None
        return self.buffer[:n] if outcome == ANSWER else b""
