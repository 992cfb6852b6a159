"""One digit as the anomaly, and a table with a broken cell: draws docs/images/detect.png and prints what it measured.

usage: python docs/make_detect.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.metrics import roc_auc_score

import zandloper as zl
from zandloper.plotting.style import COLORS, FAINT, INK, new_figure, plain, show_image

PICTURE = Path(__file__).parent / "images" / "detect.png"
HELD_OUT = 7  # the digit that no model is trained on
SHOWN = 4


def main() -> None:
    digits = load_digits()
    images, label = (digits.images * 15).astype(np.uint8), digits.target
    normal = images[label != HELD_OUT]
    train, fresh, anomalies = normal[:1200], normal[1200:], images[label == HELD_OUT]
    detector = zl.AnomalyDetector(false_alarm_rate=0.05, random_state=0).fit(train)
    names = ("fresh, no sevens", f"sevens ({len(anomalies)})")
    scores = dict(zip(names, (detector.anomaly_score(fresh), detector.anomaly_score(anomalies)), strict=True))
    known, new = scores.values()
    area = roc_auc_score(np.repeat([0, 1], [len(known), len(new)]), np.concatenate([known, new]))
    alarms, found = (float(np.mean(s > -detector.offset_)) for s in (known, new))
    print(detector.describe())
    print(f"AUROC {area:.3f}; alarms on fresh normal digits {alarms:.1%}, on sevens {found:.1%}")

    figure = new_figure(9.6, 5.6)
    top, bottom = figure.subfigures(2, 1, height_ratios=(5, 4))
    left, right = top.subfigures(1, 2, width_ratios=(3, 4))
    order = np.argsort(-new, kind="stable")[:SHOWN]
    why = detector.explain(anomalies[order])
    for i, axes in enumerate(left.subplots(3, SHOWN).T):
        show_image(axes[0], anomalies[order[i]])
        show_image(axes[1], np.asarray(why.expected[i]))
        axes[2].imshow(why.error[i, 0], cmap="magma", vmin=0, interpolation="none")
        axes[2].set(xticks=[], yticks=[])
        if i == 0:
            for ax, word in zip(axes, ("anomaly", "expected", "error")):
                ax.set_ylabel(word, fontsize=9, color=INK)
    ax = right.subplots()
    plain(ax)
    edges = np.linspace(min(known.min(), new.min()), np.quantile(new, 0.99), 40)
    for (name, values), color in zip(scores.items(), (FAINT, COLORS[0])):
        weights = np.full(len(values), 1 / len(values))
        ax.hist(np.clip(values, *edges[[0, -1]]), bins=edges, weights=weights, color=color, alpha=0.75, label=name)
    ax.axvline(-detector.offset_, color=COLORS[2], linewidth=1.4, label="threshold, 5% false alarms")
    ax.set_xlabel("score", fontsize=9, color=INK)
    ax.set_ylabel("share", fontsize=9, color=INK)
    ax.legend(frameon=False, fontsize=9)
    table(bottom)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE)
    print(f"written {PICTURE}")


def table(place) -> None:
    """A wine with one wrong value: which columns are far from what was expected."""
    wine = load_wine()
    X = wine.data[wine.target == 0]
    broken = X[:1].copy()
    j = wine.feature_names.index("alcohol")
    broken[0, j] = 11.2
    detector = zl.AnomalyDetector(false_alarm_rate=0.05, random_state=0).fit(X[1:])
    found = detector.explain(broken)
    order = np.argsort(-found.error[0], kind="stable")[:6]
    ax = place.subplots()
    plain(ax)
    ax.barh(np.arange(6), found.error[0, order], 0.7, color=COLORS[0])
    ax.set_yticks(np.arange(6), [f"{wine.feature_names[k]} = {broken[0, k]:g}" for k in order])
    for row, k in enumerate(order):
        ax.text(found.error[0, k], row, f" expected {found.expected[0, k]:.3g}", va="center", fontsize=8, color=INK)
    ax.invert_yaxis()
    ax.axvline(1, color=INK, linewidth=1, linestyle=(0, (3, 2)))
    ax.set_xlabel("error, in times the usual", fontsize=9, color=INK)
    p = float(detector.p_values(broken)[0])
    ax.set_title(f"a wine of 14.2 % alcohol, noted as 11.2 %: p-value {p:.3f}", fontsize=10, color=INK, loc="left")
    print(f"wine: p-value {p:.3f}, first reason {found.top(1)[0]}")


if __name__ == "__main__":
    main()
