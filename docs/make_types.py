"""The pictures and small tables of docs/variational.md and docs/quantized.md, each by a function of its own name.

usage: python docs/make_types.py [NAME ...]      (all without a name; each is written to docs/images/NAME.png)

scikit-learn's digits: 1,400 train, 397 are measured. The seeds are fixed. Some two minutes on one core.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn import datasets

import zandloper as zl
from zandloper.plotting.panels import bars, grid_figure, tiles
from zandloper.plotting.style import INK, new_figure

IMAGES = Path(__file__).parent / "images"
DIGITS = (datasets.load_digits().images * (255 / 16)).round().astype(np.uint8)
TRAIN, TEST = DIGITS[:1_400], DIGITS[1_400:]
ACROSS = 12


def variational(**settings):
    return zl.VariationalAutoencoder(**{"latent_dim": 16, "max_epochs": 60, "random_state": 0} | settings).fit(TRAIN)


def variational_beta():
    """What each latent carries, for several weights of the divergence."""
    figure = new_figure(9.6, 2.6)
    print("| beta | latents in use | reconstruction term | KL | ELBO |\n|--:|--:|--:|--:|--:|")
    for ax, beta in zip(figure.subplots(1, 4, sharey=True), (0.25, 1.0, 4.0, 16.0)):
        model = variational(beta=beta)
        usage, bound = model.latent_usage(TEST), model.score(TEST)
        nats, order = float(usage.kl.sum()), np.argsort(-usage.kl)
        print(f"| {beta:g} | {len(usage.active)} of 16 | {bound + nats:.1f} | {nats:.1f} | {bound:.1f} |", flush=True)
        bars(ax, usage.kl[order], np.isin(order, usage.active), [str(i) for i in order], ("in use", "not in use"))
        ax.set_title(f"beta = {beta:g}", fontsize=10, color=INK)
        ax.set_xticks([])
        ax.set_xlabel("latents", fontsize=9, color=INK)
    figure.axes[0].set_ylabel("KL, nats", fontsize=9, color=INK)
    return figure


def variational_prior():
    """Samples of one and the same model, from the prior of the training and from the one that follows the codes."""
    made = {prior: variational(prior=prior).sample(2 * ACROSS, random_state=0) for prior in ("normal", "mixture")}
    shown = np.concatenate([tiles(images) for images in (TEST[: 2 * ACROSS], *made.values())])
    return grid_figure(shown, ("data", "", "normal", "", "mixture", ""), across=ACROSS)


def variational_traversal():
    """One latent moves, the others stay."""
    return variational().plot_traversal(TEST, n=6, item=9)


def quantized_usage():
    """How the book is used."""
    model = zl.QuantizedAutoencoder(8, codes=64, max_epochs=60, random_state=0).fit(TRAIN)
    print(model.code_usage(TEST))
    return model.plot_usage(TEST)


def quantized_methods():
    """A learned codebook and rounding, with about as many symbols."""
    print("| method | symbols | in use | perplexity | bits an item | with the prior | score |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    rows = {"data": TEST}
    for method, settings in {"vq": {"codes": 64}, "fsq": {"levels": (4, 4, 4)}}.items():
        model = zl.QuantizedAutoencoder(8, method=method, max_epochs=60, random_state=0, **settings).fit(TRAIN)
        usage = model.code_usage(TEST)
        print(
            f"| {method} | 64 | {usage.used:.0%} | {usage.perplexity:.1f} | {8 * 6} | {model._prior_bits(TEST):.1f} | "
            f"{model.score(TEST):.3f} |",
            flush=True,
        )
        rows |= {f"{method}, 48 bits": model.predict(TEST), f"{method}, samples": model.sample(ACROSS, random_state=0)}
    shown = np.concatenate([tiles(images[:ACROSS]) for images in rows.values()])
    return grid_figure(shown, list(rows), across=ACROSS)


DRAWN = (variational_beta, variational_prior, variational_traversal, quantized_usage, quantized_methods)
PICTURES = {f.__name__: f for f in DRAWN}

if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - set(PICTURES):
        sys.exit(f"no picture is called {', '.join(sorted(unknown))}: there are {', '.join(PICTURES)}")
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]().savefig(IMAGES / f"{name}.png", pil_kwargs={"optimize": True})
        print(f"written  docs/images/{name}.png", flush=True)
