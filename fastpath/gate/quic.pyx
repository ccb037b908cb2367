"""QUIC judgement: datagrams → decrypted Initials → CRYPTO octets → hellos → names → Verdict.

    own connection ID → keys | those stored for the flow → frames → the window of that connection → hello

Invariants: every Initial of every datagram is decrypted while the flow lives: one judged before may be a decoy (E52).
Where a subscriber's policy refuses QUIC, Initials are dropped undecrypted; no event is written, as no name was read.
A connection is identified by the first connection ID that its client chose; its octets are one stream in every version
and with every connection ID (RFC 9368; RFC 9000 §7.2).
An Initial of a known flow that no key decrypts is dropped: no server takes it, or only with a packet number that decoys
have hidden from the gate.
A QUIC flow is never released: the kernel queues only its packets with a long header, a handful.
Source: RFC 9000 §12.2, §17.2; RFC 9001 §5.2; rule R7, E46–E57.
Cost: bench/gate.py.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from fastpath.base.cursor cimport MALFORMED, NEED_MORE, NOT_THIS, OK, TOO_BIG, Cursor, Status
from fastpath.gate.flow cimport (
    FOLLOWING, PASSED, WINDOW_OCTETS, Flow, Payer, add_flow, begin_stream, find_flow, payer_of, put_octets, spend_flow,
    touch_flow)
from fastpath.gate.state cimport BLOCK, BLOCKED, DROP, GO_ON, PORT_BY_CONTENT, PORT_TLS, Gate, Turn, Verdict
from fastpath.gate.verdicts cimport contradicted, counter_of, judge_hello, over_budget, undecidable
from fastpath.images.tables cimport closes_category
from fastpath.images.verdict cimport CATEGORY_QUIC, C_QUIC
from fastpath.report.counters cimport (
    CNT_GATE_HELLOS, CNT_GATE_INITIALS, CNT_GATE_OVER_BUDGET, CNT_GATE_QUIC_REFUSED, CNT_GATE_TOO_BIG,
    CNT_GATE_UNKNOWN_QUIC, CNT_GATE_UNREADABLE, count)
from fastpath.report.trace cimport note_channel, note_undecidable
from fastpath.wire.quic cimport QUIC_INITIAL, QUIC_UNKNOWN, QuicPacket, next_crypto, next_quic_packet
from fastpath.wire.quic_initial cimport QUIC_PLAIN_OCTETS, InitialKeys, derive_initial_keys, open_initial
from fastpath.wire.tls cimport ClientHello, parse_hello_messages

cdef enum:
    # Connections between the same two ports: a Retry makes a second one, a client that starts again a third.
    N_CONTEXTS = 4
    # How long a blocked flow is remembered here: then the kernel has its mark, and ports are reused.
    BLOCKED_S = 2


cdef Verdict judge_datagram(Gate* g, Turn* t) noexcept nogil:
    """Judge a datagram: BLOCK its flow, DROP it, or GO_ON."""
    cdef Flow* contexts[N_CONTEXTS]
    cdef Cursor c
    cdef QuicPacket q
    cdef Verdict verdict = GO_ON
    c.at = t.p.payload
    c.end = t.p.payload + t.p.payload_n
    if _find_contexts(g, t, contexts):
        return BLOCK
    while verdict == GO_ON and next_quic_packet(&c, &q) == OK:
        if q.kind == QUIC_INITIAL:
            verdict = DROP if _is_refused(g, t) else _judge_initial(g, t, &q, contexts)
        elif q.kind == QUIC_UNKNOWN and g.port_kinds[t.p.dport] & ~PORT_BY_CONTENT == PORT_TLS:
            if _is_refused(g, t):
                return DROP
            # dropped, not blocked: its client falls back to a known version, or to TCP
            note_channel(g.trace, C_QUIC, 0, q.version)
            if undecidable(g, t, CNT_GATE_UNKNOWN_QUIC) == BLOCK:
                verdict = DROP
    if verdict == BLOCK and t.f != NULL:
        spend_flow(&g.flows, t.f, BLOCKED)
    return verdict


cdef bint _is_refused(Gate* g, Turn* t) noexcept nogil:
    """Whether the client's policy refuses QUIC.  Checked before decryption, at a thirtieth of its cost."""
    if g.tables == NULL or not closes_category(g.tables, t.p.src, t.p.version, CATEGORY_QUIC,
                                               g.now_ns // 1_000_000_000):
        return False
    count(g.shared.counters, CNT_GATE_QUIC_REFUSED, 1)
    return True


cdef bint _find_contexts(Gate* g, Turn* t, Flow** contexts) noexcept nogil:
    """Find the known connections between these ports.   True: one of them was blocked in the last BLOCKED_S."""
    cdef int64_t now_s = g.now_ns // 1_000_000_000
    cdef Flow* f
    cdef uint8_t i
    for i in range(N_CONTEXTS):
        f = find_flow(&g.flows, &t.p, i)
        contexts[i] = f
        if f != NULL and f.spent and f.state == BLOCKED and now_s - f.used_s <= BLOCKED_S:
            return True
    return False


cdef Verdict _judge_initial(Gate* g, Turn* t, const QuicPacket* q, Flow** contexts) noexcept nogil:
    """Decrypt an Initial and judge its connection: BLOCK, DROP or GO_ON."""
    cdef size_t n = 0
    cdef Status status
    t.quic_version = q.version
    note_channel(g.trace, C_QUIC, 0, q.version)
    if not _may_open(g, t):
        count(g.shared.counters, CNT_GATE_OVER_BUDGET, 1)
        return DROP
    status = _decrypt(g, t, q, contexts, &n)
    if status == OK:
        count(g.shared.counters, CNT_GATE_INITIALS, 1)
        status = _take_frames(g, t, g.scratch, n)
        if status == NOT_THIS:
            return over_budget(g, t)
        if status == MALFORMED:
            return contradicted(g)
        return BLOCK if status != OK and undecidable(g, t, CNT_GATE_TOO_BIG) == BLOCK else _read_crypto_hellos(g, t)
    if status == NOT_THIS:
        count(g.shared.counters, CNT_GATE_UNREADABLE, 1)
        note_undecidable(g.trace, CNT_GATE_UNREADABLE)
        return DROP if g.closed or _is_any_known(contexts) else GO_ON
    return over_budget(g, t)


cdef bint _may_open(Gate* g, Turn* t) noexcept nogil:
    """Apply the client's rate limit: decryption costs a microsecond that the sender need not spend (E32)."""
    cdef Payer* payer = payer_of(&g.flows, &t.p)
    cdef uint32_t second = <uint32_t>(g.now_ns // 1_000_000_000)
    if payer.second != second:
        payer.second = second
        payer.spent = 0
    payer.spent += 1
    return payer.spent <= g.initials_a_second


cdef bint _is_any_known(Flow** contexts) noexcept nogil:
    cdef uint8_t i
    for i in range(N_CONTEXTS):
        if contexts[i] != NULL and not contexts[i].spent:
            return True
    return False


# -- decryption ------------------------------------------------------------------------------------------------------

cdef Status _decrypt(Gate* g, Turn* t, const QuicPacket* q, Flow** contexts, size_t* n) noexcept nogil:
    """Decrypt an Initial into g.scratch and set t.f to its connection.

    OK · NOT_THIS: no key fits · MALFORMED: one connection too many between these ports"""
    cdef InitialKeys keys
    cdef uint8_t i
    for i in range(N_CONTEXTS):
        if _is_of(contexts[i], q) and _decrypt_with_stored(g, t, q, contexts[i], n):
            return OK
    derive_initial_keys(q.version, q.dcid, q.dcid_n, &keys)
    if open_initial(&g.crypto, &keys, q, g.scratch, QUIC_PLAIN_OCTETS, n) == OK:
        return _begin_connection(g, t, q, &keys, contexts)
    for i in range(N_CONTEXTS):     # the server has chosen another connection ID since
        if contexts[i] != NULL and not contexts[i].spent and _decrypt_with_stored(g, t, q, contexts[i], n):
            return OK
    return NOT_THIS


cdef bint _is_of(const Flow* f, const QuicPacket* q) noexcept nogil:
    return (f != NULL and not f.spent and f.quic.dcid_n == q.dcid_n
            and memcmp(f.quic.dcid, q.dcid, q.dcid_n) == 0)


cdef bint _decrypt_with_stored(Gate* g, Turn* t, const QuicPacket* q, Flow* f, size_t* n) noexcept nogil:
    if f.quic.keys.version != q.version:
        derive_initial_keys(q.version, f.quic.dcid, f.quic.dcid_n, &f.quic.keys)
    if open_initial(&g.crypto, &f.quic.keys, q, g.scratch, QUIC_PLAIN_OCTETS, n) != OK:
        return False
    touch_flow(&g.flows, f, g.now_ns // 1_000_000_000)
    t.f = f
    return True


cdef Status _begin_connection(Gate* g, Turn* t, const QuicPacket* q, const InitialKeys* keys,
                              Flow** contexts) noexcept nogil:
    cdef int64_t now_s = g.now_ns // 1_000_000_000
    cdef uint8_t i = 0
    while i < N_CONTEXTS and contexts[i] != NULL and not contexts[i].spent:
        i += 1
    if i == N_CONTEXTS:
        t.f = contexts[0]
        return MALFORMED
    if contexts[i] == NULL:
        contexts[i] = add_flow(&g.flows, &t.p, i, now_s)
    t.f = contexts[i]
    touch_flow(&g.flows, t.f, now_s)
    begin_stream(&g.flows, t.f, 0, 1)
    memcpy(t.f.quic.dcid, q.dcid, q.dcid_n)
    t.f.quic.dcid_n = q.dcid_n
    t.f.quic.keys = keys[0]
    return OK


# -- reassembly ------------------------------------------------------------------------------------------------------

cdef Status _take_frames(Gate* g, Turn* t, const uint8_t* plain, size_t n) noexcept nogil:
    """Store an Initial's CRYPTO octets; the statuses of put_octets(), TOO_BIG if any octet is beyond the window."""
    cdef Cursor frames
    cdef Cursor data
    cdef uint64_t offset = 0
    cdef size_t octets
    cdef size_t taken
    cdef Status status
    cdef Status found = OK
    frames.at = plain
    frames.end = plain + n
    while next_crypto(&frames, &offset, &data) == OK:
        octets = <size_t>(data.end - data.at)
        if t.f.stage == PASSED and <int64_t>offset >= t.f.w.high:
            continue    # nothing that comes can change the verdict
        status = put_octets(&g.flows, t.f, <int64_t>offset, data.at, octets, &taken)
        if status == MALFORMED or status == NOT_THIS:
            return status
        if taken < octets:
            found = TOO_BIG
    return found


cdef Verdict _read_crypto_hellos(Gate* g, Turn* t) noexcept nogil:
    """Judge every complete hello: the first, and one after a HelloRetryRequest.   BLOCK or GO_ON."""
    cdef ClientHello hello
    cdef Status status
    cdef Flow* f = t.f
    cdef uint32_t start
    while f.stage != PASSED and f.next < f.w.have and f.w.have >= f.need:
        start = <uint32_t>f.next
        status = parse_hello_messages(f.w.at + start, f.w.have - start, &hello)
        if status == NEED_MORE and f.w.have < WINDOW_OCTETS:
            f.need = min(start + <uint32_t>hello.after, <uint32_t>WINDOW_OCTETS)
            return GO_ON
        if status == OK:
            count(g.shared.counters, CNT_GATE_HELLOS, 1)
        f.stage = FOLLOWING if status == OK else PASSED
        f.next = f.w.have
        if judge_hello(g, t, &hello, C_QUIC, counter_of(status)) == BLOCK:
            return BLOCK
    return GO_ON
