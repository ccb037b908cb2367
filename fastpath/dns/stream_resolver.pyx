"""Answers to queries over streams (TCP, TLS, HTTPS), from the tables that the UDP loop serves.

    answer() → the answer | no reply | None → upstream_query() → an upstream → deliver() | give_up()

Invariants: a query goes the same way as over UDP, see query_path.pyx; only the limits of datagrams do not count.  One
thread asks a resolver.  Another may give it tables: a call holds the GIL from where it takes the tables to its end, and
runs no Python in between.
Absent on purpose: sockets and waiting, which are dns/front/streams' and dns/base'.
Source: RFC 7766, RFC 7830 (padding).
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastpath.base.clock cimport monotonic_ns
from fastpath.base.cursor cimport OK
from fastpath.dns.admission cimport ClientGuard
from fastpath.dns.block_answers cimport find_target, is_for_upstream, open_resolver
from fastpath.dns.cache cimport Cache, close_cache
from fastpath.dns.in_flight cimport hash_query
from fastpath.dns.query cimport Question, parse_query
from fastpath.dns.query_path cimport answer_query, answer_special_name, choose_policy_client, reread_query
from fastpath.dns.response cimport Response, accept_answer, deliver_late, find_stale_answer, open_answer_cache
from fastpath.dns.rewrite cimport is_answer_to, write_query
from fastpath.dns.special_names cimport SpecialNames
from fastpath.dns.state cimport ANSWER, FORWARD, Client, Outcome, Resolver, UpstreamQuery
from fastpath.dns.synthesis cimport write_refusal
from fastpath.dns.wire cimport EDE_NETWORK_ERROR, MESSAGE_OCTETS, RCODE_SERVFAIL, UPSTREAM_QUERY_OCTETS
from fastpath.images.tables cimport TableSet, judge
from fastpath.images.verdict cimport Decision
from fastpath.report.counters cimport CNT_DNS_TCP_QUERIES, count, count_rcode
from fastpath.report.spool cimport Reporter

import ipaddress
import os


cdef class StreamResolver:
    """Answers queries that came over streams.

    reporter      its own, never the loop's: a spool and its counters have one writer
    cache_octets  of memory for answers, its own, used as they come; 0: no cache
    guard, forwarders, specials, cookie_master   see DnsLoop; the guard is its own, too"""

    cdef Resolver state
    cdef Cache cache
    cdef TableSet _tables       # in force; None: none yet
    cdef Reporter _reporter
    cdef tuple _kept            # references that keep C pointers valid
    cdef uint8_t buffer[MESSAGE_OCTETS]
    cdef int64_t cache_ns       # by a clock that is never set back
    cdef int64_t last_ns        # of the last query, unix

    def __cinit__(self, Reporter reporter not None, answers, size_t cache_octets=0, ClientGuard guard=None,
                  ClientGuard forwarders=None, SpecialNames specials=None, bytes cookie_master=b""):
        cdef bytes drawn = os.urandom(16)
        open_resolver(&self.state, answers, FORWARD, guard, forwarders, specials, cookie_master)
        self._kept = (guard, forwarders, specials)
        self._reporter = reporter
        self.state.shared = &reporter.shared
        self.state.is_stream = 1
        memcpy(self.state.question_key, <const char*>drawn, 16)
        self.state.cache = open_answer_cache(&self.cache, cache_octets)

    def shut_without_images(self):
        self.state.is_shut_without_images = 1

    def __dealloc__(self):
        close_cache(&self.cache)

    cdef object _begin(self, bytes query, int64_t now_ns):
        """Copy the query into the buffer; put the tables and clocks of this moment into the state."""
        if <size_t>len(query) > sizeof(self.buffer):
            raise ValueError(f"a query of {len(query)} octets; not answered; at most {MESSAGE_OCTETS} fit a stream")
        memcpy(self.buffer, <const char*>query, len(query))
        self.state.tables = &self._tables.tables if self._tables is not None else NULL
        self.state.now_ns = now_ns
        self.state.now_s = now_ns // 1_000_000_000
        # where the wall clock is set back, answers would be as fresh as new for as long
        self.cache_ns += now_ns - self.last_ns if now_ns > self.last_ns else 0
        self.last_ns = now_ns
        self.state.cache_s = <uint32_t>(self.cache_ns // 1_000_000_000)
        self.state.monotonic_ns = monotonic_ns()

    def use(self, TableSet tables not None) -> None:
        """Answer from `tables`, unless newer ones were given before."""
        if self._tables is None or tables.tables.ticket > self._tables.tables.ticket:
            self._tables = tables

    def answer(self, bytes query, str client, int64_t now_ns, bint is_encrypted=False) -> bytes | None:
        """Answer `query`; None: an upstream has to answer; empty: no reply.

        client   the address alone;  now_ns: unix;  is_encrypted: the answer is padded where the query was
        Raises ValueError for a client that is no address."""
        cdef Question q
        cdef UpstreamQuery upstream
        cdef Client c
        cdef bytes packed = _packed(client)
        cdef size_t n = len(query)
        cdef Outcome outcome
        self.state.is_encrypted = is_encrypted
        self._begin(query, now_ns)
        _set_address(&c, packed)
        count(self._reporter.shared.counters, CNT_DNS_TCP_QUERIES, 1)
        outcome = answer_query(&self.state, self.buffer, &n, sizeof(self.buffer), &c, &q, &upstream)
        if outcome == FORWARD:
            return None
        return self._counted(n) if outcome == ANSWER else b""

    cdef bytes _counted(self, size_t n):
        """The answer in the buffer, counted by its RCODE."""
        count_rcode(self._reporter.shared.counters, self.buffer)
        return self.buffer[:n]

    cdef bint _repeat(self, bytes query, bytes packed, int64_t now_ns, Client* c, Question* q,
                      UpstreamQuery* out) except -1:
        """Repeat answer()'s work on a query that it left to an upstream; False where it would answer by now."""
        cdef Decision d
        cdef size_t n = len(query)
        self._begin(query, now_ns)
        _set_address(c, packed)
        if not reread_query(&self.state, self.buffer, n, c, q):
            return False
        choose_policy_client(&self.state, self.buffer, c, q)
        out.question = q
        if self.state.tables != NULL:
            judge(self.state.tables, &q.name, c.policy_addr, c.policy_version, self.state.now_s, &d)
            if find_target(&self.state, q, &d, &out.target):
                out.question = &out.target
            elif (is_for_upstream(&self.state, &d) and self.state.specials != NULL
                    and answer_special_name(&self.state, self.buffer, &n, sizeof(self.buffer), q, &d, out)):
                return False
        out.key = hash_query(self.state.question_key, out.question)
        return True

    def upstream_query(self, bytes query, str client, int64_t now_ns) -> bytes:
        """Write the upstream's query, with the client's id, for a query that answer() has just left to it.

        Raises ValueError where that is no query, or answer() would answer it by now."""
        cdef Question q
        cdef UpstreamQuery upstream
        cdef Client c
        cdef bytes packed = _packed(client)
        cdef uint8_t asked[UPSTREAM_QUERY_OCTETS]
        cdef size_t n
        if not self._repeat(query, packed, now_ns, &c, &q, &upstream):
            raise ValueError(f"{client}: a query that is not the upstream's to answer; not asked; call answer() first")
        n = write_query(upstream.question, asked)
        asked[0] = <uint8_t>(q.id >> 8)
        asked[1] = <uint8_t>q.id
        return asked[:n]

    def deliver(self, bytes query, str client, bytes asked, bytes answer, int64_t now_ns,
                bint is_encrypted=False) -> bytes:
        """Turn an upstream's `answer` into the client's; empty: no reply.

        asked   what upstream_query() gave
        Raises ValueError for an answer to another question, or one that cannot be read."""
        cdef Question q
        cdef Question theirs
        cdef Response resp
        cdef Client c
        cdef bytes packed = _packed(client)
        cdef bytearray message = bytearray(answer)
        cdef uint8_t* msg = <uint8_t*><char*>message
        cdef size_t n = len(query)
        cdef uint64_t key
        self.state.is_encrypted = is_encrypted
        self._begin(query, now_ns)
        _set_address(&c, packed)
        if (not reread_query(&self.state, self.buffer, n, &c, &q) or parse_query(asked, len(asked), &theirs) != OK
                or not is_answer_to(&theirs, msg, len(message))):
            raise ValueError("the upstream's answer is to another question; not delivered; look at what listens there")
        choose_policy_client(&self.state, self.buffer, &c, &q)
        key = hash_query(self.state.question_key, &theirs)
        if accept_answer(&self.state, &theirs, key, msg, len(message), &resp) == 0:
            raise ValueError("the upstream's answer cannot be read; not delivered; look at what listens there")
        if deliver_late(&self.state, self.buffer, &n, sizeof(self.buffer), &c, &q, &resp) != ANSWER:
            return b""
        return self._counted(n)

    def give_up(self, bytes query, str client, int64_t now_ns, bint is_encrypted=False) -> bytes:
        """Answer where no upstream did: the cache's stale answer, or SERVFAIL; empty: no reply."""
        cdef Question q
        cdef UpstreamQuery upstream
        cdef Response resp
        cdef Client c
        cdef bytes packed = _packed(client)
        cdef size_t n = len(query)
        self.state.is_encrypted = is_encrypted
        if not self._repeat(query, packed, now_ns, &c, &q, &upstream):
            return b""
        if not find_stale_answer(&self.state, upstream.question, upstream.key, &resp):
            n = write_refusal(self.buffer, n, sizeof(self.buffer), &q, RCODE_SERVFAIL, EDE_NETWORK_ERROR)
        elif deliver_late(&self.state, self.buffer, &n, sizeof(self.buffer), &c, &q, &resp) != ANSWER:
            return b""
        return self._counted(n)


cdef bytes _packed(str client):
    return ipaddress.ip_address(client.partition("%")[0]).packed


cdef inline void _set_address(Client* c, bytes packed):
    """Point a client at its address.   packed: outlives it"""
    c.addr = packed
    c.ip_version = 4 if len(packed) == 4 else 6
