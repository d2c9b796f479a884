"""Navigation between the pages: `streamlit run dashboard/app.py -- --workspace DIR`."""

import streamlit as st

from dashboard import data
from dashboard.wording import plain

# No icons for pages: they become the tab's icon, which browsers would fetch from another machine.
st.set_page_config(page_title="Crackmonitor", layout="wide")
page = st.navigation(
    [
        st.Page("app_pages/overview.py", title="Overview", default=True),
        st.Page("app_pages/location.py", title="Location"),
        st.Page("app_pages/capture.py", title="Capture"),
        st.Page("app_pages/alarms.py", title="Alarms"),
        st.Page("app_pages/upload.py", title="Upload"),
        st.Page("app_pages/set_up.py", title="Set up"),
        st.Page("app_pages/validation.py", title="Validation"),
        st.Page("app_pages/system.py", title="System"),
    ]
)
try:
    page.run()
except data.CrackmonitorError as error:
    st.error(plain(str(error)), icon=":material/error:")
