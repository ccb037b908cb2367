"""One client packet through the gate: packet → flow → hellos or request heads → names → judge() → mark.

No I/O, no clock, no allocation.  The answer is the mark of the packet's verdict, MARK_VERDICT | State; what has to be
injected stands in the outbox.

*Invariants*
- A packet is forwarded at once; the one that completes a hello or a head is judged before it leaves (rule R1).
- A flow is released by verdict, never by count, and not before the server has spoken (R10): so a decoy that only we saw
  stays in the window, and the real octets contradict it.
- HTTP is never released.  What was judged leaves the window only after the server has spoken.
- What cannot be decided is counted and goes by `closed`.

*Source*: RFC 8446 §4.1.2 (second hello after HelloRetryRequest), RFC 9112 §6 (bodies), RFC 9293 §3.10.7 (resets).
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from fastpath.counters cimport (
    CNT_GATE_BLOCKED, CNT_GATE_FLOWS_EVICTED, CNT_GATE_HELLOS, CNT_GATE_MALFORMED, CNT_GATE_NO_NAME, CNT_GATE_NOT_TLS,
    CNT_GATE_OVERLAP, CNT_GATE_PACKETS, CNT_GATE_PAGES_SENT, CNT_GATE_RELEASED, CNT_GATE_REQUESTS, CNT_GATE_RST_SENT,
    CNT_GATE_SHADOWED, CNT_GATE_TOO_BIG, CNT_NO_TABLES, count)
from fastpath.cursor cimport MALFORMED, NEED_MORE, NOT_THIS, OK, Status
from fastpath.flow cimport (
    FOLLOWING, OPENING, PASSED, WINDOW_OCTETS, Flow, add_flow, begin_stream, find_flow, put_octets, slide_window,
    spend_flow, stream_position, touch_flow)
from fastpath.http1 cimport HEAD_OCTETS, RequestHead, body_octets, parse_request_head
from fastpath.name cimport Name, name_from_host
from fastpath.outbox cimport put_tcp
from fastpath.packet cimport (
    FLAG_ACK, FLAG_FIN, FLAG_PSH, FLAG_RST, FLAG_SYN, PROTO_TCP, PacketView, parse_packet)
from fastpath.protocol cimport PROTOCOL_HTTP, PROTOCOL_OTHER, PROTOCOL_TLS, PROTOCOL_UNKNOWN, protocol_of
from fastpath.spool cimport note_block, note_url_block
from fastpath.tables cimport judge, judge_nameless, judge_request
from fastpath.tls cimport ClientHello, parse_client_hello
from fastpath.trace cimport note_channel, note_name, note_undecidable
from fastpath.url cimport name_from_literal_host, port_of_host
from fastpath.verdict cimport C_HTTP, C_LOCK, C_SNI, PASSTHRU, TCP_ONLY, Decision

cdef enum:
    SEGMENT_OCTETS = 1200       # fits IPv6's least MTU of 1280 with headers and options
    NOT_BLOCKED = 255           # no State: go on
    TOO_LONG = 254              # no State: a URL that cannot be read, of a host that has some listed


cdef struct Turn:               # one packet and where it stands
    PacketView p
    Flow* f
    uint8_t state               # of the flow, as the kernel had it
    uint8_t keep                # the state that means "allowed so far"
    int64_t at                  # stream position of its payload
    int64_t edge                # first stream position that the server cannot have


cdef uint32_t judge_packet(Gate* g, const uint8_t* packet, size_t n, uint32_t mark) noexcept nogil:
    """Judge one client packet, from its IP header on.

    mark    as the kernel queued it: ISN << 8 | MARK_QUEUED | State
    Returns MARK_VERDICT | State.   Cost: bench/gate.py.
    """
    cdef Turn t
    cdef Status status
    t.f = NULL
    t.state = mark & MARK_STATE
    t.keep = ALLOWED_SPOKEN if t.state == ALLOWED_SPOKEN else ALLOWED
    count(g.shared.counters, CNT_GATE_PACKETS, 1)
    status = parse_packet(packet, n, &t.p)
    if status != OK or t.p.proto != PROTO_TCP:
        count(g.shared.counters, CNT_GATE_MALFORMED, 1)
        return MARK_VERDICT | (BLOCKED if g.closed else t.state)
    # the kernel's rules drop a SYN with payload: it is no part of the stream unless the server says so
    if t.p.payload_n == 0 or t.p.flags & FLAG_SYN or g.port_kinds[t.p.dport] == PORT_NEITHER:
        return MARK_VERDICT | t.state
    if not _find_place(g, &t, mark >> 8):
        return MARK_VERDICT | t.f.state
    t.f.state = _judge_octets(g, &t)
    if t.f.state == BLOCKED:
        _reset_server(g, &t)
    if t.f.state == RELEASED:
        count(g.shared.counters, CNT_GATE_RELEASED, 1)
    if t.f.state == BLOCKED or t.f.state == RELEASED or t.f.state == ANSWERED:
        spend_flow(&g.flows, t.f, t.f.state)
    return MARK_VERDICT | t.f.state


cdef uint8_t _judge_octets(Gate* g, Turn* t) noexcept nogil:
    cdef uint8_t kind = g.port_kinds[t.p.dport]
    if kind & PORT_BY_CONTENT:
        kind = _kind_by_content(g, t, kind)
    if kind == PORT_TLS:
        return _judge_tls(g, t)
    if kind == PORT_HTTP:
        return _judge_http(g, t)
    return RELEASED if t.f.protocol == PROTOCOL_OTHER or t.f.have == WINDOW_OCTETS else t.keep


cdef uint8_t _kind_by_content(Gate* g, Turn* t, uint8_t kind) noexcept nogil:
    """A PortKind: by the octets where they tell, else by the port; PORT_NEITHER as well where more are needed."""
    cdef size_t taken
    cdef Flow* f = t.f
    if f.protocol == PROTOCOL_UNKNOWN:
        if put_octets(f, t.at, t.p.payload, t.p.payload_n, &taken) == MALFORMED:
            return PORT_TLS     # where the same is found again, and counted
        if t.at + <int64_t>taken > f.top:
            f.top = t.at + <int64_t>taken
        f.protocol = protocol_of(f.window, f.have, g.scratch)
        if f.protocol == PROTOCOL_UNKNOWN and taken == t.p.payload_n:
            return PORT_NEITHER
    if f.protocol == PROTOCOL_TLS:
        return PORT_TLS
    return PORT_HTTP if f.protocol == PROTOCOL_HTTP else kind & ~PORT_BY_CONTENT


# -- where the packet stands -----------------------------------------------------------------------------------------

cdef bint _find_place(Gate* g, Turn* t, uint32_t isn) noexcept nogil:
    """Find or begin the packet's flow.  False: the flow is decided, f.state says how."""
    cdef uint8_t evicted = 0
    cdef bint is_new = False
    t.f = find_flow(&g.flows, &t.p)
    if t.f == NULL:
        t.f = add_flow(&g.flows, &t.p, g.now_ns // 1_000_000_000, &evicted)
        count(g.shared.counters, CNT_GATE_FLOWS_EVICTED, evicted)
        is_new = True
    elif isn != 0 and (isn != t.f.isn or not t.f.is_isn_known):
        is_new = True           # the same addresses and ports, another connection
    if is_new:
        begin_stream(t.f, isn if isn != 0 else t.p.seq, isn != 0)
    elif t.f.spent:
        return False
    touch_flow(&g.flows, t.f, g.now_ns // 1_000_000_000)
    t.at = stream_position(t.f, t.p.seq)
    if is_new and t.state >= ALLOWED and (t.at > 0 or isn == 0):
        if not _take_up(g, t):
            spend_flow(&g.flows, t.f, BLOCKED)
            return False
    t.edge = t.f.base + t.f.have
    if t.f.next > t.edge:
        t.edge = t.at           # inside a body that is not kept
    return True


cdef bint _take_up(Gate* g, Turn* t) noexcept nogil:
    """Go on with a flow that was allowed so far and that we no longer know: evicted, or the gate was started anew.

    False: it may have been in the middle of its hello or first head, and the policy is closed."""
    cdef bint is_tls = g.port_kinds[t.p.dport] == PORT_TLS
    if g.closed and (is_tls or t.state == ALLOWED):
        return False
    if is_tls:
        t.f.stage = PASSED
        return True
    t.f.base = t.at
    t.f.next = t.at
    t.f.top = t.at
    t.f.stage = FOLLOWING
    return True


cdef uint8_t _undecidable(Gate* g, Turn* t, int counter) noexcept nogil:
    """Count it; the State that the policy gives it."""
    cdef Decision d
    count(g.shared.counters, counter, 1)
    note_undecidable(g.trace, counter)
    if g.tables != NULL:
        judge_nameless(g.tables, t.p.src, t.p.version, g.now_ns // 1_000_000_000, &d)
        if d.action != PASSTHRU:
            _count_block(g)
            note_block(g.shared, g.tables, &g.name, &d, C_LOCK, g.now_ns)
            return BLOCKED
    return BLOCKED if g.closed else t.keep


cdef uint8_t _judge_name(Gate* g, Turn* t, const uint8_t* text, size_t n, uint8_t channel, Decision* d) noexcept nogil:
    """BLOCKED, NOT_BLOCKED, or UNDECIDED where `text` is no name."""
    if name_from_host(text, n, &g.name) != OK:
        return UNDECIDED
    if g.tables == NULL:
        count(g.shared.counters, CNT_NO_TABLES, 1)
        return NOT_BLOCKED
    judge(g.tables, &g.name, t.p.src, t.p.version, g.now_ns // 1_000_000_000, d)
    # truncating an answer is something only DNS can do
    if d.action == PASSTHRU or d.action == TCP_ONLY:
        return NOT_BLOCKED
    _count_block(g)
    note_block(g.shared, g.tables, &g.name, d, channel, g.now_ns)
    return BLOCKED


# -- TLS -------------------------------------------------------------------------------------------------------------

cdef uint8_t _judge_tls(Gate* g, Turn* t) noexcept nogil:
    cdef size_t taken = 0
    cdef Flow* f = t.f
    if f.stage == PASSED and t.state == ALLOWED_SPOKEN:
        return RELEASED
    # a flow that has passed is compared on as long as the server is silent: what passed may have been a decoy
    if put_octets(f, t.at, t.p.payload, t.p.payload_n, &taken) == MALFORMED:
        count(g.shared.counters, CNT_GATE_OVERLAP, 1)
        note_undecidable(g.trace, CNT_GATE_OVERLAP)
        return BLOCKED
    if t.at + <int64_t>taken > f.top:
        f.top = t.at + <int64_t>taken
    if _read_hellos(g, t) == BLOCKED:
        return BLOCKED
    if taken < t.p.payload_n and f.stage != PASSED and _too_far(g, t) == BLOCKED:
        return BLOCKED
    return RELEASED if f.stage == PASSED and t.state == ALLOWED_SPOKEN else t.keep


cdef uint8_t _too_far(Gate* g, Turn* t) noexcept nogil:
    """Octets beyond the window: after an allowed hello they do not matter, before it they are undecidable."""
    cdef uint8_t verdict = t.keep
    if t.f.stage == OPENING:
        verdict = _undecidable(g, t, CNT_GATE_TOO_BIG)
    # while the server is silent the hello may still come, and this was a decoy
    if t.state == ALLOWED_SPOKEN or t.f.stage == FOLLOWING:
        t.f.stage = PASSED
    return verdict


cdef uint8_t _read_hellos(Gate* g, Turn* t) noexcept nogil:
    """Judge every hello that is whole: the first, and one after a HelloRetryRequest."""
    cdef ClientHello hello
    cdef Status status
    cdef uint32_t start
    cdef Flow* f = t.f
    cdef uint8_t verdict = t.keep
    while f.stage != PASSED and f.next < f.base + f.have:
        start = <uint32_t>(f.next - f.base)
        status = parse_client_hello(f.window + start, f.have - start, g.scratch, &hello)
        if status == NEED_MORE and f.have < WINDOW_OCTETS:
            return t.keep
        if status == OK and hello.after > 0:
            count(g.shared.counters, CNT_GATE_HELLOS, 1)
            verdict = _judge_hello(g, t, &hello, CNT_GATE_NO_NAME)
            f.next += hello.after
            f.stage = FOLLOWING
        else:
            if f.stage == OPENING or status == MALFORMED:
                verdict = _judge_hello(g, t, &hello, _counter_of(status))
            f.stage = PASSED
        if verdict == BLOCKED:
            return BLOCKED
    return t.keep


cdef int _counter_of(Status status) noexcept nogil:
    if status == NOT_THIS:
        return CNT_GATE_NOT_TLS
    return CNT_GATE_MALFORMED if status == MALFORMED else CNT_GATE_TOO_BIG


cdef uint8_t _judge_hello(Gate* g, Turn* t, const ClientHello* hello, int counter) noexcept nogil:
    """Any blocked name blocks.  counter: what to count where no name could be judged.

    A hello that is no hello (counter is not CNT_GATE_NO_NAME) is undecidable, whatever name stood in it."""
    cdef Decision d
    cdef uint8_t verdict
    cdef uint8_t i
    cdef bint is_undecidable = hello.n_names == 0 or counter != CNT_GATE_NO_NAME
    note_channel(g.trace, C_SNI, hello.has_ech, 0)
    for i in range(hello.n_names):
        note_name(g.trace, hello.names[i].at, hello.names[i].n, NULL, 0)
        verdict = _judge_name(g, t, hello.names[i].at, hello.names[i].n, C_SNI, &d)
        if verdict == BLOCKED:
            return BLOCKED
        if verdict == UNDECIDED:
            is_undecidable = True
            counter = CNT_GATE_MALFORMED
    if hello.names_overflowed:
        return _undecidable(g, t, CNT_GATE_TOO_BIG)
    return _undecidable(g, t, counter) if is_undecidable else t.keep


# -- HTTP ------------------------------------------------------------------------------------------------------------

cdef uint8_t _judge_http(Gate* g, Turn* t) noexcept nogil:
    cdef Flow* f = t.f
    cdef int64_t at = t.at
    cdef const uint8_t* data = t.p.payload
    cdef size_t left = t.p.payload_n
    cdef size_t taken
    cdef uint8_t verdict
    if f.stage == FOLLOWING and (at < f.base or f.base + f.have < f.next):
        # inside a body, or older than the window
        verdict = _look_for_request(g, t, t.p.payload, t.p.payload_n)
        if verdict == BLOCKED or verdict == ANSWERED:
            return verdict
    while left > 0:
        if put_octets(f, at, data, left, &taken) == MALFORMED:
            count(g.shared.counters, CNT_GATE_OVERLAP, 1)
            note_undecidable(g.trace, CNT_GATE_OVERLAP)
            return BLOCKED
        if taken == 0 and at < f.next:
            taken = left if <int64_t>left < f.next - at else <size_t>(f.next - at)  # a body: nothing to keep
        if taken == 0 and not _make_room(g, t, at):
            return _undecidable(g, t, CNT_GATE_TOO_BIG)
        at += <int64_t>taken
        data += taken
        left -= taken
        if at > f.top:
            f.top = at
        verdict = _read_requests(g, t)
        if verdict != NOT_BLOCKED:
            return verdict
    return t.keep


cdef bint _make_room(Gate* g, Turn* t, int64_t at) noexcept nogil:
    """Move the window so that `at` is inside.  False: not while the server is silent, what was judged must stay."""
    cdef Flow* f = t.f
    if f.stage == OPENING or t.state != ALLOWED_SPOKEN:
        return False
    if f.next > f.base and at - f.next < WINDOW_OCTETS:
        slide_window(f, f.next)
        return True
    count(g.shared.counters, CNT_GATE_TOO_BIG, 1)
    note_undecidable(g.trace, CNT_GATE_TOO_BIG)
    if g.closed:
        return False
    slide_window(f, at)     # beyond a gap that is longer than the window: begin anew behind it
    return True


cdef uint8_t _read_requests(Gate* g, Turn* t) noexcept nogil:
    """Judge every head that is whole.  Returns NOT_BLOCKED, or the State of the flow."""
    cdef RequestHead head
    cdef Status status
    cdef uint32_t start
    cdef uint8_t verdict
    cdef Flow* f = t.f
    while f.next < f.base + f.have:
        start = <uint32_t>(f.next - f.base)
        status = parse_request_head(f.window + start, f.have - start, &head)
        if status == NEED_MORE and (f.have < WINDOW_OCTETS or start > 0):
            break
        if status == OK and head.after > 0:
            verdict = _step_over(g, t, &head, start)
        else:
            # a body whose length its head does not tell, or no HTTP at all: look again where the next segment begins
            f.next = f.base + f.have
            verdict = NOT_BLOCKED
            if f.stage == OPENING:
                verdict = _judge_request(g, t, &head, CNT_GATE_MALFORMED if status == NOT_THIS else CNT_GATE_TOO_BIG)
        f.stage = FOLLOWING
        if verdict == BLOCKED or verdict == ANSWERED:
            return verdict
    return _look_into_body(g, t)


cdef uint8_t _step_over(Gate* g, Turn* t, const RequestHead* head, uint32_t start) noexcept nogil:
    """Judge a head that begins at window[start] and go on behind its body."""
    cdef Flow* f = t.f
    cdef uint8_t verdict = _judge_request(g, t, head, CNT_GATE_NO_NAME)
    f.body = f.next + <int64_t>head.after
    f.next = f.body + body_octets(f.window + start, head.after)
    return verdict


cdef uint8_t _look_into_body(Gate* g, Turn* t) noexcept nogil:
    """A request that hides at the beginning of a body (E63), over as many segments as it likes."""
    cdef Flow* f = t.f
    cdef uint8_t verdict = NOT_BLOCKED
    if f.base <= f.body < f.next and f.body < f.base + f.have:
        verdict = _look_for_request(g, t, f.window + (f.body - f.base), <size_t>(f.base + f.have - f.body))
        if verdict != UNDECIDED:
            f.body = f.next     # it is looked through
    return NOT_BLOCKED if verdict == UNDECIDED else verdict


cdef uint8_t _look_for_request(Gate* g, Turn* t, const uint8_t* data, size_t n) noexcept nogil:
    """Judge octets that may be a request, or not.  UNDECIDED: as far as they go they are one."""
    cdef RequestHead head
    cdef uint8_t verdict
    cdef Status status = parse_request_head(data, n if n < HEAD_OCTETS else HEAD_OCTETS, &head)
    if status != OK or head.n_hosts == 0:
        return UNDECIDED if status == NEED_MORE else NOT_BLOCKED
    verdict = _judge_request(g, t, &head, CNT_GATE_NO_NAME)
    return verdict if verdict == BLOCKED or verdict == ANSWERED else NOT_BLOCKED


cdef uint8_t _judge_request(Gate* g, Turn* t, const RequestHead* head, int counter) noexcept nogil:
    """Any blocked host blocks.  counter: what to count where no host could be judged; see _judge_hello()."""
    cdef Decision d
    cdef uint8_t verdict
    cdef uint8_t i
    cdef bint is_undecidable = head.n_hosts == 0 or counter != CNT_GATE_NO_NAME
    if counter == CNT_GATE_NO_NAME:
        count(g.shared.counters, CNT_GATE_REQUESTS, 1)
    note_channel(g.trace, C_HTTP, 0, 0)
    for i in range(head.n_hosts):
        note_name(g.trace, head.hosts[i].at, head.hosts[i].n, head.target, head.target_n)
        verdict = _judge_host(g, t, head, head.hosts[i].at, head.hosts[i].n, &d)
        if verdict == BLOCKED:
            return _answer(g, t, &d)
        if verdict == UNDECIDED or verdict == TOO_LONG:
            is_undecidable = True
        if verdict == TOO_LONG:
            counter = CNT_GATE_TOO_BIG
    if head.hosts_overflowed:
        return _undecidable(g, t, CNT_GATE_TOO_BIG)
    return _undecidable(g, t, counter) if is_undecidable else t.keep


cdef uint8_t _judge_host(Gate* g, Turn* t, const RequestHead* head, const uint8_t* text, size_t n,
                         Decision* d) noexcept nogil:
    """Judge one host and the URLs that a server could take the request to be for.

    BLOCKED, NOT_BLOCKED, UNDECIDED where `text` is no name, TOO_LONG.  The port is the one that the client says and the
    one that it came to; a target with blanks inside is its first word to one server, all of it to another."""
    cdef bint is_name = name_from_host(text, n, &g.name) == OK
    cdef int32_t said = port_of_host(text, n)
    cdef int32_t met = t.p.dport
    cdef uint8_t verdict
    if not is_name and name_from_literal_host(text, n, &g.name) != OK:
        return UNDECIDED
    if g.tables == NULL:
        count(g.shared.counters, CNT_NO_TABLES, 1)
        return NOT_BLOCKED if is_name else UNDECIDED
    verdict = _judge_url(g, t, said, head.target, head.target_n, is_name, d)
    if verdict == NOT_BLOCKED and met != said:
        verdict = _judge_url(g, t, met, head.target, head.target_n, is_name, d)
    if verdict == NOT_BLOCKED and head.spaced_n > head.target_n:
        verdict = _judge_url(g, t, said, head.target, head.spaced_n, is_name, d)
    return UNDECIDED if verdict == NOT_BLOCKED and not is_name else verdict


cdef uint8_t _judge_url(Gate* g, Turn* t, int32_t port, const uint8_t* target, size_t n, bint is_name,
                        Decision* d) noexcept nogil:
    """One reading of a request to g.name.   is_name  False: an address, of which only URLs are listed"""
    cdef Status status = judge_request(g.tables, &g.name, port, target, n, t.p.src, t.p.version,
                                       g.now_ns // 1_000_000_000, &g.url, d)
    # truncating an answer is something only DNS can do
    if d.action == PASSTHRU or d.action == TCP_ONLY or not (is_name or d.rule_url_n):
        return NOT_BLOCKED if status == OK else TOO_LONG
    _count_block(g)
    if d.rule_url_n:
        note_url_block(g.shared, g.tables, &g.url, d, C_HTTP, g.now_ns)
    else:
        note_block(g.shared, g.tables, &g.name, d, C_HTTP, g.now_ns)
    return BLOCKED


cdef void _count_block(Gate* g) noexcept nogil:
    count(g.shared.counters, CNT_GATE_SHADOWED if g.shared.is_shadow else CNT_GATE_BLOCKED, 1)


# -- what is sent ----------------------------------------------------------------------------------------------------

cdef uint8_t _answer(Gate* g, Turn* t, const Decision* d) noexcept nogil:
    """Put the page for this reason and a reset for the server into the outbox.  BLOCKED where there is no page."""
    cdef size_t n
    cdef size_t at = 0
    cdef size_t size
    cdef uint8_t flags
    cdef uint32_t seq = t.p.ack
    cdef uint32_t ack = t.p.seq + t.p.payload_n + (1 if t.p.flags & FLAG_FIN else 0)
    if d.reason >= N_PAGES or g.pages[d.reason].before_n == 0:
        return BLOCKED
    n = _write_page(&g.pages[d.reason], &g.name, g.page)
    while at < n:
        size = n - at if n - at < SEGMENT_OCTETS else SEGMENT_OCTETS
        flags = FLAG_ACK | FLAG_PSH | (FLAG_FIN if at + size == n else 0)
        put_tcp(&g.out, &t.p, True, seq + <uint32_t>at, ack, flags, g.page + at, size)
        at += size
    count(g.shared.counters, CNT_GATE_PAGES_SENT, 1)
    _reset_server(g, t)
    return ANSWERED


cdef size_t _write_page(const Page* page, const Name* name, uint8_t* out) noexcept nogil:
    cdef size_t n = page.before_n
    memcpy(out, page.before, page.before_n)
    if page.after_n == 0:
        return n
    n += _write_host(name, out + n)
    memcpy(out + n, page.after, page.after_n)
    return n + page.after_n


cdef size_t _write_host(const Name* name, uint8_t* out) noexcept nogil:
    """The name as text; only letters, digits, '-' and '_', so that it can stand in a page."""
    cdef uint8_t label
    cdef size_t n = 0
    for label in range(name.n_labels):
        if label > 0:
            out[n] = 46     # '.'
            n += 1
        memcpy(out + n, name.wire + name.at[label] + 1, name.wire[name.at[label]])
        n += name.wire[name.at[label]]
    return n


cdef void _reset_server(Gate* g, Turn* t) noexcept nogil:
    """RFC 9293 §3.10.7.4: a reset counts only with exactly the sequence number that the server waits for."""
    if g.shared.is_shadow:
        return      # what was only seen has arrived at the server: it waits for other octets
    if put_tcp(&g.out, &t.p, False, t.p.seq + <uint32_t>(t.edge - t.at), t.p.ack, FLAG_RST | FLAG_ACK, NULL, 0):
        count(g.shared.counters, CNT_GATE_RST_SENT, 1)
