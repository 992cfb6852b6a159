"""The promise: never worse than linear. And the four shapes of the textbooks, all reachable, all named right."""

import numpy as np
import pytest
import scipy.linalg
from sklearn import datasets
from sklearn.decomposition import PCA

from zandloper import Autoencoder

SEED, SHARE = 3, 0.1
FLOOR = 1e-8  # of the variance: what float32 leaves of an error that is zero


def low_rank(n, d, rank, noise, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d)) + noise * rng.normal(size=(n, d))


def bent(n, d, seed):
    """A curve through many dimensions: what nets do better than PCA."""
    t = np.random.default_rng(seed).uniform(-2, 2, n)
    return np.stack([np.cos(k * t + k) for k in range(d)], 1)


def spectra():
    """Smooth curves: variances of components fall by orders of magnitude, one after the other."""
    rng, x = np.random.default_rng(0), np.linspace(0, 1, 50)
    height, place, width = (rng.uniform(low, high, (100, 1)) for low, high in ((0.5, 1), (0.3, 0.7), (0.2, 0.3)))
    return height * np.exp(-(((x - place) / width) ** 2))


def mixed_scales():
    return low_rank(120, 7, 3, 0.1, 1) * 10.0 ** np.arange(-3, 4) + np.arange(7) * 1e4


DATA = {
    "iris": lambda: datasets.load_iris().data,
    "wine": lambda: datasets.load_wine().data,
    "cancer": lambda: datasets.load_breast_cancer().data,
    "digits": lambda: datasets.load_digits().data[:400],
    "low rank": lambda: low_rank(150, 12, 4, 0.2, 0),
    "exactly low rank": lambda: low_rank(150, 12, 4, 0.0, 0),
    "noise": lambda: np.random.default_rng(0).normal(size=(100, 6)),
    "bent": lambda: bent(300, 8, 0),
    "scales": mixed_scales,
    "float32": lambda: low_rank(150, 12, 4, 0.2, 5).astype(np.float32),
    "few rows": lambda: low_rank(24, 60, 5, 0.3, 2),
    "a constant": lambda: np.c_[low_rank(80, 4, 2, 0.1, 3), np.full(80, 7.5)],
    "two of a kind": lambda: np.repeat(low_rank(80, 4, 2, 0.1, 3), 2, axis=1),
    "one column": lambda: low_rank(60, 1, 1, 0.1, 4),
    "spectra": spectra,
}


def split(X):
    """The rows that train and those that choose, scaled by what trains: what `fit` does, done apart from it."""
    order, n = np.random.default_rng(SEED).permutation(len(X)), round(SHARE * len(X))
    held, train = (X[np.sort(rows)].astype(np.float64) for rows in (order[:n], order[n:]))
    deviation = train.std(0)
    mean, deviation = train.mean(0), np.where(train.max(0) > train.min(0), deviation, 1.0)
    return (train - mean) / deviation, (held - mean) / deviation


def standard(X):
    """All rows, scaled by themselves."""
    deviation = np.where(np.ptp(X, axis=0) > 0, X.std(0, dtype=np.float64), 1.0)
    return (X - X.mean(0, dtype=np.float64)) / deviation


def error_of_pca(train, held, latent_dim):
    """Mean squared error of PCA on rows that it has not seen."""
    pca = PCA(min(latent_dim, *train.shape), svd_solver="full").fit(train)
    return float(np.mean((pca.inverse_transform(pca.transform(held)) - held) ** 2))


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("latent_dim", [1, 3, 16])
def test_never_worse_than_pca(name, latent_dim):
    X = DATA[name]()
    train, held = split(X)
    model = Autoencoder(latent_dim, max_epochs=4, random_state=SEED, loss="mse", validation=SHARE).fit(X)
    linear = error_of_pca(train, held, latent_dim)
    errors = [entry["validation"] for entry in model.history_]
    assert errors[0] == pytest.approx(linear, rel=1e-3, abs=FLOOR)
    assert min(errors) <= linear * (1 + 1e-4) + FLOOR
    # And it is the best weights that were kept: of the epoch that did best, and no other.
    order, n = np.random.default_rng(SEED).permutation(len(X)), round(SHARE * len(X))
    found = model.reconstruction_error(X[order[:n]]).mean()
    assert found == pytest.approx(min(errors), rel=1e-4, abs=FLOOR)


