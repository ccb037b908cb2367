"""The answer to a target that was looked up instead of the name asked, wrapped in a CNAME for the client.

    upstream   forcesafesearch.google.com A → 216.239.38.120
    client     www.google.com A → www.google.com CNAME forcesafesearch.google.com, forcesafesearch.google.com A …

Safe search names such a target, and so does a list whose entry is a CNAME (RPZ: a walled garden).

Invariants: the client's question stays octet for octet.  Nothing is read past the answer's end or written past `room`.
Names are written without compression, as what they pointed to has moved.  The answer never has AD.
Absent on purpose: all other types: signatures, which do not cover an answer to this question, and additional data.
Source: RFC 1034 §3.6.2, RFC 1035 §4.1, RFC 2308 §2.1 (a chain that ends in nothing).
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport OK, Cursor, skip, take_u16, take_u32
from fastpath.base.writer cimport Writer, put, put_u16, put_u32
from fastpath.dns.query cimport Question, parse_query, skip_name
from fastpath.dns.wire cimport (
    CD, CLASS_IN, HEADER_OCTETS, MESSAGE_OCTETS, POINTER, POINTER_HIGH, POINTER_TO_QNAME, POINTER_WORD, QR_OCTET2,
    RA_OCTET3, RCODE_MASK, RCODE_NOERROR, RCODE_NXDOMAIN, RD_OCTET2, RECORD_OCTETS, SOA_NUMBERS_OCTETS, TC_OCTET2,
    TYPE_A, TYPE_AAAA, TYPE_CLASS_OCTETS, TYPE_CNAME, TYPE_HTTPS, TYPE_SOA, TYPE_SVCB, TYPE_TXT)
from fastpath.wire.name cimport LABEL_OCTETS, NAME_OCTETS, Name, name_from_wire

cdef enum:
    MOST_POINTERS = 127         # of one name: as many labels as it can have
    CNAME_TTL_S = 60            # a parent's change takes effect within a minute


cdef bint is_of_target(const uint8_t* answer, size_t n, const Question* q) noexcept nogil:
    """Whether an answer has another question than the client's: then it is that of a target."""
    cdef Name name
    cdef size_t after
    if has_name_asked(answer, n, q):
        return False
    if n < HEADER_OCTETS or name_from_wire(answer, n, HEADER_OCTETS, &name, &after) != OK:
        return False
    return name.n != q.name.n or memcmp(name.wire, q.name.wire, name.n) != 0


cdef size_t wrap_target_answer(const uint8_t* answer, size_t n, uint8_t* msg, size_t room,
                               const Question* q) noexcept nogil:
    """Write the answer to a target over the client's query; give its octets, without OPT.

    room   octets for it;  q: what parse_query() says of the query at `msg`
    An answer that does not fit is an empty one with TC.  0: `answer` cannot be read; id and question of `msg` stay."""
    cdef Writer w
    cdef Name target
    cdef size_t after
    cdef uint16_t n_answers = 1
    cdef uint16_t n_authorities = 0
    cdef uint8_t rcode
    if n < HEADER_OCTETS or q.after > room or name_from_wire(answer, n, HEADER_OCTETS, &target, &after) != OK:
        return 0
    if answer[4] != 0 or answer[5] != 1 or n - after < TYPE_CLASS_OCTETS:
        return 0
    rcode = answer[3] & RCODE_MASK
    begin_answer(&w, msg, room, q, rcode)
    if rcode != RCODE_NOERROR and rcode != RCODE_NXDOMAIN:
        return q.after
    put_owned(&w, TYPE_CNAME, CNAME_TTL_S, target.n)
    put(&w, target.wire, target.n)
    if not _put_records(&w, answer, n, after + TYPE_CLASS_OCTETS, q.after, &n_answers, &n_authorities):
        return 0
    msg[6] = <uint8_t>(n_answers >> 8)
    msg[7] = <uint8_t>n_answers
    msg[9] = <uint8_t>n_authorities
    if answer[2] & TC_OCTET2:
        w.is_full = 1
    return end_answer(&w, msg, q)


cdef void begin_answer(Writer* w, uint8_t* msg, size_t room, const Question* q, uint8_t rcode) noexcept nogil:
    """Write the header of an answer, and point the writer behind its question."""
    msg[2] = <uint8_t>(QR_OCTET2 | ((q.flags >> 8) & RD_OCTET2))
    msg[3] = <uint8_t>(RA_OCTET3 | (q.flags & CD) | rcode)
    memset(msg + 4, 0, 8)
    msg[5] = 1
    w.at = msg + q.after
    w.end = msg + room
    w.is_full = 0


cdef size_t end_answer(const Writer* w, uint8_t* msg, const Question* q) noexcept nogil:
    """Give the answer's octets; where its records did not fit, it has none, and TC."""
    if not w.is_full:
        return <size_t>(w.at - msg)
    msg[2] |= TC_OCTET2
    memset(msg + 6, 0, 6)
    return q.after


cdef void put_owned(Writer* w, uint16_t kind, uint32_t ttl_s, uint16_t n) noexcept nogil:
    """Write the head of a record of the name asked."""
    put_u16(w, POINTER_TO_QNAME)
    put_u16(w, kind)
    put_u16(w, CLASS_IN)
    put_u32(w, ttl_s)
    put_u16(w, n)


