"""Where a webhook may lead, and above all where not."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from api.watches.target import Places, TargetRefused, addresses, check_url, is_open
from hub.errors import RequestError
from hub.settings import Settings

PUBLIC = Places(ports=frozenset({443, 8443}))
LISTED = Places(suffixes=("gov.example", "10.9.8.7"), ports=frozenset({443}))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "//hooks.example.com/",
        "https:///nothing",
        "https://hooks.example.com:22/",
        "https://hooks.example.com:80/",
        "https://user:pass@hooks.example.com/",
        "https://hooks.example.com@evil.example/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nX-Evil: 1",
        "https://hooks.example.com/\x00",
        "https://例子.example/",
        "https://hooks.example.com/" + "a" * 500,
        "javascript:alert(1)",
        "",
    ],
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_url(url, PUBLIC)
    assert not url or url not in str(caught.value)


@pytest.mark.parametrize("url", ["https://hooks.example.com/a?b=c", "https://hooks.example.com:8443/", "https://93.184.216.34/"])
def test_an_ordinary_url_is_taken(url: str) -> None:
    assert str(check_url(url, PUBLIC)) == url


def test_a_list_of_hosts_shuts_out_all_others() -> None:
    for url in ("https://gov.example/", "https://a.gov.example./", "https://A.GOV.example/", "https://10.9.8.7/"):
        check_url(url, LISTED)
    for url in ("https://evilgov.example/", "https://gov.example.evil.org/", "https://hooks.example.com/"):
        with pytest.raises(RequestError, match="CASEHUB_WEBHOOK_HOSTS"):
            check_url(url, LISTED)


CLOSED = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1", "169.254.169.254",  # noqa: S104 - nothing is bound to it
    "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2002:7f00:1::", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
]  # fmt: skip


@pytest.mark.parametrize("address", CLOSED)
def test_nothing_is_sent_to_an_address_of_the_inside(address: str) -> None:
    assert not is_open(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"])
def test_the_open_internet_is_open(address: str) -> None:
    assert is_open(ipaddress.ip_address(address))


def test_a_listed_host_may_be_private_and_never_this_machine_or_a_clouds_own() -> None:
    for address in ("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"):
        assert is_open(ipaddress.ip_address(address), is_listed=True), address
    never = set(CLOSED) - {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fc00::1", "::ffff:10.0.0.1"}
    never -= {"64:ff9b::a00:1", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:f5ff:fffe"}
    for address in never:
        assert not is_open(ipaddress.ip_address(address), is_listed=True), address


def resolving(monkeypatch: pytest.MonkeyPatch, *found: str) -> list[str]:
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_one_inner_address_among_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(TargetRefused):
        addresses("zhang", "hooks.example.com", 443, PUBLIC)
    resolving(monkeypatch, "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946")
    assert len(addresses("zhang", "hooks.example.com", 443, PUBLIC)) == 2


def test_a_name_that_is_none_is_refused() -> None:
    for host in ("no-such-host.invalid", "a" * 64 + ".example", "-"):
        with pytest.raises(TargetRefused):
            addresses("zhang", host, 443, PUBLIC)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "0"])
def test_other_ways_of_writing_this_machine_are_this_machine(host: str) -> None:
    with pytest.raises(TargetRefused):
        addresses("zhang", host, 443, PUBLIC)


def test_the_settings_are_read() -> None:
    places = Places.of(Settings(webhook_hosts=" Gov.Example, .b.example ,", webhook_ports="443, 9443"))
    assert places == Places(("gov.example", "b.example"), frozenset({443, 9443}), loopback=False)
