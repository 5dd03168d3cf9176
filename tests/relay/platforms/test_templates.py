import pytest

from relay.platforms.addresses import AddressRefused
from relay.platforms.templates import filled, refuse_other_braces


def test_the_three_names_are_replaced():
    values = {"region": "mypurecloud.ie", "tenant": "t-1", "channel": "orders"}

    assert filled("wss://{region}/{tenant}/{channel}/{channel}", values) == "wss://mypurecloud.ie/t-1/orders/orders"


def test_a_name_without_a_value_stays():
    assert filled("wss://{region}/{channel}", {"region": "mypurecloud.ie"}) == "wss://mypurecloud.ie/{channel}"


def test_what_was_filled_in_is_not_replaced_again():
    assert filled("{tenant}{channel}", {"tenant": "{channel}", "channel": "x"}) == "{channel}x"


@pytest.mark.parametrize("template", ["wss://host/{channel}", "wss://{region}/{tenant}/{channel}", "wss://host/fixed"])
def test_the_three_names_are_taken(template):
    refuse_other_braces(template)


@pytest.mark.parametrize(
    "template",
    [
        "{tenant:>1500000000}",
        "{channel!r}",
        "{channel.__class__}",
        "{channel[0]}",
        "{}",
        "{0}",
        "{Channel}",
        "{ channel }",
        "{{channel}}",
        "{ten{channel}ant}",
        "{channel",
        "channel}",
        "{secret}",
    ],
)
def test_any_other_brace_is_refused_with_what_is_allowed(template):
    with pytest.raises(AddressRefused, match=r"Only \{region\}, \{tenant\} and \{channel\}"):
        refuse_other_braces(f"wss://host/{template}")


@pytest.mark.parametrize("host", ["{tenant}.example", "{channel}", "{region}.{tenant}", "a.{channel}:443"])
def test_a_host_that_those_names_decide_is_refused(host):
    with pytest.raises(AddressRefused, match="behind the host only"):
        refuse_other_braces(f"wss://{host}/{{channel}}")


@pytest.mark.parametrize("template", ["wss://host?{channel}", "wss://{region}/{tenant}", "{channel}"])
def test_behind_the_host_they_may_stand(template):
    refuse_other_braces(template)
