"""Block records as lines of canonical JSON, and the hashes of their Merkle tree; no Python object a record.

Source: RFC 8785 (the lines); RFC 9162 §2.1.1 (leaves and nodes); libcrypto as quic_initial.pyx says why.
Cost: 0.4 µs a record for its line, its leaf and its share of the nodes.
"""
from array import array

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy
from libc.time cimport time_t, tm

from fastpath.base.decimal cimport DECIMAL_OCTETS, decimal_before
from fastpath.base.sha256 cimport SHA256_CTX, SHA256_Final, SHA256_Init, SHA256_Update

cdef enum:
    DIGEST_OCTETS = 32
    PSEUDONYM_OCTETS = 16
    SUBSCRIBER_OCTETS = 34      # "…" in hexadecimal digits, or null
    TIME_OCTETS = 32            # ,"time":"2026-11-28T09:30:00Z"}\n
    RECORD_OCTETS = 10          # {"action":
    LINE_END = 10
    MOST_LINES = 1 << 20        # that are hashed at once: 32 MiB of hashes

cdef int64_t LAST_S = 253402300799      # 9999-12-31T23:59:59Z

cdef extern from "time.h" nogil:
    tm* gmtime_r(const time_t* at, tm* out)

cdef const char* RECORD = b"{\"action\":"
cdef const char* HEX = b"0123456789abcdef"
cdef const char* TIME = b",\"time\":\"0000-00-00T00:00:00Z\"}\n"


def record_lines(heads: list, middles: list, pseudonyms: bytes, time_s: bytes, kind: bytes, pseudonym: bytes,
                 counts: bytes) -> bytes:
    """The lines of records, each with its end.

    heads, middles  of each kind: what stands before the count, and between it and the subscriber
    columns         as in filterd.audit.block_batches.Rows, where they were checked
    Raises ValueError for a time that no calendar has."""
    cdef Py_ssize_t n = len(counts) // 4
    cdef Py_ssize_t i, size = 0
    if not n:
        return b""
    first = b"".join(heads)
    second = b"".join(middles)
    cdef const uint8_t[::1] of_heads = first
    cdef const uint8_t[::1] of_middles = second
    cdef const int64_t[::1] head_ends = _ends(heads)
    cdef const int64_t[::1] middle_ends = _ends(middles)
    cdef const int64_t[::1] times = memoryview(time_s).cast("q")
    cdef const uint32_t[::1] kinds = memoryview(kind).cast("I")
    cdef const uint32_t[::1] whose = memoryview(pseudonym).cast("I")
    cdef const uint32_t[::1] many = memoryview(counts).cast("I")
    cdef const uint8_t[::1] named = pseudonyms or b"\0"
    for i in range(n):
        if not 0 <= times[i] <= LAST_S:
            raise ValueError(f"a record of second {times[i]}, which no calendar has")
        size += head_ends[kinds[i] + 1] - head_ends[kinds[i]] + middle_ends[kinds[i] + 1] - middle_ends[kinds[i]]
    made = bytearray(size + n * (DECIMAL_OCTETS + SUBSCRIBER_OCTETS + TIME_OCTETS))
    cdef uint8_t[::1] to = made
    cdef uint8_t* out = &to[0]
    cdef int64_t begin
    with nogil:
        for i in range(n):
            begin = head_ends[kinds[i]]
            out = _put(out, &of_heads[begin], head_ends[kinds[i] + 1] - begin)
            out = _put_number(out, many[i])
            begin = middle_ends[kinds[i]]
            out = _put(out, &of_middles[begin], middle_ends[kinds[i] + 1] - begin)
            if whose[i]:
                out = _put_subscriber(out, &named[(whose[i] - 1) * PSEUDONYM_OCTETS])
            else:
                out = _put(out, <const uint8_t*>b"null", 4)
            out = _put_time(out, times[i])
    return bytes(to[:out - &to[0]])


