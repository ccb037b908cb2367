"""`filterd doctor`: check what this box supports, with a remedy for each fault."""

import argparse
import contextlib
import errno
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from filterd.box.capabilities import OF_THE_GATE, how_to_get, missing_capabilities
from filterd.box.errors import MissingPart
from filterd.config import Config
from filterd.kernel.box_settings import (
    Finding,
    notrack_rules,
    offloading,
    strict_interfaces,
    sysctls,
    turned,
    untracked,
)
from filterd.kernel.conntrack import n_tracked
from filterd.kernel.firewall import counted, run_program
from filterd.kernel.intervals import Network
from filterd.kernel.nft_sets import PrefixSets
from filterd.kernel.ruleset import ALL_BITS, Rules, rules_of_config
from filterd.process.instance import instances
from filterd.process.nameguard import claims_text, foreign_claims

EXAMPLE = "filterd doctor --config /etc/filterd/filterd.yaml"

RECEIVER_S = 3.0  # for a server of this network to take a connection
ANY_GATE = Rules(ports=(80, 443), quic_ports=(443,), n_queues=1)  # without a configuration
DATAGRAMS = ("dns", "radius")  # kinds of ports; the others are of TCP
MOST_PROXIES = 256  # addresses of one prefix: a network of proxies alone


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="also check what this configuration needs")
    parser.add_argument("--json", action="store_true", help='one {"what","found","cure"} for each line')


def run(args: argparse.Namespace) -> int:
    from filterd.commands.run import in_file

    config = in_file(args.config) if args.config else None
    rules = rules_of_config(config) if config else ANY_GATE
    findings = [*_box(rules), *(_needs(config) if config else ())]
    for finding in findings:
        if args.json:
            print(json.dumps(finding._asdict()))
        else:
            print(
                f"{'needs' if finding.cure else 'good '} {finding.what}: {finding.found}"
                + (f"; {finding.cure}" if finding.cure else "")
            )
    return 1 if any(finding.cure for finding in findings) else 0


def _box(rules: Rules) -> Iterator[Finding]:
    yield _capabilities()
    yield _program("nft", "nftables")
    yield _queue()
    yield _queue_rule()
    yield _connection_tracking()
    yield from sysctls(rules)
    yield offloading(rules)
    yield _texts()
    claims = foreign_claims()
    yield Finding(
        "package names", "another distribution claims one" if claims else "used by filterd only", claims_text(claims)
    )


def _texts() -> Finding:
    """Say how much of what people read in Urdu a native reader has read; no fault of this box."""
    from mgmt.text.catalogue import catalogue

    urdu = catalogue("ur")
    return Finding("texts", f"Urdu: {len(urdu.texts)} messages, {urdu.n_unread()} not yet read by a native reader", "")


def _approvals(config: Config) -> Iterator[Finding]:
    """Names are for an emergency alone, where passkeys prove who approves."""
    if config.api.desk_origin is not None and config.api.approvals_by_name:
        yield Finding("approvals", "names are taken, which prove no person", "take /api/approvals_by_name out")


def _pages(config: Config) -> Iterator[Finding]:
    """Name numbers and addresses of pages that no one has found to be right for half a year."""
    from filterd.config.desk_file import page_settings_of

    today = datetime.now(ZoneInfo(config.parental.timezone)).date()
    for late in page_settings_of(config).unverified(today):
        found, _, cure = late.rpartition("; ")
        what, _, found = found.partition(": ")
        yield Finding(what, found, f"{cure}, in the configuration or by filterd settings")


def _ages(config: Config) -> Iterator[Finding]:
    """Families are promised nothing that no list holds."""
    from filterd.config.box_checks import NO_AGES
    from filterd.config.family import has_own_door
    from filterd.config.web_settings import held_kinds
    from mgmt.web.family.rules.presets import LEAST

    if has_own_door(config.family) and LEAST not in held_kinds(config.lists):
        found, effect, cure = NO_AGES
        yield Finding("rules by age", f"{found}: {effect}", cure)


def _receivers(config: Config) -> Iterator[Finding]:
    """Who gets the alarms of orders, and whether they can be reached from here."""
    orders = config.orders
    if not orders.contacts:
        yield Finding("alarms of orders", "no contact gets them, as /orders/contacts is empty", "")
    places = {orders.mail.server for each in orders.contacts if each.mail is not None}
    places |= {_place_of(each.webhook) for each in orders.contacts if each.webhook is not None}
    for place in sorted(filter(None, places)):
        host, _, port = place.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), RECEIVER_S).close()
            yield Finding(f"receiver {place}", "can be reached", "")
        except OSError as reason:
            cure = "look at it, and at /orders/contacts and /orders/mail"
            yield Finding(f"receiver {place}", reason.strerror or str(reason), cure)


def _place_of(url: str) -> str:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or {'https': 443}.get(parts.scheme, 80)}"


