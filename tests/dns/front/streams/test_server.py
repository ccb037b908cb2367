"""DNS over TLS and HTTPS as clients that we did not write see them."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from support.dns.front import Serving
from support.images.opened import Images
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from dns.front.front import DnsFront
from dns.front.resolver_plan import Admission, ResolverPlan
from dns.front.streams.server import StreamPlan
from fastpath.images.subscribers import device_address
from fastpath.images.verdict import Action, Mode
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.counters import read_counters

Program = Callable[[str], str]

BLOCKED = (
    ("orders", "n.test", Mode.SUBTREE),
    ("adult", "adult.test", Mode.SUBTREE, Action.NXDOMAIN),
    ("orders", "d.test", Mode.SUBTREE, Action.DROP),
)
TOKEN = "234567" + "a" * 20
ADULT = ProfileSpec(1 << 1, (), 0, 0, 1 << 62, 0)

pytestmark = pytest.mark.services


async def told(*command: str, said: bytes = b"") -> str:
    """What a program prints."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate(said)
    return out.decode(errors="replace")


def people(images: Images) -> tuple[object, ...]:
    """Subscriber 7, who has a device and wants no adult names; nobody has 127.0.0.1."""
    return images.subscribers([(device_address(TOKEN), 7)]), images.policy([(7, ADULT)])


class Clients:
    """kdig, curl and openssl against a front."""

    def __init__(self, front: DnsFront, program: Program, certificate: Path) -> None:
        self.tls, self.https = front.bound_tls[0], front.bound_https[0]
        self.program = program
        self.certificate = str(certificate)

    async def kdig(self, *question: str, over: str = "tls", name: str = "dns.test", path: str = "/dns-query") -> str:
        at = self.tls if over == "tls" else self.https
        how = ["+tls"] if over == "tls" else [f"+https={path}"]
        if over == "get":
            how.append("+https-get")
        return await told(
            self.program("kdig"),
            f"@{at.host}",
            "-p",
            str(at.port),
            *how,
            f"+tls-ca={self.certificate}",
            f"+tls-hostname={name}",
            f"+tls-sni={name}",
            "+retry=0",
            "+timeout=30",
            *question,
        )

    async def curl(self, *arguments: str, path: str = "/dns-query", said: bytes = b"") -> str:
        return await told(
            self.program("curl"),
            "-sS",
            "--cacert",
            self.certificate,
            "--max-time",
            "30",
            "--resolve",
            f"dns.test:{self.https.port}:{self.https.host}",
            *arguments,
            f"https://dns.test:{self.https.port}{path}",
            said=said,
        )

    async def openssl(self, *arguments: str, at: Endpoint | None = None, said: bytes = b"") -> str:
        at = at or self.tls
        return await told(
            self.program("openssl"), "s_client", "-connect", str(at), "-CAfile", self.certificate, *arguments, said=said
        )


@pytest.mark.parametrize("over", ["tls", "https", "get"])
async def test_kdig_gets_the_splash_for_a_listed_name_and_the_truth_for_a_free_one(
    serving: Serving,
    unbound: Endpoint,
    program: Program,
    certificate: tuple[Path, Path],
    encrypted: StreamPlan,
    over: str,
) -> None:
    async with serving(BLOCKED, (unbound,), encrypted) as front:
        clients = Clients(front, program, certificate[0])
        listed = await clients.kdig("www.n.test", "A", over=over)
        free = await clients.kdig("www.free.test", "A", over=over)

    assert "192.0.2.80" in listed and "EDE: 16 (Censored)" in listed
    assert "198.51.100.10" in free and "status: NOERROR" in free
    assert "The certificate is trusted" in free or "TLS session" in free


