"""EDNS, cookies and ANY as dig, kdig and delv see them, and our cookies beside those of BIND, Unbound and Knot."""

import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.system.ports import free_port

from fastpath.dns.cookies import cookie_hash
from fastpath.dns.edns import Way, answer_for_client
from fastpath.dns.query import Query, fault_of, query
from fastpath.dns.synthesis import any_answer, error_answer
from fastpath.testing.cookies import CookieJar

pytestmark = pytest.mark.services

HOST = "127.0.0.1"
ANY = 255
SECRET = "e5e973e5a6b2a43f48e7dc849e37bfcf"
READY_S = 60

BIND = """
options {{ directory "{folder}"; pid-file none; session-keyfile none; listen-on port {port} {{ {host}; }};
  listen-on-v6 {{ none; }}; recursion no; answer-cookie yes; cookie-algorithm siphash24; cookie-secret "{secret}";
  empty-zones-enable no; }};
controls {{ }};
"""
UNBOUND = """
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: {host}@{port}
  do-ip6: no
  answer-cookie: yes
  cookie-secret: "{secret}"
  local-zone: "a.test." always_nxdomain
remote-control:
  control-enable: no
"""
KNOT = """
server:
  rundir: "{folder}"
  listen: {host}@{port}
database:
  storage: "{folder}"
mod-cookies:
  - id: ours
    secret: 0x{secret}
template:
  - id: default
    global-module: mod-cookies/ours
"""
SERVERS = {
    "named": ("named.conf", BIND, ["-f", "-n", "1", "-c"]),
    "unbound": ("unbound.conf", UNBOUND, ["-d", "-p", "-c"]),
    "knotd": ("knot.conf", KNOT, ["-c"]),
}


