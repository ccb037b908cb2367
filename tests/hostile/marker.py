"""Plants a name in a list and an order that are encrypted for the box, uses the box as people do, and looks for it.

In files: database, images, spool, copies, state, log, backup, exports, what commands and metrics have shown.  In the
memory of each process, once the reader has ended.  That the search finds a name in these places is a test of its own:
tests/filterd/images/lists/test_marker.py.
"""

import urllib.request
from pathlib import Path
from typing import Any

from support.lists.marker import places_of, processes_of
from support.lists.sealed import Seal, new_seal
from support.system.daemon import Daemon, eventually

MARKER = "qzmarkerxhost.test"
SELF_TEST = "selftest.test"
ORDERED, ORDER_TEST = MARKER.replace(".test", ".example"), "ordertest.example"  # of a sealed order, and not of the list
BLOCKED = (0, bytes((192, 0, 2, 1)))
SEALED = f"""{MARKER}
{SELF_TEST}
page.test/{MARKER.partition(".")[0]}
http://user@{MARKER}:99999/{MARKER}
ftp://{MARKER}/ {MARKER} not a line
isp.example
"""


class Box(Daemon):
    """A filterd with a list of tier csam, and what an operator does with it.   seal  None: the list is in clear"""

    def __init__(self, folder: Path, seal: Seal | None) -> None:
        self.seal = seal
        super().__init__(folder)
        if seal is not None:
            seal.put(folder / "state/sealed-key")
        self.drop(SEALED)

    def _said(self) -> dict[str, Any]:
        said = super()._said()
        stop = {"id": "stop", "file": "stop.pgp", "format": "plain", "tier": "csam", "self_test": [SELF_TEST]}
        said["lists"].append(stop | ({"sealed": True} if self.seal else {}))
        return said

    def drop(self, text: str) -> None:
        """A new version of the list."""
        (self.folder / "new").write_bytes(self.seal.close(text) if self.seal else text.encode())
        (self.folder / "new").replace(self.folder / "stop.pgp")

    def order(self, seal: Seal) -> list[str]:
        """Push the name in a sealed order, and have two persons agree to it; what was shown."""
        here, said = ("--config", str(self.config)), []

        def shown(*command: str, token: str = "") -> bool:
            done = self.run(*command, token=token)
            said.append(done.stdout + done.stderr)
            return done.returncode == 0

        (self.folder / "order.pgp").write_bytes(seal.close(f"{ORDERED}\n{ORDER_TEST}\n{MARKER} not a line\n"))
        pushed = ("--issuer", "PTA", "--ref", "CA/1", "--ground", "PECA 22", "--json")
        assert shown("orders", "push-sealed", str(self.folder / "order.pgp"), *pushed, token=self.token("regulator"))
        approve = ("orders", "approve", *here)
        why = ("--reason", "by law", "--reference", "WA/9", "--collateral", "none known")
        proposed = (*approve, "CA/1", "--issuer", "PTA", "--as", "sealed", "--name", "A", "--group", "compliance", *why)
        eventually(lambda: shown(*proposed), "the sealed order to be read")
        assert shown(*approve, "--number", "1", "--name", "B", "--group", "approver")
        eventually(lambda: self.ask(ORDER_TEST) == BLOCKED, "the sealed order to be in force")
        assert shown("lists", "entries", "sealed-orders", *here)
        return said

    def use(self) -> str:
        """Do what operators and auditors do, and break what can break; all that was shown."""
        here = ("--config", str(self.config))
        said = [self.run("lists", "refresh", "stop", "--json", *here).stdout]
        eventually(lambda: self.ask(SELF_TEST) == BLOCKED, "the self-test entry to be closed")
        for version in (f"<!doctype html>{MARKER}", f"{MARKER}\n" * 3, "".join(f"{n}.{MARKER}\n" for n in range(2000))):
            self.drop(version)
            said.append(self.run("lists", "refresh", "stop", "--json", *here).stdout)
        self.drop(SEALED)
        for command in (
            ("lists", "refresh", "stop", "--json"),
            ("lists", "entries", "stop", "--json"),
            ("status", "--json"),
            ("db", "backup", str(self.folder / "copy.db")),
        ):
            done = self.run(*command, *here)
            said += [done.stdout, done.stderr]
        if self.seal is not None:
            said += self.order(self.seal)
        auditor = self.token("auditor")
        for verb in ("pull", "export"):
            done = self.run("audit", verb, token=auditor)
            said += [done.stdout, done.stderr]
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=30) as metrics:
            said.append(metrics.read().decode())
        return "\n".join(said)


def drill(folder: Path) -> str:
    """Play it; its line.   Raises AssertionError with the places where the name is"""
    box = Box(folder, new_seal())
    box.start()
    try:
        (folder / "shown").write_text(box.use())
        assert box.process is not None
        pids = processes_of(box.process.pid)
        found = places_of(MARKER, [folder], pids)
        n_files = sum(path.is_file() for path in folder.rglob("*"))
        assert not found, f"marker: found in {', '.join(found)}"
        assert box.ask(MARKER) == box.ask(ORDERED) == BLOCKED, "marker: not enforced"
    finally:
        box.stop()
    return f"marker: enforced, and in none of {n_files} files and {len(pids)} processes"
