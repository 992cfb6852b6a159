"""The sparse, variational and quantized types: what each promises beside the manners that all estimators share."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import zandloper as zl
import zandloper.model.priors
from zandloper.errors import DataError, ParameterError, UnsupportedError
from zandloper.model.batch import Batch
from zandloper.model.bottlenecks.l1 import L1
from zandloper.model.bottlenecks.topk import DEAD_STEPS, TopK
from zandloper.model.bottlenecks.variational import kl_divergence, log_normal
from zandloper.model.bottlenecks.vq import VQ
from zandloper.model.hourglass import importance_weighted
from zandloper.model.layers.layers import initialize
from zandloper.model.priors.autoregressive import Autoregressive
from zandloper.model.priors.mixture import Mixture
from zandloper.spec import build_spec, discover

DIGITS = (load_digits().images * 15).astype(np.uint8)[:400]
QUICK = {"max_epochs": 3, "hidden": (32,), "random_state": 0}


def labels(ticks):
    return [tick.get_text() for tick in ticks]


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("Autoencoder", {}, {}),
        ("SparseAutoencoder", {"method": "l1"}, {"bottleneck": "L1(sparsity=0.1, dropout=0.0)"}),
        ("DenoisingAutoencoder", {"noise": zl.noise.Poisson(9)}, {"noise": "Poisson(peak=9.0)"}),
        ("VariationalAutoencoder", {"beta": 2, "prior": "normal"}, {"bottleneck": "beta=2.0", "prior": "Normal()"}),
        ("QuantizedAutoencoder", {"codes": 8}, {"bottleneck": "VQ(codes=8", "prior": "vocabulary=8"}),
    ],
)
def test_types_are_described_with_what_they_came_to(kind, settings, said, tmp_path):
    about = getattr(zl, kind)(latent_dim=3, **settings, **QUICK | {"max_epochs": 1}).fit(DIGITS).describe()
    for slot in ("bottleneck", "noise", "prior"):
        words = getattr(about, slot)
        assert said[slot] in words if slot in said else words == ""
        assert (f"  {slot:<12s} {words}" in str(about)) == (slot in said)


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


@pytest.mark.trained
def test_topk_lets_k_speak():
    model = zl.SparseAutoencoder(sparsity=5, **QUICK).fit(DIGITS)
    assert model.activity(DIGITS).per_row.max() == 5
    assert zl.SparseAutoencoder(sparsity=0.25, **QUICK).fit(DIGITS).activity(DIGITS).per_row.max() <= 32


def test_topk_brings_dead_neurons_back():
    part = TopK(sparsity=2).build(3, 8)
    initialize(part, torch.Generator().manual_seed(0))
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


@pytest.mark.trained
def test_sparse_types_begin_with_the_mean():
    model = zl.SparseAutoencoder(method="topk", **QUICK).fit(DIGITS)
    start, natural = model.history_[0]["validation"], model.module_.baseline_loss
    assert start == pytest.approx(natural, rel=0.1)  # that of the training rows, measured on others


def test_the_l1_cost_rises_to_full_weight():
    part = L1(sparsity=0.5).build(3, 8)
    initialize(part, torch.Generator().manual_seed(0))
    neck = torch.randn(16, 3, generator=torch.Generator().manual_seed(1))
    full = 0.5 * part(neck).z.sum(1)
    for progress, weight in {0.0: 0.0, 0.15: 0.5, 0.3: 1.0, 1.0: 1.0}.items():
        torch.testing.assert_close(part(neck, progress=progress).cost, weight * full)


@pytest.mark.trained
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
def test_features_are_what_a_neuron_adds(method):
    """With a linear decoder that is its column of weights, as loud as it is on its loudest tenth."""
    X = DIGITS.reshape(400, -1).astype(float)
    model = zl.SparseAutoencoder(method=method, loss="mse", **QUICK | {"hidden": ()}).fit(X)
    found = model.plot_features(X, n=5).axes[0]
    busiest = np.argsort(-model.activity(X).rate, kind="stable")[:5]
    assert labels(found.get_xticklabels()) == [str(j) for j in busiest]
    names = labels(found.get_yticklabels())
    z, drawn = model.transform(X), found.images[0].get_array()
    weight = next(p for n, p in model.module_.decoder.named_parameters() if n.endswith("weight")).detach().numpy()
    for column, j in zip(np.asarray(drawn).T, busiest):
        loud = np.quantile(z[z[:, j] > 0, j], 0.9)
        wanted = [loud * weight[int(name[1:]), j] for name in names]
        np.testing.assert_allclose(column, wanted, rtol=1e-3, atol=1e-4)


def test_features_of_images_are_a_grid():
    model = zl.SparseAutoencoder(**QUICK).fit(DIGITS)
    sheet = model.plot_features(DIGITS, n=9).axes[0].images[0].get_array()
    assert sheet.shape == (3 * 8 + 2, 3 * 8 + 2, 4)
    assert model.plot_features(DIGITS, n=8, across=4).axes[0].images[0].get_array().shape == (17, 35, 4)
    with pytest.raises(ParameterError, match="`n` of plot_features"):
        model.plot_features(DIGITS, n=0)


@pytest.mark.parametrize("method", ["topk", "kl"])
def test_features_are_what_units_add(method):
    """A decoder without hidden layers adds up one picture a neuron: a column of its weights, as loud as it speaks."""
    gray = (0.45 + DIGITS / 2550).astype(np.float32)  # far from black and white, where pixels are cut off
    model = zl.SparseAutoencoder(method=method, modality="image", **QUICK | {"hidden": ()}).fit(gray)
    pictures, neurons = model.features(gray, n=128)
    assert pictures.shape == (128, 8, 8, 1) and sorted(neurons) == list(range(128))
    rate = model.activity(gray).rate[neurons]
    assert (np.diff(rate) <= 0).all()
    z = model.transform(gray)
    j = neurons[0]
    loud = np.quantile(z[:, j][z[:, j] > (0.1 if method == "kl" else 0)], 0.9)
    weights = model.module_.decoder.layers[-1].weight[:, j].detach().numpy()
    scale = float(model.module_.target_spread)
    np.testing.assert_allclose(pictures[0].ravel(), loud * weights * scale, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "value"), [("method", "l2"), ("sparsity", 0), ("sparsity", -1.0), ("dropout", 1.0), ("sparsity", "very")]
)
def test_sparse_parameters(name, value):
    with pytest.raises(ParameterError, match=f"`{name}` of SparseAutoencoder"):
        zl.SparseAutoencoder(**{name: value}, **QUICK).fit(DIGITS)


# ---------------------------------------------------------------------------------------------------------- denoising


@pytest.mark.trained
def test_the_gain_is_that_of_the_images():
    """Measured from outside: the noise applied to clean images, the model's predictions, and the squared errors."""
    X = (DIGITS / 255).astype(np.float32)
    noise = zl.noise.Gaussian(0.3)
    model = zl.DenoisingAutoencoder(24, noise=noise, modality="image", **QUICK | {"max_epochs": 20}).fit(X)
    gain, noisy = model.denoising_gain(X), noise.apply(X, modality="image", random_state=3)
    assert gain.before == pytest.approx(0.09, rel=0.02) and gain.decibel > 1
    outside = 10 * np.log10(((noisy - X) ** 2).mean() / ((model.predict(noisy) - X) ** 2).mean())
    assert gain.decibel == pytest.approx(outside, abs=0.2) and f"{gain.decibel:+.2f} dB" in str(gain)
    assert str(model.denoising_gain(X)) == str(gain) != str(model.denoising_gain(X, random_state=1))
    drawn = model.plot_denoised(X, n=5).axes[0]
    assert labels(drawn.get_yticklabels()) == ["clean", "noisy", "denoised"]
    np.testing.assert_array_equal(drawn.images[0].get_array()[:8, :8, 0], (X[0] * 255).round())


