"""Ordered loads and stores between one control thread, or the kernel, and one loop (GCC and Clang builtins)."""
from libc.stdint cimport uint32_t, uint64_t

cdef extern from *:
    """
    #define fd_store_pointer(place, value) __atomic_store_n((void**)(place), (void*)(value), __ATOMIC_RELEASE)
    #define fd_load_pointer(place) __atomic_load_n((void**)(place), __ATOMIC_ACQUIRE)
    #define fd_swap_pointer(place, value) __atomic_exchange_n((void**)(place), (void*)(value), __ATOMIC_ACQ_REL)
    #define fd_store_u64(place, value) __atomic_store_n((uint64_t*)(place), (value), __ATOMIC_RELEASE)
    #define fd_load_u64(place) __atomic_load_n((uint64_t*)(place), __ATOMIC_ACQUIRE)
    #define fd_store_u32(place, value) __atomic_store_n((uint32_t*)(place), (value), __ATOMIC_RELEASE)
    #define fd_load_u32(place) __atomic_load_n((uint32_t*)(place), __ATOMIC_ACQUIRE)
    """
    void store_pointer "fd_store_pointer"(void* place, const void* value) noexcept nogil
    void* load_pointer "fd_load_pointer"(void* place) noexcept nogil
    void* swap_pointer "fd_swap_pointer"(void* place, const void* value) noexcept nogil
    void store_u64 "fd_store_u64"(void* place, uint64_t value) noexcept nogil
    uint64_t load_u64 "fd_load_u64"(const void* place) noexcept nogil
    void store_u32 "fd_store_u32"(void* place, uint32_t value) noexcept nogil
    uint32_t load_u32 "fd_load_u32"(const void* place) noexcept nogil
