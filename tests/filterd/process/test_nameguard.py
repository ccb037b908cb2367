from filterd.process.nameguard import claims_text, foreign_claims


def test_our_own_distribution_is_no_foreign_claim() -> None:
    assert foreign_claims({"dns": ["filterd"], "yaml": ["PyYAML"]}) == {}


def test_another_distribution_under_one_of_our_names_is_told_with_what_to_do() -> None:
    claims = foreign_claims({"dns": ["filterd", "dnspython"]})

    assert claims == {"dns": {"dnspython"}}
    assert claims_text(claims) == (
        "package dns: 'dnspython' is installed in the same place; not started; "
        "give filterd an environment of its own or remove dnspython"
    )


def test_this_environment_is_clean() -> None:
    assert foreign_claims() == {}
