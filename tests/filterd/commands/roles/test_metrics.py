"""The metrics door of a running filterd, asked by Prometheus and its tools."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.packets.shapes import question
from support.present import present
from support.system.daemon import Daemon, eventually
from support.system.ports import free_port

pytestmark = pytest.mark.services
ALERTS = Path(__file__).parents[4] / "docs/prometheus/alerts.yml"
needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")


def got(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def asked(daemon: Daemon, path: str) -> tuple[int, str]:
    return got(f"http://127.0.0.1:{daemon.metrics}{path}")


def is_ready(daemon: Daemon, part: str = "") -> bool:
    """Whether it is said so without a reserve, as of a control that has been kept from its core for a second."""
    return asked(daemon, f"/readyz{part}") == (200, "ok\n")


def value_of(daemon: Daemon, sample: str) -> float | None:
    """The value of one line of the text."""
    for line in asked(daemon, "/metrics")[1].splitlines():
        if line.startswith(sample + " "):
            return float(line.rpartition(" ")[2])
    return None


def has_value(daemon: Daemon, sample: str, value: float) -> bool:
    return value_of(daemon, sample) == value


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Daemon]:
    running = Daemon(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def collected(daemon: Daemon, tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that scrapes the daemon, with the alert rules that we give."""
    address = f"127.0.0.1:{free_port()}"
    scrape = {"job_name": "filterd", "static_configs": [{"targets": [f"127.0.0.1:{daemon.metrics}"]}]}
    said = {"global": {"scrape_interval": "1s"}, "rule_files": [str(ALERTS)], "scrape_configs": [scrape]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(said))
    command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    yield address
    process.terminate()
    process.wait(60)


def found_by(address: str, query: str) -> Any:
    """The result of a query; none while Prometheus starts."""
    try:
        status, text = got(f"http://{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}")
    except OSError:
        return []
    return json.loads(text)["data"]["result"] if status == 200 else []


@needs_prometheus
def test_prometheus_collects_what_a_client_has_asked(daemon: Daemon, collected: str) -> None:
    for name in ("listed.test", "free.test"):
        daemon.ask(name)

    found = eventually(lambda: found_by(collected, "filterd_dns_queries_total > 1"), "the counter in Prometheus")
    assert found[0]["metric"]["worker"] == "dns-0"
    assert eventually(lambda: found_by(collected, "filterd_ready == 1 and filterd_control_up == 1"), "the gauges")
    # by the next look, where the one before it fell between a query and its answer
    for query in (
        'filterd_dns_answers_total{rcode="noerror"} > 1',
        "histogram_quantile(0.5, filterd_dns_upstream_seconds_bucket) > 0",
        'up{job="filterd"} == 1',
    ):
        assert eventually(partial(found_by, collected, query), query)
    rules = json.loads(got(f"http://{collected}/api/v1/rules")[1])["data"]["groups"][0]["rules"]
    assert [rule["name"] for rule in rules if rule.get("lastError")] == []


@needs_prometheus
def test_promtool_finds_nothing_wrong_with_the_metrics(daemon: Daemon) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=asked(daemon, "/metrics")[1], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_prometheus
def test_promtool_reads_the_alert_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", ALERTS], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert "SUCCESS" in done.stdout


def test_a_box_whose_upstreams_are_all_dead_is_not_ready_and_its_status_exits_with_1(own: Daemon) -> None:
    own.ask("one.test")
    eventually(lambda: is_ready(own), "a box that is ready")
    eventually(own.is_well, "a status without a fault")
    own.upstream.socket.close()

    def is_down() -> bool:
        own.ask("listed.test")
        for at in range(4):
            ask_unanswered(own, f"n{at}.test")
        return asked(own, "/readyz")[0] == 503

    upstream = f"127.0.0.1:{own.upstream.port}"
    eventually(is_down, "the upstream to be down")
    eventually(lambda: f"no upstream answers ({upstream})" in asked(own, "/readyz")[1], "why it is not ready")
    up = f'filterd_upstream_up{{upstream="{upstream}",worker="dns-0"}}'
    for sample in (up, "filterd_ready"):
        eventually(partial(has_value, own, sample, 0), sample)
    status = own.run("status", "--config", str(own.config))
    assert status.returncode == 1
    assert f"  upstream {upstream}: does not answer" in status.stdout
    assert "dns: no upstream answers" in status.stdout


def test_a_box_is_ready_as_its_workers_are_whatever_has_become_of_control(own: Daemon) -> None:
    def signal_to(role: str, number: signal.Signals) -> None:
        os.kill(int((own.folder / f"run/{role}.pid").read_text()), number)

    for part in ("", "/dns"):
        eventually(partial(is_ready, own, part), "a box that is ready")
    assert asked(own, "/readyz/gate")[0] == 404
    signal_to("control-0", signal.SIGSTOP)
    beside = "control: no answer within 1 s; what is in force stays, and nothing new is; see its journal"
    eventually(lambda: asked(own, "/readyz") == (200, f"ok\n{beside}\n"), "control missed")
    eventually(partial(has_value, own, "filterd_ready", 1), "a box that is ready")

    def missed() -> tuple[int, str] | None:
        found = asked(own, "/readyz/dns")
        if found[0] == 503:
            return found
        with contextlib.suppress(FileNotFoundError):  # another worker was there before the first one was missed
            signal_to("dns-0", signal.SIGSTOP)
        return None

    assert present(eventually(missed, "dns missed"))[1].startswith("dns: no worker answers; clients get no answers; ")
    eventually(lambda: asked(own, "/readyz/dns")[0] == 200, "a worker in the place of the one that stands still")
    signal_to("control-0", signal.SIGKILL)


def ask_unanswered(own: Daemon, name: str) -> None:
    """Ask, and do not wait."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.sendto(question(name.encode()), ("127.0.0.1", own.dns))


def test_the_role_does_without_the_libraries_of_the_database() -> None:
    said = "import sys, filterd.commands.roles.metrics; print({'sqlalchemy', 'psycopg'} & sys.modules.keys())"

    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, timeout=300, check=True)

    assert done.stdout == "set()\n"


def test_counters_are_told_while_control_and_web_are_dead(own: Daemon) -> None:
    own.ask("listed.test")
    for role in ("web-0", "control-0"):
        pid = int((own.folder / f"run/{role}.pid").read_text())
        os.kill(pid, signal.SIGSTOP)
    (own.folder / "run/control/control.sock").unlink()

    assert asked(own, "/livez") == (200, "ok\n")
    assert eventually(lambda: value_of(own, "filterd_control_up") == 0, "control to be missed")
    assert value_of(own, 'filterd_dns_queries_total{worker="dns-0"}') == 1
    for role in ("web-0", "control-0"):
        os.kill(int((own.folder / f"run/{role}.pid").read_text()), signal.SIGKILL)
