import pytest
from sqlalchemy import Engine
from support.mgmt.desk import DeskOf, PlayedControl

from mgmt.registers.settings.page_settings import Settings
from parental.people import accounts
from parental.people.levels import LOCKS, NAMES, PACKETS
from parental.store.database import reading, writing

REFUSED = (403, {"detail": "this token may not do that; nothing done; ask the operator for one that may"})


async def test_accounts_are_listed_and_shown_with_their_lines_and_levels(desk: DeskOf) -> None:
    api = desk("operator")
    await api.ask("PUT", "/v1/subscribers/9", json={"label": "Flat", "prefixes": ["mac:02:00:00:00:00:09"]})

    _, page = await api.ask("GET", "/v1/accounts?after=7")
    assert [found["id"] for found in page["accounts"]] == [8, 9] and page["next"] is None
    _, shown = await api.ask("GET", "/v1/accounts/9")
    (line,) = shown["lines"]
    assert (line["id"], line["level"], line["profile"]) == (9, "D", 9)
    assert line["offers"] == {"rules": list(NAMES), "children": ["line", "device"]}
    assert (shown["children"], shown["caregivers"]) == ([], [])


async def test_what_only_a_gate_closes_is_offered_to_no_line_and_no_child_where_there_is_none(
    desk: DeskOf, settings: Settings
) -> None:
    api = desk("operator")
    _, made = await api.ask("POST", "/v1/accounts/7/children", json={"nickname": "Ali"})
    await api.ask("POST", f"/v1/accounts/7/children/{made['child']}/take", json={"line": 7})

    async def offered() -> list[list[str]]:
        _, shown = await api.ask("GET", "/v1/accounts/7")
        return [shown["lines"][0]["offers"]["rules"], shown["children"][0]["offers"]]

    assert await offered() == [[*NAMES, *LOCKS, *PACKETS]] * 2
    settings.closable = settings.closable.difference(PACKETS)
    assert await offered() == [[*NAMES, *LOCKS]] * 2


async def test_an_account_is_put_and_what_is_not_said_stays(desk: DeskOf) -> None:
    api = desk("operator")

    status, made = await api.ask("PUT", "/v1/accounts/70", json={"name": "A school", "language": "ur"})
    assert (status, made["name"], made["created"]) == (201, "A school", "2026-08-03T16:00:03+00:00")
    status, changed = await api.ask("PUT", "/v1/accounts/70", json={"language": "en"})
    assert (status, changed["name"], changed["language"]) == (200, "A school", "en")
    assert (await api.ask("PUT", "/v1/accounts/70", json={"language": "Urdu"}))[0] == 422
    assert (await api.ask("PUT", "/v1/accounts/0", json={}))[0] == 404


async def test_a_line_becomes_another_accounts_with_its_rules(
    desk: DeskOf, engine: Engine, control: PlayedControl
) -> None:
    api = desk("operator")
    await api.ask("PATCH", "/v1/profiles/8", json={"categories": ["adult"]})

    status, body = await api.ask("PUT", "/v1/accounts/7/lines/8", json={"province": "PK-PB"})

    assert (status, [line["id"] for line in body["account"]["lines"]]) == (200, [7, 8])
    assert body["account"]["lines"][1]["province"] == "PK-PB"
    assert body["receipt"]["generation"] == control.generation
    assert (await api.ask("GET", "/v1/subscribers/8"))[1]["categories"] == ["adult"]
    assert (await api.ask("GET", "/v1/accounts/8"))[0] == 404
    assert (await api.ask("PUT", "/v1/accounts/7/lines/99", json={}))[0] == 404
    assert (await api.ask("PUT", "/v1/accounts/7/lines/8", json={"province": "Punjab"}))[0] == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/accounts"),
        ("PUT", "/v1/accounts/7"),
        ("GET", "/v1/accounts/8"),
        ("GET", "/v1/accounts/12345"),
        ("GET", "/v1/accounts/07"),
        ("GET", "/v1/accounts/8/history"),
        ("PUT", "/v1/accounts/7/lines/8"),
        ("POST", "/v1/accounts/8/children"),
        ("PATCH", "/v1/accounts/8/children/1"),
        ("DELETE", "/v1/accounts/8/children/1"),
        ("POST", "/v1/accounts/8/children/1/take"),
        ("POST", "/v1/accounts/8/children/1/give-back"),
        ("GET", "/v1/accounts/8/children/1/profile"),
        ("PATCH", "/v1/accounts/8/children/1/profile"),
        ("POST", "/v1/accounts/8/children/1/pause"),
        ("POST", "/v1/accounts/8/children/1/resume"),
        ("POST", "/v1/accounts/8/caregivers"),
        ("POST", "/v1/accounts/8/accept"),
        ("PATCH", "/v1/accounts/8/caregivers/1"),
        ("DELETE", "/v1/accounts/8/caregivers/1"),
    ],
)
async def test_a_parent_learns_nothing_about_other_accounts(desk: DeskOf, method: str, path: str) -> None:
    body = {
        "children": {"nickname": "x"},
        "caregivers": {"nickname": "x", "role": "owner"},
        "accept": {"code": "x"},
        "take": {"line": 8},
        "give-back": {"line": 8},
    }.get(path.rpartition("/")[2], {"role": "owner"} if method == "PATCH" and "caregivers" in path else {})

    status, said = await desk("parent", 7).ask(method, path, json=body)

    assert (status, {"detail": said["detail"]}) == REFUSED


async def test_a_parents_token_is_of_the_account_that_its_line_is_in_now(desk: DeskOf, engine: Engine) -> None:
    parent = desk("parent", 8)
    with writing(engine) as conn:
        accounts.move_line(conn, 8, 7)

    assert [line["id"] for line in (await parent.ask("GET", "/v1/accounts/7"))[1]["lines"]] == [7, 8]
    assert (await parent.ask("GET", "/v1/accounts/8"))[0] == 403


async def test_the_household_alone_reads_what_was_done_there_and_by_whom(desk: DeskOf) -> None:
    parent, operator = desk("parent", 7), desk("operator")
    await parent.ask("POST", "/v1/accounts/7/children", json={"nickname": "Ali"})
    await operator.ask("PUT", "/v1/accounts/7", json={"language": "ur"})
    await parent.ask("POST", "/v1/subscribers/7/pause", json={"minutes": None})

    _, told = await parent.ask("GET", "/v1/accounts/7/history")

    assert [(event["action"], event["by"]["role"]) for event in told["events"]] == [
        ("paused", "parent"),
        ("account changed", "compliance engineer"),
        ("child added", "parent"),
    ]
    assert told["earlier"] is None
    for role in ("operator", "auditor", "regulator"):
        assert (await desk(role).ask("GET", "/v1/accounts/7/history"))[0] == 403


async def test_what_a_household_chose_is_in_no_event_of_the_ledger(desk: DeskOf, engine: Engine) -> None:
    parent = desk("parent", 7)
    _, made = await parent.ask("POST", "/v1/accounts/7/children", json={"nickname": "Ali Khan", "drawing": "kite"})
    child = f"/v1/accounts/7/children/{made['child']}"
    await parent.ask("PATCH", f"{child}/profile", json={"categories": ["gambling"]})

    with reading(engine) as conn:
        told = "".join(conn.exec_driver_sql("SELECT text FROM ledger_events").scalars())
    assert not any(said in told for said in ("child", "Ali", "kite", "gambling", "rules changed"))