cdef bint _put_records(Writer* w, const uint8_t* answer, size_t n, size_t at, uint16_t question_end,
                       uint16_t* n_answers, uint16_t* n_authorities) noexcept nogil:
    """Copy the records and aliases of the answer section and the SOA of the authority section; False: unreadable.

    at            where they begin
    question_end  of the client's question, behind which stands the CNAME to the target"""
    cdef Cursor c
    cdef uint32_t i
    cdef uint32_t n_first = <uint32_t>((answer[6] << 8) | answer[7])
    cdef uint32_t n_second = <uint32_t>((answer[8] << 8) | answer[9])
    cdef uint16_t kind, class_, n_data
    cdef uint32_t ttl
    cdef size_t owner
    cdef bint is_wanted
    c.at = answer + at
    c.end = answer + n
    for i in range(n_first + n_second):
        owner = <size_t>(c.at - answer)
        if skip_name(&c) != OK or take_u16(&c, &kind) != OK or take_u16(&c, &class_) != OK:
            return False
        if take_u32(&c, &ttl) != OK or take_u16(&c, &n_data) != OK or skip(&c, n_data) != OK:
            return False
        if i < n_first:
            is_wanted = is_copied(kind) or kind == TYPE_CNAME
            n_answers[0] += 1 if is_wanted else 0
        else:
            is_wanted = kind == TYPE_SOA and n_authorities[0] == 0
            n_authorities[0] += 1 if is_wanted else 0
        if not is_wanted:
            continue
        if answer[owner] == POINTER and answer[owner + 1] == HEADER_OCTETS:  # the target's own records, as usual
            put_u16(w, <uint16_t>(POINTER_WORD | (question_end + 2 + RECORD_OCTETS)))
        elif not _put_name(w, answer, n, owner):
            return False
        put_u16(w, kind)
        put_u16(w, class_)
        put_u32(w, ttl)
        if not _put_data(w, answer, kind, <size_t>(c.at - answer) - n_data, n_data):
            return False
        if w.is_full:
            return True
    return True


cdef bint is_copied(uint16_t kind) noexcept nogil:
    """Whether records of this type are copied as they are: addresses, and data without compressed names."""
    return kind == TYPE_A or kind == TYPE_AAAA or kind == TYPE_TXT or kind == TYPE_SVCB or kind == TYPE_HTTPS


cdef bint _put_data(Writer* w, const uint8_t* answer, uint16_t kind, size_t at, uint16_t n_data) noexcept nogil:
    """Copy RDLENGTH and rdata, names in it without compression; False where it cannot be read."""
    cdef Writer length = w[0]
    cdef size_t end = at + n_data
    put_u16(w, n_data)
    if is_copied(kind):
        put(w, answer + at, n_data)
        return (kind != TYPE_A or n_data == 4) and (kind != TYPE_AAAA or n_data == 16)
    if not _put_name(w, answer, end, at):
        return False
    if kind == TYPE_SOA:
        if n_data < SOA_NUMBERS_OCTETS + 2 or not _put_second_name(w, answer, end, at):
            return False
        put(w, answer + end - SOA_NUMBERS_OCTETS, SOA_NUMBERS_OCTETS)
    if not w.is_full:
        put_u16(&length, <uint16_t>(w.at - length.at - 2))
    return True


cdef bint _put_second_name(Writer* w, const uint8_t* answer, size_t end, size_t at) noexcept nogil:
    """Write the second of two names in rdata that begins at `at`."""
    cdef Cursor c
    c.at = answer + at
    c.end = answer + end
    if skip_name(&c) != OK:
        return False
    return _put_name(w, answer, end, <size_t>(c.at - answer))


cdef bint _put_name(Writer* w, const uint8_t* answer, size_t n, size_t at) noexcept nogil:
    """Write the name at `at` without compression; False where it is malformed or longer than 255 octets."""
    cdef uint32_t n_pointers = 0
    cdef size_t octets = 0
    cdef size_t length
    while at < n:
        length = answer[at]
        if length >= POINTER:
            n_pointers += 1
            if n - at < 2 or n_pointers > MOST_POINTERS:
                return False
            at = ((length & POINTER_HIGH) << 8) | answer[at + 1]
            continue
        octets += 1 + length
        if length > LABEL_OCTETS or octets > NAME_OCTETS or n - at < 1 + length:
            return False
        put(w, answer + at, 1 + length)
        if length == 0:
            return True
        at += 1 + length
    return False


def wrapped(bytes query, bytes answer, size_t room=MESSAGE_OCTETS) -> bytes | None:
    """Wrap the answer to a target for the client's `query`, without an OPT; None where it answers `query` itself.

    ValueError where either cannot be read."""
    cdef Question q
    cdef uint8_t[MESSAGE_OCTETS] msg
    cdef size_t n
    if len(query) > MESSAGE_OCTETS or parse_query(query, len(query), &q) != OK:
        raise ValueError("the query is not one readable question")
    if not is_of_target(answer, len(answer), &q):
        return None
    memcpy(msg, <const char*>query, len(query))
    n = wrap_target_answer(answer, len(answer), msg, min(room, sizeof(msg)), &q)
    if n == 0:
        raise ValueError("the target's answer cannot be read")
    return msg[:n]
