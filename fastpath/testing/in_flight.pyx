"""The in-flight table for tests: a question is a query message, a client is its address, any octets up to 28."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastpath.base.cursor cimport OK
from fastpath.dns.in_flight cimport (
    ADDRESS_OCTETS, MAX_SLOTS, MAX_SOCKETS, InFlight, PendingQuery, add_client, begin_pending,
    begun_before, close_in_flight, end_pending, find_pending, hash_query, match_answer, move_to, move_to_stream,
    next_overdue, open_in_flight, stop_retrying, stream_unanswered_before, unanswered_before)
from fastpath.dns.query cimport Question, parse_query
from fastpath.dns.wire cimport UPSTREAM_QUERY_OCTETS


cdef class InFlightTable:
    """The in-flight table of one loop, for tests."""

    cdef InFlight table
    cdef uint64_t[2] question_key
    cdef uint32_t n_sockets
    cdef uint32_t n_upstreams

    def __cinit__(self, uint32_t n_sockets, uint32_t n_slots, tuple seed, uint32_t n_upstreams=1):
        cdef uint64_t[2] words
        if not (1 <= n_upstreams <= n_sockets <= MAX_SOCKETS and 1 <= n_slots <= MAX_SLOTS):
            raise ValueError(f"in-flight table: {n_sockets} sockets of {n_slots} slots; not made; "
                             f"ask for 1-{MAX_SOCKETS} and 1-{MAX_SLOTS}")
        words = seed
        self.question_key[0] = words[0]
        self.question_key[1] = words[1]
        self.n_sockets = n_sockets
        self.n_upstreams = n_upstreams
        if open_in_flight(&self.table, n_upstreams, n_slots) != 0:
            raise MemoryError("in-flight table")

    def __dealloc__(self):
        close_in_flight(&self.table)

    cdef uint64_t _key(self, bytes query) except? 0:
        cdef Question q
        if parse_query(<const uint8_t*>query, len(query), &q) != OK:
            raise ValueError(f"{query!r}: not a query")
        return hash_query(self.question_key, &q)

    def ask(self, uint8_t upstream_socket, int64_t now_ns, bytes query, bytes client,
            bytes asker=bytes(4)) -> int | None:
        """Add a client; give the id of the query to this socket's upstream, None where the question is pending already.

        query   with an OPT of 11 octets at its end, its name in lower case;  asker: 4 or 16 octets"""
        cdef uint64_t key = self._key(query)
        cdef PendingQuery* p = find_pending(&self.table, key)
        cdef bint is_new = p == NULL
        if (upstream_socket >= self.n_sockets or len(query) > UPSTREAM_QUERY_OCTETS or len(client) > ADDRESS_OCTETS
                or len(asker) not in (4, 16)):
            raise ValueError(f"socket {upstream_socket}: there are {self.n_sockets}")
        if is_new:
            p = begin_pending(&self.table, key, now_ns)
            p.query_n = len(query)
            memcpy(p.query, <const char*>query, len(query))
            move_to(&self.table, p, upstream_socket * self.n_upstreams // self.n_sockets, upstream_socket, now_ns)
        add_client(&self.table, p, <const uint8_t*>query, len(query), <const char*>client, len(client), asker,
                   4 if len(asker) == 4 else 6)
        return p.upstream_id if is_new else None

    def move(self, bytes query, uint8_t upstream_socket, int64_t now_ns, bint is_stream=False) -> int:
        """Move a pending query to another socket; give its new id.   is_stream: of the same upstream"""
        cdef PendingQuery* p = find_pending(&self.table, self._key(query))
        if p == NULL or upstream_socket >= self.n_sockets:
            raise ValueError("it does not wait, or there is no such socket")
        if is_stream:
            move_to_stream(&self.table, p, upstream_socket, now_ns)
        else:
            move_to(&self.table, p, upstream_socket * self.n_upstreams // self.n_sockets, upstream_socket, now_ns)
        return p.upstream_id

    def end(self, uint8_t upstream_socket, bytes answer) -> list[tuple[bytes, bytes]] | None:
        """End the query that an answer matches; give (address, query) of its clients, None where none matches."""
        cdef PendingQuery* p = NULL
        cdef bytearray received = bytearray(answer)
        cdef bint is_same_case
        cdef uint32_t at
        if upstream_socket < self.n_sockets:
            p = match_answer(&self.table, upstream_socket, <uint8_t*><char*>received, len(answer), &is_same_case)
        if p == NULL:
            return None
        clients = []
        at = p.clients
        while at != 0:
            clients.append((self.table.clients[at].address[:self.table.clients[at].address_n],
                            self.table.clients[at].query[:self.table.clients[at].query_n]))
            at = self.table.clients[at].next
        end_pending(&self.table, p)
        return clients

    def expire(self, int64_t ns) -> int:
        """End the queries that began before `ns`; give the number lost since the last call, with evicted ones."""
        cdef PendingQuery* p = begun_before(&self.table, ns)
        while p != NULL:
            self.table.n_lost += 1
            end_pending(&self.table, p)
            p = begun_before(&self.table, ns)
        lost = self.table.n_lost
        self.table.n_lost = 0
        return lost

    def unanswered(self, uint8_t upstream, int64_t ns) -> int:
        """Stop retransmissions of the queries sent to this upstream before `ns`; give their number."""
        cdef PendingQuery* p = unanswered_before(&self.table, upstream, ns)
        n = 0
        while p != NULL:
            stop_retrying(&self.table, p)
            n += 1
            p = unanswered_before(&self.table, upstream, ns)
        return n

    def unanswered_over_streams(self, int64_t ns) -> int:
        """Stop retransmissions of the queries sent over a stream before `ns`; give their number."""
        cdef PendingQuery* p = stream_unanswered_before(&self.table, ns)
        n = 0
        while p != NULL:
            stop_retrying(&self.table, p)
            n += 1
            p = stream_unanswered_before(&self.table, ns)
        return n

    def old(self, int64_t ns) -> int:
        """The number of queries that began before `ns` and were not counted before."""
        n = 0
        while next_overdue(&self.table, ns) != NULL:
            n += 1
        return n

    def __len__(self) -> int:
        return self.table.n
