"""Verdicts for the names of a hello, and for input without a usable name.  Shared by TLS, QUIC and HTTP.

Invariants: one blocked name among several blocks.  A would-be block of a list of action SHADOW is counted once per
hello, where the hello is allowed.  Undecidable input is counted; its subscriber's lock decides, then `closed`.
The class of a hello's software is counted with every verdict, and changes none.
A block counts as its client's only where a handshake has shown that the client is at its address: see is_counted().
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, Status
from fastpath.gate.flow cimport OPENING, Flow, find_flow, is_unjudged
from fastpath.gate.labels cimport add_category, add_to_label, begin_label, put_label
from fastpath.gate.outbox cimport put_tcp
from fastpath.gate.state cimport (
    ALLOW, ALLOWED_SPOKEN, BLOCK, DROP, GO_ON, NOT_A_NAME, PARTIAL, PARTIAL_SPOKEN, UNDECIDED, WAIT, Gate, Turn,
    Verdict)
from fastpath.images.layout cimport ListRow
from fastpath.images.tables cimport judge, judge_nameless, lists_of
from fastpath.images.verdict cimport (
    CATEGORY_BYPASS, CATEGORY_UNDECIDABLE, C_ADDRESS, C_LOCK, C_QUIC, NO_LIST, PASSTHRU, SHADOW, TCP_ONLY, T_CATEGORY,
    Decision)
from fastpath.report.counters cimport (
    CNT_GATE_BLOCKED, CNT_GATE_BYPASS_BLOCKED, CNT_GATE_BYPASS_SEEN, CNT_GATE_FORGOTTEN, CNT_GATE_MALFORMED,
    CNT_GATE_NOT_TLS, CNT_GATE_NO_NAME, CNT_GATE_OVERLAP, CNT_GATE_OVER_BUDGET, CNT_GATE_SHADOWED, CNT_GATE_TOO_BIG,
    CNT_GATE_UNLABELLED, CNT_GATE_UNPROVEN, CNT_NO_TABLES, COUNTED_AT, count, count_by_list)
from fastpath.report.hello_classes cimport count_class
from fastpath.report.spool cimport note_block, note_shadow, note_url_block
from fastpath.report.trace cimport note_channel, note_hello, note_name, note_undecidable
from fastpath.wire.ja4 cimport JA4_QUIC, JA4_TLS
from fastpath.wire.name cimport name_from_host
from fastpath.wire.packet cimport FLAG_ACK
from fastpath.wire.tls cimport ClientHello


cdef Verdict judge_hello(Gate* g, Turn* t, const ClientHello* hello, uint8_t channel, int counter) noexcept nogil:
    """Judge every name of a hello: one that is blocked blocks.   counter: counted where no name could be judged.

    A hello that did not parse (counter is not CNT_GATE_NO_NAME) is undecidable, with or without names.  One with the
    beginning of another in its last record is blocked in either policy: no client writes it, and GnuTLS reads both."""
    cdef uint8_t shadow = NO_LIST
    cdef Verdict verdict
    cdef uint8_t i
    cdef bint is_undecidable = hello.n_names == 0 or counter != CNT_GATE_NO_NAME
    begin_label(&g.labels, &t.f.label)
    note_channel(g.trace, channel, hello.has_ech, t.quic_version)
    note_hello(g.trace, hello.message, hello.message_n)
    if g.classes != NULL and counter == CNT_GATE_NO_NAME:
        count_class(g.classes, g.shared.counters, hello, JA4_QUIC if channel == C_QUIC else JA4_TLS)
    for i in range(hello.n_names):
        note_name(g.trace, hello.names[i].at, hello.names[i].n, NULL, 0)
        verdict = _judge_name(g, t, hello.names[i].at, hello.names[i].n, channel, &shadow)
        if verdict == BLOCK:
            return BLOCK
        if verdict == NOT_A_NAME:
            is_undecidable = True
            counter = CNT_GATE_MALFORMED
    if hello.is_cut:
        count(g.shared.counters, CNT_GATE_MALFORMED, 1)
        note_undecidable(g.trace, CNT_GATE_MALFORMED)
        return BLOCK
    if hello.names_overflowed:
        is_undecidable = True
        counter = CNT_GATE_TOO_BIG
    return unless_blocked(g, t, is_undecidable, counter, shadow, channel)


cdef Verdict unless_blocked(Gate* g, Turn* t, bint is_undecidable, int counter, uint8_t shadow,
                            uint8_t channel) noexcept nogil:
    """The verdict where no name blocks: ALLOW, or undecidable()'s.

    counter   for undecidable();  shadow: the list that would have blocked a name, or NO_LIST"""
    cdef Verdict verdict = _judge_undecidable(g, t, counter) if is_undecidable else ALLOW
    if verdict != BLOCK:
        note_shadow(g.shared, shadow, channel)
        if is_undecidable:
            add_category(&g.labels, CATEGORY_UNDECIDABLE)
        _label(g, t)
    return verdict


cdef inline void _label(Gate* g, Turn* t) noexcept nogil:
    """Have the kernel keep what was allowed."""
    if t.f != NULL:
        t.f.label = g.labels.now
    if not put_label(&g.labels, &t.p):
        count(g.shared.counters, CNT_GATE_UNLABELLED, 1)


cdef Verdict _judge_name(Gate* g, Turn* t, const uint8_t* text, size_t n, uint8_t channel,
                         uint8_t* shadow) noexcept nogil:
    """BLOCK, GO_ON or NOT_A_NAME.   shadow  in, out: as unless_blocked() takes it"""
    cdef Decision d
    if name_from_host(text, n, &g.name) != OK:
        return NOT_A_NAME
    if g.tables == NULL:
        count(g.shared.counters, CNT_NO_TABLES, 1)
        return BLOCK if is_shut(g) else GO_ON
    judge(g.tables, &g.name, t.p.src, t.p.version, g.now_ns // 1_000_000_000, &d)
    count_bypass(g, t, &d, channel)
    # only DNS can truncate an answer
    if d.action == PASSTHRU or d.action == TCP_ONLY:
        if shadow[0] == NO_LIST:
            shadow[0] = d.shadow
        add_to_label(&g.labels, &g.name, &d, lists_of(g.tables))
        return GO_ON
    report_block(g, t, &d, channel)
    return BLOCK


cdef void count_bypass(Gate* g, const Turn* t, const Decision* d, uint8_t channel) noexcept nogil:
    """Count matches of lists of category bypass, blocked or not: per list, never per subscriber."""
    cdef const ListRow* lists
    cdef bint is_seen = False
    cdef uint64_t left
    cdef uint8_t word
    cdef uint8_t i
    if not d.matched[0] | d.matched[1]:
        return
    if d.tier == T_CATEGORY and d.category == CATEGORY_BYPASS and d.action != TCP_ONLY and is_counted(g, t, channel):
        count(g.shared.counters, CNT_GATE_BYPASS_BLOCKED, 1)
    lists = lists_of(g.tables)
    for word in range(2):
        i = 64 * word
        left = d.matched[word]
        while left:
            if left & 1 and lists[i].category == CATEGORY_BYPASS:
                is_seen = True
                if lists[i].action != SHADOW and not lists[i].confidential:
                    count_by_list(g.shared.counters, COUNTED_AT, i, channel)
            left >>= 1
            i += 1
    if is_seen:
        count(g.shared.counters, CNT_GATE_BYPASS_SEEN, 1)


cdef Verdict undecidable(Gate* g, Turn* t, int counter) noexcept nogil:
    """Count undecidable input; returns BLOCK or ALLOW by the subscriber's lock and the policy.

    The first of a connection labels it; where something of it was allowed before, it keeps the label of that."""
    cdef Verdict verdict = _judge_undecidable(g, t, counter)
    if verdict != BLOCK and (t.state == UNDECIDED or t.state == PARTIAL):
        begin_label(&g.labels, NULL)
        add_category(&g.labels, CATEGORY_UNDECIDABLE)
        _label(g, t)
    return verdict


cdef Verdict _judge_undecidable(Gate* g, Turn* t, int counter) noexcept nogil:
    cdef Decision d
    count(g.shared.counters, counter, 1)
    note_undecidable(g.trace, counter)
    if g.tables != NULL:
        judge_nameless(g.tables, t.p.src, t.p.version, g.now_ns // 1_000_000_000, &d)
        if d.action != PASSTHRU:
            report_block(g, t, &d, C_LOCK)
            return BLOCK
    return BLOCK if is_shut(g) else ALLOW


cdef bint is_shut(const Gate* g) noexcept nogil:
    """Whether what cannot be decided is blocked."""
    return g.closed or g.tables == NULL and g.is_shut_without_images


cdef bint is_counted(Gate* g, const Turn* t, uint8_t channel) noexcept nogil:
    """Whether a block counts.   False: anyone may have written the packet, as no one saw a handshake.

    So is a name over QUIC: its client goes on over TCP, where it counts.  To a listed address there is never more than
    a SYN or datagrams: they count, for no subscriber (destination.pyx).  A tap's blocks are no blocks."""
    return g.shared.is_shadow or channel == C_ADDRESS and is_first(t) or has_handshake(g, t)


