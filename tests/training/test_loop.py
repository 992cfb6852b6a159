"""Training: the same bits for the same seed, whatever happens on the way; guards, stops, checkpoints, fine-tuning.

Run as a program, this file is the run that a test kills again and again.
"""

import copy
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, ShuffleSplit
from torch import nn

from zandloper import Autoencoder
from zandloper.errors import DataError, FileError, ParameterError, TrainingError
from zandloper.training import loop, progress


def bits(model, X):
    """All that a fit leaves behind, to be compared bit for bit."""
    return {
        "weights": {k: v.numpy().tobytes() for k, v in model.module_.state_dict().items()},
        "history": repr(model.history_),
        "epochs": (model.n_epochs_, model.stopped_by_),
        "latents": model.transform(X).tobytes(),
        "prediction": np.asarray(model.predict(X)).tobytes(),
    }


def fit(X, **settings):
    settings = {"latent_dim": 2, "hidden": (8,), "max_epochs": 2, "random_state": 0, "validation": 0.1, **settings}
    return Autoencoder(**settings).fit(X)


def validation(model):
    return [entry["validation"] for entry in model.history_]


def rows_held(n, seed=0, share=0.1):
    return np.sort(np.random.default_rng(seed).permutation(n)[: round(share * n)])


def net(*sizes, dropout=0.0, seed=0):
    """A user's own net, its weights drawn without touching the global generator."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        parts = [nn.Linear(sizes[0], sizes[1]), nn.Tanh(), nn.Dropout(dropout), nn.Linear(sizes[1], sizes[2])]
    return nn.Sequential(*parts)


# --------------------------------------------------------------------------------------------------------------- exact


def test_the_same_seed_gives_the_same_bits(table):
    one, same, other = (bits(fit(table, random_state=seed), table) for seed in (7, 7, 8))
    assert one == same
    assert one["weights"] != other["weights"] and one["history"] != other["history"]


@pytest.mark.parametrize(
    "settings",
    [
        {"encoder": "conv2d"},
        {"encoder": "attention"},
        {"encoder": "attention", "precision": "bfloat16"},
        {"hidden": ()},
        {"activation": "tanh", "precision": "bfloat16"},
    ],
)
def test_the_same_seed_gives_the_same_bits_on_images(images, settings):
    one, same = (bits(fit(images, **{"hidden": (4, 6), **settings}), images) for _ in range(2))
    assert one == same


def test_a_second_fit_of_one_estimator_starts_anew(table):
    model = Autoencoder(2, hidden=(8,), max_epochs=2, random_state=0)
    assert bits(model.fit(table), table) == bits(model.fit(table), table)


def test_random_states_of_scikit_learn_are_understood(table):
    one, same, other = (bits(fit(table, random_state=np.random.RandomState(seed)), table) for seed in (5, 5, 6))
    assert one == same and one["weights"] != other["weights"]


def test_without_a_seed_every_fit_differs(table):
    one, other = (bits(fit(table, random_state=None), table)["weights"] for _ in range(2))
    assert one != other


def dropping():
    """Nets that draw from the global generator."""
    return {"encoder": net(6, 9, 5, dropout=0.5), "decoder": net(2, 9, 6, dropout=0.5, seed=1)}


@pytest.mark.parametrize("own", [dict, dropping], ids=["ours", "own"])
@pytest.mark.parametrize("seed", [0, None])
def test_global_random_states_are_left_alone(table, own, seed):
    def states():
        kind, keys, *rest = np.random.get_state()
        return torch.get_rng_state().tolist(), (kind, keys.tolist(), *rest), random.getstate()

    before = states()
    model = fit(table, random_state=seed, **own())
    model.transform(table), model.predict(table), model.score(table)
    assert states() == before


@pytest.mark.parametrize("share", [0.1, 0])
def test_global_random_states_do_not_matter(table, share):
    found = []
    with torch.random.fork_rng():
        for seed in (1, 2):
            torch.manual_seed(seed)
            np.random.seed(seed)
            random.seed(seed)
            found.append(bits(fit(table, validation=share, **dropping()), table))
    assert found[0] == found[1]


class Noise(nn.Module):
    """A user's corruption that draws from the global generator, in evaluation too."""

    def forward(self, x):
        return x + 0.3 * torch.randn_like(x)


def test_global_random_states_do_not_matter_to_own_noise(table):
    found = []
    with torch.random.fork_rng():
        for seed in (1, 2):
            torch.manual_seed(seed)
            found.append(bits(fit(table, corrupt=Noise()), table))
    assert found[0] == found[1]


class Look(nn.Module):
    """Keeps what it is asked to look at, on the class: an estimator may copy its parts."""

    seen: ClassVar[list] = []

    def forward(self, x):
        Look.seen.append((torch.get_num_threads(), self.training, x.dtype))
        return x


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_threads_are_put_back(table, two_threads):
    Look.seen.clear()
    model = fit(table, corrupt=Look())
    assert {threads for threads, trains, _ in Look.seen if trains} == {1}  # so small a net is fastest on one
    assert torch.get_num_threads() == 2
    model.predict(table)
    assert torch.get_num_threads() == 2
    with pytest.raises(ParameterError):
        fit(table, corrupt=nn.Linear(6, 5))
    assert torch.get_num_threads() == 2


