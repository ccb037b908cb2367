"""What takes messages to caregivers, from the configuration; apart, as only the web role speaks HTTP."""

from filterd.config import Config
from mgmt.portal.sms import Gateway, Outbox, Sms


def sms_of(config: Config) -> Sms | None:
    """What takes messages to caregivers; None: nothing is configured.   Raises OSError"""
    said = config.family.sms
    if said.outbox is not None:
        return Outbox(said.outbox)
    if said.gateway is None:
        return None
    authorization = None if said.authorization is None else said.authorization.read_text().strip()
    fields = dict(each.split("=", 1) for each in said.fields)
    return Gateway(said.gateway, said.to, said.text, fields, authorization, is_json=said.form == "json")
