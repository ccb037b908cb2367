import errno
import json
import os
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import pytest
from support.present import present
from support.system.certificates import make_certificate
from support.system.ports import free_port

from filterd.cli import main
from filterd.commands import doctor
from filterd.commands.doctor import _certificate, _ja4_classes, _port, _program, _proxies
from filterd.config.desk_file import write_desk
from filterd.config.load import read_config
from filterd.kernel.box_settings import Finding
from filterd.kernel.nft_sets import PrefixSets
from filterd.process.instance import only_instance
from mgmt.registers.settings.page_settings import Helpline, StopPage
from mgmt.registers.settings.shapes import DeskSettings


@pytest.mark.services
def test_what_is_missing_comes_with_its_cure(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])

    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    looked_at = {each["what"] for each in found}
    assert {"capabilities", "nft", "connection tracking", "NFQUEUE", "NFQUEUE rule", "package names"} <= looked_at
    assert all(each.keys() == {"what", "found", "cure"} for each in found)


def test_connections_that_the_kernel_does_not_tell_of_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    def forbid() -> None:
        raise RuntimeError("netfilter: not permitted; nothing was changed; run as root")

    monkeypatch.setattr(doctor, "n_tracked", lambda: 7)
    if Path("/proc/sys/net/netfilter/nf_conntrack_max").exists():
        assert doctor._connection_tracking() == ("connection tracking", "7 connections", "")
        monkeypatch.setattr(doctor, "n_tracked", refuse)
        assert doctor._connection_tracking()[2] == "load nf_conntrack and nf_conntrack_netlink"
        monkeypatch.setattr(doctor, "n_tracked", forbid)
        assert doctor._connection_tracking()[2] == "run as root"


def test_a_kernel_that_cannot_queue_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(sets: PrefixSets) -> NoReturn:
        raise RuntimeError("NFQUEUE: No such file or directory; rules stay as they were; load xt_NFQUEUE")

    monkeypatch.setattr(PrefixSets, "need_queue", lambda sets: None)
    assert doctor._queue_rule() == ("NFQUEUE rule", "can be made", "")
    monkeypatch.setattr(PrefixSets, "need_queue", refuse)
    missing = ("NFQUEUE rule", "NFQUEUE: No such file or directory", "load xt_NFQUEUE")
    assert doctor._queue_rule() == missing


