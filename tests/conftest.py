"""What all tests share: one thread per process, small seeded data, the folder of data sets."""

import os

# Before torch is imported, which reads them once. Tests run in several processes, and the work is small: more threads
# only wait for each other. Programs that tests start inherit this.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")  # no window, also where there is a screen

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run, and no clock: a slow machine is no bug.
settings.register_profile("house", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for the data folder, so that `-m "not data"` leaves it out."""
    for item in items:
        if "data_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("data")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of data sets; without one the test is skipped."""
    folder = os.environ.get("ZANDLOPER_DATA")
    if not folder:
        pytest.skip("wants real data: set ZANDLOPER_DATA to the folder of data sets")
    if not Path(folder).is_dir():
        # Somebody asked for these tests: skipping them silently would be a lie.
        pytest.fail(f"ZANDLOPER_DATA is set to {folder!r}, which is not a folder")
    return Path(folder)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that draws the same numbers in every run."""
    return np.random.default_rng(0)


@pytest.fixture
def table(rng: np.random.Generator) -> np.ndarray:
    """A float32 table (200, 6) of unequal scales, bent and a little noisy, that two numbers a row explain."""
    angle, length = rng.uniform(-2, 2, 200), rng.normal(size=200)
    columns = [np.sin(angle), np.cos(angle), angle, length, length**2, angle * length]
    noisy = np.stack(columns, axis=1) + 0.05 * rng.normal(size=(200, 6))
    return (noisy * [1, 10, 100, 0.1, 1, 5] + [0, 5, -300, 0, 1, 0]).astype(np.float32)


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    """Gray uint8 images (60, 12, 10), no power of two either way: one bright spot each."""
    y, x = np.mgrid[:12, :10]
    top, left = rng.uniform(2, 9, (60, 1, 1)), rng.uniform(2, 7, (60, 1, 1))
    return (255 * np.exp(-((y - top) ** 2 + (x - left) ** 2) / 8)).astype(np.uint8)
