"""Where a hub must listen so that the nodes of a cluster reach it."""

from __future__ import annotations

import socket

from qloop.pilots.certificate import is_loopback


def towards(address: str) -> dict[str, str]:
    """`host` and `advertise` of a hub whose agents run where the cluster at this address does.

    On loopback for a cluster of our own (""), for `auto`, and for an address that is loopback; otherwise on all
    addresses, known by the one from which this machine would speak to the cluster.
    """
    host, port = _parts(address)
    if not host or is_loopback(host):
        return {"host": "127.0.0.1", "advertise": ""}
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(where)        # sends nothing
            return {"host": "::" if family == socket.AF_INET6 else "0.0.0.0", "advertise": probe.getsockname()[0]}
    except OSError:     # whoever connects to the cluster will say what is wrong with its address
        return {"host": "0.0.0.0", "advertise": ""}


def _parts(address: str) -> tuple[str, int]:
    """Host and port of `tcp://host:8786` or `host:6379`; ("", 0) where there is no host."""
    host, colon, port = address.rpartition("//")[2].rpartition(":")
    return host.removeprefix("[").removesuffix("]") if colon else "", int(port) if port.isdecimal() else 0
