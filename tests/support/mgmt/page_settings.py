"""Settings of pages that two persons of the desk have signed, before control has looked at them."""

from datetime import datetime

from sqlalchemy import Connection
from support.mgmt.orders import NOW
from support.mgmt.signing import Signer, signed

from mgmt.registers.settings.page_settings import Helpline, Settings
from mgmt.registers.settings.proposals import Words, propose_settings
from mgmt.registers.settings.shapes import DeskSettings
from mgmt.web.splash.canned import check_pages

OF_FILE = Settings()
HELPED = DeskSettings(helplines=(Helpline("0800-77777", "shelter", "پناہ گاہ"),))


def proposed_settings(conn: Connection, by: Signer, said: DeskSettings = HELPED, at: datetime = NOW) -> int:
    """A proposal that nobody has signed; its number."""
    words = Words(by.person.mail, "a shelter has opened", "T-1")
    return int(propose_settings(conn, OF_FILE, said, words, "token 1", at, check_pages).id)


def signed_settings(
    conn: Connection, first: Signer, second: Signer, said: DeskSettings = HELPED, at: datetime = NOW
) -> int:
    """One that both have signed; its number."""
    number = proposed_settings(conn, first, said, at)
    assert signed(conn, number, first, second, at=at) is None
    return number
