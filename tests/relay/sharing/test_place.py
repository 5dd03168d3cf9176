from relay.sharing.place import Place


def test_a_place_that_is_given_up_closes_its_connection():
    closed, place = [], Place({})
    place.begin(lambda: closed.append(1))

    place.give_up()

    assert closed == [1]


def test_a_place_that_was_given_up_before_its_connection_began_closes_it_at_once():
    closed, place = [], Place({})

    place.give_up()
    place.begin(lambda: closed.append(1))

    assert closed == [1]
