"""State of the DNS front: answer table, client, what an upstream is asked for, and the struct of one loop."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.base.sockets cimport pollfd
from fastpath.dns.admission cimport Guard
from fastpath.dns.batch_io cimport BATCH, Inbox, Outbox
from fastpath.dns.cache cimport Cache
from fastpath.dns.cookies cimport Cookies
from fastpath.dns.in_flight cimport MAX_SOCKETS, InFlight
from fastpath.dns.query cimport Question
from fastpath.dns.special_names cimport Specials
from fastpath.dns.synthesis cimport BlockAnswer
from fastpath.dns.upstream_health cimport Pool
from fastpath.images.names cimport Hits
from fastpath.images.tables cimport Handover, Tables
from fastpath.images.verdict cimport Decision
from fastpath.report.spool cimport Shared
from fastpath.wire.name cimport Name
from fastpath.wire.proxy_protocol cimport Told

cdef enum:
    N_REASONS = 8
    N_ACTIONS = 8
    TEXT_OCTETS = 512           # of EXTRA-TEXT: an answer with it still fits the 1,232 octets of EDNS


cdef enum Outcome:
    ANSWER = 0      # the message is now the answer
    FORWARD = 1     # the message is untouched: the upstream's to answer
    SAY_NOTHING = 2


cdef struct AnswerCell:
    Outcome outcome
    BlockAnswer answer
    uint8_t text[TEXT_OCTETS]   # what `answer` points at


cdef struct Answering:          # of one loop, or of the streams beside it
    Shared* shared
    const Tables* tables        # NULL: none yet, everything is forwarded
    Guard* guard                # NULL: everybody may ask
    Guard* forwarders           # believed when they name a device; NULL: nobody is
    Cache* cache                # NULL: none
    int64_t now_s               # unix
    int64_t now_ns              # unix
    int64_t monotonic_ns
    uint32_t cache_s            # by a clock of the cache's own, which nobody sets
    const Specials* specials    # NULL: none
    uint64_t question_key[2]    # of hash_query()
    Cookies cookies
    uint8_t has_cookies
    uint8_t is_stream           # what the client says of datagrams does not bound its answers
    uint8_t is_encrypted        # the stream of this query is: its answer is padded where the query was
    uint8_t is_nobody_up        # of the upstreams: what is stale is given at once
    AnswerCell cells[N_REASONS][N_ACTIONS]


cdef struct Asker:              # who asks
    const uint8_t* addr         # 4 or 16 octets by ip_version
    uint8_t ip_version
    uint8_t is_proven           # its cookie was good, or it has a connection
    uint8_t judged_version      # whose policy counts: the same, or a device's that a forwarder names
    uint8_t judged[16]


cdef struct Wanted:             # of the upstream, for a query that it has to answer
    uint64_t key                # hash_query() of `question`
    const Question* question    # the client's, or `target`
    Question target
    uint16_t after              # where the client's own question ends
    uint8_t is_due              # there is an answer, and the upstream is to be asked for the next one


cdef enum:
    MAX_LISTENERS = 32
    MAX_FDS = MAX_LISTENERS + MAX_SOCKETS + 1       # listeners, sockets and streams to upstreams, the eventfd


cdef struct Loop:
    Answering answering
    Cache cache
    InFlight in_flight
    Pool pool
    Inbox inbox
    Asker askers[BATCH]         # of the messages in the inbox, one each
    Told told[BATCH]
    Question questions[BATCH]
    Hits hits[BATCH]
    uint64_t keys[BATCH]        # hash_query() of the questions; 0: not known
    Outbox outbox
    uint8_t* streamed           # MESSAGE_OCTETS for an answer that came over a stream; for all of them
    pollfd fds[MAX_FDS]         # a descriptor of -1: not connected yet; poll() passes it over, a send to it fails
    uint8_t version_of[MAX_LISTENERS]   # 4 or 6, by listener
    uint32_t n_fds
    uint32_t n_listeners
    uint32_t sockets_each       # upstream u has sockets u * sockets_each …
    uint32_t n_sockets
    uint32_t n_streams          # behind the sockets, one an upstream, or none
    uint32_t is_stopped         # written by the control thread
    uint64_t n_turns            # rises as long as the loop lives, also when idle
    Handover* handover
    Guard* proxies              # whose datagrams begin with a PROXY header; NULL: nobody's
    int64_t patience_ns
    int64_t now_ns              # monotonic
    int64_t probed_ns
    int64_t ahead_ns            # of the clocks; 0 but in tests
