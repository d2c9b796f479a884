"""Where messages arrive in tests: a mail server and a webhook on this machine, real ones."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Received:
    """What arrived, oldest first, and how to answer: the first `refusals` messages are turned away."""

    port: int = 0
    messages: list[Any] = field(default_factory=list)
    refusals: int = 0
    attempts: int = 0

    def takes(self) -> bool:
        self.attempts += 1
        return self.attempts > self.refusals


@contextmanager
def webhook() -> Iterator[Received]:
    """A web server that takes JSON messages; refused ones are answered with 503."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            takes = received.takes()
            if takes:
                received.messages.append(content)
            self.send_response(200 if takes else 503)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield received
        server.shutdown()
        thread.join()


@contextmanager
def mail_server(user: str, password: str) -> Iterator[Received]:
    """A mail server that wants a login; refused mail is answered with 451."""
    received = Received(_free_port())

    class Handler:
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
            if not received.takes():
                return "451 Mailbox full"
            assert isinstance(envelope.content, bytes)
            received.messages.append(message_from_bytes(envelope.content))
            return "250 OK"

    def login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        expected = LoginPassword(user.encode(), password.encode())
        return AuthResult(success=given == expected)

    controller = Controller(
        Handler(),
        hostname="127.0.0.1",
        port=received.port,
        authenticator=login,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    yield received
    controller.stop()


def text_of(mail: Message) -> str:
    """The plain text of a mail."""
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
