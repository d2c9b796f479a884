"""The pages in front of the door, in plain HTML: they must work before anything else does, and run no script."""

import base64
import hashlib
from html import escape
from urllib.parse import quote, unquote, urlsplit

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#f4f6f8;margin:0;display:grid;min-height:100vh;
place-items:center}
main{background:#fff;border:1px solid #d9dee3;border-radius:10px;padding:2rem;width:min(22rem,calc(100vw - 2rem));
box-sizing:border-box;margin:1rem}
h1{font-size:1.5rem;margin:0 0 1rem}
label{display:block;margin:0 0 1rem}
input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.55rem .6rem;margin-top:.25rem;
border:1px solid #8a949e;border-radius:6px}
button{font:inherit;font-weight:600;width:100%;padding:.65rem;border:0;border-radius:6px;background:#0072b2;color:#fff;
cursor:pointer}
:focus-visible{outline:3px solid #e69f00;outline-offset:1px}
p{margin:0 0 1rem}
[role=alert]{border-left:4px solid #d55e00;background:#fbe9dd;color:#6e2c00;padding:.6rem .8rem}
small{display:block;color:#4a4a4a;margin-top:1rem}
"""
_STYLE_SHA256 = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
#: No script, nothing from elsewhere, and in no frame.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_SHA256}'; form-action 'self'; frame-ancestors 'none';"
    " base-uri 'none'; img-src data:"
)


def login_form(next_path: str, complaint: str = "", name: str = "") -> bytes:
    """The form that asks for name and password, with what was wrong the last time."""
    told = f'<p role="alert">{escape(complaint)}</p>' if complaint else ""
    return _page(
        "Log in",
        f"""{told}<form method="post" action="/login">
<input type="hidden" name="next" value="{escape(next_path)}">
<label>Name<input name="name" value="{escape(name)}" autocomplete="username" autocapitalize="none" required
{"" if name else "autofocus"}></label>
<label>Password<input type="password" name="password" autocomplete="current-password" required
{"autofocus" if name else ""}></label>
<button>Log in</button></form>
<small>No account, or the password forgotten? Ask whoever runs this: <b>crackmonitor access</b> on its command line
gives both.</small>""",
    )


def refusal(sentence: str) -> bytes:
    """A page that says why there is none."""
    return _page("Not from here", f'<p role="alert">{escape(sentence)}</p>')


def path_within(wanted: str) -> str:
    """Where to go after the login: a path of these pages, whatever was asked for."""
    parts = urlsplit(wanted)
    inside = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    if not inside or any(ord(character) < 32 for character in unquote(wanted)):
        return "/"
    return quote(parts.path, safe="/%") + (f"?{quote(parts.query, safe='=&%+')}" if parts.query else "")


def _page(title: str, body: str) -> bytes:
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · Crackmonitor</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>{_STYLE}</style></head><body><main><h1>Crackmonitor</h1>{body}</main></body></html>""".encode()
