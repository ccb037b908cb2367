"""No cut, order, decoy, fragment, spelling or shape brings a listed name to a server.

E01 to E63 of docs/reference/evasions.md.
"""

import functools
from collections.abc import Callable

import pytest
from support.evasion.campaign import NAMES, Campaign, Field
from support.evasion.rows import FAMILIES
from support.evasion.segments import Row
from support.gate.program import in_kernel

from filterd.kernel.firewall import Kernel
from filterd.kernel.ruleset import Rules
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

CampaignOf = Callable[[str, str], Campaign]
ROWS = [pytest.param(family, row, id=row.name) for family, rows in FAMILIES.items() for row in rows]
PASSING = [pytest.param(family, row, id=row.name) for family, rows in FAMILIES.items() for row in rows if row.passes]


ROUTINGS = pytest.mark.parametrize("routing", ["symmetric", "asymmetric"])


@pytest.fixture(scope="module")
def campaign_of(evasion_field: Field) -> CampaignOf:
    """The rows of a family, played the first time that somebody asks; without a gate, once."""
    without_gate = functools.cache(lambda family: evasion_field.without_gate(FAMILIES[family]))
    return functools.cache(
        lambda family, routing: evasion_field.campaign(FAMILIES[family], without_gate(family), routing)
    )


@pytest.mark.parametrize(("family", "row"), ROWS)
def test_it_reaches_a_server_where_there_is_no_gate(campaign_of: CampaignOf, family: str, row: Row) -> None:
    """Some server completes all cases of the row, or none any: then it is said so in the row."""
    n_cases = len(row.bases) * len(row.framings) * len(NAMES)
    n_reached = {server: len(cases) for server, cases in campaign_of(family, "symmetric").reached(row).items()}
    if row.reaches:
        assert max(n_reached.values()) == n_cases, n_reached
    else:
        assert set(n_reached.values()) == {0}


@ROUTINGS
@pytest.mark.parametrize(("family", "row"), ROWS)
def test_a_listed_name_never_reaches_a_server(campaign_of: CampaignOf, routing: str, family: str, row: Row) -> None:
    if row.is_lost_unseen and routing == "asymmetric":
        pytest.skip("nothing proves what the server has received")
    assert campaign_of(family, routing).escaped(row) == []


@ROUTINGS
@pytest.mark.parametrize(("family", "row"), PASSING)
def test_another_name_always_reaches_the_server(campaign_of: CampaignOf, routing: str, family: str, row: Row) -> None:
    assert campaign_of(family, routing).overblocked(row) == []


def test_curl_goes_on_over_tcp_where_quic_is_refused(  # E57
    lab: Lab, internet: Internet, evasion_field: Field
) -> None:
    if "HTTP3" not in lab.run("child", ["curl", "--version"]).stdout:
        pytest.skip("curl here does not speak HTTP/3")
    address = lab.addresses.web4
    argv = ["curl", "-s", "-o", "/dev/null", "-m", "5", "--noproxy", "*", "--cacert", str(internet.authority)]
    argv += ["-w", "%{http_code} %{http_version}", "--connect-to", f"::{address}:", "https://www.allowed.test/"]

    # The recorder still times out what the rows before have left half open: its first answers may be late.
    assert "200 3" in (lab.run("child", [*argv, "--http3-only"]).stdout for _ in range(6))
    in_kernel(lab, lambda kernel: kernel.apply(Rules(refused_udp=(443,))))
    try:
        assert lab.run("child", [*argv, "--http3"]).stdout.startswith("200 1")
        assert lab.run("child", [*argv, "--http3-only"]).stdout.startswith("000")
    finally:
        in_kernel(lab, Kernel.remove)
