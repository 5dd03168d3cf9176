from relay.store.backoff import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, SHORTEST_PART, Backoff


def test_pauses_double_up_to_the_longest_and_vary():
    backoff, longest = Backoff(), FIRST_RETRY_SECONDS

    for _ in range(20):
        assert SHORTEST_PART * longest <= backoff.pause_seconds() <= longest
        longest = min(2 * longest, LONGEST_RETRY_SECONDS)

    assert longest == LONGEST_RETRY_SECONDS


def test_after_a_success_pauses_are_short_again():
    backoff = Backoff()
    for _ in range(20):
        backoff.pause_seconds()

    backoff.reset()

    assert backoff.pause_seconds() <= FIRST_RETRY_SECONDS
