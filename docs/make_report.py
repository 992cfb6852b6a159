"""The picture of a report: draws docs/images/report.png, a light desktop next to a dark phone.

usage: python docs/make_report.py [REPORT.html]      (without one: MNIST from $ZANDLOPER_DATA, a small model)

Needs Chromium.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from report_size import find_browser, mnist

import zandloper as zl

PICTURE = Path(__file__).parent / "images" / "report.png"
HEIGHT = 2_230
QUIET = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"


def main() -> None:
    browser = find_browser()
    if browser is None:
        sys.exit("no Chromium found: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else made(Path(folder))
        wide = shot(browser, folder, page, 1_200, HEIGHT, dark=False)
        # Windows are never narrower than 500 pixels, frames are.
        frame = Path(folder) / "phone.html"
        style = f"border:0;width:390px;height:{HEIGHT}px"
        frame.write_text(f'<body style="margin:0"><iframe src="{page.as_uri()}" style="{style}"></iframe>')
        phone = shot(browser, folder, frame, 500, HEIGHT, dark=True).crop((0, 0, 390, HEIGHT))
    both = Image.new("RGB", (1_200 + 24 + 390, HEIGHT), "white")
    both.paste(wide, (0, 0))
    both.paste(phone, (1_224, 0))
    both = both.resize((both.width * 3 // 4, both.height * 3 // 4), Image.Resampling.LANCZOS)
    both.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"written  docs/images/{PICTURE.name} ({PICTURE.stat().st_size / 1000:.0f} kB)")


def made(folder: Path) -> Path:
    """A report of all MNIST images by a model that has seen 12,000 of them."""
    X, y = mnist(70_000)
    model = zl.Autoencoder(latent_dim=16, max_epochs=12, random_state=0).fit(X[:12_000])
    model.report(X, labels=y).save(folder / "report.html")
    return folder / "report.html"


def shot(browser: str, folder: str, page: Path, width: int, height: int, dark: bool) -> Image.Image:
    """What the browser shows."""
    target = Path(folder) / "shot.png"
    command = [browser, *QUIET.split(), "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
    command += [f"--user-data-dir={folder}/profile", "--virtual-time-budget=5000", f"--window-size={width},{height}"]
    command += [f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--allow-file-access-from-files"]
    subprocess.run([*command, f"--screenshot={target}", page.as_uri()], check=True, capture_output=True, timeout=120)
    return Image.open(target).convert("RGB")


if __name__ == "__main__":
    main()
