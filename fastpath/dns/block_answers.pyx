"""The answer table: which answer a block gets, worked out before the first query.

    Decision {reason, action} → a cell → no reply, or an answer over the query; local data come from the list entry
    local data that are a CNAME → find_target(): its target is looked up, and its records are added

Invariants: a block is counted once and recorded once, unless only the transport matters (tcp-only).  An action of a
later image version blocks, too.
Source: RPZ draft §3 (actions), semantics §4.
"""
from typing import NamedTuple

from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport OK, Cursor, take_u16, take_u32
from fastpath.dns.admission cimport ClientGuard
from fastpath.dns.alias_answer cimport is_copied
from fastpath.dns.cookies cimport COOKIE_KEY_OCTETS, open_cookies
from fastpath.dns.edns cimport EDE_NONE
from fastpath.dns.special_names cimport SpecialNames, ask_target
from fastpath.dns.state cimport ANSWER, FORWARD, NO_REPLY, TEXT_OCTETS, AnswerCell, Outcome, Resolver
from fastpath.dns.synthesis cimport BlockAnswer, write_block
from fastpath.dns.wire cimport CLASS_IN, RCODE_NOERROR, RCODE_NXDOMAIN, RCODE_REFUSED, TYPE_CNAME
from fastpath.images.verdict cimport (
    C_DNS, DROP, LOCAL_DATA, NO_ACTION, NXDOMAIN, N_ACTIONS, N_REASONS, PASSTHRU, REFUSED, SPLASH, TCP_ONLY, Decision)
from fastpath.report.counters cimport CNT_DNS_BLOCKED, count
from fastpath.report.spool cimport note_block
from fastpath.wire.name cimport name_from_wire


class AnswerSpec(NamedTuple):
    """How blocks of one reason are answered."""

    splash4: bytes      # 4 octets, or empty: no such address
    splash6: bytes      # 16 octets, or empty
    ttl_s: int
    ede: int            # RFC 8914 info-code; 65535: none
    action: int         # instead of the list's own; NO_ACTION (255): the list's own
    text: bytes = b""   # EXTRA-TEXT for clients that want structured errors, at most 512 octets


cdef object _fill_cell(AnswerCell* cell, object spec, int action, Outcome for_tcp_only):
    cdef BlockAnswer* a = &cell.answer
    memset(cell, 0, sizeof(AnswerCell))
    a.ttl_s = spec.ttl_s
    a.ede = spec.ede
    a.rcode = RCODE_NOERROR
    a.text = cell.text
    a.text_n = <uint16_t>len(spec.text)
    memcpy(cell.text, <const char*><bytes>spec.text, a.text_n)
    cell.outcome = ANSWER
    if action == PASSTHRU:
        cell.outcome = FORWARD
    elif action == DROP:
        cell.outcome = NO_REPLY
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


cdef object _fill_cells(AnswerCell (*cells)[N_ACTIONS], object specs, Outcome for_tcp_only):
    """Fill every cell.   specs: one a Reason, in its order;  for_tcp_only: ANSWER on UDP, FORWARD on a stream"""
    cdef int reason
    cdef int action
    specs = tuple(specs)
    if len(specs) != N_REASONS:
        raise ValueError(f"answers: {len(specs)} specs; not used; give one for each of the {N_REASONS} reasons")
    for reason, spec in enumerate(specs):
        if len(spec.splash4) not in (0, 4) or len(spec.splash6) not in (0, 16):
            raise ValueError(f"answers of reason {reason}: a splash address of the wrong length; not used; "
                             "give 4 octets and 16, or none")
        if len(spec.text) > TEXT_OCTETS:
            raise ValueError(f"answers of reason {reason}: a text of {len(spec.text)} octets; not used; "
                             f"give at most {TEXT_OCTETS}")
        for action in range(N_ACTIONS):
            wanted = action if spec.action == NO_ACTION or action == PASSTHRU else spec.action
            _fill_cell(&cells[reason][action], spec, wanted, for_tcp_only)


