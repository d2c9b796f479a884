"""The service's own requests reach nothing in the inner network that nobody named, whatever names and answers say."""

import asyncio
import contextvars
import ipaddress
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fsspec.asyn
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import DeliveryError
from monitor.service import guard
from monitor.service.guard import Passage, guarded, is_inner, through
from monitor.service.routing import AppriseNotifier

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

INNER = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200",
    "192.0.0.192", "168.63.129.16", "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1",
    "::", "::1", "fe80::1", "fe80::1%1", "fd00:ec2::254", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]  # fmt: skip
OUTER = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@dataclass
class Listener:
    """A web server that keeps what it was asked; with `moved` it points there."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    moved: str = ""


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[Listener]:
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.asked.append(self.path)
            self.send_response(307 if found.moved else 200)
            if found.moved:
                self.send_header("Location", found.moved)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer((host, 0), Handler) as server:
        found.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def inner() -> Iterator[Listener]:
    with listening() as found:
        yield found


def test_inner_addresses_are_told_from_outer_ones() -> None:
    assert [address for address in INNER if not is_inner(ipaddress.ip_address(address))] == []
    assert [address for address in OUTER if is_inner(ipaddress.ip_address(address))] == []


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_however_it_is_wrapped(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for wrapped in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        assert is_inner(ipaddress.IPv6Address(wrapped)) == is_inner(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "127.1", "2130706433", "[::ffff:127.0.0.1]"])
def test_nothing_inner_is_reached_under_any_name(inner: Listener, host: str) -> None:
    with guarded() as passage, pytest.raises(requests.ConnectionError):
        requests.get(f"http://{host}:{inner.port}/admin", timeout=5)
    assert passage.refused is not None
    assert "network.allow" in passage.refused
    assert inner.asked == []


@pytest.mark.parametrize("allow", ["127.0.0.1", "127.0.0.0/8", "127.0.0.1/24", "localhost"])
def test_what_is_named_is_reached(inner: Listener, allow: str) -> None:
    with guarded(["192.168.0.0/16", "fd00::/8", allow]) as passage:
        assert requests.get(f"http://127.0.0.1:{inner.port}/a", timeout=5).ok
        assert requests.get(f"http://localhost:{inner.port}/b", timeout=5).ok
    assert inner.asked == ["/a", "/b"]
    with guarded(["192.168.0.0/16", "nowhere.invalid"]), pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{inner.port}/c", timeout=5)
    assert passage.refused is None or "127.0.0.1" not in passage.refused


def test_without_a_passage_all_is_as_ever(inner: Listener) -> None:
    with guarded():
        pass
    assert requests.get(f"http://127.0.0.1:{inner.port}/", timeout=5).ok


def test_a_name_that_means_something_else_by_then_changes_nothing(
    inner: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name answers with an outer address when it is looked at, and with an inner one when it is used."""
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])

    def resolve(host: str, port: int, *_more: Any, **_named: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    socket.getaddrinfo("rebind.example", inner.port)
    with guarded() as passage, pytest.raises(requests.ConnectionError):
        requests.get(f"http://rebind.example:{inner.port}/", timeout=5)
    assert passage.refused is not None
    assert inner.asked == []


def test_an_answer_from_outside_leads_to_nothing_inside_even_what_is_named(
    inner: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.0.0.2 stands for the outside."""
    monkeypatch.setattr(guard, "is_inner", lambda address: str(address) != "127.0.0.2")
    with listening("127.0.0.2") as outer:
        outer.moved = f"http://127.0.0.1:{inner.port}/admin"
        with guarded(["127.0.0.1"]) as passage, pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.2:{outer.port}/", timeout=5)
        assert (outer.asked, inner.asked) == (["/"], [])
        assert "pointed there" in str(passage.refused)
        inner.moved = f"http://127.0.0.2:{outer.port}/out"
        outer.moved = ""
        with guarded(["127.0.0.1"]):
            assert requests.get(f"http://127.0.0.1:{inner.port}/", timeout=5).ok


def test_a_named_address_points_to_no_other_named_one(inner: Listener) -> None:
    with listening("127.0.0.3") as other:
        inner.moved = f"http://127.0.0.3:{other.port}/"
        with guarded(["127.0.0.0/8"]), pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{inner.port}/", timeout=5)
        assert other.asked == []


def test_what_was_reached_is_remembered_from_one_connection_to_the_next(
    inner: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source lists, and fetches later: what it lists cannot send it inside."""
    monkeypatch.setattr(guard, "is_inner", lambda address: str(address) != "127.0.0.2")
    passage = Passage(["127.0.0.1"])
    with listening("127.0.0.2") as outer, through(passage):
        assert requests.get(f"http://127.0.0.2:{outer.port}/", timeout=5).ok
    with through(passage), pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{inner.port}/admin", timeout=5)
    assert inner.asked == []


def test_urllib_asyncio_and_datagrams_go_through_it_too(inner: Listener) -> None:
    with guarded():
        with pytest.raises(OSError, match="inner network"):
            urllib.request.urlopen(f"http://127.0.0.1:{inner.port}/", timeout=5)
        with pytest.raises(PermissionError):
            asyncio.run(_open(inner.port))
        with pytest.raises(PermissionError):  # in the thread that asks S3 and its like
            fsspec.asyn.sync(fsspec.asyn.get_loop(), _open, inner.port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, pytest.raises(PermissionError):
            sender.sendto(b"x", ("127.0.0.1", inner.port))
        with socket.socket(socket.AF_UNIX) as local, pytest.raises(PermissionError):
            local.connect("/run/any.sock")
    with guarded(["127.0.0.1"]):
        asyncio.run(_open(inner.port))
    assert inner.asked == []


async def _open(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()


def test_threads_are_held_by_the_passage_whose_context_they_copy(inner: Listener) -> None:
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            socket.create_connection(("127.0.0.1", inner.port), 5).close()
        except PermissionError as error:
            failed.append(error)

    with guarded():
        context = contextvars.copy_context()
        threads = [threading.Thread(target=context.run, args=(ask,)), threading.Thread(target=ask)]
        for thread in threads:
            thread.start()
            thread.join()
    assert len(failed) == 1


def test_a_webhook_in_the_inner_network_is_asked_only_where_it_is_named(inner: Listener) -> None:
    url = f"json://127.0.0.1:{inner.port}/hook"
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1 belongs to the inner network.*network\.allow") as refused:
        AppriseNotifier(url).send("t", "b")
    assert not refused.value.permanent
    assert inner.asked == []
    AppriseNotifier(url, ["127.0.0.1"]).send("t", "b")
    assert inner.asked == ["/hook"]


def test_a_webhook_is_not_followed_into_the_inner_network(inner: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "is_inner", lambda address: str(address) != "127.0.0.2")
    with listening("127.0.0.2") as outer:
        outer.moved = f"http://127.0.0.1:{inner.port}/admin"
        with pytest.raises(DeliveryError):
            AppriseNotifier(f"json://127.0.0.2:{outer.port}/hook", ["127.0.0.1"]).send("t", "b")
    assert (outer.asked, inner.asked) == (["/hook"], [])


def test_a_socket_that_is_given_a_name_goes_to_an_address_that_was_looked_at(inner: Listener) -> None:
    """Most libraries resolve names themselves; for those that leave it to the socket, it is done here."""
    with guarded() as passage, socket.socket() as asked, pytest.raises(PermissionError, match="inner network"):
        asked.connect(("localhost", inner.port))
    assert passage.refused is not None
    with guarded(["127.0.0.1"]), socket.socket() as asked:
        asked.connect(("localhost", inner.port))
        assert asked.getpeername() == ("127.0.0.1", inner.port)
