"""What the kernel lets this process do: capabilities are asked, never the account's number.

Root in a container has a few of them (Docker's default has no SYS_ADMIN and no NET_ADMIN), and a service without root
may have been given some.
Source: capabilities(7), proc_pid_status(5).
"""

import os
import sys
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path

STATUS = Path("/proc/self/status")


class Capability(IntEnum):
    """Those that something of ours needs, by the kernel's numbers."""

    SETGID = 6
    SETUID = 7
    NET_BIND_SERVICE = 10
    NET_ADMIN = 12
    NET_RAW = 13
    SYS_ADMIN = 21

    @property
    def word(self) -> str:
        """As programs name it: cap_net_admin."""
        return f"cap_{self.name.lower()}"


OF_THE_GATE = (Capability.NET_ADMIN, Capability.NET_RAW, Capability.NET_BIND_SERVICE)
OF_NAMESPACES = (Capability.SYS_ADMIN, Capability.NET_ADMIN, Capability.NET_RAW, Capability.NET_BIND_SERVICE)


def missing_capabilities(wanted: Iterable[Capability]) -> list[Capability]:
    """Those of `wanted` that this process has not, in their order."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("CapEff"))
    held = int(line.split()[1], 16)
    return [each for each in wanted if not held >> each & 1]


def how_to_get(missing: Iterable[Capability]) -> str:
    """What to do about missing ones: root that lacks some is in a container."""
    if os.geteuid() != 0:
        return "run as root"
    options = " ".join(f"--cap-add {each.name}" for each in missing)
    return f"start the container with {options}, or with --privileged"


def why_missing(wanted: Iterable[Capability]) -> str | None:
    """'not root', or which capabilities root lacks here; None: none is missing."""
    if not (missing := missing_capabilities(wanted)):
        return None
    return "not root" if os.geteuid() != 0 else f"without {', '.join(each.word for each in missing)}"


def main() -> int:
    """Exit 3 with a sentence where namespaces cannot be made: for `make kernel`.   argument: what is not done then"""
    if not (missing := missing_capabilities(OF_NAMESPACES)):
        return 0
    words = ", ".join(each.word for each in missing)
    print(f"{sys.argv[1]}: network namespaces need {words}; not run; {how_to_get(missing)}", file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())
