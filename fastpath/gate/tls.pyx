"""TLS judgement: segments → reassembled hellos → names → Verdict.

Invariants: a packet is forwarded at once; the one that completes a hello is judged before it is forwarded (rule R1).
A flow is released by verdict, never by count, and not before the server has spoken and acknowledged what shows that no
other hello follows (R10).  So a decoy that the server never received stays in the window, and the real octets
contradict it.
A hello is judged only where the server's SYN/ACK has shown the ISN; elsewhere its flow is blocked (E12), at any offset
at which a hello begins: see hello_search.pyx.
Source: RFC 8446 §4.1.2 (second hello after HelloRetryRequest), §5.1.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp

from fastpath.base.cursor cimport MALFORMED, NEED_MORE, NOT_THIS, OK, Status
from fastpath.gate.flow cimport EARLY, FOLLOWING, OPENING, PASSED, WINDOW_OCTETS, Flow
from fastpath.gate.hello_search cimport (
    begins_hello, holds_hello, is_before_search, is_searched, make_way, search_octets)
from fastpath.gate.reassembly cimport SMALL_OCTETS
from fastpath.gate.state cimport BLOCK, DROP, GO_ON, RELEASE, WAIT, Gate, Turn, Verdict
from fastpath.gate.stream cimport is_passed_and_proven, put_octets, slide_window
from fastpath.gate.verdicts cimport (
    contradicted, counter_of, is_apart, is_keep_alive, is_proven, is_spoken, judge_hello, judge_keep_alive,
    over_budget, so_far, undecidable, unless_forgotten)
from fastpath.images.verdict cimport C_SNI
from fastpath.report.counters cimport CNT_GATE_FORGOTTEN, CNT_GATE_HELLOS, CNT_GATE_NO_NAME, CNT_GATE_TOO_BIG, count
from fastpath.wire.tls cimport ClientHello, parse_client_hello, parse_later_hello

cdef enum:
    HANDSHAKE = 22          # RFC 8446 §5.1
    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    APPLICATION_DATA = 23
    HEARTBEAT = 24          # RFC 6520
    RECORD_HEADER = 5
    RECORD_OCTETS = 16384   # RFC 8446 §5.1
    SERVER_HELLO = 2
    SERVER_RANDOM = 11      # where the random octets of a ServerHello stand in its first record
    RANDOM_OCTETS = 32

# RFC 8446 §4.1.3: a ServerHello with these is a HelloRetryRequest.
cdef const uint8_t* RETRY_RANDOM = (
    b"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
    b"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c")


cdef Verdict judge_tls(Gate* g, Turn* t) noexcept nogil:
    """Judge a flow with its new segment: ALLOW, WAIT, RELEASE or BLOCK."""
    cdef size_t n = t.p.payload_n
    cdef Verdict verdict
    cdef Flow* f = t.f
    cdef bint is_begin_unknown = not f.is_isn_known and not g.shared.is_shadow
    if _may_release(g, t):
        return RELEASE
    if is_keep_alive(t):
        return judge_keep_alive(g, t)
    if is_searched(g, t):
        return _search_segment(g, t)
    if is_begin_unknown and (begins_hello(g, t.p.payload, n) or _is_stray(g, t)):
        return _block_unseen_begin(g)
    if f.is_doubted and not t.is_untracked and t.at < f.base:
        return _block_unseen_begin(g)
    if f.stage == PASSED and f.is_isn_known:
        # the allowed octets may be a decoy: while the server is silent, segments are compared with them, none is stored
        n = _seen_before(f, t.at, n)
    elif f.stage != OPENING and f.is_isn_known and max(t.at, f.acked) < f.base and _before_window(g, t) == BLOCK:
        return BLOCK
    verdict = _take_octets(g, t, t.at, t.p.payload, n)
    if verdict != GO_ON:
        return verdict
    return RELEASE if _may_release(g, t) else so_far(t)


cdef Verdict _search_segment(Gate* g, Turn* t) noexcept nogil:
    """Judge a segment of a flow that is searched as it comes: ALLOW, WAIT or BLOCK."""
    cdef size_t n
    cdef size_t at = 0
    cdef Verdict verdict
    if is_before_search(t) and undecidable(g, t, CNT_GATE_TOO_BIG) == BLOCK:
        return BLOCK
    while at < t.p.payload_n:
        n = min(t.p.payload_n - at, <size_t>SMALL_OCTETS // 2)      # a segment may be long, a small piece is enough
        make_way(g, t.f, t.at + <int64_t>(at + n))
        verdict = _take_octets(g, t, t.at + <int64_t>at, t.p.payload + at, n)
        if verdict != GO_ON:
            return verdict
        at += n
    return so_far(t)


cdef bint _may_release(const Gate* g, const Turn* t) noexcept nogil:
    """Whether no later octet can change the verdict, and the server has received what it rests on."""
    if t.is_untracked or g.shared.is_shadow and not t.f.is_doubted:
        return t.f.stage == PASSED and is_spoken(t)     # no acknowledgement is seen
    return is_passed_and_proven(t.f) and (t.f.is_doubted or is_spoken(t))


cdef Verdict _take_octets(Gate* g, Turn* t, int64_t at, const uint8_t* data, size_t n) noexcept nogil:
    """Store these octets of the segment and judge what has become complete.   GO_ON, or the packet's verdict."""
    cdef size_t taken = 0
    cdef Status status
    cdef Flow* f = t.f
    while True:
        status = put_octets(&g.flows, f, at, data, n, &taken)
        if status == MALFORMED:
            return contradicted(g)
        if status == NOT_THIS:
            return over_budget(g, t)
        if at + <int64_t>taken > f.top:
            f.top = at + <int64_t>taken
        if _read_octets(g, t, at, taken) == BLOCK:
            return BLOCK
        if taken == n or f.stage == PASSED:
            return GO_ON
        at += <int64_t>taken
        data += taken
        n -= taken
        if is_searched(g, t):
            if undecidable(g, t, CNT_GATE_TOO_BIG) == BLOCK:
                return BLOCK
            slide_window(&g.flows, f, at)   # what is missing in front may never come
        elif not f.is_isn_known or f.next == f.base:
            return BLOCK if _too_far(g, t) == BLOCK else GO_ON
        elif not is_proven(g, t):
            return _beyond_proven(g, t)
        else:
            slide_window(&g.flows, f, f.next)


