import socket

NETLINK_NETFILTER: int
SOL_NETLINK: int
NETLINK_NO_ENOBUFS: int
SO_RCVBUFFORCE: int
RECEIVE_BUFFER: int
FIRST_MAXLEN: int
WAIT_US: int
COPY_RANGE: int
CFG_CMD: int
CFG_PARAMS: int
CFG_QUEUE_MAXLEN: int
CFG_MASK: int
CFG_FLAGS: int
CMD_BIND: int
COPY_PACKET: int
F_FAIL_OPEN: int
F_GSO: int

def read_message(msg: bytes) -> tuple[int, int, bool, bytes] | None:
    """(packet id, mark, is_summed, packet) of one message; None: an acknowledgement.

    is_summed: its checksums are complete and not yet verified.   Raises ValueError: damaged, or an error report."""

def verdict_message(queue: int, last_id: int, mark: int) -> bytes:
    """The batch verdict NF_REPEAT with a mark, for every packet of the queue up to `last_id`."""

def fitted_maxlen(maxlen: int, n_packets: int) -> int:
    """The next length of a queue of length `maxlen` that had `n_packets` in one span of time."""

def maxlen_message(queue: int, maxlen: int) -> bytes:
    """The request that sets the queue's length."""

def wake_message() -> bytes:
    """The request for an acknowledgement alone, which wakes whoever waits at the socket that it is sent through."""

def open_queue(number: int, when_overloaded_closed: int = 0) -> socket.socket:
    """Bind queue `number` of this network namespace.   Raises OSError: another process has it, or no CAP_NET_ADMIN.

    Who receives from the socket waits for WAIT_US at most."""