@pytest.mark.trained
def test_hidden_values_count_and_missing_ones_do_not(table):
    holes = table.copy()
    holes[::5, 2] = np.nan
    model = zl.DenoisingAutoencoder(2, noise=zl.noise.Masking(0.5), **QUICK).fit(holes)
    gain = model.denoising_gain(holes)
    assert gain.before_each == pytest.approx(0.5, abs=0.15) and np.isfinite(gain.after_each).all()
    assert labels(model.plot_denoised(holes).axes[0].get_yticklabels())


def test_pairs_have_a_gain_without_noise_being_added():
    X = (DIGITS / 255).astype(np.float32)
    noisy = zl.noise.Gaussian(0.3).apply(X, modality="image", random_state=0)
    model = zl.DenoisingAutoencoder(24, target="y", modality="image", target_modality="image", **QUICK).fit(noisy, X)
    assert model.denoising_gain(noisy, X).before == pytest.approx(((noisy - X) ** 2).mean(), rel=1e-3)
    with pytest.raises(DataError, match="pass y"):
        model.denoising_gain(noisy)
    names = zl.DenoisingAutoencoder(24, target="y", modality="image", **QUICK).fit(noisy, np.arange(400.0))
    with pytest.raises(UnsupportedError, match="cannot be measured"):
        names.denoising_gain(noisy, np.arange(400.0))


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