def _needs(config: Config) -> Iterator[Finding]:
    yield from _approvals(config)
    yield from _receivers(config)
    yield from _pages(config)
    yield from _ages(config)
    running = _running(config.run_dir)
    for kind, role, endpoints in (
        ("dns", "dns", config.dns.listen),
        ("dns over tls", "dns", config.dns.tls.listen),
        ("dns over https", "dns", config.dns.https.listen),
        ("splash", "splash", config.splash.listen),
        ("api", "web", config.api.listen),
        ("metrics", "metrics", config.metrics.listen),
        ("radius", "radius", config.radius.listen),
    ):
        for endpoint in endpoints:
            yield _port(kind, endpoint.host, endpoint.port, running.get(role))
    if config.dns.tls.certificate is not None and config.dns.tls.key is not None:
        yield _certificate(config.dns.tls.certificate, config.dns.tls.key)
    if config.dns.workers > 0:
        yield _redirected(config)
    if config.dns.proxies:
        yield _proxies(config.dns.proxies)
    if config.gate.mode == "tap":
        yield from _taps(config.gate.tap_interfaces)
        if config.gate.tap_reset:
            yield _default_routes()
    elif config.gate.workers > 0:
        yield from _marks(config.gate.mark_mask)
        yield from _of_routing(rules_of_config(config))
    if config.gate.ja4_classes is not None:
        yield _ja4_classes(config.gate.ja4_classes)
    folder = next(path for path in (config.state_dir, *config.state_dir.parents) if path.is_dir())
    free_mib = shutil.disk_usage(folder).free >> 20
    # 1.1 M names are 20 MiB an image, of which three are kept; the spool adds 20 MiB a segment
    yield Finding("disk", f"{free_mib} MiB free at {folder}", "" if free_mib >= 1024 else "free 1 GiB")
    for entry in config.lists:
        if entry.file is not None:
            yield Finding(f"list {entry.id}", str(entry.file), "" if entry.file.exists() else "put the file there")


def _certificate(certificate: Path, key: Path) -> Finding:
    from dns.base.certificates import Certificates
    from dns.base.errors import BadCertificate

    try:
        Certificates(certificate, key, lambda _: True)
    except BadCertificate as reason:
        found, cure = str(reason).split("; not used; ")
        return Finding("dns certificate", found, cure)
    return Finding("dns certificate", f"{certificate} and its key fit", "")


def _proxies(prefixes: Sequence[str]) -> Finding:
    wide = [prefix for prefix in prefixes if ip_network(prefix).num_addresses > MOST_PROXIES]
    cure = "list the proxies only: filterd trusts every sender there, and UDP source addresses are easy to forge"
    return Finding("dns proxies", ", ".join(wide or prefixes), cure if wide else "")


def _redirected(config: Config) -> Finding:
    """Say whose DNS comes here, whomever they ask."""
    rules = rules_of_config(config)
    acts = [
        act
        for act, does in (
            ("queries to other resolvers come here", rules.dns_port is not None),
            ("port 853 of others is refused", rules.is_dot_refused),
        )
        if does
    ]
    whose = f"from {_joined(rules.subscribers)} and every line; not from {_joined(rules.resolvers)}"
    return Finding("foreign dns", f"{' and '.join(acts)} {whose}" if acts else "left alone", "")


def _joined(networks: Sequence[Network]) -> str:
    return ", ".join(map(str, networks))


def _taps(interfaces: Sequence[str]) -> Iterator[Finding]:
    """Whether each interface is there and up."""
    from pyroute2 import IPRoute

    with IPRoute() as kernel:
        states: dict[str, str] = {link.get("ifname"): link["state"] for link in kernel.get_links()}
    cures = {"up": "", "down": "ip link set {} up"}
    for name in interfaces:
        found = states.get(name, "no such interface")
        yield Finding(f"tap {name}", found, cures.get(found, f"write one of {', '.join(states)}").format(name))


def _default_routes() -> Finding:
    """A tap's resets leave by the routes of this box."""
    from pyroute2 import IPRoute

    families = {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}
    with IPRoute() as kernel:
        found = [name for name, family in families.items() if list(kernel.get_default_routes(family=family))]
    cure = "add a route to the subscribers and to the servers: resets leave by it"
    return Finding("default routes", " and ".join(found) or "none", "" if found else cure)


def _marks(mask: int) -> Iterator[Finding]:
    """Check what rules of other programs do with the gate's bits of marks."""
    from filterd.kernel.mark_clashes import mark_uses

    what, shown = "marks", f"{mask:#010x}"
    try:
        uses = mark_uses(mask)
    except MissingPart:
        yield Finding(what, "not known without nft", "apt-get install nftables")
        return
    if not uses:
        yield Finding(what, f"no other rule touches filterd's bits {shown}", "")
    others = f"{ALL_BITS ^ mask:#010x}"
    for use in uses:
        cure = "change it, or choose other bits in /gate/mark_mask: filterd does not start as long as it is there"
        yield Finding(what, f"{use.where} {use.does}", cure if use.is_steering else f"write it with the mask {others}")


def _of_routing(rules: Rules) -> Iterator[Finding]:
    """What control has as a fault while it runs, and which packets were dropped as forged."""
    if rules.is_asymmetric:
        yield strict_interfaces()
        return
    try:
        packets = counted(run_program) or {}
    except MissingPart:
        packets = {}
    yield turned(packets.get("n_turned", 0), packets.get("n_begun", 0))
    yield untracked(packets.get("n_untracked", 0), notrack_rules())
    yield _unproven(packets.get("n_unproven", 0))


