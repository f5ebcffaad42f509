"""Certificates of an authority that exists for one test."""

import ssl
from datetime import UTC, datetime, timedelta

import trustme


class Authority:
    """Signs for addresses on this machine. `file` is what a client has to trust."""

    def __init__(self, folder, name="an authority of a test"):
        folder.mkdir(exist_ok=True)
        self.file = folder / "authority.pem"
        self._authority = trustme.CA(organization_name=name)
        self._authority.cert_pem.write_to_path(self.file)

    def server(self, address="127.0.0.1", days=2):
        """A server's context with a certificate for that address; of minus a day it has expired."""
        ends = datetime.now(UTC) + timedelta(days=days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(address, not_after=ends).configure_cert(context)
        return context