cdef Verdict _read_octets(Gate* g, Turn* t, int64_t at, size_t n) noexcept nogil:
    """Judge what has become complete with `n` octets at stream position `at`.   BLOCK or GO_ON."""
    if is_searched(g, t):
        return search_octets(g, t, at, n)
    if not t.f.is_isn_known and not g.shared.is_shadow and holds_hello(g, t.f):
        return _block_unseen_begin(g)
    return _read_hellos(g, t)


cdef Verdict _beyond_proven(Gate* g, Turn* t) noexcept nogil:
    """Judge octets for which judged ones would have to leave the window: DROP while the server's word is asked for."""
    if not t.is_untracked and not g.shared.is_shadow:
        return DROP
    return BLOCK if _too_far(g, t) == BLOCK else GO_ON


cdef Verdict judge_server_hello(Turn* t) noexcept nogil:
    """Read what a server says to a hello with early data.   RELEASE: no other hello can follow.  GO_ON: one may.

    Only the packet with the first octets counts; anyone who cuts a ServerHello in pieces keeps the connection
    queued."""
    cdef const uint8_t* octets = t.p.payload
    if t.p.payload_n == 0 or t.p.seq != t.f.heard:
        return GO_ON
    t.f.has_heard = 0           # what was asked for has come
    if t.p.payload_n < SERVER_RANDOM + RANDOM_OCTETS or octets[0] != HANDSHAKE or octets[5] != SERVER_HELLO:
        return GO_ON
    return GO_ON if memcmp(octets + SERVER_RANDOM, RETRY_RANDOM, RANDOM_OCTETS) == 0 else RELEASE


cdef Verdict _before_window(Gate* g, Turn* t) noexcept nogil:
    """Judge a segment that begins before the window.   What was there is no longer known: it may be a retransmission,
    or the true octets where a decoy was judged."""
    if begins_hello(g, t.p.payload, t.p.payload_n):
        return _block_unseen_begin(g)
    return undecidable(g, t, CNT_GATE_TOO_BIG)


cdef Verdict _block_unseen_begin(Gate* g) noexcept nogil:
    """E12: block a hello in a connection whose SYN/ACK was not seen, or was evicted since.

    The octets that its server expects are unknown: the hello may be a decoy, or follow one.  An honest client in this
    state opens another connection, whose SYN/ACK is seen."""
    count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
    return BLOCK


cdef bint _is_stray(const Gate* g, const Turn* t) noexcept nogil:
    """Whether a segment is apart from the octets seen.

    Not behind a full window: nothing is stored there, so no hello that continues the window can begin there."""
    return is_apart(g, t) and t.f.w.have < WINDOW_OCTETS


cdef size_t _seen_before(const Flow* f, int64_t at, size_t n) noexcept nogil:
    """How many octets of a segment lie within the window's octets."""
    cdef int64_t left = f.base + f.w.high - at
    if left <= 0:
        return 0
    return <size_t>left if left < <int64_t>n else n


