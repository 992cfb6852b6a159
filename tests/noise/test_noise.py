"""Noises do what they say, are found again where they are, and are told apart where they differ."""

import copy
import json
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

import zandloper as zl
import zandloper.model.corruptions
from zandloper import noise as zn
from zandloper.errors import DataError, DataTypeError, ParameterError
from zandloper.model.batch import Batch
from zandloper.model.corruptions import Noise
from zandloper.model.corruptions.identity import Identity
from zandloper.spec import build_spec, discover

RECORDINGS = [np.sin(np.arange(90) / 3), np.random.default_rng(0).normal(size=70)]
# Noises that cannot be made without settings, and settings apart from the defaults. The first of a kind stands for it.
EXAMPLES = {
    "gaussian_noise": [zn.Gaussian((0.1, 0.3))],
    "poisson": [zn.Poisson((5, 50))],
    "poisson_gaussian": [zn.PoissonGaussian((5, 50), (0.01, 0.1))],
    "salt_and_pepper": [zn.SaltAndPepper((0.01, 0.4), 0.3)],
    "speckle": [zn.Speckle((0.1, 0.5), "gamma")],
    "blur": [zn.Blur((0.3, 3.0)), zn.Blur(0.0)],
    "masking": [zn.Masking((0.1, 0.9), 3, "mean")],
    "colored": [zn.Colored((1, 0.5, 0), snr=(0, 10)), zn.Colored("brown", level=0.2)],
    "mains_hum": [zn.MainsHum(60, 500, 3, snr=(-5, 5)), zn.MainsHum(level=(0.1, 0.2))],
    "impulses": [zn.Impulses((0.01, 0.1), 3.0)],
    "block_masking": [zn.BlockMasking((0.1, 0.5), 4, "hold")],
    "quantization": [zn.Quantization(4, -1, 1)],
    "recorded": [zn.Recorded(RECORDINGS), zn.Recorded(RECORDINGS, snr=(0, 6))],
    "chain": [zn.Chain((zn.Gaussian(0.1), zn.Masking(0.2), zn.Chain((zn.Poisson(), zn.Quantization()))))],
}
FAMILIES = {name: spec for name, spec in discover(zandloper.model.corruptions).items() if issubclass(spec, Noise)}
NAMED = {
    name: [*([] if name in ("recorded", "chain") else [spec()]), *EXAMPLES.get(name, [])]
    for name, spec in FAMILIES.items()
}
every_noise = pytest.mark.parametrize(
    "noise", [pytest.param(n, id=f"{name}-{i}") for name, several in NAMED.items() for i, n in enumerate(several)]
)
SHAPES = [(7,), (2, 31), (3, 6, 5)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def light(*shape, seed=1):
    """Values in [0, 1]."""
    return torch.rand(*shape, generator=generator(seed))


def added(noise, x, seed=0):
    """What a noise adds to x, and what is seen."""
    seen = noise.build()(Batch(x), generator(seed))
    return (seen.x - x).double(), seen


def fits(noise, shape):
    parts = noise.noises if isinstance(noise, zn.Chain) else (noise,)
    return len(shape) < 3 or not any(isinstance(p, zn.Recorded) for p in parts)


# ------------------------------------------------------------------------------------------------------------ contracts


def test_every_family_has_an_example():
    assert all(NAMED.values()), f"EXAMPLES needs one for {[n for n, several in NAMED.items() if not several]}"
    assert {spec.__name__ for spec in FAMILIES.values()} <= set(zn.__all__)
    assert all(getattr(zn, spec.__name__) is spec for spec in FAMILIES.values())
    with pytest.raises(AttributeError, match="no attribute 'Magic'; there is: BlockMasking, Blur, Chain"):
        _ = zn.Magic


@every_noise
def test_settings_go_to_json_and_back(noise):
    back = build_spec(zandloper.model.corruptions, json.loads(json.dumps(noise.to_dict(), allow_nan=False)))
    assert type(back) is type(noise) and back.to_dict() == noise.to_dict()
    back = back.filled(noise.build())
    assert back == noise and hash(back) == hash(noise) and repr(back) == repr(noise)
    assert copy.deepcopy(noise) == noise and pickle.loads(pickle.dumps(noise)) == noise


@every_noise
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_generator_alone_decides(noise, shape):
    if not fits(noise, shape):
        pytest.skip("recordings of sounds do not fit into images")
    x, part = light(9, *shape), noise.build()
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    one, same, other = (part(Batch(x.clone()), generator(seed)) for seed in (3, 3, 4))
    unasked = part(Batch(x.clone())), part(Batch(x.clone()))
    assert torch.equal(torch.get_rng_state(), before[0]) and (np.random.get_state()[1] == before[1]).all()
    assert torch.equal(one.x, same.x) and torch.equal(unasked[0].x, unasked[1].x)
    drawn = not isinstance(noise, zn.Quantization) and noise not in (zn.Blur(), zn.Blur(0.0))
    assert not drawn or not torch.equal(one.x, other.x)
    assert one.x.shape == x.shape and one.x.dtype == x.dtype and one.x.isfinite().all()


@every_noise
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_level_of_each_sample_is_told(noise, shape):
    if not fits(noise, shape):
        pytest.skip("recordings of sounds do not fit into images")
    seen = noise.build()(Batch(light(200, *shape)), generator())
    if isinstance(noise, zn.Quantization):
        assert seen.level is None
        return
    columns = 3 if isinstance(noise, zn.Chain) else 1
    assert seen.level.shape == (200, columns) and seen.level.isfinite().all() and seen.level.min() >= 0
    name = next((f for f in ("sigma", "amount", "rate", "share", "width") if hasattr(noise, f)), None)
    if name is not None and not isinstance(noise, zn.PoissonGaussian):
        low, high = value if isinstance(value := getattr(noise, name), tuple) else (value, value)
        assert low - 1e-6 <= float(seen.level.min()) and float(seen.level.max()) <= high + 1e-6
        if low < high:  # drawn for each sample, over the whole range
            assert float(seen.level.max() - seen.level.min()) > 0.9 * (high - low)


@every_noise
def test_missing_values_stay_missing(noise):
    x = light(50, 2, 31)
    valid = (light(50, 2, 31, seed=2) > 0.4).float()
    seen = noise.build()(Batch(x, valid), generator())
    assert torch.equal(seen.x[valid == 0], x[valid == 0])
    assert seen.valid.shape == valid.shape and bool((seen.valid <= valid).all())


@every_noise
def test_the_ends_of_ranges(noise):
    weak, strong = noise.at(0.0), noise.at(1.0)
    if fits(noise, (1, 40)):
        x = light(400, 1, 40)
        sizes = [float(added(n, x)[0].square().mean()) for n in (weak, strong)]
        assert sizes[0] <= sizes[1] * 1.05
    for end in (weak, strong):
        assert end.at(0.3) == end and type(end) is type(noise)


@given(
    family=st.sampled_from(sorted(FAMILIES)), rows=st.integers(1, 5), channels=st.integers(1, 3),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=2), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_any_shape_will_do(family, rows, channels, sizes, seed):
    noise, x = NAMED[family][0], light(rows, channels, *sizes, seed=seed) * 4 - 2
    if fits(noise, tuple(x.shape[1:])):
        seen = noise.build()(Batch(x), generator(seed))
        assert seen.x.shape == x.shape and seen.x.isfinite().all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: zn.Gaussian(-1), "parameter `sigma` of Gaussian must be a number >= 0, or a pair"),
        (lambda: zn.Gaussian("loud"), "`sigma` of Gaussian"),
        (lambda: zn.Gaussian((0.3, 0.1)), "a pair .low, high. of them, got .0.3, 0.1."),
        (lambda: zn.Gaussian((0.1, 0.2, 0.3)), "`sigma` of Gaussian"),
        (lambda: zn.Gaussian(float("nan")), "`sigma` of Gaussian"),
        (lambda: zn.Gaussian(True), "`sigma` of Gaussian"),
        (lambda: zn.Poisson(0), "`peak` of Poisson must be a number from 1e-06 to"),
        (lambda: zn.PoissonGaussian(10, -1), "`sigma` of PoissonGaussian"),
        (lambda: zn.SaltAndPepper(1.5), "`amount` of SaltAndPepper must be a number from 0 to 1"),
        (lambda: zn.SaltAndPepper(low=1, high=0), "`high` of SaltAndPepper"),
        (lambda: zn.Speckle(law="cauchy"), r"`law` of Speckle must be one of \['normal', 'gamma'\], got 'cauchy'"),
        (lambda: zn.Blur(-0.1), "`width` of Blur"),
        (lambda: zn.Masking(patch=0), "`patch` of Masking must be an integer from 1"),
        (lambda: zn.Masking(fill="black"), "`fill` of Masking must be a number or 'mean'"),
        (lambda: zn.Colored("green"), "`spectrum` of Colored must be one of"),
        (lambda: zn.Colored((1.0,)), "two or more power densities"),
        (lambda: zn.Colored((0.0, 0.0)), "two or more power densities"),
        (lambda: zn.Colored(snr=3, level=0.1), "`level` of Colored must be None where `snr` is given"),
        (lambda: zn.MainsHum(mains=5000, sample_rate=8000), "`mains` of MainsHum must be a number from"),
        (lambda: zn.MainsHum(harmonics=0), "`harmonics` of MainsHum"),
        (lambda: zn.Impulses(2), "`rate` of Impulses"),
        (lambda: zn.BlockMasking(1.0), "`rate` of BlockMasking"),
        (lambda: zn.BlockMasking(fill="zero"), "`fill` of BlockMasking must be a number or 'hold'"),
        (lambda: zn.Quantization(0), "`bits` of Quantization"),
        (lambda: zn.Chain(()), "`noises` of Chain must be one or more noises of zl.noise"),
        (lambda: zn.Chain((zn.Gaussian(), 3)), "`noises` of Chain"),
        (lambda: zl.DenoisingAutoencoder(noise="loud").fit(np.eye(9)), "`noise` of DenoisingAutoencoder must be 'auto"),
        (lambda: zl.DenoisingAutoencoder(noise=0.1).fit(np.eye(9)), "`noise` of DenoisingAutoencoder must be a"),
        (lambda: zl.DenoisingAutoencoder(noise=[Identity()]).fit(np.eye(9)), "or a list of them"),
    ],
)  # fmt: skip
def test_bad_settings_are_named(make, words):
    with pytest.raises(ParameterError, match=words):
        make()


