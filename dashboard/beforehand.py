"""What is done once before the first page is asked for."""

import gc
import importlib


def get_ready() -> None:
    """Have at hand what pages draw with, and keep Python from looking through all of it for what may be thrown away:
    that takes a tenth of a second, again and again, while somebody waits for a page.
    """
    importlib.import_module("dashboard.charts")
    gc.collect()
    gc.freeze()
