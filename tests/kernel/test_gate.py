"""The gate in a real forward path: real clients, real servers, a real queue."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from support.gate.program import PYTHON, ROOT, Gate, connections_of_server, https, in_kernel, quickest

from fastpath.report.spool import read_segment, segment_numbers, segment_path
from filterd.commands.roles.packet_gate.queue_drops import QUEUES
from filterd.kernel.firewall import Kernel
from filterd.kernel.ruleset import Rules, ruleset
from filterd.lab.clients import Download, fetch
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

FAMILIES = ("web4", "web6")
WAIT_S = 60.0  # of a busy machine
LOCK_S = 0.2  # from a lock in the kernel to the last octet


@pytest.fixture(params=["open"])
def gate(lab: Lab, internet: Internet, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Gate]:
    running = Gate(lab, tmp_path / "gate", request.param)
    yield running
    running.stop()


def segments(lab: Lab, family: str, pieces: str) -> str:
    """Send a hello in pieces from the child; what came of it: reset, closed, or answered."""
    program = f"""
import socket, sys, time
from support.packets.builders import hello, hello_message, records
one = socket.create_connection(({getattr(lab.addresses, family)!r}, 443), 20)
one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
try:
    for piece in {pieces}:
        one.send(piece)
        time.sleep(0.002)
    print("answered" if one.recv(1) else "closed")
except ConnectionResetError:
    print("reset")
"""
    return lab.run("child", [*PYTHON, "-c", program]).stdout.strip()


@pytest.mark.parametrize(
    "options", [[], ["--tls-max", "1.2"], ["--http1.1", "--curves", "X25519"]], ids=["1.3", "1.2", "small"]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_listed_name_is_reset_and_another_works(
    gate: Gate, lab: Lab, internet: Internet, family: str, options: list[str]
) -> None:
    blocked = https(lab, internet, "www.blocked.test", family, *options)
    allowed = https(lab, internet, "allowed.test", family, *options)

    assert blocked.was_reset, blocked
    assert (allowed.exit_code, allowed.code) == (0, 200)
    assert gate.counted("gate_hellos") == 2
    assert gate.counted("gate_verdict_failed") == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_the_server_of_a_blocked_connection_is_reset_too(gate: Gate, lab: Lab, internet: Internet, family: str) -> None:
    for _ in range(5):
        assert https(lab, internet, "www.blocked.test", family).was_reset

    wait_until(lambda: connections_of_server(lab) == [], "no connection of the server")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "pieces",
    [
        "[bytes([octet]) for octet in hello(NAME)]",
        "[hello(NAME)[:60], hello(NAME)[60:]]",
        "[records(hello_message(NAME), 3)]",
        "[hello(NAME, padding=9000)]",
    ],
    ids=["one octet a segment", "two segments", "records of three octets", "padded"],
)
def test_how_a_hello_is_cut_does_not_matter(gate: Gate, lab: Lab, pieces: str, family: str) -> None:
    assert segments(lab, family, pieces.replace("NAME", "b'www.blocked.test'")) == "reset"
    assert segments(lab, family, pieces.replace("NAME", "b'www.allowed.test'")) in ("answered", "closed")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_listed_host_gets_the_page(gate: Gate, lab: Lab, internet: Internet, family: str) -> None:
    seen = fetch(lab, "child", "http://www.blocked.test/some/path", getattr(lab.addresses, family))

    assert (seen.exit_code, seen.code) == (0, 451), seen
    assert seen.body.startswith("stopped: www.blocked.test")
    assert seen.body.endswith("x END")
    wait_until(lambda: connections_of_server(lab) == [], "no connection of the server")


def test_a_second_request_of_a_kept_connection_gets_the_page(gate: Gate, lab: Lab) -> None:
    urls = ["http://allowed.test/", "http://www.blocked.test/"]

    done = lab.run("child", ["curl", "-s", "--noproxy", "*", "--connect-to", f"::{lab.addresses.web4}:80", *urls])
    assert "origin sni= host=allowed.test" in done.stdout
    assert "stopped: www.blocked.test" in done.stdout


def test_an_allowed_download_leaves_the_queue(gate: Gate, lab: Lab, internet: Internet) -> None:
    download = Download(
        lab, "child", "https://video.test/big", lab.addresses.web4, ["--cacert", str(internet.authority)]
    )
    try:
        download.wait_for(1 << 20, WAIT_S)
        wait_until(lambda: gate.counted("gate_released") == 1, "the flow's release")
        queued = gate.counted("gate_packets")
        download.wait_for(4 << 20, WAIT_S)

        assert gate.counted("gate_packets") == queued
        assert queued <= 12
    finally:
        download.stop()


def test_only_blocks_leave_a_record(gate: Gate, lab: Lab, internet: Internet) -> None:
    https(lab, internet, "allowed.test", "web4")
    https(lab, internet, "www.blocked.test", "web4")

    spool = gate.folder / "spool"
    events = [
        event
        for number in segment_numbers(str(spool))
        for event in read_segment(segment_path(str(spool), number), 0, 100).events
    ]
    assert [(event.list, event.rule) for event in events] == [("orders", "blocked.test")]


def test_a_dead_gate_lets_everything_pass_where_it_fails_open(gate: Gate, lab: Lab, internet: Internet) -> None:
    gate.program.kill()
    gate.program.wait()

    assert https(lab, internet, "www.blocked.test", "web4").code == 200


@pytest.mark.parametrize("gate", ["closed"], indirect=True)
def test_a_dead_gate_lets_nothing_pass_where_it_fails_closed(gate: Gate, lab: Lab, internet: Internet) -> None:
    assert https(lab, internet, "allowed.test", "web4").code == 200
    gate.program.kill()
    gate.program.wait()

    assert https(lab, internet, "allowed.test", "web4", "-m", "1").exit_code == 28


WAITING = 2  # a column of QUEUES
# Long headers of QUIC, each of another connection: more than a queue holds.
FILL = """
import socket, sys
for _ in range(600):
    with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"\\xc0" + bytes(1199), (sys.argv[1], 443))
