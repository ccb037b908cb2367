"""One query up to its answer or to the upstream: the same for UDP, TCP, TLS and HTTPS.

    header → question → admitted? → judge() → block, but tcp-only over a stream | special name | class or type refused
        | ANY → cache → deliver() | forward | no reply

Invariants: no allocation.  The answer is written over the query.  The decision comes before the cache, and a cached
answer is inspected again.  Only a blocked query is recorded; a list of action SHADOW counts what it would block.  A
message that is itself a response is never answered, so that two servers cannot answer each other forever.
Source: RFC 1035 §4.1, RFC 8906 §3 (silence is the worst answer), RFC 8482 (ANY), RFC 5358 (no open resolvers).
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastpath.base.cursor cimport OK
from fastpath.dns.admission cimport ADMITTED, NOT_OURS, Admission, admit
from fastpath.dns.block_answers cimport block, find_target, note_blocked
from fastpath.dns.cache cimport CACHE_NONE, CACHE_PREFETCH, Cached
from fastpath.dns.cookies cimport check_cookie
from fastpath.dns.device_option cimport address_of_device
from fastpath.dns.edns cimport EDE_NONE
from fastpath.dns.in_flight cimport hash_query
from fastpath.dns.query cimport parse_query
from fastpath.dns.response cimport Response, deliver, look_up_cached
from fastpath.dns.special_names cimport SPECIAL_NONE, SPECIAL_TARGET, Special, answer_identity, answer_special
from fastpath.dns.state cimport ANSWER, FORWARD, NO_REPLY
from fastpath.dns.synthesis cimport write_any, write_refusal
from fastpath.dns.wire cimport (
    CLASS_IN, EDE_NOT_READY, EDE_NO_REACHABLE_AUTHORITY, EDE_PROHIBITED, HEADER_OCTETS, MESSAGE_OCTETS, QR_OCTET2,
    RCODE_FORMERR, RCODE_REFUSED, RCODE_SERVFAIL, TYPE_ANY, TYPE_MAILA, TYPE_TKEY)
from fastpath.images.names cimport find_hits
from fastpath.images.subscribers cimport find_subscriber
from fastpath.images.tables cimport judge_found
from fastpath.images.verdict cimport C_DNS, NO_SUBSCRIBER, PASSTHRU
from fastpath.report.counters cimport (
    CNT_DNS_MALFORMED, CNT_DNS_META_REFUSED, CNT_DNS_NOT_A_QUERY, CNT_DNS_NOT_OURS, CNT_DNS_NO_UPSTREAM,
    CNT_DNS_OVER_LIMIT, CNT_DNS_QUERIES, CNT_DNS_SPECIAL, CNT_NO_TABLES, count)
from fastpath.report.spool cimport note_shadow


cdef inline Outcome _refuse(uint8_t* msg, size_t* n, size_t room, const Question* q, uint16_t rcode,
                            uint16_t ede) noexcept nogil:
    n[0] = write_refusal(msg, n[0], room, q, rcode, ede)
    return ANSWER if n[0] != 0 else NO_REPLY


cdef bint reread_query(Resolver* r, uint8_t* msg, size_t n, Client* client, Question* q) noexcept nogil:
    """Parse the query at `msg`, check its cookie, and set the form of its answer.

    False where it is to be answered with q.rcode.  The form is set then, too: a query without a question gets its
    cookie (RFC 7873 §5.4)."""
    cdef bint is_query = parse_query(msg, n, q) == OK
    client.is_proven = r.is_stream
    if r.has_cookies and check_cookie(&r.cookies, q, client.addr, client.ip_version, <uint32_t>r.now_s):
        client.is_proven = 1
    if r.is_stream:     # RFC 6891 §6.2.3: the EDNS size is that of UDP payloads
        q.edns_size = MESSAGE_OCTETS
    q.is_encrypted = r.is_encrypted
    if q.wants_nsid and r.specials != NULL:
        q.nsid = &r.specials.identity[0]
        q.nsid_n = r.specials.identity_n
    return is_query


cdef void choose_policy_client(const Resolver* r, const uint8_t* msg, Client* client, const Question* q) noexcept nogil:
    """Set whose policy counts: the client's own, or that of a known device that a listed forwarder names."""
    cdef uint8_t[16] device
    client.policy_version = client.ip_version
    memcpy(client.policy_addr, client.addr, 4 if client.ip_version == 4 else 16)
    if q.device_at == 0 or r.forwarders == NULL or r.tables == NULL:
        return
    if admit(r.forwarders, client.addr, client.ip_version, 0, False) != ADMITTED:
        return
    if not address_of_device(msg, q, device):
        return
    if find_subscriber(r.tables.subscribers, device, 6) != NO_SUBSCRIBER:
        client.policy_version = 6
        memcpy(client.policy_addr, device, 16)


cdef Outcome read_query(Resolver* r, uint8_t* msg, size_t* n, size_t room, Client* client, Question* q) noexcept nogil:
    """Parse and admit one query; write a refusal over it where it is malformed or its client is not admitted.

    n        in: octets of the query, out: of the answer;  room: octets that `msg` may grow to
    client   with its address
    q        filled where the outcome is FORWARD: decide_query() is next"""
    cdef Outcome outcome
    if n[0] < HEADER_OCTETS:
        count(r.shared.counters, CNT_DNS_MALFORMED, 1)
        return NO_REPLY
    if msg[2] & QR_OCTET2:
        count(r.shared.counters, CNT_DNS_NOT_A_QUERY, 1)
        return NO_REPLY
    count(r.shared.counters, CNT_DNS_QUERIES, 1)
    if not reread_query(r, msg, n[0], client, q):
        if q.rcode == RCODE_FORMERR:
            count(r.shared.counters, CNT_DNS_MALFORMED, 1)
        return _refuse(msg, n, room, q, q.rcode, EDE_NONE)
    if r.guard != NULL:
        outcome = _check_admission(r, client)
        if outcome == ANSWER:
            return _refuse(msg, n, room, q, RCODE_REFUSED, EDE_PROHIBITED)
        if outcome == NO_REPLY:
            return NO_REPLY
    choose_policy_client(r, msg, client, q)
    return FORWARD