@pytest.mark.parametrize("over", ["tls", "https"])
@pytest.mark.parametrize("name", ["www.n.test", "www.free.test"])
async def test_kdig_gets_an_answer_padded_where_it_padded_its_query(
    serving: Serving,
    unbound: Endpoint,
    program: Program,
    certificate: tuple[Path, Path],
    encrypted: StreamPlan,
    over: str,
    name: str,
) -> None:
    async with serving(BLOCKED, (unbound,), encrypted) as front:
        clients = Clients(front, program, certificate[0])
        padded = await clients.kdig("+padding", name, "A", over=over)
        plain = await clients.kdig("+edns", "+nopadding", name, "A", over=over)

    assert re.search(r"Received 468 B", padded)
    assert not re.search(r"Received 468 B", plain)


async def test_many_queries_of_one_kdig_share_a_connection(
    serving: Serving,
    unbound: Endpoint,
    program: Program,
    certificate: tuple[Path, Path],
    encrypted: StreamPlan,
    images: Images,
) -> None:
    names = [part for n in range(20) for part in (f"q{n}.n.test", "A")]
    async with serving(BLOCKED, (unbound,), encrypted) as front:
        answered = await Clients(front, program, certificate[0]).kdig("+keepopen", *names)
        _, held = await asyncio.open_connection(front.bound[0].host, front.bound[0].port)
        async with asyncio.timeout(60):
            while front.connections()["tcp"] != 1:  # noqa: ASYNC110  # accepted in another thread
                await asyncio.sleep(0.01)
        held.close()

    assert answered.count("192.0.2.80") == 20
    assert read_counters(images.folder / "c-tcp")["dns_tls_queries"] == 20


