"""Navigation between the pages: `streamlit run dashboard/app.py -- --workspace DIR`."""

import streamlit as st

from dashboard import access_data, data
from dashboard.entrance import entrance
from dashboard.wording import plain

# No icons for pages: they become the tab's icon, which browsers would fetch from another machine.
st.set_page_config(page_title="Crackmonitor", layout="wide")
pages = [
    st.Page("app_pages/overview.py", title="Overview", default=True),
    st.Page("app_pages/location.py", title="Location"),
    st.Page("app_pages/capture.py", title="Capture"),
    st.Page("app_pages/alarms.py", title="Alarms"),
    st.Page("app_pages/upload.py", title="Upload"),
    st.Page("app_pages/set_up.py", title="Set up"),
    st.Page("app_pages/validation.py", title="Validation"),
    st.Page("app_pages/system.py", title="System"),
]


def show() -> None:
    """The page that the address names, to whoever may look."""
    try:
        inside = entrance(data.workspace())
    except data.CrackmonitorError as error:
        st.navigation(pages)
        st.error(plain(str(error)), icon=":material/error:")
        return
    page = st.navigation(pages, position="sidebar" if inside else "hidden")
    if not inside:
        return
    try:
        page.run()
    except access_data.AccessError as error:
        st.warning(plain(str(error)), icon=":material/lock:")
    except data.CrackmonitorError as error:
        st.error(plain(str(error)), icon=":material/error:")


show()