# ----------------------------------------------------------------------------------------------- each does what it says

FLAT = torch.linspace(0, 1, 5)[:, None, None].expand(5, 1, 40_000).contiguous()  # five levels, many values of each


def test_gaussian():
    e, _ = added(zn.Gaussian(0.2), FLAT)
    assert e.mean().abs() < 2e-3 and e.std(-1).flatten().numpy() == pytest.approx(0.2, rel=0.02)
    assert float((e / e.std()).pow(4).mean()) == pytest.approx(3, abs=0.1)


def test_poisson_variance_grows_with_the_light():
    e, seen = added(zn.Poisson(20), FLAT)
    assert e.var(-1).flatten().numpy() == pytest.approx(np.linspace(0, 1, 5) / 20, rel=0.03, abs=1e-9)
    assert e.mean(-1).abs().max() < 4e-3
    counts = seen.x * 20
    assert torch.allclose(counts, counts.round(), atol=1e-4)  # photons come whole
    dark = -light(3, 4)
    assert torch.equal(zn.Poisson().build()(Batch(dark), generator()).x, dark)


def test_poisson_gaussian_variance_is_a_line():
    e, seen = added(zn.PoissonGaussian(20, 0.1), FLAT)
    assert e.var(-1).flatten().numpy() == pytest.approx(np.linspace(0, 1, 5) / 20 + 0.01, rel=0.03)
    assert seen.level.numpy() == pytest.approx(np.sqrt(1 / 20 + 0.01))


def test_salt_and_pepper():
    x = torch.full((1, 1, 100_000), 0.5)
    _, seen = added(zn.SaltAndPepper(0.1, 0.3), x)
    values, counts = seen.x.unique(return_counts=True)
    assert values.tolist() == [0, 0.5, 1] and (counts / 1e5).tolist() == pytest.approx([0.07, 0.9, 0.03], abs=3e-3)


@pytest.mark.parametrize("law", ["normal", "gamma"])
def test_speckle_multiplies(law):
    x = torch.tensor([0.0, 0.5, 1.0])[:, None, None].expand(3, 1, 60_000).contiguous()
    e, seen = added(zn.Speckle(0.4, law), x)
    assert e.std(-1).flatten().numpy() == pytest.approx([0, 0.2, 0.4], rel=0.02, abs=1e-9)
    assert e.mean(-1).abs().max() < 6e-3
    skewness = float(((e[2] / 0.4) ** 3).mean())
    assert skewness == pytest.approx(0.8 if law == "gamma" else 0, abs=0.06)  # gamma: 2 / sqrt(looks)
    assert (seen.x.min() >= 0) == (law == "gamma")


