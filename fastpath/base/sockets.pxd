"""Declarations of Linux sockets, poll and clocks: recvmmsg(2), sendmmsg(2), ip(7), poll(2), epoll(7); RFC 3542 §6."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from "<errno.h>" nogil:
    int errno
    const int EINTR
    const int ECONNREFUSED

cdef extern from "<unistd.h>" nogil:
    int close(int fd)
    ssize_t read(int fd, void* out, size_t n)

cdef extern from "<sys/random.h>" nogil:
    ssize_t getrandom(void* out, size_t n, unsigned int flags)

cdef extern from "<time.h>" nogil:
    ctypedef long time_t
    struct timespec:
        time_t tv_sec
        long tv_nsec
    const int CLOCK_REALTIME
    const int CLOCK_MONOTONIC
    int clock_gettime(int clock, timespec* out)

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    const short POLLIN
    int poll(pollfd* fds, unsigned long n, int timeout_ms)

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        uint32_t u32
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    const int EPOLL_CLOEXEC
    const int EPOLL_CTL_ADD
    const int EPOLL_CTL_DEL
    const uint32_t EPOLLIN
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int operation, int fd, epoll_event* event)
    int epoll_wait(int epoll, epoll_event* events, int most, int timeout_ms)

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len

cdef extern from "<netinet/in.h>" nogil:
    ctypedef unsigned int socklen_t
    struct in_addr:
        uint32_t s_addr
    struct in6_addr:
        uint8_t s6_addr[16]
    struct sockaddr_in:
        in_addr sin_addr
    struct sockaddr_in6:
        in6_addr sin6_addr
    struct in_pktinfo:          # _GNU_SOURCE, which Python.h defines
        int ipi_ifindex
        in_addr ipi_spec_dst
        in_addr ipi_addr
    struct in6_pktinfo:
        in6_addr ipi6_addr
        unsigned int ipi6_ifindex
    const int IPPROTO_IP
    const int IPPROTO_IPV6
    const int IP_PKTINFO
    const int IPV6_PKTINFO

cdef extern from "<sys/socket.h>" nogil:
    const int MSG_DONTWAIT
    const int MSG_TRUNC
    struct msghdr:
        void* msg_name
        socklen_t msg_namelen
        iovec* msg_iov
        size_t msg_iovlen
        void* msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    cmsghdr* CMSG_FIRSTHDR(msghdr* head)
    cmsghdr* CMSG_NXTHDR(msghdr* head, cmsghdr* at)
    uint8_t* CMSG_DATA(cmsghdr* at)
    size_t CMSG_LEN(size_t n)
    size_t CMSG_SPACE(size_t n)
    ssize_t send(int fd, const void* octets, size_t n, int flags)
    ssize_t recv(int fd, void* out, size_t n, int flags)
    int recvmmsg(int fd, mmsghdr* messages, unsigned int n, int flags, timespec* timeout)
    int sendmmsg(int fd, mmsghdr* messages, unsigned int n, int flags)


cdef inline void drain_eventfd(int fd) noexcept nogil:
    """Set an eventfd back to 0.  What it counted does not matter, and an empty one is no fault."""
    cdef uint64_t n_woken
    cdef ssize_t _taken = read(fd, &n_woken, sizeof(n_woken))
