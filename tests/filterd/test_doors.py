from filterd.config import read_config
from filterd.doors import settings_of


def test_the_doors_are_told_what_the_configuration_says(tmp_path):
    said = b"""
isp: {name: Example ISP, url: "https://isp.example", contact: help@isp.example}
dns: {upstreams: ["192.0.2.53:53"]}
api: {certificate: c.pem, key: k.pem}
protected: {names: [isp.example]}
parental: {timezone: Europe/Berlin}
state_dir: state
"""
    (tmp_path / "state").mkdir()

    settings = settings_of(read_config(said, "x", tmp_path))

    assert (settings.isp_name, settings.isp_url) == ("Example ISP", "https://isp.example")
    assert (settings.isp_contact, settings.zone) == ("help@isp.example", "Europe/Berlin")
    assert settings.has_tls
    assert settings.protected_names == ("isp.example",)
    assert len(settings.pseudonym_key) == 32
