"""Programs of QUIC that got a listed name served, each as short as it gets; as finds.py."""

from adversary.actions import Others, Restart
from adversary.find import Find, OpenFind
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
    Find(
        "quic_moved: a part of a hello, the rest to another port of the server, with a connection ID of the server's",
        QuicProgram(
            ("hello!",),
            (Initial(end=87), Initial(dcid="server's", path=2)),
            reader="any, last kept",
            is_asymmetric=True,
            is_closed=False,
        ),
        "where the server is not seen, an Initial that no connection on its path explains was taken for a server's",
    ),
    Find(
        "quic_second_restart: a hello, the gate starts again, a second hello behind octets of the first",
        QuicProgram(("two hellos!",), (Initial(end=475), Restart(), Initial(begin=433)), reader="any, last kept"),
        "a connection whose hello was judged was forgotten, and its next octets waited for the first ones",
    ),
    Find(
        "quic_second_evict: as quic_second_restart, with other connections",
        QuicProgram(("two hellos!",), (Initial(end=475), Others(60), Initial(begin=433)), reader="any, last kept"),
        "as quic_second_restart",
    ),
    Find(
        "quic_second_begin: the end of a hello, a decoy of its beginning, the gate starts again, its beginning",
        QuicProgram(
            ("long hello!",),
            (
                Initial(begin=1800),
                Initial(end=1800, text="decoy", is_taken=False),
                Restart(),
                Initial(end=1800),
            ),
            reader="any, last kept",
        ),
        "the beginning of a hello passed in a connection that was judged and forgotten, where its server had the rest",
    ),
    Find(
        "quic_second_unread: pieces that contradict each other, other connections, the true beginning",
        QuicProgram(
            ("long hello!",),
            (
                Initial(begin=900, is_taken=False),
                Initial(begin=1800),
                Initial(end=17),
                Initial(begin=17, end=900, text="zeros"),
                Others(),
                Initial(end=1800),
            ),
            reader="any, last kept",
            is_closed=False,
        ),
        "as quic_second_begin",
    ),
)
QUIC_OPEN_FINDS: tuple[OpenFind, ...] = ()


def is_known_of_quic(program: QuicProgram) -> bool:
    """Whether a find needs what an open one needs."""
    return any(find.program.is_honest is program.is_honest and find.is_alike(program) for find in QUIC_OPEN_FINDS)
