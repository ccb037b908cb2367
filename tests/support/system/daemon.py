"""A complete filterd on ports of the loopback, with an upstream that answers every query."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from support.database.postgresql import running_server
from support.packets.shapes import question
from support.system.certificates import make_certificate
from support.system.commands import run
from support.system.ports import free_port

import filterd
from filterd.lab.patience import LONGEST, Patience

UPSTREAM_ADDRESS = bytes((198, 51, 100, 7))
ONLY_POSTGRESQL = os.environ.get("DB") == "postgres"  # `make test DB=postgres`
DEADLINE_S = 120
ANSWER_S = 5
T = TypeVar("T")


def eventually(look: Callable[[], T], what: str) -> T:
    """What `look` gives once it is true."""
    patience = Patience(DEADLINE_S)
    while not (found := look()):
        assert not patience.is_over(), f"waited {DEADLINE_S} s in vain for {what}"
        time.sleep(0.02)
    return found


def _received(asking: socket.socket) -> bytes:
    patience = Patience(ANSWER_S)
    while True:
        try:
            return asking.recv(4096)
        except TimeoutError:
            if patience.is_over():
                raise


class Upstream(threading.Thread):
    """Answers every query with one address."""

    def __init__(self, address: bytes = UPSTREAM_ADDRESS) -> None:
        super().__init__(daemon=True)
        self._address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                query, client = self.socket.recvfrom(4096)
                end = query.index(b"\0", 12) + 5
                head = query[:2] + b"\x81\x80\0\x01\0\x01\0\0\0\0" + query[12:end]
                answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + self._address
                self.socket.sendto(head + answer, client)
            except OSError:  # closed: it is away, or the test is over
                return


class Daemon:
    """`filterd run` in a folder.   url  of PostgreSQL's database; None: one of its own, which is SQLite's by default"""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder, self.url = folder, url
        self.config = folder / "filterd.yaml"
        self.upstream = Upstream()
        self.dns, self.api, self.splash, self.metrics = (free_port() for _ in range(4))
        self.tls, self.https = free_port(), free_port()
        self.certificate, self.key = make_certificate(folder, "dns.test")
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "pta.csv").write_text("url,reference\nhttps://listed.test/,PTA-1\n")
        (folder / "adult.txt").write_text("adult.test\n")
        self.config.write_text(json.dumps(self._said()))

    def start(self, until: str = "all roles ready") -> None:
        """Start it, and wait for a line of its log."""
        if not self.upstream.is_alive():
            self.upstream.start()
        with (self.folder / "log").open("wb") as log:
            command = self.command("run", "--config", str(self.config))
            self.process = subprocess.Popen(command, env=self.env(), stderr=log)
        try:
            eventually(lambda: until in self.log() or self._has_ended(), f"{until!r} in {self.folder}/log")
            assert until in self.log(), f"it has ended: {self.log()[-2000:]}"
        except BaseException:
            self.stop()
            raise

    def stop(self) -> int:
        code = self.halt()
        self.upstream.socket.close()
        return code

    def halt(self) -> int:
        """Stop it, to be started once more."""
        assert self.process is not None
        self.process.terminate()
        eventually(self._has_ended, "its end")
        return self.process.wait()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "filterd", *arguments]

    def env(self, **more: str) -> dict[str, str]:
        # FILTERD_PARENT: a daemon never outlives the tests that started it, even where they are killed
        ours = {"PYTHONPATH": str(Path(filterd.__file__).parents[1]), "FILTERD_PARENT": str(os.getpid())}
        return os.environ | ours | more

    def run(self, *arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
        """One command line of filterd, to its end."""
        env = self.env(FILTERD_API=f"http://127.0.0.1:{self.api}", FILTERD_TOKEN=token)
        return run(arguments, env, LONGEST * DEADLINE_S)

    def is_well(self) -> bool:
        """Whether `status` finds no fault; on a busy machine it may find that control is late."""
        return self.run("status", "--config", str(self.config)).returncode == 0

    def fault(self, what: str) -> str | None:
        """What `status` says of it; None: nothing, or not yet."""
        said = json.loads(self.run("status", "--json", "--config", str(self.config)).stdout)
        return said.get("faults", {}).get(what)  # type: ignore[no-any-return]

    def token(self, role: str, *options: str) -> str:
        if role == "regulator" and not options:
            options = ("--issuer", "PTA")
        done = self.run("token", role, *options, "--config", str(self.config))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask(self, name: str) -> tuple[int, bytes | None]:
        """(rcode, address) of an A query."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(ANSWER_S)
            asking.sendto(question(name.encode()), ("127.0.0.1", self.dns))
            answer = _received(asking)
        n_answers = int.from_bytes(answer[6:8], "big")
        at = answer.index(b"\0", 12) + 5 + 12
        return answer[3] & 15, answer[at : at + 4] if n_answers else None

    def _has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def _said(self) -> dict[str, Any]:
        if self.url is None and ONLY_POSTGRESQL:
            self.url = running_server().new_database_with_tables()
        return {
            "state_dir": "state",
            **({"database": {"url": self.url}} if self.url else {}),
            "run_dir": "run",
            "dns": {
                "listen": [f"127.0.0.1:{self.dns}"],
                "upstreams": [f"127.0.0.1:{self.upstream.port}"],
                "redirect_foreign": False,
                "tls": {
                    "listen": [f"127.0.0.1:{self.tls}"],
                    "certificate": self.certificate.name,
                    "key": self.key.name,
                    "name": "dns.test",
                },
                "https": {"listen": [f"127.0.0.1:{self.https}"]},
            },
            "gate": {"workers": 0},
            "splash": {"listen": [f"127.0.0.1:{self.splash}"], "address4": "192.0.2.1"},
            "api": {"listen": [f"127.0.0.1:{self.api}"]},
            "metrics": {"listen": [f"127.0.0.1:{self.metrics}"]},
            "lists": [
                {"id": "pta", "file": "pta.csv", "format": "csv", "tier": "order", "issuer": "PTA"},
                {"id": "adult", "file": "adult.txt", "format": "plain", "tier": "category", "category": "adult"},
            ],
        }
