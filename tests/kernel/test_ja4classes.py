"""Real clients through a gate that counts hellos by class: the class of the fingerprint that tshark gives them."""

from pathlib import Path

import pytest
from support.evasion.campaign import gate
from support.gate.tshark import ja4_of

from fastpath.report.counters import read_classes
from filterd.lab.clients import fetch
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("family", ["web4", "web6"])
def test_curl_is_of_its_class_and_openssl_of_none(lab: Lab, internet: Internet, tmp_path: Path, family: str) -> None:
    address = getattr(lab.addresses, family)

    def curl() -> int:
        return fetch(lab, "child", "https://allowed.test/", address, ["--cacert", str(internet.authority)]).code

    def openssl() -> int:
        place = f"[{address}]:443" if ":" in address else f"{address}:443"
        argv = ["openssl", "s_client", "-connect", place, "-servername", "allowed.test", "-brief"]
        return lab.run("child", argv).returncode

    folder = tmp_path / "gate"
    folder.mkdir()
    (folder / "ja4.txt").write_text(f"{ja4_of(lab, tmp_path / 'curl.pcapng', curl)} curl\n")
    with gate(lab, folder) as running:
        assert read_classes(folder / "counters") == {"other": 0, "curl": 0}
        assert curl() == 200
        assert openssl() == 0
        wait_until(lambda: sum(read_classes(folder / "counters").values()) == 2, "two hellos")
    assert read_classes(folder / "counters") == {"other": 1, "curl": 1}
    assert running.counted("events") == 0
