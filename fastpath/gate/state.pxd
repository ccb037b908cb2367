"""State of the packet gate: flow states, mark bits, port kinds, and the structs of one gate and of one packet in it."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from fastpath.gate.flow cimport Flow, FlowTable
from fastpath.gate.labels cimport Labels
from fastpath.gate.outbox cimport Outbox
from fastpath.gate.unfinished cimport Unfinished
from fastpath.images.tables cimport Tables
from fastpath.images.verdict cimport N_REASONS
from fastpath.report.hello_classes cimport ClassTable
from fastpath.report.spool cimport Shared
from fastpath.report.trace cimport Trace
from fastpath.wire.http1_language cimport CODE_OCTETS
from fastpath.wire.name cimport Name
from fastpath.wire.packet cimport PacketView
from fastpath.wire.quic_initial cimport InitialCrypto
from fastpath.wire.url cimport Url

cdef enum Verdict:          # of one packet, or of a part of what it says; judge.pyx makes the flow's state of it
    GO_ON = 0               # nothing against it: the flow stays as it is
    ALLOW = 1               # allowed so far
    WAIT = 2                # more octets have to come before it can be judged
    RELEASE = 3             # the kernel may forward the rest of the flow by itself
    BLOCK = 4               # the flow is to be reset
    ANSWER_PAGE = 5         # as BLOCK, and the client gets a page
    DROP = 6                # this packet alone is to be dropped
    NOT_A_NAME = 7          # of a host alone: it cannot be looked up
    TOO_LONG = 8            # of a URL alone: not all of it is known or was read, and its host has some listed
    OPEN = 9                # of a SYN/ACK alone: from here on the beginning of the stream is known


cdef enum FlowState:        # of a connection, as its ct mark stores it: no number may ever change its meaning
    UNDECIDED = 0
    RELEASED = 1            # the kernel forwards the rest of the flow by itself
    BLOCKED = 2             # dropped, reset both ways
    ALLOWED = 3             # allowed so far, the server is silent
    ALLOWED_SPOKEN = 4      # allowed so far, the server has spoken
    ANSWERED = 5            # dropped, a page was injected
    PARTIAL = 6             # the beginning of a first hello or head was forwarded, not yet judged
    PARTIAL_AGAIN = 8       # allowed so far; the beginning of another one was forwarded, the server is silent since
    PARTIAL_SPOKEN = 9      # as 8, and the server has spoken
    OPENED = 10             # the gate has seen the SYN/ACK; nothing of the client's was judged yet


# The gate's eight bits of a mark, moved to their place (`shift`) by the loop.  marks.pyx has them for Python.
# No ct mark has MARK_VERDICT: a program that copies whole marks between connections and packets makes no verdict.
cdef enum:
    MARK_STATE = 0x0f       # a FlowState
    MARK_DROPPED = 0x07     # in the place of one, in a verdict alone: this packet is dropped, nothing is stored
    MARK_REPLY = 0x10       # set by the kernel in the mark of a queued packet whose entry the other end has begun
    MARK_UNTRACKED = 0x20   # set by the kernel in the mark of a queued packet of which conntrack proves nothing
    MARK_VERDICT = 0x40     # set in the mark of every packet that the gate has judged, until the rules have read it
    MARK_QUEUED = 0x80      # set by the kernel in the mark of every packet that it queues
    MARK_ASK = 0x20         # in a verdict: the server's next packets are to be queued, too, until one says otherwise
    MARK_ASKED = 0x10       # the same in a ct mark
    MARK_SYN = 0x20         # of a ct mark: its client has sent a SYN since the connection was marked
    MARK_BITS = 0xff        # all of them


cdef enum PortKind:
    PORT_NEITHER = 0
    PORT_TLS = 1
    PORT_HTTP = 2
    PORT_BY_CONTENT = 4     # added to one of them: the protocol of the client's first octets takes precedence


cdef enum:
    MOST_LANGUAGES = 2      # that pages are written in
    PAGE_OCTETS = 32768     # a page with its head and host
    # a page in segments of SEGMENT_OCTETS with headers of at most 100 octets, and one reset
    OUTBOX_ROOM = 49152


cdef struct Page:           # a whole HTTP answer; the host's name goes between the halves
    const uint8_t* before
    uint32_t before_n
    const uint8_t* after
    uint32_t after_n        # 0: nothing goes between


cdef struct Gate:
    FlowTable flows
    Unfinished unfinished       # connections that the kernel does not track
    Shared* shared
    const Tables* tables        # NULL: none yet
    int64_t now_ns              # since the Unix epoch
    uint8_t closed              # undecidable input is blocked
    uint8_t is_shut_without_images  # while there are no tables: what would be judged is blocked
    uint8_t is_h2c_let          # HTTP/2 without TLS passes uninspected
    uint32_t initials_a_second  # QUIC Initials that are decrypted for one client
    uint8_t* port_kinds         # 65536 of them
    Page pages[MOST_LANGUAGES][N_REASONS]       # the operator's first language first
    uint8_t languages[MOST_LANGUAGES * CODE_OCTETS]
    uint8_t n_languages
    Outbox out
    Trace* trace                # of the packet being judged; NULL: none is kept
    const ClassTable* classes   # for counting hellos by class; NULL: they are not counted
    InitialCrypto crypto
    uint8_t* scratch            # HELLO_OCTETS for the parser, and a decrypted QUIC packet
    uint8_t* page               # PAGE_OCTETS to assemble a page
    Name name
    Url url
    Labels labels               # for the kernel, of the connections judged in this batch


cdef struct Turn:               # one packet, its flow and its stream position
    PacketView p
    Flow* f
    uint8_t state               # FlowState, as the kernel had it
    uint8_t is_untracked        # the kernel has no state of it: the flow has, and nothing proves what a server says
    uint8_t is_reply            # the other end has begun its entry, or it is a packet that the gate has asked for
    uint8_t is_asking           # the server's next packets matter, regardless of what asks_server() says
    uint32_t quic_version       # of the hello being judged; 0: not QUIC
    int64_t at                  # stream position of its payload
    int64_t edge                # first stream position that the server cannot have received
