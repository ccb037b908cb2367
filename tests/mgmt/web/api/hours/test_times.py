"""What holds now, as the API tells it.   The clock stands at Monday, 21:00:03 in Karachi."""

from support.mgmt.desk import DeskOf

TIME = "/v1/accounts/7/profiles/7"
SLEEP = {"kind": "sleep", "from": "8 pm", "to": "6 am"}


async def test_state_and_next_change_are_told_in_both_languages(desk: DeskOf) -> None:
    parent = desk("parent", 7)
    await parent.ask("POST", f"{TIME}/cards", json=SLEEP)

    status, body = await parent.ask("GET", f"{TIME}/time")

    assert (status, body["state"], body["why"], body["card"]) == (200, "closed", "schedule", body["cards"][0]["id"])
    assert body["sentence"] == {"en": "Sleep: closed until 6:00 am", "ur": "سونے کا وقت: صبح 6:00 بجے تک بند ہے"}
    assert body["changes_at"] == "2026-08-04T06:00:00+05:00"


async def test_a_line_without_anything_is_open_for_all_we_know(desk: DeskOf) -> None:
    _, body = await desk("helper", 7).ask("GET", f"{TIME}/time")

    assert (body["state"], body["why"], body["changes_at"], body["cards"]) == ("open", "", None, [])
    assert [day["date"] for day in body["week"]][::6] == ["2026-08-03", "2026-08-09"]


async def test_a_week_that_was_put_directly_is_shown_without_cards(desk: DeskOf) -> None:
    parent = desk("parent", 7)
    await parent.ask(
        "PUT", "/v1/subscribers/7/schedule", json={"closed": [{"day": "mon", "from": "20:00", "to": "22:00"}]}
    )

    _, body = await parent.ask("GET", f"{TIME}/time")
    assert (body["state"], body["card"], body["sentence"]["en"]) == ("closed", None, "Closed until 10:00 pm")
    assert [(each["from"], each["to"], each["card"]) for each in body["week"][0]["closed"]] == [
        ("20:00", "22:00", None)
    ]


async def test_a_profile_that_is_no_number_or_not_there_is_not_found(desk: DeskOf) -> None:
    for profile in ("8", "x", "0", "99999999999"):
        assert (await desk("parent", 7).ask("GET", f"/v1/accounts/7/profiles/{profile}/time"))[0] == 404
