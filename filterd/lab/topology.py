"""The network of the laboratory: five namespaces around a gateway, IPv4 and IPv6.

    child ─┐                ┌─ internet   nginx, the provider's resolver, a foreign resolver
    adult ─┼── gateway ─────┤
           └─ forwards      └─ desk       the regulator, the operator, the auditor

Invariants: every namespace is called PREFIX-NODE, PREFIX is `fd-PID` or `fd-up`; a process has one lab at a time;
leaving the context removes all of it; making a lab removes what a process that died has left.
Addresses are usable at once: there is no duplicate address detection.
Source: ip-netns(8), rtnetlink(7).
"""

import contextlib
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pyroute2 import IPRoute, netns

from filterd.box.capabilities import OF_NAMESPACES, how_to_get, missing_capabilities
from filterd.box.errors import MissingPart
from filterd.lab.addresses import LAB, LINKS, Link
from filterd.lab.processes import Done, Programs, Running, is_alive, run, wait_until

NODES = ("gateway", *(link.node for link in LINKS))
STANDING = "fd-up"  # the prefix of `filterd lab up`: belongs to no process
NETNS_FILES = Path("/etc/netns")
MOUNTS = Path("/run/netns")
NEEDED = {
    "ip": "iproute2",
    "sysctl": "procps",
    "nginx": "nginx",
    "unbound": "unbound",
    "openssl": "openssl",
    "dig": "bind9-dnsutils",
    "curl": "curl",
}
NODAD = 0x02  # IFA_F_NODAD

_OURS = re.compile(rf"(fd-(?P<pid>\d+)|fd-up)-({'|'.join(NODES)})")
T = TypeVar("T")


