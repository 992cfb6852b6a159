"""The report of 70,000 MNIST images: how large the page is, and how long a browser takes to open it.

usage: python benchmarks/report_size.py [--rows 70000] [--epochs 2] [--latents 16] [--output report.html] [--opens 3]

Trains a small model on all rows (what it is worth is not the matter here), writes the report, and opens it in headless
Chromium as often as asked, each time with a new profile. Opened means: the page has loaded, the map with all points is
drawn and its pictures are decoded. Prints one line a figure. Without Chromium the browser's part is skipped, and that
is said. Wants the MNIST files in $ZANDLOPER_DATA/mnist; without them, random images of the same size stand in.
"""

from __future__ import annotations

import argparse
import gzip
import http.server
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import numpy as np
from figures import figure

import zandloper as zl

SIZE_GOAL, TIME_GOAL = 10.0, 3.0  # MB, seconds
# Waits until the map is drawn and the atlas is decoded, then tells this script the time since navigation began.
PROBE = """<script>
addEventListener("load", async () => {
  const atlas = new Image();
  const pane = JSON.parse(document.getElementById("map-data").textContent).panes[0];
  if (pane.atlas) { atlas.src = pane.atlas; await atlas.decode(); }
  await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
  new Image().src = `ADDRESS?opened=${performance.now()}&map=${document.documentElement.dataset.map}`;
});
</script>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=70_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--latents", type=int, default=16)
    parser.add_argument("--opens", type=int, default=3)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    X, y = mnist(args.rows)
    begin = time.perf_counter()
    model = zl.Autoencoder(latent_dim=args.latents, max_epochs=args.epochs, random_state=0).fit(X)
    print(
        f"training       {time.perf_counter() - begin:8.1f} s for {args.epochs} epochs of {len(X):,} images", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        path = args.output or Path(folder) / "report.html"
        begin = time.perf_counter()
        model.report(X, labels=y).save(path, overwrite=True)
        print(f"report         {time.perf_counter() - begin:8.1f} s to make", flush=True)
        megabytes = path.stat().st_size / 1e6
        figure(f"report of {len(X):,} images: size, MB", megabytes, "the goal", f"< {SIZE_GOAL:.0f}", ".2f")
        browser = find_browser()
        if browser is None:
            print("opening        skipped: no Chromium found (apt-get install chromium)")
            return
        seconds = [opened(browser, path) for _ in range(args.opens)]
        print(f"opening        {', '.join(f'{s:.2f}' for s in seconds)} s in headless Chromium")
        name = f"report of {len(X):,} images: seconds to open, slowest of {args.opens}"
        figure(name, max(seconds), "the goal", f"< {TIME_GOAL:.0f}", ".2f")


def mnist(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) and labels, train and test together."""
    folder = Path(os.environ.get("ZANDLOPER_DATA", "")) / "mnist"
    if not (folder / "train-images-idx3-ubyte.gz").exists():
        print("data           random images: no MNIST in $ZANDLOPER_DATA")
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (rows, 28, 28), dtype=np.uint8), rng.integers(0, 10, rows)

    def read(name: str, header: int) -> np.ndarray:
        with gzip.open(folder / name) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    images = [read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28) for part in ("train", "t10k")]
    labels = [read(f"{part}-labels-idx1-ubyte.gz", 8) for part in ("train", "t10k")]
    return np.concatenate(images)[:rows], np.concatenate(labels)[:rows]


def find_browser() -> str | None:
    """The first Chromium on the path."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


def opened(browser: str, path: Path) -> float:
    """Seconds from the start of the navigation until all is drawn, by the browser's own clock."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, Ear() as ear:
        page, probe = Path(folder) / "page.html", PROBE.replace("ADDRESS", ear.address)
        page.write_text(path.read_text(encoding="utf-8").replace("</head>", f"{probe}</head>", 1), encoding="utf-8")
        quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        command = [browser, *quiet.split(), "--disable-component-update", "--disable-sync", "--window-size=1280,900"]
        command += ["--no-proxy-server", f"--user-data-dir={folder}/profile", page.as_uri()]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            found = parse_qs(urlparse(ear.hears(60)).query)
        finally:
            running.terminate()
            running.wait()
    if found.get("map") != ["drawn"]:
        raise SystemExit("the browser did not draw the map")
    return float(found["opened"][0]) / 1000


class Ear:
    """A server on this machine that waits for one call of the page."""

    def __enter__(self) -> Ear:
        self._calls: queue.Queue[str] = queue.Queue()
        calls = self._calls

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                calls.put(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def hears(self, seconds: float) -> str:
        """The path that was called."""
        try:
            return self._calls.get(timeout=seconds)
        except queue.Empty:
            raise SystemExit(f"the browser did not open the page within {seconds:.0f} seconds") from None


if __name__ == "__main__":
    main()
