"""NFQUEUE loop of the gate: packet batch → judge_packet() → batch verdicts and injected packets.

Invariants: every packet received gets a verdict, in order of arrival, so one batch verdict covers a run of equal marks.
A refused verdict or a failed injection is counted and never ends the loop.  Tables and pages change only between two
batches.
At moderate load most batches are one packet, and their system calls are most of a packet's cost: one waits and
receives, one sends verdicts and labels.  So nothing else is waited for: who wakes the loop has the kernel answer at the
queue's own socket.
The queue is about as long as the arrivals of 50 ms: a hung loop does not delay other flows for longer.
Absent on purpose: Python while the loop runs; it is one thread without the GIL.
Source: linux/netfilter/nfnetlink_queue.h.
Cost: bench/gate_queue.py.
"""
import socket

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fastpath.base.atomic cimport load_pointer, store_pointer
from fastpath.base.clock cimport realtime_ns
from fastpath.base.cursor cimport MALFORMED, OK, Status
from fastpath.base.sockets cimport iovec, mmsghdr, recvmmsg, send
from fastpath.gate.asymmetric cimport judge_asymmetric
from fastpath.gate.flow cimport Path, expect_bucket, fetch_flow
from fastpath.gate.judge cimport judge_packet
from fastpath.gate.labels cimport LABELS_ROOM, Labels, open_labels
from fastpath.gate.nfqueue cimport (
    LEAST_MAXLEN, MAXLEN_OCTETS, VERDICT_OCTETS, Queued, fit_maxlen, parse_queued, write_maxlen, write_verdict)
from fastpath.gate.outbox cimport packets_of, send_all
from fastpath.gate.setup cimport Limits, close_gate, open_worker_gate
from fastpath.gate.state cimport (
    BLOCKED, MARK_BITS, MARK_REPLY, MARK_UNTRACKED, MOST_LANGUAGES, OUTBOX_ROOM, PAGE_OCTETS, Gate, Page)
from fastpath.gate.unfinished cimport open_unfinished
from fastpath.images.tables cimport Handoff, Handover, take_tables
from fastpath.images.verdict cimport N_REASONS
from fastpath.report.counters cimport CNT_GATE_UNLABELLED, CNT_GATE_VERDICT_FAILED, count
from fastpath.report.hello_classes cimport Ja4Classes
from fastpath.report.spool cimport Reporter
from fastpath.wire.http1_language cimport CODE_OCTETS
from fastpath.wire.name cimport NAME_OCTETS
from fastpath.wire.packet cimport PacketView, parse_packet, turn_packet

from fastpath.gate.marks import MARK_SHIFT as _MARK_SHIFT
from fastpath.gate.nfqueue import open_queue, wake_message
from fastpath.gate.outbox import open_raw
from fastpath.gate.unfinished import octets_needed

cdef extern from "<sys/socket.h>" nogil:
    const int MSG_WAITFORONE    # block for the first packet only

cdef enum:
    BATCH = 64                  # 256 was no faster
    BUFFER_OCTETS = 69632       # 68 KiB: a GSO packet of 64 KiB with its netlink attributes
    FIT_NS = 50_000_000         # a hung loop delays packets of two such spans; clients retransmit after 200 ms

cdef struct PageSet:
    Page pages[MOST_LANGUAGES][N_REASONS]       # the operator's first language first
    uint8_t languages[MOST_LANGUAGES * CODE_OCTETS]
    uint8_t n_languages


cdef struct QueueLoop:
    Gate gate
    Handover* handover
    PageSet* given_pages        # the newest; written by another thread
    PageSet* taken_pages        # whose texts the gate shows
    int queue_fd                # -1: not open
    int raw4_fd
    int raw6_fd
    uint16_t queue_number
    uint8_t stopping
    uint8_t is_asymmetric       # the kernel does not track connections
    uint8_t mark_shift          # where the gate's bits of a mark are
    uint64_t n_turns            # liveness: rises while the loop runs, also when idle
    uint8_t* buffers            # BATCH * BUFFER_OCTETS
    Path paths[BATCH]           # of the packets in them, or in those of an earlier batch
    mmsghdr messages[BATCH]
    iovec parts[BATCH]
    uint8_t verdicts[BATCH * VERDICT_OCTETS + LABELS_ROOM]
    size_t verdicts_n
    uint32_t run_id             # last packet of the run of equal marks whose verdict is not written yet
    uint32_t run_mark           # 0: no run
    uint32_t maxlen             # of the queue, as last configured
    uint32_t n_taken            # packets since fitted_ns, when the length was last adapted
    int64_t fitted_ns


