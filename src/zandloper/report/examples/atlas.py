"""One large picture with many small ones on it, for the latent map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zandloper.report.html import data_url

ATLAS = 6_000_000  # pixels of the atlas


TILE = (64, 96)  # pixels of a window on the map's atlas


def atlas(sheets: Sequence[np.ndarray]) -> dict[str, Any]:
    """Small pictures of one or two kinds (n, height, width[, 3 or 4]) side by side on one large one, for the map."""
    count, (h, w) = len(sheets[0]), sheets[0].shape[1:3]
    columns = math.ceil(math.sqrt(count * len(sheets) * h / w) / len(sheets)) * len(sheets)
    rows = -(-count * len(sheets) // columns)
    whole = np.zeros((rows * h, columns * w, *sheets[0].shape[3:]), np.uint8)
    for j, sheet in enumerate(sheets):
        for i, tile in enumerate(sheet):
            y, x = divmod(i * len(sheets) + j, columns)
            whole[y * h : y * h + h, x * w : x * w + w] = tile
    return {"kind": "pictures", "atlas": data_url(whole, 60), "width": w, "height": h, "columns": columns}