@pytest.mark.trained
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
    p = torch.sigmoid(net.baseline).numpy()
    wanted = (X * np.log(p) + (1 - X) * np.log(1 - p)).sum(1)
    np.testing.assert_allclose(model.elbo(X), wanted, rtol=1e-5)
    np.testing.assert_allclose(model.log_likelihood(X, n_samples=16), wanted, rtol=1e-5)


@pytest.mark.trained
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
    interpolate = variational.interpolate(DIGITS[:1], DIGITS[1:2], steps=5)
    assert np.array_equal(interpolate[[0]], variational.predict(DIGITS[:1])) and len(interpolate) == 5


def test_usage_and_collapse(variational):
    usage = variational.latent_usage(DIGITS)
    assert usage.kl.shape == (4,) and usage.kl.min() >= 0 and "nats" in str(usage)
    with pytest.warns(RuntimeWarning, match="collapsed.*beta"):
        slow = QUICK | {"max_epochs": 40}
        zl.VariationalAutoencoder(latent_dim=2, beta=1e4, warmup=0.0, linear_path=False, **slow).fit(DIGITS)


def test_usage_is_drawn_from_the_largest_down(variational):
    usage, ax = variational.latent_usage(DIGITS), variational.plot_usage(DIGITS).axes[0]
    order = np.argsort(-usage.kl)
    assert labels(ax.get_xticklabels()) == [str(i) for i in order]
    heights = {round(bar.get_x() + 0.4): bar.get_height() for bar in ax.patches}
    np.testing.assert_allclose([heights[k] for k in range(4)], usage.kl[order])


def test_a_traversal_moves_one_latent_and_holds_the_others(variational):
    sheet = variational.plot_traversal(DIGITS, n=2, item=7).axes[0].images[0].get_array()
    first = np.argsort(-variational.latent_usage(DIGITS).kl)[0]
    z = np.repeat(variational.transform(DIGITS[7:8]), 9, 0)
    z[:, first] = np.linspace(-3, 3, 9)
    wanted = variational.inverse_transform(z)
    for k in range(9):
        np.testing.assert_array_equal(sheet[:8, 9 * k : 9 * k + 8, 0], wanted[k])
    for bad, why in ((400, "no item 400"), (-1, "`item` of plot_traversal"), ("a", "`item`")):
        with pytest.raises((DataError, ParameterError), match=why):
            variational.plot_traversal(DIGITS, item=bad)


def test_morphs_are_drawn_between_items(variational):
    ax = variational.plot_interpolation(DIGITS, n=2).axes[0]
    sheet = ax.images[0].get_array()
    assert labels(ax.get_yticklabels()) == ["0 → 266", "133 → 399"]
    interpolate = variational.interpolate(DIGITS[:1], DIGITS[266:267], steps=9)
    assert abs(sheet[:8, :8, 0].astype(int) - interpolate[0]).max() <= 1
    assert abs(sheet[:8, -8:, 0].astype(int) - interpolate[-1]).max() <= 1


@pytest.mark.parametrize("kind", ["VariationalAutoencoder", "QuantizedAutoencoder"])
def test_samples_are_drawn_beside_data(kind, table):
    model = getattr(zl, kind)(latent_dim=3, **QUICK).fit(DIGITS)
    left, right = model.plot_samples(DIGITS, n=16, random_state=4).axes
    assert (left.get_title(), right.get_title()) == ("data", "samples")
    np.testing.assert_array_equal(right.images[0].get_array()[:8, :8, 0], model.sample(16, random_state=4)[0])
    np.testing.assert_array_equal(left.images[0].get_array()[-8:, -8:, 0], DIGITS[-1])
    model = getattr(zl, kind)(latent_dim=2, **QUICK).fit(table)
    figure = model.plot_samples(table)
    assert [ax.get_title() for ax in figure.axes] == [f"x{i}" for i in range(6)]