"""


@contextmanager
def hung(gate: Gate, lab: Lab, family: str) -> Iterator[None]:
    """The gate stands still as long as the block lasts, and its queue is full; after it, empty."""

    def n_waiting() -> int:
        return int(lab.run("gateway", ["cat", str(QUEUES)]).stdout.split()[WAITING])

    def stands_still() -> bool:
        """Whether each of its threads does: a signal takes its time on a busy machine."""
        threads = Path(f"/proc/{gate.program.pid}/task").glob("*/stat")
        return {each.read_text().rpartition(")")[2].split()[0] for each in threads} == {"T"}

    gate.program.send_signal(signal.SIGSTOP)
    try:
        wait_until(stands_still, "a gate that stands still")
        n_before = -1
        while n_waiting() != n_before:  # until one more has found no room
            n_before = n_waiting()
            lab.run("child", [sys.executable, "-c", FILL, getattr(lab.addresses, family)])
        yield
    finally:
        gate.program.send_signal(signal.SIGCONT)
    wait_until(lambda: n_waiting() == 0, "an empty queue")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("gate", ["overloaded"], indirect=True)
def test_what_overruns_the_queue_of_an_open_gate_passes_and_is_counted(
    gate: Gate, lab: Lab, internet: Internet, family: str
) -> None:
    with hung(gate, lab, family):
        assert https(lab, internet, "www.blocked.test", family).code == 200

    n_unjudged = gate.kernel(Kernel.n_unjudged)
    assert n_unjudged
    assert https(lab, internet, "www.blocked.test", family).was_reset
    assert gate.kernel(Kernel.n_unjudged) == n_unjudged
    assert gate.counted("gate_queue_overrun") == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_what_overruns_the_queue_of_a_closed_gate_is_dropped_counted_and_sent_again(
    gate: Gate, lab: Lab, internet: Internet, family: str
) -> None:
    trust = ["--cacert", str(internet.authority)]
    with hung(gate, lab, family):
        assert https(lab, internet, "www.blocked.test", family, "-m", "1").exit_code == 28
        waiting = Download(lab, "child", "https://allowed.test/", getattr(lab.addresses, family), trust)
        time.sleep(0.5)  # its hello has come, and found the queue full

    waiting.wait_for(1, WAIT_S)
    waiting.stop()
    assert https(lab, internet, "www.blocked.test", family).was_reset
    n_unjudged = gate.kernel(Kernel.n_unjudged)
    assert n_unjudged
    wait_until(lambda: gate.counted("gate_queue_overrun") >= n_unjudged, "the count of what was dropped")
    assert gate.counted("gate_queue_overrun") == n_unjudged


@pytest.mark.parametrize("gate", ["closed"], indirect=True)
def test_a_hello_without_a_name_goes_by_the_policy(gate: Gate, lab: Lab, internet: Internet) -> None:
    seen = fetch(lab, "child", f"https://{lab.addresses.web4}/", "", ["-k"])

    assert seen.was_reset, seen
    assert gate.counted("gate_no_name") == 1


@pytest.mark.parametrize(
    ("family", "length"), [("web4", 32), ("web4", 28), ("web6", 56), ("web6", 64), ("web6", 60), ("web6", 128)]
)
def test_a_lock_stops_a_running_download_and_no_other(
    gate: Gate, lab: Lab, internet: Internet, family: str, length: int
) -> None:
    trust = ["--cacert", str(internet.authority)]
    address = getattr(lab.addresses, family)
    child = getattr(lab.addresses, family.replace("web", "child"))
    locked = [ip_network(f"{child}/{length}", strict=False)]

    def stops_s() -> float:
        """Seconds from the lock to the last octet."""
        child = Download(lab, "child", "https://video.test/big", address, trust)
        adult = Download(lab, "adult", "https://video.test/big", address, trust)
        try:
            child.wait_for(1 << 20, WAIT_S)
            adult.wait_for(1 << 20, WAIT_S)
            gate.kernel(lambda kernel: kernel.set_locked(locked))
            returned = time.time()

            child.wait_for_stop(0.3, WAIT_S)
            adult.wait_for(1 << 20, WAIT_S)
            assert gate.kernel(lambda kernel: kernel.cut(locked)) >= 1
            assert https(lab, internet, "allowed.test", family).code == 0
            gate.kernel(lambda kernel: kernel.set_locked([]))
            assert https(lab, internet, "allowed.test", family).code == 200
            return child.last_octet_at() - returned
        finally:
            child.stop()
            adult.stop()

    assert quickest(stops_s, LOCK_S) < LOCK_S


@pytest.mark.alone
def test_a_full_table_of_connections_lets_nothing_pass_unjudged_and_is_over_when_it_is(
    gate: Gate, lab: Lab, internet: Internet
) -> None:
    most = Path("/proc/sys/net/netfilter/nf_conntrack_max")  # of all namespaces, and written outside of them alone
    before = most.read_text()
    filling = "for port in $(seq 1001 1020); do conntrack -I -p tcp -s 192.0.2.250 -d 192.0.2.251 --sport $port"
    filling += " --dport 9 --state ESTABLISHED -u ASSURED,SEEN_REPLY --timeout 60; done"
    assert "been created" in lab.run("gateway", ["sh", "-c", filling]).stderr
    try:
        most.write_text("20")
        assert https(lab, internet, "www.blocked.test", "web4", "-m", "2").exit_code != 0
        assert https(lab, internet, "allowed.test", "web4", "-m", "2").exit_code == 28
    finally:
        most.write_text(before)

    assert https(lab, internet, "allowed.test", "web4").code == 200
    assert https(lab, internet, "www.blocked.test", "web4").was_reset


def test_while_the_rules_are_replaced_nothing_passes_unjudged(gate: Gate, lab: Lab, internet: Internet) -> None:
    rules = Rules(ports=(80, 443), http_ports=(80,), n_queues=1)
    # all of apply() but its end: the table is new, and the queue's rule not yet in it
    assert lab.run("gateway", ["nft", "-f", "-"], ruleset(rules)).returncode == 0
    assert https(lab, internet, "www.blocked.test", "web4", "-m", "1").exit_code == 28
    assert https(lab, internet, "allowed.test", "web4", "-m", "1").exit_code == 28
    assert https(lab, internet, "allowed.test", "web6", "-m", "1").exit_code == 28

    gate.kernel(lambda kernel: kernel.apply(rules))

    assert https(lab, internet, "www.blocked.test", "web4").was_reset
    assert https(lab, internet, "allowed.test", "web6").code == 200


def test_rules_are_put_in_twice_and_taken_out_without_a_trace(lab: Lab) -> None:
    def state() -> str:
        return lab.run("gateway", ["nft", "list", "ruleset"]).stdout

    code = (
        "from filterd.kernel.firewall import *\nfrom filterd.kernel.ruleset import Rules\nkernel = Kernel()\n"
        "rules = Rules(ports=(443,), n_queues=2, dns_port=53)\n"
        "kernel.apply(rules); kernel.apply(rules)\n"
        "print(run_program(['nft', 'list', 'ruleset'], '').output)\n"
        "kernel.remove(); kernel.remove()"
    )
    before = state()
    done = lab.run("gateway", [*PYTHON, "-c", code])

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("table inet filterd") == 1
    assert done.stdout.count("queue num 0-1 bypass") == 1
    assert "filterd" not in before
    assert state() == before


def test_every_packet_of_many_connections_gets_its_verdict(gate: Gate, lab: Lab, internet: Internet) -> None:
    names = ["allowed.test", "www.blocked.test"] * 60
    urls = [f"https://{name}/" for name in names]
    argv = ["curl", "-s", "-Z", "--parallel-immediate", "--parallel-max", "30", "--noproxy", "*", "-m", "60"]
    argv += ["--cacert", str(internet.authority), "-H", "Connection: close", "--http1.1"]
    done = lab.run("child", [*argv, "--connect-to", f"::{lab.addresses.web4}:443", *urls], None, 180.0)

    assert done.stdout.count("sni=allowed.test") == 60
    assert "blocked" not in done.stdout
    assert gate.counted("gate_verdict_failed") == 0
    assert gate.counted("gate_queue_overrun") == 0


# What an evading client sends, in order: (stream position, octets, time to live).  A time to live of 3 passes the gate
# and ends before the server, which is made to look far away.
DECOYS = {
    "low time to live": "[(0, OTHER, 3), (0, HELLO, 64)]",
    "low time to live and early data": "[(0, OTHER + records(bytes(40), kind=23), 3), (0, HELLO, 64)]",
    "piece on the name": "[(0, HELLO[:60], 64), (60, OTHER[60:], 3), (60, HELLO[60:], 64)]",
    "old sequence number": "[(-100000, OTHER, 64), (0, HELLO, 64)]",
    "old and contiguous": "[(-len(OTHER), OTHER, 64), (0, HELLO, 64)]",
    "far ahead": "[(40000, OTHER, 3), (0, HELLO, 64)]",
    "at its own length ahead": "[(len(HELLO), OTHER, 3), (0, HELLO, 64)]",
    "reversed": "[(60, HELLO[60:], 64), (0, HELLO[:60], 64)]",
}


@pytest.fixture
def far_server(lab: Lab) -> Iterator[None]:
    rules = "table ip far { chain in { type filter hook input priority 0; ip ttl < 10 drop; }; }"
    lab.run("internet", ["nft", rules])
    yield
    lab.run("internet", ["nft", "delete table ip far"])


@pytest.mark.parametrize("packets", DECOYS.values(), ids=DECOYS)
def test_decoys_on_the_wire_do_not_save_the_real_hello(gate: Gate, lab: Lab, far_server: None, packets: str) -> None:
    program = ROOT / "tests/support/gate/evader.py"

    def evade(name: str, plan: str, patience_s: float) -> str:
        argv = [*PYTHON, str(program), lab.addresses.child4, lab.addresses.web4, name, plan, str(patience_s)]
        return lab.run("child", argv).stdout.strip()

    assert evade("www.allowed.test", "[(0, HELLO, 64)]", 20.0) == "answered"
    assert evade("www.blocked.test", packets, 1.0) in ("reset", "silence")


ANSWERING = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
one = socket.socket(family, socket.SOCK_DGRAM)
one.bind((sys.argv[1], int(sys.argv[2])))
while True:
    question, peer = one.recvfrom(512)
    one.sendto(b"here", peer)
"""
INITIAL_OCTETS = 1250  # of Chromium; QUIC takes no less than 1,200
SILENCE_S = 0.5
ASKING = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
one = socket.socket(family, socket.SOCK_DGRAM)
one.settimeout(float(sys.argv[4]))
one.connect((sys.argv[1], int(sys.argv[2])))
one.send(bytes(int(sys.argv[3])))
try:
    print(one.recv(512).decode())