cdef void _run(QueueLoop* l) noexcept nogil:
    cdef int n
    while not l.stopping:
        n = recvmmsg(l.queue_fd, l.messages, BATCH, MSG_WAITFORONE, NULL)
        l.n_turns += 1
        l.gate.tables = take_tables(l.handover)
        _take_pages(l)
        l.gate.now_ns = realtime_ns()
        if n > 0:
            _take_batch(l, n)
        _fit_queue(l)


cdef void _take_pages(QueueLoop* l) noexcept nogil:
    """Show the newest pages from now on."""
    cdef PageSet* given = <PageSet*>load_pointer(&l.given_pages)
    if given == l.taken_pages:
        return
    memcpy(l.gate.pages, given.pages, sizeof(l.gate.pages))
    memcpy(l.gate.languages, given.languages, sizeof(l.gate.languages))
    l.gate.n_languages = given.n_languages
    store_pointer(&l.taken_pages, given)


cdef void _take_batch(QueueLoop* l, int n) noexcept nogil:
    cdef int i
    l.n_taken += n
    if n > 1:
        _expect_flows(l, n)
    for i in range(n):
        l.gate.flows.expected = l.paths[i]
        _take_datagram(l, l.buffers + <size_t>i * BUFFER_OCTETS, l.messages[i].msg_len)
    _end_run(l)
    _add_labels(l)
    _send_verdicts(l)
    _send_injected(l)


cdef void _expect_flows(QueueLoop* l, int n) noexcept nogil:
    """Have the memory of a batch's flows fetched all at once, as judging would wait for each of them."""
    cdef PacketView p, client
    cdef Queued queued
    cdef size_t after
    cdef int i
    for i in range(n):
        memset(&l.paths[i], 0, sizeof(Path))
        if (parse_queued(l.buffers + <size_t>i * BUFFER_OCTETS, l.messages[i].msg_len, &queued, &after) == OK
                and parse_packet(queued.packet, queued.packet_n, &p) == OK):
            if queued.mark >> l.mark_shift & MARK_REPLY:
                turn_packet(&p, &client)
                p = client
            expect_bucket(&l.gate.flows, &p, &l.paths[i])
    for i in range(n):
        fetch_flow(&l.gate.flows, &l.paths[i])


