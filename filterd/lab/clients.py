"""Real clients: dig, curl, and a download that is observed while it runs.

Invariants: what a client saw is a value; a client that fails is not an exception; its caller judges.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from filterd.lab.processes import Place, Running, wait_until

Transport = Literal["udp", "tcp"]
FETCH_S = 5.0
MARK = "\x1e"  # ASCII record separator: not in a page of ours
RESET = (35, 56)  # CURLE_SSL_CONNECT_ERROR, CURLE_RECV_ERROR: what a connection that is reset ends with

_EDE = re.compile(r"^; EDE: (\d+)", re.MULTILINE)
_STATUS = re.compile(r"status: (\w+), id: \d+")
_FLAGS = re.compile(r"^;; flags: ([a-z ]*);", re.MULTILINE)
_TIME = re.compile(r"^;; Query time: (\d+) usec", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as dig printed it; `rcode` is None without an answer."""

    rcode: str | None
    records: tuple[str, ...]
    """The answer section, one record each: `name ttl IN type data`."""
    authority: tuple[str, ...]
    flags: tuple[str, ...]
    ede: tuple[int, ...]
    time_us: int

    @property
    def data(self) -> tuple[str, ...]:
        """The data of the records, without names, types and TTLs."""
        return tuple(record.split(None, 4)[4] for record in self.records)


@dataclass(frozen=True, slots=True)
class CurlResponse:
    """A response as curl printed it; `code` is 0 without an answer."""

    exit_code: int
    code: int
    body: str
    headers: dict[str, str]
    time_s: float
    fault: str

    @property
    def was_reset(self) -> bool:
        return self.exit_code in RESET and "reset" in self.fault.lower()


def dig(
    place: Place,
    node: str,
    name: str,
    qtype: str = "A",
    transport: Transport = "udp",
    server: str = "",
    source: str = "",
) -> Answer:
    """Send one query; `server` is the gateway unless given, `source` the address to ask from."""
    argv = ["dig", "-u", "+tries=1", "+time=3", "+noall", "+comments", "+answer", "+authority", "+stats"]
    argv += ["+tcp"] if transport == "tcp" else ["+notcp", "+ignore"]
    argv += ["-b", source] if source else []
    argv += ["-p", str(place.addresses.dns_port), f"@{server or place.addresses.gateway4}", name, qtype]
    return parse_dig(place.run(node, argv).stdout)


def parse_dig(text: str) -> Answer:
    """Read what `dig -u +noall +comments +answer +authority +stats` prints."""
    sections: dict[str, list[str]] = {"ANSWER": [], "AUTHORITY": []}
    section = ""
    for line in text.splitlines():
        if line.startswith(";"):
            section = line[3:].partition(" SECTION:")[0] if " SECTION:" in line else section
        elif line.strip() and section in sections:
            sections[section].append(" ".join(line.split()))
    status, flags, took = _STATUS.search(text), _FLAGS.search(text), _TIME.search(text)
    return Answer(
        rcode=status[1] if status else None,
        records=tuple(sections["ANSWER"]),
        authority=tuple(sections["AUTHORITY"]),
        flags=tuple(flags[1].split()) if flags else (),
        ede=tuple(int(code) for code in _EDE.findall(text)),
        time_us=int(took[1]) if took else 0,
    )


def fetch(place: Place, node: str, url: str, address: str = "", options: Sequence[str] = ()) -> CurlResponse:
    """Get a URL; `address`: connect there, without DNS; `options`: more of curl's own."""
    marks = ["-w", MARK + "%{http_code} %{time_total}"]
    argv = ["curl", "-sSi", "-m", f"{FETCH_S:g}", "--noproxy", "*", *marks, *connect_to(address), *options, url]
    done = place.run(node, argv)
    return parse_curl(done.returncode, done.stdout, done.stderr)


def parse_curl(exit_code: int, output: str, fault: str) -> CurlResponse:
    """Read what `curl -i -w MARK…` printed: head, body, MARK, code and seconds."""
    page, _, figures = output.rpartition(MARK)
    head, _, body = page.partition("\n\n")
    fields = (line.partition(":") for line in head.splitlines()[1:])
    code, _, time_s = figures.partition(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return CurlResponse(exit_code, int(code or 0), body, headers, float(time_s or 0), fault.strip())


class Download:
    """A big download by curl, watched from outside: its file grows as octets reach the client."""

    def __init__(self, place: Place, node: str, url: str, address: str, options: Sequence[str] = ()) -> None:
        folder = place.directory / "downloads"
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"{node}-{time.monotonic_ns()}"
        self._place = place
        # --no-buffer: what curl has read is in the file at once
        argv = ["curl", "-sS", "--no-buffer", "--noproxy", "*", "-o", str(self.file)]
        argv += [*connect_to(address), *options, url]
        self.program: Running = place.popen(node, argv, "download")

    def received(self) -> int:
        """Octets so far."""
        return self.file.stat().st_size if self.file.exists() else 0

    def last_octet_at(self) -> float:
        """When the newest octets were written: seconds of the Unix clock, to a tick of the kernel (1 to 10 ms)."""
        return self.file.stat().st_mtime

    def wait_for(self, more_octets: int, within_s: float = 10.0) -> float:
        """Wait for so many more octets; returns the seconds it took.   Raises TimeoutError."""
        goal = self.received() + more_octets
        return wait_until(lambda: self.received() >= goal, f"{more_octets} more octets of a download", within_s)

    def wait_for_stop(self, silence_s: float, within_s: float = 10.0) -> float:
        """Wait until nothing has come for `silence_s`; returns when the last octets came.   Raises TimeoutError."""
        wait_until(lambda: time.time() - self.last_octet_at() >= silence_s, "the end of a download", within_s)
        return self.last_octet_at()

    def stop(self) -> None:
        self._place.stop(self.program)
        self.file.unlink(missing_ok=True)


def connect_to(address: str) -> list[str]:
    """The arguments with which curl connects to `address` for any name."""
    if not address:
        return []
    return ["--connect-to", f"::[{address}]:" if ":" in address else f"::{address}:"]
