"""Names as long as they may be: no page that shows them scrolls sideways on a phone."""

import pytest

from tests.browser.addresses import page_of
from tests.tenants.factories import ChannelFactory, ClientFactory, PlatformConnectionFactory, TenantFactory

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}
LONG = "W" * 100  # no place to break it


@pytest.fixture
def long_names(transactional_db, redis):
    """A row of each kind that people name, with the longest name."""
    tenant = TenantFactory.create(name=LONG)
    connection = PlatformConnectionFactory.create(tenant=tenant, name=LONG)
    channel = ChannelFactory.create(tenant=tenant, name="w" * 64, platform_connection=connection)
    client = ClientFactory.create(tenant=tenant, name=LONG)
    client.channels.add(channel)
    return [(tenant, "suspend"), (connection, "delete"), (channel, "delete"), (client, "delete"), (client, "disable")]


def test_no_page_of_a_long_name_is_wider_than_a_phone(admin, long_names):
    admin.set_viewport_size(PHONE)
    too_wide = []
    for row, button in long_names:
        for page in ("change", button):
            admin.goto(page_of(row, page))
            width = admin.evaluate("document.documentElement.scrollWidth")
            if width > PHONE["width"]:
                too_wide.append(f"{type(row).__name__} {page}: {width} pixels")

    assert too_wide == []
