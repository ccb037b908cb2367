"""What a reload puts in force, with the whole daemon on the loopback."""

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.system.certificates import make_certificate
from support.system.daemon import Daemon, Upstream, eventually
from support.system.ports import free_port

from filterd.cli import main

pytestmark = pytest.mark.services

SPLASH = (0, bytes((192, 0, 2, 1)))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    running = Daemon(tmp_path_factory.mktemp("reload"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def as_before(own: Daemon) -> Iterator[None]:
    said = own.config.read_text()
    yield
    own.config.write_text(said)
    # On a busy machine, one may fail; the next test finds nothing of this one.
    eventually(lambda: reload(own)[1].get("live") == [], "what was in force before")


def change(own: Daemon, path: str, value: Any) -> None:
    """Write a value into the file."""
    said = json.loads(own.config.read_text())
    *above, key = path.strip("/").split("/")
    part = said
    for name in above:
        part = part.setdefault(name, {})
    part[key] = value
    own.config.write_text(json.dumps(said))


def reload(own: Daemon) -> tuple[int, dict[str, Any]]:
    done = own.run("reload", "--json", "--config", str(own.config))
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def pid_of(own: Daemon, name: str) -> str:
    return (own.folder / "run" / f"{name}.pid").read_text()


def test_other_upstreams_are_asked_at_once_and_no_query_finds_the_port_closed(own: Daemon) -> None:
    other = Upstream(bytes((198, 51, 100, 9)))
    other.start()
    pid = pid_of(own, "dns-0")
    change(own, "/dns/upstreams", [f"127.0.0.1:{other.port}"])

    code, reply = reload(own)

    assert (code, reply["live"], reply["restart"]) == (0, ["/dns/upstreams"], {})
    assert own.ask("elsewhere.test") == (0, bytes((198, 51, 100, 9)))
    assert own.ask("listed.test") == SPLASH
    assert pid_of(own, "dns-0") == pid
    other.socket.close()


def visited(own: Daemon, host: str) -> int:
    """The status that a visitor of the splash gets."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", own.splash, timeout=60)) as visit:
        visit.request("GET", "/", headers={"Host": host})
        return visit.getresponse().status


def test_clients_and_their_rates_are_in_force_at_once(own: Daemon) -> None:
    change(own, "/dns/clients", ["192.0.2.0/24"])

    assert reload(own)[1]["live"] == ["/dns/clients"]

    assert own.ask("elsewhere.test")[0] == 5  # REFUSED


def test_the_splash_gives_reasons_to_other_clients_without_a_restart(own: Daemon) -> None:
    eventually(lambda: visited(own, "listed.test") == 451, "a page with a reason")
    change(own, "/dns/clients", ["192.0.2.0/24"])

    code, reply = reload(own)

    assert (code, reply.get("restart")) == (0, {}), reply
    eventually(lambda: visited(own, "listed.test") != 451, "a page without a reason")


def test_another_splash_address_and_other_lists_are_in_force_at_once(own: Daemon) -> None:
    change(own, "/splash/address4", "192.0.2.77")
    (own.folder / "more.txt").write_text("more.test\n")
    lists = json.loads(own.config.read_text())["lists"]
    change(own, "/lists", [*lists, {"id": "more", "file": "more.txt", "format": "plain", "tier": "order"}])

    assert reload(own)[1]["live"] == ["/splash/address4", "/lists"]

    assert own.ask("more.test") == own.ask("listed.test") == (0, bytes((192, 0, 2, 77)))


def test_another_certificate_is_shown_to_new_connections_at_once(own: Daemon, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "other.test")
    change(own, "/dns/tls/certificate", str(certificate))
    change(own, "/dns/tls/key", str(key))

    assert reload(own)[1]["live"] == ["/dns/tls/certificate", "/dns/tls/key"]

    shown = ssl.get_server_certificate(("127.0.0.1", own.tls), timeout=60)
    assert shown.split() == certificate.read_text().split()


def test_a_certificate_that_is_none_is_refused_and_brings_back_what_was_in_force(own: Daemon) -> None:
    (own.folder / "junk.pem").write_text("junk")
    change(own, "/dns/tls/certificate", "junk.pem")
    change(own, "/dns/clients", ["192.0.2.0/24"])

    code, reply = reload(own)

    assert code == 1
    assert "/dns/tls/certificate: " in reply["error"] and "junk.pem" in reply["error"]
    assert own.ask("elsewhere.test")[0] == 0
    assert "junk.pem" in own.run("status", "--config", str(own.config)).stdout
    assert b"junk.pem" not in (own.folder / "state/config/accepted.yaml").read_bytes()


def test_what_only_a_restart_changes_is_said_with_its_role_until_it_was_restarted(own: Daemon) -> None:
    change(own, "/api/listen", [f"127.0.0.1:{free_port()}"])
    change(own, "/dns/burst", 2000)

    code, reply = reload(own)

    assert (code, reply["live"], reply["restart"]) == (1, ["/dns/burst"], {"web-0": ["/api/listen"]})
    said = own.run("status", "--config", str(own.config))
    assert (said.returncode, "role web-0: restart it to put in force: /api/listen" in said.stdout) == (1, True)
    assert "restart web-0 to put in force: /api/listen" in own.log()


def test_a_file_with_a_fault_changes_nothing_and_is_said_by_reload_and_status(own: Daemon) -> None:
    change(own, "/dns/upsteams", ["127.0.0.1:1"])

    code, reply = reload(own)

    assert code == 1 and "/dns/upsteams: no such key" in reply["error"]
    said = own.run("status", "--config", str(own.config))
    assert said.returncode == 1 and "/dns/upsteams: no such key" in said.stdout
    assert own.ask("elsewhere.test")[0] == 0


def test_more_lists_than_fit_are_refused_in_words_and_nothing_ends(own: Daemon) -> None:
    pid = pid_of(own, "control-0")
    lists = [{"id": f"l{at}", "file": "pta.csv", "format": "csv", "tier": "order"} for at in range(118)]
    change(own, "/lists", lists)

    code, reply = reload(own)

    assert code == 1 and "/lists: 118 items; not loaded; write 0 to 117" in reply["error"]
    assert pid_of(own, "control-0") == pid
    assert own.ask("listed.test") == SPLASH


def test_a_file_that_is_not_taken_in_yet_is_said(own: Daemon) -> None:
    change(own, "/dns/burst", 3000)

    said = own.run("status", "--config", str(own.config))

    assert said.returncode == 1
    assert "is not what is in force; take it in with: filterd reload" in said.stdout


def test_the_log_level_is_changed_while_all_roles_run(own: Daemon) -> None:
    change(own, "/log_level", "error")
    assert reload(own)[1]["live"] == ["/log_level"]

    change(own, "/api/listen", [f"127.0.0.1:{free_port()}"])
    before = own.log().count("to put in force: /api/listen")
    assert reload(own)[1]["restart"] == {"web-0": ["/api/listen"]}

    assert own.log().count("to put in force: /api/listen") == before


def test_queries_during_reloads_are_answered(own: Daemon) -> None:
    for burst in (4000, 5000):
        change(own, "/dns/burst", burst)
        reload(own)
        with socket.create_connection(("127.0.0.1", own.dns), timeout=60):
            assert eventually(lambda: own.ask("listed.test") == SPLASH, "an answer")


def test_where_nothing_runs_a_part_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("run_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n")

    assert main(["reload", "--config", str(path)]) == 3
    assert "nothing was taken in; start filterd run" in capsys.readouterr().err


def test_a_reload_puts_other_helplines_on_the_splash_and_before_the_parent(own: Daemon) -> None:
    def shown(port: int, path: str) -> str:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as visit:
            visit.request("GET", path, headers={"Host": "listed.test"})
            return visit.getresponse().read().decode()

    def has_line(port: int, path: str) -> bool:
        return "0800-12345" in shown(port, path)

    line = {"number": "0800-12345", "name_en": "Another help", "name_ur": "مدد", "note_en": "free"}
    change(own, "/helplines", [line])
    code, reply = reload(own)

    assert (code, reply["live"], reply["restart"]) == (0, ["/helplines"], {})
    for port, path in ((own.splash, "/"), (own.api, "/family")):
        eventually(partial(has_line, port, path), "the helpline")
        assert 'href="tel:1121"' not in shown(port, path)