cdef object open_resolver(Resolver* r, object specs, Outcome for_tcp_only, ClientGuard guard, ClientGuard forwarders,
                          SpecialNames specials, bytes cookie_master):
    """Fill the constant part of a resolver.   r: zeroed;  specs, for_tcp_only: as in _fill_cells()

    guard, forwarders, specials   None: none; the caller keeps them alive
    cookie_master                 16 octets; empty: no cookies
    Raises ValueError."""
    _fill_cells(r.cells, specs, for_tcp_only)
    if guard is not None:
        r.guard = &guard.g
    if forwarders is not None:
        r.forwarders = &forwarders.g
    if specials is not None:
        r.specials = &specials.s
    if cookie_master:
        if len(cookie_master) != COOKIE_KEY_OCTETS:
            raise ValueError(f"cookies: r master key of {len(cookie_master)} octets; not used; r key has 16")
        open_cookies(&r.cookies, cookie_master)
        r.has_cookies = 1


cdef Outcome block(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Question* q, const Name* blocked,
                   Decision* d) noexcept nogil:
    """Answer the query at `msg` by its decision, and record the block.   d: not PASSTHRU

    blocked   the blocked name: the one asked, or one that the answer leads to
    FORWARD: tcp-only, over a stream."""
    cdef const AnswerCell* cell
    if d.action >= N_ACTIONS:
        d.action = NXDOMAIN
    cell = &r.cells[d.reason][d.action]
    if cell.answer.truncate:
        if cell.outcome == ANSWER:
            n[0] = write_block(msg, n[0], room, q, &cell.answer)
        return cell.outcome
    note_blocked(r, blocked, d)
    if cell.outcome == ANSWER:
        n[0] = _write_answer(msg, n[0], room, q, &cell.answer, d)
    return cell.outcome if n[0] != 0 else NO_REPLY


cdef bint is_for_upstream(const Resolver* r, const Decision* d) noexcept nogil:
    """Whether block() leaves a query with this decision as it is.   d: PASSTHRU, too"""
    return d.action < N_ACTIONS and r.cells[d.reason][d.action].outcome == FORWARD


cdef bint find_target(const Resolver* r, const Question* q, const Decision* d, Question* target) noexcept nogil:
    """Whether a block sends its name elsewhere (local data that are a CNAME), and what is to be asked there.

    target   filled: the question for an upstream, the same for all clients
    False, too, for types whose data may have compressed names: the answer is the CNAME alone then."""
    cdef const AnswerCell* cell
    cdef Cursor c
    cdef uint16_t kind = 0, n = 0
    cdef uint32_t ttl_s = 0
    cdef size_t after = 0
    if d.action != LOCAL_DATA or q.qclass != CLASS_IN or not is_copied(q.qtype):
        return False
    cell = &r.cells[d.reason][LOCAL_DATA]
    if not cell.answer.has_data or d.data_n == 0:
        return False
    c.at = d.data
    c.end = d.data + d.data_n
    if take_u16(&c, &kind) != OK or kind != TYPE_CNAME or take_u32(&c, &ttl_s) != OK or take_u16(&c, &n) != OK:
        return False
    memset(target, 0, sizeof(Question))
    if name_from_wire(c.at, <size_t>(c.end - c.at), 0, &target.name, &after) != OK:
        return False
    if target.name.n == q.name.n and memcmp(target.name.wire, q.name.wire, q.name.n) == 0:
        return False
    ask_target(q, target)
    return True


cdef void note_blocked(Resolver* r, const Name* blocked, const Decision* d) noexcept nogil:
    """Count and record a block."""
    count(r.shared.counters, CNT_DNS_BLOCKED, 1)
    note_block(r.shared, r.tables, blocked, d, C_DNS, r.now_ns)


cdef inline size_t _write_answer(uint8_t* msg, size_t n, size_t room, const Question* q, const BlockAnswer* a,
                                 const Decision* d) noexcept nogil:
    """Write a block answer; local data are those of the deciding entry."""
    cdef BlockAnswer with_data
    if not a.has_data:
        return write_block(msg, n, room, q, a)
    with_data = a[0]
    with_data.data = d.data
    with_data.data_n = d.data_n
    return write_block(msg, n, room, q, &with_data)
