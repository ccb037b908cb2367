"""Collectors of syslog over TLS: rsyslog as Debian ships it, and one of the test's that does what it is told."""

import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.system.certificates import make_certificate
from support.system.daemon import DEADLINE_S, eventually
from support.system.ports import free_port

RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="16k" net.enableDNS="off" defaultNetstreamDriver="{driver}"
    defaultNetstreamDriverCAFile="{ca}" defaultNetstreamDriverCertFile="{certificate}"
    defaultNetstreamDriverKeyFile="{key}")
main_queue(queue.type="direct")
module(load="imtcp" streamDriver.name="{driver}" streamDriver.mode="1" streamDriver.authMode="{clients}")
template(name="fields" type="list") {{
    property(name="pri") constant(value=" ") property(name="protocol-version") constant(value=" ")
    property(name="timestamp" dateFormat="rfc3339") constant(value=" ") property(name="hostname") constant(value=" ")
    property(name="app-name") constant(value=" ") property(name="msgid") constant(value=" ")
    property(name="structured-data") property(name="msg") constant(value="\\n")
}}
input(type="imtcp" address="127.0.0.1" port="{port}")
action(type="omfile" file="{out}" template="fields")
"""


class Rsyslog:
    """rsyslogd; what it has written stays where it is killed and started again.   clients  "anon", "x509/certvalid" """

    def __init__(self, folder: Path, driver: str = "ossl", clients: str = "anon") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, key = make_certificate(folder, "localhost")
        self.port, self._folder, self.out = free_port(), folder, folder / "out"
        said = {"folder": folder, "driver": driver, "ca": self.ca, "certificate": self.ca, "key": key}
        text = RSYSLOG.format(**said, clients=clients, port=self.port, out=self.out)
        (folder / "rsyslog.conf").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> str:
        return f"localhost:{self.port}"

    def start(self) -> None:
        command = [_rsyslogd(), "-n", "-f", str(self._folder / "rsyslog.conf"), "-i", str(self._folder / "pid")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE_S)
            self._process = None

    def lines(self) -> list[str]:
        """The messages that it has written, as it has read them: priority, version, time, host, program, kind, …"""
        written = self.out.read_text() if self.out.exists() else ""
        return written[: written.rfind("\n") + 1].splitlines()  # the last one may be half written

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(line[line.index("{") :]) for line in self.lines()]

    def await_bodies(self, is_enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        return eventually(lambda: found if is_enough(found := self.bodies()) else None, "its messages") or []

    def __enter__(self) -> "Rsyslog":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _rsyslogd() -> str:
    return shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"


has_rsyslog = Path(_rsyslogd()).exists()


class Wicked:
    """A collector that treats its connections as they come as it is told; what it was sent, by connection.

    treat  gets each connection with its number; the connection is closed afterwards"""

    def __init__(self, folder: Path, treat: Callable[[ssl.SSLSocket, int], None], name: str = "localhost") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        import socket

        self.ca, key = make_certificate(folder, name)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(self.ca, key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.server = f"localhost:{self._listening.getsockname()[1]}"
        self.n, self._treat = 0, treat
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(connection, server_side=True) as tls:
                    self.n += 1
                    self._treat(tls, self.n)
            except OSError:
                connection.close()
