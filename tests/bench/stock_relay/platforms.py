"""The platforms by channel. TLS trusts what OpenSSL trusts, so SSL_CERT_FILE can add an authority."""

import os

PLATFORM_URLS = {"plain": os.environ["PLAIN_PLATFORM_URL"], "tls": os.environ["TLS_PLATFORM_URL"]}
