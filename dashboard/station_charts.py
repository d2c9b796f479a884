"""Charts of one station of a crack through all captures, from plain values. Pure."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.charts import BLUE

#: Of a long history so many captures are drawn, evenly spread over it, the first and the last among them.
_MOST_ROWS = 240
_MARGIN = {"l": 10, "r": 10, "t": 30, "b": 10}


def profile_over_time(
    grey: NDArray[np.uint8], offsets: NDArray[np.float64], times: Sequence[datetime], *, unit: str, time_zone: str
) -> go.Figure:
    """The light across the crack (c, m), 0 where there is none, at `offsets` (m,) in `unit`, by aware capture times."""
    chosen = np.unique(np.linspace(0, len(times) - 1, min(len(times), _MOST_ROWS)).round().astype(int))
    light = grey[chosen].astype(float)
    light[light == 0] = np.nan
    shown = _clocks([times[index] for index in chosen], time_zone)
    figure = go.Figure(
        go.Heatmap(
            z=light,
            x=np.round(offsets, 3),
            y=shown,
            colorscale="Greys_r",
            zmin=float(np.nanpercentile(light, 1)) if np.isfinite(light).any() else 0.0,
            zmax=float(np.nanpercentile(light, 99)) if np.isfinite(light).any() else 255.0,
            colorbar={"title": {"text": "Grey"}, "thickness": 10},
            hovertemplate="%{y|%d %b %Y}<br>%{x:.2f} " + unit + "<br>grey %{z:.0f}<extra></extra>",
        )
    )
    figure.update_layout(
        height=360,
        margin=_MARGIN,
        title={"text": "Profile over time: the dark band is the crack", "font": {"size": 14}},
        xaxis={"title": f"Across the crack ({unit})"},
        yaxis={"title": f"Time ({time_zone})", "type": "date"},
    )
    return figure


def opening_over_time(
    opening: NDArray[np.float64], times: Sequence[datetime], *, unit: str, time_zone: str
) -> go.Figure:
    """The opening (c,) read at one station, in `unit`, by aware capture times."""
    figure = go.Figure(
        go.Scatter(
            x=_clocks(times, time_zone),
            y=np.round(opening, 4),
            mode="markers",
            marker={"color": BLUE, "size": 8},
            hovertemplate="%{x|%d %b %Y, %H:%M}<br>%{y:.3~g} " + unit + "<extra></extra>",
        )
    )
    figure.update_layout(
        height=260,
        margin=_MARGIN,
        title={"text": "Opening at this station", "font": {"size": 14}},
        xaxis={"title": f"Time ({time_zone})", "type": "date"},
        yaxis={"title": f"Opening ({unit})", "rangemode": "tozero"},
    )
    return figure


def _clocks(times: Sequence[datetime], time_zone: str) -> list[datetime]:
    """What the clocks on site showed: Plotly knows no zones."""
    zone = ZoneInfo(time_zone)
    return [at.astimezone(zone).replace(tzinfo=None) for at in times]
