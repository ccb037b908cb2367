import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from support.system.daemon import Daemon
from support.system.ports import free_port


def get(url: str, token: str) -> Any:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.services
def test_the_api_knows_control_through_its_socket(daemon: Daemon) -> None:
    said = get(f"http://127.0.0.1:{daemon.api}/v1/status", daemon.token("operator"))

    assert said["control"]["ok"]
    assert [worker["name"] for worker in said["control"]["workers"]] == ["dns-0"]


@pytest.mark.services
def test_a_wrong_token_is_refused(daemon: Daemon) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(f"http://127.0.0.1:{daemon.api}/v1/status", "nonsense")

    with caught.value as answer:
        assert answer.code == 401


@pytest.mark.services
def test_each_door_has_a_listener_and_names_of_its_own(tmp_path: Path) -> None:
    daemon, port = Daemon(tmp_path), free_port()
    said = json.loads(daemon.config.read_text())
    said["family"] = {"listen": [f"127.0.0.1:{port}"], "certificate": "dns.pem", "key": "dns.key"}
    daemon.config.write_text(json.dumps(said))
    daemon.start()
    try:
        desk, family = f"http://127.0.0.1:{daemon.api}", f"https://127.0.0.1:{port}"
        answers = [
            status_of(f"{desk}/v1/status"),
            status_of(f"{desk}/family"),
            status_of(f"{desk}/v1/status", "dns.test"),
            status_of(f"{family}/family"),
            status_of(f"{family}/family", "dns.test"),
            status_of(f"{family}/family", "evil.example"),
        ]
    finally:
        daemon.stop()

    assert answers == [401, 404, 421, 200, 200, 421]


def status_of(url: str, host: str | None = None) -> int:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code
