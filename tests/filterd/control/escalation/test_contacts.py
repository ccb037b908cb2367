"""Who gets which alarms, as the configuration says it."""

from pathlib import Path

from filterd.config import read_config
from filterd.control.escalation.contacts import contacts_of, find_contact, receiver_of, shown
from mgmt.orders.deadlines.clock import Alarm
from mgmt.orders.deadlines.notices import Contact

SAID = b"""
dns: {upstreams: ["192.0.2.53:53"]}
orders:
  mail: {server: "mail.isp.example:587", sender: filterd@isp.example}
  contacts:
    - {role: compliance, mail: c@isp.example}
    - {role: engineer, mail: e@isp.example}
    - {role: engineer, webhook: "https://h.example/x", least: overdue}
"""


def test_a_role_has_its_first_alarm_and_a_contact_may_have_another(tmp_path: Path) -> None:
    orders = read_config(SAID, "x", tmp_path).orders

    assert contacts_of(orders) == [
        Contact("mail c@isp.example", Alarm.HALF),
        Contact("mail e@isp.example", Alarm.NEARLY),
        Contact("webhook https://h.example/x", Alarm.OVERDUE),
    ]
    assert [find_contact(orders, receiver_of(each)) for each in orders.contacts] == list(orders.contacts)
    assert find_contact(orders, "mail gone@isp.example") is None


def test_the_status_names_the_place_of_a_webhook_and_not_the_secret_in_its_path() -> None:
    assert shown("webhook https://hooks.example:8443/T0/secret?key=1") == "webhook https://hooks.example:8443"
    assert shown("mail desk@isp.example") == "mail desk@isp.example"
