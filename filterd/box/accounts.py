"""The accounts of the roles, and the one rule of who may ask whom on this box.

A process trusts root and its own account; beyond these, the accounts of the roles that RULES names.  So the rule is
the same where all roles have one account (`filterd run`) and where each has its own (filterd.target).  It holds for
requests on sockets, for anyone who answers there, and for files that one role writes and another reads.
Invariants: what RULES does not name is refused; a role whose account this box does not have is no one.
Source: SO_PEERCRED, unix(7): the kernel's word, at the moment of connect(2) or listen(2).
"""

import functools
import os
import pwd
import socket
import struct
from collections.abc import Iterable, Mapping

# systemd/filterd.sysusers makes them.  "filterd" runs all roles under one supervisor, control among them.
ACCOUNTS: Mapping[str, tuple[str, ...]] = {
    "control": ("filterd-control", "filterd"),
    "dns": ("filterd-dns", "filterd"),
    "gate": ("filterd-gate", "filterd"),
    "web": ("filterd-web", "filterd"),
    "splash": ("filterd-splash", "filterd"),
    "metrics": ("filterd-metrics", "filterd"),
    "radius": ("filterd-radius", "filterd"),
    "archive": ("filterd-archive", "filterd"),
    "siem": ("filterd-siem", "filterd"),
    "reader": ("filterd-reader",),
    "sealed": ("filterd-sealed",),
}
# Socket → request → the roles that may ask it.
RULES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "control": {
        "orders_changed": ("web",),
        "policy_changed": ("web",),
        "settings_changed": ("web",),
        "explain": ("web",),
        "status": ("web", "metrics"),
        "identify": ("radius",),
        "sessions_changed": ("radius",),
        "events_from": ("siem",),
        "siem_report": ("siem",),
        "reload": (),
        "lists_refresh": (),
        "lists_approve": (),
        "lists_rollback": (),
        "lists_versions": ("web",),
        "lists_diff": ("web",),
    },
    # A second socket of control.
    "splash": {
        "why_closed": ("splash",),
        "probed": ("splash",),
        "report_mistake": ("splash",),
        "put_appeal": ("splash",),
        "find_report": ("splash",),
        "use_ticket": ("splash",),
        "begin_time": ("splash",),
        "ask_family": ("splash",),
    },
    # What is known of sessions: for root, but for the province of a profile, which records of blocks say.
    "radius": {"sessions": (), "holder": (), "places": (), "provinces": ("control",)},
    # Records of blocks, as files.
    "archive": {
        "search": ("web", "control"),
        "page": ("web",),
        "name_orders": ("web",),
        "more": ("web", "control"),
        "close": ("web", "control"),
        "bundle": ("web",),
        "record_proof": ("web",),
        "checkpoint": ("web",),
        "tree": ("control",),
        "keep_checkpoint": ("control",),
        "forget": ("control",),
        "status": ("control",),
        "records_from": ("siem",),
    },
    # systemd listens there, and starts a reader for each connection.
    "reader": {"read": ("control",), "read_letter": ("web",)},
    # The same for lists that it alone can decrypt.
    "sealed": {"read": ("control",), "digest": ("control",)},
    "worker": {"use": ("control",), "configure": ("control",), "status": ("control",)},
}
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


def may_ask(door: str, request: str, uid: int) -> bool:
    """Whether a process of this account may send a request.   door: a key of RULES"""
    return uid in trusted(RULES[door].get(request, ()))


def may_enter(door: str, uid: int) -> bool:
    """Whether a process of this account may send any request at all."""
    return any(may_ask(door, request, uid) for request in RULES[door])


def trusted(roles: Iterable[str]) -> frozenset[int]:
    """The accounts of these roles, root, and our own."""
    names = {name for role in roles for name in ACCOUNTS[role]}
    return frozenset({0, os.geteuid(), *filter(None, map(_uid_of, names))})


def peer_of(connection: socket.socket) -> int:
    """The account at the other end of a connected unix socket."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(found)[1])


def name_of(uid: int) -> str:
    """What an account is called, for a message."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


@functools.cache
def _uid_of(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
