"""filterd as it runs, for benchmarks of the whole: a control role and DNS workers in processes of their own."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.flood import free_port
from fastpath.images.tables import TableSet
from filterd.box.keys import hold_image_key
from filterd.box.places import CONTROL, DNS, control_socket, worker_socket
from filterd.process.json_socket import NoAnswer, ask_blocking
from rules.base.manifest import MANIFEST

START_S = 300.0  # ten million names are compiled first
NOWHERE = "127.0.0.1:9"


class Appliance:
    """One box in a folder; its only list holds `listed`, and its upstream, unless named, answers nothing."""

    def __init__(self, folder: Path, listed: Iterable[str], workers: int, upstream: str = NOWHERE) -> None:
        self.folder, self.port, self.n_workers = folder, free_port(), workers
        self.state, self.run_dir, self.config = folder / "state", folder / "run", folder / "filterd.yaml"
        self.pids: list[int] = []  # of all its processes, while it runs
        self.also: tuple[str, ...] = ()  # roles beside control and the workers
        self._tables: TableSet | None = None
        with (folder / "names.txt").open("w") as file:
            file.writelines(f"{name}\n" for name in listed)
        self.config.write_text(
            json.dumps(
                {
                    "state_dir": "state",
                    "run_dir": "run",
                    "gate": {"workers": 0},
                    "dns": {"listen": [f"127.0.0.1:{self.port}"], "upstreams": [upstream], "workers": workers},
                    "lists": [
                        {
                            "id": "orders-file",
                            "file": "names.txt",
                            "format": "plain",
                            "tier": "order",
                            "action": "nxdomain",
                            "first_rules": 10_000_000,
                        }
                    ],
                }
            )
        )

    @contextlib.contextmanager
    def running(self, core: int | None = None, is_apart: bool = True) -> Iterator[None]:
        """As long as the block lasts.   core  where the workers are held; None: anywhere

        is_apart  control is in a network where nothing happens, and so are its rules; it reaches nobody then"""
        held = [] if core is None else ["taskset", "-c", str(core)]
        aside = ["unshare", "--net"] if is_apart and os.geteuid() == 0 else []
        processes = []
        with (self.folder / "log").open("wb") as log:
            workers = [("dns", index) for index in range(self.n_workers)]
            for role, index in [("control", 0), *workers, *((role, 0) for role in self.also)]:
                command = [
                    sys.executable,
                    "-P",
                    "-m",
                    "filterd",
                    "run",
                    "--config",
                    str(self.config),
                    "--role",
                    role,
                    "--index",
                    str(index),
                ]
                env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "FILTERD_PARENT": str(os.getpid())}
                around = held if role == "dns" else aside if role == "control" else []
                processes.append(subprocess.Popen([*around, *command], env=env, stderr=log))
        self.pids = [process.pid for process in processes]
        try:
            self._wait()
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()

    def blocks(self, name: str) -> bool:
        """Whether what is in force has an entry for `name`: a few listed names are skipped, as public suffixes."""
        if self._tables is None:
            hold_image_key(self.state)
            self._tables = TableSet.open(self.state / "images" / MANIFEST)
        return self._tables.matched(name.encode()) != 0

    def control(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request of the control socket."""
        return ask_blocking(control_socket(self.run_dir), CONTROL, request, START_S)

    def worker(self, index: int, request: dict[str, Any]) -> dict[str, Any]:
        """One request of a DNS worker's socket."""
        return ask_blocking(worker_socket(self.run_dir, f"dns-{index}"), DNS, request, START_S)

    def _wait(self) -> None:
        """Until every worker serves what control has published."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(NoAnswer):
                status = self.control({"op": "status"})
                served = [worker["generations"] for worker in status["workers"]]
                if all(each == status["generations"] for each in served):
                    return
            time.sleep(0.05)
        raise TimeoutError(f"{self.folder}/log: not all roles came up; stopped; read it")
