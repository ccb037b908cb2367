"""Asymmetric routing in the lab: what the internet sends to the child does not cross the gateway.

child ── gateway ── internet        everything that the child sends
  └──────────────────────┘          everything that comes back
"""

from collections.abc import Iterator
from contextlib import contextmanager

from filterd.lab.topology import Lab

LINK = "detour"


@contextmanager
def detour(lab: Lab) -> Iterator[None]:
    """Another cable between the two, which the internet's routes to the child take."""
    _must(lab, "internet", "link", "add", LINK, "type", "veth", "peer", "name", LINK, "netns", lab.namespace("child"))
    try:
        for node in ("child", "internet"):
            _must(lab, node, "link", "set", LINK, "up")
        # neither end has an address on this cable: nobody would answer who asks for one
        hardware = lab.run("child", ["cat", f"/sys/class/net/{LINK}/address"]).stdout.strip()
        for address in (lab.addresses.child4, lab.addresses.child6):
            _must(lab, "internet", "neigh", "replace", address, "lladdr", hardware, "dev", LINK, "nud", "permanent")
            _must(lab, "internet", "route", "replace", address, "dev", LINK)
        yield
    finally:
        lab.run("internet", ["ip", "link", "del", LINK])


def _must(lab: Lab, node: str, *arguments: str) -> None:
    done = lab.run(node, ["ip", *arguments])
    assert done.returncode == 0, done.stderr
