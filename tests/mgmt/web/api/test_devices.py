import pytest
from support.mgmt.desk import DeskOf, PlayedControl

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.api.devices import ways_of

PATH = "/v1/subscribers/7/devices"


async def test_a_parent_gives_a_device_a_token_renews_it_and_ends_it(desk: DeskOf, control: PlayedControl) -> None:
    parent = desk("parent", 7)

    status, first = await parent.ask("PUT", f"{PATH}/ali-phone")
    assert (status, first["device"], first["receipt"]["generation"]) == (201, "ali-phone", 42)
    _, second = await parent.ask("PUT", f"{PATH}/ali-phone")
    assert len(first["token"]) == len(second["token"]) == 26 and first["token"] != second["token"]
    assert (await parent.ask("GET", PATH))[1] == {"id": 7, "devices": ["ali-phone"]}
    assert (await parent.ask("DELETE", f"{PATH}/ali-phone"))[1]["deleted"]
    assert (await parent.ask("GET", PATH))[1]["devices"] == []
    assert control.asked == ["policy_changed"] * 3


async def test_a_parent_reaches_no_device_of_another_line(desk: DeskOf) -> None:
    for method, path in (("GET", ""), ("PUT", "/a"), ("DELETE", "/a")):
        assert (await desk("parent", 7).ask(method, f"/v1/subscribers/8/devices{path}"))[0] == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/subscribers/99/devices", 404),
        ("PUT", "/v1/subscribers/99/devices/a", 404),
        ("DELETE", f"{PATH}/none", 404),
        ("PUT", f"{PATH}/Ali", 422),
    ],
)
async def test_what_is_not_there_or_no_name_is_told(desk: DeskOf, method: str, path: str, status: int) -> None:
    said = await desk("operator").ask(method, path)

    assert said[0] == status and said[1]["detail"]


def test_a_token_comes_with_what_to_write_into_the_device() -> None:
    assert ways_of("t", Settings(dns_name="dns.isp.example")) == {
        "tls": "t.dns.isp.example",
        "https": "https://dns.isp.example/dns-query/t",
    }
    assert ways_of("t", Settings()) == {"tls": None, "https": None}
