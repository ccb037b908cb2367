"""QUIC Initial keys of a client, and decryption of its Initials.

Keys are derived by HMAC over libcrypto's SHA-256, with the states of each version's salt stored; libcrypto's EVP_KDF
would take six of seven microseconds.  SHA256_Init, _Update and _Final are deprecated names.  So is SHA256_Transform,
which would save 4 of 45 ns a hash and need our own padding.  AES comes from libcrypto's EVP, its contexts made once per
thread.
Packet numbers are truncated on the wire.  They are completed by the largest one that the same keys have decrypted, as a
server does (RFC 9000 appendix A.3).  A server may have missed that packet, or decrypted another, so the number as sent
is tried too.  With neither number the Initial stays encrypted, as with a wrong tag: the caller has a policy for that.

Invariants: an Initial is decrypted only when its tag is right, so a decoy that no server takes is never believed.
Nothing is allocated after open_crypto(); nothing is read past the packet or written past `room`.
Absent on purpose: a server's keys, Retry's integrity tag, packets other than Initials.
Source: RFC 9001 §5 and appendix A, RFC 9369 §3.3, draft-ietf-quic-tls-29 §5.2, RFC 2104, RFC 5869, RFC 8446 §7.1.
Cost: derivation: 14 blocks of SHA-256; decryption: one block of AES, and AES-GCM over the packet, twice where it fails
with the completed number.
"""
from typing import NamedTuple

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, TOO_BIG, Cursor, Status
from fastpath.base.sha256 cimport SHA256_CTX, SHA256_Final, SHA256_Init, SHA256_Update
from fastpath.wire.quic cimport QUIC_DRAFT_29, QUIC_INITIAL, QUIC_V1, QUIC_V2, QuicPacket, next_quic_packet

cdef extern from "openssl/evp.h" nogil:
    ctypedef struct EVP_CIPHER:
        pass
    ctypedef struct EVP_CIPHER_CTX:
        pass
    ctypedef struct ENGINE:
        pass
    enum:
        EVP_CTRL_AEAD_SET_TAG
    const EVP_CIPHER* EVP_aes_128_ecb()
    const EVP_CIPHER* EVP_aes_128_gcm()
    EVP_CIPHER_CTX* EVP_CIPHER_CTX_new()
    void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX* c)
    int EVP_CIPHER_CTX_set_padding(EVP_CIPHER_CTX* c, int padding)
    int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX* c, int kind, int n, void* at)
    int EVP_EncryptInit_ex(EVP_CIPHER_CTX* c, const EVP_CIPHER* cipher, ENGINE* engine, const unsigned char* key,
                           const unsigned char* iv)
    int EVP_EncryptUpdate(EVP_CIPHER_CTX* c, unsigned char* out, int* n_out, const unsigned char* data, int n)
    int EVP_DecryptInit_ex(EVP_CIPHER_CTX* c, const EVP_CIPHER* cipher, ENGINE* engine, const unsigned char* key,
                           const unsigned char* iv)
    int EVP_DecryptUpdate(EVP_CIPHER_CTX* c, unsigned char* out, int* n_out, const unsigned char* data, int n)
    int EVP_DecryptFinal_ex(EVP_CIPHER_CTX* c, unsigned char* out, int* n_out)

cdef enum:
    HASH_OCTETS = 32
    BLOCK_OCTETS = 64
    TAG_OCTETS = 16
    SAMPLE_AT = 4                  # RFC 9001 §5.4.2: as if the packet number had its greatest length
    SAMPLE_OCTETS = 16
    LABEL_ROOM = 32
    N_VERSIONS = 3
    CLIENT_IN = 0
    LABEL_KEY = 1
    LABEL_IV = 2
    LABEL_HP = 3
    SERVER_IN = 4
    N_LABELS = 5


cdef struct Hmac:                  # SHA-256 after the first block of the inner and of the outer hash
    SHA256_CTX inner
    SHA256_CTX outer


cdef struct Label:                 # an HkdfLabel and the counter behind it: what HKDF-Expand's only round hashes
    uint8_t at[LABEL_ROOM]
    size_t n


cdef struct Salted:
    uint32_t version
    Hmac salt
    Label labels[N_LABELS]         # by CLIENT_IN, LABEL_KEY, LABEL_IV, LABEL_HP, SERVER_IN


cdef Salted _SALTED[N_VERSIONS]


