"""Contact sheet of many samples: images, spectrograms of sounds, or line charts of series."""

from __future__ import annotations

from typing import Any

import numpy as np

from zandloper.plotting.panels import grid_figure, tiles
from zandloper.plotting.style import FAINT, Picture, new_figure

MAX_ITEMS = 144


def contact_sheet(schema: Any, items: Any) -> Picture:
    """Draw the first 144 items on one sheet.

    Parameters
    ----------
    schema : Schema
        Of images, sounds or series.
    items : as `sample` returns them
    """
    items = items[:MAX_ITEMS]
    if schema.name == "series_schema":
        return _lines([np.asarray(one.values.T) for one in schema.parse(items, "contact_sheet")])
    pictures = schema.drawn(items) if schema.name == "audio_schema" else items
    return grid_figure(tiles(pictures))


def _lines(windows: list[np.ndarray]) -> Picture:
    """Small charts of windows (channels, steps), with all channels in each, on one scale per channel."""
    across = int(np.ceil(np.sqrt(len(windows))))
    down = -(-len(windows) // across)
    both = np.concatenate(windows, axis=1)
    low, high = np.nanmin(both, 1)[:, None], np.nanmax(both, 1)[:, None]
    size = np.where(high > low, high - low, 1)
    figure = new_figure(8, 8 * 0.62 * down / across)
    for i, window in enumerate(windows):
        ax = figure.add_subplot(down, across, i + 1)
        ax.plot(((window - low) / size).T, linewidth=0.9)
        ax.set_ylim(-0.05, 1.05)
        ax.set_xticks([])
        ax.set_yticks([])
        for side in ax.spines.values():
            side.set(color=FAINT, linewidth=0.6)
    return figure
