from rules.base.errors import BadName


def test_a_bad_name_says_its_reason_as_text_and_as_a_value() -> None:
    bad = BadName("is empty")

    assert str(bad) == bad.reason == "is empty"
