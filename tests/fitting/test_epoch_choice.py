"""Small tables: every row is held out once, folds choose the number of epochs, all rows train."""

import numpy as np
import pytest
import torch
from sklearn import datasets
from sklearn.decomposition import PCA
from torch import nn

import zandloper as zl
from zandloper.errors import ParameterError
from zandloper.fitting import epoch_choice
from zandloper.fitting.epoch_choice import FOLDS, FoldBatch, Folds, FoldSource, deal, lengths
from zandloper.model.batch import Batch
from zandloper.training import checkpoint, loop
from zandloper.training.sources import ArraySource

SEED = 3


def low_rank(n, d, rank, noise, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d)) + noise * rng.normal(size=(n, d))


def bent(n, d, seed):
    t = np.random.default_rng(seed).uniform(-2, 2, n)
    return np.stack([np.cos(k * t + k) for k in range(d)], 1)


DATA = {
    "iris": lambda: datasets.load_iris().data,
    "wine": lambda: datasets.load_wine().data,
    "linnerud": lambda: datasets.load_linnerud().data,
    "bent": lambda: bent(200, 8, 0),
    "noise": lambda: np.random.default_rng(0).normal(size=(100, 6)),
    "low rank": lambda: low_rank(90, 12, 4, 0.0, 0),
    "wide": lambda: low_rank(24, 60, 5, 0.3, 2),
}


def fit(X, **settings):
    return zl.Autoencoder(**{"latent_dim": 2, "max_epochs": 12, "random_state": SEED, **settings}).fit(X)


def validation(model):
    return [entry["validation"] for entry in model.history_]


def out_of_fold_error_of_pca(X, latent_dim):
    """The mean over all rows of PCA's error on them, of components that the other folds gave."""
    X = (X - X.mean(0)) / np.where(np.ptp(X, axis=0) > 0, X.std(0), 1)
    total = 0.0
    for held in deal(len(X), SEED):
        rest = np.setdiff1d(np.arange(len(X)), held)
        pca = PCA(min(latent_dim, *X[rest].shape), svd_solver="full").fit(X[rest])
        total += ((pca.inverse_transform(pca.transform(X[held])) - X[held]) ** 2).mean(1).sum()
    return total / len(X)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("latent_dim", [1, 3])
def test_never_worse_than_pca_out_of_fold(name, latent_dim):
    X = DATA[name]()
    model = fit(X, latent_dim=latent_dim, loss="mse")
    errors = validation(model)
    assert errors[0] == pytest.approx(out_of_fold_error_of_pca(X, latent_dim), rel=1e-3, abs=1e-8)
    assert errors[-1] <= errors[0] and errors[-1] == np.nanmin(errors)
    assert np.isnan(errors[1:-1]).all() and all(np.isfinite(entry["train"]) for entry in model.history_[1:])
    assert [entry["epoch"] for entry in model.history_] == list(range(model.n_epochs_ + 1))


def test_where_nothing_is_gained_the_start_is_kept():
    """PCA rebuilds these exactly: nothing can be better."""
    X = low_rank(90, 12, 4, 0.0, 0)
    model = fit(X, latent_dim=4)
    assert model.n_epochs_ == 0 and model.stopped_by_ == "early_stopping" and len(model.history_) == 1
    np.testing.assert_allclose(model.predict(X), X, atol=1e-4)
    pca = PCA(4, whiten=True).fit_transform((X - X.mean(0)) / X.std(0))
    found = model.transform(X)
    np.testing.assert_allclose(np.abs(np.corrcoef(found.T, pca.T)[:4, 4:]), np.eye(4), atol=1e-2)
    assert "0 epochs" in str(model.describe())
    model.report(X), model.plot_architecture()


def test_all_rows_train():
    X = bent(200, 8, 0)
    model = fit(X)
    np.testing.assert_allclose(model.module_.scaler.mean.numpy(), X.mean(0), atol=1e-6)
    assert model.n_epochs_ > 0 and 1 - model.score(X) < 0.9 * (1 - fit(X, max_epochs=1, lr=1e-12).score(X))


def test_the_same_seed_gives_the_same_bits():
    X = bent(100, 5, 0)
    one, same, other = (fit(X, random_state=seed).predict(X) for seed in (0, 0, 1))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("X", "settings", "crossed"),
    [
        (bent(999, 5, 0), {}, True),
        (bent(1000, 5, 0), {}, False),
        (bent(6, 5, 0), {}, True),
        (bent(5, 5, 0), {}, False),
        (bent(100, 5, 0), {"validation": 0.1}, False),
        (bent(100, 5, 0), {"validation": 0}, False),
        (bent(100, 5, 0), {"validation": bent(9, 5, 1)}, False),
        (bent(100, 5, 0), {"max_minutes": 1.0}, False),
        (bent(200, 2, 0), {"modality": "series"}, False),
    ],
    ids=lambda v: str(v.shape) if isinstance(v, np.ndarray) else None,
)
def test_where_folds_choose(X, settings, crossed, monkeypatch):
    calls = []
    choose = epoch_choice.train_by_folds
    monkeypatch.setattr("zandloper.fitting.fit.train_by_folds", lambda *a, **k: calls.append(1) or choose(*a, **k))
    fit(X, max_epochs=1, **settings)
    assert len(calls) == crossed


