import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

import pytest
from support.control.box import make
from support.packets.shapes import question
from support.present import present
from support.system.daemon import DEADLINE_S, Daemon, Upstream
from support.system.namespace import in_a_network_of_its_own, run_ip
from support.system.ports import free_port

from dns.front.special_names import LocalAnswers
from dns.front.structured import StructuredErrors
from filterd.box.errors import WrongUse
from filterd.box.places import worker_socket
from filterd.commands.roles.dns import (
    listen_of_config,
    live,
    local_answers_of_config,
    resolver_of_config,
    splash_of_config,
    streams_of_config,
    structured_of_config,
)
from filterd.config import Config, load, read_config
from filterd.config.load import BadConfig
from filterd.process.database.access import opened_for_control


def config(tmp_path: Path, splash: Any) -> Any:
    return read_config(f"dns: {{upstreams: ['192.0.2.53:53']}}\nsplash: {splash}\n".encode(), "x", tmp_path)


def test_the_splash_is_where_the_configuration_says(tmp_path: Path) -> None:
    splash = splash_of_config(config(tmp_path, "{address4: 192.0.2.1}"))

    assert (splash.v4, splash.v6) == (IPv4Address("192.0.2.1"), None)


def test_structured_errors_say_who_the_provider_is_once_they_are_switched_on(tmp_path: Path) -> None:
    written = "isp: {name: Example ISP, contact: help@isp.example}\ndns: {upstreams: ['192.0.2.53:53']%s}\n"

    def said(more: Any) -> Any:
        return structured_of_config(read_config((written % more).encode(), "x", tmp_path))

    assert said("") is None and said(", structured_errors: false") is None
    assert said(", structured_errors: true") == StructuredErrors("Example ISP", "help@isp.example")


@pytest.mark.kernel
def test_a_role_whose_upstream_is_this_box_does_not_start(tmp_path: Path) -> None:
    written = "{listen: ['0.0.0.0:53'], upstreams: ['192.0.2.53:53']}"
    loaded = read_config(f"dns: {written}\nstate_dir: state\nrun_dir: run\n".encode(), "x", tmp_path)

    async def start() -> None:
        run_ip("address", "add", "192.0.2.53/32", "dev", "lo")
        await live(loaded, tmp_path / "x", 0)

    with pytest.raises(WrongUse, match=r"dns upstream 192\.0\.2\.53:53: it is this box, .*; not started; name"):
        in_a_network_of_its_own(start)


@pytest.mark.services
def test_a_listed_name_is_answered_with_the_splash_and_another_by_the_upstream(daemon: Daemon) -> None:
    assert daemon.ask("www.listed.test") == (0, bytes((192, 0, 2, 1)))
    assert daemon.ask("allowed.test") == (0, bytes((198, 51, 100, 7)))


def test_what_the_kernel_redirects_comes_in_at_a_port_of_its_own(tmp_path: Path) -> None:
    def ports(dns: Any) -> Any:
        loaded = read_config(f"dns: {{upstreams: ['192.0.2.53:53'], {dns}}}\n".encode(), "x", tmp_path)
        return [str(endpoint) for endpoint in listen_of_config(loaded)]

    assert ports("listen: ['192.0.2.1:53']") == ["192.0.2.1:53", "0.0.0.0:5300", "[::]:5300"]
    assert ports("listen: ['192.0.2.1:53'], redirect_foreign: false") == ["192.0.2.1:53"]
    assert ports("listen: ['0.0.0.0:53'], redirect_port: 53") == ["0.0.0.0:53"]


def test_streams_are_as_the_configuration_says(tmp_path: Path) -> None:
    written = (
        "dns: {upstreams: ['192.0.2.53:53'], proxies: ['192.0.2.60/32'], https: {listen: ['[::1]:443']}, "
        "tls: {listen: ['127.0.0.1:853'], certificate: a.pem, key: a.key, name: dns.test}}\n"
    )

    plan = streams_of_config(read_config(written.encode(), "x", tmp_path))

    assert (plan.tls, plan.https) == ((("127.0.0.1", 853),), (("::1", 443),))
    assert plan.proxies == [ip_network("192.0.2.60/32")]
    assert present(plan.encryption).name == "dns.test" and present(plan.encryption).key == tmp_path / "a.key"


