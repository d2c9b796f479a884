"""What the pages let whoever looks at them do: nobody, a viewer, somebody with a role at one site."""

import ast
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from made_up_workspace import Stage
from streamlit.testing.v1 import AppTest
from test_pages import opened, words

from dashboard import access_data, alarm_data, capture_data, data, intake_data, place_data
from dashboard.capture_data import CorrectionKind
from monitor.access import accounts
from monitor.errors import AccessError
from monitor.records import LevelOrder, Scale, ScaleOrigin
from monitor.storage import queries, repository
from monitor.storage.access import Role

NOW = datetime.now(UTC)
#: HTML in a name: the password of a person, who types their own name, is no proof of good will.
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def guarded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A wall at each of two sites, an alert and a photo at the first; a viewer, who is operator at the second."""
    monkeypatch.setattr(accounts, "hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    walls = [stage.location(stage.site(name, "UTC"), wall) for name, wall in (("Hall", "wall"), ("Bridge", "pier"))]
    stage.reading(walls[0], 3, 4.0)
    for wall in walls:
        stage.alert(wall, "max_width_px level", "It is wide.", 3)
    with stage.database.transaction() as session:
        repository.add_account(session, EVIL, role=Role.VIEWER, now=NOW)
        repository.set_role(session, EVIL, Role.OPERATOR, site_id=2)
        repository.set_password(session, EVIL, accounts.hashed("crack of dawn 7"), NOW)
    return stage


def enter(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> str:
    """Log in; the browser's cookie is what a test without a browser has none of."""
    token = accounts.log_in(stage.database, EVIL, "crack of dawn 7", now=NOW, lasts=timedelta(hours=1))
    monkeypatch.setattr(access_data, "_token", lambda: token)
    return token


def buttons(app: AppTest) -> set[str]:
    """What can be pressed to change something."""
    return {button.label for button in app.button if not button.disabled} - {"Log out"}


