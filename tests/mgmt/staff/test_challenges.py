from mgmt.staff.challenges import LIFE_S, N_SPENT, Challenges


def test_a_challenge_is_good_for_its_purpose_until_it_ends() -> None:
    made = Challenges()
    challenge = made.make("sign in", 1000.5)

    assert made.is_good(challenge, "sign in", 1000.5)
    assert made.is_good(challenge, "sign in", 1000 + LIFE_S - 0.1)
    assert not made.is_good(challenge, "sign in", 1000 + LIFE_S)
    assert not made.is_good(challenge, "new of 1", 1000.5)


def test_a_challenge_of_somebody_else_or_altered_is_not_good() -> None:
    made = Challenges()
    challenge = made.make("sign in", 1000)

    assert not made.is_good(Challenges().make("sign in", 1000), "sign in", 1000)
    for at in range(len(challenge)):
        assert not made.is_good(challenge[:at] + bytes([challenge[at] ^ 1]) + challenge[at + 1 :], "sign in", 1000)
    for cut in (b"", challenge[:-1], challenge + b"x", challenge[-32:]):
        assert not made.is_good(cut, "sign in", 1000)


def test_a_challenge_is_spent_once_and_no_two_are_alike() -> None:
    made = Challenges()
    first, second = (made.make("sign in", 1000) for _ in range(2))

    assert first != second and made.spend(first) and not made.spend(first)
    assert not made.is_good(first, "sign in", 1000) and made.is_good(second, "sign in", 1000)


def test_what_is_kept_is_bounded() -> None:
    made = Challenges()
    for _ in range(N_SPENT + 10):
        made.spend(made.make("sign in", 1000))

    assert len(made._spent) == N_SPENT