def test_receivers_of_alarms_are_reached_or_named_and_none_is_no_fault(tmp_path: Path) -> None:
    config = "dns: {upstreams: ['192.0.2.53:53']}\n"
    (nothing,) = doctor._receivers(read_config(config.encode(), "x", tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as hook:
        port = hook.getsockname()[1]
        config += f"orders: {{contacts: [{{role: compliance, webhook: 'http://127.0.0.1:{port}/x'}}, "
        config += "{role: engineer, webhook: 'http://[::1]:1/'}]}"
        alive, dead = doctor._receivers(read_config(config.encode(), "x", tmp_path))

    assert nothing.cure == ""
    assert alive == (f"receiver 127.0.0.1:{port}", "can be reached", "")
    assert dead.what == "receiver [::1]:1"
    assert "/orders/contacts" in dead.cure


def test_a_program_that_is_not_there_names_its_package() -> None:
    assert _program("no-such-program", "its-package").cure == "apt-get install its-package"


def test_a_port_that_is_taken_is_told() -> None:
    port = free_port()  # of which nobody else takes hold, either
    with socket.create_server(("127.0.0.1", port)):
        finding = _port("api", "127.0.0.1", port)

    assert finding.found == f"127.0.0.1:{port} Address already in use"
    assert finding.cure
    assert not _port("api", "127.0.0.1", port).cure


def test_a_port_that_filterd_itself_holds_is_good(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        config = "dns: {upstreams: ['192.0.2.53:53']}\nrun_dir: run\n"
        read = read_config(f"{config}api: {{listen: ['127.0.0.1:{port}']}}\n".encode(), "x", tmp_path)

        def found() -> Finding:
            return next(each for each in doctor._needs(read) if each.what == "api port")

        with only_instance(read.run_dir, "web-0") as web:
            while_it_runs = found()
            web.note_fault("cannot listen", was_ready=False)
            with_a_fault = found()
        alone = found()

    assert while_it_runs.found == f"127.0.0.1:{port} in use by filterd (web-0, process {os.getpid()})"
    assert (while_it_runs.cure, bool(with_a_fault.cure), bool(alone.cure)) == ("", True, True)


@pytest.mark.services
@pytest.mark.parametrize(("kind", "sort"), [("dns", socket.SOCK_DGRAM), ("api", socket.SOCK_STREAM)])
def test_a_port_that_another_program_holds_is_not_filterds_though_its_role_runs(
    kind: str, sort: socket.SocketKind
) -> None:
    port = free_port()
    bound = f"import socket, sys; s = socket.socket(type={int(sort)}); s.bind(('127.0.0.1', {port}))"
    waits = f"{bound}; s.type == 1 and s.listen(); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert present(other.stdout).readline()
        by_another = _port(kind, "127.0.0.1", port, ("web-0", os.getpid()))
        by_itself = _port(kind, "127.0.0.1", port, ("web-0", other.pid))
        by_none = _port(kind, "127.0.0.1", port, ("web-0", 2**22))
        other.kill()

    assert (bool(by_another.cure), by_itself.cure, bool(by_none.cure)) == (True, "", True)


@pytest.mark.services
def test_the_exit_code_tells_whether_something_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "f.yaml"
    lists = "lists: [{id: a, file: a.txt, format: plain, tier: security}]\n"
    config.write_text("dns: {upstreams: ['192.0.2.53:53']}\n" + lists)

    assert main(["doctor", "--config", str(config)]) == 1
    assert "needs list a: " in capsys.readouterr().out


def test_packets_in_a_server_s_name_from_another_side_are_told() -> None:
    assert not doctor._unproven(0).cure
    assert doctor._unproven(7).found == "7 packets were dropped"
    assert doctor._unproven(7).cure


def test_a_network_of_proxies_that_holds_others_too_is_told() -> None:
    assert not _proxies(["192.0.2.60/32", "198.51.100.0/24", "2001:db8::53/128"]).cure
    finding = _proxies(["192.0.2.60/32", "10.0.0.0/8", "2001:db8::/64"])
    assert (finding.found, finding.cure[:21]) == ("10.0.0.0/8, 2001:db8::/64", "list the proxies only")


def test_the_classes_of_software_are_read_before_the_gate_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "ja4.txt"
    path.write_text("t13d1516h2_8daaf6152771_02713d6af862 vpn\n")
    assert _ja4_classes(path) == ("ja4 classes", f"1 fingerprints of 1 classes in {path}", "")

    path.write_text("no\n" * 30)
    finding = _ja4_classes(path)
    assert finding.found == f"0 fingerprints of 0 classes in {path}"
    assert finding.cure.startswith(f"correct 30 lines; the first: ja4_classes {path} line 1: 'no' is not two words")

    absent = tmp_path / "absent.txt"
    assert _ja4_classes(absent)[1:] == (
        f"ja4_classes {absent}: No such file or directory",
        "check the path and its permissions",
    )


def test_a_certificate_is_tried_with_its_key(tmp_path: Path) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    first.mkdir()
    other.mkdir()
    certificate, key = make_certificate(first, "dns.test")
    _, other_key = make_certificate(other, "dns.test")

    assert _certificate(certificate, key).cure == ""
    finding = _certificate(certificate, other_key)
    assert "KEY_VALUES_MISMATCH" in finding.found and finding.cure.startswith("put a PEM certificate")


def test_a_number_of_a_page_that_no_one_has_called_for_half_a_year_is_a_finding(tmp_path: Path) -> None:
    config = read_config(b"state_dir: state\ndns: {upstreams: ['192.0.2.53:53']}\n", "x", tmp_path)
    today = datetime.now(ZoneInfo(config.parental.timezone)).date()
    never, of_today, late = (
        Helpline(number, "a", "b", verified_on=day)
        for number, day in (("11", None), ("12", today), ("13", today - timedelta(days=200)))
    )
    write_desk(config, DeskSettings(helplines=(never, of_today, late), stop_page=StopPage(verified_on=today)))

    found = {finding.what: finding for finding in doctor._pages(config)}

    assert set(found) == {"helpline 11", "helpline 13", "complaints content-complaint@pta.gov.pk"}
    assert found["helpline 13"].found.endswith("200 days ago")
    assert found["helpline 11"].cure == "call it and set verified_on, in the configuration or by filterd settings"


def test_families_without_a_list_of_adult_sites_are_a_finding(tmp_path: Path) -> None:
    door = "dns: {upstreams: ['192.0.2.53:53']}\nfamily: {listen: ['127.0.0.1:8081']}\n"
    adult = "lists: [{id: a, file: a.txt, format: plain, tier: category, category: adult}]\n"

    (only,) = doctor._ages(read_config(door.encode(), "x", tmp_path))

    assert only.what == "rules by age" and "families are offered no rules by age" in only.found
    assert "filterd lists sources" in only.cure
    assert list(doctor._ages(read_config((door + adult).encode(), "x", tmp_path))) == []