class Lab:
    """A standing laboratory.  Make one with `lab()`, or find the one that `filterd lab up` has left standing."""

    addresses = LAB

    def __init__(self, prefix: str, directory: Path) -> None:
        self.prefix, self.directory = prefix, directory
        self.programs = Programs(directory / "logs")

    def namespace(self, node: str) -> str:
        return f"{self.prefix}-{node}"

    def inside(self, node: str, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` in the namespace of `node`, with that node's /etc/resolv.conf."""
        return ["ip", "netns", "exec", self.namespace(node), *argv]

    def run(self, node: str, argv: Sequence[str], stdin: str | None = None, timeout_s: float = 90.0) -> Done:
        """Run a program in a namespace to its end."""
        return run(self.inside(node, argv), stdin, timeout_s)

    def popen(self, node: str, argv: Sequence[str], log: str = "") -> Running:
        """Start a program in a namespace; its output goes to logs/NODE-LOG.log; the program's name unless given."""
        return self.programs.start(self.inside(node, argv), f"{node}-{log or Path(argv[0]).name}")

    def stop(self, program: Running) -> None:
        self.programs.stop(program)


@contextlib.contextmanager
def lab(directory: Path) -> Iterator[Lab]:
    """A laboratory of this process, gone at the end.   directory: for logs and state; stays.   Raises MissingPart."""
    place = build_lab(f"fd-{os.getpid()}", directory)
    try:
        yield place
    finally:
        place.programs.stop_all()
        remove(place.prefix)


def build_lab(prefix: str, directory: Path) -> Lab:
    """Make the namespaces and all between them; what was made is removed if that fails.   Raises MissingPart."""
    reason = why_not()
    if reason is not None:
        raise MissingPart(reason)
    remove_orphans()
    remove(prefix)
    place = Lab(prefix, directory)
    try:
        _build(place)
    except BaseException:
        remove(prefix)
        raise
    return place


def why_not() -> str | None:
    """Why no laboratory can be made here, or None."""
    if missing := missing_capabilities(OF_NAMESPACES):
        words = ", ".join(each.word for each in missing)
        return f"lab: namespaces need {words}; nothing was made; {how_to_get(missing)}"
    absent = sorted({package for program, package in NEEDED.items() if shutil.which(program) is None})
    if absent:
        return f"lab: {', '.join(absent)} not on this box; nothing was made; apt-get install {' '.join(absent)}"
    return None


def remove(prefix: str) -> list[str]:
    """Kill what runs in the namespaces of `prefix` and remove them; returns the names of those there were."""
    found = [f"{prefix}-{node}" for node in NODES if (MOUNTS / f"{prefix}-{node}").exists()]
    namespaces = _identities(found)
    for pid in _pids_in(namespaces):
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not _pids_in(namespaces), f"lab {prefix}: the end of its programs")
    for name in found:
        with contextlib.suppress(FileNotFoundError):  # another lab that begins removes the same orphan
            netns.remove(name)
    for node in NODES:
        shutil.rmtree(NETNS_FILES / f"{prefix}-{node}", ignore_errors=True)
    return found


def remove_orphans() -> list[str]:
    """Remove the laboratories of processes that died without removing them."""
    names = {path.name for base in (MOUNTS, NETNS_FILES) if base.is_dir() for path in base.iterdir()}
    pids = {match["pid"] for name in names if (match := _OURS.fullmatch(name)) and match["pid"]}
    dead = sorted(pid for pid in pids if not is_alive(int(pid)))
    return [name for pid in dead for name in remove(f"fd-{pid}")]


# ----------------------------------------------------------------------------------------------------------------------


def _build(place: Lab) -> None:
    for node in NODES:
        netns.create(place.namespace(node))
        _set_kernel(place, node)
    _in_namespace(place.namespace("gateway"), lambda ip: _wire_gateway(ip, place))
    for link in LINKS:
        _in_namespace(place.namespace(link.node), lambda ip, link=link: _wire_node(ip, link))  # type: ignore[misc]
    for node in ("child", "adult", "desk"):
        folder = NETNS_FILES / place.namespace(node)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text(f"nameserver {LAB.gateway4}\nnameserver {LAB.gateway6}\n")


def _set_kernel(place: Lab, node: str) -> None:
    """Kernel settings; before the links, as a new link takes the defaults of its namespace."""
    forwards = int(node == "gateway")
    settings = {
        "net.ipv6.conf.all.disable_ipv6": 0,
        "net.ipv6.conf.default.disable_ipv6": 0,
        "net.ipv6.conf.default.accept_dad": 0,
        "net.ipv6.conf.default.accept_ra": 0,
        "net.ipv4.conf.all.rp_filter": 0,
        "net.ipv4.conf.default.rp_filter": 0,
        "net.ipv4.ip_forward": forwards,
        "net.ipv6.conf.all.forwarding": forwards,
    }
    done = place.run(node, ["sysctl", "-qw", *(f"{name}={value}" for name, value in settings.items())])
    if done.returncode != 0:
        raise MissingPart(f"lab: sysctl in {node}: {done.stderr.strip()}; nothing was made; run on a box of your own")


def _wire_gateway(ip: Any, place: Lab) -> None:
    ip.link("set", index=1, state="up")
    # The services' own addresses are on the loopback: the same from every side, like an anycast address.
    ip.addr("add", index=1, address=LAB.gateway4, prefixlen=32)
    ip.addr("add", index=1, address=LAB.gateway6, prefixlen=128, flags=NODAD)
    for link in LINKS:
        peer = {"ifname": "gateway", "net_ns_fd": place.namespace(link.node)}
        ip.link("add", ifname=link.node, kind="veth", peer=peer)
        index = ip.link_lookup(ifname=link.node)[0]
        ip.addr("add", index=index, address=link.gateway4, prefixlen=link.length4)
        ip.addr("add", index=index, address=link.gateway6, prefixlen=link.length6, flags=NODAD)
        ip.link("set", index=index, state="up")


def _wire_node(ip: Any, link: Link) -> None:
    ip.link("set", index=1, state="up")
    index = ip.link_lookup(ifname="gateway")[0]
    for address in link.node4:
        ip.addr("add", index=index, address=address, prefixlen=link.length4)
    for address in link.node6:
        ip.addr("add", index=index, address=address, prefixlen=link.length6, flags=NODAD)
    ip.link("set", index=index, state="up")
    ip.route("add", dst="default", gateway=link.gateway4)
    ip.route("add", dst="default", gateway=link.gateway6, family=10)


def _in_namespace(name: str, call: Callable[[Any], T]) -> T:
    """Call with a netlink socket of another namespace: a thread of its own enters it, and ends there."""

    def enter() -> T:
        netns.setns(name)
        with IPRoute() as ip:
            return call(ip)

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(enter).result()


def _identities(names: Sequence[str]) -> set[tuple[int, int]]:
    """Of the namespaces that are still there."""
    found = set()
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # another lab that begins has removed the same orphan
            found.add(_identity(MOUNTS / name))
    return found


def _pids_in(namespaces: set[tuple[int, int]]) -> list[int]:
    """Who runs in the namespaces: device and inode tell them apart (namespaces(7))."""
    pids = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # it ended while we looked, or is a kernel thread
                if _identity(process / "ns/net") in namespaces:
                    pids.append(int(process.name))
    return pids


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