cdef Outcome answer_query(Resolver* r, uint8_t* msg, size_t* n, size_t room, Client* client, Question* q,
                          UpstreamQuery* out) noexcept nogil:
    """Parse and decide one query, for callers without a batch; arguments as in read_query() and decide_query()."""
    cdef Hits hits
    cdef Outcome outcome = read_query(r, msg, n, room, client, q)
    if outcome != FORWARD:
        out.is_prefetch = 0
        return outcome
    if r.tables != NULL:
        find_hits(&r.tables.names, &r.tables.names_delta, &q.name, &hits)
    return decide_query(r, msg, n, room, client, q, &hits, 0, out)


cdef Outcome _check_admission(Resolver* r, const Client* client) noexcept nogil:
    """Check the client's admission.   FORWARD: admitted;  ANSWER: to be refused"""
    cdef Admission admission = admit(r.guard, client.addr, client.ip_version, r.monotonic_ns, client.is_proven)
    if admission == ADMITTED:
        return FORWARD
    if admission == NOT_OURS:
        count(r.shared.counters, CNT_DNS_NOT_OURS, 1)
        return ANSWER
    count(r.shared.counters, CNT_DNS_OVER_LIMIT, 1)
    return NO_REPLY


cdef Outcome decide_query(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Client* client, const Question* q,
                          const Hits* hits, uint64_t key, UpstreamQuery* out) noexcept nogil:
    """Decide a query that read_query() has parsed: by the lists first, then from special names and the cache.

    hits   of q.name in r.tables, ignored where none exist;  key: hash_query() of q, 0: not known yet
    out    what the upstream is asked, where the outcome is FORWARD or out.is_prefetch is set"""
    cdef Decision d
    cdef Outcome outcome
    out.is_prefetch = 0
    out.question = q
    out.key = key
    if r.tables == NULL:
        count(r.shared.counters, CNT_NO_TABLES, 1)
        if r.is_shut_without_images:
            return _refuse(msg, n, room, q, RCODE_SERVFAIL, EDE_NOT_READY)
        return _answer_from_cache(r, msg, n, room, client, q, out)
    judge_found(r.tables, &q.name, hits, client.policy_addr, client.policy_version, r.now_s, False, &d)
    if d.action != PASSTHRU:
        if find_target(r, q, &d, &out.target):
            note_blocked(r, &q.name, &d)
            out.question = &out.target
            out.key = 0
            return _answer_from_cache(r, msg, n, room, client, q, out)
        outcome = block(r, msg, n, room, q, &q.name, &d)
        if outcome != FORWARD:
            return outcome
    note_shadow(r.shared, d.shadow, C_DNS)
    if r.specials != NULL and answer_special_name(r, msg, n, room, q, &d, out):
        return ANSWER if n[0] != 0 else NO_REPLY
    return _answer_from_cache(r, msg, n, room, client, q, out)


cdef bint answer_special_name(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Question* q, const Decision* d,
                              UpstreamQuery* out) noexcept nogil:
    """Answer a special name; False where it is not one, or a target is to be looked up instead: `out` has it."""
    cdef Special special = answer_special(r.specials, msg, n, room, q, d, &out.target)
    if special == SPECIAL_NONE:
        return False
    count(r.shared.counters, CNT_DNS_SPECIAL, 1)
    if special == SPECIAL_TARGET:
        out.question = &out.target
        out.key = 0
        return False
    return True


cdef Outcome _answer_from_cache(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Client* client,
                                const Question* q, UpstreamQuery* out) noexcept nogil:
    """Answer what is never forwarded, or from the cache; FORWARD where the cache has no answer."""
    cdef Response resp
    cdef Cached found
    if q.qclass != CLASS_IN or TYPE_TKEY <= q.qtype <= TYPE_MAILA:
        return _answer_meta(r, msg, n, room, q)
    if q.qtype == TYPE_ANY:
        n[0] = write_any(msg, n[0], room, q)
        return ANSWER if n[0] != 0 else NO_REPLY
    if out.key == 0:
        out.key = hash_query(r.question_key, out.question)
    found = look_up_cached(r, out.question, out.key, &resp)
    if found == CACHE_NONE:
        if not r.is_upstream_dead:
            return FORWARD
        count(r.shared.counters, CNT_DNS_NO_UPSTREAM, 1)
        return _refuse(msg, n, room, q, RCODE_SERVFAIL, EDE_NO_REACHABLE_AUTHORITY)
    out.is_prefetch = found == CACHE_PREFETCH
    return deliver(r, msg, n, room, client, q, &resp)


cdef Outcome _answer_meta(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Question* q) noexcept nogil:
    """Answer a question that is not for records of a name: who this server is, or REFUSED.

    The answer to a zone transfer has records of every name of a zone."""
    cdef size_t written = answer_identity(r.specials, msg, room, q)
    if written != 0:
        count(r.shared.counters, CNT_DNS_SPECIAL, 1)
        n[0] = written
        return ANSWER
    count(r.shared.counters, CNT_DNS_META_REFUSED, 1)
    return _refuse(msg, n, room, q, RCODE_REFUSED, EDE_NONE)
