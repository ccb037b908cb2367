from ipaddress import IPv4Address

import pytest

from filterd.config import read_config
from filterd.roles.dns import splash_of_config


def config(tmp_path, splash):
    return read_config(f"dns: {{upstreams: ['192.0.2.53:53']}}\nsplash: {splash}\n".encode(), "x", tmp_path)


def test_the_splash_is_where_the_configuration_says(tmp_path):
    splash = splash_of_config(config(tmp_path, "{address4: 192.0.2.1}"))

    assert (splash.v4, splash.v6) == (IPv4Address("192.0.2.1"), None)


@pytest.mark.services
def test_a_listed_name_is_answered_with_the_splash_and_another_by_the_upstream(daemon):
    assert daemon.ask("www.listed.test") == (0, bytes((192, 0, 2, 1)))
    assert daemon.ask("allowed.test") == (0, bytes((198, 51, 100, 7)))
