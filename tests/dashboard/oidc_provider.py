"""A tiny OpenID Connect provider on loopback: it asks nobody, and says that whoever comes is who it was told."""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "walls", "hush-hush-hush"


class Provider(ThreadingHTTPServer):
    """What it knows: `person` comes next; `asked` are the token requests it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig", "alg": "RS256"})
        self.person: dict[str, Any] = {}
        self.nonces: dict[str, str] = {}
        self.address = f"http://127.0.0.1:{self.server_port}"

    def id_token(self, nonce: str) -> str:
        """Signed, of now."""
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 3600, "nonce": nonce, "sub": "7"}
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims | self.person, self.key)


class _Answering(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        at = self.server.address
        if parts.path == "/authorize":
            code = secrets.token_urlsafe(8)
            self.server.nonces[code] = given.get("nonce", "")
            self.send_response(302)
            back = urlencode({"code": code, "state": given["state"]})
            self.send_header("location", f"{given['redirect_uri']}?{back}")
            self.end_headers()
        elif parts.path == "/jwks":
            self._json({"keys": [self.server.key.as_dict(private=False)]})
        else:
            self._json(
                {
                    "issuer": at,
                    "authorization_endpoint": f"{at}/authorize",
                    "token_endpoint": f"{at}/token",
                    "jwks_uri": f"{at}/jwks",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "code_challenge_methods_supported": ["S256"],
                }
            )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        nonce = self.server.nonces.pop(given["code"])
        token = {"access_token": "a", "token_type": "Bearer", "expires_in": 3600}
        self._json(token | {"id_token": self.server.id_token(nonce)})

    def _json(self, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def provider() -> Iterator[Provider]:
    """One, as long as it is needed."""
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
