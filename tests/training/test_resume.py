"""A run that is stopped and goes on from its checkpoint ends with the same bits as one that never was: every type.

Types and noises are found by discovery: a new one is tested without a new test.
"""

import functools

import numpy as np
import pytest
from sklearn.utils import get_tags

import zandloper as zl
import zandloper.model.bottlenecks.topk
import zandloper.model.corruptions
from zandloper.autoencoders import quantized, sparse
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import ParameterError
from zandloper.model.corruptions import Noise
from zandloper.persistence.load import loadable
from zandloper.spec import discover
from zandloper.training import loop

TYPES = {
    name: kind
    for name, kind in loadable().items()
    if issubclass(kind, BaseAutoencoder) and kind is not BaseAutoencoder and kind.__module__.startswith("zandloper.")
}
NOISES = {name: part for name, part in discover(zandloper.model.corruptions).items() if issubclass(part, Noise)}
RECORDING = np.random.default_rng(0).normal(size=(30, 30))
# What a type can be told beside its defaults: each has state or random numbers of its own.
OPTIONS = {
    "SparseAutoencoder": [
        *({"method": method} for method in sparse.METHODS),
        {"method": "topk", "sparsity": 2, "dropout": 0.3},
    ],
    "DenoisingAutoencoder": [{"noise": [zl.noise.Poisson((5, 50)), zl.noise.Masking((0.1, 0.6))]}],
    "VariationalAutoencoder": [
        {"importance_samples": 3},
        {"free_bits": 0.2, "warmup": 0.7},
        {"prior": "normal"},
    ],
    "QuantizedAutoencoder": [*({"method": method, "codes": 64} for method in quantized.METHODS)],
}
RUNS = [
    pytest.param(kind, options, id=f"{name}-{'-'.join(map(str, options.values()))}")
    for name, kind in TYPES.items()
    for options in ({}, *OPTIONS.get(name, []))
]
EPOCHS, STEPS = 4, 6


class Stopped(Exception):
    pass


@pytest.fixture
def stop_at(monkeypatch):
    """The state is written after every step; before the write of the given number the run is stopped."""
    write, left = loop.Checkpoint.write, [0]

    def count(self, *state):
        if self.folder is not None:
            left[0] -= 1
            if left[0] == 0:
                raise Stopped
        write(self, *state)

    monkeypatch.setattr(loop.Checkpoint, "due", lambda self: self.folder is not None)
    monkeypatch.setattr(loop.Checkpoint, "write", count)
    return functools.partial(left.__setitem__, 0)


@pytest.fixture(autouse=True)
def soon_dead(monkeypatch):
    """Neurons are revived after two silent steps, so that short runs see it."""
    monkeypatch.setattr(zandloper.model.bottlenecks.topk, "DEAD_STEPS", 2)


def left_behind(model, X):
    """All that a fit leaves, to be compared bit for bit."""
    found = {k: v.numpy().tobytes() for k, v in model.module_.state_dict().items()}
    found |= {"history": repr(model.history_), "epochs": (model.n_epochs_, model.stopped_by_)}
    found |= {"latents": model.transform(X).tobytes(), "prediction": np.asarray(model.predict(X)).tobytes()}
    if hasattr(type(model), "sample"):
        found["sample"] = np.asarray(model.sample(3, random_state=0)).tobytes()
    return found


def check_resumed(kind, options, X, folder, stop_at):
    """The whole run beside one that is stopped within its first epoch, after its second, and within its third.

    The last fit begins where all training is done: so does a run that was stopped while its prior was fitted.
    """
    batch_size = -(-len(X) * 9 // 10 // STEPS)
    sizes = {"latent_dim": 8, "hidden": (12,), "max_epochs": EPOCHS, "batch_size": batch_size, "validation": 0.1}
    make = functools.partial(kind, **{**sizes, "patience": EPOCHS, "random_state": 3, **options})
    whole = left_behind(make().fit(X), X)
    for writes in (3, 9, 4):
        stop_at(writes + 1)
        with pytest.raises(Stopped):
            make(checkpoint=folder).fit(X)
    stop_at(0)
    for _ in range(2):
        model = make(checkpoint=folder).fit(X)
        found = left_behind(model, X)
        assert model.n_epochs_ == EPOCHS and [key for key in whole if found[key] != whole[key]] == []


@pytest.mark.parametrize("schema", ["table", "images"])
@pytest.mark.parametrize(("kind", "options"), RUNS)
def test_every_type_goes_on_to_the_same_end(kind, options, schema, table, images, tmp_path, stop_at):
    if schema == "images" and not get_tags(kind()).input_tags.three_d_array:
        pytest.skip("a type for tables alone")
    check_resumed(kind, options, table if schema == "table" else images, tmp_path, stop_at)


@pytest.mark.parametrize("name", NOISES)
def test_every_noise_goes_on_to_the_same_end(name, images, tmp_path, stop_at):
    examples = {
        "recorded": lambda part: part(RECORDING, level=0.2, many=False),
        "chain": lambda part: part(zl.noise.Blur()),
    }
    noise = examples.get(name, lambda part: part())(NOISES[name])
    check_resumed(zl.DenoisingAutoencoder, {"noise": noise}, images, tmp_path, stop_at)


@pytest.mark.filterwarnings("ignore:The noise that is added")  # noise as good as it can be found in dark images
def test_noise_that_was_learned_goes_on_too(images, tmp_path, stop_at):
    """What is found in noisy data is found again, and other noisy data make another run."""
    noisy = [zl.noise.Gaussian(sigma).apply(images, random_state=0) for sigma in (0.1, 0.3)]
    make = functools.partial(zl.DenoisingAutoencoder, 4, hidden=(8,), max_epochs=2, batch_size=9, random_state=0)
    whole = left_behind(make().fit(images, noisy=noisy[0]), images)
    stop_at(5)
    with pytest.raises(Stopped):
        make(checkpoint=tmp_path).fit(images, noisy=noisy[0])
    with pytest.raises(ParameterError, match="belongs to a run with other settings or data"):
        make(checkpoint=tmp_path).fit(images, noisy=noisy[1])
    assert left_behind(make(checkpoint=tmp_path).fit(images, noisy=noisy[0]), images) == whole