def test_modules_end_in_evaluation_mode(table):
    Look.seen.clear()
    model = fit(table, corrupt=Look())
    assert not any(part.training for part in model.module_.modules())
    assert {training for _, training, _ in Look.seen} == {True, False}
    with torch.no_grad():
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.module_.parameters())


# ----------------------------------------------------------------------------------------------------- the best weights


@pytest.mark.filterwarnings("ignore:training diverged")
def test_epoch_zero_counts(table):
    """At a rate that ruins everything the start is what remains."""
    model = fit(table, lr=100.0, max_epochs=3)
    errors = validation(model)
    assert len(errors) == 4 and not any(error <= errors[0] for error in errors[1:])
    held = table[rows_held(200)]
    assert model.reconstruction_error(held).mean() == pytest.approx(errors[0], rel=1e-5)


@pytest.mark.trained
def test_the_best_epoch_is_kept():
    """Also where it is neither the first nor the last: noise is soon learned by heart."""
    X = np.random.default_rng(0).normal(size=(60, 8))
    settings = {"hidden": (64,), "lr": 0.01, "max_epochs": 40, "patience": 50, "linear_path": False, "latent_dim": 6}
    models = (fit(X, validation=0.3, random_state=seed, **settings) for seed in range(8))
    overfitted = (m for m in models if validation(m)[-1] > 1.01 * min(validation(m)))
    model = next(m for m in overfitted if np.argmin(validation(m)) > 0)
    errors = validation(model)
    held = X[rows_held(60, seed=model.random_state, share=0.3)]
    assert model.reconstruction_error(held).mean() == pytest.approx(min(errors), rel=1e-5)


class Recorder(torch.optim.Adam):
    """Remembers the weights after the last step."""

    last: ClassVar[list] = []

    def step(self, closure=None):
        super().step(closure)
        Recorder.last = sorted(p.detach().numpy().tobytes() for group in self.param_groups for p in group["params"])


@pytest.mark.filterwarnings("ignore:training diverged")
def test_without_validation_the_last_weights_are_kept(table):
    model = fit(table, validation=0, max_epochs=3, lr=0.1, optimizer=Recorder)
    assert sorted(p.detach().numpy().tobytes() for p in model.module_.parameters()) == Recorder.last
    assert all(math.isnan(error) for error in validation(model)) and model.stopped_by_ == "max_epochs"
    assert all(math.isfinite(entry["train"]) for entry in model.history_[1:])
    model = fit(table, validation=0.1, max_epochs=3, lr=100.0, optimizer=Recorder)  # unlike with rows that choose
    assert sorted(p.detach().numpy().tobytes() for p in model.module_.parameters()) != Recorder.last


def test_history_counts_epochs(table):
    model = fit(table, max_epochs=3)
    assert [entry["epoch"] for entry in model.history_] == [0, 1, 2, 3] and model.n_epochs_ == 3
    assert math.isnan(model.history_[0]["train"])
    assert all(math.isfinite(entry["train"]) for entry in model.history_[1:])
    assert all(set(entry) == {"epoch", "train", "validation"} for entry in model.history_)


@pytest.mark.trained
def test_the_loss_in_the_history_is_the_mean_over_elements(table):
    model = fit(table, lr=1e-12, max_epochs=1)
    held = rows_held(200)
    rest = np.setdiff1d(np.arange(200), held)
    assert model.history_[1]["train"] == pytest.approx(model.reconstruction_error(table[rest]).mean(), rel=0.02)
    assert model.history_[1]["validation"] == pytest.approx(model.reconstruction_error(table[held]).mean(), rel=1e-5)


def test_validation_data(table):
    model = fit(table[:150], validation=table[150:])
    assert min(validation(model)) == pytest.approx(model.reconstruction_error(table[150:]).mean(), rel=1e-5)
    # All 150 rows train: the start is their PCA.
    assert validation(model)[0] == validation(fit(table[:150], validation=table[150:], lr=1e-12))[0]
    mean = model.module_.scaler.mean.numpy()
    np.testing.assert_allclose(mean, table[:150].mean(0), rtol=1e-5, atol=1e-5)


def test_validation_frames_and_pairs(table):
    frame = pl.DataFrame(table, schema=[f"c{i}" for i in range(6)], orient="row")
    model = fit(frame[:150], validation=frame[150:])
    assert min(validation(model)) == pytest.approx(model.reconstruction_error(frame[150:]).mean(), rel=1e-5)
    y = table[:, :2]
    model = Autoencoder(2, hidden=(8,), target="y", max_epochs=2, validation=(table[150:], y[150:])).fit(
        table[:150], y[:150]
    )
    assert min(validation(model)) == pytest.approx(model.reconstruction_error(table[150:], y[150:]).mean(), rel=1e-5)