def test_upstreams_are_as_the_configuration_says(tmp_path: Path) -> None:
    upstreams = b"['192.0.2.53:53', 'tls://192.0.2.54:853#dns.test']"
    written = b"dns: {upstreams: %b, upstream_ca: ca.pem}\nrun_dir: run\n" % upstreams

    loaded = read_config(written, "x", tmp_path)

    assert loaded.dns.upstreams == (("192.0.2.53", 53), ("192.0.2.54", 853, "dns.test"))
    assert resolver_of_config(loaded).upstream_ca == tmp_path / "ca.pem"


async def test_authorities_of_upstreams_that_cannot_be_read_stop_the_role(tmp_path: Path) -> None:
    written = b"dns: {upstreams: ['tls://192.0.2.53:853'], listen: ['127.0.0.1:1'], upstream_ca: ca.pem}\n"
    places = b"state_dir: state\nrun_dir: run\n"

    with pytest.raises(WrongUse, match=r"dns upstreams: .*ca\.pem: No such file .*; not started; put PEM"):
        await live(read_config(written + places, "x", tmp_path), tmp_path / "x", 0)


def test_without_a_certificate_there_is_tcp_alone(tmp_path: Path) -> None:
    assert streams_of_config(config(tmp_path, "{}")).encryption is None


async def test_a_certificate_that_cannot_be_used_stops_the_role(tmp_path: Path) -> None:
    written = b"dns: {upstreams: ['192.0.2.53:53'], listen: ['127.0.0.1:1'], tls: {certificate: a.pem, key: a.key}}\n"
    places = b"state_dir: state\nrun_dir: run\n"

    with pytest.raises(WrongUse, match=r"dns tls: .*a\.pem with .*a\.key: No such file .*; not used; put a PEM"):
        await live(read_config(written + places, "x", tmp_path), tmp_path / "x", 0)


def test_the_resolver_is_as_the_configuration_wants_it_and_all_workers_share_its_cookies(tmp_path: Path) -> None:
    written = "{upstreams: ['192.0.2.53:53'], cache: 8MiB, clients: [192.0.2.0/24], forwarders: [192.0.2.9/32]}"
    loaded = read_config(f"dns: {written}\nrun_dir: run\n".encode(), "x", tmp_path)

    plan, again = resolver_of_config(loaded), resolver_of_config(loaded)

    assert (plan.cache_octets, plan.stream_cache_octets) == (8 << 20, 2 << 20)
    assert len(plan.cookie_master) == 16 and plan.cookie_master == again.cookie_master
    assert present(plan.guard()).admit("198.51.100.7", 0) == "not_ours"
    assert present(plan.believed()).admit("192.0.2.9", 0) == "admitted"


def test_boxes_that_share_an_address_share_the_key_of_their_cookies(tmp_path: Path) -> None:
    (tmp_path / "shared.key").write_bytes(bytes(range(16)))
    written = b"dns: {upstreams: ['192.0.2.53:53'], cookie_key: shared.key}\nrun_dir: run\n"

    plan = resolver_of_config(read_config(written, "x", tmp_path))

    assert plan.cookie_master == bytes(range(16))
    assert not (tmp_path / "run/dns/cookies.key").exists()


@pytest.mark.parametrize("octets", [None, b"", bytes(32)])
def test_a_shared_key_of_cookies_that_is_none_stops_the_role_and_is_not_made(
    octets: bytes | None, tmp_path: Path
) -> None:
    if octets is not None:
        (tmp_path / "shared.key").write_bytes(octets)
    written = b"dns: {upstreams: ['192.0.2.53:53'], cookie_key: shared.key}\nrun_dir: run\n"

    with pytest.raises(WrongUse, match=r"/dns/cookie_key: .*shared\.key"):
        resolver_of_config(read_config(written, "x", tmp_path))

    assert (tmp_path / "shared.key").exists() == (octets is not None)


