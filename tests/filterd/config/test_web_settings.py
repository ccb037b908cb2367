from datetime import date, timedelta
from pathlib import Path

from filterd.config import read_config
from filterd.config.web_settings import settings_of
from mgmt.orders.base.deadline_rules import DEADLINES, Deadline
from mgmt.registers.settings.page_settings import HELPLINES, Complaint, Helpline, Settings, StopPage


def test_the_doors_are_told_what_the_configuration_says(tmp_path: Path) -> None:
    said = b"""
isp: {name: Example ISP, url: "https://isp.example", contact: help@isp.example}
dns: {upstreams: ["192.0.2.53:53"]}
api: {certificate: c.pem, key: k.pem}
protected: {names: [isp.example]}
parental: {timezone: Europe/Berlin}
family: {audio: /srv/audio}
"""

    settings = settings_of(read_config(said, "x", tmp_path))

    assert (settings.isp_name, settings.isp_url) == ("Example ISP", "https://isp.example")
    assert (settings.isp_contact, settings.zone) == ("help@isp.example", "Europe/Berlin")
    assert settings.has_tls
    assert settings.audio == Path("/srv/audio")
    assert settings.protected_names == ("isp.example",)


def test_deadlines_of_orders_replace_the_default_as_a_whole(tmp_path: Path) -> None:
    said = b"""
dns: {upstreams: ["192.0.2.53:53"]}
orders: {deadlines: [{within: 6h, issuer: PTA, kind: emergency, since: 2027-01-01}]}
"""

    (found,) = settings_of(read_config(said, "x", tmp_path)).clocks.deadlines

    assert found == Deadline(timedelta(hours=6), "PTA", "emergency", date(2027, 1, 1))
    default = settings_of(read_config(b"dns: {upstreams: ['192.0.2.53:53']}", "x", tmp_path)).clocks
    assert default.deadlines == DEADLINES


def test_what_pages_name_is_the_configurations_own_with_its_day(tmp_path: Path) -> None:
    said = b"""
isp: {name_ur: "\xd8\xa7\xd8\xa8"}
dns: {upstreams: ["192.0.2.53:53"]}
splash:
  host: why.isp.example
  help_host: help.isp.example
  first_language: en
  report_url: report.example
  complaints: [{to: a@authority.example, verified_on: 2026-08-01}]
  stop_page: {owner: An owner, contact: b@list.example, law: A law, log: recorded, verified_on: 2026-08-02}
"""

    settings = settings_of(read_config(said, "x", tmp_path))

    assert (settings.isp_name_ur, settings.first_language, settings.report_url) == ("اب", "en", "report.example")
    assert (settings.why_host, settings.help_host) == ("why.isp.example", "help.isp.example")
    assert settings.complaints == (Complaint("a@authority.example", date(2026, 8, 1)),)
    assert settings.stop_page == StopPage(
        owner="An owner", contact="b@list.example", law="A law", log="recorded", verified_on=date(2026, 8, 2)
    )


def test_what_is_left_out_is_as_the_pages_have_it(tmp_path: Path) -> None:
    settings = settings_of(read_config(b"dns: {upstreams: ['192.0.2.53:53']}\n", "x", tmp_path))

    assert (settings.complaints, settings.stop_page, settings.report_url) == (
        Settings().complaints,
        Settings().stop_page,
        Settings().report_url,
    )


def test_the_doors_need_no_file_of_the_state(tmp_path: Path) -> None:
    said = b"dns: {upstreams: ['192.0.2.53:53']}\nstate_dir: state\n"

    settings_of(read_config(said, "x", tmp_path))

    assert not (tmp_path / "state").exists()


def test_a_tap_enforces_no_url_and_without_dns_no_name(tmp_path: Path) -> None:
    tap = "dns: {upstreams: ['192.0.2.53:53'], workers: %d}\ngate: {mode: tap, tap_interfaces: [eth1]}\n"
    beside_dns, alone = (settings_of(read_config((tap % n).encode(), "x", tmp_path)) for n in (1, 0))

    assert (beside_dns.has_gate, beside_dns.stops_names) == (False, True)
    assert (alone.has_gate, alone.stops_names) == (False, False)


def test_what_can_be_closed_is_what_a_list_or_the_gate_of_this_box_enforces(tmp_path: Path) -> None:
    said = """
dns: {upstreams: ['192.0.2.53:53']}
gate: {workers: %d}
lists:
  - {format: plain, id: a, file: a.txt, tier: category, category: adult}
  - {format: plain, id: y, file: "shipped:youtube", tier: service, service: youtube}
  - {format: plain, id: t, file: t.txt, tier: category, category: gambling, action: shadow}
  - {format: plain, id: m, file: m.txt, tier: security}
"""
    gated, dns_alone = (settings_of(read_config((said % n).encode(), "x", tmp_path)) for n in (1, 0))

    assert gated.closable == {"adult", "youtube", "quic", "undecidable"}
    assert dns_alone.closable == {"adult", "youtube"}


def test_helplines_that_are_written_replace_the_default_and_none_may_be_left(tmp_path: Path) -> None:
    said = "dns: {upstreams: ['192.0.2.53:53']}\n"
    written = said + "helplines: [{number: 0800-1, name_en: Help, name_ur: مدد, verified_on: 2026-11-02}]\n"
    default, own, none = (
        settings_of(read_config(text.encode(), "x", tmp_path)).helplines
        for text in (said, written, said + "helplines: []\n")
    )

    assert default == HELPLINES
    assert own == (Helpline("0800-1", "Help", "مدد", verified_on=date(2026, 11, 2)),)
    assert none == ()
