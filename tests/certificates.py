"""Certificates of an authority that exists for one test, made with the openssl command."""

import shutil
import ssl
import subprocess

import pytest


class Authority:
    """Signs for addresses on this machine. `file` is what a client has to trust."""

    def __init__(self, folder, name="an authority of a test"):
        if shutil.which("openssl") is None:
            pytest.skip("no openssl command")
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self.file = folder / "authority.pem"
        self._key = folder / "authority.key"
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", self._key, "-out", self.file, "-days", "2", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip

    def _openssl(self, *arguments):
        subprocess.run(
            ["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=self._folder
        )

    def server(self, address="IP:127.0.0.1", days=2):
        """A server's context with a certificate for that address."""
        names = ("key", "csr", "extensions", "pem")
        key, request, extensions, signed = (self._folder / f"server.{name}" for name in names)
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", key, "-out", request, "-subj", "/CN=a server of a test",
        )  # fmt: skip
        extensions.write_text(f"subjectAltName={address}\nauthorityKeyIdentifier=keyid\n")
        self._openssl(
            "x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key,
            "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", signed,
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed, key)
        return context
