"""Every route × role × own and foreign things, against the running application."""

import base64
import functools
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, update
from support.lists.sealed import new_seal
from support.mgmt.confirmed import SIGNER, answer
from support.mgmt.desk import EARLIER, GOOD, NOW, Client, Clock, Desk, DeskOf, TokenOf
from support.mgmt.signing import ORIGIN, answer_of, proposed, signer
from support.present import present

from mgmt.ledger.event import CONTROL
from mgmt.orders import store as orders
from mgmt.orders.approvals import Proposal
from mgmt.orders.base.judge import judge_entries, parse_order
from mgmt.orders.base.letter_file import File, keep_file
from mgmt.registers.egress.statement import Gateway, Source
from mgmt.registers.egress.store import tell
from mgmt.registers.lawful.store import AuthorityLetter, record
from mgmt.registers.lawful.store import Signer as LawfulSigner
from mgmt.registers.records.holds.proposals import NewHold, propose_hold
from mgmt.registers.records.holds.scope import Scope
from mgmt.registers.records.wrong_blocks import report_mistake
from mgmt.registers.settings.page_settings import Settings
from mgmt.staff.issuers import Issuer, put_issuer
from mgmt.staff.permissions import HOUSEHOLD_ROLES, PERMISSIONS, ROLES, Reach
from mgmt.staff.tokens import TokenRequest, make_token, revoke_token
from mgmt.web.desk.app import ROUTES
from mgmt.web.desk.frame import TABS
from mgmt.web.desk.lawful import AGREE
from mgmt.web.kit.auth import Principal, Route, find_principal, guarded
from parental.calendar import exceptions, plans, screen_time, tickets, weeks
from parental.calendar.card import Card, Kind
from parental.people import caregivers, children, devices
from parental.people.caregivers import Caregiver
from parental.people.household import By
from parental.policy import subscribers as store
from parental.policy.profile import Profile, Span
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, upsert, writing
from parental.store.errors import DatabaseFull
from parental.store.schema import metadata
from parental.store.schema.access import family_pins, tokens
from parental.store.schema.records import legal_holds
from rules.base.protected import ProtectedNames

OWN, FOREIGN = "own", "foreign"
LINES = {OWN: 7, FOREIGN: 8}
ISSUERS = {OWN: "PTA", FOREIGN: "court"}
CARD = {"kind": "sleep", "from": "9 pm", "to": "6 am"}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/orders/{ref}/withdraw": {"reason": "a letter"},
    "/v1/orders/id/{id}/withdraw": {"reason": "a letter"},
    "/v1/subscribers/{id}": {"label": "Home", "prefixes": []},
    "/v1/subscribers/{id}/schedule": {"zone": "Asia/Karachi"},
    "/v1/reports/{reference}/answer": {"outcome": "kept"},
    "/v1/accounts/{id}/children": {"nickname": "Sana"},
    "/v1/accounts/{id}/caregivers": {"nickname": "Sana", "role": "parent"},
    "/v1/accounts/{id}/caregivers/{caregiver}": {"role": "helper"},
    "/v1/provisioning": {"rows": []},
    "/v1/lawful-requests/{id}/answer": {"answer": "nothing"},
    "/v1/accounts/{id}/profiles/{profile}/cards": CARD,
    "/v1/accounts/{id}/profiles/{profile}/cards/{card}": CARD,
    "/v1/accounts/{id}/profiles/{profile}/open-until": {"until": "2026-08-04T00:00:00Z"},
    "/v1/accounts/{id}/profiles/{profile}/closed-until": {"until": "2026-08-04T00:00:00Z"},
    "/v1/accounts/{id}/profiles/{profile}/quota": {"minutes": 60},
    "/v1/dates": {"dates": []},
}
OF_ITS_OWN = (("GET", "/v1/orders"), ("GET", "/v1/order-statistics"))  # they name nobody's; a token sees its own
UNSIGNED = 404  # what control has not signed yet: the route was open


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, desk_origin=ORIGIN)