def test_nobody_sees_anything_but_the_way_in(guarded: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in ("overview", "location", "alarms", "upload", "set_up", "capture", "validation", "system"):
        app = opened(guarded.settings.workspace, page, monkeypatch)
        assert "You are not logged in" in words(app)
        assert "wall" not in words(app)
        assert not app.button
        assert not app.error


def test_a_viewer_looks_and_is_offered_nothing_to_change(guarded: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(guarded, monkeypatch)
    with guarded.database.transaction() as session:
        repository.set_role(session, EVIL, None, site_id=2)
    app = opened(guarded.settings.workspace, "alarms", monkeypatch)
    assert buttons(app) == set()
    assert "To answer alerts takes the role operator" in words(app)
    app = opened(guarded.settings.workspace, "upload", monkeypatch)
    assert (buttons(app), len(app.get("file_uploader"))) == (set(), 0)
    assert "To send photos takes the role operator" in words(app)
    app.selectbox[0].select("wall").run()
    assert "To move or withdraw captures takes the role operator" in words(app)
    app = opened(guarded.settings.workspace, "set_up", monkeypatch)
    assert (buttons(app), len(app.get("file_uploader"))) == (set(), 0)
    assert "To set up sites and locations takes the role engineer" in words(app)
    app = opened(guarded.settings.workspace, "capture", monkeypatch)
    app.selectbox[0].select("wall").run()
    assert buttons(app) == set()
    assert "To correct cracks takes the role engineer" in words(app)


def test_a_role_at_one_site_lets_act_there_alone(guarded: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(guarded, monkeypatch)
    app = opened(guarded.settings.workspace, "alarms", monkeypatch)
    assert [button.key for button in app.button if button.label == "Acknowledge"] == ["acknowledge 2"]
    app.button(key="acknowledge 2").click().run()
    assert not app.exception
    with guarded.database.session() as session:
        acknowledged = queries.alarm(session, 2).acknowledged
    assert acknowledged is not None
    assert acknowledged.by == EVIL
    assert "\\<img" in words(app), "a name is text, whoever chose it"
    app = opened(guarded.settings.workspace, "upload", monkeypatch)
    assert app.selectbox[0].options == ["pier"]


def test_an_expired_login_is_said_and_what_is_done_then_is_refused(
    guarded: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = enter(guarded, monkeypatch)
    app = opened(guarded.settings.workspace, "alarms", monkeypatch)
    with guarded.database.transaction() as session:
        repository.end_login(session, accounts.sha256_of(token))
    app.button(key="acknowledge 2").click().run()
    assert "Your login has ended" in words(app)
    with guarded.database.session() as session:
        assert queries.alarm(session, 2).acknowledged is None


SCALE = Scale(0.5, 0.01, ScaleOrigin.TYPED)
ORDERS = {level: LevelOrder("look", "Ada", 3) for level in ("green", "amber", "red")}
#: Every function by which pages change something, called past all pages.
DONE: dict[str, Callable[[Path], object]] = {
    "acknowledge": lambda at: alarm_data.acknowledge(at, 1, "x"),
    "assign": lambda at: alarm_data.assign(at, 1, "x", "y"),
    "comment": lambda at: alarm_data.comment(at, 1, "x", "y"),
    "close": lambda at: alarm_data.close(at, 1, "x", "y"),
    "send_test": lambda at: alarm_data.send_test(at, "x"),
    "send": lambda at: intake_data.send(at, "wall", "a.jpg", b"x"),
    "move": lambda at: intake_data.move(at, 1, 2, "why", "x"),
    "withdraw": lambda at: intake_data.withdraw(at, 1, "why", "x"),
    "restore": lambda at: intake_data.restore(at, 1, "why", "x"),
    "mark": lambda at: capture_data.mark(at, capture_data.shown(at, 1), [(0, 0), (40, 0)], "why", "x"),
    "judge": lambda at: capture_data._correct(
        at, capture_data.shown(at, 1), CorrectionKind.REJECTED, [(0, 0), (40, 0)], "why", "x", "A"
    ),
    "add_location": lambda at: place_data.add_location(
        at, name="n", site="Hall", time_zone="UTC", interval_days=3, reference=None, plan=None, scale=None
    ),
    "set_plan": lambda at: place_data.set_plan(at, "wall", b"x"),
    "set_scale": lambda at: place_data.set_scale(at, 1, SCALE),
    "agree_plan": lambda at: place_data.agree_plan(at, 1, {}, ORDERS, agreed_by="x", valid_from=None),
}


def test_what_pages_do_is_refused_to_a_viewer_whatever_a_page_offers(
    guarded: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(guarded, monkeypatch)
    for done in DONE.values():
        with pytest.raises(AccessError, match="role viewer"):
            done(guarded.settings.workspace)
    assert not list(guarded.settings.inbox.rglob("*.jpg"))


_FOLDER = Path(data.__file__).parent
#: What writes files, or opens a transaction.
_WRITING = {"write_bytes", "write_text", "rename", "write_jpeg", "write_png", "mkdir", "transaction", "touch"}
#: Writes nothing of the workspace: a scratch file, and the desk itself.
_HARMLESS = {("place_data.py", "decoded"), ("changes.py", "changing"), ("alarm_data.py", "_write")}


def functions() -> list[tuple[str, ast.FunctionDef]]:
    found = []
    for path in sorted(_FOLDER.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [(path.name, node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return found


def called(node: ast.AST) -> set[str]:
    """The names of what is called within."""
    calls = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    return {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}


def test_no_function_of_the_pages_writes_without_asking_first() -> None:
    writers = {(name, node.name) for name, node in functions() if called(node) & _WRITING} - _HARMLESS
    asking = {(name, node.name) for name, node in functions() if called(node) & {"require", "changing", "_write"}} | {
        ("data.py", "reduced")
    }
    unasked = {one for one in writers if one not in asking}
    assert unasked <= {("intake_data.py", "_put")}, "these write without asking the policy"
    assert {("intake_data.py", "send"), ("place_data.py", "set_plan")} <= asking


def test_pages_reach_the_repository_through_the_desk_alone() -> None:
    """`repository.name` stands as the first argument of `desk.do`, and is never called by a page itself."""
    for name, node in functions():
        for call in (part for part in ast.walk(node) if isinstance(part, ast.Call)):
            func = call.func
            direct = isinstance(func, ast.Attribute) and getattr(func.value, "id", "") == "repository"
            assert not direct, f"{name}: {node.name} writes past the desk"