def leaf_hashes(salt: bytes, octets: bytes, begin: int = 0, most: int = MOST_LINES) -> tuple[bytes, int]:
    """The leaves of the records whose lines begin there, and where the last one's line ends.

    SHA-256 of 0x00, the salt, and the line without its end: 32 octets each, of at most `most` whole lines, up to one
    that does not begin as a record does.   begin  from 0 to len(octets), else ValueError"""
    cdef Py_ssize_t n_octets = len(octets)
    cdef Py_ssize_t first = begin
    cdef size_t most_lines = min(max(most, 0), MOST_LINES)
    cdef size_t n
    if not 0 <= first <= n_octets:
        raise ValueError(f"hashes from octet {first} of {n_octets}: not computed; begin inside")
    cdef SHA256_CTX begun
    cdef SHA256_CTX c
    cdef uint8_t prefix = 0
    cdef const uint8_t[::1] of_salt = salt or b"\0"
    cdef const uint8_t[::1] text = octets or b"\0"
    cdef const uint8_t* at = &text[0] + first
    cdef const uint8_t* limit = &text[0] + n_octets
    cdef const uint8_t* end
    cdef size_t i
    with nogil:
        n = _count_records(at, limit, most_lines)
    if n == 0:
        return b"", first
    made = bytearray(n * DIGEST_OCTETS)
    cdef uint8_t[::1] out = made
    SHA256_Init(&begun)
    SHA256_Update(&begun, &prefix, 1)
    SHA256_Update(&begun, &of_salt[0], len(salt))
    with nogil:
        for i in range(n):
            end = <const uint8_t*>memchr(at, LINE_END, limit - at)
            c = begun
            SHA256_Update(&c, at, end - at)
            SHA256_Final(&out[i * DIGEST_OCTETS], &c)
            at = end + 1
    return bytes(made), at - &text[0]


def parents(level: bytes) -> bytes:
    """The hashes one level up: of each pair its node; the last one of an odd number goes up as it is."""
    cdef Py_ssize_t n = len(level) // DIGEST_OCTETS
    cdef Py_ssize_t i
    if n < 2:
        return bytes(level)
    made = bytearray((n + 1) // 2 * DIGEST_OCTETS)
    cdef SHA256_CTX c
    cdef uint8_t prefix = 1
    cdef const uint8_t[::1] below = level
    cdef uint8_t[::1] out = made
    with nogil:
        for i in range(n // 2):
            SHA256_Init(&c)
            SHA256_Update(&c, &prefix, 1)
            SHA256_Update(&c, &below[2 * i * DIGEST_OCTETS], 2 * DIGEST_OCTETS)
            SHA256_Final(&out[i * DIGEST_OCTETS], &c)
        if n % 2:
            memcpy(&out[n // 2 * DIGEST_OCTETS], &below[(n - 1) * DIGEST_OCTETS], DIGEST_OCTETS)
    return bytes(made)


cdef const int64_t[::1] _ends(list texts):
    """Where each text begins in all of them, one behind the other, and where the last one ends."""
    ends = array("q", [0])
    for text in texts:
        ends.append(ends[-1] + len(text))
    return ends


cdef size_t _count_records(const uint8_t* at, const uint8_t* limit, size_t most) noexcept nogil:
    """How many whole lines of records there are, one behind the other."""
    cdef size_t n = 0
    while n < most and limit - at > RECORD_OCTETS and memcmp(at, RECORD, RECORD_OCTETS) == 0:
        at = <const uint8_t*>memchr(at, LINE_END, limit - at)
        if at == NULL:
            break
        at += 1
        n += 1
    return n


cdef uint8_t* _put(uint8_t* out, const uint8_t* text, size_t n) noexcept nogil:
    memcpy(out, text, n)
    return out + n


cdef uint8_t* _put_number(uint8_t* out, uint32_t number) noexcept nogil:
    cdef uint8_t digits[DECIMAL_OCTETS]
    cdef uint8_t* begin = decimal_before(digits + DECIMAL_OCTETS, number)
    return _put(out, begin, digits + DECIMAL_OCTETS - begin)


cdef uint8_t* _put_subscriber(uint8_t* out, const uint8_t* pseudonym) noexcept nogil:
    cdef int i
    out[0] = 34
    for i in range(PSEUDONYM_OCTETS):
        out[1 + 2 * i] = HEX[pseudonym[i] >> 4]
        out[2 + 2 * i] = HEX[pseudonym[i] & 15]
    out[1 + 2 * PSEUDONYM_OCTETS] = 34
    return out + SUBSCRIBER_OCTETS


cdef uint8_t* _put_time(uint8_t* out, int64_t time_s) noexcept nogil:
    cdef time_t at = time_s
    cdef tm parts
    gmtime_r(&at, &parts)
    memcpy(out, TIME, TIME_OCTETS)
    _put_pair(out + 9, (parts.tm_year + 1900) // 100)
    _put_pair(out + 11, (parts.tm_year + 1900) % 100)
    _put_pair(out + 14, parts.tm_mon + 1)
    _put_pair(out + 17, parts.tm_mday)
    _put_pair(out + 20, parts.tm_hour)
    _put_pair(out + 23, parts.tm_min)
    _put_pair(out + 26, parts.tm_sec)
    return out + TIME_OCTETS


cdef void _put_pair(uint8_t* out, int number) noexcept nogil:
    out[0] = <uint8_t>(48 + number // 10)
    out[1] = <uint8_t>(48 + number % 10)