class Times:
    """Of a household: a child that a card closes, with a quota and an exception; screen time of the line; tickets."""

    def __init__(self, conn: Connection, account: int, child: int) -> None:
        self.profile = children.get_child(conn, account, child).profile
        self.card = plans.put_card(conn, self.profile, Card(Kind.SLEEP, 0, 1440)).id
        weeks.renew(conn, [self.profile], NOW)
        for each in exceptions.held(conn, self.profile, NOW):
            exceptions.undo(conn, self.profile, each.id)
        span = Span(int(NOW.timestamp()), int(NOW.timestamp()) + 60, "open_until")
        self.exception = exceptions.add(conn, self.profile, span, By("token", "1"), NOW)
        for number in (self.profile, account):
            screen_time.put_quota(conn, number, 60, NOW)
        screen_time.start(conn, account, NOW)
        good, spare = tickets.issue(conn, account, 2, 30, NOW)
        self.code, self.spare = good.code, spare.id


@functools.cache
def sealed_message() -> str:
    """Entries that came encrypted: OpenPGP in base64."""
    return base64.b64encode(new_seal().close("a.test\n")).decode()


class Things:
    """What a route can be asked about, new after each that changes something.

    Lines, people and orders, own and foreign; a report; a token."""

    def __init__(self, engine: Engine, role: str, n: int) -> None:
        self.role, self.n = role, n
        self.orders: dict[str, int] = {}
        self.children: dict[str, int] = {}
        self.invited: dict[str, tuple[Caregiver, str]] = {}
        self.times: dict[str, Times] = {}
        with writing(engine) as conn:
            for whose, number in LINES.items():
                store.put_line(conn, Subscriber(number, "Home", (parse_prefix(f"192.0.2.{number}"),)))
                devices.put_device(conn, number, "phone")
                put = upsert(conn, family_pins).values(account=number, hash="", set_s=0, wrong=0, waits_until_s=0)
                conn.execute(put.on_conflict_do_nothing())
                self.children[whose] = self._child(conn, number)
                self.times[whose] = Times(conn, number, self.children[whose])
                self.invited[whose] = caregivers.invite(conn, number, "Ali", "parent", NOW)
                order = parse_order(json.dumps(self.order(whose, f"ref{n}")).encode())
                judged = list(judge_entries(order, ProtectedNames(())))
                self.orders[whose] = orders.put_order(conn, order, judged, b"", NOW, CONTROL)
                answer(conn, self.orders[whose])
                keep_file(conn, self.orders[whose], File("letter.csv", 0, b"", "utf-8"))
            self.report = present(report_mistake(conn, "security", f"{n}.example", NOW, "UTC")).reference
            self.approval = self._proposal(conn)
            self.hold = self._hold(conn)
            self.request = self._lawful_request(conn)
            self.spare = make_token(conn, TokenRequest(("auditor",)), CONTROL, NOW).number

    def _child(self, conn: Connection, account: int) -> int:
        for each in children.children_of(conn, account):
            children.remove_child(conn, account, each.id)
        for found in caregivers.caregivers_of(conn, account):
            caregivers.remove_caregiver(conn, account, found.id)
        child = children.add_child(conn, account, {"nickname": "Ali"}, Profile())
        children.assign_line(conn, account, account, child)
        return child.id

    def _proposal(self, conn: Connection) -> int:
        """Of a person of the desk, whose passkey signs it."""
        self.key = signer(conn, f"amna{self.n}", "compliance")
        words = Proposal(kind="held", number=1, reason="r", reference="r", collateral="c", expires=NOW + timedelta(9))
        number = proposed(conn, self.orders[OWN], words, self.key, NOW)
        self.signature = answer_of(conn, number, self.key)
        return number

    def _hold(self, conn: Connection) -> int:
        """One that has begun, as control writes it."""
        wanted = NewHold(Scope(0, 1), "r", "r", NOW + timedelta(9))
        hold = int(propose_hold(conn, wanted, self.key.person.mail, "desk", NOW).hold)
        conn.execute(update(legal_holds).values(begun_ms=1))
        return hold

    def _lawful_request(self, conn: Connection) -> int:
        """One without an answer; and a gateway has said from where it asks."""
        tell(conn, Gateway("gw1", [Source("192.0.2.1", "route")], is_whole=True), SIGNER, NOW)
        asked = AuthorityLetter(**self.letter(f"WP {self.n}"))
        return int(record(conn, asked, LawfulSigner(CONTROL), NOW, NOW.date()).id)

    def letter(self, reference: str) -> dict[str, str]:
        said = {"authority": "a court", "reference": reference, "basis": "a law"}
        return {**said, "kind": "records", "issued": NOW.date().isoformat()}

    def proposal(self) -> dict[str, Any]:
        until = {"until": (NOW + timedelta(days=9)).isoformat()}
        said = {"order": self.orders[OWN], "entry": 1, "kind": "held", "proposer": self.key.person.mail}
        return {**said, **until, "reason": "r", "reference": "r", "collateral": "c"}

    def order(self, whose: str, ref: str) -> dict[str, Any]:
        said = {"issuer": ISSUERS[whose], "ref": ref, "ground": "a law", "scope": "exact"}
        return {**said, "entries": [f"{whose}.example"]}

    def form(self, whose: str) -> bytes:
        """An order as a file."""
        said = {"issuer": ISSUERS[whose], "ref": f"new{self.n}", "ground": "a law", "file": f"{whose}.example"}
        parts = (f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in said.items())
        return "\r\n".join((*parts, "--x--\r\n")).encode()

    def headers(self, route: Route) -> dict[str, str]:
        kind = "application/json" if route.contract.form is None else "multipart/form-data; boundary=x"
        return {"Content-Type": kind}

    def path(self, route: Route, whose: str) -> str:
        path = route.path.replace("/id/{id}", f"/id/{self.orders[whose]}").replace(
            "tokens/{id}", f"tokens/{self.spare}"
        )
        path = path.replace("lawful-requests/{id}", f"lawful-requests/{self.request}")
        path = path.replace("{list}", "pta").replace("{version}", EARLIER)
        path = path.replace("approvals/{id}", f"approvals/{self.approval}").replace("{hold}", str(self.hold))
        path = (
            path.replace("{ref}", f"ref{self.n}")
            .replace("ledger/{event}", "ledger/0")
            .replace("{batch}/{record}", "0/0")
            .replace("{quarter}", "2026-Q3")
        )
        path = path.replace("{id}", str(LINES[whose])).replace("{name}", "phone").replace("{reference}", self.report)
        path = path.replace("{child}", str(self.children[whose])).replace("{line}", str(LINES[whose]))
        path = path.replace("{caregiver}", str(self.invited[whose][0].id))
        times = self.times[whose]
        path = path.replace("{profile}", str(LINES[whose] if path.endswith("/stop") else times.profile))
        path = path.replace("{card}", str(times.card)).replace("{exception}", str(times.exception))
        path = path.replace("{ticket}", str(times.spare))
        query = {"/v1/explain": "?name=a.example"}.get(route.path, "")
        return path + (f"?issuer={ISSUERS[whose]}" if "{ref}" in route.path else query)

    def body(self, route: Route, whose: str) -> bytes | None:
        if route.method in ("GET", "DELETE"):
            return None
        if route.path == "/v1/tokens":
            return json.dumps({"role": self.role}).encode()
        if route.path == "/v1/order-files":
            return self.form(whose)
        if route.path == "/v1/order-refusals":
            said = {"issuer": ISSUERS[whose], "channel": "mail", "reason": "forged", "sha256": "0" * 64}
            return json.dumps(said).encode()
        if route.path == "/v1/sealed-orders":
            said = {"issuer": ISSUERS[whose], "ref": f"sealed{self.n}", "ground": "a law", "message": sealed_message()}
            return json.dumps(said).encode()
        if route.path == "/v1/orders":
            return json.dumps(self.order(whose, f"new{self.n}")).encode()
        if route.path.endswith(("/take", "/give-back")):
            return json.dumps({"line": LINES[whose]}).encode()
        if route.path == "/v1/approvals":
            return json.dumps(self.proposal()).encode()
        if route.path.endswith("/rollbacks"):
            words = {"proposer": self.key.person.mail, "reason": "r", "reference": "r"}
            return json.dumps(words | {"before": GOOD, "version": EARLIER}).encode()
        if route.path == "/v1/audit/holds" or route.path.endswith("/release"):
            words = {"proposer": self.key.person.mail, "reason": "r", "reference": "r"}
            until = (NOW + timedelta(days=9)).isoformat()
            more = {} if route.path.endswith("/release") else {"until": until, "ends": until}
            return json.dumps(words | more).encode()
        if route.path == "/v1/lawful-requests":
            return json.dumps(self.letter(f"new {self.n}")).encode()
        if route.path.endswith("/signatures"):
            return json.dumps({"response": self.signature}).encode()
        if route.path.endswith("/ticket"):
            return json.dumps({"code": self.times[whose].code}).encode()
        if route.path.endswith("/accept"):
            return json.dumps({"code": self.invited[whose][1]}).encode()
        return json.dumps(BODIES.get(route.path, {})).encode()


