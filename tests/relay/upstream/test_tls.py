import ssl
import warnings

import pytest
import pytest_asyncio

from relay.store.client_records import Platform
from relay.upstream.link import LinkFailed, open_link
from relay.upstream.resolver import Resolver
from relay.upstream.tls import CertificateUnusable, tls_context
from tests.bench.ground.certificates import make_certificates
from tests.relay import records
from tests.relay.upstream.asking import refusal_of, source_of
from tests.relay.upstream.linking import target


@pytest.fixture
def certificates(tmp_path):
    """An authority that nobody knows, and its certificate for 127.0.0.1 and localhost."""
    return make_certificates(tmp_path)


@pytest.fixture
def authority(certificates):
    """The PEM of that authority, as an owner enters it."""
    return certificates.authority.read_text()


@pytest_asyncio.fixture
async def platform(simulator_of, certificates):
    """A simulator that speaks TLS, and at which the token ``live`` is live."""
    simulator = await simulator_of(tls_certificate=certificates.certificate, tls_key=certificates.key)
    simulation = simulator.simulation
    simulation.issue_token(simulation.credentials.find("genesys", "demo-genesys"), "live")
    return simulator


@pytest.fixture
def another(tmp_path_factory):
    """Certificates of somebody else."""
    return make_certificates(tmp_path_factory.mktemp("another"))


@pytest.fixture
def operators(settings):
    """Lets the operator trust an authority."""

    def trust(authority):
        settings.PLATFORM_CA_FILE = str(authority)
        tls_context.cache_clear()

    yield trust
    tls_context.cache_clear()


async def connect(platform, ca_certificate):
    """Open a link to the platform, and end it."""
    url = f"{platform.ws_url}/v2/websocket/echo"
    link = await open_link(target(url, authorization="Bearer live", tls=tls_context(ca_certificate)), Resolver())
    link.transport.abort()


@pytest.mark.asyncio
async def test_a_platform_is_trusted_by_its_connections_own_authority(platform, authority):
    await connect(platform, authority)

    assert platform.simulation.ledger.handshakes["101"] == 1


@pytest.mark.asyncio
async def test_a_remark_in_any_language_may_stand_before_the_authority(platform, authority):
    await connect(platform, f"\ufeffZertifikat für Köln\n{authority}")

    assert platform.simulation.ledger.handshakes["101"] == 1


@pytest.mark.parametrize("ca_certificate", ["", "own"])
def test_every_python_checks_certificates_alike(authority, ca_certificate):
    flags = tls_context(ca_certificate and authority).verify_flags

    assert not flags & ssl.VERIFY_X509_STRICT  # private authorities often leave out what it asks for
    assert flags & ssl.VERIFY_X509_PARTIAL_CHAIN


@pytest.mark.asyncio
async def test_f41_a_certificate_of_an_unknown_authority_is_refused(platform):
    with pytest.raises(LinkFailed, match="certificate verify failed"):
        await connect(platform, "")


@pytest.mark.asyncio
async def test_f41_another_authority_does_not_do(platform, another):
    with pytest.raises(LinkFailed, match="certificate verify failed"):
        await connect(platform, another.authority.read_text())


@pytest.mark.asyncio
async def test_f41_a_certificate_for_another_name_is_refused(simulator_of, certificates, authority):
    platform = await simulator_of(host="127.0.0.2", tls_certificate=certificates.certificate, tls_key=certificates.key)

    with pytest.raises(LinkFailed, match="IP address mismatch"):
        await connect(platform, authority)


@pytest.mark.asyncio
@pytest.mark.parametrize("own", [True, False], ids=["beside an own one", "alone"])
async def test_the_operators_authority_is_trusted_besides(platform, certificates, another, operators, own):
    operators(certificates.authority)

    await connect(platform, another.certificate.read_text() if own else "")

    assert platform.simulation.ledger.handshakes["101"] == 1


@pytest.mark.asyncio
async def test_tokens_are_asked_for_under_the_same_trust(tokens, platform, authority):
    trusting = records.platform_connection(platform.url, ca_certificate=authority)

    assert await tokens.token_for(source_of(trusting))
    assert dict(platform.simulation.ledger.token_requests) == {"200": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", list(Platform))
async def test_f41_a_credential_is_never_sent_to_a_platform_that_is_not_trusted(tokens, platform, kind):
    refusal = await refusal_of(tokens, records.platform_connection(platform.url, platform=kind))

    assert "certificate verify failed" in str(refusal)
    assert not platform.simulation.ledger.token_requests


@pytest.mark.asyncio
async def test_a_mended_authority_is_trusted_at_once(platform, authority):
    with pytest.raises(LinkFailed):
        await connect(platform, "")

    await connect(platform, authority)


def answer_by(version, certificates, hello):
    """What a server that speaks only that version makes of the client's first words."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates.certificate, certificates.key)
    server.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is the point of the test
        server.minimum_version = server.maximum_version = version
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(hello)
    server.wrap_bio(incoming, outgoing, server_side=True).do_handshake()


def first_words():
    """The ClientHello of a context."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = tls_context("").wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["TLS 1.0", "TLS 1.1"])
def test_f41_a_platform_that_only_speaks_an_old_version_is_refused(certificates, version):
    with pytest.raises(ssl.SSLError, match=r"(?i)unsupported protocol"):
        answer_by(version, certificates, first_words())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def test_a_platform_that_speaks_a_present_version_is_answered(certificates, version):
    with pytest.raises(ssl.SSLWantReadError):
        answer_by(version, certificates, first_words())


@pytest.mark.parametrize("text", ["garbage", "é", "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"])
def test_a_text_that_is_no_certificate_is_refused(text):
    with pytest.raises(CertificateUnusable, match="is no PEM certificate"):
        tls_context(text)


def test_a_file_of_authorities_that_is_not_there_is_named(settings, tmp_path):
    settings.PLATFORM_CA_FILE = str(tmp_path / "missing.pem")
    tls_context.cache_clear()

    with pytest.raises(CertificateUnusable, match="FLOODGATE_PLATFORM_CA_FILE"):
        tls_context("")


def test_one_authority_has_one_context(authority):
    assert tls_context(authority) is tls_context(authority)
