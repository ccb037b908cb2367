"""What an adversary does: a program of actions on one path, as values that can be stored, changed and pasted.

A client's port is one of PORTS, by its number.  Sequence numbers count from the port's last SYN.
"""

import json
from typing import Any, NamedTuple

PORTS = (40000, 40001, 80, 443)
ISNS = (1000, 0x7FF000, 0xFFFFF0, 0x12345678, 997, 1003, 1500)  # of clients: random ones, and some near the first
N_RANDOM_ISNS = 4
SERVER_ISNS = (5000, 0x400000, 0xC00000, 0xFFFFFFF0)


class Syn(NamedTuple):
    """The client's SYN, or with flags of another kind.   is_taken False: it ends before the server

    mss   of its option; 0: it has none"""

    port: int = 0
    isn: int = 0
    server_isn: int = 0
    is_taken: bool = True
    mss: int = 0


class Answer(NamedTuple):
    """The client's answer to a SYN/ACK, with moved numbers: its stream begins so many octets further, or earlier.

    A server that keeps nothing of a SYN cannot tell where both are moved as far (SYN cookies: the client's number is
    added to a hash), or the client's number alone by as little as the size in its cookie allows."""

    port: int = 0
    by: int = 0
    ack_by: int = 0


class Reboot(NamedTuple):
    """The client is started again and opens the same port: a SYN, and a reset of what the server says it has instead.

    isn   often the same as before, or near it: some devices count from one number"""

    port: int = 0
    isn: int = 0
    server_isn: int = 0


class Control(NamedTuple):
    """A segment without octets: A, SA, FA, R, RA, in the client's name, or in the server's from the client's side.

    seq  next: behind what the client has sent · first: its first octet · far: in no window · answered: what the server
    has acknowledged last;  ack  right: what the server has sent · first · ahead"""

    port: int = 0
    flags: str = "A"
    seq: str = "next"
    ack: str = "right"
    is_spoofed: bool = False
    is_taken: bool = True


class Send(NamedTuple):
    """Octets of a stream: of the true one, of its decoy, or zeros.   end 0: up to its end

    shift     added to their place, in octets
    options   of TCP: md5, or a timestamp: old, new
    is_first_isn  its place counts from the port's first SYN, not from the last one
    flags     as of Control"""

    port: int = 0
    stream: int = 0
    begin: int = 0
    end: int = 0
    text: str = "true"
    is_taken: bool = True
    flags: str = "A"
    shift: int = 0
    options: str = ""
    ack: str = "right"
    is_spoofed: bool = False
    is_first_isn: bool = False


class KeepAlive(NamedTuple):
    """A segment one octet before the next one, with one octet or none."""

    port: int = 0
    octets: int = 1


class Hear(NamedTuple):
    """What a slow server has to say arrives."""


class HangUp(NamedTuple):
    """The server ends a connection."""

    port: int = 0
    is_reset: bool = True


class Wait(NamedTuple):
    """Silence."""

    seconds: int = 11


class Others(NamedTuple):
    """Beginnings of hellos or heads on other connections: of the same client, or of another one."""

    n: int = 30
    is_own: bool = True
    octets: int = 30


class Restart(NamedTuple):
    """The gate is started again."""


class Reload(NamedTuple):
    """The gate takes the images of its lists again."""


class Hold(NamedTuple):
    """Packets wait in the gate's queue until Judge."""


class Judge(NamedTuple):
    """The gate judges what waits."""


Action = (
    Syn | Answer | Reboot | Control | Send | KeepAlive | Hear | HangUp | Wait | Others | Restart | Reload | Hold | Judge
)
KINDS: dict[str, type[Action]] = {
    kind.__name__: kind
    for kind in (
        Syn,
        Answer,
        Reboot,
        Control,
        Send,
        KeepAlive,
        Hear,
        HangUp,
        Wait,
        Others,
        Restart,
        Reload,
        Hold,
        Judge,
    )
}


class Program(NamedTuple):
    """What is played: the network, the server and its client's actions.

    streams       pieces by name, see streams.py
    is_stateless  the server keeps nothing of a SYN, and answers each by a SYN cookie
    is_honest     the client is one: all that it asks for has to be served"""

    streams: tuple[tuple[str, ...], ...]
    actions: tuple[Action, ...]
    reader: str = "OpenSSL"
    is_asymmetric: bool = False
    is_closed: bool = True
    is_slow: bool = False
    is_last_kept: bool = False
    is_honest: bool = False
    is_stateless: bool = False


def as_python(value: Program | Action) -> str:
    """A program as it is written in finds.py: without its defaults."""
    fields = [
        f"{name}={'(' + ''.join(as_python(each) + ', ' for each in at) + ')' if name == 'actions' else repr(at)}"
        for name, at in value._asdict().items()
        if name not in value._field_defaults or at != value._field_defaults[name]
    ]
    return f"{type(value).__name__}({', '.join(fields)})"


def to_json(program: Any) -> str:
    """One line of text: of a program of TCP or QUIC."""
    fields = program._asdict()
    fields["actions"] = [[type(action).__name__, *action] for action in program.actions]
    return json.dumps(fields)


def from_json(text: str) -> Program:
    """The program of to_json()."""
    fields = json.loads(text)
    actions = tuple(KINDS[name](*values) for name, *values in fields.pop("actions"))
    streams = tuple(tuple(stream) for stream in fields.pop("streams"))
    return Program(streams, actions, **fields)
