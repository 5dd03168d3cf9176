from hypothesis import given
from hypothesis import strategies as st

from relay.simulation.agenda import Agenda


def _agenda_of(*times):
    agenda, happened = Agenda(0), []
    for name, at_ns in times:
        agenda.plan(at_ns, lambda name=name: happened.append((name, agenda.now_ns)))
    return agenda, happened


@given(st.lists(st.integers(0, 5)))
def test_things_happen_by_time_and_then_in_the_order_in_which_they_were_planned(times):
    agenda, happened = _agenda_of(*enumerate(times))

    while agenda.go_on():
        pass

    assert happened == sorted(enumerate(times), key=lambda pair: pair[1])


def test_what_is_planned_for_the_very_time_that_one_goes_to_has_not_happened_yet():
    agenda, happened = _agenda_of(("before", 4), ("then", 5))

    agenda.go_to(5)

    assert (happened, agenda.now_ns) == ([("before", 4)], 5)


def test_the_past_is_now():
    agenda, happened = _agenda_of()
    agenda.go_to(7)

    assert agenda.plan(3, lambda: happened.append(agenda.now_ns)).at_ns == 7
    agenda.go_on()

    assert happened == [7]


def test_what_was_cancelled_does_not_happen():
    agenda, happened = Agenda(0), []
    agenda.plan(1, lambda: happened.append(1)).cancel()

    assert agenda.go_on()
    assert not agenda.go_on()
    assert happened == []


def test_time_never_runs_backwards():
    agenda, _ = _agenda_of()
    agenda.go_to(7)
    agenda.go_to(3)

    assert agenda.now_ns == 7