cdef Status open_crypto(InitialCrypto* out) noexcept nogil:
    """Create the contexts of one thread.   MALFORMED where libcrypto fails; close_crypto() is still allowed."""
    cdef EVP_CIPHER_CTX* mask = EVP_CIPHER_CTX_new()
    cdef EVP_CIPHER_CTX* aead = EVP_CIPHER_CTX_new()
    out.mask = mask
    out.aead = aead
    if mask == NULL or aead == NULL:
        return MALFORMED
    if EVP_EncryptInit_ex(mask, EVP_aes_128_ecb(), NULL, NULL, NULL) != 1:
        return MALFORMED
    if EVP_DecryptInit_ex(aead, EVP_aes_128_gcm(), NULL, NULL, NULL) != 1:
        return MALFORMED
    EVP_CIPHER_CTX_set_padding(mask, 0)
    return OK


cdef void close_crypto(InitialCrypto* crypto) noexcept nogil:
    EVP_CIPHER_CTX_free(<EVP_CIPHER_CTX*>crypto.mask)
    EVP_CIPHER_CTX_free(<EVP_CIPHER_CTX*>crypto.aead)
    crypto.mask = NULL
    crypto.aead = NULL


cdef void derive_initial_keys(uint32_t version, const uint8_t* dcid, size_t n, InitialKeys* out) noexcept nogil:
    """Derive the keys of a client's Initials from the destination connection ID of its first one.

    For an unknown version the keys are zero and decrypt nothing."""
    _derive(version, dcid, n, CLIENT_IN, out)


cdef void derive_server_keys(uint32_t version, const uint8_t* dcid, size_t n, InitialKeys* out) noexcept nogil:
    """Derive the keys of the Initials of a client's server, as derive_initial_keys()."""
    _derive(version, dcid, n, SERVER_IN, out)


cdef void _derive(uint32_t version, const uint8_t* dcid, size_t n, int sender, InitialKeys* out) noexcept nogil:
    """Derive keys.   sender: CLIENT_IN or SERVER_IN"""
    cdef const Salted* salted = NULL
    cdef uint8_t[HASH_OCTETS] secret
    cdef Hmac hmac
    cdef int i
    memset(out, 0, sizeof(InitialKeys))
    for i in range(N_VERSIONS):
        if _SALTED[i].version == version:
            salted = &_SALTED[i]
    if salted == NULL:
        return
    out.version = version
    _hmac(&salted.salt, dcid, n, secret)       # HKDF-Extract: the initial secret
    _key_hmac(secret, HASH_OCTETS, &hmac)
    _hmac(&hmac, salted.labels[sender].at, salted.labels[sender].n, secret)
    _key_hmac(secret, HASH_OCTETS, &hmac)
    _expand(&hmac, &salted.labels[LABEL_KEY], out.key, KEY_OCTETS)
    _expand(&hmac, &salted.labels[LABEL_IV], out.iv, IV_OCTETS)
    _expand(&hmac, &salted.labels[LABEL_HP], out.hp, KEY_OCTETS)


cdef void _key_hmac(const uint8_t* key, size_t n, Hmac* out) noexcept nogil:
    """Begin both hashes of an HMAC with a key of at most BLOCK_OCTETS."""
    cdef uint8_t[BLOCK_OCTETS] block
    cdef size_t i
    memset(block, 0x36, BLOCK_OCTETS)
    for i in range(n):
        block[i] ^= key[i]
    SHA256_Init(&out.inner)
    SHA256_Update(&out.inner, block, BLOCK_OCTETS)
    for i in range(<size_t>BLOCK_OCTETS):
        block[i] ^= 0x36 ^ 0x5c
    SHA256_Init(&out.outer)
    SHA256_Update(&out.outer, block, BLOCK_OCTETS)


cdef void _hmac(const Hmac* keyed, const uint8_t* data, size_t n, uint8_t* out) noexcept nogil:
    """Write HASH_OCTETS to `out`."""
    cdef SHA256_CTX hashing = keyed.inner
    SHA256_Update(&hashing, data, n)
    SHA256_Final(out, &hashing)
    hashing = keyed.outer
    SHA256_Update(&hashing, out, HASH_OCTETS)
    SHA256_Final(out, &hashing)


cdef void _expand(const Hmac* keyed, const Label* label, uint8_t* out, size_t n) noexcept nogil:
    """Write the first `n` octets of HKDF-Expand-Label; at most HASH_OCTETS."""
    cdef uint8_t[HASH_OCTETS] expanded
    _hmac(keyed, label.at, label.n, expanded)
    memcpy(out, expanded, n)


