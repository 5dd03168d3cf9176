from relay.throttle.cap import Cap


def test_a_cap_is_full_when_as_many_are_open_as_may_be():
    cap = Cap("client_connections", limit=2)

    cap.take()
    assert not cap.is_full
    cap.take()

    assert cap.is_full


def test_what_is_given_back_can_be_taken_again():
    cap = Cap("client_connections", limit=1)
    cap.take()

    cap.give_back()

    assert not cap.is_full
    assert cap.taken == 0


def test_a_limit_that_was_lowered_lets_open_connections_be():
    cap = Cap("client_connections", limit=3)
    for _ in range(3):
        cap.take()

    cap.limit = 1

    assert (cap.is_full, cap.taken) == (True, 3)
