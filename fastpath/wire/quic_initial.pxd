"""QUIC Initial keys and decryption: see quic_initial.pyx."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.base.cursor cimport Status
from fastpath.wire.quic cimport QuicPacket

cdef enum:
    QUIC_PLAIN_OCTETS = 65536      # more than a datagram can hold
    KEY_OCTETS = 16                # AES-128
    IV_OCTETS = 12


cdef struct InitialKeys:
    uint8_t key[KEY_OCTETS]
    uint8_t iv[IV_OCTETS]
    uint8_t hp[KEY_OCTETS]
    uint32_t version
    uint64_t next_number           # one more than the largest packet number that these keys have decrypted


cdef struct InitialCrypto:         # one of each thread; EVP_CIPHER_CTX, whose header only quic_initial.pyx needs
    void* mask
    void* aead


cdef Status open_crypto(InitialCrypto* out) noexcept nogil
cdef void close_crypto(InitialCrypto* crypto) noexcept nogil
cdef void derive_initial_keys(uint32_t version, const uint8_t* dcid, size_t n, InitialKeys* out) noexcept nogil
cdef void derive_server_keys(uint32_t version, const uint8_t* dcid, size_t n, InitialKeys* out) noexcept nogil
cdef Status open_initial(InitialCrypto* crypto, InitialKeys* keys, const QuicPacket* packet, uint8_t* plain,
                         size_t room, size_t* n) noexcept nogil
