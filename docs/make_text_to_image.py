"""A grid of captions and of what is drawn from them.

usage: python docs/make_text_to_image.py MODEL -o docs/images/text_to_image.png [--caption CAPTION ...] [--each 8]

MODEL is what `benchmarks/text_to_image.py ... -o MODEL` saved.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

import zandloper as zl

CAPTIONS = (
    "a red three on white",
    "a green seven on black",
    "eight, yellow on blue, turned right",
    "the digit five in white on a red background",
    "a black zero on yellow, turned right",
    "two, blue on green",
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
    figure, axes = plt.subplots(len(captions), given.each, figsize=(given.each, 1.25 * len(captions)), squeeze=False)
    for k, (image, place) in enumerate(zip(drawn, axes.flat)):
        place.imshow(image)
        place.set_axis_off()
        if k % given.each == 0:
            place.set_title(captions[k // given.each], loc="left", fontsize=9)
    figure.tight_layout(pad=0.3)
    figure.savefig(given.output, dpi=90)


if __name__ == "__main__":
    main()
