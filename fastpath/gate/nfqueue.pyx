"""NFQUEUE's netlink messages: packets and verdicts in C, the setup of a queue in Python.

Invariants: a message shorter than its length field is MALFORMED; nothing is read past its end.
Source: linux/netfilter/nfnetlink_queue.h, linux/netlink.h.
"""
import errno
import os
import socket
import struct

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, Status

cdef enum:
    NLMSG_HEADER = 16
    NFGEN_HEADER = 4
    ATTR_HEADER = 4
    ATTR_TYPE = 0x3fff          # without the NESTED and NET_BYTEORDER bits
    NLMSG_ERROR = 2
    MSG_LABEL = 0x0100          # NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW
    MSG_PACKET = 0x0300         # NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET
    MSG_CONFIG = 0x0302
    MSG_VERDICT_BATCH = 0x0303
    NFQA_PACKET_HDR = 1
    NFQA_VERDICT_HDR = 2
    NFQA_MARK = 3
    NFQA_PAYLOAD = 10
    NFQA_SKB_INFO = 14
    CSUM_NOTVERIFIED = 4        # a bit of NFQA_SKB_INFO
    NF_REPEAT = 4
    NFQA_CFG_QUEUE_MAXLEN = 3
    MOST_MAXLEN = 16384         # 65 ms of work for one loop

NETLINK_NETFILTER = 12
SOL_NETLINK = 270
NETLINK_NO_ENOBUFS = 5
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER = 32 << 20
FIRST_MAXLEN = LEAST_MAXLEN     # the loop adapts it
WAIT_US = 100_000               # the longest that the loop waits for packets; new tables wake it
COPY_RANGE = 0xffff
CFG_CMD, CFG_PARAMS, CFG_QUEUE_MAXLEN, CFG_MASK, CFG_FLAGS = 1, 2, 3, 4, 5
CMD_BIND = 1
COPY_PACKET = 2
F_FAIL_OPEN, F_GSO = 1, 4


cdef Status parse_queued(const uint8_t* msg, size_t n, Queued* out, size_t* after) noexcept nogil:
    """Parse the netlink message at `msg`.

    after   octets up to the next message
    Returns OK: a packet · NOT_THIS: an acknowledgement or another kind, or a label was refused · MALFORMED: another
    error report, or damaged."""
    cdef uint32_t length
    cdef uint16_t kind
    memset(out, 0, sizeof(Queued))
    after[0] = n
    if n < NLMSG_HEADER:
        return MALFORMED
    memcpy(&length, msg, 4)
    memcpy(&kind, msg + 4, 2)
    if length < NLMSG_HEADER or length > n:
        return MALFORMED
    if ((length + 3) & ~<size_t>3) < n:
        after[0] = (length + 3) & ~<size_t>3
    if kind == MSG_PACKET and length >= NLMSG_HEADER + NFGEN_HEADER:
        return _parse_attributes(msg + NLMSG_HEADER + NFGEN_HEADER, length - NLMSG_HEADER - NFGEN_HEADER, out)
    return _report(msg, length, out) if kind == NLMSG_ERROR else NOT_THIS


cdef Status _report(const uint8_t* msg, size_t n, Queued* out) noexcept nogil:
    """Read an acknowledgement or error report: a code, then the header of what it answers."""
    cdef int32_t code
    cdef uint16_t refused
    if n < NLMSG_HEADER + 4 + NLMSG_HEADER:
        return MALFORMED
    memcpy(&code, msg + NLMSG_HEADER, 4)
    memcpy(&refused, msg + NLMSG_HEADER + 4 + 4, 2)
    if code != 0 and refused == MSG_LABEL:
        out.is_unlabelled = 1
        return NOT_THIS
    return NOT_THIS if code == 0 else MALFORMED


