from relay.throttle.cap import Cap, first_full


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


def test_the_first_full_cap_of_several_is_found():
    free, full, also_full = Cap("free", limit=1), Cap("full", limit=0), Cap("also_full", limit=0)

    assert first_full([free, full, also_full]) is full


def test_nothing_is_full_where_all_have_room_or_there_is_no_cap():
    assert first_full([Cap("client_connections", limit=1)]) is None
    assert first_full([]) is None
