"""The hub's TLS off loopback: a self-signed certificate that lives as long as the hub, pinned by its fingerprint."""

from __future__ import annotations

import ipaddress
import os
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

from qloop.errors import QloopError
from qloop.pilots.stream import fingerprint


def is_loopback(host: str) -> bool:
    """Whether nobody outside of this machine can connect to a hub that listens on this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server_side() -> tuple[ssl.SSLContext, str]:
    """A hub's TLS context with a fresh certificate, and the fingerprint by which agents know it."""
    with tempfile.TemporaryDirectory(prefix="qloop-hub-") as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        _make(key, certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate, key)
        return context, fingerprint(ssl.PEM_cert_to_DER_cert(certificate.read_text()))


def agent_side() -> ssl.SSLContext:
    """An agent's: it trusts no authority, and afterwards compares the fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _make(key: Path, certificate: Path) -> None:
    """By the command `openssl`, which every system with Python's ssl has or can have; the key is this user's alone."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise QloopError("A hub that listens off loopback needs a certificate",
                         "the command openssl, which makes it, is not on the PATH",
                         "Install OpenSSL's command line tool, or let the hub listen on 127.0.0.1")
    made = subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "3650", "-subj", "/CN=qloop hub", "-keyout", str(key), "-out", str(certificate)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "RANDFILE": str(key.with_name("random"))})
    if made.returncode != 0:
        raise QloopError("A hub's certificate cannot be made", made.stderr.strip()[-500:])