cdef Verdict _too_far(Gate* g, Turn* t) noexcept nogil:
    """Judge octets beyond a full window: whether they begin or end a hello is undecidable."""
    cdef Verdict verdict = undecidable(g, t, CNT_GATE_TOO_BIG)
    # while the server is silent, the octets of a first hello may be a decoy's, and the true ones still to come
    if is_spoken(t) or t.f.stage != OPENING:
        t.f.stage = PASSED
    return verdict


cdef Verdict _read_hellos(Gate* g, Turn* t) noexcept nogil:
    """Judge every complete hello: the first, and one after a HelloRetryRequest.   BLOCK or GO_ON."""
    cdef ClientHello hello
    cdef Status status
    cdef uint32_t start
    cdef Flow* f = t.f
    cdef Verdict verdict = GO_ON
    while f.stage != PASSED and f.next < f.base + f.w.have and _is_worth_it(f):
        start = <uint32_t>(f.next - f.base)
        if _is_between_hellos(f, f.w.at + start, f.w.have - start):
            if not _step_over_record(f, start):
                return GO_ON
            continue
        if f.stage == OPENING or f.is_doubted:
            status = parse_client_hello(f.w.at + start, f.w.have - start, g.scratch, &hello)
        else:
            status = parse_later_hello(f.w.at + start, f.w.have - start, g.scratch, &hello)
        if status == NEED_MORE and (f.w.have < WINDOW_OCTETS or start > 0):
            f.need = min(start + <uint32_t>hello.after, <uint32_t>WINDOW_OCTETS)
            return GO_ON
        if status == OK and hello.after > 0:
            count(g.shared.counters, CNT_GATE_HELLOS, 1)
            verdict = judge_hello(g, t, &hello, C_SNI, CNT_GATE_NO_NAME)
            f.next += hello.after
            f.stage = EARLY if hello.has_early_data and f.stage == OPENING else FOLLOWING
        elif f.is_doubted and not t.is_untracked and status == NOT_THIS:
            verdict = _judge_amid(g, t)
        else:
            if f.stage == OPENING or status != NOT_THIS or not _is_no_hello(f.w.at + start, f.w.have - start):
                verdict = judge_hello(g, t, &hello, C_SNI, unless_forgotten(g, t, counter_of(status)))
            f.stage = PASSED
        if verdict == BLOCK:
            return BLOCK
        if verdict == WAIT:
            return GO_ON
    return GO_ON


cdef bint _is_between_hellos(const Flow* f, const uint8_t* record, size_t n) noexcept nogil:
    """Whether a server steps over a record of this kind before a second hello (RFC 8446 §4.2.10, §5).

    An empty handshake record, and one whose header is not complete yet, is among them (OpenSSL)."""
    cdef uint8_t kind = record[0]
    if f.stage == OPENING or f.is_doubted:
        return False
    if kind == HANDSHAKE:
        return n < RECORD_HEADER or record[3] == 0 and record[4] == 0
    return kind == CHANGE_CIPHER_SPEC or kind == ALERT or f.stage == EARLY and kind == APPLICATION_DATA


cdef bint _is_no_hello(const uint8_t* record, size_t n) noexcept nogil:
    """Whether a record behind a hello, which the parser reads no hello in, is one that clients send there.

    Encrypted data, or another message, also an encrypted one.  Some servers take records of any length (Java)."""
    if record[0] == HANDSHAKE:
        return n >= RECORD_HEADER and (record[3] << 8 | record[4]) <= RECORD_OCTETS
    return record[0] == APPLICATION_DATA or record[0] == HEARTBEAT


cdef bint _step_over_record(Flow* f, uint32_t start) noexcept nogil:
    """Step over a record at window[start], whose end may be still to come.   False: its header is."""
    if f.w.have - start < RECORD_HEADER:
        return False
    f.next += RECORD_HEADER + (<int64_t>f.w.at[start + 3] << 8 | f.w.at[start + 4])
    f.need = 0
    return True


cdef Verdict _judge_amid(Gate* g, Turn* t) noexcept nogil:
    """Judge octets of a flow that was resumed, perhaps in the middle of a record: BLOCK, WAIT or undecidable()'s."""
    cdef Flow* f = t.f
    cdef const uint8_t* rest
    if holds_hello(g, f):
        return _block_unseen_begin(g)
    rest = f.w.at + f.need
    if f.need < f.w.have and memchr(rest, HANDSHAKE, f.w.have - f.need) != NULL and f.w.have < WINDOW_OCTETS:
        return WAIT
    f.stage = PASSED
    return undecidable(g, t, CNT_GATE_FORGOTTEN)


cdef bint _is_worth_it(const Flow* f) noexcept nogil:
    """Whether to parse again: a long hello in tiny segments, parsed with each of them, would cost seconds (E31)."""
    return f.w.have <= SMALL_OCTETS or f.w.have >= f.need