def test_other_types_targets_conditions_and_own_nets(table):
    labels = np.repeat([0, 1], 100)
    for kind in (zl.SparseAutoencoder, zl.DenoisingAutoencoder, zl.VariationalAutoencoder, zl.QuantizedAutoencoder):
        model = kind(max_epochs=2, random_state=0).fit(table)
        assert np.isfinite(model.transform(table)).all()
    made = zl.VariationalAutoencoder(2, max_epochs=1).fit(table, condition=labels).sample(2, condition=[0])
    assert np.isfinite(made).all()
    zl.Autoencoder(target="y", max_epochs=2).fit(table, table[:, :2])
    own = nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5))
    before = {k: v.clone() for k, v in own.state_dict().items()}
    one, same = (fit(table, encoder=own, max_epochs=2).predict(table) for _ in range(2))
    assert np.array_equal(one, same) and all(torch.equal(v, before[k]) for k, v in own.state_dict().items())


def test_fine_tuning(table):
    start = fit(table)
    model = zl.Autoencoder(2, max_epochs=2, random_state=0).fit(table, init_from=start)
    assert validation(model)[0] == pytest.approx(start.reconstruction_error(table).mean(), rel=1e-4)


@pytest.mark.parametrize("crash", range(1, 60, 9))
def test_a_run_goes_on_in_whichever_part_it_was_stopped(tmp_path, monkeypatch, crash):
    X = bent(60, 5, 0)
    whole = fit(X, validation="auto")
    steps = []

    def every_step(self):
        return self.folder is not None

    monkeypatch.setattr(checkpoint.Checkpoint, "due", every_step)
    measure = loop._Run._validate

    def stop(*args, **settings):
        steps.append(1)
        if len(steps) == crash:
            raise KeyboardInterrupt
        return measure(*args, **settings)

    monkeypatch.setattr(loop._Run, "_validate", stop)
    try:
        fit(X, checkpoint=tmp_path / "run")
    except KeyboardInterrupt:
        steps = [0] * 1000
    model = fit(X, checkpoint=tmp_path / "run")
    assert np.array_equal(model.predict(X), whole.predict(X)) and repr(model.history_) == repr(whole.history_)
    assert (model.n_epochs_, model.stopped_by_) == (whole.n_epochs_, whole.stopped_by_)
    with pytest.raises(ParameterError, match="belongs to a run with other settings or data"):
        fit(X, checkpoint=tmp_path / "run", max_epochs=11)


def test_a_run_without_a_seed_goes_on(tmp_path):
    X = bent(60, 5, 0)
    one = fit(X, random_state=None, checkpoint=tmp_path / "run")
    same = fit(X, random_state=None, checkpoint=tmp_path / "run")
    assert np.array_equal(one.predict(X), same.predict(X))


def test_lengths_halve():
    assert lengths(100) == [100, 50, 25, 12] and lengths(11) == [11] and lengths(1) == [1] and lengths(13) == [13, 6]


def test_folds_hold_out_every_row_once():
    for rows in (6, 7, 8, 100):
        held = deal(rows, 0)
        assert len(held) == FOLDS and sorted(np.concatenate(held)) == list(range(rows))
        assert max(map(len, held)) - min(map(len, held)) <= 1


def test_a_step_has_a_batch_of_each_fold_and_scoring_each_row_once():
    raw = np.arange(40.0)[:, None]
    parts = [np.arange(0, 33), np.arange(1, 33), np.arange(8, 40)]
    source = FoldSource([ArraySource(raw, rows=part, batch_size=16) for part in parts])
    batches = list(source.epoch(0))
    assert source.steps == len(batches) == 3 and source.rows == 97
    for k, part in enumerate(parts):
        assert sorted(torch.cat([b.parts[k].x for b in batches]).flatten().tolist()) == part.tolist()
    blocks = list(source.in_order(20))
    assert [sum(p is not None for p in b.parts) for b in blocks] == [1] * 6
    assert sum(len(b.x) for b in blocks) == 97


def test_each_fold_learns_as_if_alone(table):
    """The value is a mean, so that histories compare; the gradients are those of each fold by itself."""
    members = [fit(table, random_state=seed, max_epochs=1).module_.train() for seed in (0, 1)]
    batches = tuple(Batch(torch.from_numpy(table[a : a + 50])) for a in (0, 50))
    alone = [member.loss(batch).total for member, batch in zip(members, batches)]
    wanted = [torch.autograd.grad(loss, member.decoder.parameters()) for loss, member in zip(alone, members)]
    together = Folds(members).loss(FoldBatch(batches)).total
    assert together.item() == pytest.approx(sum(loss.item() for loss in alone) / 2, rel=1e-5)
    found = torch.autograd.grad(together, [p for member in members for p in member.decoder.parameters()])
    for a, b in zip(found, [g for gradients in wanted for g in gradients]):
        torch.testing.assert_close(a, b)
