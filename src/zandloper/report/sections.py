"""The sections of a report, one small function each: from the evidence to a section, or to none where there is nothing
to say. `SECTIONS` is their order; a new one is a function and a place in it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np

from zandloper.inspection import latent_plots
from zandloper.inspection.architecture_plot import hourglass_figure, in_words
from zandloper.plotting.style import loss_curves
from zandloper.report import charts
from zandloper.report.examples import examples_for
from zandloper.report.examples.rows import RowExamples
from zandloper.report.html import duration, figure, say, svg, table
from zandloper.report.latent_map import heat_of, latent_map
from zandloper.report.measurements import Evidence
from zandloper.report.section import Section, of_chapter
from zandloper.report.settings import settings


def hourglass(e: Evidence) -> Section:
    """The layers as they were built."""
    width = 4.2 if max(len(layer.kind) for layer in e.architecture.layers) < 12 else None  # narrow: larger on phones
    drawing = svg(hourglass_figure(e.architecture), in_words(e.architecture), width)
    line = "Data fall from top to bottom: the encoder (blue) makes the code (orange), the decoder (purple) undoes it."
    path = " The line beside is the linear path, which starts at the PCA solution." if e.architecture.bypass else ""
    return Section("The hourglass", f"<p>{escape(line + path)}</p>{figure(drawing)}", name="hourglass")


def training(e: Evidence) -> Section:
    """Loss curves."""
    d = e.description
    stopped = {
        "early_stopping": "It stopped since the validation error no longer fell.",
        "max_epochs": "It ran for as many epochs as were allowed.",
        "max_minutes": "It stopped since its time was up.",
    }.get(d.stopped_by, "")
    took = getattr(e.estimator, "fit_seconds_", None)
    time = f" in {duration(took)}" if took is not None else ""
    kept = "The weights of the best epoch were kept." if d.validation is not None else "The last weights were kept."
    said = f"{d.epochs} epochs{time}. {stopped} {kept}"
    chart = loss_curves(e.estimator.history_)
    alt = f"Curves of training and validation loss by epoch. {said}"
    return Section("Training", f"<p>{escape(said)}</p>{figure(svg(chart, alt, 4.8, 3.4))}", name="training")


def beside(e: Evidence) -> Section:
    """Items beside what was made of them."""
    words = ("original", "reconstruction") if e.wanted is None else ("target", "prediction")
    line = "From the best rebuilt to the worst, in even steps: a fair choice." if e.wanted is None else ""
    line = line or "From the best predicted to the worst, in even steps: a fair choice."
    title = "Originals beside reconstructions" if e.wanted is None else "Targets beside predictions"
    return Section(title, f"<p>{line}</p>{_items(e, e.typical, words)}", wide=True, name="items")


def the_map(e: Evidence) -> Section:
    """The latent map."""
    drawn = latent_map(e)
    count = f"{len(e.seen):,} of {e.rows:,} items, evenly chosen" if len(e.seen) < e.rows else f"{e.rows:,} items"
    return Section(
        "The latent map",
        f"<p>{count}, each a point at its place in the latent space. {escape(drawn.caption)}</p>"
        '<p class="note">Point, tap or use the arrow keys: the nearest item is shown'
        f"{'' if drawn.items == len(e.seen) else f', out of {drawn.items:,} that came along'}.</p>"
        '<div class="map"><div><div class="field"><canvas id="map-field" tabindex="0" role="img" '
        f'aria-label="Map of the latent space with {count}"></canvas>'
        f'<span class="axis x">{escape(drawn.axes[0])}</span><span class="axis y">{escape(drawn.axes[1])}</span>'
        '<div class="tools"><button type="button" id="map-in" aria-label="Closer">+</button>'
        '<button type="button" id="map-out" aria-label="Further away">−</button>'
        '<button type="button" id="map-all" aria-label="All of it">all</button></div></div>'
        '<div id="map-legend"></div></div><div id="map-item" aria-live="polite"></div></div>'
        "<noscript><p>The map is drawn by a script inside this page: allow scripts to see it.</p></noscript>"
        f'<script type="application/json" id="map-data">{drawn.data}</script>',
        wide=True,
        name="map",
    )


def the_type(e: Evidence) -> Section | None:
    """The chapter that is special to the type; the plain autoencoder has none."""
    chapter = e.estimator._chapter(*e.some)
    return None if chapter is None else of_chapter(chapter)


def latents(e: Evidence) -> Section:
    """The latent report: the score that each latent carries, its inputs and its outputs."""
    r = e.latent
    dead = int(r.dead.sum())
    line = (
        f"{len(r.latents)} latents, {dead if dead else 'none'} of them dead, seen in {r.rows:,} items. "
        "A latent matters as much as the score falls when it is held at its mean."
    )
    alt = "Bars of the score lost without each latent. " + _ranking(e)
    left, right = [figure(svg(latent_plots.carried(r), alt), "What each latent carries")], []
    if r.traversal is not None:
        alt = "Rows of pictures, one a latent: what the decoder makes as that latent grows and the others stay."
        caption = (
            "What moves when a latent moves, from low to high; at the ends, the pixels it listens to and those it moves"
        )
        right.append(figure(svg(latent_plots.traversals(r), alt), caption))
    else:
        alt = "Heat maps of how strongly each latent listens to each column and moves each column. " + _ranking(e)
        right.append(figure(svg(latent_plots.sensitivities(r), alt), "What each latent listens to, and what it moves"))
    if len(r.latents) > 1:
        off = np.abs(r.correlation - np.diag(np.diag(r.correlation)))
        i, j = np.unravel_index(int(off.argmax()), off.shape)
        pair = f"{r.latents[min(i, j)]} and {r.latents[max(i, j)]}, at {r.correlation[i, j]:.2f}"
        caption = f"How latents go together; closest are {pair}"
        left.append(figure(svg(latent_plots.correlations(r), f"Heat map of correlations. {caption}"), caption))
    columns = r.columns
    rows = [
        [
            columns["latent"][i] + (" (dead)" if r.dead[i] else ""),
            *(say(columns[name][i]) for name in ("score_drop", "variance_share", "mean", "deviation")),
            columns["listens_to"][i],
            columns["moves"][i],
        ]
        for i in r.order.tolist()
    ]
    head = ["latent", "score lost without it", "variance share", "mean", "deviation", "listens most to", "moves most"]
    numbers = f"<details><summary>The numbers</summary>{table(head, rows, 'Latents')}</details>"
    return Section(
        "What the latents do",
        f'<p>{escape(line)}</p><div class="duo"><div>{"".join(left)}</div><div>{"".join(right)}</div></div>{numbers}',
        wide=True,
        name="latents",
    )


def against_pca(e: Evidence) -> Section:
    """PCA's error over its size, and the model's."""
    title = "Beside PCA"
    if isinstance(e.pca, str):
        return Section(title, f"<p>{escape(e.pca)}</p>", name="pca")
    p = e.pca
    chart = charts.against_pca(p.pca, p.latents, p.model)
    more = next((k for k, error in enumerate(p.pca, 1) if error <= p.model), None)
    reach = (
        "no number of components shown reaches that" if more is None else f"PCA needs {more} components to get there"
    )
    if p.same > 0 and p.model < p.same:
        said = f"With {p.latents} latents the model's squared error is {p.model / p.same:.0%} of PCA's; {reach}."
    else:
        most = f" (it has no more than {len(p.pca)} components)" if p.latents > len(p.pca) else ""
        said = f"With {p.latents} latents the model's squared error is {p.model:.3g}, PCA's {p.same:.3g}{most}."
    note = (
        f"PCA was fitted to these very {p.rows:,} items and the model perhaps to others, so that the comparison leans "
        "towards PCA."
    )
    return Section(
        title,
        f"<p>{escape(said)}</p>{figure(svg(chart, f'PCA error by number of components. {said}'), note)}",
        name="pca",
    )


def where(e: Evidence) -> Section:
    """Which columns or pixels the error sits in."""
    shown = examples_for(e.output, e.originals if e.wanted is None else e.wanted)
    return Section("Where the error sits", shown.error_location(e.feature_error, e.feature_constant), name="where")


def errors(e: Evidence) -> Section:
    """The distribution of the errors, and the worst items."""
    words = ("original", "reconstruction") if e.wanted is None else ("target", "prediction")
    quantiles = np.quantile(e.errors, (0.5, 0.95, 1.0))
    said = (
        f"Half of the items have an error below {quantiles[0]:.3g}, 95 % below {quantiles[1]:.3g}, all up to "
        f"{quantiles[2]:.3g}."
    )
    chart = figure(svg(charts.histogram(e.errors), f"Histogram of the errors. {said}"))
    worst = f"<h3>The {len(e.worst)} worst</h3>{_items(e, e.worst, words)}"
    compact = (
        examples_for(e.schema, e.originals).compact
        and examples_for(e.output, e.originals if e.wanted is None else e.wanted).compact
    )
    both = f"{chart}<div>{worst}</div></div>" if compact else f"{chart}</div>{worst}"
    return Section(
        "The errors, and the worst items",
        f'<p>{said}</p><div class="duo">{both}',
        wide=True,
        name="errors",
    )


SECTIONS: list[Callable[[Evidence], Section | None]] = [
    hourglass,
    training,
    beside,
    the_type,
    the_map,
    latents,
    against_pca,
    where,
    errors,
    settings,
]


def _items(e: Evidence, which: np.ndarray, words: tuple[str, str]) -> str:
    captions = [e.caption(i) for i in which.tolist()]
    heat = heat_of(e)[which]
    made = e.made[which]
    if e.wanted is None:
        return examples_for(e.schema, e.originals).pairs(e.originals[which], made, captions, words, heat)
    inputs, outputs = examples_for(e.schema, e.originals), examples_for(e.output, e.wanted)
    if (
        inputs.compact and isinstance(outputs, RowExamples) and len(outputs.names) <= 3
    ):  # a picture and few words about it
        for i, (target, prediction) in enumerate(zip(outputs.cells(e.wanted[which]), outputs.cells(made), strict=True)):
            captions[i] += f" · {words[0]} {', '.join(target)} · {words[1]} {', '.join(prediction)}"
        return inputs.pairs(e.originals[which], None, captions, ("input", ""), heat)
    return outputs.pairs(e.wanted[which], made, captions, words, heat) + inputs.pairs(
        e.originals[which], None, captions, ("input", ""), heat
    )


def _ranking(e: Evidence) -> str:
    first = e.latent.order[:3].tolist()
    said = ", ".join(f"latent {e.latent.latents[i]} ({e.latent.score_drop[i]:.3f})" for i in first)
    return f"Most is carried by {said}."
