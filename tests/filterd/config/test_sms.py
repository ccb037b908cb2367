from pathlib import Path

from filterd.config import read_config
from filterd.config.sms import sms_of
from mgmt.portal.sms import Gateway, Outbox


def test_messages_go_to_a_gateway_with_its_secret_or_to_an_outbox_or_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "authorization"
    secret.write_text("Bearer x\n")
    smallest = 'dns: {upstreams: ["192.0.2.53:53"]}\n'

    def found(said: str) -> object:
        return sms_of(read_config((smallest + said).encode(), "x", tmp_path))

    assert found("") is None
    assert found(f"family: {{sms: {{outbox: {tmp_path}}}}}") == Outbox(tmp_path)
    gateway = "gateway: 'https://sms.example/send', form: json, to: msisdn, fields: [from=EXAMPLE]"
    assert found(f"family: {{sms: {{{gateway}, authorization: {secret}}}}}") == Gateway(
        "https://sms.example/send", "msisdn", "text", {"from": "EXAMPLE"}, "Bearer x", is_json=True
    )
