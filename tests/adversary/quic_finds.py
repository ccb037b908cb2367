"""Programs of QUIC that got a listed name served, each as short as it gets; as finds.py."""

from adversary.actions import Others, Restart
from adversary.finds import Find, OpenFind
from adversary.quic_actions import Initial, QuicProgram

QUIC_FINDS = (
    Find(
        "quic_evict: a part of a hello, other connections of the same client, the rest",
        QuicProgram(("long hello!",), (Initial(end=895), Others(60), Initial(begin=455))),
        "the record of what was evicted unjudged was used again; a mark holds for a path, not for a connection",
    ),
    Find(
        "quic_restart: a part of a hello, the gate starts again, the rest",
        QuicProgram(("long hello!",), (Initial(end=895), Restart(), Initial(begin=455))),
        "as quic_evict",
    ),
)
QUIC_OPEN_FINDS: tuple[OpenFind, ...] = ()


def is_known_of_quic(program: QuicProgram) -> bool:
    """Whether a find needs what an open one needs."""
    return any(find.program.is_honest is program.is_honest and find.is_alike(program) for find in QUIC_OPEN_FINDS)