cdef Status open_initial(InitialCrypto* crypto, InitialKeys* keys, const QuicPacket* packet, uint8_t* plain,
                         size_t room, size_t* n) noexcept nogil:
    """Decrypt an Initial: its frames into `plain`, their octets into `n`.

    room      QUIC_PLAIN_OCTETS suffice for any
    keys      of the packet's own destination connection ID, or stored from an earlier one of the flow; their
              next_number is updated
    NOT_THIS: no Initial, or its tag does not fit these keys.  MALFORMED: too short for a sample: every receiver drops
    it (RFC 9001 §5.4.2).  TOO_BIG: `room` is too small."""
    cdef uint8_t[SAMPLE_OCTETS] mask
    cdef uint8_t[4] sent
    cdef const uint8_t* at = packet.at + packet.pn_at
    cdef uint8_t first
    cdef size_t i, n_sent
    cdef uint64_t cut = 0
    cdef uint64_t number
    n[0] = 0
    if packet.kind != QUIC_INITIAL or packet.version != keys.version:
        return NOT_THIS
    if packet.n - packet.pn_at < SAMPLE_AT + SAMPLE_OCTETS:
        return MALFORMED
    if packet.n - packet.pn_at > room:
        return TOO_BIG
    if not _mask(<EVP_CIPHER_CTX*>crypto.mask, keys.hp, at + SAMPLE_AT, mask):
        return NOT_THIS
    first = packet.at[0] ^ (mask[0] & 0x0f)
    n_sent = (first & 3) + 1
    for i in range(n_sent):
        sent[i] = at[i] ^ mask[1 + i]
        cut = (cut << 8) | sent[i]
    number = _completed(cut, 8 * n_sent, keys.next_number)
    if not _open(<EVP_CIPHER_CTX*>crypto.aead, keys, packet, first, sent, n_sent, number, plain):
        if number == cut or not _open(<EVP_CIPHER_CTX*>crypto.aead, keys, packet, first, sent, n_sent, cut, plain):
            return NOT_THIS
        number = cut
    keys.next_number = max(keys.next_number, number + 1)
    n[0] = packet.n - packet.pn_at - n_sent - TAG_OCTETS
    return OK


cdef uint64_t _completed(uint64_t cut, size_t n_bits, uint64_t expected) noexcept nogil:
    """Complete a packet number by the one that is expected (RFC 9000 appendix A.3)."""
    cdef uint64_t window = <uint64_t>1 << n_bits
    cdef uint64_t candidate = (expected & ~(window - 1)) | cut
    if candidate + window // 2 <= expected:
        return candidate + window      # past 2^62 after as many packets only: its tag is wrong then
    if candidate > expected + window // 2 and candidate >= window:
        return candidate - window
    return candidate


cdef bint _mask(EVP_CIPHER_CTX* ctx, const uint8_t* hp, const uint8_t* sample, uint8_t* out) noexcept nogil:
    """Write the mask of header protection, SAMPLE_OCTETS of which five are used (RFC 9001 §5.4.3)."""
    cdef int written = 0
    return (EVP_EncryptInit_ex(ctx, NULL, NULL, hp, NULL) == 1
            and EVP_EncryptUpdate(ctx, out, &written, sample, SAMPLE_OCTETS) == 1 and written == SAMPLE_OCTETS)


cdef bint _open(EVP_CIPHER_CTX* ctx, const InitialKeys* keys, const QuicPacket* packet, uint8_t first,
                const uint8_t* sent, size_t n_sent, uint64_t number, uint8_t* plain) noexcept nogil:
    """Decrypt the payload and check the tag, which covers the header as it was before its protection."""
    cdef uint8_t[IV_OCTETS] nonce
    cdef const uint8_t* at = packet.at + packet.pn_at + n_sent
    cdef int n = <int>(packet.n - packet.pn_at - n_sent - TAG_OCTETS)
    cdef int written = 0
    cdef int i
    memcpy(nonce, keys.iv, IV_OCTETS)
    for i in range(8):
        nonce[IV_OCTETS - 1 - i] ^= <uint8_t>(number >> (8 * i))
    return (EVP_DecryptInit_ex(ctx, NULL, NULL, keys.key, nonce) == 1
            and EVP_DecryptUpdate(ctx, NULL, &written, &first, 1) == 1
            and EVP_DecryptUpdate(ctx, NULL, &written, packet.at + 1, <int>packet.pn_at - 1) == 1
            and EVP_DecryptUpdate(ctx, NULL, &written, sent, <int>n_sent) == 1
            and EVP_DecryptUpdate(ctx, plain, &written, at, n) == 1
            and EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_OCTETS, <void*>(at + n)) == 1
            and EVP_DecryptFinal_ex(ctx, plain + n, &written) == 1)


