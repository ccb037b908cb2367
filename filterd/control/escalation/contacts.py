"""Contacts of the configuration, as alarms and messages name them."""

from urllib.parse import urlsplit

from filterd.config.orders import Contact as Said
from filterd.config.orders import Orders
from mgmt.orders.base.deadline_rules import LEAST_OF_ROLES
from mgmt.orders.deadlines.clock import Alarm
from mgmt.orders.deadlines.notices import MAIL, WEBHOOK, Contact


def contacts_of(orders: Orders) -> list[Contact]:
    """Everyone who gets alarms."""
    return [Contact(receiver_of(each), Alarm(each.least or LEAST_OF_ROLES[each.role])) for each in orders.contacts]


def receiver_of(said: Said) -> str:
    """One name for an address, as the database keeps it."""
    return f"{MAIL} {said.mail}" if said.mail is not None else f"{WEBHOOK} {said.webhook}"


def shown(receiver: str) -> str:
    """A receiver as the status names it: of a webhook the place alone, since who knows the rest may post there, too."""
    kind, _, where = receiver.partition(" ")
    parts = urlsplit(where)
    return receiver if kind == MAIL else f"{kind} {parts.scheme}://{parts.netloc}"


def find_contact(orders: Orders, receiver: str) -> Said | None:
    """The contact with this name; None: it has been taken out of the configuration."""
    return next((each for each in orders.contacts if receiver_of(each) == receiver), None)