def has_owner(route: Route) -> bool:
    """Whether the route is about one thing that somebody can own."""
    return Reach.OWN in PERMISSIONS[route.permission].values() and (route.method, route.path) not in OF_ITS_OWN


def due(route: Route, role: str, whose: str) -> str:
    """What the table says of a route, a role and somebody's thing."""
    reach = PERMISSIONS[route.permission].get(role)
    if reach is None:
        return "403"
    if reach is Reach.ALL or whose == OWN:
        return "done"
    return "404" if route.permission == "orders.read" else "403"


@pytest.mark.one_database
@pytest.mark.parametrize("role", ROLES)
async def test_every_route_is_open_to_a_role_as_far_as_the_table_says(engine: Engine, desk: DeskOf, role: str) -> None:
    wanted: dict[tuple[str, str, str], str] = {}
    found: dict[tuple[str, str, str], str] = {}
    things = None
    for route in ROUTES:
        for whose in (OWN, FOREIGN) if has_owner(route) else (OWN,):
            things = things or Things(engine, role, len(found))
            asking = desk(role, 7 if role in HOUSEHOLD_ROLES else None)
            body, headers = things.body(route, whose), things.headers(route)
            status, _, said = await asking.raw(route.method, things.path(route, whose), data=body, headers=headers)
            signed = ("audit.ledger", "audit.blocks", "audit.statistics")
            is_done = status < 300 or (status == UNSIGNED and route.permission in signed)
            asked = route.method, route.path, whose
            found[asked] = "done" if is_done else f"{status}" if status in (403, 404) else f"{status} {said!r}"
            wanted[asked] = due(route, role, whose)
            changed = route.method != "GET" and status not in (403, 404)
            things = None if changed else things

    assert found == wanted


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "POST"], ids=lambda route: route.path)
async def test_a_post_that_comes_twice_under_one_key_is_done_once_and_another_under_it_is_refused(
    engine: Engine, desk: DeskOf, route: Route
) -> None:
    role = next(iter(PERMISSIONS[route.permission]))
    things, asking = Things(engine, role, 1), desk(role, 7 if role in HOUSEHOLD_ROLES else None)
    path, body = things.path(route, OWN), things.body(route, OWN)
    key = {"Idempotency-Key": "1"} | things.headers(route)

    first = await asking.raw("POST", path, headers=key, data=body)
    before = dumped(engine)
    again = await asking.raw("POST", path, headers=key, data=body)
    other = await asking.raw("POST", path, headers=key, data=(body or b"") + b" ")

    assert first[0] < 300, first
    assert (again[0], again[2]) == (first[0], first[2])
    assert other[0] == 422 and b"key-reused" in other[2]
    assert dumped(engine) == before


