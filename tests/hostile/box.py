"""A whole filterd for a drill: `filterd run` with DNS workers and no gate, on a loopback of its own."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from support.system.certificates import make_certificate
from support.system.ports import free_port

from fastpath.images.tables import TableSet
from filterd.box.keys import hold_image_key
from filterd.box.places import role_of, worker_socket
from filterd.process.json_socket import NoAnswer, ask_blocking
from rules.base.manifest import MANIFEST

ROOT = Path(__file__).parents[2]
START_S = 300.0  # ten million names are compiled first
SERVER_CORE, OTHER_CORE = 0, max(os.sched_getaffinity(0))


class Box:
    """One box in a folder; its only list holds `listed`, its clients are 127.0.0.0/24, its certificate is for dns.test.

    upstream   who answers what is not listed;   records  how they are kept"""

    def __init__(
        self,
        folder: Path,
        listed: Iterable[str],
        upstream: int,
        workers: int = 1,
        records: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.workers = folder, [f"dns-{index}" for index in range(workers)]
        self.port, self.tls, self.https = free_port(), free_port(), free_port()
        self.run_dir, self.images = folder / "run", folder / "state" / "images"
        self._tables: TableSet | None = None
        certificate, key = make_certificate(folder, "dns.test")
        with (folder / "names.txt").open("w") as file:
            file.writelines(f"{name}\n" for name in listed)
        one = {"id": "orders-file", "file": "names.txt", "format": "plain", "tier": "order"}
        how = {"action": "nxdomain", "first_rules": 10_000_000}
        said = {
            "state_dir": "state",
            "run_dir": "run",
            "gate": {"workers": 0},
            "dns": {
                "listen": [f"127.0.0.1:{self.port}"],
                "upstreams": [f"127.0.0.1:{upstream}"],
                "clients": ["127.0.0.0/24"],
                "redirect_foreign": False,
                "workers": workers,
                "tls": {
                    "listen": [f"127.0.0.1:{self.tls}"],
                    "certificate": certificate.name,
                    "key": key.name,
                    "name": "dns.test",
                },
                "https": {"listen": [f"127.0.0.1:{self.https}"]},
            },
            "splash": {"listen": [f"127.0.0.1:{free_port()}"]},
            "api": {"listen": [f"127.0.0.1:{free_port()}"]},
            "metrics": {"listen": []},
            "lists": [one | how],
            "records": dict(records or {}),
        }
        (folder / "filterd.yaml").write_text(json.dumps(said))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """As long as the block lasts, all of it on SERVER_CORE; serving its list when the block begins."""
        command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-P", "-m", "filterd", "run"]
        env = os.environ | {"PYTHONPATH": str(ROOT), "FILTERD_PARENT": str(os.getpid())}
        with (self.folder / "log").open("ab") as log:
            # A session, as a service has a control group: the kernel divides cores between these, and else it would
            # count attackers and filterd as one.
            process = subprocess.Popen(
                [*command, "--config", str(self.folder / "filterd.yaml")],
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.wait_until_filtering()
            yield
        finally:
            process.terminate()
            process.wait()

    def ask(self, worker: str, request: dict[str, Any]) -> dict[str, Any]:
        """One request of a worker's socket.   Raises NoAnswer."""
        return ask_blocking(worker_socket(self.run_dir, worker), role_of(worker), request, START_S)

    def wait_until_filtering(self) -> None:
        """Until every worker serves the list.   Raises TimeoutError."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(NoAnswer):
                if all(self.ask(name, {"op": "status"})["generations"]["names"][0] for name in self.workers):
                    return
            time.sleep(0.05)
        raise TimeoutError(f"{self.folder}/log: not all workers came up; stopped; read it")

    def blocks(self, name: str) -> bool:
        """Whether what is in force has an entry for `name`: a few listed names are skipped, as public suffixes."""
        if self._tables is None:
            hold_image_key(self.folder / "state")
            self._tables = TableSet.open(self.images / MANIFEST)
        return self._tables.matched(name.encode()) != 0

    def pid(self, role: str) -> int:
        return int((self.run_dir / f"{role}.pid").read_text())

    def n_restarts(self, roles: Sequence[str]) -> int:
        """How often the supervisor has started one of these again."""
        log = (self.folder / "log").read_text()
        return sum(len(re.findall(rf"role {role}: ended with", log)) for role in roles)

    def counted(self) -> dict[str, int]:
        """The counters of all workers together."""
        total = dict[str, int]()
        for name in self.workers:
            for counter, n in self.ask(name, {"op": "status"})["counters"].items():
                total[counter] = total.get(counter, 0) + n
        return total
