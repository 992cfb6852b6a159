"""Description, plots and HTML report of a segmenter."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure

from zandloper.applications.segmentation.masks import (
    iou_by_class,
    total_confusion,
)
from zandloper.applications.segmentation.parameters import prediction_options
from zandloper.applications.segmentation.prediction import entropy
from zandloper.data.signals import Fields
from zandloper.plotting.style import COLORS, INK, new_figure, show_image
from zandloper.report import Report, page
from zandloper.report.html import figure, say, svg, table
from zandloper.report.section import Section
from zandloper.report.training_history import TrainedDescription, closing, facts

SHOWN = 3  # images on the page
SIDE = 512  # pixels drawn of an image, either way


@dataclass(frozen=True)
class SegmenterDescription(TrainedDescription):
    """The result of `Segmenter.describe()`: fields, and a text when printed."""

    channels: int
    classes: tuple[int, ...]
    hidden: tuple[int, ...]
    skips: bool
    mask_offset: tuple[float, float]

    def __str__(self) -> str:
        names = ", ".join(str(c) for c in self.classes[:8]) + (" ..." if len(self.classes) > 8 else "")
        kind = "with skips" if self.skips else "without skips: the decoder has the bottleneck alone"
        lines = (
            f"Segmenter: U-Net {kind}",
            f"  data         images of any size, {self.channels} channel{'s' if self.channels > 1 else ''}",
            f"  classes      {len(self.classes)}: {names}",
            f"  levels       {' -> '.join(map(str, self.hidden))} channels, each half the size",
            *([f"  masks        {self.displacement}"] if self.displacement else []),
            *self.training,
        )
        return "\n".join(lines)

    @property
    def displacement(self) -> str:
        """The displacement of the training masks in words; empty without one."""
        axes = zip(self.mask_offset, (("below", "above"), ("right of", "left of")))
        far = [f"{abs(o):.2f} pixels {names[o < 0]}" for o, names in axes if o]
        return f"{' and '.join(far)} what images show; predictions are moved as well" if far else ""


def describe_segmenter(segmenter: Any) -> SegmenterDescription:
    """Describe a fitted segmenter."""
    plan = segmenter.model_.plan
    return SegmenterDescription(
        plan.channels,
        tuple(segmenter.classes_.tolist()),
        plan.hidden,
        plan.skips,
        plan.offset,
        **facts(segmenter, segmenter.module_),
    )


def segmenter_figure(segmenter: Any, X: Any, y: Any = None, n: int = SHOWN) -> Figure:
    """Plot images, masks if given, predictions and uncertainty, one image a row."""
    images = segmenter.model_.read(X, type(segmenter).__name__)
    chosen = np.unique(np.linspace(0, len(images.items) - 1, min(n, len(images.items))).round().astype(int))
    masks = None if y is None else segmenter.model_.read_masks(images, y, type(segmenter).__name__)
    rows = []
    for i in chosen:
        item = images.items[i]
        one = Fields("image", [item], "one", [True])
        p = next(segmenter.model_.probabilities(one, *prediction_options(segmenter)))
        pixels = np.moveaxis(item.part((slice(None), slice(None))), 0, -1)
        rows.append((pixels, None if masks is None else masks[i].values[0], p))
    return _drawn(rows, segmenter.classes_)


def _drawn(rows: list[Any], classes: np.ndarray) -> Figure:
    """Draw rows of pixels (h, w, channels), class indices or None, and probabilities (h, w, classes)."""
    columns = 4 if rows[0][1] is not None else 3
    height = 2.3 * sum(p.shape[0] / p.shape[1] for _, _, p in rows)
    picture = new_figure(2.3 * columns + 0.5, height + 0.35)
    ratios = [p.shape[0] / p.shape[1] for _, _, p in rows]
    axes = picture.subplots(len(rows), columns, squeeze=False, height_ratios=ratios)
    colors = ListedColormap(["#ffffff" if len(classes) == 2 else COLORS[-1], *_cycled(len(classes) - 1)])
    for line, (pixels, mask, p) in zip(axes, rows):
        step = max(1, max(p.shape[:2]) // SIDE)
        flat = pixels if pixels.shape[-1] in (3, 4) else pixels[..., 0]
        show_image(line[0], np.clip(flat[::step, ::step], 0, 1))
        given = [] if mask is None else [np.where(mask < 0, 0, mask)]
        for ax, labels in zip(line[1:], [*given, p.argmax(-1)]):
            ax.imshow(labels[::step, ::step], cmap=colors, vmin=-0.5, vmax=len(classes) - 0.5, interpolation="none")
        heat = line[-1].imshow(entropy(p)[::step, ::step], cmap="magma", vmin=0, vmax=1, interpolation="none")
        for ax in line:
            ax.set(xticks=[], yticks=[])
    titles = ["image", "mask", "prediction", "uncertainty"] if columns == 4 else ["image", "prediction", "uncertainty"]
    for ax, title in zip(axes[0], titles):
        ax.set_title(title, fontsize=10, color=INK)
    bar = picture.colorbar(heat, ax=axes[:, -1], shrink=0.8, ticks=[0, 1])
    bar.ax.set_yticklabels(["sure", "a guess"], fontsize=8, color=INK)
    bar.outline.set_visible(False)
    return picture


def overlay(image: np.ndarray, mask: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Overlay an image with a color for each class but the first: uint8 (height, width, 3)."""
    pixels = np.asarray(image)
    top = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "iu" else 1.0
    gray = pixels[..., None] if pixels.ndim == 2 else pixels
    gray = np.clip((gray[..., :3] if gray.shape[-1] >= 3 else gray[..., :1]) / top, 0, 1)
    out = np.broadcast_to(gray, (*mask.shape, 3)).copy()
    for value, color in zip(classes[1:], _cycled(len(classes) - 1)):
        here = mask == value
        out[here] = 0.55 * out[here] + 0.45 * np.array(to_rgb(color))
    return (255 * out).round().astype(np.uint8)


