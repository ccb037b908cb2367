"""No shape of an Initial, and nothing around it, brings a listed name to a QUIC server (E46 to E55)."""

import pytest
from support.evasion.campaign import PYTHON, Campaign, Field
from support.evasion.proving import assert_reaches, of_rows
from support.evasion.rows import FAMILIES
from support.evasion.segments import Row

from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

ROWS = [*FAMILIES["quic"]]


@pytest.fixture(scope="module")
def campaign(evasion_field: Field) -> Campaign:
    return evasion_field.campaign(ROWS)


@pytest.mark.parametrize("row", of_rows(ROWS))
def test_it_reaches_a_server_where_there_is_no_gate(campaign: Campaign, row: Row) -> None:
    assert_reaches(campaign, row)


@pytest.mark.parametrize("row", of_rows(ROWS))
def test_a_listed_name_never_reaches_a_server(campaign: Campaign, row: Row) -> None:
    assert campaign.escaped(row) == []


@pytest.mark.parametrize("row", of_rows([row for row in ROWS if row.passes]))
def test_another_name_always_reaches_the_server(campaign: Campaign, row: Row) -> None:
    assert campaign.overblocked(row) == []


def test_curl_goes_on_over_tcp_where_quic_is_refused(  # E57
    lab: Lab, internet: Internet, evasion_field: Field
) -> None:
    if "HTTP3" not in lab.run("child", ["curl", "--version"]).stdout:
        pytest.skip("curl here does not speak HTTP/3")
    rules = "from filterd.kernel import Kernel, Rules; kernel = Kernel(); "
    address = lab.addresses.web4
    argv = ["curl", "-s", "-o", "/dev/null", "-m", "5", "--noproxy", "*", "--cacert", str(internet.authority)]
    argv += ["-w", "%{http_code} %{http_version}", "--connect-to", f"::{address}:", "https://www.allowed.test/"]

    def apply(call: str) -> None:
        assert lab.run("gateway", [*PYTHON, "-c", f"{rules}kernel.{call}"]).returncode == 0

    assert lab.run("child", [*argv, "--http3-only"]).stdout == "200 3"
    apply("apply(Rules(refused_udp=(443,)))")
    try:
        assert lab.run("child", [*argv, "--http3"]).stdout.startswith("200 1")
        assert lab.run("child", [*argv, "--http3-only"]).stdout.startswith("000")
    finally:
        apply("remove()")
