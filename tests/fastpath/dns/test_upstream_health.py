from fastpath.testing.upstream_health import UpstreamPool

MS = 1_000_000


def test_the_first_in_the_operators_order_is_chosen() -> None:
    assert UpstreamPool(3).chosen == 0


def test_a_later_upstream_is_chosen_only_where_it_is_clearly_faster() -> None:
    pool = UpstreamPool(2)
    pool.answered(0, 20 * MS, True)

    pool.answered(1, 16 * MS, True)
    assert pool.chosen == 0
    for _ in range(20):
        pool.answered(1, 5 * MS, True)
    assert pool.chosen == 1


def test_less_than_a_millisecond_is_nobodys_reason() -> None:
    pool = UpstreamPool(2)
    pool.answered(0, MS, True)
    pool.answered(1, MS // 10, True)

    assert pool.chosen == 0


def test_the_fastest_of_many_is_chosen() -> None:
    pool = UpstreamPool(4)
    for upstream, took in enumerate((40, 30, 5, 20)):
        pool.answered(upstream, took * MS, True)

    assert pool.chosen == 2


def test_what_the_one_in_use_had_to_ask_others_does_not_make_it_slow() -> None:
    pool = UpstreamPool(2)
    for upstream in (0, 1):
        pool.answered(upstream, 2 * MS, True)
    for _ in range(50):
        pool.answered(0, 400 * MS)

    assert pool.chosen == 0


def test_eight_unanswered_questions_in_a_row_put_an_upstream_down_and_one_answer_puts_it_up() -> None:
    pool = UpstreamPool(2)
    for _ in range(7):
        pool.silent(0)
    assert pool.chosen == 0

    pool.silent(0)
    assert (pool.chosen, pool.is_any_up) == (1, True)
    pool.answered(0, 300 * MS)
    assert pool.chosen == 0


def test_an_answer_between_them_ends_the_row() -> None:
    pool = UpstreamPool(2)
    for _ in range(5):
        for _ in range(7):
            pool.silent(0)
        pool.answered(0, MS)

    assert pool.chosen == 0


def test_two_unanswered_probes_put_an_upstream_down() -> None:
    pool = UpstreamPool(2)
    pool.silent(0, True)
    assert pool.chosen == 0

    pool.silent(0, True)
    assert pool.chosen == 1


def test_where_nobody_is_up_the_last_choice_stays() -> None:
    pool = UpstreamPool(2)
    for upstream in (0, 1):
        for _ in range(2):
            pool.silent(upstream, True)

    assert (pool.chosen, pool.is_any_up) == (1, False)


def test_an_upstream_without_a_socket_is_not_chosen() -> None:
    pool = UpstreamPool(3)

    pool.connect([1, 2])
    assert (pool.chosen, pool.is_any_up) == (1, True)
    pool.connect([])
    assert (pool.chosen, pool.is_any_up) == (1, False)


def test_after_a_failure_somebody_new_is_asked_rather_one_that_is_up() -> None:
    pool = UpstreamPool(3)
    for _ in range(8):
        pool.silent(1)

    assert [pool.after(tried) for tried in ([], [0], [0, 2], [0, 1, 2])] == [0, 2, 1, None]
    pool.connect([0])
    assert pool.after([0]) is None


def test_patience_follows_the_answers_within_its_limits() -> None:
    pool = UpstreamPool(1)
    assert pool.patience_ns(0) == 400 * MS

    for _ in range(50):
        pool.answered(0, 60 * MS)
    assert 100 * MS <= pool.patience_ns(0) < 110 * MS
    for _ in range(50):
        pool.answered(0, MS)
    assert pool.patience_ns(0) == 100 * MS
    for took in (1, 900) * 20:
        pool.answered(0, took * MS)
    assert pool.patience_ns(0) == 800 * MS


def test_nobody_is_known_to_be_dead_before_a_probe_of_each_was_lost() -> None:
    pool = UpstreamPool(2)
    for upstream in (0, 1):
        for _ in range(8):
            pool.silent(upstream)
    assert (pool.is_any_up, pool.is_known_dead) == (False, False)

    pool.silent(0, True)
    assert not pool.is_known_dead
    pool.silent(1, True)
    assert pool.is_known_dead
    pool.answered(1, 1_000)
    assert not pool.is_known_dead


def test_upstreams_that_nobody_can_reach_are_known_to_be_dead() -> None:
    pool = UpstreamPool(2)
    pool.connect([])
    assert pool.is_known_dead
    pool.connect([1])
    assert not pool.is_known_dead


def test_eight_answers_in_another_case_turn_it_off_for_ten_minutes() -> None:
    pool = UpstreamPool(2)
    for _ in range(7):
        pool.other_case(0, 1_000)
    assert pool.mixes_case(0, 1_000)

    pool.other_case(0, 1_000)
    assert not pool.mixes_case(0, 600 * 10**9)
    assert pool.mixes_case(1, 1_000)
    assert pool.mixes_case(0, 600 * 10**9 + 1_000)