except ConnectionRefusedError:
    print("refused")
except OSError:
    print("nothing")
"""


@contextmanager
def udp_to(lab: Lab, node: str, host: str, port: int, rules: Rules) -> Iterator[Callable[..., str]]:
    """`node` answers UDP at `host` while the gateway has `rules`: gives ask(from, address, …), the answer.

    octets   of the question;  patience_s: after which there is none, as a busy machine may answer late"""

    def ask(asker: str, address: str, octets: int = INITIAL_OCTETS, patience_s: float = 20.0) -> str:
        argv = [sys.executable, "-c", ASKING, address, str(port), str(octets), str(patience_s)]
        return lab.run(asker, argv).stdout.strip()

    answering = lab.popen(node, [sys.executable, "-c", ANSWERING, host, str(port)])
    try:
        wait_until(lambda: ask(node, "::1" if host == "::" else host) == "here", "the one who answers")
        in_kernel(lab, lambda kernel: kernel.apply(rules))
        yield ask
    finally:
        lab.stop(answering)
        in_kernel(lab, Kernel.remove)


@pytest.mark.parametrize("server", FAMILIES)
def test_quic_is_refused_at_once_where_the_operator_says_so(lab: Lab, server: str) -> None:
    address = getattr(lab.addresses, server)

    with udp_to(lab, "internet", address, 443, Rules()) as ask:
        assert ask("child", address) == "here"
    with udp_to(lab, "internet", address, 443, Rules(refused_udp=(443,))) as ask:
        assert ask("child", address) == "refused"
        assert ask("child", address, 100, SILENCE_S) == "nothing"  # an error would be longer


@pytest.mark.parametrize("server", ["foreign4", "foreign6"])
def test_only_subscribers_questions_to_other_resolvers_come_to_the_gateway(lab: Lab, server: str) -> None:
    prefixes = ip_network(lab.addresses.child4), ip_network(lab.addresses.child6)
    address = getattr(lab.addresses, server)

    with udp_to(lab, "gateway", "::", 53, Rules(dns_port=53, subscribers=prefixes)) as ask:
        assert ask("child", address) == "here"
        assert ask("adult", address, patience_s=SILENCE_S) != "here"


@pytest.mark.parametrize("family", ["4", "6"])
def test_questions_to_the_gateway_are_answered_untracked_and_redirected_ones_still_come_home(
    lab: Lab, family: str
) -> None:
    prefixes = ip_network(lab.addresses.child4), ip_network(lab.addresses.child6)
    rules = Rules(dns_port=5300, untracked=(53,), subscribers=prefixes)
    own, foreign = (getattr(lab.addresses, f"{place}{family}") for place in ("gateway", "foreign"))
    redirected = lab.popen("gateway", [sys.executable, "-c", ANSWERING, "::", "5300"])
    try:
        with udp_to(lab, "gateway", own, 53, rules) as ask:
            lab.run("gateway", ["conntrack", "-F"])
            assert ask("child", own) == "here"
            assert "dport=53" not in tracked(lab)
            assert ask("child", foreign) == "here"
            assert f"dst={foreign}" in tracked(lab)
    finally:
        lab.stop(redirected)


def tracked(lab: Lab) -> str:
    """The connections over UDP that the gateway keeps in mind."""
    return "".join(
        lab.run("gateway", ["conntrack", "-L", "-p", "udp", "-f", family]).stdout for family in ("ipv4", "ipv6")
    )


@pytest.mark.parametrize("server", FAMILIES)
@pytest.mark.parametrize("port", [853, 8853])
def test_subscribers_reach_no_other_resolver_over_quic_where_the_operator_says_so(
    lab: Lab, server: str, port: int
) -> None:
    prefixes = ip_network(lab.addresses.child4), ip_network(lab.addresses.child6)
    address = getattr(lab.addresses, server)

    with udp_to(lab, "internet", address, port, Rules(is_dot_refused=True, subscribers=prefixes)) as ask:
        assert ask("child", address) == ("here" if port != 853 else "refused")
        assert ask("adult", address) == "here"
