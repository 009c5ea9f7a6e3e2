"""Where a webhook may lead: an address that is checked and then connected to, the same one, so that no name can change in between.

A URL comes from a caller, and the hub stands inside a network that the caller may not reach. So: https alone, few ports, no
credentials in it; every address of its name must be one of the open internet, or, for hosts that the administrator names, of a
private network too; never the hub's own machine, a link-local address or a cloud's metadata service. No redirect is followed, no proxy
of the environment is asked, and neither the time nor the answer is without limit.
"""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from api.watches.resolver import NoPlace, Resolver, TooSlow
from hub.errors import RequestError
from hub.settings import Settings

MAX_URL = 500
MAX_ANSWER_BYTES = 64 * 1024
TIMEOUT_S = 10.0  # of a whole attempt
CONNECT_S = 4.0
RESOLVE_S = 2.0  # of a name's look-up

_ORDERED = Resolver(places=8, each=2)  # names that callers give, by caller
_DELIVERED = Resolver(places=16, each=2)  # names that are delivered to, by whose watch it is

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Services that clouds offer to their machines under addresses which are otherwise like any other.
_METADATA = frozenset(ipaddress.ip_address(each) for each in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"))
#: Kept for protocols, where clouds put services too; Python takes most of it for the open internet.
_RESERVED = (ipaddress.ip_network("192.0.0.0/24"),)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")  # the old way of writing an IPv4 address as one of IPv6


class TargetRefused(Exception):
    """The host has an address that nothing may be sent to, or none."""


@dataclass(frozen=True)
class Places:
    """Which hosts and ports webhooks may lead to.

    Attributes:
        suffixes: of hosts, of which others are refused and these may be private; empty: any host of the open internet.
        ports: that may be connected to.
        loopback: whether this machine may be posted to, at `localhost` or 127.0.0.1 by http too and on any port.
    """

    suffixes: tuple[str, ...] = ()
    ports: frozenset[int] = frozenset({443})
    loopback: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Places:
        """As the settings say."""
        suffixes = tuple(part.strip().lower().strip(".") for part in settings.webhook_hosts.split(",") if part.strip())
        ports = frozenset(int(part) for part in settings.webhook_ports.split(",") if part.strip())
        return cls(suffixes, ports, settings.webhook_loopback)

    def is_listed(self, host: str) -> bool:
        """Whether the administrator named this host, or a domain that it is in."""
        host = host.lower().rstrip(".")
        return any(host == suffix or host.endswith(f".{suffix}") for suffix in self.suffixes)


def check_url(url: str, places: Places) -> httpx.URL:
    """Whether a URL is of the kind that webhooks may have; its addresses are checked with each delivery.

    Raises:
        RequestError: says which rule it breaks, and repeats nothing of it.
    """
    try:
        found = httpx.URL(url)
        host, port = found.host, found.port or {"https": 443, "http": 80}.get(found.scheme)
    except (httpx.InvalidURL, ValueError):
        raise _refused("网址无法识别 · the URL cannot be read") from None
    if len(url) > MAX_URL or not host or any(not " " < character < "\x7f" for character in url):
        raise _refused(f"网址须为 ASCII，至多 {MAX_URL} 字符 · a URL is ASCII, of at most {MAX_URL} characters")
    if found.userinfo or found.fragment:
        raise _refused("网址不得含用户名、密码或 # · no user name, password or # in the URL")
    is_here = places.loopback and _is_this_machine(host)
    if found.scheme != "https" and not (is_here and found.scheme == "http"):
        raise _refused("须用 https · https alone")
    if port not in places.ports and not is_here:
        raise _refused(f"端口须为 · the port must be one of {', '.join(map(str, sorted(places.ports)))}")
    if places.suffixes and not places.is_listed(host) and not is_here:
        raise _refused("主机不在管理员所列范围内 · the host is none of those that the administrator lists")
    return found


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(message: str) -> RequestError:
    return RequestError(message, remedy="改正 webhook.url · correct webhook.url; CASEHUB_WEBHOOK_HOSTS lists hosts of internal networks")


def is_open(address: Address, *, is_listed: bool = False, loopback: bool = False) -> bool:
    """Whether something may be sent to an address.

    Args:
        address: to be connected to.
        is_listed: whether the administrator named the host that it is of: then it may be private.
        loopback: whether this machine may be sent to.
    """
    inner = _inside(address)
    if inner is not None:  # an IPv4 address in the clothes of IPv6 is judged as what it is
        return is_open(inner, is_listed=is_listed, loopback=loopback)
    if address in _METADATA or any(address in each for each in _RESERVED if each.version == address.version):
        return False
    if address.is_multicast or address.is_unspecified or address.is_link_local:
        return False
    if address.is_loopback:
        return loopback
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    if address.is_global and not address.is_reserved:
        return True
    return is_listed and _is_private_network(address)


def _is_private_network(address: Address) -> bool:
    """Whether it is one that organisations number their machines with: RFC 1918, RFC 6598, RFC 4193; not what else is not global."""
    return any(address in network for network in _PRIVATE if network.version == address.version)


_PRIVATE = tuple(ipaddress.ip_network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))


