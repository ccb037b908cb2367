from pathlib import Path

import pytest

from filterd.config import read_config
from filterd.config.family import door_names, door_pages, door_places


@pytest.mark.parametrize(
    ("said", "pages"),
    [
        (
            "family: {listen: ['192.0.2.3:443'], certificate: c, key: k, hosts: [f.example]}",
            {"f.example": "https://f.example"},
        ),
        (
            "family: {listen: ['192.0.2.3:8443'], certificate: c, key: k, hosts: [f.example, g.example]}",
            {"f.example": "https://f.example:8443", "g.example": "https://g.example:8443"},
        ),
        (
            "family: {listen: ['127.0.0.1:8081'], hosts: [f.example], addresses: ['192.0.2.3:443']}",
            {"f.example": "https://f.example"},
        ),
        (
            "family: {listen: ['192.0.2.3:8081'], cleartext: true, hosts: [f.example]}",
            {"f.example": "http://f.example:8081"},
        ),
        ("family: {hosts: [f.example], addresses: ['192.0.2.3:80']}", {}),  # it would come back to who sends it there
        (
            "api: {listen: ['192.0.2.3:443'], certificate: c, key: k, hosts: [a.example]}",
            {"a.example": "https://a.example"},
        ),
        ("api: {hosts: [a.example]}", {}),  # no line reaches it
    ],
)
def test_a_browser_finds_the_pages_by_each_name_of_the_door(said: str, pages: dict[str, str]) -> None:
    config = read_config(f"dns: {{upstreams: ['192.0.2.53:53']}}\n{said}\n".encode(), "x", Path("/etc/filterd"))

    assert door_pages(config.family, config.api) == pages
    assert set(pages) <= set(door_names(config.family, config.api))
    assert all(place.host == "192.0.2.3" for place in door_places(config.family, config.api))