cdef void _fit_queue(QueueLoop* l) noexcept nogil:
    """Adapt the queue's length: longer at once when more packets come than it holds, shorter when a span is over."""
    cdef uint8_t message[MAXLEN_OCTETS]
    cdef uint32_t maxlen = l.maxlen
    cdef int64_t span_ns = l.gate.now_ns - l.fitted_ns
    cdef bint is_over = span_ns >= FIT_NS or span_ns < 0    # the clock was set back
    if is_over or l.n_taken > maxlen:
        # a flow's record outlives the packets that wait, as flow.pyx promises
        maxlen = min(fit_maxlen(maxlen, l.n_taken), l.gate.flows.n_flows // 2)
    if is_over:
        l.n_taken = 0
        l.fitted_ns = l.gate.now_ns
    if maxlen == l.maxlen:
        return
    l.maxlen = maxlen
    if send(l.queue_fd, message, write_maxlen(message, l.queue_number, maxlen), 0) < 0:
        count(l.gate.shared.counters, CNT_GATE_VERDICT_FAILED, 1)


cdef void _take_datagram(QueueLoop* l, const uint8_t* at, size_t n) noexcept nogil:
    cdef Queued queued
    cdef size_t after
    cdef Status status
    while n > 0:
        status = parse_queued(at, n, &queued, &after)
        if status == MALFORMED:
            count(l.gate.shared.counters, CNT_GATE_VERDICT_FAILED, 1)
        elif status == OK:
            _take_packet(l, &queued)
        elif queued.is_unlabelled:
            count(l.gate.shared.counters, CNT_GATE_UNLABELLED, 1)
        at += after
        n -= after


cdef void _take_packet(QueueLoop* l, const Queued* queued) noexcept nogil:
    cdef uint32_t mark
    if l.gate.out.room - l.gate.out.used < OUTBOX_ROOM:
        _send_injected(l)
    mark = _judge(l, queued.packet, queued.packet_n, queued.mark >> l.mark_shift & MARK_BITS, queued.is_summed)
    # the verdict sets the whole mark of the packet: other programs' bits stay as they came
    mark = queued.mark & ~(<uint32_t>MARK_BITS << l.mark_shift) | mark << l.mark_shift
    if l.run_mark != mark:
        _end_run(l)
    l.run_mark = mark
    l.run_id = queued.id


cdef uint32_t _judge(QueueLoop* l, const uint8_t* packet, size_t n, uint32_t mark, bint is_summed) noexcept nogil:
    if l.is_asymmetric or mark & MARK_UNTRACKED:
        return judge_asymmetric(&l.gate, packet, n, mark, is_summed)
    return judge_packet(&l.gate, packet, n, mark)


cdef void _end_run(QueueLoop* l) noexcept nogil:
    if l.run_mark == 0:
        return
    if l.verdicts_n == BATCH * VERDICT_OCTETS:
        _send_verdicts(l)
    l.verdicts_n += write_verdict(l.verdicts + l.verdicts_n, l.queue_number, l.run_id, l.run_mark)
    l.run_mark = 0


cdef void _send_verdicts(QueueLoop* l) noexcept nogil:
    if l.verdicts_n and send(l.queue_fd, l.verdicts, l.verdicts_n, 0) < 0:
        count(l.gate.shared.counters, CNT_GATE_VERDICT_FAILED, 1)
    l.verdicts_n = 0


cdef void _add_labels(QueueLoop* l) noexcept nogil:
    """Behind the verdicts: only what a packet has passed with is a connection that the kernel finds."""
    cdef Labels* labels = &l.gate.labels
    memcpy(l.verdicts + l.verdicts_n, labels.messages, labels.used)
    l.verdicts_n += labels.used
    labels.used = labels.last = 0


cdef void _send_injected(QueueLoop* l) noexcept nogil:
    count(l.gate.shared.counters, CNT_GATE_VERDICT_FAILED, send_all(&l.gate.out, l.raw4_fd, l.raw6_fd))


@cython.final
@cython.auto_pickle(False)
cdef class _Pages:
    """Pages that the loop may show: what it has is valid as long as this lives."""
    cdef PageSet set
    cdef dict _texts

    def __cinit__(self, pages):
        self._texts = {language: dict(pages[language]) for language in pages}
        for language in self._texts:
            self._add_language(language)

    cdef object _add_language(self, str language):
        cdef bytes code = language.encode("ascii")
        if len(code) != CODE_OCTETS or self.set.n_languages == MOST_LANGUAGES:
            raise ValueError(f"pages in {list(self._texts)}: more than {MOST_LANGUAGES} languages, or no code of two "
                             "letters; not shown; give pages in others")
        memcpy(self.set.languages + self.set.n_languages * CODE_OCTETS, <const uint8_t*>code, CODE_OCTETS)
        for reason, (before, after) in self._texts[language].items():
            self._add_page(self.set.n_languages, reason, before, after)
        self.set.n_languages += 1

    cdef object _add_page(self, int language, int reason, bytes before, bytes after):
        cdef Page* page
        if not 0 <= reason < N_REASONS or len(before) + len(after) + NAME_OCTETS > PAGE_OCTETS:
            raise ValueError(f"page for reason {reason}: {len(before) + len(after)} octets or an unknown reason; "
                             f"not shown; reasons are below {N_REASONS}, pages below 32 KiB")
        page = &self.set.pages[language][reason]
        page.before = before
        page.before_n = len(before)
        page.after = after
        page.after_n = len(after)


@cython.final
@cython.auto_pickle(False)
cdef class GateLoop:
    cdef QueueLoop* _loop
    cdef Handoff _handoff
    cdef Reporter _reporter
    cdef Ja4Classes _ja4_classes
    cdef list _pages
    cdef int _overloaded_closed
    cdef uint8_t[::1] _unfinished

    def __cinit__(self, queue_number, Handoff handoff not None, Reporter reporter not None, tls_ports, http_ports,
                  when_undecidable_closed, pages, n_flows=262144, when_overloaded_closed=0, n_windows=32768, share=1024,
                  initials_a_second=1000, is_h2c_let=False, is_asymmetric=False, Ja4Classes ja4_classes=None,
                  mark_shift=_MARK_SHIFT, unfinished=None):
        self._handoff = handoff
        self._reporter = reporter
        self._ja4_classes = ja4_classes
        self._pages = []
        self._overloaded_closed = when_overloaded_closed
        self._loop = <QueueLoop*>calloc(1, sizeof(QueueLoop))
        if self._loop == NULL:
            raise MemoryError
        self._loop.queue_fd = -1
        self._loop.queue_number = queue_number
        self._loop.handover = &handoff.h
        if not 0 <= mark_shift <= 24:
            raise ValueError(f"mark shift {mark_shift}: the gate's bits are not in a mark; not started; choose 0 to 24")
        self._loop.is_asymmetric = is_asymmetric
        self._loop.mark_shift = mark_shift
        open_worker_gate(&self._loop.gate, reporter, Limits(n_flows, n_windows, share, initials_a_second), tls_ports,
                         http_ports, when_undecidable_closed, is_h2c_let, ja4_classes)
        self._take_unfinished(bytearray(octets_needed(n_flows)) if unfinished is None else unfinished)
        self._loop.gate.flows.is_bounding = is_asymmetric
        self._loop.gate.flows.forgotten = BLOCKED
        self._take_buffers()
        self.use_pages(pages)
        _take_pages(self._loop)

    def use_pages(self, pages):
        cdef _Pages newest = _Pages(pages)
        cdef PageSet* taken = <PageSet*>load_pointer(&self._loop.taken_pages)
        cdef Py_ssize_t n_old = 0
        while n_old < len(self._pages) and &(<_Pages>self._pages[n_old]).set != taken:
            n_old += 1
        self._pages = [*self._pages[n_old:], newest]
        store_pointer(&self._loop.given_pages, &newest.set)

    def shut_without_images(self):
        self._loop.gate.is_shut_without_images = 1

    def label(self, bytes key not None):
        cdef Labels* labels = &self._loop.gate.labels
        if len(key) != sizeof(labels.key):
            raise ValueError(f"key of labels: {len(key)} octets; nothing is labelled; it has {sizeof(labels.key)}")
        if not labels.is_on:        # the loop may run: a key is written once
            open_labels(labels, key)

    def labelled(self):
        cdef Labels* labels = &self._loop.gate.labels
        cdef bytes taken = labels.messages[:labels.used]
        labels.used = labels.last = 0
        return taken

    def __dealloc__(self):
        cdef QueueLoop* l = self._loop
        if l == NULL:
            return
        close_gate(&l.gate)
        free(l.buffers)
        free(l)

    cdef object _take_unfinished(self, uint8_t[::1] memory):
        cdef Gate* g = &self._loop.gate
        self._unfinished = memory
        open_unfinished(&g.unfinished, memory)
        memcpy(g.flows.key, g.unfinished.key, sizeof(g.flows.key))

    cdef object _take_buffers(self):
        cdef QueueLoop* l = self._loop
        cdef int i
        l.buffers = <uint8_t*>calloc(BATCH, BUFFER_OCTETS)
        if l.buffers == NULL:
            raise MemoryError
        for i in range(BATCH):
            l.parts[i].iov_base = l.buffers + <size_t>i * BUFFER_OCTETS
            l.parts[i].iov_len = BUFFER_OCTETS
            l.messages[i].msg_hdr.msg_iov = &l.parts[i]
            l.messages[i].msg_hdr.msg_iovlen = 1

    def run(self):
        cdef QueueLoop* l = self._loop
        with (open_queue(l.queue_number, self._overloaded_closed) as queue, open_raw(socket.AF_INET) as raw4,
              open_raw(socket.AF_INET6) as raw6):
            l.queue_fd = queue.fileno()
            l.maxlen = LEAST_MAXLEN
            l.raw4_fd = raw4.fileno()
            l.raw6_fd = raw6.fileno()
            with nogil:
                _run(l)
            l.queue_fd = -1

    def stop(self):
        self._loop.stopping = 1
        self.wake()

    @property
    def n_turns(self):
        return self._loop.n_turns

    def wake(self):
        cdef bytes message = wake_message()
        if self._loop.queue_fd >= 0:    # else the loop has not begun, or has ended
            send(self._loop.queue_fd, <const uint8_t*>message, len(message), 0)

    def feed(self, bytes packet, uint32_t mark, int64_t now_s, is_summed=False):
        cdef QueueLoop* l = self._loop
        if l.gate.out.room - l.gate.out.used < OUTBOX_ROOM:
            raise BufferError("outbox: full; packet not judged; take what injected() has")
        l.gate.tables = take_tables(l.handover)
        _take_pages(l)
        l.gate.now_ns = now_s * 1_000_000_000
        return _judge(l, packet, len(packet), mark, is_summed)

    def injected(self):
        return packets_of(&self._loop.gate.out)