@pytest.mark.parametrize("hidden", [(), (5,), (20, 10)])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_never_worse_than_pca_whatever_the_net(hidden, activation):
    X = DATA["cancer"]()
    model = Autoencoder(4, hidden=hidden, activation=activation, max_epochs=3, random_state=SEED, validation=SHARE).fit(
        X
    )
    linear = error_of_pca(*split(X), 4)
    errors = [entry["validation"] for entry in model.history_]
    assert errors[0] == pytest.approx(linear, rel=1e-3) and min(errors) <= linear * (1 + 1e-4)


def test_never_worse_than_pca_at_a_rate_that_ruins(recwarn):
    X = DATA["cancer"]()
    model = Autoencoder(4, max_epochs=2, lr=30.0, random_state=SEED, validation=SHARE).fit(X)
    recwarn.clear()  # that it diverged is said elsewhere
    linear = error_of_pca(*split(X), 4)
    order, n = np.random.default_rng(SEED).permutation(len(X)), round(SHARE * len(X))
    assert model.reconstruction_error(X[order[:n]]).mean() <= linear * (1 + 1e-4)


def test_never_worse_than_pca_on_images(images):
    pixels = images.reshape(len(images), -1) / 255
    order, n = np.random.default_rng(SEED).permutation(len(images)), round(SHARE * len(images))
    train, held = pixels[np.sort(order[n:])], pixels[np.sort(order[:n])]
    pca = PCA(5, svd_solver="full").fit(train)
    linear = np.mean((pca.inverse_transform(pca.transform(held)).clip(0, 1) - held) ** 2)
    for encoder in ("dense", "conv2d", "attention"):
        model = Autoencoder(5, encoder=encoder, max_epochs=2, random_state=SEED).fit(images)
        errors = [entry["validation"] for entry in model.history_]
        assert errors[0] == pytest.approx(linear, rel=1e-3) and min(errors) <= linear * (1 + 1e-4)


@pytest.mark.trained
def test_much_better_than_pca_where_the_data_bend():
    X = DATA["bent"]()
    model = Autoencoder(2, random_state=SEED, max_epochs=60, validation=SHARE).fit(X)
    assert min(entry["validation"] for entry in model.history_) < 0.5 * error_of_pca(*split(X), 2)


def test_pca_above_two_thousand_columns():
    """There the components are sketched: close to exact where few of them matter."""
    X = low_rank(60, 2100, 3, 0.01, 6)
    model = Autoencoder(3, max_epochs=1, random_state=SEED, validation=SHARE).fit(X)
    assert model.history_[0]["validation"] == pytest.approx(error_of_pca(*split(X), 3), rel=0.02)


@pytest.mark.trained
def test_without_the_linear_path_nothing_starts_at_pca():
    X = DATA["wine"]()
    model = Autoencoder(3, max_epochs=1, random_state=SEED, validation=SHARE, linear_path=False).fit(X)
    assert model.history_[0]["validation"] > 1.2 * error_of_pca(*split(X), 3)
    assert model.module_.linear is None and not model.describe().linear_path


@pytest.mark.trained
@pytest.mark.parametrize("hidden", [(), (6,)])
def test_a_linear_net_spans_the_subspace_of_pca(hidden):
    """Bourlard and Kamp 1988; Baldi and Hornik 1989: its least error is PCA's, and only the subspace is determined."""
    X = low_rank(200, 8, 3, 0.3, 8)
    model = Autoencoder(
        3,
        hidden=hidden,
        activation="linear",
        linear_path=False,
        validation=0,
        max_epochs=150,
        batch_size=40,
        lr=0.02,
        random_state=0,
    ).fit(X)
    scaled = (X - X.mean(0)) / X.std(0)
    pca = PCA(3).fit(scaled)
    linear = np.mean((pca.inverse_transform(pca.transform(scaled)) - scaled) ** 2)
    assert linear * (1 - 1e-4) <= model.reconstruction_error(X).mean() <= linear * 1.01
    out = (model.predict(X) - X.mean(0)) / X.std(0)
    basis = np.linalg.svd(out - out.mean(0), full_matrices=False)[2][:3]
    assert scipy.linalg.subspace_angles(basis.T, pca.components_.T).max() < 0.1


def test_latents_of_the_start_are_whitened_components():
    """At the PCA start the latents are PCA's, in its order, of unit variance over the training rows."""
    X = DATA["wine"]()
    train, _ = split(X)
    model = Autoencoder(3, max_epochs=1, lr=1e-12, random_state=SEED, validation=SHARE).fit(
        X
    )  # a step that moves nothing
    order, n = np.random.default_rng(SEED).permutation(len(X)), round(SHARE * len(X))
    z, want = model.transform(X[np.sort(order[n:])]), PCA(3, whiten=True).fit_transform(train)
    want *= np.sign((z * want).sum(0)) * np.sqrt(len(train) / (len(train) - 1))
    np.testing.assert_allclose(z, want, atol=1e-3)