def test_without_a_word_of_it_answers_are_kept_and_only_private_addresses_may_ask(tmp_path: Path) -> None:
    plan = resolver_of_config(read_config(b"dns: {upstreams: ['192.0.2.53:53']}\nrun_dir: run\n", "x", tmp_path))

    assert (plan.cache_octets, plan.believed()) == (64 << 20, None)
    assert [present(plan.guard()).admit(client, 0) for client in ("10.0.0.1", "192.0.2.1")] == ["admitted", "not_ours"]


def test_what_is_answered_locally_follows_the_configuration(tmp_path: Path) -> None:
    text = (
        "run_dir: run\ndns: {upstreams: ['192.0.2.53:53'], identity: dns-1, own_names: [10.in-addr.arpa, corp.local], "
        "rebinding_guard: true, canaries: all}\n"
    )
    wanted = local_answers_of_config(read_config(text.encode(), "x", tmp_path))
    plain = local_answers_of_config(read_config(b"dns: {upstreams: ['192.0.2.53:53']}\n", "x", tmp_path))

    assert wanted == LocalAnswers(("10.in-addr.arpa", "corp.local"), "dns-1", True, True)
    assert plain == LocalAnswers()


@pytest.mark.parametrize("identity", ["''", "'é'", f"'{'x' * 65}'"])
def test_an_identity_that_no_answer_can_carry_is_a_fault_of_the_configuration(tmp_path: Path, identity: str) -> None:
    with pytest.raises(BadConfig, match="/dns/identity"):
        read_config(f"dns: {{upstreams: ['192.0.2.53:53'], identity: {identity}}}".encode(), "x", tmp_path)


NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
LISTED, OTHER = "listed.test", "other.test"
SAID = """
state_dir: state
run_dir: run
when_no_images: %s
dns: {listen: ["127.0.0.1:%d"], upstreams: ["127.0.0.1:%d"], redirect_foreign: false, workers: 1}
gate: {workers: 0}
lists: [{id: pta, file: pta.txt, format: plain, tier: order}]
"""


@pytest.mark.services
@pytest.mark.parametrize(("when_no_images", "without"), [("open", NOERROR), ("closed", SERVFAIL)])
async def test_where_the_state_folder_is_lost_a_worker_that_starts_does_as_when_no_images_says_until_control_compiles(
    when_no_images: str, without: int, tmp_path: Path
) -> None:
    upstream, port = Upstream(), free_port()
    upstream.start()
    (tmp_path / "pta.txt").write_text(f"{LISTED}\n")
    (tmp_path / "f.yaml").write_text(SAID % (when_no_images, port, upstream.port))
    config = load(tmp_path / "f.yaml")

    async def rcodes() -> tuple[int, int]:
        return await _rcode(port, LISTED), await _rcode(port, OTHER)

    async with _served(config):
        lost = await rcodes()
        with opened_for_control(config) as engine:
            await make(tmp_path, engine).start()  # a new database, and the lists in images, which the worker takes
        mended = await rcodes()
    upstream.socket.close()

    assert lost == (without, without)
    assert mended == (NXDOMAIN, NOERROR)


@asynccontextmanager
async def _served(config: Config) -> AsyncIterator[None]:
    """While a worker runs: the role, from its start to the SIGTERM of its supervisor."""
    place = worker_socket(config.run_dir, "dns-0")
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        group.create_task(live(config, config.state_dir.parent / "f.yaml", 0))
        while not place.exists():  # noqa: ASYNC110  # a socket's birth cannot be awaited
            await asyncio.sleep(0.01)
        yield
        os.kill(os.getpid(), signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


async def _rcode(port: int, name: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.connect(("127.0.0.1", port))
        await asyncio.get_running_loop().sock_sendall(asking, question(name.encode()))
        return (await asyncio.get_running_loop().sock_recv(asking, 4096))[3] & 15