def test_blur_is_a_gaussian_kernel_with_mirrored_borders():
    x = light(3, 2, 21, 18)
    blurred = zn.Blur(1.7).build()(Batch(x), generator()).x
    want = gaussian_filter(x.numpy().astype(float), (0, 0, 1.7, 1.7), mode="reflect", truncate=8)
    assert blurred.numpy() == pytest.approx(want, abs=2e-5)
    assert torch.allclose(zn.Blur(0.0).build()(Batch(x), generator()).x, x, atol=1e-6)
    row = light(4, 30)
    want = gaussian_filter(row.numpy().astype(float), (0, 2.0), mode="reflect", truncate=8)
    assert zn.Blur(2.0).build()(Batch(row), generator()).x.numpy() == pytest.approx(want, abs=2e-5)


def test_masking_hides_values_of_tables():
    x = light(2000, 20) + 1
    seen = zn.Masking(0.3).build()(Batch(x), generator())
    hidden = seen.valid == 0
    assert float(hidden.float().mean()) == pytest.approx(0.3, abs=0.01)
    assert torch.equal(seen.x == 0, hidden) and torch.equal(seen.x[~hidden], x[~hidden])


def test_masking_hides_patches_of_images_through_all_channels():
    x = light(300, 3, 20, 24) + 1
    seen = zn.Masking(0.4, patch=4, fill=-1).build()(Batch(x), generator())
    hidden = (seen.x == -1).float()
    assert float(hidden.mean()) == pytest.approx(0.4, abs=0.02)
    assert torch.equal(hidden[:, 0], hidden[:, 1]) and torch.equal(hidden == 1, seen.valid == 0)
    # Inside a patch of four the next pixel shares the fate in three of four cases, else it is chance.
    together = float((hidden[..., 1:] * hidden[..., :-1]).mean() / hidden.mean())
    assert together == pytest.approx(0.75 + 0.25 * 0.4, abs=0.03)
    assert float(hidden.mean((0, 1))[1:-1, 1:-1].std()) < 0.05  # everywhere as often


def test_masking_fills_with_the_mean_of_what_counts():
    x, valid = light(5, 2, 40), torch.ones(5, 2, 40)
    x[:, :, :10], valid[:, :, :10] = 100, 0
    seen = zn.Masking(0.5, fill="mean").build()(Batch(x, valid), generator())
    hidden = (seen.valid == 0) & (valid == 1)
    mean = x[:, :, 10:].mean(-1, keepdim=True).expand_as(x)
    assert torch.allclose(seen.x[hidden], mean[hidden])


def power(e):
    """Mean periodogram of (n, channels, time), without the lowest frequency."""
    p = torch.fft.rfft(e * torch.hann_window(e.shape[-1], dtype=e.dtype)).abs().square().mean((0, 1))
    return torch.fft.rfftfreq(e.shape[-1])[2:].double().numpy(), p[2:].numpy()


@pytest.mark.parametrize(("name", "exponent"), [("white", 0), ("pink", 1), ("brown", 2), ("blue", -1), ("violet", -2)])
def test_colors_fall_as_they_should(name, exponent):
    e, seen = added(zn.Colored(name, level=0.3), light(400, 1, 512))
    f, p = power(e)
    slope = np.polyfit(np.log(f[3:-3]), np.log(p[3:-3]), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.1)
    assert float(e.square().mean().sqrt()) == pytest.approx(0.3, rel=0.05) and seen.level.unique().tolist() == [
        pytest.approx(0.3)
    ]


def test_a_spectrum_of_ones_own():
    e, _ = added(zn.Colored((4, 4, 1, 1, 1), level=1), light(500, 1, 256))
    f, p = power(e)
    low, high = p[(f > 0.02) & (f < 0.1)].mean(), p[f > 0.3].mean()
    assert float(low / high) == pytest.approx(4, rel=0.05)


def test_in_images_colors_are_the_same_in_all_directions():
    e, _ = added(zn.Colored("pink", level=0.5), light(60, 1, 64, 48))
    products = [(e[..., 1:, :] * e[..., :-1, :]).mean(), (e[..., 1:] * e[..., :-1]).mean()]
    assert float(products[0]) == pytest.approx(float(products[1]), rel=0.1) and products[0] > 0.1 * e.var()
    diagonal = [(e[..., 1:, 1:] * e[..., :-1, :-1]).mean(), (e[..., 1:, :-1] * e[..., :-1, 1:]).mean()]
    assert float(diagonal[0]) == pytest.approx(float(diagonal[1]), rel=0.1)


@pytest.mark.parametrize(
    "noise", [zn.Colored("pink", snr=6), zn.MainsHum(snr=6), zn.Recorded(RECORDINGS, snr=6)], ids=repr
)
def test_every_sample_gets_its_signal_to_noise_ratio(noise):
    x = light(30, 2, 300) * torch.linspace(0.1, 3, 30)[:, None, None] + 7  # the offset is no signal
    e, seen = added(noise, x)
    signal = (x - x.mean(-1, keepdim=True)).double().square().mean((1, 2))
    ratio = 10 * torch.log10(signal / e.square().mean((1, 2)))
    assert ratio.numpy() == pytest.approx(6, abs=0.01)
    assert seen.level[:, 0].numpy() == pytest.approx(e.square().mean((1, 2)).sqrt().numpy(), rel=1e-3)


def test_hum_sings_at_the_mains_and_its_multiples():
    e, _ = added(zn.MainsHum(50, 1000, harmonics=20, decay=1, level=0.2), torch.zeros(8, 1, 1000))
    spectrum = torch.fft.rfft(e[:, 0]).abs().square().mean(0)
    lines = torch.arange(50, 500, 50)
    assert float(spectrum[lines].sum() / spectrum.sum()) > 0.999
    assert (spectrum[lines] / spectrum[50]).sqrt().numpy() == pytest.approx(1 / np.arange(1, 10), rel=0.02)
    assert float(e.square().mean().sqrt()) == pytest.approx(0.2, rel=0.01)
    assert e[0].abs().max() > 0 and not torch.equal(e[0], e[1])  # phases of its own