def segmenter_report(segmenter: Any, X: Any, y: Any = None) -> Report:
    """Write the HTML page of a fitted segmenter."""
    began, d = time.monotonic(), describe_segmenter(segmenter)
    images = segmenter.model_.read(X, type(segmenter).__name__)
    masks = None if y is None else segmenter.model_.read_masks(images, y, type(segmenter).__name__)
    counts, unsure = np.zeros((len(d.classes),) * 2, np.int64), []
    for i, p in enumerate(segmenter.model_.probabilities(images, *prediction_options(segmenter))):
        unsure.append(float(entropy(p).mean()))
        if masks is not None:
            counts += total_confusion([p.argmax(-1)], masks[i : i + 1], len(d.classes))
    sections = [_pictures(segmenter, X, y)]
    tiles = {"images": f"{len(unsure):,}", "classes": f"{len(d.classes)}", "parameters": f"{d.parameters:,}"}
    lead = f"{len(unsure):,} images with a mean uncertainty of {np.mean(unsure):.3f} a pixel (0 sure, 1 a guess)."
    if masks is not None:
        shares = iou_by_class(counts)
        right = np.diag(counts).sum() / max(1, counts.sum())
        lead = (
            f"Intersection over union {np.nanmean(shares):.3f}, the mean of {len(d.classes)} classes; "
            f"{right:.2%} of the pixels are right."
        )
        tiles |= {"mean IoU": f"{np.nanmean(shares):.3f}", "pixels right": f"{right:.2%}"}
        sections.append(_classes(d, counts, shares))
    sections += closing(segmenter, d, began)
    return Report(page("Segmenter", f"images of {d.channels} channels", lead, tiles, sections))


def _pictures(segmenter: Any, X: Any, y: Any) -> Section:
    chart = segmenter_figure(segmenter, X, y)
    title = "Images, masks, predictions and uncertainty" if y is not None else "Images, predictions and uncertainty"
    return Section("Predictions", figure(svg(chart, title), title), wide=True)


def _classes(d: SegmenterDescription, counts: np.ndarray, shares: np.ndarray) -> Section:
    found, true = np.diag(counts) / np.maximum(1, counts.sum(1)), np.diag(counts) / np.maximum(1, counts.sum(0))
    share = counts.sum(1) / max(1, counts.sum())
    rows = [
        [str(name), f"{share[k]:.2%}", say(float(shares[k])), f"{found[k]:.2%}", f"{true[k]:.2%}"]
        for k, name in enumerate(d.classes)
    ]
    head = ["class", "share of the pixels", "intersection over union", "of its pixels found", "of those named right"]
    return Section("Classes", table(head, rows, "Classes", numeric=1), wide=True)


def _cycled(n: int) -> list[str]:
    return [COLORS[i % len(COLORS)] for i in range(n)]
