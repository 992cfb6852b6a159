"""A grid of captions and of what is drawn from them.

usage: python docs/make_text_to_image.py MODEL -o docs/images/text_to_image.png [--caption CAPTION ...] [--each 8]

MODEL is what `benchmarks/text_to_image.py ... -o MODEL` saved.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

import zandloper as zl

CAPTIONS = (  # none of these digits, inks and papers stood together where that model learned
    "a yellow three on green",
    "a green seven on red",
    "eight, white on blue, turned right",
    "the digit two in white on a red background",
    "a blue zero on white, turned right",
    "five, blue on green",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--caption", action="append")
    parser.add_argument("--each", type=int, default=8)
    given = parser.parse_args()
    captions = given.caption or CAPTIONS
    drawn = zl.load(given.model).sample(given.each, condition=list(captions), random_state=0)
    drawn = np.pad(np.stack(drawn), ((0, 0), (0, 0), (0, 2), (0, 0)), constant_values=255)  # a gap to the right
    rows = drawn.reshape(len(captions), given.each, *drawn.shape[1:])
    tall = given.each * drawn.shape[1] / drawn.shape[2]
    figure, axes = plt.subplots(len(captions), figsize=(given.each, len(captions) * (tall / given.each + 0.32)))
    for caption, row, place in zip(captions, rows, np.atleast_1d(axes), strict=True):
        place.imshow(np.concatenate(list(row), axis=1), interpolation="nearest")
        place.set_axis_off()
        place.set_title(caption, loc="left", fontsize=10)
    figure.tight_layout(pad=0.3)
    figure.savefig(given.output, dpi=90)


if __name__ == "__main__":
    main()
