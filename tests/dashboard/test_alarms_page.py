"""The inbox of alerts: what needs somebody, and what a person does about it, without a browser."""

from pathlib import Path

import pytest
import streamlit as st
from made_up_workspace import Stage
from streamlit.testing.v1 import AppTest
from test_pages import opened, words

from monitor.records import TriggerPlan
from monitor.storage import queries, repository
from monitor.storage.views import OVERDUE, AlarmView


@pytest.fixture
def raised(stage: Stage) -> Stage:
    """One alert at one wall."""
    place = stage.location(stage.site("Hall <b>A</b>", "Europe/Berlin"), "wall", mm_per_px=0.2)
    stage.alert(place, "max_width_mm level B", "Crack B is <i>1.55 mm</i> wide.", 3)
    return stage


def alarms_page(stage: Stage, monkeypatch: pytest.MonkeyPatch, alert: int | None = None) -> AppTest:
    app = opened(stage.settings.workspace, "alarms", monkeypatch)
    if alert is not None:
        app.query_params["alert"] = str(alert)
        app.run()
    app.text_input(key="name").input("Ada").run()
    return app


def alarm(stage: Stage, number: int = 1) -> AlarmView:
    with stage.database.session() as session:
        return queries.alarm(session, number)


def test_an_alert_says_what_where_and_since_when_and_is_acknowledged(
    raised: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = alarms_page(raised, monkeypatch)
    text = words(app)
    assert "1 alert to acknowledge" in text
    assert "Crack B is \\<i\\>1\\.55 mm\\<\\/i\\> wide\\." in text
    assert "(Europe/Berlin), 3 days ago" in text
    assert any("maximum width\\, level\\, crack B" in link.label for link in app.page_link)
    app.button(key="acknowledge 1").click().run()
    assert not app.exception
    acknowledged = alarm(raised).acknowledged
    assert acknowledged is not None
    assert acknowledged.by == "Ada"
    assert "Ada has acknowledged it" in words(app)
    assert "1 acknowledged and still raised" in words(app)


def test_the_second_to_acknowledge_is_told_who_was_first(raised: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = alarms_page(raised, monkeypatch)
    with raised.database.transaction() as session:
        repository.acknowledge_alert(session, 1, by="Bea", now=alarm(raised).transition.at)
    app.button(key="acknowledge 1").click().run()
    assert not app.exception
    assert "Bea acknowledged this alert already" in words(app)
    assert len(alarm(raised).actions) == 1


@pytest.mark.parametrize(
    ("label", "told"),
    [("Acknowledge", "Bea acknowledged this alert already"), ("Close", "Bea closed this alert already")],
)
def test_a_click_on_a_button_that_is_gone_by_then_is_answered(
    raised: Stage, monkeypatch: pytest.MonkeyPatch, label: str, told: str
) -> None:
    """The server has seen the other's deed, and would draw neither the button nor, once closed, the card."""
    app = alarms_page(raised, monkeypatch)
    now = alarm(raised).transition.at
    with raised.database.transaction() as session:
        if label == "Close":
            repository.close_alert(session, 1, action="Grouted.", by="Bea", now=now)
        else:
            repository.acknowledge_alert(session, 1, by="Bea", now=now)
    st.cache_data.clear()
    if label == "Close":
        app.text_input(key="Close text 1").input("Looked at it.")
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    assert told in words(app)
    assert not [button for button in app.button if button.label == label]
    assert [one.by for one in alarm(raised).actions] == ["Bea"]


def test_the_history_tells_all_about_a_closed_alert(raised: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    now = alarm(raised).transition.at
    with raised.database.transaction() as session:
        repository.comment_alert(session, 1, note="Scaffold is <up>.", by="Bea", now=now)
        repository.close_alert(session, 1, action="Grouted.", by="Bea", now=now)
    app = alarms_page(raised, monkeypatch)
    assert "Bea says" not in words(app)
    assert app.dataframe[0].value.columns[-1] == "Why", "the longest comes last, so that who did what is in view"
    next(box for box in app.selectbox if box.label == "All about one of them").select(1).run()
    assert not app.exception
    assert "Bea says: Scaffold is \\<up\\>\\." in words(app)
    assert "Bea has closed it: Grouted" in words(app)


def test_it_is_assigned_commented_and_closed_with_what_was_done(raised: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = alarms_page(raised, monkeypatch)
    for label, text in (("Assign", "Cid"), ("Comment", "Scaffold is up."), ("Close", "Grouted.")):
        app.text_input(key=f"{label} text 1").input(text)
        next(button for button in app.button if button.label == label).click().run()
        assert not app.exception
        left = [field.value for field in app.text_input if field.key == f"{label} text 1"]
        assert left in ([], [""]), "a second click would tell it twice"
    assert [(one.kind, one.by) for one in alarm(raised).actions] == [
        ("assigned", "Ada"),
        ("commented", "Ada"),
        ("closed", "Ada"),
    ]
    assert "Nothing needs anybody" in words(app)
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["Assigned to"], row["Closed by"], row["What was done"]) == ("Cid", "Ada", "Grouted.")


@pytest.mark.parametrize(("label", "told"), [("Close", "Say what was done"), ("Assign", "Say whom")])
def test_what_says_nothing_is_refused_in_a_sentence(
    raised: Stage, monkeypatch: pytest.MonkeyPatch, label: str, told: str
) -> None:
    app = alarms_page(raised, monkeypatch)
    next(button for button in app.button if button.label == label).click().run()
    assert told in words(app)
    assert alarm(raised).actions == ()


def test_without_a_name_nothing_is_done(raised: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = alarms_page(raised, monkeypatch)
    app.text_input(key="name").input("").run()
    app.button(key="acknowledge 1").click().run()
    assert "Say who you are" in words(app)
    assert alarm(raised).actions == ()


def test_a_link_shows_its_alert_first_even_when_it_is_closed(raised: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with raised.database.transaction() as session:
        repository.close_alert(session, 1, action="Grouted.", by="Bea", now=alarm(raised).transition.at)
    app = alarms_page(raised, monkeypatch, alert=1)
    assert app.subheader[0].value == "The alert you came for"
    assert "Bea has closed it: Grouted" in words(app)
    app.query_params["alert"] = "99"
    app.run()
    assert "There is no alert with the number 99" in words(app)


def test_a_test_is_asked_for_and_left_to_the_worker(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = alarms_page(stage, monkeypatch)
    assert "Nothing needs anybody" in words(app)
    next(button for button in app.button if button.label == "Send a test alarm").click().run()
    assert not app.exception
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["Level"], row["Closed by"]) == ("○ Test", "Ada")
    assert "Nothing needs anybody" in words(app)


def test_two_hundred_alerts_come_in_portions(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    site = stage.site("Hall", "UTC")
    for number in range(25):
        stage.alert(stage.location(site, f"wall-{number}"), OVERDUE, "Late.", 1)
    app = alarms_page(stage, monkeypatch)
    assert len(app.page_link) == 20
    next(button for button in app.button if button.label == "Show 5 more of 25").click().run()
    assert len(app.page_link) == 25


def test_overview_and_location_say_what_the_plan_asks_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    place = stage.location(stage.site("Hall", "Europe/Berlin"), "wall", mm_per_px=0.2)
    for month in range(14, -1, -1):
        stage.reading(place, 30 * month + 1, 4.0 + 0.5 * (14 - month) + 0.1 * (month % 2))
    stage.fit(place)
    folder: Path = stage.settings.workspace
    overview, location = (
        words(opened(folder, "overview", monkeypatch)),
        words(opened(folder, "location", monkeypatch, "wall")),
    )
    assert "What needs me today" in overview
    for text in (overview, location):
        assert "◆ Amber" in text
        assert "have an engineer look at the trend\\. By the engineer, due " in text
        assert "shipped default" in text
    with stage.database.transaction() as session:
        now = queries.trigger_stands(session, place)[0].judged_at
        repository.add_trigger_plan(session, place, TriggerPlan(), agreed_by="Dr. Bo", valid_from=now, now=now)
    stage.reading(place, -0.5, 11.0)
    stage.fit(place)
    st.cache_data.clear()
    st.cache_resource.clear()
    assert "agreed by Dr\\. Bo" in words(opened(folder, "location", monkeypatch, "wall"))