def dumped(engine: Engine) -> dict[str, list[Any]]:
    """All rows, but those that say when a token was used, and what it has asked."""
    kept = [table for table in metadata.sorted_tables if table.name not in ("tokens", "idempotency_keys")]
    with reading(engine) as conn:
        return {table.name: [tuple(row) for row in conn.execute(select(table))] for table in kept}


def test_every_permission_of_the_table_is_that_of_a_route_or_of_a_page() -> None:
    pages = {permission for _, _, permission in TABS if permission is not None} | {AGREE}
    assert {route.permission for route in ROUTES} | pages == set(PERMISSIONS)


def test_a_route_without_a_permission_of_the_table_is_not_served() -> None:
    with pytest.raises(KeyError):
        guarded(Route("GET", "/v1/all", ROUTES[0].endpoint, "everything"))


async def test_a_regulator_lists_the_orders_of_its_issuer_alone(engine: Engine, desk: DeskOf) -> None:
    Things(engine, "regulator", 1)

    _, own = await desk("regulator").ask("GET", "/v1/orders")
    _, every = await desk("compliance").ask("GET", "/v1/orders")

    assert [order["issuer"] for order in own["orders"]] == ["PTA"]
    assert [order["issuer"] for order in every["orders"]] == ["PTA", "court"]


