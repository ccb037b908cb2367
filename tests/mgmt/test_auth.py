from typing import Any

import pytest
from sqlalchemy import Engine, select
from support.mgmt.desk import Client, DeskOf, TokenOf
from support.present import present

from mgmt.app import ROUTES
from mgmt.auth import ROLES, Principal, create_token, find_principal, revoke_token
from mgmt.ledger.event import CONTROL
from parental import store
from parental.database import reading, writing
from parental.schema.access import tokens


def path_of(route: Any) -> Any:
    return (
        route.path.replace("{id}", "7")
        .replace("{ref}", "1")
        .replace("{name}", "phone")
        .replace("{reference}", "NOSUCH22")
    )


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_every_route_is_for_its_roles_only(desk: DeskOf, route: Any, role: Any) -> None:
    status, _ = (
        await desk(role, 7 if role == "parent" else None).ask(
            route.method, path_of(route), data=None if route.method == "GET" else b"{}"
        )
        if route.path != "/v1/audit/blocks"
        else ((await desk(role, 7 if role == "parent" else None).raw("GET", route.path))[0], None)
    )

    assert (status != 403) == (role in route.roles)
    assert status != 401


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_every_route_refuses_whoever_has_no_token(client: Client, route: Any) -> None:
    async with client.request(route.method, path_of(route)) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.headers["Content-Type"] == "application/problem+json"


async def test_wrong_missing_malformed_and_revoked_tokens_get_one_and_the_same_answer(
    client: Client, engine: Engine, token: TokenOf
) -> None:
    good = token("operator")
    with writing(engine) as conn:
        revoked = create_token(conn, "operator", None, CONTROL)
        revoke_token(conn, present(find_principal(conn, revoked)).token, CONTROL)
    said = [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        f"Basic {good}",
        f"Bearer {good}x",
        f"Bearer {good[:-1]}",
        f"Bearer {revoked}",
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


def test_a_token_has_256_bits_and_is_not_stored(engine: Engine, token: TokenOf) -> None:
    made = {token("operator") for _ in range(50)}

    assert len(made) == 50
    assert all(len(text) == 43 for text in made)  # 32 octets in base64url
    with reading(engine) as conn:
        rows = conn.execute(select(tokens)).all()
    assert not any(text in str(row) or text.encode() in row.sha256 for text in made for row in rows)


def test_a_parents_token_is_bound_to_one_subscriber_and_dies_with_it(engine: Engine, token: TokenOf) -> None:
    text = token("parent", 7)
    with writing(engine) as conn:
        assert find_principal(conn, text) == Principal(1, "parent", 7)
        store.delete_subscriber(conn, 7)
        assert find_principal(conn, text) is None


@pytest.mark.parametrize(("role", "subscriber"), [("parent", None), ("operator", 7), ("root", None)])
def test_a_token_that_fits_no_role_is_not_made(engine: Engine, role: str, subscriber: int | None) -> None:
    with writing(engine) as conn, pytest.raises(ValueError, match="no token created"):
        create_token(conn, role, subscriber, CONTROL)


def test_what_belongs_to_a_subscriber_goes_with_it_and_the_other_tokens_stay(engine: Engine) -> None:
    with writing(engine) as conn:
        create_token(conn, "parent", 7, CONTROL)
        create_token(conn, "operator", None, CONTROL)
        store.delete_subscriber(conn, 7)

        assert conn.execute(select(tokens.c.role)).scalars().all() == ["operator"]
