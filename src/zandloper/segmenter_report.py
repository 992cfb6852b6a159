"""What a segmenter shows: images beside masks, predictions and uncertainty, figures of each class, and its page."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from zandloper.masks import check_pairs, fields_of, overlaps, read_masks
from zandloper.plots import COLOURS, INK, loss_curves, new_figure, show_image
from zandloper.report import Report, Section, page
from zandloper.report.markup import duration, figure, say, svg, table
from zandloper.segmenting import entropy, table_of

SHOWN = 3  # images on the page
SIDE = 512  # pixels drawn of an image, either way


@dataclass(frozen=True)
class SegmenterDescription:
    """What `describe()` of a segmenter gives: fields to compute with, and a text to read."""

    channels: int
    classes: tuple[int, ...]
    hidden: tuple[int, ...]
    skips: bool
    parameters: int
    epochs: int
    stopped_by: str
    seconds: float
    validation: float | None

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)

    def __str__(self) -> str:
        names = ", ".join(str(c) for c in self.classes[:8]) + (" ..." if len(self.classes) > 8 else "")
        best = "" if self.validation is None else f", best validation loss {self.validation:.4g}"
        kind = "with skips" if self.skips else "without skips: the decoder has the bottleneck alone"
        lines = (
            f"Segmenter: U-Net {kind}",
            f"  data         images of any size, {self.channels} channel{'s' if self.channels > 1 else ''}",
            f"  classes      {len(self.classes)}: {names}",
            f"  levels       {' -> '.join(map(str, self.hidden))} channels, each half the size",
            f"  parameters   {self.parameters:,}",
            f"  training     {self.epochs} epochs in {duration(self.seconds)}, stopped by "
            f"{self.stopped_by.replace('_', ' ')}{best}",
        )
        return "\n".join(lines)


def describe_segmenter(segmenter: Any) -> SegmenterDescription:
    """The description of a fitted segmenter."""
    plan, scores = segmenter._plan, [e["validation"] for e in segmenter.history_ if e["validation"] == e["validation"]]
    return SegmenterDescription(
        plan.channels,
        tuple(segmenter.classes_.tolist()),
        plan.hidden,
        plan.skips,
        sum(p.numel() for p in segmenter.module_.parameters()),
        segmenter.n_epochs_,
        segmenter.stopped_by_,
        segmenter.fit_seconds_,
        min(scores, default=None),
    )


def segmenter_figure(segmenter: Any, X: Any, y: Any = None, n: int = SHOWN) -> Figure:
    """Images, masks where given, predictions and uncertainty side by side, a row each."""
    images = segmenter._read(X)
    chosen = np.unique(np.linspace(0, len(images.items) - 1, min(n, len(images.items))).round().astype(int))
    masks = None if y is None else _masks(segmenter, images, y)
    rows = []
    for i in chosen:
        item = images.items[i]
        p = next(segmenter._probabilities(type(images)("image", [item], "one", [True])))
        pixels = np.moveaxis(item.part((slice(None), slice(None))), 0, -1)
        rows.append((pixels, None if masks is None else masks[i].values[0], p))
    return _drawn(rows, segmenter.classes_)


def _drawn(rows: list[Any], classes: np.ndarray) -> Figure:
    """Rows of pixels (h, w, channels), places of the mask or None, and probabilities (h, w, classes)."""
    columns = 4 if rows[0][1] is not None else 3
    height = 2.3 * sum(p.shape[0] / p.shape[1] for _, _, p in rows)
    picture = new_figure(2.3 * columns + 0.5, height + 0.35)
    ratios = [p.shape[0] / p.shape[1] for _, _, p in rows]
    axes = picture.subplots(len(rows), columns, squeeze=False, height_ratios=ratios)
    colours = ListedColormap(["#ffffff" if len(classes) == 2 else COLOURS[-1], *_cycled(len(classes) - 1)])
    for line, (pixels, mask, p) in zip(axes, rows):
        step = max(1, max(p.shape[:2]) // SIDE)
        small = lambda a: a[::step, ::step]  # noqa: B023, E731
        flat = pixels if pixels.shape[-1] in (3, 4) else pixels[..., 0]
        show_image(line[0], np.clip(small(flat), 0, 1))
        shown = [] if mask is None else [np.where(mask < 0, 0, mask)]
        for ax, places in zip(line[1:], [*shown, p.argmax(-1)]):
            ax.imshow(small(places), cmap=colours, vmin=-0.5, vmax=len(classes) - 0.5, interpolation="none")
        heat = line[-1].imshow(small(entropy(p)), cmap="magma", vmin=0, vmax=1, interpolation="none")
        for ax in line:
            ax.set(xticks=[], yticks=[])
    titles = ["image", "mask", "prediction", "uncertainty"] if columns == 4 else ["image", "prediction", "uncertainty"]
    for ax, title in zip(axes[0], titles):
        ax.set_title(title, fontsize=10, color=INK)
    bar = picture.colorbar(heat, ax=axes[:, -1], shrink=0.8, ticks=[0, 1])
    bar.ax.set_yticklabels(["sure", "a guess"], fontsize=8, color=INK)
    bar.outline.set_visible(False)
    return picture


def segmenter_report(segmenter: Any, X: Any, y: Any = None) -> Report:
    """The page."""
    began, d = time.monotonic(), describe_segmenter(segmenter)
    images = segmenter._read(X)
    masks = None if y is None else _masks(segmenter, images, y)
    said, unsure = [], []
    for p in segmenter._probabilities(images):
        said.append(p.argmax(-1))
        unsure.append(float(entropy(p).mean()))
    sections = [_pictures(segmenter, X, y)]
    tiles = {"images": f"{len(said):,}", "classes": f"{len(d.classes)}", "parameters": f"{d.parameters:,}"}
    lead = f"{len(said):,} images with a mean uncertainty of {np.mean(unsure):.3f} a pixel (0 sure, 1 a guess)."
    if masks is not None:
        counts = table_of(said, masks, len(d.classes))
        shares = overlaps(counts)
        right = np.diag(counts).sum() / max(1, counts.sum())
        lead = (
            f"Intersection over union {np.nanmean(shares):.3f}, the mean of {len(d.classes)} classes; "
            f"{right:.2%} of the pixels are right."
        )
        tiles |= {"mean IoU": f"{np.nanmean(shares):.3f}", "pixels right": f"{right:.2%}"}
        sections.append(_classes(d, counts, shares))
    sections.append(
        Section("Training", figure(svg(loss_curves(segmenter.history_), "Loss of training and validation by epoch")))
    )
    rows = [[k, say(v)] for k, v in segmenter.get_params().items()]
    took = f'<p class="note">The page took {duration(time.monotonic() - began)}.</p>'
    sections.append(
        Section("Settings", f"<pre>{escape(str(d))}</pre>{table(['parameter', 'value'], rows, 'Settings')}{took}")
    )
    return Report(page("Segmenter", f"images of {d.channels} channels", lead, tiles, sections))


def _pictures(segmenter: Any, X: Any, y: Any) -> Section:
    chart = segmenter_figure(segmenter, X, y)
    shown = "Images, masks, predictions and uncertainty" if y is not None else "Images, predictions and uncertainty"
    return Section("Predictions", figure(svg(chart, shown), shown), wide=True)


def _classes(d: SegmenterDescription, counts: np.ndarray, shares: np.ndarray) -> Section:
    found, true = np.diag(counts) / np.maximum(1, counts.sum(1)), np.diag(counts) / np.maximum(1, counts.sum(0))
    share = counts.sum(1) / max(1, counts.sum())
    rows = [
        [str(name), f"{share[k]:.2%}", say(float(shares[k])), f"{found[k]:.2%}", f"{true[k]:.2%}"]
        for k, name in enumerate(d.classes)
    ]
    head = ["class", "share of the pixels", "intersection over union", "of its pixels found", "of those named right"]
    return Section("Classes", table(head, rows, "Classes", numeric=1), wide=True)


def _masks(segmenter: Any, images: Any, y: Any) -> Any:
    owner = type(segmenter).__name__
    masks = read_masks(y, owner)
    check_pairs(images, masks, owner)
    return fields_of(segmenter._classes, masks, owner)


def _cycled(n: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(n)]
