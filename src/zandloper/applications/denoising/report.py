"""Description, plots and HTML report of a denoiser."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zandloper.applications.denoising.audio_network import SAMPLE_RATE
from zandloper.applications.denoising.metrics import psnr, si_sdr
from zandloper.applications.denoising.signals import has_patch_matching
from zandloper.applications.denoising.tabular import denoise_raw, only_hides
from zandloper.applications.denoising.training_data import check_pairs
from zandloper.data.signals import Field, Fields, read_fields
from zandloper.errors import UnsupportedError
from zandloper.modality.audio import Audio
from zandloper.plotting.style import new_figure, show_image
from zandloper.report import Report, page
from zandloper.report.examples import examples_for
from zandloper.report.examples.rows import MANY, RowExamples
from zandloper.report.html import figure, picture, player, say, svg, table
from zandloper.report.section import Section
from zandloper.report.training_history import TrainedDescription, closing, facts

SHOWN = 4  # images or sounds on the page
WINDOWS = 6
LINES = 12  # rows of a table
SIDE = 512  # pixels drawn of an image, either way
SECONDS = 10  # of a sound that is played
SIGNALS, NAMES = ("image", "audio"), ("noisy", "denoised", "clean")


@dataclass(frozen=True)
class DenoiserDescription(TrainedDescription):
    """The result of `Denoiser.describe()`: fields, and a text when printed."""

    modality: str
    learned_from: str
    noise: str
    realistic: bool | None
    net: str

    def __str__(self) -> str:
        like = {None: "", True: ", like the noise in the data", False: ", unlike the noise in the data"}
        learned = {"clean": "clean data, with noise added", "pairs": "pairs", "noisy": "noisy data alone"}
        lines = (
            "Denoiser",
            f"  data         {self.modality}",
            f"  learned from {learned[self.learned_from]}",
            f"  noise        {self.noise}{like[self.realistic]}",
            f"  net          {self.net}",
            *self.training,
        )
        return "\n".join(lines)


def describe_denoiser(denoiser: Any) -> DenoiserDescription:
    """Describe a fitted denoiser."""
    if denoiser.autoencoder_ is None:
        net, spec = denoiser.network_.net, denoiser.network_.net.spec
        words = f"{spec.name}, {' -> '.join(map(str, spec.hidden))} channels, each level half the size"
        if has_patch_matching(denoiser.network_):
            words = words.replace(spec.name, spec.first.name, 1) + ", and estimates from similar patches"
    else:
        net, d = denoiser.autoencoder_.module_, denoiser.autoencoder_.describe()
        words = f"{type(denoiser.autoencoder_).__name__}, {d.latents:,} latents of {d.inputs:,} values"
    realistic = None if denoiser.audit_ is None else denoiser.audit_.realistic
    return DenoiserDescription(
        denoiser.modality_,
        denoiser.learned_from_,
        repr(denoiser.noise_),
        realistic,
        words,
        **facts(denoiser, net),
    )


def denoiser_figure(denoiser: Any, X: Any, y: Any = None, n: int = SHOWN) -> Figure:
    """Plot images or spectrograms, noisy, denoised and clean if given, one item a row."""
    image = denoiser.modality_ == "image"
    if denoiser.modality_ not in SIGNALS:
        raise UnsupportedError(
            f"plot draws images and sounds; a denoiser of {denoiser.modality_} shows its data with report(X)"
        )
    noisy, clean = _read(denoiser, X, y)
    chosen = _chosen(len(noisy.items), n)
    rows = [[_model_units(part) for part in row] for row in _versions(denoiser, noisy, clean, chosen)]
    names = NAMES[: len(rows[0])]
    ratios = [min(4.0, max(0.25, row[0].shape[0] / row[0].shape[1])) if image else 0.45 for row in rows]
    drawn = new_figure(2.6 * len(names) + 0.3, 2.6 * sum(ratios) + 0.35)
    axes = drawn.subplots(len(rows), len(names), squeeze=False, height_ratios=ratios)
    for line, row in zip(axes, rows):
        for ax, part in zip(line, [_small(part) for part in row] if image else _spectrograms(row, _rate(denoiser))):
            show_image(ax, part)
    for ax, name in zip(axes[0], names):
        ax.set_title(name, fontsize=10)
    return drawn


def denoiser_report(denoiser: Any, X: Any, y: Any = None) -> Report:
    """Write the HTML page of a fitted denoiser."""
    began, d = time.monotonic(), describe_denoiser(denoiser)
    make = _of_fields if denoiser.modality_ in SIGNALS else _of_rows
    sections, tiles, lead = make(denoiser, X, y)
    audit = denoiser.audit_
    if audit is not None:
        note = f"<p>{escape(audit.verdict)}</p>" + figure(svg(audit.plot(), audit.verdict))
        sections.append(Section("The noise", f"{note}<pre>{escape(str(audit))}</pre>", wide=True))
        tiles["noise as named"] = "yes" if audit.realistic else "NO"
    sections += closing(denoiser, d, began)
    tiles["parameters"] = f"{d.parameters:,}"
    return Report(page("Denoiser", f"{d.modality}, learned from {d.learned_from} data", lead, tiles, sections))


# ---------------------------------------------------------------------------------------------------- images and sounds


def _of_fields(denoiser: Any, X: Any, y: Any) -> tuple[list[Section], dict[str, str], str]:
    """Images or players of sounds, with metrics if clean data are given."""
    image = denoiser.modality_ == "image"
    noisy, clean = _read(denoiser, X, y)
    count, rate = len(noisy.items), _rate(denoiser)
    word, measure = ("PSNR", psnr) if image else ("SI-SDR", si_sdr)
    names = NAMES[: 2 if clean is None else 3]
    chosen, off, figures, cells = set(_chosen(count, SHOWN)), [], [], []
    for i, row in enumerate(_versions(denoiser, noisy, clean, range(count))):
        parts = [_model_units(part) for part in row]
        off.append(float((parts[0] - parts[1]).std() / max(1e-12, float(parts[0].std()))))
        outputs = f"no. {i}"
        if clean is not None:
            figures.append([measure(parts[0], parts[2]), measure(parts[1], parts[2])])
            outputs += f"<br>{word} {figures[-1][0]:.1f} to {figures[-1][1]:.1f} dB"
        if i in chosen:
            shown = [_bytes(_small(part)) for part in parts] if image else _spectrograms(parts, rate)
            drawn = "".join(
                picture(pixels, f"{name}, no. {i}")
                + ("" if image else player(_first_seconds(part, rate).astype(np.float32), rate, f"{name}, no. {i}"))
                for name, pixels, part in zip(names, shown, parts)
            )
            cells.append(f"<figure>{drawn}<figcaption>{outputs}</figcaption></figure>")
    tiles = {"items": f"{count:,}", "taken off, of all there is": f"{np.mean(off):.1%}"}
    lead = f"{count:,} items. What was taken off has {np.mean(off):.1%} of their deviation."
    if figures:
        before, after = np.mean(figures, 0)
        lead = f"{word} {before:.2f} dB before, {after:.2f} dB after: {after - before:+.2f} dB."
        tiles |= {f"{word} before": f"{before:.2f} dB", f"{word} after": f"{after:.2f} dB"}
    note = f"From above: {', '.join(names)}."
    note += "" if image else " Time runs to the right, high tones are above, bright is loud."
    content = f'<p class="note">{note}</p><div class="pairs">{"".join(cells)}</div>'
    return [Section("Before and after", content, wide=True)], tiles, lead


def _read(denoiser: Any, X: Any, y: Any) -> tuple[Fields, Fields | None]:
    """Read noisy data, and clean data if given."""
    caller = type(denoiser).__name__
    noisy = read_fields(X, denoiser.modality_, caller)
    clean = None if y is None else read_fields(y, denoiser.modality_, caller)
    if clean is not None:
        check_pairs(noisy, clean, caller)
    return noisy, clean


def _versions(denoiser: Any, noisy: Fields, clean: Fields | None, chosen: Iterable[int]) -> Iterator[list[Field]]:
    """Yield some items as noisy, denoised and, if given, clean fields."""
    for i in chosen:
        one = Fields(noisy.kind, [noisy.items[i]], "list", [noisy.flat[i]], noisy.pil)
        made = read_fields(denoiser.transform(one.give([noisy.items[i].values])), noisy.kind, type(denoiser).__name__)
        yield [noisy.items[i], made.items[0], *([] if clean is None else [clean.items[i]])]


def _model_units(field: Field) -> np.ndarray:
    """All of a field, (*axes, channels)."""
    return np.moveaxis(field.part((slice(None),) * len(field.size)), 0, -1)


def _chosen(count: int, n: int) -> list[int]:
    return np.unique(np.linspace(0, count - 1, min(n, count)).round().astype(int)).tolist()


def _small(pixels: np.ndarray) -> np.ndarray:
    """An image (h, w, channels), its longer side at most SIDE."""
    step = -(-max(pixels.shape[:2]) // SIDE)
    shown = pixels[::step, ::step]
    return shown if shown.shape[-1] in (3, 4) else shown[..., 0]


def _bytes(pixels: np.ndarray) -> np.ndarray:
    return (np.clip(pixels, 0, 1) * 255).round().astype(np.uint8)


def _rate(denoiser: Any) -> int:
    return int(getattr(denoiser.modality, "sample_rate", None) or SAMPLE_RATE)


def _first_seconds(sound: np.ndarray, rate: int) -> np.ndarray:
    """The first seconds of a sound (time, channels), mixed down."""
    loudness: np.ndarray = sound[: SECONDS * rate].mean(-1)
    return loudness


def _spectrograms(sounds: Sequence[np.ndarray], rate: int) -> list[np.ndarray]:
    """Loudness by time and frequency, uint8 (bands, frames), of versions of one sound on one scale."""
    loudness = [_first_seconds(sound, rate) for sound in sounds]
    schema: Any = Audio(sample_rate=rate).learn(loudness[:1], "Denoiser")[0]
    drawn = schema.drawn(loudness)
    return list(drawn[:, :, :: -(-drawn.shape[2] // SIDE)])


# ---------------------------------------------------------------------------------------------------- series and tables


def _of_rows(denoiser: Any, X: Any, y: Any) -> tuple[list[Section], dict[str, str], str]:
    """Windows or rows before and after, and the missing values and errors of each column."""
    model, fills = denoiser.autoencoder_, only_hides(denoiser.noise_)
    rows = model.model_.read(X)
    raw = np.asarray(rows[:])
    out = denoise_raw(model, rows, denoiser.noise_).numpy().reshape(raw.shape)
    gaps = np.isnan(raw.astype(np.float64))
    tiles = {"items": f"{len(raw):,}", "missing": f"{gaps.mean():.1%}"}
    lead = f"{gaps.mean():.1%} of the values were missing and are filled; those that were there are "
    lead += "as they were." if fills else "without their noise."
    truth = None if y is None else np.asarray(model.model_.read(y)[:]).reshape(raw.shape)
    return [_shown(model, raw, out, gaps), _by_column(model, raw, out, gaps, truth, fills)], tiles, lead


def _shown(model: Any, raw: np.ndarray, out: np.ndarray, gaps: np.ndarray) -> Section:
    """Some items, those with gaps first."""
    flat = gaps.reshape(len(gaps), -1)
    some = np.flatnonzero(flat.any(1)) if flat.any() else np.arange(len(raw))
    schema = model.model_.schema
    if schema.name == "series_schema":
        some = some[_chosen(len(some), WINDOWS)]
        shown = examples_for(schema, raw[some])
        heat = flat[some].astype(float)
        content = shown.pairs(raw[some], out[some], [f"window {i}" for i in some], ("given", "denoised"), heat)
        return Section("Before and after", content, wide=True)
    some = some[_chosen(len(some), LINES)]
    rows = RowExamples(schema, raw[some])
    before, after = rows.cells(raw[some]), rows.cells(out[some])
    order = np.argsort(-flat[some].mean(0)[: len(before[0])], kind="stable")[:MANY]
    columns = np.sort(order)
    lines = [
        [f"row {i}", *(a[j] if a[j] == b[j] or same[j] else f"{a[j]} → {b[j]}" for j in columns)]
        for i, a, b, same in zip(some, before, after, raw[some] == out[some])
    ]
    head = ["", *(str(rows.names[j]) for j in columns)]
    return Section("Before and after", table(head, lines, "Rows before and after"), wide=True)


def _by_column(
    model: Any, raw: np.ndarray, out: np.ndarray, gaps: np.ndarray, truth: np.ndarray | None, fills: bool
) -> Section:
    """Each column: share of missing values, change of the others, and errors if clean data are given."""
    names = [str(name) for name in model.model_.schema.column_names()]
    names = names or [str(name) for name in model.model_.schema.feature_names()]
    count = raw.shape[1] if model.model_.schema.name == "series_schema" else int(np.prod(raw.shape[1:]))

    def apart(a: np.ndarray) -> np.ndarray:
        return np.asarray(a, np.float64).reshape(len(a), count, -1)

    x, z, gap, kinds = apart(raw), apart(out), apart(gaps) > 0, _kinds(model.model_.schema, count)
    want = None if truth is None else apart(truth)
    lines = []
    for j in range(count):
        line = [names[j] if len(names) == count else f"column {j}", f"{gap[:, j].mean():.1%}"]
        if not fills:
            there = ~gap[:, j]
            line.append(say(float(np.sqrt(np.mean((x[:, j] - z[:, j])[there] ** 2))) if there.any() else None))
        if want is not None:
            asked = (gap[:, j] if fills else np.ones_like(gap[:, j])) & ~np.isnan(want[:, j])
            line.append(_column_error(z[:, j][asked], want[:, j][asked], kinds[j]))
        lines.append(line)
    head = ["column", "missing", *([] if fills else ["moved by"]), *([] if want is None else ["off by"])]
    note = "Off by: root mean square error in the units of the column; of categories, the share that is right."
    note = "" if want is None else f'<p class="note">{note}</p>'
    return Section("Columns", note + table(head, lines, "Columns", numeric=1), wide=True)


def _kinds(schema: Any, count: int) -> list[str]:
    columns = getattr(schema, "columns", None) or ()
    return [c.kind for c in columns] if len(columns) == count else ["number"] * count


def _column_error(made: np.ndarray, want: np.ndarray, kind: str) -> str:
    if not len(want):
        return say(None)
    if kind in ("category", "truth"):
        return f"{np.mean(np.round(made) == want):.1%} right"
    return say(float(np.sqrt(np.mean((made - want) ** 2))))