def test_spikes():
    e, _ = added(zn.Impulses(0.02, (3, 5)), torch.zeros(50, 1, 4000))
    hit = e != 0
    assert float(hit.double().mean()) == pytest.approx(0.02, abs=1e-3)
    assert float(e[hit].abs().min()) >= 3 and float(e[hit].abs().max()) <= 5
    assert float(e[hit].sign().mean()) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("length", [1, 7, (3, 12)])
def test_dropouts_take_their_share_of_time(length):
    x = light(400, 1, 300) + 1
    seen = zn.BlockMasking(0.2, length).build()(Batch(x), generator())
    lost = seen.x == 0
    assert torch.equal(lost, seen.valid == 0) and float(lost.double().mean()) == pytest.approx(0.2, abs=0.01)
    assert lost.double().mean(0)[0, :5].numpy() == pytest.approx(0.2, abs=0.07)  # at the start as well
    if length == 7:  # gaps that begin and end within the window last as long as they should, or run together
        edges = torch.nn.functional.pad(lost[:, 0].int(), (1, 1)).diff(dim=1)
        begins, ends = ((edges == s).nonzero() for s in (1, -1))
        inside = (begins[:, 1] > 0) & (ends[:, 1] < 300)
        assert int((ends[:, 1] - begins[:, 1])[inside].min()) == 7


def test_a_stuck_sensor_holds_its_last_reading():
    x = light(20, 2, 60)
    seen = zn.BlockMasking(0.4, 5, "hold").build()(Batch(x), generator())
    assert seen.valid is None
    for row, original in zip(seen.x.reshape(-1, 60), x.reshape(-1, 60)):
        for t in range(1, 60):
            assert row[t] == original[t] or row[t] == row[t - 1]


def test_quantization_rounds_and_saturates():
    x = torch.tensor([[-0.5, 0.0, 0.3, 0.34, 0.9, 1.7]])
    assert zn.Quantization(2).build()(Batch(x), None).x[0].tolist() == pytest.approx([0, 0, 1 / 3, 1 / 3, 1, 1])
    fine = light(1, 10_000)
    e, _ = added(zn.Quantization(6), fine)
    assert float(e.var()) == pytest.approx((1 / 63) ** 2 / 12, rel=0.03)  # step^2 / 12


def test_recorded_noise_comes_from_the_recordings():
    long, short = np.arange(200.0), np.array([5.0, -3.0, 1.0, 1.0])
    noise = zn.Recorded([long, short])
    e, _ = added(noise, torch.zeros(400, 1, 20))
    kinds = {True: 0, False: 0}
    for piece in e[:, 0]:
        steps = piece.diff()
        rising = bool((steps == 1).all())
        kinds[rising] += 1
        assert rising or torch.equal(piece[:4], piece[4:8])  # the short one is repeated
    assert kinds[True] > 20 * kinds[False]  # places count, not recordings
    assert e.min() >= -99.5 and e.max() <= 99.5  # the mean is taken off


@pytest.mark.parametrize(
    ("samples", "shape"),
    [
        (np.random.default_rng(0).normal(size=(40, 6)), (6,)), (np.random.default_rng(0).normal(size=500), (3, 40)),
        ([np.ones((50, 2)) * [1, -1]], (2, 30)), (np.random.default_rng(0).normal(size=(3, 30, 32)), (1, 9, 8)),
        ([np.random.default_rng(0).normal(size=(5, 4, 3))], (3, 9, 8)),
        ((np.random.default_rng(0).integers(0, 9, (2, 30, 32, 3))).astype(np.uint8), (3, 12, 12)),
    ],
)  # fmt: skip
def test_recordings_of_all_kinds(samples, shape):
    noise = zn.Recorded(samples)
    e, seen = added(noise, torch.zeros(50, *shape))
    kept = np.concatenate([np.ravel(noise.samples.values)])
    assert np.isin(e.numpy().astype(np.float32), kept).all() and seen.level.shape == (50, 1)
    if shape == (2, 30):
        assert torch.equal(e[:, 0], -e[:, 1])  # channels stay together


def test_recordings_that_will_not_do():
    with pytest.raises(DataError, match="silent"):
        zn.Recorded([np.zeros(9)])
    with pytest.raises(DataError, match="NaN or infinity"):
        zn.Recorded([np.array([1.0, np.nan])])
    with pytest.raises(DataError, match=r"recording 0 of Recorded has shape \(\)"):
        zn.Recorded(np.array(3.0))
    with pytest.raises(DataTypeError, match="recording 0 of Recorded has dtype <U1"):
        zn.Recorded([np.array(["a", "b"])])
    with pytest.raises(DataError, match="differ in kind"):
        zn.Recorded([np.arange(4.0), np.eye(4)])
    with pytest.raises(DataError, match=r"1 dimension and got samples of shape \(1, 8, 8\)"):
        zn.Recorded([np.arange(9.0)]).build()(Batch(torch.zeros(2, 1, 8, 8)), generator())
    one = zn.Recorded(np.eye(12), many=False)
    assert one.samples.shapes == ((12, 12),)


def test_a_chain_is_its_parts_in_order():
    x = light(4, 1, 9, 9)
    chain = zn.Chain((zn.Gaussian(0.5), zn.Quantization(1), zn.Masking(0.5, fill=9)))
    seen = chain.build()(Batch(x), generator())
    assert set(seen.x.unique().tolist()) == {0, 1, 9} and seen.level.shape == (4, 2)
    assert torch.equal(seen.valid == 0, seen.x == 9)
    assert zn.Chain((chain, zn.Blur())).noises == (*chain.noises, zn.Blur())


# ----------------------------------------------------------------------------------------------------- noises meet data


def test_apply_keeps_form_and_type(images, table):
    noise = zn.Gaussian(0.2)
    noisy = noise.apply(images, random_state=0)
    assert noisy.dtype == np.uint8 and noisy.shape == images.shape and (noisy != images).mean() > 0.5
    assert np.array_equal(noisy, noise.apply(images, random_state=0))
    assert not np.array_equal(noisy, noise.apply(images, random_state=1))
    error = (noise.apply(table, random_state=0) - table) / table.std(0)
    assert error.std(0) == pytest.approx(0.2, rel=0.2)
    frame = pd.DataFrame(table, columns=list("abcdef"), index=np.arange(200) * 2)
    again = noise.apply(frame, random_state=0)
    assert list(again) == list(frame) and again.index.equals(frame.index)
    color = np.full((3, 8, 9, 3), 1000, np.uint16)
    assert zn.Poisson(50).apply(color, "image", 0).dtype == np.uint16


