"""Programs of QUIC that got a listed name served, each as short as it gets; as finds.py."""

from adversary.actions import Others, Restart
from adversary.finds import Find, OpenFind
from adversary.quic_actions import Initial, QuicProgram


def is_forgotten(program: QuicProgram) -> bool:
    """Whether the gate forgets a connection of which it has forwarded a part of a hello."""
    return any(isinstance(action, Restart | Others) for action in program.actions)


QUIC_FINDS: tuple[Find, ...] = ()
QUIC_OPEN_FINDS = (
    OpenFind(
        "quic_evict: a part of a hello, other connections of the same client, the rest",
        QuicProgram(("long hello!",), (Initial(end=895), Others(60), Initial(begin=455))),
        "S o, S c, A o, A c",
        "quic.pyx: the record of what was evicted unjudged is used again, and a mark holds for a path, not a connection",
        is_forgotten,
    ),
    OpenFind(
        "quic_restart: a part of a hello, the gate starts again, the rest",
        QuicProgram(("long hello!",), (Initial(end=895), Restart(), Initial(begin=455))),
        "S o, S c, A o, A c",
        "as quic_evict",
        is_forgotten,
    ),
)


def is_known_of_quic(program: QuicProgram) -> bool:
    """Whether a find needs what an open one needs."""
    return any(find.program.is_honest is program.is_honest and find.is_alike(program) for find in QUIC_OPEN_FINDS)
