from ipaddress import IPv4Address

import pytest
from support.netspace import in_a_network_of_its_own, run_ip

from filterd.config import read_config
from filterd.errors import WrongUse
from filterd.roles.dns import live, splash_of_config


def config(tmp_path, splash):
    return read_config(f"dns: {{upstreams: ['192.0.2.53:53']}}\nsplash: {splash}\n".encode(), "x", tmp_path)


def test_the_splash_is_where_the_configuration_says(tmp_path):
    splash = splash_of_config(config(tmp_path, "{address4: 192.0.2.1}"))

    assert (splash.v4, splash.v6) == (IPv4Address("192.0.2.1"), None)


@pytest.mark.kernel
def test_a_role_whose_upstream_is_this_box_does_not_start(tmp_path):
    written = "{listen: ['0.0.0.0:53'], upstreams: ['192.0.2.53:53']}"
    loaded = read_config(f"dns: {written}\nstate_dir: state\nrun_dir: run\n".encode(), "x", tmp_path)

    async def start():
        run_ip("address", "add", "192.0.2.53/32", "dev", "lo")
        await live(loaded, tmp_path / "x", 0)

    with pytest.raises(WrongUse, match=r"dns upstream 192\.0\.2\.53:53: it is this box, .*; not started; name"):
        in_a_network_of_its_own(start)


@pytest.mark.services
def test_a_listed_name_is_answered_with_the_splash_and_another_by_the_upstream(daemon):
    assert daemon.ask("www.listed.test") == (0, bytes((192, 0, 2, 1)))
    assert daemon.ask("allowed.test") == (0, bytes((198, 51, 100, 7)))
