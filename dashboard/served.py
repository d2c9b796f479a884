"""The pages behind their gate: `streamlit run dashboard/served.py -- --workspace DIR`.

`crackmonitor dashboard` does it. `app.py` alone draws the same pages without safe headers and without a way to log in.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from dashboard.beforehand import get_ready
from dashboard.workspace import workspace
from monitor.access.gate import Gate
from monitor.settings import load_settings
from monitor.storage.database import Database


def claims(cookies: Mapping[str, str]) -> Mapping[str, object]:
    """What the provider said, by the signed cookie of Streamlit's own login; empty where that is none of ours."""
    try:
        signed = _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
        told = {} if signed is None else json.loads(signed)
    except ValueError:
        return {}
    return told if told.get("is_logged_in") else {}


def scripts() -> list[str]:
    """The sha256, in base64, of the scripts that stand in Streamlit's own page."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    bodies = re.findall(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", page, re.DOTALL)
    return [base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in bodies]


get_ready()
settings = load_settings(workspace())
database = Database(settings.resolved_database_url, busy_seconds=5)
gate = Middleware(Gate, database=database, settings=settings, claims=claims, scripts=scripts())
app = st.App(Path(__file__).parent / "app.py", middleware=[gate])