async def test_a_token_has_no_more_than_its_scopes(engine: Engine, client: Client) -> None:
    wanted = TokenRequest(("engineer",), scopes=frozenset({"lines.list"}))
    with writing(engine) as conn:
        asking = Desk(client, make_token(conn, wanted, CONTROL, NOW).secret)

    assert (await asking.ask("GET", "/v1/subscribers"))[0] == 200
    assert (await asking.ask("GET", "/v1/subscribers/7"))[0] == 403
    assert (await asking.ask("GET", "/v1/tokens"))[0] == 403


async def test_a_token_that_has_ended_is_as_good_as_none(engine: Engine, client: Client, clock: Clock) -> None:
    with writing(engine) as conn:
        made = make_token(conn, TokenRequest(("engineer",), life=timedelta(days=30)), CONTROL, clock())
    asking = Desk(client, made.secret)

    clock.forward(days=30, seconds=-1)
    assert (await asking.ask("GET", "/v1/status"))[0] == 200
    clock.forward(seconds=1)
    assert (await asking.ask("GET", "/v1/status"))[0] == 401


async def test_a_regulators_token_sleeps_while_its_issuer_is_disabled(engine: Engine, desk: DeskOf) -> None:
    asking = desk("regulator")
    with writing(engine) as conn:
        put_issuer(conn, Issuer("PTA", is_active=False), CONTROL, NOW)
    assert (await asking.ask("GET", "/v1/orders"))[0] == 401

    with writing(engine) as conn:
        put_issuer(conn, Issuer("PTA"), CONTROL, NOW)
    assert (await asking.ask("GET", "/v1/orders"))[0] == 200


async def test_the_last_use_of_a_token_is_noted_once_an_hour(engine: Engine, desk: DeskOf, clock: Clock) -> None:
    asking = desk("engineer")

    def noted() -> Any:
        with reading(engine) as conn:
            return conn.execute(select(tokens.c.last_used_s)).scalar_one()

    assert noted() is None
    found = []
    for minutes in (0, 59, 1):
        clock.forward(minutes=minutes)
        await asking.ask("GET", "/v1/status")
        found.append(noted())
    start = int(NOW.timestamp())
    assert found == [start, start, start + 3600]


async def test_a_database_that_cannot_be_written_keeps_nobody_from_reading(
    desk: DeskOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = desk("engineer")

    def full(engine: Engine) -> None:
        raise DatabaseFull("no space")

    monkeypatch.setattr("mgmt.web.kit.auth.writing", full)

    assert (await asking.ask("GET", "/v1/subscribers"))[0] == 200


@pytest.fixture
def many_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address may try every route without a token."""
    monkeypatch.setattr("mgmt.web.kit.rates.N_REFUSED", 10_000)


@pytest.mark.usefixtures("many_strangers")
async def test_every_route_refuses_whoever_has_no_token(client: Client) -> None:
    for route in ROUTES:
        path = re.sub(r"{\w+}", "7", route.path)
        async with client.request(route.method, path) as response:
            assert response.status == 401, path
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert response.headers["Content-Type"] == "application/problem+json"


async def test_wrong_missing_malformed_and_revoked_tokens_get_one_and_the_same_answer(
    client: Client, engine: Engine, token: TokenOf
) -> None:
    good = token("operator")
    with writing(engine) as conn:
        revoked = make_token(conn, TokenRequest(("engineer",)), CONTROL, NOW)
        revoke_token(conn, revoked.number, CONTROL)
    said = [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        f"Basic {good}",
        f"Bearer {good}x",
        f"Bearer {good[:-1]}",
        f"Bearer {revoked.secret}",
        "Bearer " + "x" * 5000,
        "Bearer \udcff",
    ]

    answers = set()
    for header in said:
        headers = {} if header is None else {"Authorization": header}
        async with client.get("/v1/status", headers=headers) as response:
            answers.add((response.status, await response.read()))

    assert len(answers) == 1
    assert answers.pop()[0] == 401
    async with client.get("/v1/status", headers={"Authorization": f"bearer  {good}"}) as response:
        assert response.status == 200


def test_a_households_token_is_bound_to_one_subscriber_and_dies_with_it(engine: Engine, token: TokenOf) -> None:
    text = token("parent", 7)
    with writing(engine) as conn:
        assert find_principal(conn, text, NOW) == Principal(1, frozenset({"parent"}), 7)
        store.delete_subscriber(conn, 7)
        assert find_principal(conn, text, NOW) is None
