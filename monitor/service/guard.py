"""The service's own requests go where people said, and to nothing in the inner network that nobody named.

The address is looked at where the socket is connected: at the very one that is used, so that a name which means
something else by then, or an answer that points elsewhere, changes nothing.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from errno import EACCES
from functools import cache, wraps
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Not private by the book, and yet what answers there is the cloud's own: Oracle's metadata, Azure's services.
_OF_THE_CLOUD = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("168.63.129.16/32"))
#: Addresses that stand for an IPv4 address in their last 32 bits, where a translator is at hand (RFC 6052, RFC 8215).
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


def is_inner(address: Address) -> bool:
    """Whether an address belongs to this machine, its network or its cloud, and not to the internet at large."""
    meant = _meant(address)
    return not meant.is_global or meant.is_multicast or any(meant in cloud for cloud in _OF_THE_CLOUD)


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one only wraps, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if wrapped is None and any(address in network for network in _TRANSLATED):
        wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return wrapped or address


class Passage:
    """What one request may reach: `allow` names what of the inner network. `refused` says what it was kept from.

    Once something has been reached, nothing inner but the same address is: no answer can point further inside.
    """

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self.refused: str | None = None
        self._allow = tuple(allow)
        self._reached: Address | None = None

    def pinned(self, asked: socket.socket, target: Any) -> tuple[Address, Any]:
        """The address to connect to, looked at, with what the socket is given. Raises `PermissionError`."""
        if not isinstance(target, tuple):
            raise self._refusal("a socket of this machine", "")
        host, port, *rest = target
        refusal = PermissionError(EACCES, "nothing to connect to")
        for found in _numbers(host, port, asked):
            address = ipaddress.ip_address(found)
            if not is_inner(address) or self._may_reach_inside(address):
                return address, (found, port, *rest)
            refusal = self._refusal(str(address), self._why(address))
        raise refusal

    def reached(self, address: Address) -> None:
        """It has been connected."""
        self._reached = self._reached or address

    def _may_reach_inside(self, address: Address) -> bool:
        return self._reached in (None, address) and self._is_named(address)

    def _why(self, address: Address) -> str:
        if self._is_named(address):
            return " An answer from elsewhere pointed there, which is not followed."
        return " If it is meant, name it under 'network.allow' in the settings."

    def _refusal(self, what: str, why: str) -> PermissionError:
        self.refused = f"{what} belongs to the inner network.{why}"
        return PermissionError(EACCES, self.refused)

    def _is_named(self, address: Address) -> bool:
        for name in self._allow:
            network = _network(name)
            if network is None and str(address) in _resolved(name):
                return True
            if network is not None and (address in network or _meant(address) in network):
                return True
        return False


def guarded(allow: Sequence[str] = ()) -> AbstractContextManager[Passage]:
    """Whatever this context connects to goes through a `Passage` of its own."""
    return through(Passage(allow))


@contextmanager
def through(passage: Passage) -> Iterator[Passage]:
    """Whatever this context connects to goes through that passage: also in threads that copy the context."""
    _stand_guard()
    token = _passage.set(passage)
    try:
        yield passage
    finally:
        _passage.reset(token)


_passage: ContextVar[Passage | None] = ContextVar("passage", default=None)


@cache
def _stand_guard() -> None:
    """From now on sockets look whether there is a passage before they reach out; without one they do as ever."""
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _looking(getattr(socket.socket, name)))


def _looking(reach: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(reach)
    def looked(asked: socket.socket, *given: Any) -> Any:
        passage = _passage.get()
        if passage is None:
            return reach(asked, *given)
        address, target = passage.pinned(asked, given[-1])
        try:
            done = reach(asked, *given[:-1], target)
        except BlockingIOError:  # it is being connected
            passage.reached(address)
            raise
        passage.reached(address)
        return done

    return looked


def _numbers(host: Any, port: Any, asked: socket.socket) -> list[str]:
    """The addresses that a host stands for; itself where it is one."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        found = socket.getaddrinfo(host, port, asked.family, asked.type)
        return [str(one[4][0]) for one in found]


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None


def _resolved(name: str) -> list[str]:
    try:
        return [str(one[4][0]) for one in socket.getaddrinfo(name, None)]
    except OSError:
        return []
