"""A front that serves, and a real resolver behind it."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from support.dns.front import Serving
from support.images.opened import Entry, Images
from support.system.certificates import make_certificate
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from dns.front.answers import AnswerPolicy, Splash
from dns.front.front import DnsFront
from dns.front.resolver_plan import DEFAULT_RESOLVER, ResolverPlan
from dns.front.streams.server import DEFAULT_PLAN, Encryption, StreamPlan
from fastpath.images.image import Image
from fastpath.images.tables import TableSet
from fastpath.report.spool import Reporter

ANSWERS = AnswerPolicy(Splash(IPv4Address("192.0.2.80"), IPv6Address("2001:db8::80")))
UNBOUND = """
server:
    verbosity: 0
    use-syslog: no
    logfile: ""
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    interface: 127.0.0.1@{port}
    interface: ::1@{port}
    access-control: 0.0.0.0/0 allow
    access-control: ::0/0 allow
    num-threads: 1
    do-daemonize: no
    trust-anchor-file: ""
    module-config: "iterator"
    local-zone: "." refuse
    local-zone: "test." static
    local-data: "www.free.test. 300 IN A 198.51.100.10"
    local-data: "www.free.test. 300 IN AAAA 2001:db8:1::10"
    local-data: 'big.test. 300 IN TXT {big}'
remote-control:
    control-enable: no
"""


@pytest.fixture
def serving(images: Images) -> Serving:
    """serving(entries, upstreams, …): a front on 127.0.0.1 and ::1 that serves them while the context lasts.

    people   images of subscribers and of their policy"""

    @asynccontextmanager
    async def serve(
        entries: tuple[Entry, ...] = (),
        upstreams: tuple[Endpoint, ...] = (Endpoint("127.0.0.1", 9),),
        plan: StreamPlan = DEFAULT_PLAN,
        people: tuple[Image | None, ...] = (None, None),
        answers: AnswerPolicy = ANSWERS,
        resolver: ResolverPlan = DEFAULT_RESOLVER,
    ) -> AsyncIterator[DnsFront]:
        udp, tcp = (Reporter(images.folder / f"c-{name}", images.folder / name) for name in ("udp", "tcp"))
        front = DnsFront([Endpoint("127.0.0.1", 0), Endpoint("::1", 0)], upstreams, udp, tcp, answers, plan, resolver)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(front.run())
            await front.use(TableSet(images.names(entries), None, people[0], None, people[1]))
            yield front
            running.cancel()

    return serve


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for dns.test and the names below it, and its key."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), "dns.test")


@pytest.fixture
def encrypted(certificate: tuple[Path, Path]) -> StreamPlan:
    """DNS over TLS and HTTPS on 127.0.0.1."""
    here = (Endpoint("127.0.0.1", 0),)
    return StreamPlan(encryption=Encryption(*certificate, here, here, "dns.test"))


@pytest.fixture(scope="session")
def unbound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A real unbound with a zone of its own on a high port of the loopback."""
    program = shutil.which("unbound", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("unbound is not installed: apt-get install unbound")
    folder = tmp_path_factory.mktemp("unbound")
    port = free_port()
    config = folder / "unbound.conf"
    big = " ".join(f'"{"x" * 250}"' for _ in range(12))
    config.write_text(UNBOUND.format(folder=folder, port=port, big=big))
    with subprocess.Popen([program, "-d", "-c", str(config)], stderr=subprocess.PIPE) as process:
        try:
            _wait_for(port, process)
            yield Endpoint("127.0.0.1", port)
        finally:
            process.terminate()


@pytest.fixture
def program() -> Callable[[str], str]:
    """program(name): its path; skips where it is not installed."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    process.terminate()
    said = process.stderr.read().decode() if process.stderr else ""
    raise RuntimeError(f"unbound did not come up: {said}")
