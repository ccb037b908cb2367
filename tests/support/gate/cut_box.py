"""A whole filterd whose child and adult have a line each, with what runs of theirs: for the cut."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from support.gate.program import PYTHON, ROOT

from filterd.box.places import CONTROL, control_socket
from filterd.lab.api_desk import Desk
from filterd.lab.clients import Download
from filterd.lab.gateway import Folder, Gateway, filterd_command, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab
from filterd.process.json_socket import ask_blocking
from parental.policy.schedule import DAYS

CHILD, ADULT = 7, 8
HELP = "1121.test"
FILMS, CALLS = "www.video.test", "cdn.allowed.test"  # of two services
NAMELESS = "-"
START_S = 240.0  # of a busy machine
MOVES_S = 60.0  # likewise
N_MOVES = 3  # half a second lies between two of them
QUIC_PROGRAM = str(ROOT / "tests/support/gate/quic_stream.py")


class QuicStream(Download):
    """As a download, over QUIC: its file grows with each piece.

    Its client stays at its port until move(): on a busy machine any of them may hear nothing for half a second, and
    what has moved before a cut has no label for it."""

    def __init__(self, place: Lab, node: str, name: str, address: str) -> None:
        self.file = place.directory / "downloads" / f"quic-{node}-{time.monotonic_ns()}"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._place = place
        self._moves = self.file.with_name(f"{self.file.name}.moves")
        argv = [*PYTHON, QUIC_PROGRAM, "read", name, address, str(self.file)]
        self.program = place.popen(node, argv, "quic-stream")

    def move(self) -> int:
        """Have the client, which hears nothing, go on from another port, some times; the octets that this brings it."""
        before = self.received()
        self._moves.touch()
        wait_until(lambda: self.received() > before or self._moves.stat().st_size >= N_MOVES, "other ports", MOVES_S)
        return self.received() - before

    def stop(self) -> None:
        super().stop()
        self._moves.unlink(missing_ok=True)


class Box:
    """A filterd whose child and adult have a line each, and its API."""

    def __init__(self, lab: Lab, internet: Internet, operator: Desk, regulator: Desk, folder: Folder) -> None:
        self.lab, self.internet, self.operator, self.regulator = lab, internet, operator, regulator
        self.folder = folder

    def give_list(self, *names: str) -> None:
        """Put a new version of a list of the operator's in force."""
        (self.folder.root / "own.txt").write_text("".join(f"{name}\n" for name in names))
        command = ["lists", "refresh", "own", "--config", str(self.folder.configuration)]
        done = self.lab.run("gateway", filterd_command(*command), timeout_s=START_S)
        assert done.returncode == 0, done.stderr

    def n_cut(self) -> int:
        """Connections that cuts have ended so far."""
        told = ask_blocking(control_socket(self.folder.run), CONTROL, {"op": "status"}, START_S)
        found: int = told["connections_cut"]
        return found

    def close(
        self, *categories: str, services: Sequence[str] = (), denied: Sequence[str] = (), line: int = CHILD
    ) -> dict[str, Any]:
        """What a line closes from now on; the receipt.   denied  the household's own names"""
        at = self.lab.addresses
        prefixes = [at.child4, f"{at.child6}/128"] if line == CHILD else [at.adult4, f"{at.adult6}/128"]
        said = {"label": str(line), "prefixes": prefixes, "categories": list(categories)}
        said |= {"services": list(services), "denied": list(denied)}
        receipt: dict[str, Any] = self.operator.put(f"/v1/subscribers/{line}", said)["receipt"]
        return receipt

    def close_softly(self, at: datetime, opened: str) -> None:
        """The child's line leaves one category open for an hour from a minute on (UTC)."""
        until = at + timedelta(hours=1)
        hours = {"day": DAYS[at.weekday()], "from": f"{at:%H:%M}", "to": f"{until:%H:%M}", "open": [opened]}
        self.operator.put(f"/v1/subscribers/{CHILD}/schedule", {"closed": [hours], "zone": "UTC"})

    @contextmanager
    def running(self, family: str, *wanted: tuple[str, str, str]) -> Iterator[list[Download]]:
        """Downloads of (node, protocol, name) that have begun."""
        address = getattr(self.lab.addresses, f"web{family}")
        trust = ["--cacert", str(self.internet.authority)]
        with ExitStack() as stack:
            found: list[Download] = []
            for node, protocol, name in wanted:
                if protocol == "quic":
                    one: Download = QuicStream(self.lab, node, name, address)
                elif name == NAMELESS:  # an address as the host is no server name (RFC 6066 §3)
                    host = f"[{address}]" if family == "6" else address
                    one = Download(self.lab, node, f"{protocol}://{host}/big", "", ["--insecure"])
                else:
                    one = Download(self.lab, node, f"{protocol}://{name}/big", address, trust)
                stack.callback(one.stop)
                found.append(one)
            for each in found:
                each.wait_for(10, MOVES_S)
            yield found


@contextmanager
def a_box(lab: Lab, internet: Internet, place: Path, **of_gate: str) -> Iterator[Box]:
    """It runs, and both lines close nothing.   of_gate  keys of /gate"""
    folder = Folder(place)
    gateway, at = Gateway(lab, folder), lab.addresses
    write_orders(folder.orders, 10)
    write_configuration(gateway, 1)
    said = yaml.safe_load(folder.configuration.read_text())
    for tier, name, names in (
        ("category", "video", f"video.test\n{HELP}"),
        ("service", "youtube", FILMS),
        ("service", "whatsapp", CALLS),
    ):
        (folder.root / f"{name}.txt").write_text(f"{names}\n")
        said["lists"].append({"id": name, "file": f"{name}.txt", "format": "plain", "tier": tier, tier: name})
    (folder.root / "own.txt").write_text("malware.test\n")
    said["lists"].append({"id": "own", "file": "own.txt", "format": "plain", "tier": "security"})
    said["lists"][-1] |= {"match": "subtree", "action": "nxdomain", "shrink_percent": 100}
    said["gate"] |= of_gate
    folder.configuration.write_text(yaml.safe_dump(said))
    operator, regulator = gateway.make_token("operator"), gateway.make_token("regulator", "--issuer", "PTA")
    gateway.start()
    certificate = [str(lab.directory / "internet" / f"web.{kind}") for kind in ("pem", "key")]
    server = lab.popen("internet", [*PYTHON, QUIC_PROGRAM, "serve", *certificate, at.web4, at.web6], "quic-server")
    try:
        found = Box(lab, internet, Desk(lab, operator), Desk(lab, regulator), folder)
        wait_until(found.operator.is_up, "the API", START_S)
        found.close(line=CHILD)
        found.close(line=ADULT)
        yield found
    finally:
        lab.stop(server)
        gateway.stop()
        lab.run("gateway", ["nft", "delete", "table", "inet", "filterd"])


def go_on(downloads: list[Download]) -> None:
    """See more octets of each."""
    for each in downloads:
        each.wait_for(10, MOVES_S)