def _inside(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that one of IPv6 stands for: mapped, 6to4, Teredo, NAT64 or compatible."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    teredo = address.teredo
    if address.ipv4_mapped or address.sixtofour or teredo:
        return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def addresses(who: str, host: str, port: int, places: Places) -> list[str]:
    """Addresses of a host, each of which may be connected to.

    Args:
        who: whose share of the look-ups it takes: a name server that is silent holds up nobody else's.
        host: by name or address.
        port: to be connected to.
        places: which may be.

    Raises:
        NoPlace: his share is taken.
        TargetRefused: there is none, or one of them may not: who mixes them means harm, or is mistaken.
        TooSlow: its name was not looked up within `RESOLVE_S`.
    """
    try:
        found = _DELIVERED.look_up(who, host, port, RESOLVE_S)
    except (OSError, UnicodeError):
        raise TargetRefused from None
    return _checked(found, host, places)


async def require_addresses(who: str, url: httpx.URL, places: Places) -> None:
    """As `addresses`, for somebody who names a URL and has his share of the look-ups; he holds no thread while he waits."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await _ORDERED.find(who, url.host, port, RESOLVE_S)
    except (OSError, UnicodeError):
        raise TargetRefused from None
    _checked(found, url.host, places)


def _checked(found: list[str], host: str, places: Places) -> list[str]:
    try:
        parsed = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
    except ValueError:
        raise TargetRefused from None
    is_listed = places.is_listed(host)
    if not parsed or not all(is_open(each, is_listed=is_listed, loopback=places.loopback) for each in parsed):
        raise TargetRefused
    return list(dict.fromkeys(str(each) for each in parsed))


class _Timed(httpcore.NetworkStream):
    """A connection that ends at a fixed time, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def _left(self, timeout: float | None) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(left, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Pinned(httpcore.NetworkBackend):
    """Connects to an address that it has just checked itself: nobody looks the name up a second time."""

    def __init__(self, who: str, places: Places, deadline: float) -> None:
        """Connect to nothing yet.

        Args:
            who: for whom.
            places: which addresses may be connected to.
            deadline: on the monotonic clock, of all that is sent and received.
        """
        self._who, self._places, self._deadline = who, places, deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first checked address that answers."""
        error: Exception = TargetRefused()
        try:
            found = addresses(self._who, host, port, self._places)
        except NoPlace:
            raise
        except TooSlow:
            raise httpcore.ConnectTimeout from None
        for address in found:
            left = min(CONNECT_S, self._deadline - time.monotonic())
            try:
                stream = self._backend.connect_tcp(address, port, max(left, 0.001), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as found:
                error = found
                continue
            return _Timed(stream, self._deadline)
        raise error


def post(who: str, url: httpx.URL, body: bytes, headers: Mapping[str, str], places: Places, context: ssl.SSLContext) -> int:
    """Post once for somebody; the status that was answered.

    Raises:
        NoPlace: nothing was posted, for too many of his names are looked up.
        TargetRefused: the host has an address that nothing may be sent to, or none.
        httpcore.TimeoutException: it took too long.
        httpcore.NetworkError, httpcore.ProtocolError: it did not come through.
    """
    deadline = time.monotonic() + TIMEOUT_S
    limits = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_S)
    backend = Pinned(who, places, deadline)
    with httpcore.ConnectionPool(ssl_context=context, network_backend=backend, max_connections=1, http2=False) as pool:
        request = {"headers": [*headers.items(), ("Host", url.netloc.decode("ascii"))], "content": body, "extensions": {"timeout": limits}}
        with pool.stream("POST", str(url), **request) as answer:  # type: ignore[arg-type]
            received = 0
            for part in answer.iter_stream():
                received += len(part)
                if received > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                    break  # what it says is of no interest, and it goes on saying it
            return int(answer.status)
