import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from support.system.daemon import Daemon


def get(url: str, token: str) -> Any:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
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