cdef bint has_handshake(Gate* g, const Turn* t) noexcept nogil:
    """Whether the gate has seen the server's SYN/ACK, and the client acknowledges it: so it has received it.

    The kernel drops what acknowledges more than the server has sent, and lets pass what acknowledges less."""
    cdef const Flow* f
    if is_first(t):
        return False
    f = t.f if t.f != NULL else find_flow(&g.flows, &t.p)
    return f != NULL and f.is_isn_known and not t.is_untracked and <int32_t>(t.p.ack - f.heard) >= 0


cdef void report_block(Gate* g, const Turn* t, const Decision* d, uint8_t channel) noexcept nogil:
    """Count and record a block of g.name or g.url; on a tap, a would-be block; unproven, only that there was one."""
    if not is_counted(g, t, channel):
        count(g.shared.counters, CNT_GATE_UNPROVEN, 1)
        return
    count(g.shared.counters, CNT_GATE_SHADOWED if g.shared.is_shadow else CNT_GATE_BLOCKED, 1)
    if d.rule_url_n:
        note_url_block(g.shared, g.tables, &g.url, d, channel, g.now_ns)
    else:
        note_block(g.shared, g.tables, &g.name, d, channel, g.now_ns)


cdef int counter_of(Status status) noexcept nogil:
    """The counter for a hello without a name, by its parser's status."""
    if status == OK:
        return CNT_GATE_NO_NAME
    if status == NOT_THIS:
        return CNT_GATE_NOT_TLS
    return CNT_GATE_MALFORMED if status == MALFORMED else CNT_GATE_TOO_BIG


