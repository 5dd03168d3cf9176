"""What asks platforms for tokens, and platform connections that lead to a simulator or to bare bytes."""

from contextlib import AsyncExitStack

import aiohttp
import pytest
import pytest_asyncio

from relay.store.client_records import Platform
from relay.upstream.tokens import PlatformTokens
from tenants.encryption import CredentialSecret
from tests.relay import records
from tests.relay.upstream.raw_endpoint import raw_endpoint

CXONE_CREDENTIAL = CredentialSecret(
    client_id="demo-cxone",
    client_secret="demo-cxone-secret",
    access_key_id="demo-access-key",
    access_key_secret="demo-access-secret",
)


@pytest_asyncio.fixture
async def tokens():
    """The platforms' tokens, as one relay process holds them."""
    async with aiohttp.ClientSession() as http:
        tokens = PlatformTokens(http)
        yield tokens
        await tokens.aclose()


@pytest.fixture
def genesys(simulator):
    """An account on the simulated Genesys."""
    return records.platform_connection(simulator.url)


@pytest.fixture
def cxone(simulator):
    """An account on the simulated CXone."""
    account = records.platform_connection(
        simulator.url,
        platform=Platform.CXONE,
        token_url=f"{simulator.url}/.well-known/openid-configuration",
        socket_url=f"{simulator.ws_url}/realtime/{{tenant}}/{{channel}}",
        platform_tenant="t-1",
    )
    return records.with_credential(account, CXONE_CREDENTIAL)


@pytest_asyncio.fixture
async def endpoint_of():
    """Starts token endpoints that answer with the given pieces."""
    async with AsyncExitStack() as stack:

        async def start(*pieces, closes=True):
            return await stack.enter_async_context(raw_endpoint(pieces, closes=closes))

        yield start