# ---------------------------------------------------------------------------------------------------- the four shapes


@pytest.mark.parametrize(("hidden", "depth"), [((), "shallow"), ((7,), "deep"), ((9, 7), "deep"), ("auto", "deep")])
@pytest.mark.parametrize(
    ("latent_dim", "width"), [(2, "undercomplete"), (5, "overcomplete"), (6, "overcomplete"), (13, "overcomplete")]
)
def test_the_four_shapes(table, hidden, depth, latent_dim, width):
    model = Autoencoder(latent_dim, hidden=hidden, max_epochs=1, random_state=0).fit(table[:, :5])
    about = model.describe()
    assert about.shape == f"{depth} {width}"
    assert str(about).splitlines()[0] == f"Autoencoder: {depth} {width}"
    assert (about.inputs, about.latents, about.compression) == (5, latent_dim, 5 / latent_dim)
    assert model.transform(table[:, :5]).shape == (200, latent_dim)


def test_parameters_are_counted(table):
    model = Autoencoder(2, hidden=(7, 4), max_epochs=1, random_state=0).fit(table)
    nets = (6 * 7 + 7) + (7 * 4 + 4) + (4 * 2 + 2) + (2 * 4 + 4) + (4 * 7 + 7) + (7 * 6 + 6)
    linear = (6 * 2 + 2) + (2 * 6 + 6)
    about = model.describe()
    assert about.parameters == nets + linear
    assert about.layers == ("6", "7", "4", "[2]", "4", "7", "6")
    textbook = Autoencoder(2, hidden=(7, 4), linear_path=False, max_epochs=1, random_state=0).fit(table)
    assert textbook.describe().parameters == nets


@pytest.mark.parametrize(
    ("latent_dim", "words"),
    [
        (2, "latent space 2 of 6 values (3 times smaller)"),
        (6, "latent space 6 of 6 values (as wide as the input)"),
        (12, "latent space 12 of 6 values (2 times wider)"),
    ],
)
def test_a_description_reads_well(table, latent_dim, words):
    model = Autoencoder(latent_dim, hidden=(7,), max_epochs=2, validation=0.1, random_state=0).fit(table)
    about = model.describe()
    text = str(about)
    assert words in text and "linear path  yes, started at PCA" in text and "table of 6 columns (6 number)" in text
    assert about.epochs == model.n_epochs_ == 2 and "2 epochs, stopped by max epochs" in text
    assert about.validation == min(entry["validation"] for entry in model.history_)
    assert about.to_dict()["loss"] == "mse" and set(about.to_dict()) == set(type(about).__dataclass_fields__)


def test_images_are_described(images):
    about = Autoencoder(3, encoder="conv2d", hidden=(4, 5), max_epochs=1).fit(images).describe()
    assert about.data == "images of 12 x 10 pixels, 1 channel, uint8"
    assert about.layers == ("120", "4 channels", "5 channels", "[3]", "5 channels", "4 channels", "120")
    assert about.shape == "deep undercomplete" and about.compression == 40
    about = Autoencoder(3, encoder="attention", hidden=(8, 6), max_epochs=1).fit(images).describe()
    assert about.layers == ("120", "tokens of 8", "tokens of 6", "[3]", "tokens of 6", "tokens of 8", "120")


# --------------------------------------------------------------------------------------------------------- latent_dim


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.99])
def test_a_fraction_is_what_pca_needs(fraction):
    X = DATA["cancer"]()
    want = int(np.searchsorted(np.cumsum(PCA().fit(standard(X)).explained_variance_ratio_), fraction)) + 1
    assert Autoencoder(fraction, max_epochs=1, random_state=SEED).fit(X).latent_shape_ == (want,)


@pytest.mark.parametrize(("name", "want"), [("cancer", None), ("exactly low rank", None), ("one column", 1)])
def test_without_a_word_it_is_ninety_percent(name, want):
    X = DATA[name]()
    share = np.cumsum(PCA().fit(standard(X)).explained_variance_ratio_)
    want = want or int(np.searchsorted(share, 0.9)) + 1
    assert Autoencoder(max_epochs=1, random_state=SEED).fit(X).latent_shape_ == (want,)


def test_without_a_word_it_is_between_two_and_sixty_four():
    line, ball = low_rank(60, 9, 1, 0.0, 0), np.random.default_rng(0).normal(size=(400, 90))
    assert Autoencoder(max_epochs=1).fit(line).latent_shape_ == (2,)
    assert Autoencoder(max_epochs=1).fit(ball).latent_shape_ == (64,)
