from pathlib import Path

import pytest

from filterd.config import read_config
from filterd.config.sms import replies_of, sms_of
from mgmt.web.family.requests.replies import Replies
from mgmt.web.family.sms import Gateway, Outbox


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


def test_answers_come_in_with_a_secret_of_some_length_or_from_a_folder_or_not_at_all(tmp_path: Path) -> None:
    secret = tmp_path / "authorization"
    secret.write_text("Bearer of-the-gateway\n")
    smallest = 'dns: {upstreams: ["192.0.2.53:53"]}\n'

    def found(said: str) -> object:
        config = f"family: {{sms: {{replies: {{{said}}}}}}}"
        return replies_of(read_config((smallest + config).encode(), "x", tmp_path))

    assert found("number: msisdn") is None
    assert found(f"number: msisdn, text: body, authorization: {secret}") == Replies(
        "msisdn", "body", "Bearer of-the-gateway"
    )
    assert found(f"inbox: {tmp_path}") == Replies(inbox=tmp_path)
    secret.write_text("short")
    with pytest.raises(ValueError, match="5 characters; web does not start"):
        found(f"authorization: {secret}")
