"""Draws docs/images/demo.png: what `zandloper demo` leaves, side by side.

usage: python docs/make_demo.py
"""

import tempfile
from pathlib import Path

from PIL import Image

from zandloper.applications.studies.digits_demo import run_demo

with tempfile.TemporaryDirectory() as folder:
    run_demo(Path(folder) / "demo", force=False, seed=0)
    left, right = (
        Image.open(Path(folder) / "demo" / name).convert("RGB") for name in ("reconstructions.png", "latent_map.png")
    )
width = 900
left, right = (
    picture.resize((width, picture.height * width // picture.width), Image.Resampling.LANCZOS)
    for picture in (left, right)
)
page = Image.new("RGB", (width, left.height + right.height + 12), "white")
page.paste(left, (0, 0))
page.paste(right, (0, left.height + 12))
page.quantize(128).save(Path(__file__).parent / "images" / "demo.png", optimize=True)
