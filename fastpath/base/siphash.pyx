"""SipHash-2-4: 128 bits for the keyed digest of a confidential name, 64 bits for a DNS server cookie.

SipHash-1-3 for hash tables, whose hashes no one sees: as Linux (hsiphash), Rust and Python have it there.

It is our own implementation as it runs inside the nogil loops; the tests compare it with OpenSSL's.
Source: Aumasson and Bernstein, SipHash: a fast short-input PRF (2012), and the authors' 128-bit variant.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy


cdef inline uint64_t _rotl(uint64_t x, int by) noexcept nogil:
    return (x << by) | (x >> (64 - by))


cdef inline void _rounds(uint64_t* v, int n) noexcept nogil:
    cdef int _round
    for _round in range(n):
        v[0] += v[1]
        v[1] = _rotl(v[1], 13) ^ v[0]
        v[0] = _rotl(v[0], 32)
        v[2] += v[3]
        v[3] = _rotl(v[3], 16) ^ v[2]
        v[0] += v[3]
        v[3] = _rotl(v[3], 21) ^ v[0]
        v[2] += v[1]
        v[1] = _rotl(v[1], 17) ^ v[2]
        v[2] = _rotl(v[2], 32)


cdef inline uint64_t _tail(const uint8_t* data, size_t n) noexcept nogil:
    """The octets behind the last whole word; no call of memcpy(), which costs as much as a round."""
    cdef uint64_t word = 0
    cdef size_t at
    if n % 8 == 0:
        return 0
    if n > 8:
        memcpy(&word, data + n - 8, 8)
        return word >> (64 - 8 * (n % 8))
    for at in range(n):
        word |= <uint64_t>data[at] << (8 * at)
    return word


cdef inline void _absorb(uint64_t* v, const uint8_t* data, size_t n, int n_rounds) noexcept nogil:
    """Absorb `n` octets at `data`, and their length."""
    cdef uint64_t word
    cdef size_t at = 0
    while at + 8 <= n:
        memcpy(&word, data + at, 8)
        v[3] ^= word
        _rounds(v, n_rounds)
        v[0] ^= word
        at += 8
    word = _tail(data, n) | <uint64_t>(n & 0xff) << 56
    v[3] ^= word
    _rounds(v, n_rounds)
    v[0] ^= word


cdef inline void _begin(uint64_t* v, const uint64_t* key) noexcept nogil:
    v[0] = key[0] ^ <uint64_t>0x736f6d6570736575
    v[1] = key[1] ^ <uint64_t>0x646f72616e646f6d
    v[2] = key[0] ^ <uint64_t>0x6c7967656e657261
    v[3] = key[1] ^ <uint64_t>0x7465646279746573


cdef uint64_t siphash64(const uint64_t* key, const uint8_t* data, size_t n) noexcept nogil:
    """The hash of `n` octets at `data` under the two words of `key`."""
    cdef uint64_t v[4]
    _begin(v, key)
    _absorb(v, data, n, 2)
    v[2] ^= 0xff
    _rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef uint64_t siphash13(const uint64_t* key, const uint8_t* data, size_t n) noexcept nogil:
    """SipHash-1-3, for the places of a hash table."""
    cdef uint64_t v[4]
    _begin(v, key)
    _absorb(v, data, n, 1)
    v[2] ^= 0xff
    _rounds(v, 3)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef void siphash128(const uint64_t* key, const uint8_t* data, size_t n, uint64_t* out) noexcept nogil:
    """Digest `n` octets at `data` under the two words of `key` into the two words of `out`."""
    cdef uint64_t v[4]
    _begin(v, key)
    v[1] ^= 0xee            # marks the 128-bit variant
    _absorb(v, data, n, 2)
    v[2] ^= 0xee
    _rounds(v, 4)
    out[0] = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xdd
    _rounds(v, 4)
    out[1] = v[0] ^ v[1] ^ v[2] ^ v[3]


cdef object _read_key(bytes key, uint64_t* words):
    if len(key) != 16:
        raise ValueError(f"key: {len(key)} octets; a key has 16")
    memcpy(words, <const char*>key, 16)


def digest(key: bytes, data: bytes) -> bytes:
    """The 16 octets of SipHash-2-4-128 of `data`.   key  16 octets, else ValueError."""
    cdef uint64_t words[2]
    cdef uint64_t out[2]
    _read_key(key, words)
    siphash128(words, data, len(data), out)
    return PyBytes_FromStringAndSize(<const char*>out, 16)


def short_digest(key: bytes, data: bytes) -> bytes:
    """The 8 octets of SipHash-2-4 of `data`.   key  16 octets, else ValueError."""
    cdef uint64_t words[2]
    cdef uint64_t out
    _read_key(key, words)
    out = siphash64(words, data, len(data))
    return PyBytes_FromStringAndSize(<const char*>&out, 8)


def table_hash(key: bytes, data: bytes) -> bytes:
    """The 8 octets of SipHash-1-3 of `data`.   key  16 octets, else ValueError."""
    cdef uint64_t words[2]
    cdef uint64_t out
    _read_key(key, words)
    out = siphash13(words, data, len(data))
    return PyBytes_FromStringAndSize(<const char*>&out, 8)
