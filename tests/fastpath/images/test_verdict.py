from fastpath.images.verdict import Action, Channel, Mode, Reason, Tier


def test_the_tiers_rank_as_the_specification_orders_them() -> None:
    ranked = [Tier.CSAM, Tier.ORDER, Tier.HELP, Tier.LOCK, Tier.CATEGORY, Tier.SECURITY, Tier.DEFAULT]

    assert ranked == sorted(Tier)


def test_stored_numbers_never_change() -> None:
    assert [int(member) for member in Action] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 255]
    assert [int(member) for member in Reason] == list(range(8))
    assert [int(member) for member in Mode] == [1, 2, 3]
    assert [int(member) for member in Channel] == [1, 2, 3, 4, 5, 6]
