"""The sparse, variational and quantised types: what each promises beside the manners that all estimators share."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import zandloper as zl
import zandloper.prior
from zandloper.batch import Batch
from zandloper.bottleneck.l1 import L1
from zandloper.bottleneck.topk import DEAD_STEPS, TopK
from zandloper.bottleneck.variational import kl_divergence, log_normal
from zandloper.bottleneck.vq import VQ
from zandloper.errors import DataError, ParameterError, UnsupportedError
from zandloper.hourglass import importance_weighted
from zandloper.layers import initialise
from zandloper.prior.autoregressive import Autoregressive
from zandloper.prior.mixture import Mixture
from zandloper.spec import build_spec, discover

DIGITS = (load_digits().images * 15).astype(np.uint8)[:400]
QUICK = {"max_epochs": 3, "hidden": (32,), "random_state": 0}


# ------------------------------------------------------------------------------------------------------------- sparse


@pytest.mark.parametrize("method", ["topk", "l1", "kl", "dropout"])
def test_sparse_codes_are_wide_and_never_negative(method):
    model = zl.SparseAutoencoder(method=method, **QUICK).fit(DIGITS)
    z = model.transform(DIGITS)
    assert z.shape == (400, 128) and z.min() >= 0
    assert model.describe().shape.endswith("overcomplete") and not model.describe().linear_path
    activity = model.activity(DIGITS)
    assert activity.mean == activity.per_row.mean() and len(activity.rate) == 128
    assert len(activity.plot().axes) == 2 and "active per sample" in str(activity)


def test_topk_lets_k_speak():
    model = zl.SparseAutoencoder(sparsity=5, **QUICK).fit(DIGITS)
    assert model.activity(DIGITS).per_row.max() == 5
    assert zl.SparseAutoencoder(sparsity=0.25, **QUICK).fit(DIGITS).activity(DIGITS).per_row.max() <= 32


def test_topk_brings_dead_neurons_back():
    part = TopK(sparsity=2).build(3, 8)
    initialise(part, torch.Generator().manual_seed(0))
    with torch.no_grad():
        part.head.bias[5] = -50.0
    part.train()
    neck = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
    assert part(neck).cost is None
    for _ in range(DEAD_STEPS):
        part(neck)
    code = part(neck)
    code.cost.sum().backward()
    assert code.cost.min() > 0
    assert part.head.bias.grad[5] < 0  # a step downhill raises it
    part.eval()
    assert part(neck).cost is None


@pytest.mark.parametrize("method", ["l1", "dropout"])
def test_few_neurons_die_early(method):
    """Against a random decoder, or a cost at full weight at once, most of the code would be silenced at the start."""
    settings = QUICK | {"hidden": (), "max_epochs": 30}
    model = zl.SparseAutoencoder(method=method, **settings).fit(DIGITS)
    assert len(model.activity(DIGITS).dead) < 128 / 3


def test_sparse_types_begin_with_the_mean():
    model = zl.SparseAutoencoder(method="topk", **QUICK).fit(DIGITS)
    start, natural = model.history_[0]["validation"], model.module_.natural_loss
    assert start == pytest.approx(natural, rel=0.1)  # that of the training rows, measured on others


def test_the_l1_cost_rises_to_full_weight():
    part = L1(sparsity=0.5).build(3, 8)
    initialise(part, torch.Generator().manual_seed(0))
    neck = torch.randn(16, 3, generator=torch.Generator().manual_seed(1))
    full = 0.5 * part(neck).z.sum(1)
    for progress, weight in {0.0: 0.0, 0.15: 0.5, 0.3: 1.0, 1.0: 1.0}.items():
        torch.testing.assert_close(part(neck, progress=progress).cost, weight * full)


def test_sparser_at_a_smaller_rate():
    busy = [
        zl.SparseAutoencoder(method="kl", sparsity=rate, **QUICK | {"max_epochs": 8})
        .fit(DIGITS)
        .transform(DIGITS)
        .mean()
        for rate in (0.05, 0.3)
    ]
    assert busy[0] < busy[1]


@pytest.mark.parametrize("method", ["topk", "kl"])
def test_features_are_what_units_add(method):
    """A decoder without hidden layers adds up one picture a neuron: a column of its weights, as loud as it speaks."""
    grey = (0.45 + DIGITS / 2550).astype(np.float32)  # far from black and white, where pixels are cut off
    model = zl.SparseAutoencoder(method=method, modality="image", **QUICK | {"hidden": ()}).fit(grey)
    pictures, neurons = model.features(grey, n=128)
    assert pictures.shape == (128, 8, 8, 1) and sorted(neurons) == list(range(128))
    rate = model.activity(grey).rate[neurons]
    assert (np.diff(rate) <= 0).all()
    z = model.transform(grey)
    j = neurons[0]
    loud = np.quantile(z[:, j][z[:, j] > (0.1 if method == "kl" else 0)], 0.9)
    weights = model.module_.decoder.layers[-1].weight[:, j].detach().numpy()
    scale = float(model.module_.target_spread)
    np.testing.assert_allclose(pictures[0].ravel(), loud * weights * scale, atol=1e-4)


def test_features_are_drawn_for_images_alone():
    model = zl.SparseAutoencoder(**QUICK).fit(DIGITS)
    assert len(model.plot_features(DIGITS, n=9).axes) == 9
    with pytest.raises(ParameterError, match="`n` of features must be a positive integer, got 0"):
        model.plot_features(DIGITS, n=0)
    table = zl.SparseAutoencoder(**QUICK).fit(DIGITS.reshape(400, -1).astype(float))
    with pytest.raises(UnsupportedError, match="table"):
        table.plot_features(DIGITS)


@pytest.mark.parametrize(
    ("name", "value"), [("method", "l2"), ("sparsity", 0), ("sparsity", -1.0), ("dropout", 1.0), ("sparsity", "very")]
)
def test_sparse_parameters(name, value):
    with pytest.raises(ParameterError, match=f"`{name}` of SparseAutoencoder"):
        zl.SparseAutoencoder(**{name: value}, **QUICK).fit(DIGITS)


# -------------------------------------------------------------------------------------------------------- variational


def test_the_divergence_is_the_expected_log_ratio():
    mean, log_variance = torch.tensor([[0.7, -1.2]]), torch.tensor([[-0.5, 0.3]])
    noise = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    z = mean + noise * torch.exp(0.5 * log_variance)
    ratio = (log_normal(z, mean, log_variance) - log_normal(z)).mean()
    torch.testing.assert_close(kl_divergence(mean, log_variance).sum(), ratio, atol=0.01, rtol=0)


def test_more_draws_give_a_tighter_bound():
    losses = torch.randn(50, 8, generator=torch.Generator().manual_seed(0)) * 3
    one, eight = losses.mean(1), importance_weighted(losses.flatten(), 8)
    assert bool((eight <= one + 1e-6).all())
    torch.testing.assert_close(importance_weighted(losses[:, :1].flatten(), 1), losses[:, 0])


@pytest.fixture(scope="module")
def variational():
    return zl.VariationalAutoencoder(latent_dim=4, **QUICK | {"max_epochs": 12}).fit(DIGITS)


def test_scores_are_bounds_and_deterministic(variational):
    bound, better = variational.elbo(DIGITS[:50]), variational.log_likelihood(DIGITS[:50], n_samples=512)
    assert np.array_equal(bound, variational.elbo(DIGITS[:50]))
    assert np.array_equal(bound[7:9], variational.elbo(DIGITS[7:9]))
    assert variational.score(DIGITS[:50]) == bound.mean()
    assert better.mean() > bound.mean()


def test_the_elbo_of_a_known_model():
    """With a silent decoder and a posterior equal to the prior, the bound is the likelihood of the constant."""
    X = (np.random.default_rng(0).random((200, 6)) < 0.3).astype(float)
    model = zl.VariationalAutoencoder(latent_dim=2, linear_path=False, loss="bce", **QUICK).fit(X)
    net = model.module_
    with torch.no_grad():
        for part in (net.bottleneck.head, net.bottleneck.spread, net.decoder.layers[-1]):
            part.weight.zero_()
            part.bias.zero_()
    p = torch.sigmoid(net.constant).numpy()
    wanted = (X * np.log(p) + (1 - X) * np.log(1 - p)).sum(1)
    np.testing.assert_allclose(model.elbo(X), wanted, rtol=1e-5)
    np.testing.assert_allclose(model.log_likelihood(X, n_samples=16), wanted, rtol=1e-5)


def test_samples_have_the_form_of_the_data(variational, tmp_path):
    new = variational.sample(5, random_state=1)
    assert new.shape == (5, 8, 8) and new.dtype == np.uint8
    assert np.array_equal(new, variational.sample(5, random_state=1))
    assert not np.array_equal(new, variational.sample(5, random_state=2))
    like = variational.sample(3, like=DIGITS[:2], random_state=1)
    own = [np.abs(like[i * 3 : i * 3 + 3].astype(float) - DIGITS[i]).mean() for i in (0, 1)]
    crossed = [np.abs(like[i * 3 : i * 3 + 3].astype(float) - DIGITS[1 - i]).mean() for i in (0, 1)]
    assert sum(own) < sum(crossed)
    variational.save(tmp_path / "model")
    assert np.array_equal(zl.load(tmp_path / "model").sample(5, random_state=1), new)
    morph = variational.interpolate(DIGITS[:1], DIGITS[1:2], steps=5)
    assert np.array_equal(morph[[0]], variational.predict(DIGITS[:1])) and len(morph) == 5


def test_usage_and_collapse(variational):
    usage = variational.latent_usage(DIGITS)
    assert usage.kl.shape == (4,) and usage.kl.min() >= 0 and "nats" in str(usage)
    with pytest.warns(RuntimeWarning, match="collapsed.*beta"):
        slow = QUICK | {"max_epochs": 40}
        zl.VariationalAutoencoder(latent_dim=2, beta=1e4, warmup=0.0, linear_path=False, **slow).fit(DIGITS)


def test_grey_cross_entropy_is_no_likelihood():
    model = zl.VariationalAutoencoder(latent_dim=2, loss="bce", **QUICK).fit(DIGITS)
    assert np.isfinite(model.score(DIGITS))
    with pytest.raises(UnsupportedError, match="binarise"):
        model.log_likelihood(DIGITS[:5])


@pytest.mark.parametrize("loss", ["gaussian", "discretised", "bce", "mse"])
def test_likelihoods_of_images(loss):
    assert np.isfinite(zl.VariationalAutoencoder(latent_dim=2, loss=loss, **QUICK).fit(DIGITS).score(DIGITS))


@pytest.mark.parametrize(
    "settings", [{"importance_samples": 3}, {"free_bits": 0.2}, {"warmup": 0.0}, {"prior": "normal"}]
)
def test_variational_settings(settings):
    model = zl.VariationalAutoencoder(latent_dim=3, **settings, **QUICK).fit(DIGITS)
    assert np.isfinite(model.score(DIGITS)) and model.sample(2, random_state=0).shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beta", -1),
        ("warmup", 2),
        ("free_bits", "a"),
        ("importance_samples", 0),
        ("prior", "flat"),
        ("prior", "autoregressive"),
        ("prior", Autoregressive()),
    ],
)
def test_variational_parameters(name, value):
    with pytest.raises(ParameterError, match=f"`{name}` of VariationalAutoencoder"):
        zl.VariationalAutoencoder(**{name: value}, **QUICK).fit(DIGITS)


def test_the_plain_type_has_nothing_to_sample_from():
    with pytest.raises(UnsupportedError, match="variational"):
        zl.Autoencoder(**QUICK).fit(DIGITS).sample(1)


# ---------------------------------------------------------------------------------------------------------- quantised


@pytest.mark.parametrize("method", ["vq", "fsq"])
def test_symbols_there_and_back(method, tmp_path):
    model = zl.QuantizedAutoencoder(method=method, codes=16, levels=(4, 3), latent_dim=5, **QUICK).fit(DIGITS)
    symbols = model.encode_symbols(DIGITS)
    number = {"vq": 16, "fsq": 12}[method]
    assert symbols.shape == (400, 5) and symbols.dtype.kind == "i" and symbols.min() >= 0 and symbols.max() < number
    assert np.array_equal(model.decode_symbols(symbols), model.predict(DIGITS))
    usage = model.code_usage(DIGITS)
    assert usage.counts.sum() == 2000 and 1 <= usage.perplexity <= number and "perplexity" in str(usage)
    new = model.sample(3, random_state=0)
    assert new.shape == (3, 8, 8) and np.array_equal(new, model.sample(3, random_state=0))
    model.save(tmp_path / "model")
    again = zl.load(tmp_path / "model")
    assert np.array_equal(again.sample(3, random_state=0), new) and np.array_equal(
        again.encode_symbols(DIGITS), symbols
    )
    for bad in (symbols[:, :4], symbols + number, symbols.astype(float)):
        with pytest.raises(DataError, match="encode_symbols"):
            model.decode_symbols(bad)


def test_the_book_does_not_collapse():
    """From a start where one code takes all, codes without use are moved to where data are."""
    part = VQ(codes=8, code_dim=2).build(2, 1)
    with torch.no_grad():
        part.head.weight.copy_(torch.eye(2))
        part.head.bias.zero_()
        part.book.fill_(100.0)
        part.book[0] = 0.0
        part.started.fill_(1.0)
        part.sums.copy_(part.book)
    part.train()
    rng = torch.Generator().manual_seed(0)
    for _ in range(200):
        part(torch.randn(64, 2, generator=rng), rng=rng)
    chosen = part.eval().symbols(torch.randn(1000, 2, generator=rng))
    assert len(chosen.unique()) == 8


@pytest.mark.parametrize(("name", "value"), [("method", "pq"), ("codes", 1), ("code_dim", 0)])
def test_quantised_parameters(name, value):
    with pytest.raises(ParameterError, match=f"`{name}` of QuantizedAutoencoder"):
        zl.QuantizedAutoencoder(**{name: value}, **QUICK).fit(DIGITS)


# ------------------------------------------------------------------------------------------------------------- priors


@pytest.mark.parametrize("spec", [s() for s in discover(zandloper.prior).values()], ids=lambda s: s.name)
def test_priors_keep_their_contract(spec):
    assert build_spec(zandloper.prior, json.loads(json.dumps(spec.to_dict()))) == spec
    part, rng = spec.build(3), torch.Generator().manual_seed(0)
    initialise(part, rng)
    codes = torch.randn(200, 3, generator=rng)
    part.learn(codes, rng)
    one, two = (part.sample(6, torch.Generator().manual_seed(5)) for _ in range(2))
    assert one.shape == (6, 3) and torch.equal(one, two)
    assert part.log_prob(one).shape == (6,) and bool(part.log_prob(one).isfinite().all())


def test_the_mixture_finds_two_heaps():
    rng = torch.Generator().manual_seed(0)
    codes = torch.cat([torch.randn(500, 2, generator=rng) * 0.1 + at for at in (-3.0, 3.0)])
    part = Mixture(components=2).build(2)
    part.learn(codes, rng)
    assert sorted(part.means[:, 0].round().tolist()) == [-3.0, 3.0]
    assert part.log_prob(torch.zeros(1, 2)) < part.log_prob(torch.full((1, 2), 3.0)) - 50


def test_the_autoregressive_prior_looks_back_only():
    part, rng = Autoregressive(vocabulary=5).build(4), torch.Generator().manual_seed(0)
    initialise(part, rng)
    part.start(rng)
    a, b = torch.tensor([[0, 1, 2, 3]]), torch.tensor([[0, 1, 4, 3]])
    torch.testing.assert_close(part(a)[:, :3], part(b)[:, :3])
    assert not torch.allclose(part(a)[:, 3], part(b)[:, 3])
    torch.testing.assert_close(part.loss(Batch(a)).total, -part.log_prob(a).mean() / 4)
