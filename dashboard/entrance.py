"""Who looks at the pages, at the top of each; and the way in for who does not look yet."""

from pathlib import Path
from urllib.parse import quote, urlsplit

import streamlit as st

from dashboard import access_data
from dashboard.access_data import Door
from dashboard.wording import plain


def entrance(folder: Path) -> bool:
    """Whether somebody may look; else the page says why not, and how to come in."""
    door = access_data.door(folder)
    try:
        person = access_data.person(folder)
    except access_data.AccessError as error:
        _way_in(folder, door, str(error))
        return False
    with st.sidebar:
        if person.logged_in:
            st.caption(f"**{plain(person.name)}** · {person.role}")
            if st.button("Log out", key="log out", icon=":material/logout:", type="tertiary"):
                access_data.log_out(folder)
                st.rerun()
        else:
            st.caption(f"**{plain(person.name)}**, this machine's own user. Nobody is asked for a password.")
    return True


def _way_in(folder: Path, door: Door, why: str) -> None:
    # On a phone the sidebar in which somebody has just logged out stays open, and lies over the link back in.
    st.html("<style>section[data-testid='stSidebar'] { display: none }</style>")
    st.title("Crackmonitor")
    st.warning(plain(why), icon=":material/lock:")
    if door is Door.OPENID:
        if st.user.get("is_logged_in"):
            st.button("Log out", on_click=access_data.log_out, args=(folder,), icon=":material/logout:")
        else:
            st.button("Log in", on_click=st.login, type="primary", icon=":material/login:")
        return
    address = urlsplit(st.context.url or "")
    back = quote(address.path + (f"?{address.query}" if address.query else ""), safe="")
    # Plain HTML, because links of Streamlit's own open another tab. `quote` leaves nothing that HTML would obey.
    st.html(f'<a href="/login?next={back or "%2F"}" target="_self">Log in</a>')


def refused(folder: Path, action: access_data.Action, site_id: int | None = None) -> bool:
    """Whether whoever looks may not do that there; then the page says whose it is to do."""
    if access_data.may(folder, action, site_id):
        return False
    least = access_data.least(action)
    st.info(f"You may look. To {action} takes the role {least}; an admin gives it.", icon=":material/lock:")
    return True


def asked_name(folder: Path, action: access_data.Action) -> str:
    """The name to keep with what is done here: asked for only where nobody is logged in."""
    person = access_data.person(folder)
    if not person.logged_in:
        return st.text_input("Your name", key="name", placeholder="Kept with what you do here", width=420)
    if person.may_somewhere(action):
        st.caption(f"What you do here is kept with your name, {plain(person.name)}.")
    else:
        refused(folder, action)
    return person.name


def told_name(folder: Path) -> str:
    """What `asked_name` has been told by now: for what a button does before the page is drawn again."""
    person = access_data.person(folder)
    return person.name if person.logged_in else str(st.session_state.get("name", ""))
