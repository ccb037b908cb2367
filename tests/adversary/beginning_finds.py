"""Open finds about beginnings: answers to SYN cookies, devices that are started again, odd records of a hello."""

from adversary.actions import ISNS, Answer, Control, Program, Reboot, Send, Syn
from adversary.find import OpenFind
from adversary.streams import HTTP, HUGE_PIECES, TLS, octets_of

LISTED_REQUEST = len(octets_of(HTTP, ("GET!",)))
LISTED_HELLO = len(octets_of(TLS, ("hello without a share!",)))
ALLOWED_HELLO = len(octets_of(TLS, ("hello", "encrypted")))
HUGE = len(octets_of(HTTP, ("POST that is huge",)))
# As some servers take them that nobody has asked, and OpenSSL and GnuTLS do not.
UNREAD = (
    "hello in a record of version 0",
    "hello in a record of version 5",
    "hello in a record of 20000",
    "hello with octets behind it",
)
ALL_MODES = "S o, S c, A o, A c"


def is_moved(program: Program) -> bool:
    """Whether a client begins elsewhere than its SYN says."""
    return any(isinstance(action, Answer) and (action.by or action.ack_by) for action in program.actions)


def is_near(program: Program) -> bool:
    """Whether a device is started again whose server is not seen, and which begins where it began before, or near."""
    return program.is_asymmetric and any(isinstance(action, Reboot) for action in program.actions)


def is_below(program: Program) -> bool:
    """Whether a device is started again, and begins in front of its number before."""
    return any(isinstance(action, Reboot) and ISNS[action.isn] < ISNS[0] for action in program.actions)


def is_far(program: Program) -> bool:
    """Whether what was lost comes again megabytes behind the newest octets."""
    return program.is_closed and any(piece in HUGE_PIECES for piece in program.streams[0])


def is_unread(program: Program) -> bool:
    """Whether some servers take a hello that `open` lets pass, and that is counted."""
    return (
        program.reader == "any TLS"
        and not program.is_closed
        and any(piece.rstrip("!") in UNREAD for stream in program.streams for piece in stream)
    )


OPEN_BEGINNINGS = (
    OpenFind(
        "moved_ahead: an answer one octet behind the SYN, and a hello there",
        Program((("hello!",),), (Syn(mss=1460), Answer(by=1), Send()), is_stateless=True),
        ALL_MODES,
        "the octet in front of it never comes, and what is behind a gap is not judged",
        is_moved,
    ),
    OpenFind(
        "moved_record: an answer three octets behind the SYN, a decoy of three there, a hello in records of 255",
        Program(
            (("hello in records of 255!",),),
            (
                Syn(mss=1460),
                Answer(by=3),
                Send(end=3, is_first_isn=True, is_taken=False),
                Send(),
            ),
            is_stateless=True,
        ),
        ALL_MODES,
        "with three octets in front its first record is read as the beginning of a hello of 65281 octets",
        is_moved,
    ),
    OpenFind(
        "moved_back: an answer in front of the SYN, and a segment with a listed request there and another one behind",
        Program(
            (("GET!", "GET"),),
            (Syn(), Answer(by=-LISTED_REQUEST, ack_by=-LISTED_REQUEST), Send()),
            reader="h11",
            is_stateless=True,
        ),
        ALL_MODES,
        "of a segment that begins in front of its stream only the rest is read (E04)",
        is_moved,
    ),
    OpenFind(
        "moved_back_tls: the same with two hellos",
        Program(
            (("hello without a share!", "hello"),),
            (Syn(), Answer(by=-LISTED_HELLO, ack_by=-LISTED_HELLO), Send()),
            is_stateless=True,
        ),
        ALL_MODES,
        "as moved_back",
        is_moved,
    ),
    OpenFind(
        "moved_decoy: an answer behind the SYN, a decoy of an allowed hello in front, and a listed one",
        Program(
            (("hello!",), ("hello", "encrypted")),
            (
                Syn(),
                Answer(by=ALLOWED_HELLO, ack_by=ALLOWED_HELLO),
                Send(stream=1, is_first_isn=True, is_taken=False),
                Send(),
            ),
            is_stateless=True,
        ),
        "A o, A c",
        "behind a hello and encrypted records no other hello is looked for; with symmetric routing conntrack drops it",
        is_moved,
    ),
    OpenFind(
        "moved_octet: an answer one octet behind the SYN, a decoy of that octet, and a hello",
        Program(
            (("hello!",),),
            (Syn(mss=1460), Answer(by=1), Send(end=1, is_first_isn=True, is_taken=False), Send()),
            is_stateless=True,
        ),
        "S o, A o",
        "with an octet in front it is no TLS: that is counted, and `open` lets it pass",
        is_moved,
    ),
    OpenFind(
        "near_number: a device is started again and counts from a number near the one before, its server is not seen",
        Program(
            (("GET",),),
            (Syn(), Send(), Reboot(isn=4, server_isn=1), Send()),
            reader="h11",
            is_asymmetric=True,
            is_honest=True,
        ),
        "A o, A c",
        "its first octets stand where those of the connection before did, and are taken for a decoy's",
        is_near,
    ),
    OpenFind(
        "number_below: a device is started again before it has said anything, and begins just in front of its number",
        Program(
            (("GET",),),
            (Syn(), Control(), Reboot(isn=4, server_isn=1), Control(), Send()),
            reader="h11",
            is_honest=True,
        ),
        ALL_MODES,
        "its first segment has the octet with which a server that keeps nothing of a SYN may begin",
        is_below,
    ),
    OpenFind(
        "far_hole: a segment of an upload is lost, and comes behind megabytes of others",
        Program(
            (("POST that is huge", "GET"),),
            (
                Syn(),
                Control(),
                Send(end=100),
                Send(begin=1100, end=HUGE),
                Send(begin=100, end=1100),
                Send(begin=HUGE),
            ),
            reader="h11",
            is_asymmetric=True,
            is_honest=True,
        ),
        "A c",
        "the octets around it have left the window, and nothing shows what the server has",
        is_far,
    ),
    OpenFind(
        "unread: a second hello in a record that is longer than a record may be",
        Program(
            (("hello without a share", "hello in a record of 20000!"),),
            (Syn(), Send(end=LISTED_HELLO), Send(begin=LISTED_HELLO)),
            reader="any TLS",
        ),
        "S o, A o",
        "what cannot be read is counted, and `open` lets it pass",
        is_unread,
    ),
)
