"""Platforms whose certificate nobody else has signed: trusted by those that are given it, and by nobody else."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.relay.running import HOST


@asynccontextmanager
async def self_signed(folder: Path, *, name: str = HOST, ends_in: timedelta) -> AsyncIterator[tuple[str, str]]:
    """``host:port`` of a server that speaks TLS alone, and its certificate in PEM; the files go into ``folder``."""
    certificate, key = folder / "own.pem", folder / "own.key"
    _write(certificate, key, name, datetime.now(UTC) + ends_in)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0, ssl=context)
    yield f"{HOST}:{server.sockets[0].getsockname()[1]}", certificate.read_text()
    server.close()
    await server.wait_closed()


def _write(certificate: Path, key: Path, name: str, ends_at: datetime) -> None:
    private, whose = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))])
    signed = (
        x509.CertificateBuilder(whose, whose, private.public_key(), x509.random_serial_number())
        .not_valid_before(ends_at - timedelta(days=2))
        .not_valid_after(ends_at)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pem, traditional = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    key.write_bytes(private.private_bytes(pem, traditional, serialization.NoEncryption()))
