import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import UNSET, structs
from sqlalchemy import Engine, insert, update
from support.control.box import play, push

from filterd.control.service import Control
from filterd.process.control_messages import ControlStatus, Explanation
from mgmt.contract.control import ClosureReason
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.model import EntryMode
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from mgmt.orders.store import get_order
from mgmt.staff.approvals.rules import Signatory
from parental.policy import subscribers as store
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import writing
from parental.store.errors import DatabaseAway
from parental.store.schema.orders import orders
from parental.store.schema.records import list_counts

pytestmark = pytest.mark.services


def explained(place: Path, engine: Engine, name: str, channel: str = "dns") -> Explanation:
    """What a control that has just started says of a name."""

    async def work(control: Control) -> Explanation:
        return control.explainer.explain(name, None, channel)

    return play(place, engine, work)


def test_an_address_is_explained_as_such(place: Path, engine: Engine) -> None:
    found = explained(place, engine, "::ffff:192.0.2.7")

    assert (found.name, found.action, found.matches) == ("192.0.2.7", "passthru", [])


def test_an_explanation_of_a_confidential_name_is_that_of_a_name_which_no_list_holds(
    place: Path, engine: Engine
) -> None:
    (place / "stop.txt").write_text("worse.test\nlisted.test\n")

    async def work(control: Control) -> list[Explanation]:
        return [control.explainer.explain(name, None, "dns") for name in ("worse.test", "other.free", "listed.test")]

    hidden, free, both = play(place, engine, work)

    assert (hidden.reason, hidden.list, hidden.matches, hidden.ede) == ("default", None, [], None)
    assert structs.replace(hidden, name=free.name) == free
    assert (both.reason, both.list, len(both.matches)) == ("order", "pta", 1), "all other lists decide"


def test_an_explanation_names_the_line_and_a_rule_that_was_folded_away(place: Path, engine: Engine) -> None:
    (place / "pta.txt").write_text("listed.test\nother.test\nwww.listed.test\n")

    found = explained(place, engine, "www.listed.test")

    assert [(each["rule"], each["line"], each.get("folded", False)) for each in found.matches] == [
        ("listed.test", 1, False),
        ("www.listed.test", 3, True),
    ]


def test_a_url_of_an_order_is_in_force_where_paths_are_seen(place: Path, engine: Engine) -> None:
    said = (place / "f.yaml").read_text()
    (place / "f.yaml").write_text(said.replace("gate: {workers: 0}", "gate: {workers: 1}"))
    push(engine, "shared.test/page", mode=EntryMode.URL)

    by_http, by_sni = (explained(place, engine, "https://shared.test/page", channel) for channel in ("http", "sni"))

    assert (by_http.reason, by_http.name, by_http.order_ref) == ("order", "shared.test/page", "T-1")
    assert by_http.enforceability == "enforced_http_only"
    assert by_sni.action == "passthru"


def test_an_order_of_the_evening_in_utc_has_the_date_of_the_next_day_here(place: Path, engine: Engine) -> None:
    number = push(engine, "ordered.test")
    with writing(engine) as conn:
        received = int(datetime(2026, 8, 3, 21, tzinfo=UTC).timestamp() * 1000)  # two in the morning in Karachi
        conn.execute(update(orders).where(orders.c.id == number).values(received_ms=received))

    found = explained(place, engine, "ordered.test")

    assert (found.order_date, found.ground) == ("2026-08-04", "a law")


def test_a_letter_of_a_list_has_no_ground_that_was_made_up(place: Path, engine: Engine) -> None:
    source = "{id: pta, file: pta.csv, format: csv, tier: order, issuer: PTA}"
    said = (place / "f.yaml").read_text().replace("{id: pta, file: pta.txt, format: plain, tier: order}", source)
    (place / "f.yaml").write_text(said)
    (place / "pta.csv").write_text("url,reference\nletter.test,WA/1\n")

    found = explained(place, engine, "letter.test")

    assert (found.issuer, found.order_ref, found.ground) == ("PTA", "WA/1", UNSET)


@pytest.mark.parametrize(
    ("name", "address", "channel"),
    [("192.0.2.1.", None, "dns"), ("a.test", None, "smoke"), ("a.test", "nowhere", "dns")],
)
def test_what_cannot_be_explained_is_refused(
    place: Path, engine: Engine, name: str, address: str | None, channel: str
) -> None:
    async def work(control: Control) -> None:
        with pytest.raises(ValueError):
            control.explainer.explain(name, address, channel)

    play(place, engine, work)


