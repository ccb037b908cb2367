"""Two SYNs of one connection: of a server that keeps nothing of them, and of a device that was started again."""

from collections.abc import Callable

from support.escapes.child import OPENSSL, PYTHON_HTTP, Child, Heard
from support.escapes.streams import ALLOWED, get, hello
from support.evasion.connections import Connection
from support.evasion.segments import Segment
from support.packets.builders import ACK, RST, SYN

# A SYN cookie is a hash, and the client's number, and the number of its MSS in a table of four: so of SYNs that are up
# to three apart two get the same one, and the client's acknowledgement fits both.
SMALL_MSS, APART = b"\x02\x04\x02\x18", (1, 2, 3)
AGAIN = 3
ANSWER_S = 1.0


def two_syns(child: Child) -> Connection:
    """Its server begins at the first SYN, where the third packet says so."""
    one = child.tcp(child.ends(OPENSSL))
    _begin(child, one, -1, SMALL_MSS)
    cookie = one.ack
    for by in APART:
        _begin(child, one, -1 - by)
        if one.ack == cookie:
            break
    child.send(one, 0, flags=ACK)
    child.ask(one, 0, hello(child.name))
    return one


def same_syn_twice(child: Child) -> Connection:
    """A client that has waited too long for its answer."""
    one = child.tcp(child.ends(OPENSSL))
    for _ in range(2):
        _begin(child, one, -1)
    child.send(one, 0, flags=ACK)
    child.ask(one, 0, hello(child.name))
    return one


def same_number(child: Child) -> Connection:
    """A device that is started again counts from the same number (lwIP)."""
    return _started_again(child, 0)


def number_above(child: Child) -> Connection:
    return _started_again(child, 3)


def number_below(child: Child) -> Connection:
    return _started_again(child, -3)


ROWS: dict[str, Callable[[Child], Connection]] = {
    "two SYNs": two_syns,
    "the same SYN twice": same_syn_twice,
    "the same number again": same_number,
    "a number above": number_above,
    "a number below": number_below,
}


def _begin(child: Child, one: Heard, at: int, options: bytes = b"") -> None:
    """Send a SYN and wait for its SYN/ACK."""
    one.is_open = False
    child.wire.send(one.packets(Segment(at=at, flags=SYN, options=options)), child.is_v6)
    child.wait(lambda: one.is_open)


def _started_again(child: Child, by: int) -> Heard:
    """The same ports once more, while the server still has the connection before: it says so, and gets a reset."""
    before = child.open(PYTHON_HTTP)
    assert child.ask(before, 0, get(ALLOWED))
    one = child.tcp(before.ends)
    one.isn = (before.isn + by) & 0xFFFFFFFF
    for _ in range(AGAIN):
        n_heard = one.n_heard
        child.wire.send(one.opening(), child.is_v6)
        child.wait(lambda: one.n_heard > n_heard, ANSWER_S)  # noqa: B023  # called within this turn
        if one.is_open:
            break
        child.send(one, one.acked, flags=RST)
    child.send(one, 0, flags=ACK)
    one.is_reset = False
    child.ask(one, 0, get(child.name))
    return one
