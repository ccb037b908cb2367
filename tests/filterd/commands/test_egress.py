import json

import pytest
from support.system.daemon import Daemon, eventually


@pytest.mark.services
def test_a_running_box_gives_its_addresses_as_signed(daemon: Daemon) -> None:
    auditor = daemon.token("auditor")

    assert eventually(lambda: daemon.run("egress", token=auditor).returncode == 0, "a statement")
    said = json.loads(daemon.run("egress", token=auditor).stdout)
    assert said["note"].startswith("filterd-dns-sources/1\n") and len(said["statement"]["gateways"]) == 1
    assert daemon.run("egress", "--format", "csv", token=auditor).stdout.startswith("\ufeffgateway,address,how")
