"""Injected packets: pages for clients, resets for servers.  They are put into the outbox; a loop sends them.

Invariants: without a handshake no more octets leave than came in: no page, and at most one reset for each end, which is
no longer than the segment that it answers.
Source: RFC 9293 §3.10.7 (resets).
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from fastpath.base.cursor cimport OK
from fastpath.gate.flow cimport Flow
from fastpath.gate.marks cimport state_after
from fastpath.gate.outbox cimport put_tcp
from fastpath.gate.state cimport ALLOW, ANSWER_PAGE, BLOCK, DROP, Gate, Page, Turn, Verdict
from fastpath.gate.verdicts cimport has_handshake
from fastpath.images.verdict cimport N_REASONS, Decision
from fastpath.report.counters cimport CNT_GATE_PAGES_SENT, CNT_GATE_RST_SENT, count
from fastpath.wire.http1 cimport RequestHead, hide_h2c, parse_exact_head
from fastpath.wire.http1_language cimport preferred_language
from fastpath.wire.name cimport Name
from fastpath.wire.packet cimport FLAG_ACK, FLAG_FIN, FLAG_PSH, FLAG_RST

cdef enum:
    SEGMENT_OCTETS = 1200       # fits IPv6's least MTU of 1280 with headers and options
    PLAIN_OCTETS = 1460         # what fits Ethernet's MTU with headers


cdef Verdict answer(Gate* g, Turn* t, const Decision* d) noexcept nogil:
    """Put the page for the reason and a reset for the server into the outbox.   ANSWER_PAGE; BLOCK without a page.

    It is in the language that the request prefers.
    None exists without a handshake: the server's address may be a victim's, and the page many times what was sent."""
    cdef size_t n
    cdef size_t at = 0
    cdef size_t size
    cdef uint8_t flags
    cdef const Page* page
    cdef uint32_t seq = t.p.ack
    cdef uint32_t ack = t.p.seq + t.p.payload_n + (1 if t.p.flags & FLAG_FIN else 0)
    if d.reason >= N_REASONS or g.n_languages == 0 or not has_handshake(g, t):
        return BLOCK
    page = &g.pages[_language_of(g, t)][d.reason]
    if page.before_n == 0:
        return BLOCK
    n = _write_page(page, &g.name, g.page)
    while at < n:
        size = n - at if n - at < SEGMENT_OCTETS else SEGMENT_OCTETS
        flags = FLAG_ACK | FLAG_PSH | (FLAG_FIN if at + size == n else 0)
        put_tcp(&g.out, &t.p, True, seq + <uint32_t>at, ack, flags, g.page + at, size)
        at += size
    count(g.shared.counters, CNT_GATE_PAGES_SENT, 1)
    reset_server(g, t)
    return ANSWER_PAGE


cdef Verdict without_h2c(Gate* g, Turn* t, Verdict verdict) noexcept nogil:
    """Send a head that offers HTTP/2 without TLS in a copy that does not, so that its server answers in HTTP/1.1.

    Else a client that offers it by default would go on in what is refused.  In the copy the offer names what no server
    knows (RFC 9110 §7.8).  Of a head in pieces, behind others in one segment, or longer than a segment, the offer
    stays; so it does in front of octets that are not judged, as the mark of a dropped packet says nothing of them.
    Where the kernel keeps no mark, the flow's state is that of the copy."""
    cdef RequestHead head
    if (g.is_h2c_let or g.shared.is_shadow or not t.p.payload_n or t.p.payload_n > PLAIN_OCTETS
            or verdict != ALLOW and not t.is_untracked
            or parse_exact_head(t.p.payload, t.p.payload_n, &head) != OK or not head.offers_h2c):
        return verdict
    memcpy(g.page, t.p.payload, t.p.payload_n)
    if not hide_h2c(g.page, head.after):
        return verdict
    if put_tcp(&g.out, &t.p, False, t.p.seq, t.p.ack, t.p.flags, g.page, t.p.payload_n) and t.is_untracked:
        t.f.state = state_after(t.state, verdict)
    return DROP


cdef uint8_t _language_of(const Gate* g, const Turn* t) noexcept nogil:
    """The language of a page for the request that is judged: of its head in the window, or of the packet's."""
    cdef const Flow* f = t.f
    cdef int64_t begin = f.next - f.base
    if 0 <= begin < f.w.have:
        return preferred_language(f.w.at + begin, f.w.have - <size_t>begin, g.languages, g.n_languages)
    return preferred_language(t.p.payload, t.p.payload_n, g.languages, g.n_languages)


cdef size_t _write_page(const Page* page, const Name* name, uint8_t* out) noexcept nogil:
    cdef size_t n = page.before_n
    memcpy(out, page.before, page.before_n)
    if page.after_n == 0:
        return n
    n += _write_host(name, out + n)
    memcpy(out + n, page.after, page.after_n)
    return n + page.after_n


cdef size_t _write_host(const Name* name, uint8_t* out) noexcept nogil:
    """Write the name as text: letters, digits, '-' and '_' alone, so it is safe in a page."""
    cdef uint8_t label
    cdef size_t n = 0
    for label in range(name.n_labels):
        if label > 0:
            out[n] = 46     # '.'
            n += 1
        memcpy(out + n, name.wire + name.at[label] + 1, name.wire[name.at[label]])
        n += name.wire[name.at[label]]
    return n


cdef void reset_server(Gate* g, Turn* t) noexcept nogil:
    """Put a reset for the server into the outbox.

    Source: RFC 9293 §3.10.7.4: it counts only with exactly the sequence number that the server expects."""
    if g.shared.is_shadow:
        return      # on a tap the packet has reached the server, which expects other octets by now
    if not t.is_untracked and not has_handshake(g, t):
        return      # its server knows of no connection; one that does gets the kernel's reset when it speaks
    if put_tcp(&g.out, &t.p, False, t.p.seq + <uint32_t>(t.edge - t.at), t.p.ack, FLAG_RST | FLAG_ACK, NULL, 0):
        count(g.shared.counters, CNT_GATE_RST_SENT, 1)
