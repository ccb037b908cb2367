"""QUIC judgement: datagrams → decrypted Initials → CRYPTO octets → hellos → names → Verdict.

    own connection ID → keys | those of connections on this path → frames → the window of that connection → hello

Invariants: every Initial of every datagram is decrypted while the flow lives: one judged before may be a decoy (E52).
Where a subscriber's policy refuses QUIC, Initials are dropped undecrypted; no event is written, as no name was read.
A connection is identified by the first connection ID that its client chose, and by nothing else: its octets are one
stream from every address and port, to every server, in every version and with every connection ID (RFC 9000 §7.2,
RFC 9368).  So every packet of QUIC has to come to the same worker.
An Initial that no key decrypts is dropped in either policy: no server takes it, or only with a packet number that
decoys have hidden from the gate, or it continues a stream whose beginning is lost.  A server's own Initial is known by
its keys, which open nothing that a client sends, and passes.
A connection that left octets unjudged, and whose flow is gone, is in Gate.unfinished: it is blocked when it goes on,
also after a restart.  One whose hellos were judged is there, too, for as long as a server waits for another hello: no
packet passes that leaves a gap in its octets, as the server may have what is missing.
A QUIC flow is never released: the kernel queues only its packets with a long header, a handful.
Source: RFC 9000 §7.2, §12.2, §17.2; RFC 9001 §5.2; rule R7, E46–E57.
Cost: bench/gate.py.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from fastpath.base.cursor cimport MALFORMED, NEED_MORE, NOT_THIS, OK, TOO_BIG, Cursor, Status
from fastpath.gate.flow cimport (
    FOLLOWING, PASSED, WINDOW_OCTETS, Flow, Payer, add_connection, connection_hash, connection_id, find_connection,
    is_unjudged, newest_of, next_older, path_back_of, path_of, payer_of, receiver_of, spend_flow, touch_flow)
from fastpath.gate.marks cimport is_partial
from fastpath.gate.reassembly cimport Window
from fastpath.gate.state cimport BLOCK, BLOCKED, DROP, GO_ON, PORT_BY_CONTENT, PORT_TLS, WAIT, Gate, Turn, Verdict
from fastpath.gate.stream cimport begin_stream, put_octets
from fastpath.gate.unfinished cimport (
    EXPIRED, JUDGED, KEPT_S, LEFT_UNJUDGED, Recollection, forget, recall, remember)
from fastpath.gate.verdicts cimport contradicted, counter_of, judge_hello, over_budget, undecidable
from fastpath.images.tables cimport closes_category
from fastpath.images.verdict cimport CATEGORY_QUIC, C_QUIC
from fastpath.report.counters cimport (
    CNT_GATE_FORGOTTEN, CNT_GATE_HELLOS, CNT_GATE_INITIALS, CNT_GATE_OVER_BUDGET, CNT_GATE_QUIC_REFUSED,
    CNT_GATE_TOO_BIG, CNT_GATE_UNFINISHED_LOST, CNT_GATE_UNKNOWN_QUIC, CNT_GATE_UNREADABLE, count)
from fastpath.report.trace cimport note_channel, note_undecidable
from fastpath.wire.quic cimport (
    QUIC_DRAFT_29, QUIC_INITIAL, QUIC_UNKNOWN, QUIC_V1, QUIC_V2, QuicPacket, next_crypto, next_quic_packet)
from fastpath.wire.quic_initial cimport (
    QUIC_PLAIN_OCTETS, InitialKeys, derive_initial_keys, derive_server_keys, open_initial)
from fastpath.wire.tls cimport ClientHello, parse_hello_messages

cdef enum:
    # Live flows of one account among which a path is searched: more than a household uses in a round trip.
    N_LOOKED_AT = 128
    FIRST_DCID_OCTETS = 8   # RFC 9000 §7.2: a client's first Destination Connection ID has at least these
    SETTLED_S = 300         # servers give up a handshake after 10 to 60 s
    LONG_FORM = 0x80        # RFC 8999 §5.1
    LEAST_INITIAL = 1200    # octets of a datagram with one (RFC 9000 §14.1)
    SEVERAL_OCTETS = 2 * LEAST_INITIAL
    RANDOM_AT = 6           # in a ClientHello: behind type, length and version
    RANDOM_OCTETS = 32
    EXT_KEY_SHARE = 51
    EXT_TRANSPORT_PARAMETERS = 57

# Tells connections whose hellos were judged from unfinished ones; its low bits are 0, so both are in one cache line.
cdef uint64_t SETTLED = 0x9e3779b900000000


cdef Verdict judge_datagram(Gate* g, Turn* t) noexcept nogil:
    """Judge a datagram: BLOCK its flow, DROP it, WAIT for the rest of a hello, or GO_ON."""
    cdef Cursor c
    cdef QuicPacket q
    cdef Verdict verdict = GO_ON
    cdef Verdict one
    c.at = t.p.payload
    c.end = t.p.payload + t.p.payload_n
    while (verdict == GO_ON or verdict == WAIT) and next_quic_packet(&c, &q) == OK:
        one = _judge_quic_packet(g, t, &q)
        if one != GO_ON:
            verdict = one
    if (verdict == GO_ON or verdict == WAIT) and t.p.payload_n >= SEVERAL_OCTETS:
        one = _judge_several(g, t)
        if one != GO_ON:
            verdict = one
    if verdict == BLOCK and t.f != NULL:
        spend_flow(&g.flows, t.f, BLOCKED)
    return verdict


cdef Verdict _judge_several(Gate* g, Turn* t) noexcept nogil:
    """Judge every Initial of a packet that may be several datagrams, which a later device takes apart (UDP_SEGMENT).

    All but the last are of one size, which is not disclosed: where one has an Initial, the second begins behind the
    least octets of one, at any octet.  One that was judged before changes nothing."""
    cdef Cursor c
    cdef QuicPacket q
    cdef Verdict verdict = GO_ON
    cdef Verdict one
    cdef const uint8_t* at = t.p.payload + LEAST_INITIAL
    cdef const uint8_t* end = t.p.payload + t.p.payload_n
    while (verdict == GO_ON or verdict == WAIT) and end - at >= LEAST_INITIAL:
        c.at = at
        c.end = end
        if at[0] & LONG_FORM and _is_read(at + 1) and next_quic_packet(&c, &q) == OK and q.kind == QUIC_INITIAL:
            one = _judge_quic_packet(g, t, &q)
            if one != GO_ON:
                verdict = one
        at += 1
    return verdict


cdef inline bint _is_read(const uint8_t* at) noexcept nogil:
    """Whether the version of QUIC here is one that is read."""
    cdef uint32_t version = <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]
    return version == QUIC_V1 or version == QUIC_V2 or version == QUIC_DRAFT_29


cdef Verdict _judge_quic_packet(Gate* g, Turn* t, const QuicPacket* q) noexcept nogil:
    if q.kind == QUIC_INITIAL:
        return DROP if _is_refused(g, t) else _judge_initial(g, t, q)
    if q.kind != QUIC_UNKNOWN or g.port_kinds[t.p.dport] & ~PORT_BY_CONTENT != PORT_TLS:
        return GO_ON
    if _is_refused(g, t):
        return DROP
    # dropped, not blocked: its client falls back to a known version, or to TCP
    note_channel(g.trace, C_QUIC, 0, q.version)
    return DROP if undecidable(g, t, CNT_GATE_UNKNOWN_QUIC) == BLOCK else GO_ON


cdef bint _is_refused(Gate* g, Turn* t) noexcept nogil:
    """Whether the client's policy refuses QUIC.  Checked before decryption, at a thirtieth of its cost."""
    if g.tables == NULL or not closes_category(g.tables, t.p.src, t.p.version, CATEGORY_QUIC,
                                               g.now_ns // 1_000_000_000):
        return False
    count(g.shared.counters, CNT_GATE_QUIC_REFUSED, 1)
    return True


cdef Verdict _judge_initial(Gate* g, Turn* t, const QuicPacket* q) noexcept nogil:
    """Decrypt an Initial and judge its connection: BLOCK, DROP, WAIT or GO_ON."""
    cdef size_t n = 0
    cdef Status status
    cdef Verdict verdict
    cdef bint was_unjudged
    cdef bint is_settled = False
    cdef int64_t judged
    t.quic_version = q.version
    note_channel(g.trace, C_QUIC, 0, q.version)
    if not _may_open(g, t):
        count(g.shared.counters, CNT_GATE_OVER_BUDGET, 1)
        return DROP
    t.f = find_connection(&g.flows, q.dcid, q.dcid_n) if _may_be_first(q) else NULL
    if t.f == NULL and _may_be_first(q) and _is_unfinished(g, q, &is_settled):
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        return BLOCK
    status = _decrypt(g, t, q, &n)
    if status != OK:
        return _judge_unread(g, t, q, status)
    count(g.shared.counters, CNT_GATE_INITIALS, 1)
    if t.f.spent:
        return _blocked_again(g, t.f)
    t.f.is_doubted |= is_settled
    was_unjudged = is_unjudged(t.f)
    judged = t.f.next
    status = _take_frames(g, t, g.scratch, n)
    if status == NOT_THIS:
        return over_budget(g, t)
    if status == MALFORMED:
        return contradicted(g)
    if status == TOO_BIG and undecidable(g, t, CNT_GATE_TOO_BIG) == BLOCK:
        return BLOCK
    verdict = _read_crypto_hellos(g, t)
    if verdict == WAIT and t.f.is_doubted:
        return DROP             # its server may have the rest, of a hello that was forgotten
    _keep_unfinished(g, t.f, verdict, was_unjudged, t.f.next > judged)
    return verdict


cdef inline bint _may_be_first(const QuicPacket* q) noexcept nogil:
    """Whether a client can have chosen this connection ID for its first packet (RFC 9000 §7.2).

    A shorter one is a server's.  Other servers choose the same, so no connection is known by it."""
    return q.dcid_n >= FIRST_DCID_OCTETS


cdef void _keep_unfinished(Gate* g, const Flow* f, Verdict verdict, bint was_unjudged, bint is_judged) noexcept nogil:
    """Remember a connection as long as octets of it are forwarded and not judged; one that is blocked stays so.

    is_judged   a hello was: the server may ask for another one"""
    cdef uint64_t connection
    cdef int64_t now_s = g.now_ns // 1_000_000_000
    cdef bint has_lost = False
    if g.unfinished.sets == NULL or verdict != WAIT and not was_unjudged and not is_judged:
        return
    connection = connection_hash(&g.flows, connection_id(f), <uint8_t>f.key.cid_n)
    if verdict != GO_ON:
        has_lost = remember(&g.unfinished, connection, LEFT_UNJUDGED, now_s)
    elif was_unjudged:
        forget(&g.unfinished, connection)
    if is_judged and verdict != BLOCK:
        has_lost |= remember(&g.unfinished, connection ^ SETTLED, JUDGED, now_s + SETTLED_S - KEPT_S)
    if has_lost:
        count(g.shared.counters, CNT_GATE_UNFINISHED_LOST, 1)


cdef bint _is_unfinished(Gate* g, const QuicPacket* q, bint* is_settled) noexcept nogil:
    """Whether a connection whose flow is gone left octets unjudged: its server may have them, and wait for the rest.

    is_settled   out: a hello of it was judged"""
    cdef int64_t now_s = g.now_ns // 1_000_000_000
    cdef uint64_t connection
    cdef Recollection found
    if g.unfinished.sets == NULL:      # of a tap, which holds nothing back
        return False
    connection = connection_hash(&g.flows, q.dcid, q.dcid_n)
    found = recall(&g.unfinished, connection, now_s)
    if found == EXPIRED:
        count(g.shared.counters, CNT_GATE_UNFINISHED_LOST, 1)
    is_settled[0] = recall(&g.unfinished, connection ^ SETTLED, now_s) == JUDGED
    return found == LEFT_UNJUDGED


cdef Verdict _judge_unread(Gate* g, Turn* t, const QuicPacket* q, Status status) noexcept nogil:
    """The verdict on an Initial that no client's key opens.   status: of _decrypt()

    Where routing is asymmetric it may be that of a server whose client's packets take another path: the policy decides,
    unless its ports are a client's, its connection is known, or a part of a hello has passed at these ports."""
    if _is_servers(g, t, q):
        return GO_ON
    count(g.shared.counters, CNT_GATE_UNREADABLE, 1)
    note_undecidable(g.trace, CNT_GATE_UNREADABLE)
    if t.is_untracked and status == NOT_THIS and not g.closed and not is_partial(t.state) and not _is_to_server(g, t):
        return GO_ON
    return DROP


cdef bint _is_to_server(const Gate* g, const Turn* t) noexcept nogil:
    """Whether a packet's ports say that its client has written it."""
    return (g.port_kinds[t.p.dport] & ~PORT_BY_CONTENT == PORT_TLS
            and g.port_kinds[t.p.sport] & ~PORT_BY_CONTENT != PORT_TLS)


cdef Verdict _blocked_again(Gate* g, Flow* f) noexcept nogil:
    """BLOCK a connection that was blocked, or evicted with octets that were forwarded and not judged."""
    if f.is_doubted:
        f.is_doubted = 0
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
    return BLOCK


cdef Payer* _account_of(Gate* g, Turn* t) noexcept nogil:
    """The account that pays for a packet: its receiver's where it is probably a server's, which has many clients."""
    return receiver_of(&g.flows, &t.p) if t.is_reply else payer_of(&g.flows, &t.p)


cdef bint _may_open(Gate* g, Turn* t) noexcept nogil:
    """Apply the client's rate limit: decryption costs a microsecond that the sender need not spend (E32)."""
    cdef Payer* payer = _account_of(g, t)
    cdef uint32_t second = <uint32_t>(g.now_ns // 1_000_000_000)
    if payer.second != second:
        payer.second = second
        payer.spent = 0
    payer.spent += 1
    return payer.spent <= g.initials_a_second


# -- decryption ------------------------------------------------------------------------------------------------------

cdef Status _decrypt(Gate* g, Turn* t, const QuicPacket* q, size_t* n) noexcept nogil:
    """Decrypt an Initial into g.scratch and set t.f to its connection, which may be spent.   t.f in: that of its ID

    OK · NOT_THIS: no key fits · MALFORMED: nor do those of the connections on its path"""
    cdef InitialKeys keys
    cdef Flow* f = t.f
    if f != NULL:
        if _decrypt_with_stored(g, q, f, n):
            _note_use(g, t, f)
            return OK
    elif _may_be_first(q):
        derive_initial_keys(q.version, q.dcid, q.dcid_n, &keys)
        if open_initial(&g.crypto, &keys, q, g.scratch, QUIC_PLAIN_OCTETS, n) == OK:
            _begin_connection(g, t, q, &keys)
            return OK
    return _decrypt_by_path(g, t, q, n)


cdef Status _decrypt_by_path(Gate* g, Turn* t, const QuicPacket* q, size_t* n) noexcept nogil:
    """As _decrypt(), where the server has chosen another connection ID since.

    Where the server is not seen, those of this client with unjudged octets are tried on every path: it may move."""
    cdef Flow* f = newest_of(&g.flows, payer_of(&g.flows, &t.p))
    cdef uint64_t path = path_of(&g.flows, &t.p)
    cdef Status status = NOT_THIS
    cdef int _n
    for _n in range(N_LOOKED_AT):
        if f == NULL:
            break
        if f.quic.path == path or t.is_untracked and is_unjudged(f):
            if _decrypt_with_stored(g, q, f, n):
                _note_use(g, t, f)
                return OK
            if f.quic.path == path:
                status = MALFORMED
            if not _may_open(g, t):
                break
        f = next_older(&g.flows, f)
    return status


cdef bint _decrypt_with_stored(Gate* g, const QuicPacket* q, Flow* f, size_t* n) noexcept nogil:
    cdef InitialKeys keys = f.quic.keys
    if keys.version != q.version:
        derive_initial_keys(q.version, connection_id(f), f.key.cid_n, &keys)
    if open_initial(&g.crypto, &keys, q, g.scratch, QUIC_PLAIN_OCTETS, n) != OK:
        return False
    f.quic.keys = keys
    return True


cdef bint _is_servers(Gate* g, Turn* t, const QuicPacket* q) noexcept nogil:
    """Whether an Initial is of the server of a known connection.  Then no server takes it for a client's."""
    cdef Flow* f = newest_of(&g.flows, receiver_of(&g.flows, &t.p))
    cdef uint64_t path = path_back_of(&g.flows, &t.p)
    cdef InitialKeys keys
    cdef size_t n
    cdef int _n
    for _n in range(N_LOOKED_AT):
        if f == NULL:
            return False
        if f.quic.path == path:
            derive_server_keys(q.version, connection_id(f), f.key.cid_n, &keys)
            if open_initial(&g.crypto, &keys, q, g.scratch, QUIC_PLAIN_OCTETS, &n) == OK:
                return True
            if not _may_open(g, t):
                return False
        f = next_older(&g.flows, f)
    return False


cdef void _note_use(Gate* g, Turn* t, Flow* f) noexcept nogil:
    t.f = f
    if not f.spent:
        touch_flow(&g.flows, f, g.now_ns // 1_000_000_000)
        f.quic.path = path_of(&g.flows, &t.p)


cdef void _begin_connection(Gate* g, Turn* t, const QuicPacket* q, const InitialKeys* keys) noexcept nogil:
    t.f = add_connection(&g.flows, &t.p, q.dcid, q.dcid_n, g.now_ns // 1_000_000_000)
    begin_stream(&g.flows, t.f, 0, 1)
    t.f.quic.keys = keys[0]
    t.f.quic.path = path_of(&g.flows, &t.p)


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
        _take_as_known(t.f, offset, <uint8_t*>data.at, octets)
        status = put_octets(&g.flows, t.f, <int64_t>offset, data.at, octets, &taken)
        if status == MALFORMED or status == NOT_THIS:
            return status
        if taken < octets:
            found = TOO_BIG
    return found


cdef void _take_as_known(const Flow* f, uint64_t offset, uint8_t* data, size_t n) noexcept nogil:
    """Take octets for those of the judged first hello where no name depends on them: its random ones, its session ID,
    its key shares and transport parameters.

    A client whose version a server does not speak says another hello in another version, under the same connection ID
    (RFC 9368 §2.1; aioquic).  Every other octet is compared: so no matter which of the two a server takes, it reads the
    same extensions with the same names."""
    cdef const Window* w = &f.w
    cdef uint32_t at, end, size
    cdef uint16_t kind
    if f.next == 0 or f.base != 0 or offset >= w.have or memcmp(data, w.at + offset, min(n, w.have - offset)) == 0:
        return
    end = 4 + (<uint32_t>w.at[1] << 16 | <uint32_t>w.at[2] << 8 | w.at[3])
    if end > w.have or end < RANDOM_AT + RANDOM_OCTETS + 1:
        return
    at = RANDOM_AT + RANDOM_OCTETS
    _copy_part(w, RANDOM_AT, RANDOM_OCTETS, offset, data, n)
    _copy_part(w, at + 1, w.at[at], offset, data, n)
    at += 1 + w.at[at]
    if at + 2 > end:
        return
    at += 2 + (<uint32_t>w.at[at] << 8 | w.at[at + 1])     # cipher suites
    if at + 1 > end:
        return
    at += 1 + w.at[at] + 2                                  # compression methods, the extensions' length
    while at + 4 <= end:
        kind = <uint16_t>(w.at[at] << 8 | w.at[at + 1])
        size = <uint32_t>w.at[at + 2] << 8 | w.at[at + 3]
        at += 4
        if at + size > end:
            return
        if kind == EXT_KEY_SHARE or kind == EXT_TRANSPORT_PARAMETERS:
            _copy_part(w, at, size, offset, data, n)
        at += size


cdef void _copy_part(const Window* w, uint32_t at, uint32_t size, uint64_t offset, uint8_t* data,
                     size_t n) noexcept nogil:
    """Copy what `data`, of `n` octets at stream position `offset`, has of window[at:at + size] from there."""
    cdef uint64_t begin = max(<uint64_t>at, offset)
    cdef uint64_t end = min(<uint64_t>at + size, min(offset + n, <uint64_t>w.have))
    if begin < end:
        memcpy(data + (begin - offset), w.at + begin, <size_t>(end - begin))


cdef Verdict _read_crypto_hellos(Gate* g, Turn* t) noexcept nogil:
    """Judge every complete hello: the first, and one after a HelloRetryRequest.   BLOCK, WAIT or GO_ON."""
    cdef ClientHello hello
    cdef Status status
    cdef Flow* f = t.f
    cdef uint32_t start
    while f.stage != PASSED and f.next < f.w.have and f.w.have >= f.need:
        start = <uint32_t>f.next
        status = parse_hello_messages(f.w.at + start, f.w.have - start, &hello)
        if status == NEED_MORE and f.w.have < WINDOW_OCTETS:
            f.need = min(start + <uint32_t>hello.after, <uint32_t>WINDOW_OCTETS)
            return WAIT
        if status == OK:
            count(g.shared.counters, CNT_GATE_HELLOS, 1)
        f.stage = FOLLOWING if status == OK else PASSED
        f.next = f.w.have
        if judge_hello(g, t, &hello, C_QUIC, counter_of(status)) == BLOCK:
            return BLOCK
    return WAIT if is_unjudged(f) else GO_ON
