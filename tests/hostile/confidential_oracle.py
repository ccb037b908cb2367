"""Somebody tries names at every door: does any answer, or the time that it takes, tell a name of a confidential list?

    DNS       a confidential name against one of an order: the octets, and the time
    splash    the same
    explain   a confidential name against one that no list holds, over the API: the octets, and the time
    lookup    the same, over the images: the octets

What is told apart by design stands in docs/semantics.md, section 8.5.  Names are of equal length and are asked in
random order, AT_ONCE at a door.  Times are compared by the rank sum test of Mann and Whitney: |z| above Z is a
difference.  Where control is late, on a loaded machine, the splash shows a page of no name: it is asked again, and
whether that happens more often with one kind of names is compared as well.  The token of a page's form is the hour's
for all names: it is taken out, and there may be one for each hour.
Cost: four minutes of two cores.
"""

import contextlib
import http.client
import json
import math
import random
import re
import socket
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from support.packets.shapes import question
from support.system.daemon import Daemon

from mgmt.budget import N_NAMES
from mgmt.frame.rates import N_OF_TOKEN

N_CANDIDATES = 100_000
N_OF_A_CLIENT = 50  # less than the splash tells one client
N_OF_A_TOKEN = N_OF_TOKEN - 1
Z = 4.5  # by chance once in 150,000 drills
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"  # so that an extended error is answered, too
SECRET, OTHER = "worse", "order"

AT_ONCE = 4
N_LOOKED_UP = 10_000  # by one command
TOKEN = re.compile(rb"\b[0-9a-f]{32}\b")
LATE = b"late"
HOUR_S = 3600

# (number of the question, name) → what is answered, with the name taken out; LATE: nothing of the name
Ask = Callable[[int, str], bytes]


@dataclass
class Seen:
    """What was seen of names of one kind."""

    answers: set[bytes] = field(default_factory=set)
    times: list[float] = field(default_factory=list)
    n_late: int = 0

    def add(self, other: Self) -> None:
        self.answers |= other.answers
        self.times += other.times
        self.n_late += other.n_late


Kinds = dict[str, Seen]


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
                pool.submit(_try, "splash", n, "order", _splash(daemon), AT_ONCE),
                pool.submit(_try, "explain", n, "freed", _explain(daemon, tokens), AT_ONCE),
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


def _try(door: str, n: int, against: str, opened: Callable[[], Ask], at_once: int = 1) -> str:
    """Ask about n / 2 names of each kind; the line of this door.   opened  a door for one who asks"""
    asked = list(enumerate((kind, at) for kind in (SECRET, against) for at in range(n // 2)))
    random.Random(1).shuffle(asked)
    seen: Kinds = {SECRET: Seen(), against: Seen()}
    with ThreadPoolExecutor(at_once) as pool:
        for of_one in pool.map(lambda first: _ask_all(asked[first::at_once], opened(), against), range(at_once)):
            for kind, one in of_one.items():
                seen[kind].add(one)
    return _judged(door, n, seen[SECRET], seen[against])


def _ask_all(asked: Sequence[tuple[int, tuple[str, int]]], ask: Ask, against: str) -> Kinds:
    seen: Kinds = {SECRET: Seen(), against: Seen()}
    for number, (kind, at) in asked:
        begun = time.perf_counter()
        while (answer := ask(number, _name(kind, at))) == LATE:
            seen[kind].n_late += 1
        seen[kind].times.append(time.perf_counter() - begun)
        seen[kind].answers.add(answer)
    return seen


def _judged(door: str, n: int, secret: Seen, other: Seen) -> str:
    z = _rank_sum(secret.times, other.times)
    n_late = secret.n_late + other.n_late
    z_late = (secret.n_late - other.n_late) / math.sqrt(n_late) if n_late else 0.0
    answers = secret.answers | other.answers
    apart_us = (statistics.median(secret.times) - statistics.median(other.times)) * 1e6
    line = f"{door}: {n} names, {len(answers)} different answers, time z {z:+.1f}, medians {apart_us:+.2f} µs apart"
    if n_late:
        line += f", {n_late} asked again, z {z_late:+.1f}"
    apart = secret.answers ^ other.answers or (answers if len(answers) > 1 else set())
    assert not apart and max(abs(z), abs(z_late)) < Z, f"{line}: {[each[-2000:] for each in apart]}"
    return line


def _rank_sum(one: list[float], other: list[float]) -> float:
    """z of Mann and Whitney's U; times do not tie."""
    ranked = sorted([(at, 0) for at in one] + [(at, 1) for at in other])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


def _dns(daemon: Daemon) -> Callable[[], Ask]:
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.settimeout(5)
    asking.connect(("127.0.0.1", daemon.dns))

    def ask(number: int, name: str) -> bytes:
        del number
        query = question(name.encode(), additional=[OPT])
        asking.send(query)
        answer = asking.recv(4096)
        return answer[2:].replace(query[12 : query.index(b"\0", 12)], b"NAME")

    return lambda: ask


def _splash(daemon: Daemon) -> Callable[[], Ask]:
    """Raises AssertionError later where there are more tokens than hours."""
    tokens, began_s = Counter[bytes](), time.time()

    def visit(source: tuple[str, int], name: str) -> bytes:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", daemon.splash, 20, source)) as opened:
            opened.request("GET", "/", headers={"Host": name})
            answer = opened.getresponse()
            head = sorted((key, value) for key, value in answer.getheaders() if key != "Date")
            return repr((answer.status, head)).encode() + answer.read()

    # Beyond what one client is told, the page is the one that a late control has, too.
    *_, of_no_name = [visit(("127.255.255.254", 0), f"free-{at}.test") for at in range(N_NAMES + 1)]

    def ask(number: int, name: str) -> bytes:
        client = number // N_OF_A_CLIENT
        answer = visit((f"127.{1 + client // 62_500}.{1 + client // 250 % 250}.{1 + client % 250}", 0), name)
        tokens.update(TOKEN.findall(answer))
        assert len(tokens) <= 1 + time.time() // HOUR_S - began_s // HOUR_S, f"splash: tokens {tokens}, last of {name}"
        return LATE if answer == of_no_name else TOKEN.sub(b"TOKEN", answer)

    return lambda: ask


def _explain(daemon: Daemon, tokens: list[str]) -> Callable[[], Ask]:
    def opened() -> Ask:
        connection = http.client.HTTPConnection("127.0.0.1", daemon.api, timeout=60)

        def ask(number: int, name: str) -> bytes:
            token = tokens[number // N_OF_A_TOKEN]
            connection.request("GET", f"/v1/explain?name={name}", headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse().read().replace(name.encode(), b"NAME")

        return ask

    return opened


def _lookup(daemon: Daemon, n: int) -> str:
    """Look up the names of both kinds in the images, as root may."""
    answers: dict[str, set[str]] = {}
    for kind in (SECRET, "freed"):
        names = [_name(kind, at) for at in range(n // 2)]
        answers[kind] = set()
        for first in range(0, len(names), N_LOOKED_UP):
            some = names[first : first + N_LOOKED_UP]
            done = daemon.run("lookup", "--images", str(daemon.folder / "state/images"), "--json", *some)
            assert done.returncode == 0, done.stderr
            answers[kind] |= {
                line.replace(name, "NAME") for line, name in zip(done.stdout.splitlines(), some, strict=True)
            }
    line = f"lookup: {n} names, {len(answers[SECRET] | answers['freed'])} different answers"
    assert answers[SECRET] == answers["freed"] and len(answers[SECRET]) == 1, line
    return line
