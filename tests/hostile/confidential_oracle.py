"""Somebody tries names at every door: does any answer, or the time that it takes, tell a name of a confidential list?

    DNS       a confidential name against one of an order: the octets, and the time
    splash    the same
    explain   a confidential name against one that no list holds, over the API: the octets, and the time
    lookup    the same, over the images: the octets

What is told apart by design stands in docs/semantics.md, section 8.5.  Names are of equal length and are asked in
random order.  Times are compared by the rank sum test of Mann and Whitney: |z| above Z is a difference.
Where control is late, on a loaded machine, the splash shows a page that is of no name: it is asked again.
Cost: four minutes of two cores.
"""

import contextlib
import http.client
import json
import math
import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.packets.shapes import question
from support.system.daemon import Daemon

from mgmt.frame.rates import N_OF_TOKEN
from mgmt.splash.app import REASON_TIMEOUT_S

N_CANDIDATES = 100_000
N_OF_A_CLIENT = 50  # less than the splash tells one client
N_OF_A_TOKEN = N_OF_TOKEN - 1
Z = 4.5  # by chance once in 150,000 drills
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"  # so that an extended error is answered, too
SECRET, OTHER = "worse", "order"

Ask = Callable[[int, str], bytes]  # (number of the question, name) → what is answered, with the name taken out


def drill(folder: Path, n: int = N_CANDIDATES) -> str:
    """Try `n` names at each door; one line of figures.   Raises AssertionError where one tells."""
    daemon = _configured(folder, n)
    daemon.start()
    try:
        tokens = [daemon.token("operator") for _ in range(0, n, N_OF_A_TOKEN)]
        # Alone: its answers take some 30 µs.  At the others each takes a hundred times as long, and waits for the box.
        found = [_try("dns", n, "order", _dns(daemon))]
        with ThreadPoolExecutor() as pool:
            trying = [
                pool.submit(_try, "splash", n, "order", _splash(daemon)),
                pool.submit(_try, "explain", n, "freed", _explain(daemon, tokens)),
                pool.submit(_lookup, daemon, n),
            ]
        found += [each.result() for each in trying]
    finally:
        daemon.stop()
    return f"confidential_oracle: {'; '.join(found)}"


def _configured(folder: Path, n: int) -> Daemon:
    """A box with a confidential list and an order of n / 2 names each."""
    daemon = Daemon(folder)
    said = json.loads(daemon.config.read_text())
    for list_id, tier in ((SECRET, "csam"), (OTHER, "order")):
        (folder / f"{list_id}.txt").write_text("".join(f"{_name(list_id, at)}\n" for at in range(n // 2)))
        said["lists"].append({"id": list_id, "file": f"{list_id}.txt", "format": "plain", "tier": tier})
    daemon.config.write_text(json.dumps(said))
    return daemon


def _name(kind: str, at: int) -> str:
    return f"{kind}-{at:06}.test"


def _try(door: str, n: int, against: str, ask: Ask) -> str:
    """Ask about n / 2 names of each kind; the line of this door."""
    asked = [(kind, at) for kind in (SECRET, against) for at in range(n // 2)]
    random.Random(1).shuffle(asked)
    answers: dict[str, set[bytes]] = {SECRET: set(), against: set()}
    times: dict[str, list[float]] = {SECRET: [], against: []}
    for number, (kind, at) in enumerate(asked):
        begun = time.perf_counter()
        answer = ask(number, _name(kind, at))
        times[kind].append(time.perf_counter() - begun)
        answers[kind].add(answer)
    z = _rank_sum(times[SECRET], times[against])
    line = f"{door}: {n} names, {len(answers[SECRET] | answers[against])} different answers, time z {z:+.1f}"
    assert answers[SECRET] == answers[against] and len(answers[SECRET]) == 1 and abs(z) < Z, line
    return line


def _rank_sum(one: list[float], other: list[float]) -> float:
    """z of Mann and Whitney's U; times do not tie."""
    ranked = sorted([(at, 0) for at in one] + [(at, 1) for at in other])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


def _dns(daemon: Daemon) -> Ask:
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.settimeout(5)
    asking.connect(("127.0.0.1", daemon.dns))

    def ask(number: int, name: str) -> bytes:
        del number
        query = question(name.encode(), additional=[OPT])
        asking.send(query)
        answer = asking.recv(4096)
        return answer[2:].replace(query[12 : query.index(b"\0", 12)], b"NAME")

    return ask


def _splash(daemon: Daemon) -> Ask:
    def ask(number: int, name: str) -> bytes:
        client = number // N_OF_A_CLIENT
        source = (f"127.{1 + client // 62_500}.{1 + client // 250 % 250}.{1 + client % 250}", 0)
        while True:
            begun = time.perf_counter()
            answer = visit(source, name)
            if time.perf_counter() - begun < REASON_TIMEOUT_S:
                return answer

    def visit(source: tuple[str, int], name: str) -> bytes:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", daemon.splash, 20, source)) as opened:
            opened.request("GET", "/", headers={"Host": name})
            answer = opened.getresponse()
            head = sorted((key, value) for key, value in answer.getheaders() if key != "Date")
            return repr((answer.status, head)).encode() + answer.read()

    return ask


def _explain(daemon: Daemon, tokens: list[str]) -> Ask:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.api, timeout=20)

    def ask(number: int, name: str) -> bytes:
        token = tokens[number // N_OF_A_TOKEN]
        connection.request("GET", f"/v1/explain?name={name}", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().read().replace(name.encode(), b"NAME")

    return ask


def _lookup(daemon: Daemon, n: int) -> str:
    """Look up the names of both kinds in the images, as root may."""
    answers: dict[str, set[str]] = {}
    for kind in (SECRET, "freed"):
        names = [_name(kind, at) for at in range(n // 2)]
        answers[kind] = set()
        for first in range(0, len(names), 1000):
            some = names[first : first + 1000]
            done = daemon.run("lookup", "--images", str(daemon.folder / "state/images"), "--json", *some)
            assert done.returncode == 0, done.stderr
            answers[kind] |= {
                line.replace(name, "NAME") for line, name in zip(done.stdout.splitlines(), some, strict=True)
            }
    line = f"lookup: {n} names, {len(answers[SECRET] | answers['freed'])} different answers"
    assert answers[SECRET] == answers["freed"] and len(answers[SECRET]) == 1, line
    return line