@pytest.mark.parametrize("splitter", [ShuffleSplit(3, test_size=0.3, random_state=1), KFold(4)])
def test_validation_by_a_splitter(table, splitter):
    train, held = next(splitter.split(table))
    model = fit(table, validation=splitter)
    assert min(validation(model)) == pytest.approx(model.reconstruction_error(table[held]).mean(), rel=1e-5)
    np.testing.assert_allclose(model.module_.scaler.mean.numpy(), table[train].mean(0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_validation_rows_train_nothing(table, share):
    """Rows that choose have no part in scaling, PCA or steps."""
    spoilt = table.copy()
    spoilt[rows_held(200, share=share)] *= 3
    one, other = (fit(X, validation=share, max_epochs=1, lr=1e-12) for X in (table, spoilt))
    for (name, a), b in zip(one.module_.state_dict().items(), other.module_.state_dict().values()):
        assert torch.equal(a, b), name
    assert validation(one)[0] != validation(other)[0]


# ---------------------------------------------------------------------------------------------------------------- stops


def test_max_epochs(table):
    model = fit(table, max_epochs=3)
    assert (model.n_epochs_, model.stopped_by_) == (3, "max_epochs")


def test_max_minutes(table):
    model = fit(table, max_epochs=10_000, max_minutes=1e-6)
    assert (model.n_epochs_, model.stopped_by_) == (1, "max_minutes")
    assert np.isfinite(model.predict(table)).all()


def test_early_stopping(table):
    model = fit(table, max_epochs=500, patience=3, lr=1e-12)  # nothing ever gets better
    assert (model.n_epochs_, model.stopped_by_) == (3, "early_stopping")
    model = fit(np.tile([1.0, 2.0, 3.0], (50, 1)), max_epochs=500, patience=2)  # nothing is left to gain
    assert (model.n_epochs_, model.stopped_by_) == (2, "early_stopping")


@pytest.mark.trained
def test_patience_counts_from_the_last_gain(table):
    model = fit(table, max_epochs=60, patience=4, lr=0.02, linear_path=False)
    assert model.stopped_by_ == "max_epochs" or model.n_epochs_ - int(np.argmin(validation(model))) >= 4
    assert int(np.argmin(validation(model))) > 4  # it went on while there was something to gain


# ----------------------------------------------------------------------------------------------------------- divergence


class Faulty(nn.Module):
    """The squared error, NaN in those of its training calls that `when` names."""

    def __init__(self, when):
        super().__init__()
        self.when, self.calls = when, 0

    def forward(self, params, target):
        trains = self.training and torch.is_grad_enabled()
        self.calls += trains
        error = (params - target).square()
        return error * math.nan if trains and self.when(self.calls) else error


class Fuse(nn.Module):
    """A linear layer that does something bad in the n-th of its training calls; counts on the class, past any copy."""

    calls, at, harm = 0, 0, None

    def __init__(self, inputs, outputs):
        super().__init__()
        self.layer = net(inputs, 8, outputs)

    def forward(self, x):
        out = self.layer(x)
        trains = self.training and torch.is_grad_enabled()
        Fuse.calls += trains
        return Fuse.harm(out) if trains and Fuse.calls == Fuse.at else out


@pytest.fixture
def fuse():
    """A fuse that blows in training call `at`, and what it does then."""

    def lay(at, harm, inputs=6, outputs=5):
        Fuse.calls, Fuse.at, Fuse.harm = 0, at, staticmethod(harm)
        return Fuse(inputs, outputs)

    yield lay
    Fuse.calls, Fuse.at, Fuse.harm = 0, 0, None


@pytest.mark.trained
def test_a_nan_is_survived_and_its_cause_named(table):
    part = Faulty(lambda call: call == 4)
    model = Autoencoder(2, hidden=(8,), loss=part, max_epochs=6, batch_size=60, validation=0.1, random_state=0)
    says = r"training diverged: the loss became nan \(validation nan\) in epoch 2 .* no longer finite are \w+.*0\.3 of"
    with pytest.warns(RuntimeWarning, match=says) as warned:
        model.fit(table)
    assert len(warned) == 1
    assert model.n_epochs_ == 6 and all(v.isfinite().all() for v in model.module_.state_dict().values())
    errors = validation(model)
    assert math.isnan(errors[2]) and all(map(math.isfinite, errors[:2] + errors[3:]))
    assert min(errors[3:]) < errors[1]  # it went on and got better
    held = table[rows_held(200)]
    assert model.reconstruction_error(held).mean() == pytest.approx(np.nanmin(errors), rel=1e-5)


class Spiky(Faulty):
    """The squared error, and a huge number that no weight moves in those of its training calls that `when` names."""

    def forward(self, params, target):
        trains = self.training and torch.is_grad_enabled()
        self.calls += trains
        return (params - target).square() + (1e6 if trains and self.when(self.calls) else 0.0)


@pytest.mark.trained
def test_an_extreme_row_is_no_divergence(table):
    """The mean over the training rows is huge, but what validates gets better and better."""
    part = Spiky(lambda call: call > 6)
    model = Autoencoder(2, hidden=(8,), loss=part, max_epochs=6, batch_size=60, validation=0.1, random_state=0)
    model.fit(table)  # no warning
    assert model.history_[-1]["train"] > 1e5 and validation(model)[-1] < validation(model)[1]


@pytest.mark.parametrize("share", [0.1, 0])
@pytest.mark.parametrize("at", [1, 3, 5, 6])
def test_a_nan_in_any_step_is_survived(table, fuse, at, share):
    part = fuse(at, lambda out: out * math.nan)
    with pytest.warns(RuntimeWarning, match="training diverged"):
        model = fit(table, encoder=part, max_epochs=2, batch_size=70, validation=share)
    assert Fuse.calls == 6
    assert np.isfinite(model.predict(table)).all()


@pytest.mark.parametrize("share", [0.1, 0])
@pytest.mark.parametrize("at", [1, 3, 6])
def test_a_gradient_of_nan_in_any_step_is_survived(table, fuse, at, share):
    """The loss of that step is finite: only the weights tell, at the end of all nobody looks at a loss again."""

    def harm(out):
        out.register_hook(lambda gradient: gradient * math.nan)
        return out

    part = fuse(at, harm)
    with pytest.warns(RuntimeWarning, match="training diverged"):
        model = fit(table, encoder=part, max_epochs=2, batch_size=70, validation=share)
    assert np.isfinite(model.predict(table)).all()


@pytest.mark.trained
def test_an_explosion_is_rolled_back(table, fuse):
    """Finite, but far above what it was: back to the best weights."""

    def harm(out):
        out.register_hook(lambda gradient: gradient + 1e4)
        return out

    part = fuse(4, harm)
    with pytest.warns(RuntimeWarning, match="training diverged: the loss became .* all weights are still finite"):
        model = fit(table, encoder=part, optimizer="sgd", lr=0.01, max_epochs=6, batch_size=60)
    assert model.score(table) > 0


@pytest.mark.parametrize(("max_epochs", "share"), [(30, 0.1), (30, 0), (1, 0), (2, 0)])
def test_a_loss_that_is_always_nan_is_an_error(table, max_epochs, share):
    settings = {"max_epochs": max_epochs, "validation": share, "random_state": 0}
    model = Autoencoder(2, hidden=(8,), loss=Faulty(lambda call: True), **settings)
    with pytest.raises(TrainingError, match=r"training diverged .* times: .*lower `lr`"), pytest.warns(RuntimeWarning):
        model.fit(table)
    assert not hasattr(model, "module_")


def test_a_start_that_validates_is_kept_whatever_comes(table):
    """With so few epochs it is not given up: what is returned was measured, and is what the warning says."""
    with pytest.warns(RuntimeWarning, match="Going on from the best weights"):
        model = fit(table, loss=Faulty(lambda call: True), max_epochs=2)
    held = table[rows_held(200)]
    assert model.reconstruction_error(held).mean() == pytest.approx(validation(model)[0], rel=1e-5)


def test_a_module_that_always_gives_nan_is_an_error(table):
    class Bad(nn.Module):
        def forward(self, x):
            return x * math.nan

    with pytest.raises(TrainingError), pytest.warns(RuntimeWarning):
        fit(table, encoder=Bad(), max_epochs=3)


# ------------------------------------------------------------------------------------------- optimizers, precision, bar


OPTIMIZERS = ["adam", "adamw", "sgd", torch.optim.RMSprop, torch.optim.NAdam]


@pytest.mark.trained
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: getattr(o, "__name__", o))
def test_optimizers(table, optimizer):
    model = fit(table, optimizer=optimizer, linear_path=False, max_epochs=6, lr=0.003)
    losses = [entry["train"] for entry in model.history_[1:]]
    assert losses[-1] < losses[0] and min(validation(model)) < validation(model)[0]
    assert bits(model, table) == bits(fit(table, optimizer=optimizer, linear_path=False, max_epochs=6, lr=0.003), table)


def test_optimizers_differ(table):
    found = {str(o): bits(fit(table, optimizer=o, weight_decay=0.1), table)["history"] for o in OPTIMIZERS}
    assert len(set(found.values())) == len(OPTIMIZERS)


@pytest.mark.trained
def test_weight_decay_shrinks(table):
    def size(decay):
        model = fit(table, weight_decay=decay, optimizer="adamw", max_epochs=10, linear_path=False, validation=0)
        return sum(float(p.detach().square().sum()) for p in model.module_.parameters())

    assert size(5.0) < 0.8 * size(0.0)


@pytest.mark.trained
def test_bfloat16(table):
    Look.seen.clear()
    model = fit(table, precision="bfloat16", corrupt=Look(), max_epochs=3)
    assert {p.dtype for p in model.module_.parameters()} == {torch.float32}
    assert model.predict(table).dtype == np.float32 and np.isfinite(model.predict(table)).all()
    full = fit(table, precision="float32", corrupt=Look(), max_epochs=3)
    assert bits(model, table)["weights"] != bits(full, table)["weights"]  # it did make a difference
    assert model.score(table) == pytest.approx(full.score(table), abs=0.05)


def test_the_batch_size_is_used(table):
    """Batches of an epoch differ by one row at most, and all rows take part."""
    sizes = []

    class Count(nn.Module):
        def forward(self, x):
            if self.training:
                sizes.append(len(x))
            return x

    fit(table, corrupt=Count(), batch_size=50, max_epochs=1)
    assert sizes == [45] * 4
    sizes.clear()
    fit(table, corrupt=Count(), batch_size=1000, max_epochs=1, validation=0)
    assert sizes == [200]


def test_every_epoch_has_an_order_of_its_own(table):
    orders = []

    class Order(nn.Module):
        def forward(self, x):
            if self.training:
                orders.append(x[:, 0].tolist())
            return x

    fit(table, corrupt=Order(), batch_size=1000, max_epochs=2)
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])