cdef _salt(int place, uint32_t version, bytes salt, bytes prefix):
    """Store what all connections of a version share."""
    _SALTED[place].version = version
    _key_hmac(salt, len(salt), &_SALTED[place].salt)
    _label(&_SALTED[place].labels[CLIENT_IN], b"client in", HASH_OCTETS)
    _label(&_SALTED[place].labels[LABEL_KEY], prefix + b"key", KEY_OCTETS)
    _label(&_SALTED[place].labels[LABEL_IV], prefix + b"iv", IV_OCTETS)
    _label(&_SALTED[place].labels[LABEL_HP], prefix + b"hp", KEY_OCTETS)
    _label(&_SALTED[place].labels[SERVER_IN], b"server in", HASH_OCTETS)


cdef _label(Label* out, bytes label, int length):
    """RFC 8446 §7.1: length, "tls13 " and the label, an empty context; then the counter of RFC 5869 §2.3."""
    full = b"tls13 " + label
    octets = length.to_bytes(2, "big") + bytes([len(full)]) + full + b"\x00\x01"
    assert len(octets) <= LABEL_ROOM
    memcpy(out.at, <const char*>octets, len(octets))
    out.n = len(octets)


_salt(0, QUIC_V1, bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), b"quic ")       # RFC 9001 §5.2
_salt(1, QUIC_V2, bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), b"quicv2 ")     # RFC 9369 §3.3.1
_salt(2, QUIC_DRAFT_29, bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899"), b"quic ")


class Keys(NamedTuple):
    """Keys of a client's Initials: AES-128-GCM's key and IV, the key of header protection."""

    key: bytes
    iv: bytes
    hp: bytes


def client_keys(version: int, dcid: bytes) -> Keys:
    """Derive the keys of a client's Initials; all zero for an unknown version."""
    cdef InitialKeys keys
    derive_initial_keys(version, dcid, len(dcid), &keys)
    return Keys(keys.key[:KEY_OCTETS], keys.iv[:IV_OCTETS], keys.hp[:KEY_OCTETS])


def server_keys(version: int, dcid: bytes) -> Keys:
    """Derive the keys of a server's Initials from its client's connection ID, as client_keys()."""
    cdef InitialKeys keys
    derive_server_keys(version, dcid, len(dcid), &keys)
    return Keys(keys.key[:KEY_OCTETS], keys.iv[:IV_OCTETS], keys.hp[:KEY_OCTETS])


@cython.final
cdef class InitialOpener:
    """Decrypts the Initials of datagrams with the keys of one connection ID, or with each packet's own."""

    cdef InitialCrypto crypto
    cdef InitialKeys keys
    cdef bint is_kept
    cdef uint8_t* plain

    def __cinit__(self, version: int = 0, dcid: bytes = b"") -> None:
        """version, dcid   of the keys; version 0: each Initial's own"""
        self.plain = <uint8_t*>malloc(QUIC_PLAIN_OCTETS)
        if open_crypto(&self.crypto) != OK or self.plain == NULL:
            raise MemoryError("libcrypto gave no context of AES-128")
        self.is_kept = version != 0
        derive_initial_keys(version, dcid, len(dcid), &self.keys)

    def __dealloc__(self) -> None:
        close_crypto(&self.crypto)
        free(self.plain)

    def opened(self, datagram: bytes, room: int = QUIC_PLAIN_OCTETS) -> list[bytes | None]:
        """The frames of each Initial of a datagram, None for one that cannot be decrypted, up to a malformed packet.

        Raises ValueError where `room` is too small."""
        cdef Cursor c
        cdef QuicPacket packet
        found = []
        if room > QUIC_PLAIN_OCTETS:
            raise ValueError(f"at most {QUIC_PLAIN_OCTETS} octets of room")
        c.at = datagram
        c.end = c.at + len(datagram)
        while next_quic_packet(&c, &packet) == OK:
            if packet.kind == QUIC_INITIAL:
                found.append(self._opened(&packet, room))
        return found

    cdef _opened(self, const QuicPacket* packet, size_t room):
        cdef size_t n = 0
        cdef Status status
        if not self.is_kept:
            derive_initial_keys(packet.version, packet.dcid, packet.dcid_n, &self.keys)
        status = open_initial(&self.crypto, &self.keys, packet, self.plain, room, &n)
        if status == TOO_BIG:
            raise ValueError(f"an Initial of {packet.n} octets, {room} octets of room")
        return PyBytes_FromStringAndSize(<const char*>self.plain, n) if status == OK else None