async def test_curl_resolves_a_name_by_us(
    serving: Serving, unbound: Endpoint, program: Program, certificate: tuple[Path, Path], encrypted: StreamPlan
) -> None:
    async with serving((), (unbound,), encrypted) as front:
        clients = Clients(front, program, certificate[0])
        process = await asyncio.create_subprocess_exec(
            program("curl"),
            "-sv",
            "--max-time",
            "60",
            "--cacert",
            str(certificate[0]),
            "--doh-url",
            f"https://127.0.0.1:{clients.https.port}/dns-query",
            "http://www.free.test:1/",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        said = b""
        while b"198.51.100.10" not in said and (line := await process.stdout.readline()):
            said += line
        with suppress(ProcessLookupError):  # it tries to connect there
            process.kill()
        await process.wait()

    assert b"198.51.100.10" in said, said


async def test_curl_reads_the_headers_of_an_answer_and_of_a_refusal(
    serving: Serving, unbound: Endpoint, program: Program, certificate: tuple[Path, Path], encrypted: StreamPlan
) -> None:
    query = "AAABAAABAAAAAAAAA3d3dwRmcmVlBHRlc3QAAAEAAQ"  # www.free.test A, id 0
    async with serving(BLOCKED, (unbound,), encrypted) as front:
        clients = Clients(front, program, certificate[0])
        answered = await clients.curl("-i", "--http2", path=f"/dns-query?dns={query}")
        refused = await clients.curl("-i", path="/")
        of_another_type = await clients.curl("-i", "-H", "content-type: text/plain", "--data-binary", "x")
        too_long = await clients.curl(
            "-i", "-H", "content-type: application/dns-message", "--data-binary", "@-", said=bytes(5000)
        )
        deleted = await clients.curl("-i", "-X", "DELETE")
        old = await clients.curl("-i", "--http1.1", path=f"/dns-query?dns={query}")

    assert answered.startswith("HTTP/2 200") and "content-type: application/dns-message" in answered
    assert re.search(r"cache-control: private, max-age=(300|299)\b", answered)
    assert refused.startswith("HTTP/2 404") and "ask at /dns-query" in refused
    assert of_another_type.startswith("HTTP/2 415") and too_long.startswith("HTTP/2 413")
    assert deleted.startswith("HTTP/2 405") and "allow: GET, POST" in deleted
    assert old.startswith("HTTP/1.1 505")


async def test_h2load_has_every_request_of_many_connections_and_streams_answered(
    serving: Serving,
    program: Program,
    certificate: tuple[Path, Path],
    encrypted: StreamPlan,
    images: Images,
    tmp_path: Path,
) -> None:
    (tmp_path / "query").write_bytes(bytes.fromhex("00000100000100000000000001") + b"n\x04test\0\0\1\0\1")
    async with serving(BLOCKED, plan=encrypted) as front:
        https = Clients(front, program, certificate[0]).https
        said = await told(
            program("h2load"),
            "-n",
            "2000",
            "-c",
            "20",
            "-m",
            "100",
            "-d",
            str(tmp_path / "query"),
            "-H",
            "content-type: application/dns-message",
            f"https://{https}/dns-query",
        )

    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in said and "status codes: 2000 2xx" in said
    assert read_counters(images.folder / "c-tcp")["dns_blocked"] == 2000


async def test_openssl_agrees_on_the_protocol_and_resumes_a_session(
    serving: Serving, program: Program, certificate: tuple[Path, Path], encrypted: StreamPlan, tmp_path: Path
) -> None:
    async with serving(BLOCKED, plan=encrypted) as front:
        clients = Clients(front, program, certificate[0])
        first = await clients.openssl("-alpn", "dot", "-tls1_2", "-sess_out", str(tmp_path / "session"))
        again = await clients.openssl("-alpn", "dot", "-tls1_2", "-sess_in", str(tmp_path / "session"))
        newest = await clients.openssl("-alpn", "dot", "-tls1_3")
        old = await clients.openssl("-tls1_1")
        http = await clients.openssl("-alpn", "h2,http/1.1", at=clients.https)

    assert "ALPN protocol: dot" in first and "Verification: OK" in first and "\nNew, TLSv1.2" in first
    assert "\nReused, TLSv1.2" in again
    assert "\nNew, TLSv1.3" in newest
    assert "Cipher is (NONE)" in old
    assert "ALPN protocol: h2" in http


@pytest.mark.parametrize("over", ["tls", "https"])
async def test_a_devices_token_has_its_subscribers_rules_wherever_the_device_is(
    serving: Serving,
    unbound: Endpoint,
    program: Program,
    certificate: tuple[Path, Path],
    encrypted: StreamPlan,
    images: Images,
    over: str,
) -> None:
    named = {"name": f"{TOKEN}.dns.test"} if over == "tls" else {"path": f"/dns-query/{TOKEN.upper()}"}
    async with serving(BLOCKED, (unbound,), encrypted, people(images)) as front:
        clients = Clients(front, program, certificate[0])
        with_token = await clients.kdig("www.adult.test", "A", over=over, **named)
        without = await clients.kdig("www.adult.test", "SOA", over=over)
        free = await clients.kdig("www.free.test", "A", over=over, **named)

    assert "status: NXDOMAIN" in with_token and "EDE: 17 (Filtered)" in with_token
    assert "EDE: 17" not in without
    assert "198.51.100.10" in free


async def test_a_stranger_over_tls_needs_a_devices_token(
    serving: Serving, program: Program, certificate: tuple[Path, Path], encrypted: StreamPlan, images: Images
) -> None:
    elsewhere = ResolverPlan(admission=Admission(["192.0.2.0/24"]))
    async with serving(BLOCKED, plan=encrypted, people=people(images), resolver=elsewhere) as front:
        clients = Clients(front, program, certificate[0])
        device = await clients.kdig("www.n.test", "A", name=f"{TOKEN}.dns.test")
        stranger = await clients.kdig("www.n.test", "A")

    assert "192.0.2.80" in device
    assert "status:" not in stranger
    assert read_counters(images.folder / "c-tcp")["dns_streams_not_ours"] >= 1


async def test_a_token_that_nobody_has_is_refused_and_counted(
    serving: Serving,
    unbound: Endpoint,
    program: Program,
    certificate: tuple[Path, Path],
    encrypted: StreamPlan,
    images: Images,
) -> None:
    unknown = "b" * 26
    async with serving(BLOCKED, (unbound,), encrypted, people(images)) as front:
        clients = Clients(front, program, certificate[0])
        tls = await clients.kdig("www.free.test", name=f"{unknown}.dns.test")
        handshake = await clients.openssl("-servername", f"{unknown}.dns.test")
        https = await clients.curl("-i", path=f"/dns-query/{unknown}?dns=AAABAAABAAAAAAAAA3d3dwRmcmVlBHRlc3QAAAEAAQ")

    assert "198.51.100.10" not in tls
    assert "no peer certificate available" in handshake
    assert https.startswith("HTTP/2 404") and "no device has this token" in https
    assert read_counters(images.folder / "c-tcp")["dns_tokens_unknown"] == 3


DNSDIST = """
setLocal("127.0.0.1:{port}")
setACL("0.0.0.0/0")
newServer({{address="{behind}", useProxyProtocol=true, tcpOnly=true, healthCheckMode="up"{more}}})
addAction(AllRule(), SetProxyProtocolValuesAction({{[2]="dns.test"}}))
"""


@asynccontextmanager
async def dnsdist(program: Program, folder: Path, behind: Endpoint, port: int, more: str = "") -> AsyncIterator[None]:
    """A dnsdist on `port` of 127.0.0.1 that asks `behind` over TCP, with a PROXY header first."""
    config = folder / "dnsdist.conf"
    config.write_text(DNSDIST.format(port=port, behind=behind, more=more))
    process = await asyncio.create_subprocess_exec(
        program("dnsdist"), "--supervised", "--disable-syslog", "-C", str(config), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await until_open(port)
        yield
    finally:
        process.terminate()
        await process.wait()


async def until_open(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


@pytest.mark.parametrize("over", ["tcp", "tls", "https"])
async def test_a_client_behind_dnsdist_has_the_rules_of_its_own_address(
    serving: Serving,
    unbound: Endpoint,
    program: Program,
    images: Images,
    certificate: tuple[Path, Path],
    encrypted: StreamPlan,
    tmp_path: Path,
    over: str,
) -> None:
    homes = images.subscribers([("127.0.0.7/32", 7)]), images.policy([(7, ADULT)])
    plan, port = replace(encrypted, proxies=(ip_network("127.0.0.1/32"),)), free_port()
    tls = f', tls="openssl", subjectName="dns.test", caStore="{certificate[0]}"'
    more = {"tcp": "", "tls": tls, "https": tls + ', dohPath="/dns-query"'}[over]
    async with (
        serving(BLOCKED, (unbound,), plan, homes) as front,
        dnsdist(
            program,
            tmp_path,
            {"tcp": front.bound, "tls": front.bound_tls, "https": front.bound_https}[over][0],
            port,
            more,
        ),
    ):
        ask = (program("dig"), "@127.0.0.1", "-p", str(port), "+time=20", "+tries=1", "www.adult.test")
        of_seven = await told(*ask, "-b", "127.0.0.7")
        of_another = await told(*ask, "-b", "127.0.0.8", "SOA")

    assert "EDE: 17 (Filtered)" in of_seven and "status: NXDOMAIN" in of_seven
    assert "EDE: 17" not in of_another
    assert read_counters(images.folder / "c-tcp")["dns_proxy_refused"] == 0


async def test_a_listed_proxy_without_a_header_is_refused_and_others_need_none(
    serving: Serving, program: Program, images: Images
) -> None:
    plan = StreamPlan(proxies=(ip_network("127.0.0.9/32"),))
    async with serving(BLOCKED, plan=plan) as front:
        at = front.bound[0]
        ask = (program("dig"), f"@{at.host}", "-p", str(at.port), "+tcp", "+time=20", "+tries=1", "+short", "n.test")
        listed = await told(*ask, "-b", "127.0.0.9")
        other = await told(*ask, "-b", "127.0.0.8")

    assert "192.0.2.80" not in listed and "192.0.2.80" in other
    assert read_counters(images.folder / "c-tcp")["dns_proxy_refused"] >= 1