def test_apply_hides_values_as_missing(table):
    hidden = zn.Masking(0.3).apply(table, random_state=0)
    assert np.isnan(hidden).mean() == pytest.approx(0.3, abs=0.05)
    assert np.array_equal(hidden[~np.isnan(hidden)], table[~np.isnan(hidden)]) or np.nanmax(abs(hidden - table)) < 1e-3


@pytest.mark.parametrize("shape", [(500,), (4, 500), (4, 500, 3)])
def test_apply_to_series_and_sounds(shape, rng):
    shape_of_series = shape[::-1] if len(shape) == 2 else shape  # (time, channels), and sounds (n, time)
    series = (rng.normal(size=shape_of_series) * 5 + 100).astype(np.float32)
    noisy = zn.Gaussian(0.5).apply(series, "series", 0)
    assert noisy.shape == shape_of_series and noisy.dtype == np.float32
    assert (noisy - series).std() == pytest.approx(2.5, rel=0.1)
    sound = (rng.normal(size=shape) * 3000).astype(np.int16)
    noisy = zn.Colored("white", snr=0).apply(sound, "audio", 0)
    assert noisy.dtype == np.int16 and (noisy - sound.astype(float)).std() == pytest.approx(3000, rel=0.1)


def test_apply_to_sounds_of_several_lengths(rng):
    sounds = [rng.normal(size=n) for n in (100, 250)]
    noisy = zn.Gaussian(0.1).apply(sounds, "audio", 0)
    assert [len(s) for s in noisy] == [100, 250] and not np.array_equal(
        noisy[0] - sounds[0], (noisy[1] - sounds[1])[:100]
    )


def test_what_apply_refuses(rng):
    with pytest.raises(DataTypeError, match='pass modality="image"'):
        zn.Gaussian().apply(rng.random((3, 4, 5)))
    with pytest.raises(DataError, match="got categories too"):
        zn.Gaussian().apply(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}))
    with pytest.raises(ParameterError, match="`random_state` of Gaussian"):
        zn.Gaussian().apply(np.eye(4), random_state=-1)
    with pytest.raises(DataTypeError, match="convert to int16"):
        zn.Gaussian().apply(np.zeros(9, np.uint8), "audio")


def test_strengths_in_the_units_of_data():
    assert zn.Gaussian((0.1, 0.2)).in_data_units(np.uint8) == {"sigma": (25.5, 51.0)}
    assert zn.Gaussian(0.1).in_data_units(np.float32) == {"sigma": 0.1}
    assert zn.PoissonGaussian(51, 0.2).in_data_units(np.zeros((2, 3, 3), np.uint8)) == {
        "peak": 51,
        "sigma": 51,
        "gain": 5,
    }
    table = np.array([[0.0, 0.0], [2.0, 20.0]])
    assert zn.Gaussian(0.5).in_data_units(table)["sigma"].tolist() == [0.5, 5.0]
    schema, _ = zl.modality.Image().learn(np.zeros((5, 9, 7), np.uint8), "me")
    assert zn.SaltAndPepper().in_data_units(schema)["high"] == 255
    assert zn.Colored(level=0.1).in_data_units("int16")["level"] == pytest.approx(3276.7)
    chain = zn.Chain((zn.Gaussian(0.1), zn.Gaussian(0.2), zn.Masking()))
    assert list(chain.in_data_units("uint8")) == ["gaussian_noise", "gaussian_noise_2", "masking"]
    with pytest.raises(DataTypeError, match="says nothing about units"):
        zn.Gaussian().in_data_units("three")


# ------------------------------------------------------------------------------------------------------------ estimates