def test_gray_cross_entropy_is_no_likelihood():
    model = zl.VariationalAutoencoder(latent_dim=2, loss="bce", **QUICK).fit(DIGITS)
    assert np.isfinite(model.score(DIGITS))
    with pytest.raises(UnsupportedError, match="binarize"):
        model.log_likelihood(DIGITS[:5])


@pytest.mark.parametrize("loss", ["gaussian", "discretized", "bce", "mse"])
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


# ---------------------------------------------------------------------------------------------------------- quantized


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


def test_usage_and_symbols_are_drawn(table):
    model = zl.QuantizedAutoencoder(codes=16, latent_dim=5, **QUICK).fit(DIGITS)
    upper, lower = model.plot_usage(DIGITS).axes
    p = np.bincount(model.encode_symbols(DIGITS)[:, 2]) / 400
    assert lower.patches[2].get_height() == pytest.approx(np.exp(-(p[p > 0] * np.log(p[p > 0])).sum()))
    assert "all equally often" in [line.get_label() for line in upper.lines]
    ax = model.plot_codes(DIGITS, n=3, item=0).axes[0]
    assert labels(ax.get_xticklabels()) == ["item", "no. 1", "no. 2", "no. 3"]
    np.testing.assert_array_equal(ax.images[0].get_array()[:8, :8, 0], model.predict(DIGITS[:1])[0])
    place = int(labels(ax.get_yticklabels())[0].split()[1])
    symbols = model.encode_symbols(DIGITS)
    changed = symbols[:1].copy()
    changed[0, place] = np.bincount(symbols[:, place]).argmax()
    np.testing.assert_array_equal(ax.images[0].get_array()[:8, 9:17, 0], model.decode_symbols(changed)[0])
    small = zl.QuantizedAutoencoder(codes=4, latent_dim=2, **QUICK).fit(table)
    assert sorted(labels(small.plot_codes(table).axes[0].get_xticklabels())) == ["0", "1"]


def test_the_book_does_not_collapse():
    """From a start where one code takes all, codes without use are moved to where data are."""
    part = VQ(codes=8, code_dim=2).build(2, 1)
    with torch.no_grad():
        part.head.weight.copy_(torch.eye(2))
        part.head.bias.zero_()
        part.codebook.fill_(100.0)
        part.codebook[0] = 0.0
        part.started.fill_(1.0)
        part.sums.copy_(part.codebook)
    part.train()
    rng = torch.Generator().manual_seed(0)
    for _ in range(200):
        part(torch.randn(64, 2, generator=rng), rng=rng)
    chosen = part.eval().symbols(torch.randn(1000, 2, generator=rng))
    assert len(chosen.unique()) == 8


@pytest.mark.parametrize(("name", "value"), [("method", "pq"), ("codes", 1), ("code_dim", 0)])
def test_quantized_parameters(name, value):
    with pytest.raises(ParameterError, match=f"`{name}` of QuantizedAutoencoder"):
        zl.QuantizedAutoencoder(**{name: value}, **QUICK).fit(DIGITS)


# ------------------------------------------------------------------------------------------------------------- priors


@pytest.mark.parametrize("spec", [s() for s in discover(zandloper.model.priors).values()], ids=lambda s: s.name)
def test_priors_keep_their_contract(spec):
    assert build_spec(zandloper.model.priors, json.loads(json.dumps(spec.to_dict()))) == spec
    part, rng = spec.build(3), torch.Generator().manual_seed(0)
    initialize(part, rng)
    codes = torch.randn(200, 3, generator=rng)
    if hasattr(part, "loss"):
        codes = codes.abs().long() if spec.of_symbols else codes
        part.start(codes, rng)
        assert bool(part.loss(Batch(codes), rng).total.isfinite())
    else:
        part.learn(codes, rng)
    one, two = (part.sample(6, torch.Generator().manual_seed(5)) for _ in range(2))
    assert one.shape == (6, 3) and torch.equal(one, two)
    if spec.name == "score":
        with pytest.raises(UnsupportedError, match="how likely"):
            part.log_prob(one)
    else:
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
    initialize(part, rng)
    part.start(torch.zeros(1, 4), rng)
    a, b = torch.tensor([[0, 1, 2, 3]]), torch.tensor([[0, 1, 4, 3]])
    torch.testing.assert_close(part(a)[:, :3], part(b)[:, :3])
    assert not torch.allclose(part(a)[:, 3], part(b)[:, 3])
    torch.testing.assert_close(part.loss(Batch(a)).total, -part.log_prob(a).mean() / 4)
