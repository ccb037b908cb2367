"""Ring buffer of one interface's frames, in memory shared with the kernel: TPACKET_V3 of AF_PACKET.

The kernel hands over a whole block when it is full or BLOCK_TIMEOUT_MS old; the loop gives it back whole.

Invariants: a block is read only between its two hand-overs.  A frame lost for want of a free block is counted.
Absent on purpose: a filter in the kernel, as classic BPF finds no port behind PPPoE or MPLS.
Source: packet(7), linux/if_packet.h, Documentation/networking/packet_mmap.rst.
"""
import mmap
import socket
import struct

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from fastpath.base.atomic cimport load_u32, store_u32
from fastpath.base.sockets cimport socklen_t
from fastpath.wire.link cimport LINK_ETHERNET, LINK_RAW, find_ip

cdef extern from "<linux/if_packet.h>" nogil:
    struct BlockHeader "tpacket_hdr_v1":
        uint32_t block_status
        uint32_t num_pkts
        uint32_t offset_to_first_pkt
    union BlockUnion "tpacket_bd_header_u":
        BlockHeader bh1
    struct Block "tpacket_block_desc":
        BlockUnion hdr
    struct FrameHeader "tpacket3_hdr":
        uint32_t tp_next_offset
        uint32_t tp_snaplen
        uint32_t tp_status
        uint16_t tp_mac
        uint16_t tp_net
    struct Link "sockaddr_ll":
        unsigned short sll_hatype
    struct Statistics "tpacket_stats_v3":
        unsigned int tp_drops
    size_t TPACKET_ALIGN(size_t n)
    enum:
        TP_STATUS_KERNEL
        TP_STATUS_USER
        TP_STATUS_CSUMNOTREADY
        TP_STATUS_CSUM_VALID
        TPACKET_V3
        PACKET_ADD_MEMBERSHIP "PACKET_ADD_MEMBERSHIP"
        PACKET_RX_RING
        PACKET_STATISTICS
        PACKET_VERSION
        PACKET_FANOUT
        PACKET_FANOUT_HASH
        PACKET_FANOUT_FLAG_DEFRAG
        PACKET_MR_PROMISC

cdef extern from "<net/if_arp.h>" nogil:
    enum:
        ARPHRD_ETHER
        ARPHRD_LOOPBACK

cdef extern from "<sys/socket.h>" nogil:
    const int SOL_PACKET
    int getsockopt(int fd, int level, int name, void* value, socklen_t* n)

cdef enum:
    BLOCK_OCTETS = 1 << 17      # holds the largest frame that offloading makes, of 64 KiB
    # 32 MiB: with few frames, blocks are handed over by age, and the loop may be late by a quarter of a second; at
    # 300,000 frames a second by 0.15 s.
    N_BLOCKS = 256
    BLOCK_TIMEOUT_MS = 1        # the kernel's minimum: every millisecond delays a reset
    FRAME_OCTETS = 2048         # V3 packs frames without gaps, and only checks this value
    ETH_P_ALL = 3
    FANOUT_BASE = 0xf100        # other programs share the group numbers; those of tcpreplay and Suricata are small


cdef inline Block* _block(const Ring* r) noexcept nogil:
    return <Block*>(r.at + <size_t>r.next_block * BLOCK_OCTETS)


cdef bint begin_block(Ring* r, Frame* f) noexcept nogil:
    """Begin the next block.   False: the kernel still has it.   f: for next_frame()"""
    cdef Block* block = _block(r)
    if not load_u32(&block.hdr.bh1.block_status) & TP_STATUS_USER:
        return False
    memset(f, 0, sizeof(Frame))
    f.left = block.hdr.bh1.num_pkts + 1
    f.at = <const uint8_t*>block + block.hdr.bh1.offset_to_first_pkt
    return True


cdef bint next_frame(Frame* f) noexcept nogil:
    """Advance to the next frame of the block.   False: none exists."""
    cdef const FrameHeader* head
    cdef const Link* link
    cdef bint is_ethernet
    if f.left <= 1:
        return False
    if f.ip.at != NULL:
        f.at += (<const FrameHeader*>f.at).tp_next_offset
    f.left -= 1
    head = <const FrameHeader*>f.at
    link = <const Link*>(f.at + TPACKET_ALIGN(sizeof(FrameHeader)))
    is_ethernet = link.sll_hatype == ARPHRD_ETHER or link.sll_hatype == ARPHRD_LOOPBACK
    f.is_summed = not head.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)
    if is_ethernet:
        f.status = find_ip(LINK_ETHERNET, f.at + head.tp_mac, head.tp_snaplen, &f.ip)
    else:       # a tunnel or PPP: IP begins behind its link header, of any length
        f.status = find_ip(LINK_RAW, f.at + head.tp_net, head.tp_snaplen - (head.tp_net - head.tp_mac), &f.ip)
    return True


cdef void end_block(Ring* r) noexcept nogil:
    """Give the block back to the kernel."""
    store_u32(&_block(r).hdr.bh1.block_status, TP_STATUS_KERNEL)
    r.next_block = (r.next_block + 1) % N_BLOCKS


cdef uint32_t take_losses(Ring* r) noexcept nogil:
    """Frames lost since the last call: reading the kernel's counter resets it."""
    cdef Statistics lost
    cdef socklen_t n = sizeof(Statistics)
    return lost.tp_drops if getsockopt(r.fd, SOL_PACKET, PACKET_STATISTICS, &lost, &n) == 0 else 0


def open_ring(interface):
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        number = socket.if_nametoindex(interface)
        tap.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        n_frames = BLOCK_OCTETS // FRAME_OCTETS * N_BLOCKS
        request = struct.pack("7I", BLOCK_OCTETS, N_BLOCKS, FRAME_OCTETS, n_frames, BLOCK_TIMEOUT_MS, 0, 0)
        tap.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
        memory = mmap.mmap(tap.fileno(), BLOCK_OCTETS * N_BLOCKS)
        tap.bind((interface, ETH_P_ALL))
        tap.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8x", number, PACKET_MR_PROMISC, 0))
        kind = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG
        tap.setsockopt(SOL_PACKET, PACKET_FANOUT, struct.pack("I", FANOUT_BASE + number % 256 | kind << 16))
    except OSError as reason:
        tap.close()
        raise OSError(reason.errno, f"tap of {interface}: {reason.strerror}; not served; run as root, and check "
                                    f"that 'ip link show {interface}' finds it") from reason
    return tap, memory