@pytest.mark.parametrize(("held", "reason"), [("", "schedule"), ("lesson.test\n", "soft-lock")])
def test_soft_hours_that_would_leave_open_what_no_list_holds_are_closed_hours_to_the_splash(
    place: Path, engine: Engine, held: str, reason: str
) -> None:
    learn = "{id: learn, file: learn.txt, format: plain, tier: category, category: education}"
    if held:
        (place / "f.yaml").write_text((place / "f.yaml").read_text().replace("lists: [", f"lists: [{learn}, "))
        (place / "learn.txt").write_text(held)
    always = tuple(Interval(day, 0, 1440, frozenset({"education"})) for day in range(7))
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "Home", (parse_prefix("192.0.2.7"),)))
        store.set_schedule(conn, 7, Schedule(always))

    async def work(control: Control) -> ClosureReason:
        return control.explainer.why_closed("any.test", "192.0.2.7")

    assert play(place, engine, work) == ClosureReason(reason, None, None)


async def status_of(control: Control) -> ControlStatus:
    return await control.explainer.status()


def test_the_status_holds_lists_ages_and_generations(place: Path, engine: Engine) -> None:
    status = play(place, engine, status_of)

    assert [each.id for each in status.lists] == ["pta", "stop", "help-corridor", "orders", *SHADOW_LISTS]
    assert status.ages_s.keys() == status.generations.keys() == {"names", "urls", "subscribers", "policy"}
    assert [(each.name, bool(each.refused)) for each in status.workers] == [("dns-0", True)]
    assert status.confirmed_s.keys() == {"pta", "stop"}
    assert (status.roles, status.records_late_since_s) == ([], None)


def test_a_database_that_is_away_is_a_fault_of_the_status_and_hides_nothing_else(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_away(*_: object) -> None:
        raise DatabaseAway("database x: cannot be reached")

    async def work(control: Control) -> ControlStatus:
        monkeypatch.setattr("filterd.control.explainer.reading", be_away)
        return await control.explainer.status()

    status = play(place, engine, work)

    assert status.faults["database"] == "database x: cannot be reached"
    assert (status.notices, status.legal_holds) == ({}, [])
    assert [each.name for each in status.workers] == ["dns-0"]


def test_a_database_that_gives_no_answer_holds_up_no_status(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    async def work(control: Control) -> ControlStatus:
        monkeypatch.setattr("filterd.control.explainer.counts", lambda _: answers.wait(20.0))
        monkeypatch.setattr("filterd.control.explainer.DATABASE_S", 0.01)
        status = await control.explainer.status()
        answers.set()
        return status

    assert play(place, engine, work).faults["database"] == "no answer within 0.01 s; see that it runs"


def test_a_list_in_the_shadow_is_compiled_as_one_and_told_with_its_counts(place: Path, engine: Engine) -> None:
    new = "{id: new, file: new.txt, format: rpz, tier: order, action: shadow}"
    (place / "f.yaml").write_text((place / "f.yaml").read_text().replace("lists: [", f"lists: [{new}, "))
    (place / "new.txt").write_text("listed.test CNAME .\ntried.test CNAME .\n")

    async def work(control: Control) -> tuple[ControlStatus, list[Explanation]]:
        with writing(engine) as conn:
            conn.execute(insert(list_counts).values(list="new", channel="dns", count=3))
        names = ("listed.test", "tried.test", "worse.test")
        return await control.explainer.status(), [control.explainer.explain(name, None, "dns") for name in names]

    status, (listed, tried, worse) = play(place, engine, work)

    assert status.shadowed == {"new": {"dns": 3}}
    assert (listed.list, listed.shadow) == ("pta", "new")
    assert (tried.action, tried.list, tried.shadow) == ("passthru", None, "new")
    assert worse.shadow is None


def test_a_host_that_is_closed_for_one_url_is_explained_by_its_approval(place: Path, engine: Engine) -> None:
    number = push(engine, "shared.test/a", mode=EntryMode.URL)
    at = datetime.now(UTC)
    until = at + timedelta(days=30)
    words = Proposal(
        kind="broader", number=1, reason="ordered", reference="WA/9", collateral="all of it", expires=until
    )
    with writing(engine) as conn:
        made = propose(conn, get_order(conn, number), words, Signatory("A. Khan", "compliance", "root"), at)
        approve(conn, made, Signatory("B. Ali", "approver", "root"), at)

    found = explained(place, engine, "shared.test")

    assert (found.reason, found.order_ref, found.enforceability) == ("order", "T-1", "enforced_broader")
    assert (found.collateral, str(found.approved_until)[:10]) == ("all of it", until.date().isoformat())
    assert explained(place, engine, "www.shared.test").reason == "default"
