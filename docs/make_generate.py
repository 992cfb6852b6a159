"""Pictures of what is generated.

usage: python docs/make_generate.py [--images MNIST_FOLDER [--minutes 8]]

Without a folder, `docs/images/generate_tables.png`: synthetic rows and real ones. With one (idx files, as of MNIST),
`docs/images/generate_digits.png`: ten images of each class.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

import zandloper as zl

IMAGES = Path(__file__).parent / "images"


def idx(path: Path, offset: int) -> np.ndarray:
    return np.frombuffer(gzip.open(path).read(), np.uint8, offset=offset)


def tables() -> None:
    X = load_diabetes(as_frame=True, scaled=False).frame
    generator = zl.Generator(max_epochs=60, random_state=0).fit(X[::2])
    found = generator.evaluate(X[1::2])
    print(found)
    found.plot().savefig(IMAGES / "generate_tables.png", dpi=100)


def digits(folder: Path, minutes: float) -> None:
    X = idx(folder / "train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    y = idx(folder / "train-labels-idx1-ubyte.gz", 8)
    generator = zl.Generator(max_minutes=minutes, random_state=0).fit(X, condition=y)
    drawn = np.stack([generator.sample(condition=np.arange(10), random_state=row) for row in range(10)])
    generator.contact_sheet(drawn.reshape(-1, 28, 28)).savefig(IMAGES / "generate_digits.png", dpi=70)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, metavar="MNIST_FOLDER")
    parser.add_argument("--minutes", type=float, default=8)
    given = parser.parse_args()
    if given.images:
        digits(given.images, given.minutes)
    else:
        tables()