def _ja4_classes(path: Path) -> Finding:
    from filterd.commands.roles.packet_gate.ja4_file import read_ja4_classes
    from rules.base.errors import BadList

    what = "ja4 classes"
    try:
        said = read_ja4_classes(path)
    except BadList as reason:
        found, cure = str(reason).split("; not read; ")
        return Finding(what, found, cure)
    found = f"{len(said.classes)} fingerprints of {len(set(said.classes.values()))} classes in {path}"
    cure = f"correct {said.n_faults} lines; the first: {said.faults[0]}" if said.faults else ""
    return Finding(what, found, cure)


def _capabilities() -> Finding:
    missing = missing_capabilities(OF_THE_GATE)
    words = ", ".join(each.word for each in missing)
    found = f"uid {os.geteuid()}, " + (f"without {words}" if missing else "all three are granted")
    return Finding("capabilities", found, f"{how_to_get(missing)}, or grant {words}" if missing else "")


def _program(name: str, package: str) -> Finding:
    place = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return Finding(name, place or "not found", "" if place else f"apt-get install {package}")


def _queue() -> Finding:
    """Check NFQUEUE: the netlink subsystem answers, or the module can be loaded."""
    path = Path("/proc/net/netfilter/nfnetlink_queue")
    if not path.exists() and shutil.which("modprobe"):
        subprocess.run(["modprobe", "-q", "nfnetlink_queue"], check=False, stderr=subprocess.DEVNULL)
    there = path.exists()
    return Finding(
        "NFQUEUE",
        "there" if there else "not available in the kernel",
        "" if there else "load nfnetlink_queue; the gate needs it",
    )


def _queue_rule() -> Finding:
    """Check that a rule may queue.   The kernel is asked, and loads missing modules."""
    with contextlib.closing(PrefixSets()) as sets:
        try:
            sets.need_queue()
        except RuntimeError as reason:
            found, _, cure = str(reason).split("; ")
            return Finding("NFQUEUE rule", found, cure)
    return Finding("NFQUEUE rule", "can be made", "")


def _connection_tracking() -> Finding:
    """Check that connections are tracked, can be distinguished and removed: a lock cuts those of its line."""
    what, cure = "connection tracking", "load nf_conntrack and nf_conntrack_netlink"
    if not Path("/proc/sys/net/netfilter/nf_conntrack_max").exists():
        return Finding(what, "not available in the kernel", cure)
    try:
        return Finding(what, f"{n_tracked()} connections", "")
    except OSError as reason:
        return Finding(what, f"connections cannot be assigned to addresses: {reason.strerror}", cure)
    except RuntimeError as reason:
        found, _, cure = str(reason).partition("; ")[2].partition("; ")
        return Finding(what, f"there; {found}", cure)


def _unproven(n_packets: int) -> Finding:
    """Check packets that came in a server's name from another side than the server's."""
    cure = "set /gate/routing to asymmetric where answers come by another way; else a subscriber forges them"
    return Finding("forged answers", f"{n_packets} packets were dropped", cure if n_packets else "")


def _running(run_dir: Path) -> dict[str, tuple[str, int]]:
    """Role → one process of this run directory that does its work: its name and number."""
    found = instances(run_dir).items()
    works = {name: told.pid for name, (told, is_running) in found if is_running and told.fault is None}
    return {name.partition("-")[0]: (name, pid) for name, pid in works.items()}


def _listens(pid: int, kind: str, port: int) -> bool:
    """Whether a process has a socket at a port, at whichever address; False where that cannot be found out, too.

    Source: proc_pid_net(5): the local address with its port in hexadecimal is second in a row, the inode tenth."""
    protocol = "udp" if kind in DATAGRAMS else "tcp"
    try:
        held = {_target(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
        tables = [Path(f"/proc/{pid}/net/{protocol}{version}").read_text() for version in ("", "6")]
    except OSError:  # another account's process, or one that has ended
        return False
    rows = (row.split() for table in tables for row in table.splitlines()[1:])
    return any(int(row[1].rpartition(":")[2], 16) == port and f"socket:[{row[9]}]" in held for row in rows)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def _port(kind: str, address: str, port: int, holder: tuple[str, int] | None = None) -> Finding:
    """Check that a role can listen.   holder  the role's process, where filterd runs"""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    what, shown = f"{kind} port", f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    try:
        with socket.socket(family, socket.SOCK_DGRAM if kind in DATAGRAMS else socket.SOCK_STREAM) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind != "dns":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as reason:
        if reason.errno == errno.EADDRINUSE and holder and _listens(holder[1], kind, port):
            return Finding(what, f"{shown} in use by filterd ({holder[0]}, process {holder[1]})", "")
        cure = "stop what uses it (ss -lnp), or choose another"
        return Finding(what, f"{shown} {reason.strerror}", f"{cure}; as root, doctor knows filterd's own")
    return Finding(what, f"{shown} free", "")