class Front(threading.Thread):
    """Answers queries as the loop does, in Python: every question has one address."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.port = int(self.socket.getsockname()[1])
        self.master = bytes(range(16))
        self.jar = CookieJar(self.master)
        self.heard: list[tuple[Query, bool]] = []  # and whether its cookie was good

    def run(self) -> None:
        while True:
            message, (host, port) = self.socket.recvfrom(4096)
            if not message:
                return
            self.socket.sendto(self.answer(message, host), (host, port))

    def answer(self, message: bytes, host: str) -> bytes:
        fault = fault_of(message)
        if fault is not None:
            return error_answer(message, fault)
        asked = query(message)
        is_known = len(asked.cookie) in range(8, 41) and self.jar.check(asked.cookie, host, int(time.time()))[0]
        self.heard.append((asked, is_known))
        if asked.qtype == ANY:
            return any_answer(message)
        head = message[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + message[12 : asked.after]
        address = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + bytes([192, 0, 2, 1])
        return answer_for_client(head + address, message, Way(), self.master, host, int(time.time()))

    def stop(self) -> None:
        self.socket.sendto(b"", self.socket.getsockname())
        self.join(5)
        self.socket.close()


@pytest.fixture
def front() -> Iterator[Front]:
    started = Front()
    started.start()
    yield started
    started.stop()


def said(program: str, port: int, *words: str) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    argv = [program, f"@{HOST}", "-p", str(port), *words]
    return subprocess.run(argv, capture_output=True, check=False, text=True, timeout=60).stdout


def dig(port: int, *words: str) -> str:
    return said("dig", port, "+tries=1", "+time=20", *words)


# ------------------------------------------------------------------------------------------------------ clients


def test_dig_calls_our_cookie_good_and_is_known_when_it_shows_it_again(front: Front) -> None:
    first = dig(front.port, "+cookie", "a.test")
    found = re.search(r"COOKIE: ([0-9a-f]{48}) \(good\)", first)
    assert found and "192.0.2.1" in first, first

    again = dig(front.port, f"+cookie={found[1]}", "a.test")

    assert f"COOKIE: {found[1]} (good)" in again
    assert [is_known for _, is_known in front.heard] == [False, True]


def test_dig_without_a_cookie_and_without_edns_gets_none(front: Front) -> None:
    assert "COOKIE" not in dig(front.port, "+nocookie", "a.test")
    assert "OPT PSEUDOSECTION" not in dig(front.port, "+noedns", "a.test")


@pytest.mark.parametrize("size", [512, 1232, 4096])
def test_dig_reads_our_size_and_its_do_bit_whatever_its_own_size(front: Front, size: int) -> None:
    answer = dig(front.port, f"+bufsize={size}", "+dnssec", "a.test")

    assert "EDNS: version: 0, flags: do; udp: 1232" in answer
    assert "WARNING" not in answer.replace(";; WARNING: recursion", "")


@pytest.mark.parametrize("words", ["+padding=128", "+ednsopt=65001:020000000001", "+subnet=192.0.2.0/24", "+nsid"])
def test_dig_gets_its_answer_whatever_option_it_sends(front: Front, words: str) -> None:
    answer = dig(front.port, "+nocookie", words, "a.test")

    assert "status: NOERROR" in answer and "192.0.2.1" in answer
    assert re.search(r"; (PAD|CLIENT-SUBNET|NSID|OPT=)", answer) is None


def test_what_dig_sends_is_read(front: Front) -> None:
    dig(front.port, "+nocookie", "+padding=128", "+ednsopt=65001:020000000001", "+subnet=192.0.2.0/24", "a.test")

    asked = front.heard[0][0]
    assert asked.device == (65001, bytes.fromhex("020000000001"))
    assert asked.is_padding_wanted


def test_dig_sees_a_format_error_for_a_cookie_of_a_wrong_length(front: Front) -> None:
    assert "status: FORMERR" in dig(front.port, "+nocookie", "+ednsopt=10:aabbcc", "a.test")


def test_dig_sees_badvers_for_another_version_and_negotiates_down(front: Front) -> None:
    assert "status: BADVERS" in dig(front.port, "+edns=1", "+noednsneg", "+nocookie", "a.test")
    assert "192.0.2.1" in dig(front.port, "+edns=1", "+ednsneg", "+nocookie", "a.test")


def test_dig_sees_the_answer_to_any(front: Front) -> None:
    assert re.search(r'a\.test\.\s+3600\s+IN\s+HINFO\s+"RFC8482" ""', dig(front.port, "+notcp", "a.test", "ANY"))


def test_dig_asks_for_a_cookie_without_a_question(front: Front) -> None:
    answer = dig(front.port, "+header-only", "+cookie")

    assert "status: NOERROR" in answer and "QUERY: 0" in answer


def test_kdig_reads_our_cookie_and_is_not_padded_in_the_clear(front: Front) -> None:
    answer = said("kdig", front.port, "+retry=0", "+cookie=636c69656e742d63", "+padding=128", "+bufsize=1400", "a.test")

    assert re.search(r"COOKIE: 636C69656E742D6301000000[0-9A-F]{24}", answer, re.IGNORECASE)
    assert "192.0.2.1" in answer and "PADDING" not in answer and "WARNING" not in answer


def test_delv_gets_its_answer(front: Front) -> None:
    answer = said("delv", front.port, "+noroot", "-i", "a.test", "A")

    assert "192.0.2.1" in answer
    assert all(asked.is_dnssec_ok for asked, _ in front.heard if asked.edns_version == 0)


# ------------------------------------------------------------------------------------------------------ servers


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """The port of the named server, which makes its cookies with SECRET."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    name, text, words = SERVERS[request.param]
    port = free_port()
    config = tmp_path / name
    config.write_text(text.format(folder=tmp_path, host=HOST, port=port, secret=SECRET))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([request.param, *words, str(config)], stdout=log, stderr=log)
    try:
        _wait_for(port, process, tmp_path / "log")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < end:
        if "status:" in dig(port, "+nocookie", "a.test"):
            return
        time.sleep(0.1)
    pytest.fail(f"does not answer: {log.read_text()}")


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_other_servers_make_the_same_cookie_of_the_same_secret(server: int) -> None:
    answer = dig(server, "+cookie=2464c4abcf10c957", "a.test")
    found = re.search(r"COOKIE: ([0-9a-f]{48})", answer)
    assert found, answer
    cookie = bytes.fromhex(found[1])

    assert cookie_hash(bytes.fromhex(SECRET), cookie[:16], HOST) == cookie[16:]
