from relay.platforms.credentials import MOST_TRIED, CredentialsInUse


def in_use(**connections):
    """Credentials, each with so many connections."""
    credentials = CredentialsInUse()
    for name, count in connections.items():
        for _ in range(count):
            credentials.take(name)
    return credentials


def test_those_with_the_fewest_connections_come_first():
    assert in_use(a=2, b=1, c=3).least_used("abc") == ["b", "a", "c"]


def test_one_that_nobody_uses_has_the_fewest():
    assert in_use(a=1).least_used("ab") == ["b", "a"]


def test_those_of_the_same_number_keep_their_order():
    assert in_use().least_used("ba") == ["b", "a"]


def test_one_that_the_platform_refused_comes_last():
    assert in_use(b=9).least_used("ab", {"a"}) == ["b", "a"]


def test_where_all_were_refused_the_least_used_comes_first():
    assert in_use(a=1).least_used("ab", {"a", "b"}) == ["b", "a"]


def test_however_many_there_are_only_a_few_are_tried():
    assert len(in_use().least_used(map(str, range(1000)))) == MOST_TRIED


def test_a_connection_counts_until_it_is_given_back():
    credentials = in_use()

    credentials.take("a")
    while_used = credentials.least_used("ab")
    credentials.give_back("a")

    assert while_used == ["b", "a"]
    assert credentials.least_used("ab") == ["a", "b"]


def test_a_credential_that_nobody_uses_leaves_nothing_behind():
    credentials = in_use(a=1)

    credentials.give_back("a")

    assert len(credentials) == 0
