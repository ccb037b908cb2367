"""The desk as a browser meets it: http://localhost, which browsers hold for secure, led to a port of this machine."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from people.served import _running
from sqlalchemy import Engine, update
from support.mgmt import confirmed, ledgers, orders
from support.mgmt.desk import PlayedControl
from support.mgmt.events import events_of
from support.mgmt.published import published
from support.mgmt.signing import VOUCHED, vouch_for

from filterd.control.list_rollbacks import agreed
from filterd.control.records.legal_holds import Moment, look
from mgmt.ledger.event import CONTROL
from mgmt.orders.confirmation.replies import confirm, due
from mgmt.registers.records.block_ledger import BlockRecord, append_blocks
from mgmt.registers.records.holds.scope import Scope
from mgmt.registers.records.wrong_blocks import report_mistake
from mgmt.registers.settings.page_settings import Settings
from mgmt.staff.approvals.proof import Proof
from mgmt.staff.passkeys import Party
from mgmt.staff.people import add_person, list_people
from mgmt.web.desk.app import create_app
from parental.store.database import open_database, reading, writing
from parental.store.schema.orders import approvals, entries

ORIGIN = "http://localhost"
PROOF = Proof(Party(ORIGIN, ""), takes_names=False, vouched=VOUCHED)
FOREIGN = "http://other.localhost"  # the same desk under a name that no passkey of it is for


@dataclass
class DeskSite:
    """rules  for the browser: which name is where;   now  what the desk takes for the time"""

    rules: str
    engine: Engine
    now: datetime

    def add(self, name: str, role: str = "approver") -> str:
        """A new person's code to enrol."""
        with writing(self.engine) as conn:
            return add_person(conn, name.title(), f"{name}@isp.example", role, None, CONTROL, self.now)[1]

    def push(self, value: str) -> int:
        """An order of one entry; its number."""
        with writing(self.engine) as conn:
            return orders.push(conn, value, at=self.now)

    def vouch(self) -> None:
        """Somebody on the box says that all passkeys are whose they are."""
        with writing(self.engine) as conn:
            vouch_for(conn, *list_people(conn))

    def decided(self, order: int) -> list[tuple[str, str | None]]:
        """What control makes of an order's entries, where it asks for passkeys."""
        with writing(self.engine) as conn:
            orders.publish(conn, self.now, proof=PROOF)
            return orders.statuses(conn, order)

    def taken_back(self) -> list[tuple[str, str]]:
        """The lists that control takes back to an earlier version, and to which."""
        with writing(self.engine) as conn:
            found = agreed(conn, PROOF, self.now)
            return [(row.list, row.list_to) for row in found]

    def held(self) -> list[Scope]:
        """What control keeps, although it is old."""
        with writing(self.engine) as conn:
            moment = Moment(self.now, self.now.timestamp(), 1095 * 86_400.0)
            return look(conn, PROOF, moment).scopes

    def lie_of_holds(self) -> None:
        """Write all that a web role which was taken over would write to have every hold in force."""
        said = {"approver": "nobody@isp.example", "approver_group": "approval", "approved_s": int(self.now.timestamp())}
        with writing(self.engine) as conn:
            conn.execute(update(approvals).where(approvals.c.kind == "legal-hold").values(said))

    def blocked(self, *rules: str) -> None:
        """Blocks of these rules, a moment ago."""
        at = int(self.now.timestamp()) - 60
        found = [BlockRecord(at, "dns", "splash", "pta", rule, 0, "adult", "order", 1, 7) for rule in rules]
        with writing(self.engine) as conn:
            append_blocks(conn, found, bytes(32))

    def publish(self) -> None:
        """Statistics of a quarter, once, and a checkpoint of the ledger."""
        with writing(self.engine) as conn:
            published(conn, "2026-Q2")
        ledgers.sign(self.engine)

    def pulled(self) -> list[str]:
        """What the ledger says of pulls."""
        with reading(self.engine) as conn:
            return [event["action"] for event in events_of(conn, "pulls")]

    def answered(self, order: int) -> None:
        """The traffic has verified an order, and control has signed its confirmation."""
        with writing(self.engine) as conn:
            confirmed.verified(conn, order)
            for each in due(conn, 9):
                assert confirm(conn, each, confirmed.SIGNER, self.now + timedelta(seconds=60))

    def lie(self, order: int) -> None:
        """Write all that a web role which was taken over would write to have an order in force."""
        said = {"approver": "nobody@isp.example", "approver_group": "approval", "approved_s": int(self.now.timestamp())}
        with writing(self.engine) as conn:
            conn.execute(update(approvals).where(approvals.c.order == order).values(said))
            conn.execute(update(entries).where(entries.c.order == order).values(status="enforced", generation=1))

    def report(self, name: str) -> str:
        """A visitor reports a wrong block; the reference."""
        with writing(self.engine) as conn:
            found = report_mistake(conn, "category", name, self.now, "Asia/Karachi")
            assert found is not None
            return found.reference

    def wait(self) -> None:
        """Until the next one-time code."""
        self.now += timedelta(seconds=30)

    def said(self) -> list[str]:
        """What the ledger says of staff."""
        with reading(self.engine) as conn:
            return [event["action"] for event in events_of(conn, "staff")]


@contextlib.contextmanager
def desk_site(folder: Path) -> Iterator[DeskSite]:
    """Serve the desk until the end of the block."""
    engine = open_database(folder / "filterd.db")
    site = DeskSite("", engine, datetime(2026, 8, 3, 16, 0, 3, tzinfo=UTC))
    settings = Settings(isp_name="Example ISP", desk_origin=ORIGIN)
    app = create_app(settings, engine, PlayedControl(), lambda: site.now, desk_key=bytes(32))
    with _running(app) as ports:
        site.rules = f"MAP localhost 127.0.0.1:{ports[0]}, MAP other.localhost 127.0.0.1:{ports[0]}"
        yield site
    engine.dispose()


class VirtualKey:
    """Chromium's virtual authenticator of one page, with a person who is always verified."""

    def __init__(self, page: Any) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "usb",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self._id = {"authenticatorId": made["authenticatorId"]}

    def remove(self) -> None:
        """Pull it out."""
        self._session.send("WebAuthn.removeVirtualAuthenticator", self._id)

    def credential(self) -> dict[str, Any]:
        """The one that it holds, with its private key and its counter."""
        (found,) = self._session.send("WebAuthn.getCredentials", self._id)["credentials"]
        return dict(found)

    def become(self, credential: dict[str, Any]) -> None:
        """Hold this one instead."""
        self._session.send("WebAuthn.clearCredentials", self._id)
        self._session.send("WebAuthn.addCredential", {**self._id, "credential": credential})
