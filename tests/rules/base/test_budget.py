from rules.base.budget import N_CLIENTS, N_NAMES, WINDOW_S, NameBudget, RequestBudget


def test_a_client_may_ask_about_so_many_names_and_again_in_the_next_window() -> None:
    budget = NameBudget()

    first = [budget.admits("192.0.2.7", f"n{at}.test", 0.0) for at in range(N_NAMES + 2)]

    assert first == [True] * N_NAMES + [False] * 2
    assert budget.admits("192.0.2.7", "n0.test", 1.0), "a name that was asked about is free"
    assert budget.admits("192.0.2.8", "other.test", 1.0), "every client has a budget of its own"
    assert budget.admits("192.0.2.7", "later.test", WINDOW_S)
    assert (budget.take_beyond(), budget.take_beyond()) == (2, 0)


def test_only_so_many_clients_are_remembered() -> None:
    budget = NameBudget()

    for at in range(N_CLIENTS + 10):
        budget.admits(f"client {at}", "a.test", 0.0)

    assert len(budget._windows.asked) == N_CLIENTS


def test_a_client_has_so_many_requests_and_is_told_when_there_are_more() -> None:
    budget = RequestBudget(2, 60.0)

    assert [budget.wait_s("192.0.2.7", at) for at in (0.0, 1.0, 20.0, 59.0, 60.0)] == [0.0, 0.0, 40.0, 1.0, 0.0]
    assert budget.wait_s("192.0.2.8", 20.0) == 0.0
