"""Uploads, quoted requests and offers of HTTP/2 at port 80: as whole through a gate as without one, in every mode."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from support.escapes.passage import WAYS
from support.gate.detour import detour
from support.gate.program import PYTHON, ROOT, Gate

from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import NETNS_FILES, Lab

pytestmark = pytest.mark.kernel

SUPPORT = ROOT / "tests/support/gate"
COUNTING, APACHE = "192.0.2.44", "192.0.2.45"
NAME = "www.allowed.test"
MIB = 1 << 20
FAR_S = 0.1
MOST_S = "60"
APACHE_MODULES = Path("/usr/lib/apache2/modules")
LOG = b'192.0.2.7 - - [01/Dec/2026:00:00:00 +0500] "GET http://www.blocked.test/ HTTP/1.1" 200 7\n' * 3000
QUERY = b'{"query": "GET http://www.blocked.test/ HTTP/1.1"}\n' * 40


def _succeeds(lab: Lab, asked: list[str]) -> bool:
    return lab.run("internet", asked).returncode == 0


@pytest.fixture(scope="module")
def servers(lab: Lab, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One that counts what it gets, and an Apache that takes an upgrade to HTTP/2."""
    for address in (COUNTING, APACHE):
        lab.run("internet", ["ip", "address", "add", f"{address}/32", "dev", "gateway"])
    running = [
        lab.popen("internet", [*PYTHON, str(SUPPORT / "upload_server.py"), COUNTING, "80"], "upload-server"),
        lab.popen("internet", apache(tmp_path_factory.mktemp("apache")), "apache"),
    ]
    for address in (COUNTING, APACHE):
        asked = ["curl", "-s", "-m", "2", f"http://{address}/"]
        wait_until(partial(_succeeds, lab, asked), f"the server at {address}")
    yield lab
    for server in running:
        lab.stop(server)
    for address in (COUNTING, APACHE):
        lab.run("internet", ["ip", "address", "del", f"{address}/32", "dev", "gateway"])


def apache(folder: Path) -> list[str]:
    modules = ("mpm_event", "authz_core", "http2")
    loaded = "\n".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in modules)
    (folder / "index").write_text("whole")
    configuration = folder / "configuration"
    configuration.write_text(f"""{loaded}
LoadModule alias_module {APACHE_MODULES}/mod_alias.so
ServerRoot {folder}
ServerName {NAME}
PidFile {folder}/pid
ErrorLog {folder}/log
Listen {APACHE}:80
Protocols h2c http/1.1
AliasMatch "^" "{folder}/index"
""")
    return ["apache2", "-DFOREGROUND", "-f", str(configuration)]


@pytest.fixture(scope="module", params=WAYS)
def way(servers: Lab, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    if request.param == WAYS[0]:
        yield servers
        return
    routing, policy = request.param.split()
    with detour(servers) if routing == "asymmetric" else no_detour():
        gate = Gate(servers, tmp_path_factory.mktemp("uploads") / "gate", policy, routing)
        try:
            yield servers
        finally:
            gate.stop()


@contextmanager
def no_detour() -> Iterator[None]:
    yield


def is_held_back(lab: Lab) -> bool:
    return "queue" in lab.run("internet", ["nft", "list", "table", "inet", "far_server"]).stdout


@contextmanager
def far_away(lab: Lab) -> Iterator[None]:
    program = lab.popen("internet", [*PYTHON, str(SUPPORT / "far_server.py"), str(FAR_S)], "far-server")
    try:
        wait_until(lambda: is_held_back(lab), "a server far away")
        yield
    finally:
        lab.run("internet", ["nft", "delete", "table", "inet", "far_server"])
        lab.stop(program)


def upload(lab: Lab, octets: bytes, folder: Path, *options: str) -> str:
    """What the server has counted."""
    file = folder / "octets"
    file.write_bytes(octets)
    ask = ["curl", "-sS", "-m", MOST_S, "-H", f"Host: {NAME}", "-H", "Expect:", *options, f"http://{COUNTING}/"]
    done = lab.run("child", ["sh", "-c", f'exec "$@" < {file}', "sh", *ask], timeout_s=120)
    return done.stdout or done.stderr


def test_an_upload_in_chunks_to_a_server_far_away_is_whole(way: Lab, tmp_path: Path) -> None:
    with far_away(way):
        assert upload(way, bytes(range(256)) * (10 * MIB // 256), tmp_path, "-T", "-") == str(10 * MIB)


def test_an_upload_in_chunks_to_a_server_nearby_is_whole(way: Lab, tmp_path: Path) -> None:
    assert upload(way, bytes(range(256)) * (3 * MIB // 256), tmp_path, "-T", "-") == str(3 * MIB)


def test_frames_of_a_web_socket_are_all_received(way: Lab) -> None:
    with far_away(way):
        argv = [*PYTHON, str(SUPPORT / "socket_client.py"), COUNTING, NAME, str(3 * MIB)]
        done = way.run("child", argv, timeout_s=60)
    assert done.stdout.strip() == str(3 * MIB), done.stderr


def test_a_log_that_names_what_is_listed_is_received_in_chunks_and_with_its_length(way: Lab, tmp_path: Path) -> None:
    assert upload(way, LOG, tmp_path, "-T", "-") == str(len(LOG))
    assert upload(way, LOG, tmp_path, "--data-binary", "@-") == str(len(LOG))


def test_the_body_of_a_query_that_quotes_a_listed_request_is_received(way: Lab, tmp_path: Path) -> None:
    assert upload(way, QUERY, tmp_path, "-X", "GET", "--data-binary", "@-") == str(len(QUERY))


def test_a_client_that_offers_http2_without_tls_gets_its_page_each_time(way: Lab) -> None:
    ask = ["curl", "-sS", "-m", "20", "--http2", "-H", f"Host: {NAME}", f"http://{APACHE}/"]
    answers = [way.run("child", ask) for _ in range(6)]
    assert [one.stdout for one in answers] == ["whole"] * 6, [one.stderr for one in answers]


def test_java_which_offers_http2_by_default_gets_its_page(way: Lab, request: pytest.FixtureRequest) -> None:
    if WAYS[0] in request.node.name:
        pytest.skip("without a gate an Apache of today ends the connection behind Java's upgrade")
    if shutil.which("java") is None:
        pytest.skip("java is not on this box; apt-get install default-jdk-headless")
    hosts = NETNS_FILES / way.namespace("child") / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{APACHE} {NAME}\n")
    try:
        done = way.run("child", ["java", str(SUPPORT / "Get.java"), f"http://{NAME}/"], timeout_s=60)
    finally:
        hosts.unlink()
    assert done.stdout == "whole", done.stderr
