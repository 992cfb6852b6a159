"""Demo: handwritten digits reduced to a few latents and reconstructed, compared with PCA, with figures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from zandloper import io
from zandloper.autoencoders.autoencoder import Autoencoder
from zandloper.errors import FileError
from zandloper.plotting import style

MANY, FEW = 8, 2
RESULTS = "demo.json"


@dataclass(frozen=True)
class Digits:
    """Images uint8 (n, 8, 8) and the digits that they show."""

    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    test_labels: np.ndarray


@dataclass(frozen=True)
class Result:
    """Test errors for one number of latents.

    `error` is the mean squared error of pixels in [0, 1], `accuracy` that of a 5-nearest-neighbor classifier in the
    latent space.
    """

    latents: int
    pca_error: float
    error: float
    pca_accuracy: float
    accuracy: float


def run_demo(
    folder: Path, force: bool = False, seed: int = 0, max_epochs: Any = "auto", console: Console | None = None
) -> list[Result]:
    """Fit, reduce, reconstruct, compare with PCA, and write models and pictures into a folder.

    Parameters
    ----------
    folder : path
        Must be new or empty, or with `force` hold an earlier demo, whose files are replaced.
    force : bool
    seed : int
        The same seed gives the same result.
    max_epochs : "auto" or int
        Of each fit.
    console : rich.console.Console, optional
        Where to print.

    Returns
    -------
    list of Result
        For two and for eight latents.
    """
    _check_folder(folder, force)
    console = console or Console(highlight=False, soft_wrap=True)
    digits = _digits(seed)
    console.print(
        f"Training on {len(digits.train):,} handwritten digits of 8 x 8 pixels; measured on {len(digits.test)} others."
    )
    models, results, rival = {}, [], None
    for latents in (FEW, MANY):
        model = Autoencoder(latent_dim=latents, max_epochs=max_epochs, random_state=seed).fit(digits.train)
        pca = PCA(latents, random_state=seed).fit(_rows(digits.train))
        models[latents], rival = model, pca
        results.append(_compare(model, pca, digits))
    console.print(_table(results))
    _write(folder, models, rival, digits, results)
    console.print(_what_next(folder), markup=False)
    return results


def _check_folder(folder: Path, force: bool) -> None:
    """Refuse a folder with other files than those of an earlier demo."""
    io.check_place(folder, force=True)
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder} is a file: name a folder with -o")
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / RESULTS).exists():
            raise FileError(f"{folder} holds other things than an earlier demo: name another folder with -o")
        if not force:
            raise FileError(
                f"{folder} holds an earlier demo: open its figures, replace it with --force, or name "
                "another folder with -o"
            )


def _digits(seed: int) -> Digits:
    bunch = load_digits()
    images = (bunch.images * (255 / 16)).round().astype(np.uint8)
    return Digits(*train_test_split(images, bunch.target, test_size=0.25, stratify=bunch.target, random_state=seed))


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255


def _compare(model: Any, pca: PCA, digits: Digits) -> Result:
    rows = _rows(digits.test)

    def error(reconstruction: np.ndarray) -> float:
        return float(((reconstruction - rows) ** 2).mean())

    def accuracy(train: np.ndarray, test: np.ndarray) -> float:
        return float(KNeighborsClassifier(5).fit(train, digits.train_labels).score(test, digits.test_labels))

    return Result(
        latents=pca.n_components_,
        pca_error=error(pca.inverse_transform(pca.transform(rows))),
        error=error(_rows(model.predict(digits.test))),
        pca_accuracy=accuracy(pca.transform(_rows(digits.train)), pca.transform(rows)),
        accuracy=accuracy(model.transform(digits.train), model.transform(digits.test)),
    )


def _table(results: list[Result]) -> Table:
    table = Table(
        caption="error: mean square, pixels in [0, 1]; accuracy: 5-nearest-neighbor classifier in the latent space",
        caption_justify="left",
    )
    for heading in ("latents", "error\nPCA", "error\nautoencoder", "\nratio", "accuracy\nPCA", "accuracy\nautoencoder"):
        table.add_column(heading, justify="right")
    for r in results:
        table.add_row(
            f"{r.latents} of 64",
            f"{r.pca_error:.4f}",
            f"{r.error:.4f}",
            f"{r.error / r.pca_error:.2f}",
            f"{r.pca_accuracy:.1%}",
            f"{r.accuracy:.1%}",
        )
    return table


def _write(folder: Path, models: dict[int, Any], pca: PCA, digits: Digits, results: list[Result]) -> None:
    with io.atomic(folder / RESULTS) as file:  # first, since it marks the folder as a demo's
        file.write(json.dumps({"results": [asdict(r) for r in results]}, indent=1).encode())
    io.write(folder / "digits.npy", digits.test, force=True)
    models[MANY].save(folder / "model", overwrite=True)
    models[FEW].save(folder / f"model_{FEW}", overwrite=True)
    by_pca = pca.inverse_transform(pca.transform(_rows(digits.test))).reshape(digits.test.shape)
    pictures = style.originals_beside_reconstructions(
        digits.test,
        models[MANY].predict(digits.test),
        n=12,
        rivals={"by PCA": by_pca},
        title=f"Digits of 64 pixels, and reconstructions from {MANY} latents",
    )
    io.write_figure(folder / "reconstructions.png", pictures, force=True)
    latents = models[FEW].transform(digits.test)
    io.write_figure(
        folder / "latent_map.png",
        style.latent_map(
            latents, digits.test_labels, title=f"{len(latents)} test digits in {FEW} latents, found without labels"
        ),
        force=True,
    )


def _what_next(folder: Path) -> str:
    return f"""
Written into {folder}:
  reconstructions.png  digits, and reconstructions from {MANY} latents by autoencoder and PCA
  latent_map.png       every test digit in {FEW} latents
  model, model_{FEW}       the models with {MANY} and {FEW} latents
  digits.npy           the test digits
  {RESULTS}            the numbers above

Next:
  zandloper describe {folder}/model
  zandloper run {folder}/model {folder}/digits.npy -o latents.csv
  zandloper run {folder}/model {folder}/digits.npy --what reconstruction -o pictures
  zandloper fit reduce YOUR_DATA.csv -o my_model"""
