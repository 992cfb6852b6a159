"""Segmentation of cell membranes: with and without skips, seams, time, and what unlabeled images are worth.

usage: python benchmarks/segment.py FOLDER_WITH_image_AND_label [--minutes 10] [--train 20] [--only PARTS] [-o MODEL]
       ... --model MODEL

Parts: skips, alone (the bottleneck without them), seams, few (labels, with and without pre-training).

Images and labels are PNG files in the order of the numbers in their names; labels are dark where membranes are, as in
ISBI 2012. The first `--train` images train, the others are measured.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from figures import figure
from scipy.ndimage import distance_transform_edt

import zandloper as zl
from zandloper import io
from zandloper.applications.segmentation.prediction import overlap_for, probabilities
from zandloper.data.signals import Field
from zandloper.data.tiling import Steps, tiled

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--minutes", type=float, default=10)
parser.add_argument("--few-minutes", type=float, default=2)
parser.add_argument("--train", type=int, default=20)
parser.add_argument("--labels", type=int, nargs="+", default=[1, 2, 5])
parser.add_argument("--seeds", type=int, default=1)
parser.add_argument("-o", "--output", type=Path, help="where the model with skips is kept")
parser.add_argument("--model", type=Path, help="one that was kept, to measure instead of training")
parser.add_argument("--only", nargs="+", default=["skips", "alone", "seams", "few"])
args = parser.parse_args()

gray = lambda image: image if image.ndim == 2 else image[..., 0]  # noqa: E731
X = [gray(image) for image in io.read(args.folder / "image")]
y = [(gray(mask) < 128).astype(np.uint8) for mask in io.read(args.folder / "label")]
train, held = slice(None, args.train), slice(args.train, None)


def measured(model: zl.Segmenter, name: str) -> tuple[float, float, float]:
    """One line of figures on the held images: IoU, share of pixels, seconds an image."""
    began = time.perf_counter()
    table = model.confusion(X[held], y[held])
    seconds = (time.perf_counter() - began) / len(X[held])
    iou = table[1, 1] / (table[1].sum() + table[:, 1].sum() - table[1, 1])
    right = np.diag(table).sum() / table.sum()
    print(
        f"{name:<32s} membrane IoU {iou:.3f}, pixels right {right:.4f}, {seconds:.2f} s an image, "
        f"fit {model.fit_seconds_:.0f} s, {model.n_epochs_} epochs",
        flush=True,
    )
    return float(iou), float(right), seconds


def near_outlines(model: zl.Segmenter) -> float:
    """The share of the wrong pixels whose nearest pixel of the other class, in the mask, is at most two away."""
    wrong = near = 0
    for said, mask in zip(model.predict(X[held]), y[held]):
        away = np.where(mask == 1, distance_transform_edt(mask), distance_transform_edt(1 - mask))
        wrong, near = wrong + (said != mask).sum(), near + ((said != mask) & (away <= 2)).sum()
    return float(near / wrong)


def seams(model: zl.Segmenter, tile: int = 320) -> None:
    """How far tiles disagree with the image in one piece, in the middle of their overlaps and elsewhere."""
    item = Field(X[held][0][None], 255.0)
    model.module_.offset = (0.0, 0.0)  # what comes out, before it is moved
    whole = probabilities(model.module_, item, 1, "cpu")[..., 1]

    def function(tiles):
        return model.module_(tiles.movedim(-1, 1).float() / item.unit).softmax(-1)

    image = np.moveaxis(item.values, 0, -1)
    for overlap in (overlap_for(model.module_), 0):
        said = tiled(function, image, tile, overlap, model.module_.stride)[..., 1]
        wrong, near = np.abs(said - whole), np.zeros(whole.shape, bool)
        for axis, length in enumerate(whole.shape):
            steps = Steps(length, tile, overlap, model.module_.stride)
            for k in range(1, steps.count):
                line = steps.starts[k] + steps.overlap // 2 - steps.rim
                near[(slice(None),) * axis + (slice(max(0, line - 8), line + 8),)] = True
        blend = f"overlap of {overlap} pixels"
        print(f"{blend:<32s} off by {wrong[near].mean():.5f} along borders, {wrong[~near].mean():.5f} elsewhere")
        if overlap:
            remark = f"elsewhere {wrong[~near].mean():.5f}"
            figure("membrane: probability off along borders of tiles", float(wrong[near].mean()), remark, schema=".5f")


for skips, asked in ((True, {"skips", "seams"}), (False, {"alone"})):
    if not asked & set(args.only):
        continue
    if skips and args.model is not None:
        model = zl.load(args.model)
    else:
        model = zl.Segmenter(skips=skips, max_minutes=args.minutes, random_state=0).fit(X[train], y[train])
    if skips and args.output is not None:
        model.save(args.output, overwrite=True)
    iou, right, _ = measured(model, "with skips" if skips else "bottleneck alone")
    plain, _, seconds = measured(model.set_params(n_augmentations=1), "  without flips at test time")
    remark = f"without flips at test time {plain:.3f}; pixels right {right:.4f}"
    figure(f"membrane: IoU{'' if skips else ', the bottleneck alone'}", iou, remark, ">= 0.71" if skips else "")
    if skips:
        down, right = model.mask_offset_
        figure("membrane: pixels that masks lie below what images show", down, f"right of it {right:.2f}", schema=".2f")
        figure("membrane: seconds an image of 512 x 512", seconds, "without flips", "< 2")
        figure("membrane: share of the wrong pixels within two pixels of an outline", near_outlines(model), "")
        rows = model.set_params(n_augmentations=8).confusion(X[train], y[train])
        figure("membrane: pixels right of the images that trained", np.diag(rows).sum() / rows.sum(), "", "0.97")
    if skips and "seams" in args.only:
        seams(model)
if "few" in args.only:
    for n in args.labels:
        reached: dict[bool, list[float]] = {}
        for seed in range(args.seeds):
            for unlabeled in (None, X[n : args.train]):
                model = zl.Segmenter(max_minutes=args.few_minutes, random_state=seed)
                model.fit(X[:n], y[:n], unlabeled=unlabeled)
                got = measured(model, f"{n} labeled{'' if unlabeled is None else ', pre-trained'}, seed {seed}")
                reached.setdefault(unlabeled is None, []).append(got[0])
        remark = f"from its labels alone {np.mean(reached[True]):.3f}"
        figure(f"membrane: IoU from {n} labeled images, pre-trained on the others", np.mean(reached[False]), remark)
