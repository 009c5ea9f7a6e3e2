"""Where a call comes from: the socket's other end, or what a trusted proxy says (the server reads X-Forwarded-For, from those alone)."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def read_address(host: str | None) -> Address | None:
    """An address from its text, an IPv4 one inside IPv6 as itself; None for anything else."""
    try:
        found = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def neighbourhood(address: Address | None) -> str:
    """What refusals are counted by: an IPv4 address, or the /64 of an IPv6 one, which is one line's worth."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return "unknown" if address is None else str(address)
