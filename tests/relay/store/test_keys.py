import inspect
from itertools import product
from uuid import uuid4

import pytest
from redis.crc import key_slot

from relay.store import keys
from relay.throttle.policy import Scope
from relay.throttle.zones import ZoneKey

KEY = ZoneKey(Scope.CLIENT, "crm", "policy", "messages")
FUNCTIONS = dict(inspect.getmembers(keys, inspect.isfunction))
OF_A_TENANT = {name for name, function in FUNCTIONS.items() if "tenant_id" in inspect.signature(function).parameters}
OF_ALL = FUNCTIONS.keys() - OF_A_TENANT


def key_of(name, tenant_id, zone_key=KEY):
    """The key by that name; some are of one zone or cap, or of one relay process."""
    function, further = FUNCTIONS[name], {"key": zone_key, "worker": "host-1"}
    wanted = [further[parameter] for parameter in inspect.signature(function).parameters if parameter in further]
    return function(tenant_id, *wanted)


def test_all_keys_of_one_tenant_share_a_slot_of_redis_cluster():
    tenant_id = str(uuid4())

    slots = {key_slot(key_of(name, tenant_id).encode()) for name in OF_A_TENANT}

    assert len(OF_A_TENANT) > 1
    assert slots == {key_slot(tenant_id.encode())}


def test_no_two_keys_are_the_same():
    tenant_ids = [str(uuid4()) for _ in range(3)]

    of_tenants = [key_of(name, tenant_id) for name, tenant_id in product(OF_A_TENANT, tenant_ids)]
    of_all = [FUNCTIONS[name]() for name in OF_ALL]

    assert len({*of_tenants, *of_all}) == len(of_tenants) + len(of_all)


@pytest.mark.parametrize("name", ["zone", "zone_shares", "cap"])
@pytest.mark.parametrize("field", ["scope", "scope_id", "policy_id", "name"])
def test_zones_of_different_traffic_have_different_keys(name, field):
    assert key_of(name, "acme") != key_of(name, "acme", KEY._replace(**{field: "other"}))


@pytest.mark.parametrize("name", sorted(OF_ALL))
def test_a_key_that_belongs_to_no_tenant_tells_whose_it_is(name):
    assert FUNCTIONS[name]().startswith("floodgate:")


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_key_says_what_kind_of_thing_it_holds(name):
    kind = inspect.getdoc(FUNCTIONS[name]).partition(":")[0]

    assert kind in ("String", "Hash", "Set", "Sorted set", "Stream", "List")
