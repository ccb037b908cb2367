"""A lab stage without a network: programs print scripted output, to test the demo's own checks."""

import io
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from filterd.lab.addresses import LAB, Addresses
from filterd.lab.gateway import Folder, Gateway
from filterd.lab.processes import Done, Running
from filterd.lab.stage import Stage
from filterd.lab.step_printer import Teller

Answering = Callable[[str, Sequence[str], str | None], str]


class ScriptedPlace:
    """`answer(node, argv, stdin)` gives what a program prints."""

    def __init__(self, directory: Path, answer: Answering, addresses: Addresses = LAB) -> None:
        self.directory, self.addresses, self._answer = directory, addresses, answer
        self.asked: list[tuple[str, list[str], str | None]] = []

    def run(self, node: str, argv: Sequence[str], stdin: str | None = None, timeout_s: float = 30.0) -> Done:
        self.asked.append((node, list(argv), stdin))
        return subprocess.CompletedProcess(list(argv), 0, self._answer(node, argv, stdin), "")

    def popen(self, node: str, argv: Sequence[str], log: str = "") -> Running:
        raise NotImplementedError(node)

    def stop(self, program: Running) -> None:
        raise NotImplementedError


def scripted_stage(directory: Path, answer: Answering, authority: Path | None = None) -> Stage:
    place = ScriptedPlace(directory, answer)
    return Stage(place, Gateway(place, Folder(directory)), authority, Teller(1, io.StringIO()))


def dig_text(*records: str, rcode: str = "NOERROR", ede: Sequence[int] = (), authority: Sequence[str] = ()) -> str:
    """What `dig -u +noall +comments +answer +authority +stats` prints."""
    lines = [
        ";; Got answer:",
        f";; ->>HEADER<<- opcode: QUERY, status: {rcode}, id: 7",
        f";; flags: qr rd ra; QUERY: 1, ANSWER: {len(records)}, AUTHORITY: {len(authority)}, ADDITIONAL: 1",
        "",
        ";; OPT PSEUDOSECTION:",
        "; EDNS: version: 0, flags:; udp: 1232",
        *(f"; EDE: {code} (Words)" for code in ede),
        ";; ANSWER SECTION:",
        *(record.replace(" ", "\t\t", 1) for record in records),
        "",
        ";; AUTHORITY SECTION:",
        *authority,
        "",
        ";; Query time: 412 usec",
        ";; SERVER: 192.0.2.1#53(192.0.2.1) (UDP)",
    ]
    return "\n".join(lines) + "\n"
