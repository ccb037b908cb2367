"""Where probe and sink live, and what they give up there.

    root → network namespace → sockets that need root → unprivileged account → confinement (filterd.process.confinement)

Invariants: after give_up() a process can use the network of its namespace and read Python's own libraries; it can write
nothing, and start nothing.
"""

import contextlib
import os

# Else it is loaded later, by an account that may not be able to read it.
import cryptography.hazmat.backends.openssl.backend  # noqa: F401
from pyroute2 import netns

from filterd.process.confinement import confine

NOBODY = 65534


def enter(namespace: str) -> None:
    """Become a process of another network namespace.   namespace  its file; "": stay.   Raises OSError"""
    if namespace:
        netns.setns(namespace, flags=0)  # never makes one


def give_up() -> None:
    """Keep the network, and nothing else."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    with contextlib.suppress(OSError):  # a measure that this system lacks is named by `filterd doctor`
        confine([], [], memory_octets=None, keeps_network=True)
