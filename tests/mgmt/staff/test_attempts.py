from mgmt.staff.attempts import (
    CODES_WINDOW_S,
    FREE,
    LONGEST_WAIT_S,
    N_KEPT,
    SLOW_AFTER,
    SLOW_S,
    WINDOW_S,
    WRONG_CODES,
    Attempts,
)

AMNA, BILAL = "amna@isp.example", "bilal@isp.example"


def fail(tries: Attempts, n: int, client: str = "192.0.2.1", mail: str = AMNA, at: float = 0.0) -> None:
    for _ in range(n):
        tries.failed(client, mail, at)


def test_a_client_waits_ever_longer_for_an_account_that_it_is_wrong_about() -> None:
    tries = Attempts()
    fail(tries, FREE - 1)
    waits = []
    for _ in range(9):
        fail(tries, 1)
        waits.append(tries.wait_s("192.0.2.1", AMNA, 0.0))

    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert tries.wait_s("192.0.2.1", AMNA, LONGEST_WAIT_S) == 0


def test_no_stranger_keeps_the_owner_out() -> None:
    tries = Attempts()
    for stranger in range(200):
        fail(tries, 50, f"198.51.100.{stranger}")

    assert tries.wait_s("192.0.2.1", AMNA, 0.0) == 0
    assert tries.slow_s("192.0.2.1", AMNA, 0.0) == SLOW_S  # slower, and not refused
    assert tries.slow_s("192.0.2.1", BILAL, 0.0) == 0


def test_a_client_that_tries_many_accounts_becomes_slow() -> None:
    tries = Attempts()
    for number in range(SLOW_AFTER):
        assert tries.slow_s("192.0.2.1", BILAL, 0.0) == 0
        fail(tries, 1, mail=f"p{number}@isp.example")

    assert tries.slow_s("192.0.2.1", BILAL, 0.0) == SLOW_S


def test_failures_are_forgotten_after_a_while_and_after_a_success() -> None:
    tries = Attempts()
    fail(tries, FREE + 3)
    tries.succeeded("192.0.2.1", AMNA, 1)
    assert tries.wait_s("192.0.2.1", AMNA, 0.0) == 0

    fail(tries, SLOW_AFTER)
    assert tries.wait_s("192.0.2.1", AMNA, WINDOW_S) == tries.slow_s("192.0.2.1", AMNA, WINDOW_S) == 0


def test_after_so_many_wrong_codes_none_counts_for_an_hour() -> None:
    tries = Attempts()

    assert [tries.wrong_code(1, 0.0) for _ in range(WRONG_CODES)] == [False] * (WRONG_CODES - 1) + [True]
    assert not tries.may_code(1, CODES_WINDOW_S - 1) and tries.may_code(2, 0.0)
    assert tries.may_code(1, CODES_WINDOW_S)


def test_memory_is_bounded_and_holds_no_name() -> None:
    tries = Attempts()
    for number in range(N_KEPT + 100):
        fail(tries, 1, f"192.0.2.{number}", f"p{number}@isp.example")

    assert len(tries._of_pair) == len(tries._of_account) == len(tries._of_client) == N_KEPT
    assert "isp.example" not in repr((tries._of_pair, tries._of_account))
