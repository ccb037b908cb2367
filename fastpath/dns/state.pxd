"""State of the DNS front: the resolver, a client, a query for an upstream, and one UDP loop."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.base.sockets cimport epoll_event, pollfd
from fastpath.dns.admission cimport Guard
from fastpath.dns.batch_io cimport BATCH, Inbox, Outbox
from fastpath.dns.cache cimport Cache
from fastpath.dns.cookies cimport Cookies
from fastpath.dns.in_flight cimport MAX_SENDING_SOCKETS, MAX_SOCKETS, MAX_UPSTREAMS, InFlight
from fastpath.dns.query cimport Question
from fastpath.dns.special_names cimport Specials
from fastpath.dns.synthesis cimport BlockAnswer
from fastpath.dns.upstream_health cimport Pool
from fastpath.images.names cimport Hits
from fastpath.images.tables cimport Handover, Tables
from fastpath.images.verdict cimport N_ACTIONS, N_REASONS
from fastpath.report.spool cimport Shared
from fastpath.wire.proxy_protocol cimport ProxyHeader

cdef enum:
    TEXT_OCTETS = 512           # of EXTRA-TEXT: an answer with it still fits the 1,232 octets of EDNS
    MAX_LISTENERS = 32
    MAX_RETIRED = MAX_SENDING_SOCKETS * 4
    MAX_FDS = MAX_LISTENERS + MAX_SOCKETS       # listeners, then sockets and streams to upstreams


cdef enum Outcome:              # of a query
    ANSWER = 0                  # the message is now the answer
    FORWARD = 1                 # the message is unchanged: an upstream has to answer it
    NO_REPLY = 2                # nothing is sent


cdef struct AnswerCell:         # the block answer of one reason and one action
    Outcome outcome
    BlockAnswer answer
    uint8_t text[TEXT_OCTETS]   # what `answer` points at


cdef struct Resolver:           # what queries are answered from: one a UDP loop, one a stream resolver
    Shared* shared
    const Tables* tables        # NULL: none yet, see is_shut_without_images
    Guard* guard                # NULL: every client is admitted
    Guard* forwarders           # clients whose device option is believed; NULL: none
    Cache* cache                # NULL: none
    int64_t now_s               # unix
    int64_t now_ns              # unix
    int64_t monotonic_ns
    uint32_t cache_s            # now, by the clock that the times of cache entries are of
    const Specials* specials    # NULL: none
    uint64_t question_key[2]    # of hash_query()
    Cookies cookies
    uint8_t has_cookies
    uint8_t is_stream           # the client's EDNS size does not limit its answers
    uint8_t is_encrypted        # of this query's stream: its answer is padded where the query was
    uint8_t is_shut_without_images  # while there are no tables: SERVFAIL; otherwise every query is forwarded
    uint8_t is_no_upstream_up   # stale answers are served at once
    uint8_t is_upstream_dead    # … and where none exists, SERVFAIL
    AnswerCell cells[N_REASONS][N_ACTIONS]


cdef struct Client:             # of one query, as policy and limits see it; in_flight.WaitingClient is its stored form
    const uint8_t* addr         # 4 or 16 octets by ip_version
    uint8_t ip_version
    uint8_t is_proven           # its address: by a good cookie or a connection
    uint8_t policy_version      # whose policy counts: the client's, or that of a device that a forwarder names
    uint8_t policy_addr[16]


cdef struct UpstreamQuery:      # what an upstream is asked for a client's query; in_flight.PendingQuery once it is sent
    uint64_t key                # hash_query() of `question`
    const Question* question    # the client's, or `target`
    Question target
    uint8_t is_prefetch         # the client has its answer: the query refreshes the cache


cdef struct Loop:               # one UDP loop
    Resolver resolver
    Cache cache
    InFlight in_flight
    Pool pool
    Inbox inbox
    Client clients[BATCH]       # of the messages in the inbox, one each
    ProxyHeader proxied[BATCH]         # their PROXY headers
    Question questions[BATCH]
    Hits hits[BATCH]
    uint64_t keys[BATCH]        # hash_query() of the questions; 0: not known
    Outbox outbox
    uint8_t* stream_answer      # MESSAGE_OCTETS: the answer of a stream that is being read
    int fds[MAX_FDS]            # -1: not connected yet, a send to it fails
    int epoll                   # of the sockets and streams to upstreams: poll() would look at each in every turn
    int eventfd
    pollfd polled[MAX_LISTENERS + 2]    # the listeners, `epoll`, `eventfd`
    epoll_event ready[MAX_SOCKETS]      # what `epoll` has said in this turn
    uint8_t version_of[MAX_LISTENERS]   # 4 or 6, by listener
    uint32_t n_listeners
    uint32_t sockets_each       # upstream u has places for sockets u * sockets_each …
    uint32_t n_sending          # of those, from first_sending[u] on and round: queries leave by them alone
    uint32_t first_sending[MAX_UPSTREAMS]       # written by the control thread
    uint32_t n_sockets
    uint32_t n_streams          # behind the sockets, one an upstream, or none
    uint32_t n_retired
    int retired[MAX_RETIRED]    # sockets that the control thread closes once the loop knows of their end
    uint64_t retired_at[MAX_RETIRED]    # n_turns then
    uint32_t is_stopped         # written by the control thread
    uint64_t n_turns            # rises as long as the loop lives, also when idle
    Handover* handover
    Guard* proxies              # whose datagrams begin with a PROXY header; NULL: none
    int64_t query_timeout_ns    # for all upstreams of a query together
    int64_t now_ns              # monotonic
    int64_t probed_ns
    int64_t ahead_ns            # of the clocks; 0 but in tests