cdef Status _parse_attributes(const uint8_t* at, size_t left, Queued* out) noexcept nogil:
    cdef uint16_t length
    cdef uint16_t kind
    cdef size_t step
    cdef bint has_id = False
    while left >= ATTR_HEADER:
        memcpy(&length, at, 2)
        memcpy(&kind, at + 2, 2)
        kind &= ATTR_TYPE
        if length < ATTR_HEADER or length > left:
            return MALFORMED
        if kind == NFQA_PACKET_HDR and length >= ATTR_HEADER + 7:
            out.id = _read_u32(at + ATTR_HEADER)
            has_id = True
        elif kind == NFQA_MARK and length >= ATTR_HEADER + 4:
            out.mark = _read_u32(at + ATTR_HEADER)
        elif kind == NFQA_SKB_INFO and length >= ATTR_HEADER + 4:
            out.is_summed = _read_u32(at + ATTR_HEADER) & CSUM_NOTVERIFIED != 0
        elif kind == NFQA_PAYLOAD:
            out.packet = at + ATTR_HEADER
            out.packet_n = length - ATTR_HEADER
        step = (length + 3) & ~<size_t>3
        if step > left:
            step = left
        at += step
        left -= step
    return OK if has_id else MALFORMED


cdef size_t write_verdict(uint8_t* out, uint16_t queue, uint32_t last_id, uint32_t mark) noexcept nogil:
    """Write a batch verdict of NF_REPEAT with a mark, for every packet of the queue up to `last_id`.

    out     VERDICT_OCTETS of room"""
    _write_header(out, VERDICT_OCTETS, MSG_VERDICT_BATCH, queue)
    _write_attribute(out + 20, 12, NFQA_VERDICT_HDR)
    _write_u32(out + 24, NF_REPEAT)
    _write_u32(out + 28, last_id)
    _write_attribute(out + 32, 8, NFQA_MARK)
    _write_u32(out + 36, mark)
    return VERDICT_OCTETS


cdef uint32_t fit_maxlen(uint32_t maxlen, uint32_t n_packets) noexcept nogil:
    """The next length of a queue of length `maxlen` that had `n_packets` in one span: between these and their double.

    So a hung loop delays the packets of two spans at most, at any rate; further packets pass or are dropped, as the
    queue was configured.  Halved at most once a call, so that a moment of silence does not shorten it."""
    while n_packets > maxlen and maxlen < MOST_MAXLEN:
        maxlen *= 2
    if 2 * n_packets < maxlen and maxlen > LEAST_MAXLEN:
        maxlen //= 2
    return maxlen


cdef size_t write_maxlen(uint8_t* out, uint16_t queue, uint32_t maxlen) noexcept nogil:
    """Write a request, unacknowledged, that sets the queue's length.   out: MAXLEN_OCTETS of room"""
    _write_header(out, MAXLEN_OCTETS, MSG_CONFIG, queue)
    _write_attribute(out + 20, 8, NFQA_CFG_QUEUE_MAXLEN)
    _write_u32(out + 24, maxlen)
    return MAXLEN_OCTETS


cdef void _write_header(uint8_t* out, uint32_t length, uint16_t kind, uint16_t queue) noexcept nogil:
    """Write netlink's and netfilter's headers of an unacknowledged request of `length` octets; zero the rest."""
    cdef uint16_t flags = 1             # NLM_F_REQUEST
    memset(out, 0, length)
    memcpy(out, &length, 4)
    memcpy(out + 4, &kind, 2)
    memcpy(out + 6, &flags, 2)
    out[18] = queue >> 8
    out[19] = queue & 0xff


cdef void _write_attribute(uint8_t* out, uint16_t length, uint16_t kind) noexcept nogil:
    memcpy(out, &length, 2)
    memcpy(out + 2, &kind, 2)


cdef void _write_u32(uint8_t* out, uint32_t value) noexcept nogil:
    out[0] = value >> 24
    out[1] = (value >> 16) & 0xff
    out[2] = (value >> 8) & 0xff
    out[3] = value & 0xff


