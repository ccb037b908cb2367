"""What takes messages to caregivers, from the configuration; apart, as only the web role speaks HTTP."""

from filterd.config import Config
from mgmt.web.family.requests.replies import Replies
from mgmt.web.family.sms import Gateway, Outbox, Sms

LEAST_SECRET = 16  # characters; "Bearer " is seven of them, and a guess is free


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


def replies_of(config: Config) -> Replies | None:
    """How caregivers' answers come in; None: they do not.   Raises OSError, ValueError"""
    said = config.family.sms.replies
    if said.authorization is None and said.inbox is None:
        return None
    secret = None if said.authorization is None else said.authorization.read_text().strip()
    if secret is not None and len(secret) < LEAST_SECRET:
        raise ValueError(
            f"/family/sms/replies/authorization: {len(secret)} characters; web does not start; write {LEAST_SECRET}"
        )
    return Replies(said.number, said.text, secret, said.inbox)
