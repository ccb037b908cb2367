"""Files that systemd has opened for us before it gave up root's rights for this process (OpenFile=).

A supervisor passes them on to its roles under the same numbers.
Source: sd_listen_fds(3), systemd.service(5).
"""

import os
from collections.abc import Mapping

FIRST = 3  # SD_LISTEN_FDS_START


def passed_files(environ: Mapping[str, str] = os.environ) -> dict[str, int]:
    """The descriptors, by name; none where they are not for us or our supervisor."""
    if environ.get("LISTEN_PID", "") not in (str(os.getpid()), environ.get("FILTERD_PARENT")):
        return {}
    names = environ.get("LISTEN_FDNAMES", "")
    return {name: FIRST + at for at, name in enumerate(names.split(":"))} if names else {}


def read_whole(descriptor: int) -> str:
    """What a file holds now, from its first octet, wherever we have read before.   Raises OSError."""
    octets = b""
    while part := os.pread(descriptor, 1 << 16, len(octets)):
        octets += part
    return octets.decode(errors="replace")
