"""What the configuration says of orders' deadlines, and what it may not say."""

from pathlib import Path

import pytest

from filterd.config import BadConfig, read_config

DNS = "dns: {upstreams: ['192.0.2.53:53']}\n"


def faults(tmp_path: Path, orders: str) -> str:
    with pytest.raises(BadConfig) as caught:
        read_config(f"{DNS}orders: {orders}".encode(), "x", tmp_path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("{deadlines: [{kind: routine}]}", "/orders/deadlines/0/within"),
        ("{deadlines: [{within: 10s}]}", "out of range"),
        ("{deadlines: [{within: 2h, kind: urgent}]}", "/orders/deadlines/0/kind"),
        ("{deadlines: [{within: 2h, since: soon}]}", "'soon' is not a day"),
    ],
)
def test_a_deadline_that_is_none_is_refused_with_its_place(tmp_path: Path, said: str, fault: str) -> None:
    assert fault in faults(tmp_path, said)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("{canary: {gateway: gw1, name: gw2}}", "'gw1' shares no database with this gateway: no order would come in"),
        ("{canary: {gateway: gw1, lasts: 2d}}", "/orders/canary/lasts"),
        ("{canary: {gateway: gw1, most_blocks: -1}}", "/orders/canary/most_blocks"),
    ],
)
def test_a_canary_that_cannot_be_is_refused_with_its_place(tmp_path: Path, said: str, fault: str) -> None:
    assert fault in faults(tmp_path, said)


MAIL = "mail: {server: 'mail.isp.example:587', sender: f@isp.example"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("{contacts: [{role: compliance}]}", "a contact needs one of mail and webhook"),
        (
            f"{{{MAIL}}}, contacts: [{{role: engineer, mail: a@b.example, webhook: 'https://h.example/'}}]}}",
            "one of mail",
        ),
        ("{contacts: [{role: compliance, mail: a@b.example}]}", "no server that takes mails"),
        ("{contacts: [{role: support, webhook: 'https://h.example/'}]}", "/orders/contacts/0/role"),
        ("{contacts: [{role: compliance, webhook: 'http://h.example/'}]}", "write https://"),
        ("{contacts: [{role: compliance, webhook: 'https://u:p@h.example/'}]}", "a URL with a password in it"),
        ("{contacts: [{role: compliance, webhook: 'http://localhost/', ca: c.pem}]}", "/orders/contacts/0/ca"),
        ("{mail: {server: 'mail.isp.example:25'}}", "mails without a sender"),
        ("{mail: {server: mail.isp.example, sender: f@isp.example}}", "/orders/mail/server"),
        (f"{{{MAIL}, user: u}}}}", "a user without a password"),
        (f"{{{MAIL}, security: none}}}}", "mails would cross the network readable"),
        ('{mail: {sender: "a@b.example\\nBcc: c@d.example"}}', "is not an e-mail address"),
    ],
)
def test_a_contact_or_a_server_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, said: str, fault: str
) -> None:
    assert fault in faults(tmp_path, said)


@pytest.mark.parametrize(
    ("written", "server"),
    [
        ("mail.isp.example:587", "mail.isp.example:587"),
        ("Mail.ISP.example:25", "mail.isp.example:25"),
        ("192.0.2.25:25", "192.0.2.25:25"),
        ("[2001:db8::25]:25", "[2001:db8::25]:25"),
    ],
)
def test_a_mail_server_is_a_host_or_an_address_with_its_port(tmp_path: Path, written: str, server: str) -> None:
    said = f"{DNS}orders: {{mail: {{server: '{written}', sender: f@isp.example}}}}".encode()

    assert read_config(said, "x", tmp_path).orders.mail.server == server