def scenes(n=10, side=96, seed=0):
    """Pictures with flat grounds, slopes and edges, float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    out = np.empty((n, side, side), np.float32)
    for image in out:
        image[:] = rng.uniform(0.1, 0.9) + rng.uniform(-0.3, 0.3) * x + rng.uniform(-0.3, 0.3) * y
        for _ in range(6):
            cx, cy, r, value = *rng.uniform(0, 1, 2), rng.uniform(0.05, 0.25), rng.uniform(0, 1)
            image[(x - cx) ** 2 + (y - cy) ** 2 < r**2] = value
    return out.clip(0.02, 0.98)


SCENES = scenes()
KNOWN = {
    "gaussian": (zn.Gaussian(0.1), {"sigma": 0.1}),
    "weak": (zn.Gaussian(0.02), {"sigma": 0.02}),
    "poisson": (zn.Poisson(40), {"peak": 40}),
    "camera": (zn.PoissonGaussian(40, 0.08), {"peak": 40, "sigma": 0.08}),
    "speckle": (zn.Speckle(0.25), {"sigma": 0.25}),
    "impulses": (zn.SaltAndPepper(0.08, 0.25), {"amount": 0.08, "salt": 0.25}),
    "pink": (zn.Colored("pink", level=0.1), {"spectrum": "pink", "level": 0.1}),
    "blue": (zn.Colored("blue", level=0.1), {"level": 0.1}),
}


@pytest.mark.parametrize("alone", [False, True], ids=["pairs", "alone"])
@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("stored", [False, True], ids=["float", "uint8"])
def test_noise_of_images_is_found_again(name, alone, stored):
    noise, want = KNOWN[name]
    X = (SCENES * 255).round().astype(np.uint8) if stored else SCENES
    noisy = noise.apply(X, "image", 0)
    found = zn.estimate(noisy, None if alone else X, "image")
    assert type(found) is type(noise)
    for setting, value in want.items():
        got = getattr(found, setting)
        assert got == value if isinstance(value, str) else got == pytest.approx(value, rel=0.2 if alone else 0.1)


def test_noise_on_flat_black_is_told_by_the_half_that_is_left(images):
    """Strokes on black in uint8: half of the noise is cut off there."""
    noisy = zn.Gaussian(0.15).apply(np.repeat(images, 5, 0), random_state=0)
    assert zn.estimate(noisy, np.repeat(images, 5, 0)).sigma == pytest.approx(0.15, rel=0.05)
    assert zn.estimate(noisy).sigma == pytest.approx(0.15, rel=0.25)


def test_two_noises_are_found_together():
    noise = zn.Chain((zn.Gaussian(0.05), zn.SaltAndPepper(0.04)))
    for clean in (SCENES, None):
        found = zn.estimate(noise.apply(SCENES, "image", 0), clean, "image")
        assert [type(n) for n in found.noises] == [zn.Gaussian, zn.SaltAndPepper]
        assert found.noises[0].sigma == pytest.approx(0.05, rel=0.15)
        assert found.noises[1].amount == pytest.approx(0.04, rel=0.15)


def test_a_range_of_levels_is_found():
    many = np.repeat(SCENES, 3, 0)
    low, high = zn.estimate(zn.Gaussian((0.05, 0.25)).apply(many, "image", 0), many, "image").sigma
    assert 0.04 < low < 0.09 and 0.2 < high < 0.27


def test_the_law_of_speckle_is_found():
    noisy = zn.Speckle(0.3, "gamma").apply(SCENES, "image", 0)
    assert zn.estimate(noisy, SCENES, "image").law == "gamma"


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_noise_of_tables_is_found_again(share, rng):
    X = rng.normal(size=(1500, 3)) @ rng.normal(size=(3, 14)) * 10 ** rng.uniform(-2, 2, 14) + 5
    noisy = zn.Gaussian(share).apply(X, random_state=0)
    assert zn.estimate(noisy, X).sigma == pytest.approx(share, rel=0.03)
    assert zn.estimate(noisy).sigma == pytest.approx(share, rel=0.08)
    gaps = zn.Chain((zn.Gaussian(share), zn.Masking(0.1))).apply(X, random_state=0)
    for clean, allowed in ((X, 0.05), (None, 0.15)):
        found = zn.estimate(gaps, clean)
        assert found.noises[0].sigma == pytest.approx(share, rel=allowed)
        assert found.noises[1].share == pytest.approx(0.1, rel=0.1)


def waves(n=30, length=2000):
    t = np.arange(length) / length
    return np.stack([np.sin(2 * np.pi * (1 + k / 3) * t + k) for k in range(n)])


def test_noise_of_series_is_found_again():
    X = waves()[..., None]
    for clean in (X, None):
        assert zn.estimate(zn.Gaussian(0.2).apply(X, "series", 0), clean, "series").sigma == pytest.approx(
            0.2, rel=0.05
        )
    spikes = zn.estimate(zn.Impulses(0.02, (3, 6)).apply(X, "series", 0), X, "series")
    assert spikes.rate == pytest.approx(0.02, rel=0.1) and spikes.size == pytest.approx((3, 6), rel=0.1)
    alone = zn.estimate(zn.Chain((zn.Gaussian(0.05), zn.Impulses(0.01, 4.0))).apply(X, "series", 0), None, "series")
    assert alone.noises[0].sigma == pytest.approx(0.05, rel=0.15) and alone.noises[1].rate == pytest.approx(
        0.01, rel=0.2
    )
    pink = zn.estimate(zn.Colored("pink", level=0.2).apply(X, "series", 0), X, "series")
    assert pink.spectrum == "pink" and pink.level == pytest.approx(0.2, rel=0.1)
    assert zn.estimate(zn.BlockMasking(0.2).apply(X, "series", 0), X, "series").share == pytest.approx(0.2, rel=0.15)


def words(n=40, length=4000, seed=0):
    """Sounds with pauses."""
    rng = np.random.default_rng(seed)
    t = np.arange(length)
    voice = np.sin(2 * np.pi * np.outer(rng.uniform(0.02, 0.1, n), t)) * rng.uniform(0.1, 0.5, (n, 1))
    return voice * ((t[None] > length * 0.3) & (t[None] < length * 0.7))


def test_noise_of_sounds_is_found_again():
    X = words()
    for spectrum in ("white", "pink"):
        noisy = zn.Colored(spectrum, level=0.02).apply(X, "audio", 0)
        for clean, allowed in ((X, 0.05), (None, 0.25)):
            found = zn.estimate(noisy, clean, "audio")
            got = found.sigma if spectrum == "white" else found.level
            assert got == pytest.approx(0.02, rel=allowed)
            assert spectrum == "white" or found.spectrum == "pink"
    even = zn.estimate(zn.Colored("pink", snr=7).apply(X, "audio", 0), X, "audio")
    assert even.snr == pytest.approx(7, abs=0.1) and even.level is None  # the ratio is what all sounds share


def test_clean_data_have_no_noise():
    assert zn.estimate(SCENES, SCENES, "image") == zn.Gaussian(0.0)
    assert zn.estimate(scenes(side=64), None, "image").in_data_units("uint8")  # whatever it is, it is said


def test_what_estimate_refuses(table):
    with pytest.raises(DataError, match="are no pairs"):
        zn.estimate(table[:9], table)
    with pytest.raises(DataError, match="too small to tell noise from signal"):
        zn.estimate(np.zeros((5, 2, 9), np.uint8))
    with pytest.raises(DataError, match="nothing can be compared"):
        zn.estimate(np.where(np.arange(200)[:, None] < 1e9, np.nan, table), table)


# --------------------------------------------------------------------------------------------------------------- audits

TOLD_APART = {
    "gaussian": zn.Gaussian(0.1), "camera": zn.PoissonGaussian(30, 0.05), "speckle": zn.Speckle(0.25),
    "impulses": zn.SaltAndPepper(0.05), "pink": zn.Colored("pink", level=0.1), "hidden": zn.Masking(0.2, 3),
    "blurred": zn.Chain((zn.Blur(1.5), zn.Gaussian(0.1))),
}  # fmt: skip
WEAKER = {
    "paired": set(),
    "unpaired": {"blurred", "hidden"},
    "alone": {"blurred", "hidden"},
}  # seen with the clean ones alone


@pytest.mark.parametrize("how", ["paired", "unpaired", "alone"])
@pytest.mark.parametrize("there", TOLD_APART)
def test_audits_tell_the_right_noise_from_the_wrong_ones(how, there):
    if there in WEAKER[how]:
        pytest.skip("needs pairs")
    noisy = TOLD_APART[there].apply(SCENES, "image", 5)
    clean = {"paired": SCENES, "unpaired": scenes(seed=9), "alone": None}[how]
    for name, noise in TOLD_APART.items():
        if name in WEAKER[how]:
            continue
        found = zn.audit(noise, noisy, clean, "image", paired=how == "paired")
        assert found.realistic == (name == there), f"{name}\n{found}"


def test_an_audit_says_what_is_wrong():
    noisy = zn.PoissonGaussian(20, 0.02).apply(SCENES, "image", 0)
    found = zn.audit(zn.Colored("pink", level=0.05), noisy, SCENES, "image")
    wrong = {check.name for check in found.checks if not check.passed}
    assert {"level", "dependence on signal", "neighbors", "color"} <= wrong
    assert "times as weak" in found.verdict and "where the signal is high" in found.verdict
    assert "Neighboring values" in str(found) and "DIFFERS" in str(found) and "Poisson" in str(found)
    assert isinstance(found.suggestion, zn.PoissonGaussian | zn.Poisson)
    assert found.to_dict()["level"]["there"] == pytest.approx(found.there.level)
    right = zn.audit([zn.PoissonGaussian(20, 0.02)], noisy, SCENES, "image")
    assert right.realistic and "looks like" in right.verdict and "DIFFERS" not in str(right)


def test_an_audit_draws_itself(table):
    images = zn.audit(zn.Gaussian(0.1), SCENES, SCENES, "image")
    assert len(images.plot().axes) == 2  # there is no noise, so no spectrum of it
    noisy = zn.Gaussian(0.1).apply(SCENES, "image", 0)
    found = zn.audit(zn.Gaussian(0.1), noisy, SCENES, "image")
    assert [ax.get_title() for ax in found.plot().axes] == ["strength by signal", "distribution", "color"]
    page = found._repr_html_()
    assert page.count("data:image/png;base64,") == 1 and "looks like the noise that is there" in page
    rows = zn.audit(zn.Gaussian(0.1), zn.Gaussian(0.1).apply(table, random_state=0), table)
    assert rows.realistic and rows.plot().axes


def test_of_a_range_the_nearest_is_audited():
    noisy = zn.Poisson(40).apply(SCENES, "image", 0)
    found = zn.audit(zn.Poisson((10, 200)), noisy, SCENES, "image")
    assert found.realistic and 30 < found.pinned.peak < 55 and "nearest" in str(found)
    assert not zn.audit(zn.Poisson((100, 200)), noisy, SCENES, "image").realistic
    assert not zn.audit(zn.Gaussian((0.01, 0.5)), noisy, SCENES, "image").realistic


def test_audits_of_tables_series_and_sounds(rng):
    X = rng.normal(size=(3000, 3)) @ rng.normal(size=(3, 12))
    noisy = zn.Gaussian(0.3).apply(X, random_state=0)
    other = rng.permutation(X)[:1500]
    for clean, paired in ((X, True), (other, False), (None, True)):
        assert zn.audit(zn.Gaussian(0.3), noisy, clean, paired=paired).realistic
        assert not zn.audit(zn.Gaussian(0.5), noisy, clean, paired=paired).realistic
    gaps = zn.Masking(0.2).apply(X, random_state=0)
    assert zn.audit(zn.Masking(0.2), gaps, X).realistic and not zn.audit(zn.Masking(0.4), gaps, X).realistic
    sounds = words()
    noisy = zn.Colored("pink", level=0.02).apply(sounds, "audio", 0)
    for clean, paired in ((sounds, True), (words(seed=3), False)):
        assert zn.audit(zn.Colored("pink", level=0.02), noisy, clean, "audio", paired=paired).realistic
        assert not zn.audit(zn.Gaussian(0.02), noisy, clean, "audio", paired=paired).realistic
    series = waves()[..., None]
    stuck = zn.Impulses(0.02, (2, 5)).apply(series, "series", 0)
    assert zn.audit(zn.Impulses(0.02, (2, 5)), stuck, series, "series").realistic
    assert not zn.audit(zn.Gaussian(0.5), stuck, series, "series").realistic


def test_recorded_noise_is_realistic_where_it_was_recorded(rng):
    """What `Recorded` is for: no law fits the noise, and pieces of it do."""

    def machine(n, length):
        return np.stack([0.05 * np.sign(np.sin(np.arange(length) / 9 + p)) for p in rng.uniform(0, 99, n)])

    sounds = words()
    noisy = sounds + machine(*sounds.shape)
    assert zn.audit(zn.Recorded(machine(3, 9000)), noisy, sounds, "audio").realistic
    assert not zn.audit(zn.estimate(noisy, sounds, "audio"), noisy, sounds, "audio").realistic


# --------------------------------------------------------------------------------------------------- the denoising type

QUICK = {"max_epochs": 3, "random_state": 0}


@pytest.mark.trained
def test_it_takes_noise_away(images):
    many = np.concatenate([images] * 4)
    noise = zn.Gaussian(0.25)
    noisy = noise.apply(images, random_state=3)
    model = zl.DenoisingAutoencoder(6, noise=noise, max_epochs=25, random_state=0).fit(many)
    error = lambda R: float(((R.astype(float) - images) ** 2).mean())  # noqa: E731
    assert error(model.predict(noisy)) < 0.15 * error(noisy)
    wrong = zl.DenoisingAutoencoder(6, noise=zn.SaltAndPepper(0.01), max_epochs=25, random_state=0).fit(many)
    assert error(model.predict(noisy)) < error(wrong.predict(noisy))


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (np.zeros((9, 4, 4), np.uint8), zn.Chain((zn.Gaussian((0.0, 0.2)), zn.Quantization(8)))),
        (np.zeros((9, 4, 4), np.uint16), zn.Chain((zn.Gaussian((0.0, 0.2)), zn.Quantization(16)))),
        (np.eye(4)[None].repeat(9, 0) > 0, zn.Chain((zn.SaltAndPepper((0.0, 0.2)), zn.Quantization(1)))),
        (np.arange(36.0).reshape(9, 4), zn.Gaussian((0.0, 0.5))),
        (np.eye(4)[[0, 1, 2, 3] * 3], zn.Masking(0.25)),
        (pd.DataFrame({"a": np.arange(9.0), "b": list("uvwuvwuvw")}), zn.Masking(0.25)),
    ],
)
def test_what_auto_means(data, want):
    kind = "image" if getattr(data, "ndim", 2) == 3 else "auto"
    model = zl.DenoisingAutoencoder(2, modality=kind, validation=0, **QUICK).fit(data)
    assert model.noise_ == want and model.audit_ is None


@pytest.mark.trained
def test_auto_learns_the_noise_from_noisy_data():
    X = scenes(40, 40)
    noisy = zn.Gaussian(0.15).apply(X, "image", 0)
    model = zl.DenoisingAutoencoder(4, modality="image", validation=0, **QUICK).fit(X[:20], noisy=noisy[20:])
    assert model.noise_.sigma == pytest.approx(0.15, rel=0.15) and model.audit_.realistic
    table = np.random.default_rng(0).normal(size=(800, 2)) @ np.ones((2, 8)) * 50
    rows = zl.DenoisingAutoencoder(2, **QUICK).fit(
        table[:400], noisy=zn.Gaussian(0.4).apply(table, random_state=0)[400:]
    )
    assert rows.noise_.sigma == pytest.approx(0.4, rel=0.15)


def test_it_warns_of_noise_that_is_not_there():
    X = scenes(12, 64)
    quick = {"modality": "image", "encoder": "dense", "hidden": (8,), "validation": 0, "lr": 1e-3, **QUICK}
    noisy = zn.Poisson(20).apply(scenes(6, 64, seed=4), "image", 0)
    model = zl.DenoisingAutoencoder(4, noise=zn.Gaussian(0.05), **quick)
    with pytest.warns(UserWarning, match=r"does not look like.*there is Poisson.*noise='auto' trains on that"):
        model.fit(X, noisy=noisy)
    assert not model.audit_.realistic
    zl.DenoisingAutoencoder(4, noise=zn.Poisson(20), **quick).fit(X, noisy=noisy)  # no warning


def test_with_pairs_nothing_is_added(images):
    noisy = zn.Gaussian(0.2).apply(images, random_state=0)
    model = zl.DenoisingAutoencoder(4, target="y", **QUICK).fit(noisy, images)
    assert model.noise_ is None and model.predict(noisy).shape == images.shape


@pytest.mark.parametrize(
    "noise",
    [
        zn.Gaussian((0.1, 0.2)),
        [zn.Recorded(np.random.default_rng(0).normal(size=(4, 20, 20))), zn.Quantization()],
        zn.Chain((zn.Gaussian(0.1), zn.Recorded(np.random.default_rng(0).normal(size=(4, 20, 20)), level=0.1))),
        zn.Recorded(np.random.default_rng(0).normal(size=(4, 20, 20)), level=(0.1, 0.2)),
    ],
    ids=["ranges", "list", "chain", "recorded"],
)
def test_noise_is_saved_with_the_model(tmp_path, images, noise):
    model = zl.DenoisingAutoencoder(3, noise=noise, **QUICK).fit(images)
    model.save(tmp_path / "model")
    back = zl.load(tmp_path / "model")
    assert type(back) is zl.DenoisingAutoencoder and back.noise_ == model.noise_
    assert np.array_equal(back.predict(images), model.predict(images))
    given = tuple(noise) if isinstance(noise, list) else noise
    assert back.noise == given
    again = zl.DenoisingAutoencoder(**back.get_params()).fit(images)  # and trains as before
    assert np.array_equal(again.predict(images), model.predict(images))
    back.save(tmp_path / "again")
    assert zl.load(tmp_path / "again").noise_ == model.noise_


def test_recordings_decide_which_run_a_checkpoint_belongs_to(tmp_path, images):
    recorded = [zn.Recorded(np.random.default_rng(seed).normal(size=(2, 20, 20)), level=0.1) for seed in (0, 1)]
    zl.DenoisingAutoencoder(3, noise=recorded[0], checkpoint=tmp_path / "run", **QUICK).fit(images)
    with pytest.raises(ParameterError, match="other settings or data"):
        zl.DenoisingAutoencoder(3, noise=recorded[1], checkpoint=tmp_path / "run", **QUICK).fit(images)


# --------------------------------------------------------------------------------------------------------- on real data


def test_estimates_on_photographs(data_folder):
    paths = sorted((data_folder / "bsd" / "train400").glob("*.png"))[:20]
    X = np.stack([np.asarray(image) for image in zl.modality.Image(channels=1).learn([*map(_open, paths)], "me")[1]])[
        ..., 0
    ]
    for noise in (zn.Gaussian(0.1), zn.PoissonGaussian(50, 0.04), zn.Colored("pink", level=0.1)):
        noisy = noise.apply(X, random_state=0)
        for clean, allowed in ((X, 0.05), (None, 0.2)):
            found = zn.estimate(noisy, clean)
            assert type(found) is type(noise)
            for name in {"sigma", "level"} & set(vars(noise)):
                assert getattr(found, name) == pytest.approx(getattr(noise, name), rel=allowed)


def _open(path):
    from PIL import Image

    return Image.open(path)


# --------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "noise"),
    [
        ("gaussian", zn.Gaussian()),
        ("Gaussian(0.2)", zn.Gaussian(0.2)),
        ("gaussian((0, 0.2))", zn.Gaussian((0, 0.2))),
        ("colored(pink, snr=-3)", zn.Colored("pink", snr=-3)),
        ("masking(0.3, patch=4, fill='mean')", zn.Masking(0.3, 4, "mean")),
        (" blur(1), poisson_gaussian ", zn.Chain((zn.Blur(1), zn.PoissonGaussian()))),
    ],
)
def test_noises_in_words(text, noise):
    assert zn.from_text(text) == noise


def test_recordings_are_named_by_their_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("room.npy", RECORDINGS[0])
    assert zn.from_text("recorded('room.npy', snr=5)") == zn.Recorded(RECORDINGS[0], snr=5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *((text, "cannot be read") for text in ("", "((", "5", "gaussian(", "blur + blur", "a.b", "zn.Blur(1)")),
        *((text, "cannot be read") for text in ("__import__('os').getcwd()", "blur(open('x'))", "blur(9**9**9)")),
        ("(" * 5000, "cannot be read"),
        ("gausian", "no noise named 'gausian': there is block_masking, blur, colored"),
        ("identity", "no noise named"),
        ("gaussian(zigma=1)", "settings that do not fit: gaussian takes sigma"),
        ("gaussian(1, 2, 3)", "settings that do not fit"),
        ("gaussian(**{})", "settings that do not fit"),
        ("gaussian(-1)", "`sigma` of Gaussian must be"),
        ("gaussian(1e999)", "`sigma` of Gaussian must be"),
        ("recorded", "recorded takes samples"),
    ],
)
def test_words_that_are_no_noise(text, says):
    with pytest.raises(ParameterError, match=says):
        zn.from_text(text)
