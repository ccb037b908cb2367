"""SHA-256 of libcrypto by its low-level names; quic_initial.pyx says why.   setup.py's CRYPTO lists its users."""

cdef extern from "openssl/sha.h" nogil:
    ctypedef struct SHA256_CTX:
        pass
    int SHA256_Init(SHA256_CTX* c)
    int SHA256_Update(SHA256_CTX* c, const void* data, size_t n)
    int SHA256_Final(unsigned char* out, SHA256_CTX* c)