@pytest.mark.parametrize("verbose", [True, False, "auto"])
def test_a_progress_bar_on_long_work(table, capsys, monkeypatch, verbose):
    monkeypatch.setattr(progress, "SECONDS_BEFORE_BAR", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the error stream for a terminal
    fit(table, verbose=verbose, max_epochs=3)
    said = capsys.readouterr()
    assert said.out == ""
    assert ("training" in said.err) == (verbose is True)


# ---------------------------------------------------------------------------------------------------------- checkpoints


@pytest.fixture
def every_step(monkeypatch):
    """The state is written after every step."""
    monkeypatch.setattr(loop.Checkpoint, "due", lambda self: self.folder is not None)


def test_a_checkpoint_changes_nothing(table, tmp_path, every_step):
    plain = bits(fit(table), table)
    assert bits(fit(table, checkpoint=tmp_path / "run"), table) == plain
    assert bits(fit(table, checkpoint=str(tmp_path / "run")), table) == plain  # a finished run is not run again


class Blown(Exception):
    pass


def blow(out):
    raise Blown


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("at", [1, 2, 5, 6, 7, 12])
def test_an_interrupted_run_goes_on_to_the_same_end(table, tmp_path, every_step, fuse, at, optimizer):
    settings = {"max_epochs": 3, "batch_size": 50, "optimizer": optimizer}
    whole = bits(fit(table, encoder=fuse(0, None), **settings), table)
    with pytest.raises(Blown):
        fit(table, encoder=fuse(at, blow), checkpoint=tmp_path, **settings)
    model = fit(table, encoder=fuse(0, None), checkpoint=tmp_path, **settings)
    assert Fuse.calls == 12 - (at - 1)  # no step was taken twice
    assert bits(model, table) == whole


def test_interrupted_again_and_again(table, tmp_path, every_step, fuse):
    settings = {"max_epochs": 3, "batch_size": 50, "decoder": net(2, 9, 6, dropout=0.5)}
    whole = bits(fit(table, encoder=fuse(0, None), **copy.deepcopy(settings)), table)
    for at in (3, 2, 1, 4):
        with pytest.raises(Blown):
            fit(table, encoder=fuse(at, blow), checkpoint=tmp_path, **copy.deepcopy(settings))
    assert bits(fit(table, encoder=fuse(0, None), checkpoint=tmp_path, **copy.deepcopy(settings)), table) == whole


def test_a_run_that_diverged_is_resumed_as_well(table, tmp_path, every_step, fuse):
    settings = {"max_epochs": 4, "batch_size": 50, "loss": Faulty(lambda call: call == 5), "linear_path": False}
    with pytest.warns(RuntimeWarning, match="diverged"):
        whole = bits(fit(table, encoder=fuse(0, None), **copy.deepcopy(settings)), table)
    with pytest.raises(Blown), pytest.warns(RuntimeWarning, match="diverged"):
        fit(table, encoder=fuse(10, blow), checkpoint=tmp_path, **copy.deepcopy(settings))
    settings["loss"] = Faulty(lambda call: False)  # the call that failed is behind us
    assert bits(fit(table, encoder=fuse(0, None), checkpoint=tmp_path, **settings), table) == whole


def test_more_minutes_for_a_run_that_ran_out_of_them(table, tmp_path):
    first = fit(table, max_epochs=6, max_minutes=1e-6, checkpoint=tmp_path)
    assert first.stopped_by_ == "max_minutes"
    spent = fit(table, max_epochs=6, max_minutes=1e-6, checkpoint=tmp_path)
    assert spent.stopped_by_ == "max_minutes" and spent.n_epochs_ <= 2  # what was spent before counts
    more = fit(table, max_epochs=6, max_minutes=10, checkpoint=tmp_path)
    assert (more.stopped_by_, more.n_epochs_) == ("max_epochs", 6)


def test_early_stopping_is_remembered(table, tmp_path):
    settings = {"max_epochs": 500, "patience": 3, "lr": 1e-12, "checkpoint": tmp_path}
    first, again = fit(table, **settings), fit(table, **settings)
    assert again.stopped_by_ == "early_stopping" and bits(first, table) == bits(again, table)


@pytest.mark.parametrize("change", ["data", "dtype", "seed", "hidden", "lr", "max_epochs", "validation", "y"])
def test_a_checkpoint_of_another_run_is_refused(table, tmp_path, change):
    settings = {
        "latent_dim": 2,
        "hidden": (8,),
        "max_epochs": 2,
        "random_state": 0,
        "checkpoint": tmp_path,
        "target": "y",
        "validation": 0.1,
    }
    X, y = table.copy(), table[:, :1].copy()
    Autoencoder(**settings).fit(X, y)
    if change == "data":
        X[5, 2] += 1
    elif change == "y":
        y[7] += 1
    elif change == "dtype":
        X = X.astype(np.float64)
    else:
        settings |= {
            "seed": {"random_state": 1},
            "hidden": {"hidden": (9,)},
            "lr": {"lr": 0.1},
            "max_epochs": {"max_epochs": 3},
            "validation": {"validation": 0.2},
        }[change]
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(ParameterError, match=f"checkpoint {tmp_path} belongs to a run with other settings or data"):
        Autoencoder(**settings).fit(X, y)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("change", ["one row of validation data", "splitter", "own part", "start"])
def test_a_checkpoint_of_another_run_is_refused_however_small_the_difference(table, tmp_path, change):
    """What neither the data nor plain parameters tell."""
    held = np.tile(table, (2, 1))
    settings = {"checkpoint": tmp_path, "validation": held.copy(), "encoder": net(6, 9, 5)}
    fit(table, **copy.deepcopy(settings))
    start = None
    if change == "one row of validation data":
        settings["validation"][200, 3] += 1
    elif change == "splitter":
        settings["validation"] = KFold(3)
    elif change == "own part":
        settings["encoder"] = net(6, 9, 4)
    else:
        start = fit(table, encoder=net(6, 9, 5), lr=0.1)
    with pytest.raises(ParameterError, match="belongs to a run with other settings or data"):
        model = Autoencoder(**{"latent_dim": 2, "hidden": (8,), "max_epochs": 2, "random_state": 0, **settings})
        model.fit(table, init_from=start)


def test_a_run_without_a_seed_goes_on_as_well(table, tmp_path, every_step, fuse):
    """Its seed was drawn when it began; it is the checkpoint that remembers."""
    settings = {"max_epochs": 3, "batch_size": 50, "random_state": None, "checkpoint": tmp_path}
    with pytest.raises(Blown):
        fit(table, encoder=fuse(6, blow), **settings)
    model = fit(table, encoder=fuse(0, None), **settings)
    assert Fuse.calls == 12 - 5 and model.n_epochs_ == 3


def test_own_parts_need_not_come_with_the_same_weights(table, tmp_path, every_step, fuse):
    """They are in the checkpoint: a script that draws them anew goes on all the same."""
    settings = {"max_epochs": 3, "batch_size": 50}
    whole = bits(fit(table, encoder=fuse(0, None), decoder=net(2, 9, 6), **settings), table)
    with pytest.raises(Blown):
        fit(table, encoder=fuse(6, blow), decoder=net(2, 9, 6), checkpoint=tmp_path, **settings)
    model = fit(table, encoder=fuse(0, None), decoder=net(2, 9, 6, seed=4), checkpoint=tmp_path, **settings)
    assert bits(model, table) == whole


def damages(whole):
    return {
        "empty": b"",
        "cut off": whole[: len(whole) // 2],
        "one byte short": whole[:-1],
        "header": whole[:20] + bytes([whole[20] ^ 1]) + whole[21:],
        "one byte of a weight": whole[:-7] + bytes([whole[-7] ^ 1]) + whole[-6:],
        "foreign": b"PK\x03\x04" + whole,
    }


@pytest.mark.parametrize("damage", damages(bytes(50)))
def test_a_damaged_checkpoint_is_refused(table, tmp_path, damage):
    fit(table, checkpoint=tmp_path)
    file = tmp_path / "state.safetensors"
    file.write_bytes(damages(file.read_bytes())[damage])
    with pytest.raises(FileError, match=f"checkpoint {file} is damaged or foreign: .*; remove it to start anew"):
        fit(table, checkpoint=tmp_path)


def strict(text):
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("share", [0.1, 0])
def test_history_is_written_line_by_line(table, tmp_path, share):
    model = fit(table, checkpoint=tmp_path, max_epochs=3, validation=share)
    lines = [strict(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines][-3:] == [1, 2, 3]
    for line, entry in zip(lines[-3:], model.history_[1:]):
        assert line["train"] == entry["train"] and line["seconds"] >= 0
        assert line["validation"] == (entry["validation"] if share else None)


def test_a_nan_is_written_as_json_has_it(table, tmp_path):
    with pytest.warns(RuntimeWarning, match="diverged"):
        fit(table, loss=Faulty(lambda call: call == 1), checkpoint=tmp_path, max_epochs=3)
    lines = [strict(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["train"] is None for line in lines if line["epoch"] > 0] == [True, False, False]


def test_a_resumed_history_repeats_no_epoch(table, tmp_path, every_step, fuse, monkeypatch):
    settings = {"max_epochs": 4, "batch_size": 50, "checkpoint": tmp_path}
    writes = []
    monkeypatch.setattr(loop.Checkpoint, "due", lambda self: writes.append(0) or len(writes) < 6)
    with pytest.raises(Blown):
        fit(table, encoder=fuse(14, blow), **settings)  # the last state is two epochs old
    model = fit(table, encoder=fuse(0, None), **settings)
    lines = [strict(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines if line["epoch"] > 0] == [1, 2, 3, 4]
    assert [line["train"] for line in lines if line["epoch"] > 0] == [entry["train"] for entry in model.history_[1:]]


# The run that is killed: some seconds of work.


def long_run(checkpoint=None):
    rng = np.random.default_rng(5)
    X = np.tanh(rng.normal(size=(3000, 3)) @ rng.normal(size=(3, 12))) + 0.1 * rng.normal(size=(3000, 12))
    return X, Autoencoder(3, hidden=(48, 24), max_epochs=25, batch_size=32, random_state=2, checkpoint=checkpoint).fit(
        X
    )


def die_while_writing():
    """As if the power failed when the second state is on disk and not yet in its place."""
    replace, states = os.replace, []

    def fail(old, new):
        states.append(new)
        if len(states) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(old, new)

    os.replace = fail


def test_a_run_that_is_killed_again_and_again_ends_the_same(tmp_path):
    folder, result = tmp_path / "run", tmp_path / "result.json"
    state, moments, deaths = folder / "state.safetensors", np.random.default_rng(0), []
    for changes in ("while writing", 2, 1, None):  # killed by itself, after so many changes of the state, not at all
        run = subprocess.Popen([sys.executable, __file__, str(folder), str(result), str(changes)])
        try:
            seen = [_stamp(state)]
            while isinstance(changes, int) and run.poll() is None:
                if _stamp(state) != seen[-1]:
                    seen.append(_stamp(state))
                if len(seen) > changes:
                    time.sleep(moments.uniform(0, 0.02))
                    os.kill(run.pid, signal.SIGKILL)
                    break
                time.sleep(0.001)
            run.wait()
        finally:
            if run.poll() is None:
                run.kill()
                run.wait()
        deaths.append(-run.returncode)
    assert deaths == [signal.SIGKILL] * 3 + [0], "it was over before it could be killed"
    X, model = long_run()
    assert strict(result.read_text()) == _in_hex(bits(model, X))
    for line in (folder / "history.jsonl").read_text().splitlines():
        strict(line)
    assert {p.name for p in folder.iterdir()} == {"state.safetensors", "history.jsonl"}  # nothing half-written stays


def _stamp(path):
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return about.st_ino, about.st_mtime_ns


def _in_hex(found):
    return json.loads(json.dumps(found, default=bytes.hex))


# ---------------------------------------------------------------------------------------------------------- fine-tuning


def tuned(X, start, **settings):
    settings = {"latent_dim": 2, "hidden": (8,), "max_epochs": 2, "random_state": 0, "validation": 0.1, **settings}
    model = Autoencoder(**settings)
    return model.fit(X, init_from=start)


def test_fine_tuning_starts_where_the_model_ended(table):
    start = fit(table, max_epochs=5)
    model = tuned(table, start)
    assert validation(model)[0] == pytest.approx(min(validation(start)), rel=1e-6)
    assert min(validation(model)) <= validation(model)[0]


def test_fine_tuning_keeps_the_scale_and_leaves_the_model_alone(table):
    start = fit(table)
    before, other = bits(start, table), table[:80] * 2 + 1
    model = tuned(other, start, max_epochs=1, lr=1e-12)
    assert torch.equal(model.module_.scaler.mean, start.module_.scaler.mean)
    np.testing.assert_allclose(model.predict(other), start.predict(other), rtol=1e-3, atol=1e-4)
    tuned(other, start, max_epochs=3)
    assert bits(start, table) == before


def test_fine_tuning_knows_categories_by_name():
    """Whichever of them are common in the new data."""
    rng = np.random.default_rng(0)

    def frame(rates):
        kind = rng.choice(["a", "b", "c"], 200, p=rates)
        return pl.DataFrame({"kind": kind, "size": rng.normal(size=200) + (kind == "a") * 3 - (kind == "c") * 3})

    old, new = frame([0.6, 0.3, 0.1]), frame([0.1, 0.3, 0.6])
    start = fit(old, max_epochs=5)
    model = tuned(new, start, max_epochs=1, lr=1e-12)
    assert np.array_equal(model.predict(new)["kind"], start.predict(new)["kind"])
    held = new[rows_held(200).tolist()]
    assert validation(model)[0] == pytest.approx(start.reconstruction_error(held).mean(), rel=1e-5)


def test_fine_tuning_knows_columns_by_name(table):
    frame = pl.DataFrame(table, schema=list("abcdef"), orient="row")
    start = fit(frame, max_epochs=5)
    turned = frame.select(list("fedcba"))
    try:
        model = tuned(turned, start, max_epochs=1, lr=1e-12)
    except DataError as error:
        assert "feature names" in str(error)  # refused, as scikit-learn refuses them at `transform`
    else:
        assert validation(model)[0] == pytest.approx(min(validation(start)), rel=1e-4)


@pytest.mark.parametrize("other", [{"latent_dim": 3}, {"hidden": (9,)}, {"hidden": (8, 8)}, {"linear_path": False}])
def test_fine_tuning_wants_the_same_shapes(table, other):
    start = fit(table)
    with pytest.raises(ParameterError, match=r"init_from has nets of other shapes \(first at \w+.*same latent_dim"):
        tuned(table, start, **other)
    with pytest.raises((ParameterError, DataError), match=r"init_from|fitted|expecting 6 features"):
        tuned(table[:, :5], start)


def test_fine_tuning_wants_a_fitted_model(table):
    with pytest.raises(NotFittedError):
        tuned(table, Autoencoder())


# ------------------------------------------------------------------------------------------------------------ own parts


class Nonnegative(nn.Module):
    """A bottleneck of a shape of its own, with a cost."""

    def __init__(self, neck):
        super().__init__()
        self.head = net(neck, 8, 6)

    def forward(self, neck):
        z = self.head(neck).exp().reshape(-1, 2, 3)
        return z, 1e-3 * z.flatten(1).sum(1)


def own_parts():
    return {
        "encoder": net(6, 9, 5, dropout=0.2),
        "decoder": nn.Sequential(nn.Flatten(), net(6, 9, 6, dropout=0.2, seed=1)),
        "loss": nn.HuberLoss(reduction="none"),
        "corrupt": nn.Dropout(0.1),
        "bottleneck": Nonnegative(5),
    }


@pytest.mark.trained
def test_own_parts_in_every_slot(table):
    one, same = (bits(fit(table, max_epochs=3, **own_parts()), table) for _ in range(2))
    assert one == same
    model = fit(table, max_epochs=30, lr=0.01, **own_parts())
    assert model.latent_shape_ == (2, 3) and model.transform(table).shape == (200, 6)
    assert (model.transform(table) >= 0).all()
    assert model.score(table) > 0.2
    assert model.inverse_transform(model.transform(table)).shape == (200, 6)
    about = model.describe()
    assert about.loss == "HuberLoss" and not about.linear_path and "own module" in about.layers


@pytest.mark.parametrize("slot", ["encoder", "decoder", "loss", "corrupt", "bottleneck"])
def test_one_own_part_beside_ours(table, slot):
    part = {**own_parts(), "decoder": net(2, 9, 6), "bottleneck": Nonnegative(8)}[slot]
    model = fit(table, **{slot: part})
    assert np.isfinite(model.predict(table)).all()
    if slot == "encoder":
        assert model.describe().linear_path  # which does not need to know the net


def test_own_parts_come_trained_and_stay_as_they_are(table):
    """A fit starts from the weights that a module came with, and trains a copy: parameters are only stored."""
    part = net(6, 9, 5)
    before = copy.deepcopy(part.state_dict())
    model = Autoencoder(2, encoder=part, max_epochs=1, lr=1e-12, random_state=0).fit(table)
    ours = [v for k, v in model.module_.state_dict().items() if k.startswith("encoder.")]
    for mine, theirs in zip(ours, before.values()):
        torch.testing.assert_close(mine, theirs)
    model = Autoencoder(2, encoder=part, max_epochs=2, random_state=0)
    one = bits(model.fit(table), table)
    assert all(torch.equal(part.state_dict()[k], before[k]) for k in before)
    assert bits(model.fit(table), table) == one
    assert model.encoder is part and part.training


def test_frozen_weights_stay(table):
    part = net(6, 9, 5)
    part[0].requires_grad_(False)
    model = fit(table, encoder=part)
    state = model.module_.state_dict()
    weights = [v for k, v in state.items() if k.startswith("encoder.") and k.endswith(".0.weight")]
    assert len(weights) == 1 and torch.equal(weights[0], part[0].weight)


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Scalar(nn.Module):
    def forward(self, *inputs):
        return inputs[0].sum()


class CostOfAll(nn.Module):
    """A cost that is no cost per sample."""

    def forward(self, neck):
        return neck, neck.square().mean()


@pytest.mark.parametrize(
    ("slot", "part", "says"),
    [
        ("encoder", nn.Linear(5, 4), r"the module given as `encoder` fails on input of shape \(2, 6\): "),
        ("encoder", Pair(), "the module given as `encoder` must"),
        ("encoder", Scalar(), "the module given as `encoder` must"),
        ("decoder", nn.Linear(3, 6), r"the module given as `decoder` fails on input of shape \(2, 2\): "),
        ("decoder", nn.Linear(2, 5), r"the module given as `decoder` must give 6 values a sample .*, got 5"),
        ("decoder", Scalar(), "the module given as `decoder` must"),
        ("bottleneck", nn.Linear(9, 4), r"the module given as `bottleneck` fails on input of shape \(2, 8\): "),
        ("bottleneck", Scalar(), "the module given as `bottleneck` must"),
        ("bottleneck", CostOfAll(), "the module given as `bottleneck` must"),
        ("loss", nn.MSELoss(), r"the module given as `loss` must give one error per element.*reduction='none'"),
        ("loss", nn.Linear(6, 6), r"the module given as `loss` fails on input of shape \(2, 6\), \(2, 6\): "),
        ("corrupt", nn.Linear(6, 5), r"the module given as `corrupt` must keep the shape \(\d*, ?6\), got \(\d*, ?5\)"),
        ("corrupt", nn.Linear(5, 5), "the module given as `corrupt` fails on input of shape"),
        ("corrupt", Pair(), "the module given as `corrupt` must"),
    ],
)
def test_own_parts_of_wrong_shapes_are_refused(table, slot, part, says):
    with pytest.raises(ParameterError, match=says):
        fit(table, **{slot: part})


if __name__ == "__main__":
    if sys.argv[3] == "while writing":
        die_while_writing()
    X, model = long_run(sys.argv[1])
    Path(sys.argv[2]).write_text(json.dumps(_in_hex(bits(model, X))))
