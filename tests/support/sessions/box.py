"""A filterd that hears of sessions, with real clients of RADIUS; queries are asked for any address by a PROXY
header."""

import json
import shutil
import socket
import subprocess
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from support.dns.proxy_headers import proxied
from support.packets.shapes import question
from support.sessions.requests import SECRET, told
from support.system.daemon import Daemon, eventually
from support.system.ports import free_port

BLOCKED = "192.0.2.1"  # where a blocked name leads: the splash


class RadiusBox(Daemon):
    """`filterd run` with a NAS at the loopback, whose pools are 192.0.2.0/24 and 2001:db8::/32."""

    def __init__(self, folder: Path, **of_nas: Any) -> None:
        self.radius = free_port()
        self.of_nas = of_nas
        (folder / "secret").write_bytes(SECRET + b"\n")
        super().__init__(folder)
        self.heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.heard.bind(("127.0.0.1", 0))

    def stop(self) -> int:
        self.heard.close()
        return super().stop()

    def _said(self) -> dict[str, Any]:
        said = super()._said()
        said["dns"] |= {"clients": ["127.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"], "proxies": ["127.0.0.1"]}
        nas = {"name": "bng", "address": "127.0.0.1", "secret": "secret", "pools": ["192.0.2.0/24", "2001:db8::/32"]}
        places = [{"nas": "bng1", "zone": "Lahore", "province": "PK-PB"}]
        listen = [f"127.0.0.1:{self.radius}"]
        return said | {"radius": {"listen": listen, "nas": [nas | self.of_nas], "places": places}}

    def line(self, number: int, *names: str, category: str = "adult") -> None:
        """A line, with names by which a NAS calls it."""
        token = self.token("operator")
        put = ("subscribers", "put", str(number), "--label", f"line {number}", "--category", category)
        done = self.run(*put, token=token)
        assert done.returncode == 0, done.stderr
        for name in names:
            named = self.run("sessions", "name", str(number), name, "--config", str(self.config))
            assert named.returncode == 0, named.stderr

    def tell(self, status: int, session: str = "s1", user: str = "flat3", **more: Any) -> bool:
        """Send a request; whether it was answered."""
        request = told(status, session, user, **({"at_s": int(time.time())} | more))
        return self.send(request) is not None

    def send(self, request: bytes, patience_s: float = 60.0) -> bytes | None:
        self.heard.settimeout(patience_s)
        self.heard.sendto(request, ("127.0.0.1", self.radius))
        try:
            return self.heard.recv(4096)
        except TimeoutError:
            return None

    def is_blocked(self, address: str, name: str = "adult.test") -> bool:
        """Whether a name is blocked for an address."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(60)
            asking.sendto(proxied(question(name.encode()), address), ("127.0.0.1", self.dns))
            answer = asking.recv(4096)
        return ip_address(BLOCKED).packed in answer

    def until(self, *, blocked: bool, address: str) -> None:
        eventually(lambda: self.is_blocked(address) is blocked, f"{address} blocked: {blocked}")

    def sessions(self) -> dict[str, Any]:
        done = self.run("sessions", "count", "--json", "--config", str(self.config))
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def pid_of(self, role: str) -> int:
        return int((self.folder / "run" / f"{role}-0.pid").read_text())


def radclient(port: int, *attributes: str, secret: bytes = SECRET) -> subprocess.CompletedProcess[str]:
    """One request of FreeRADIUS's own client; exit code 0: it got an answer that it believes."""
    program = shutil.which("radclient")
    assert program, "radclient is not here; apt-get install freeradius-utils"
    command = [program, "-r", "20", "-t", "3", f"127.0.0.1:{port}", "acct", secret.decode()]
    return subprocess.run(command, input="\n".join(attributes) + "\n", capture_output=True, text=True, check=False)


RELAY = """
prefix = /usr
libdir = /usr/lib/freeradius
run_dir = {folder}
logdir = {folder}
proxy_requests = yes
modules {{
    always ok {{
        rcode = ok
    }}
}}
client nas {{
    ipaddr = 127.0.0.1
    secret = "{secret}"
}}
home_server box {{
    type = acct
    ipaddr = 127.0.0.1
    port = {to_port}
    secret = "{secret}"
}}
home_server_pool boxes {{
    home_server = box
}}
realm filterd {{
    acct_pool = boxes
    nostrip
}}
server relay {{
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {port}
    }}
    preacct {{
        update control {{
            Proxy-To-Realm := "filterd"
        }}
    }}
    accounting {{
        ok
    }}
}}
"""


def relay(folder: Path, to_port: int) -> tuple[subprocess.Popen[bytes], int]:
    """A FreeRADIUS that passes accounting on to us: its process and its port."""
    port = free_port()
    (folder / "dictionary").write_text("")
    said = RELAY.format(folder=folder, secret=SECRET.decode(), to_port=to_port, port=port)
    (folder / "radiusd.conf").write_text(said)
    log = folder / "relay.log"
    with log.open("wb") as out:
        command = ["freeradius", "-f", "-l", "stdout", "-x", "-d", str(folder)]
        process = subprocess.Popen(command, stdout=out, stderr=out)
    eventually(lambda: b"Ready to process" in log.read_bytes() or process.poll() is not None, "the relay")
    assert process.poll() is None, log.read_text()[-3000:]
    return process, port