cdef int unless_forgotten(const Gate* g, const Turn* t, int counter) noexcept nogil:
    """The counter of octets that cannot be read: where gate and kernel know no beginning, both have forgotten one."""
    return counter if t.f.is_isn_known or t.is_untracked or g.shared.is_shadow else CNT_GATE_FORGOTTEN


cdef Verdict contradicted(Gate* g) noexcept nogil:
    """Count octets that differ from those already seen at their position; the first may have been a decoy (R2)."""
    count(g.shared.counters, CNT_GATE_OVERLAP, 1)
    note_undecidable(g.trace, CNT_GATE_OVERLAP)
    return BLOCK


cdef bint is_apart(const Gate* g, const Turn* t) noexcept nogil:
    """E12: whether a segment is apart from the octets seen, in a stream whose beginning is unknown.

    It may be a part of the stream or a decoy; only the server knows, until it has spoken."""
    return (not t.f.is_isn_known and not g.shared.is_shadow and not is_spoken(t)
            and (t.at > t.f.top or t.at + <int64_t>t.p.payload_n < t.f.base))


cdef bint is_keep_alive(const Turn* t) noexcept nogil:
    """RFC 9293 §3.8.4: one octet of garbage that its server already has.  Windows sends zero."""
    cdef const Flow* f = t.f
    cdef int64_t offset = t.at - f.base
    if t.p.payload_n != 1 or t.p.payload[0] != 0 or t.at != f.top - 1 or t.at < 0:
        return False
    return offset >= f.w.have or offset < 0 or f.w.at[offset] != 0


cdef Verdict judge_keep_alive(Gate* g, Turn* t) noexcept nogil:
    """Any other octet is a contradiction.  This one passes where its server has acknowledged what it stands in for.

    Elsewhere a decoy may have stood in its place.  So one without an octet goes in its stead (RFC 9293 §3.8.4 allows
    both): its server answers it alike, which says how far it has received, and its client's connection stays alive.
    Not where no handshake was seen: what the gate sends would begin a connection for the kernel."""
    if t.f.acked >= t.f.top:
        return so_far(t)
    if not g.shared.is_shadow and (t.f.is_isn_known or t.is_untracked):
        t.is_asking = 1
        put_tcp(&g.out, &t.p, False, t.p.seq, t.p.ack, FLAG_ACK, NULL, 0)
    return DROP


cdef Verdict over_budget(Gate* g, Turn* t) noexcept nogil:
    """Count a flow beyond its client's memory share."""
    count(g.shared.counters, CNT_GATE_OVER_BUDGET, 1)
    return BLOCK


cdef bint is_spoken(const Turn* t) noexcept nogil:
    """Whether the server has spoken since a hello or head of this flow was judged: then it has received that one."""
    return t.state == ALLOWED_SPOKEN or t.state == PARTIAL_SPOKEN


cdef bint is_proven(const Gate* g, const Turn* t) noexcept nogil:
    """Whether the server has received all judged octets, so that they may leave the window.

    Where its packets are not asked for, one that it has sent since is taken for it: a tap holds nothing back, and with
    asymmetric routing there is the client's word alone."""
    if g.shared.is_shadow:
        return is_spoken(t)
    if t.is_untracked:
        return t.f.has_heard and <int32_t>(t.p.ack - t.f.heard) > 0
    return t.f.acked >= t.f.next


cdef Verdict so_far(const Turn* t) noexcept nogil:
    """Verdict of an undecided flow: WAIT while octets of it are forwarded and not judged, else ALLOW.

    Where nothing was judged yet there is nothing to allow."""
    return WAIT if is_unjudged(t.f) or t.f.stage == OPENING and t.state != ALLOWED_SPOKEN else ALLOW