cdef uint32_t _read_u32(const uint8_t* at) noexcept nogil:
    return (<uint32_t>at[0] << 24) | (<uint32_t>at[1] << 16) | (<uint32_t>at[2] << 8) | at[3]


# -- Python ------------------------------------------------------------------------------------------------------------

def read_message(bytes msg):
    """(id, mark, is_summed, packet) of one message; None for an acknowledgement."""
    cdef Queued queued
    cdef size_t after
    cdef Status status = parse_queued(msg, len(msg), &queued, &after)
    if status == MALFORMED:
        raise ValueError("netlink message: an error report or damaged; skipped; see the counters")
    if status == NOT_THIS:
        return None
    return queued.id, queued.mark, bool(queued.is_summed), queued.packet[:queued.packet_n]


def verdict_message(int queue, unsigned int last_id, unsigned int mark):
    """The bytes of write_verdict()."""
    cdef uint8_t out[VERDICT_OCTETS]
    return out[:write_verdict(out, queue, last_id, mark)]


def fitted_maxlen(unsigned int maxlen, unsigned int n_packets):
    """fit_maxlen()."""
    return fit_maxlen(maxlen, n_packets)


def maxlen_message(int queue, unsigned int maxlen):
    """The bytes of write_maxlen()."""
    cdef uint8_t out[MAXLEN_OCTETS]
    return out[:write_maxlen(out, queue, maxlen)]


def wake_message():
    """A request for nothing but its acknowledgement: it wakes anyone who waits at the queue's socket."""
    return struct.pack("=IHHII", NLMSG_HEADER, 1, 5, 0, 0)      # NLMSG_NOOP; 5: REQUEST | ACK


def open_queue(number, when_overloaded_closed=0):
    """Bind queue `number` of this network namespace; returns the socket.  OSError when it cannot be had."""
    if not 0 <= number <= 0xffff:
        raise ValueError(f"queue {number}: there is no such queue; not bound; choose one from 0 to 65535")
    queue = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    try:
        queue.bind((0, 0))
        queue.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
        queue.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        queue.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, WAIT_US))
        flags = F_GSO if when_overloaded_closed else F_GSO | F_FAIL_OPEN
        _configure(queue, number, _attribute(CFG_CMD, struct.pack(">BxH", CMD_BIND, 0)))
        _configure(queue, number, _attribute(CFG_PARAMS, struct.pack(">IB", COPY_RANGE, COPY_PACKET)))
        _configure(queue, number, _attribute(CFG_QUEUE_MAXLEN, struct.pack(">I", FIRST_MAXLEN)))
        _configure(queue, number, _attribute(CFG_FLAGS, struct.pack(">I", flags))
                   + _attribute(CFG_MASK, struct.pack(">I", F_GSO | F_FAIL_OPEN)))
    except OSError as exc:
        queue.close()
        if exc.errno in (errno.EBUSY, errno.EPERM):
            exc.add_note(f"queue {number}: another process has it, or CAP_NET_ADMIN is missing; not bound; "
                         "stop the other process or run as root")
        raise
    return queue


def _attribute(kind, value):
    return struct.pack("=HH", ATTR_HEADER + len(value), kind) + value + bytes((4 - len(value)) & 3)


def _configure(queue, number, attributes):
    body = struct.pack(">BBH", 0, 0, number) + attributes
    queue.send(struct.pack("=IHHII", NLMSG_HEADER + len(body), MSG_CONFIG, 5, 0, 0) + body)     # 5: REQUEST | ACK
    reply = queue.recv(8192)
    kind, = struct.unpack_from("=H", reply, 4)
    code, = struct.unpack_from("=i", reply, NLMSG_HEADER)
    if kind == NLMSG_ERROR and code != 0:
        raise OSError(-code, f"setting up queue {number}: {os.strerror(-code)}")
