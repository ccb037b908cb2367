from mgmt.staff.secret_box import NONCE_OCTETS, SecretBox

BOX = SecretBox(bytes(range(32)))


def test_what_is_sealed_opens_for_its_person_alone() -> None:
    sealed = BOX.seal(b"secret", 1)

    assert BOX.open(sealed, 1) == b"secret" and b"secret" not in sealed
    assert BOX.open(sealed, 2) is None and SecretBox(bytes(32)).open(sealed, 1) is None


def test_the_same_secret_is_sealed_otherwise_each_time() -> None:
    assert len({BOX.seal(b"secret", 1)[:NONCE_OCTETS] for _ in range(50)}) == 50


def test_what_is_altered_or_cut_does_not_open() -> None:
    sealed = BOX.seal(b"secret", 1)

    for at in range(len(sealed)):
        assert BOX.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], 1) is None
        assert BOX.open(sealed[:at], 1) is None
