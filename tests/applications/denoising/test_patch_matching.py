"""Similar patches beside a net: what they bring back, and whom the gate believes."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import zandloper as zl
from zandloper.applications.denoising import gate_training, patch_matching, signals
from zandloper.applications.denoising.image_network import ImageNetwork
from zandloper.applications.denoising.objectives import FromPairs
from zandloper.applications.denoising.patch_matching import (
    PatchMatching,
    PatchMatchingNet,
    estimates,
    match_patches,
    noise_curves,
    with_patch_matching,
)
from zandloper.errors import DataError, ParameterError
from zandloper.model.batch import Batch
from zandloper.model.layers.layers import initialize
from zandloper.training.patch_source import map_symmetries

NOISE = zl.noise.Gaussian(0.1)


def stripes(height=64, width=64, phase=0.0):
    """Fine stripes on one half, which nets of few weights wipe out, and a slope."""
    y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    fine = 0.15 * torch.sin(1.9 * x + 0.7 * y + phase) * (x > width / 2)
    return (0.3 + 0.4 * y / height + fine)[None, None]


@pytest.fixture(scope="module")
def case():
    clean = stripes()
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    guess = F.avg_pool2d(F.pad(clean, (2,) * 4, mode="replicate"), 5, 1)  # too smooth: the stripes are nearly gone
    return clean, noisy, guess


@pytest.fixture(scope="module")
def model():
    images = [stripes(phase=k)[0, 0].numpy() for k in range(6)]
    return zl.Denoiser(
        noise=NOISE, modality="image", hidden=(8, 16), patch_matching=True, max_epochs=120, random_state=0
    ).fit(images)


def error(a, b):
    return float(((torch.as_tensor(a) - torch.as_tensor(b)) ** 2).mean())


def noisy_image(seed=0, **size):
    clean = stripes(phase=0.4, **size)[0, 0].numpy()
    return clean, NOISE.apply(clean[None], modality="image", random_state=seed)[0]


def test_similar_patches_bring_texture_back(case):
    clean, noisy, guess = case
    few, many, again = estimates(noisy, guess)[0]
    assert error(few, clean) < 0.7 * error(guess, clean)
    assert error(again, clean) < error(many, clean) < error(few, clean)


def test_a_patch_is_the_most_like_itself(case):
    guess = case[2] + 0.01 * torch.rand(case[2].shape, generator=torch.Generator().manual_seed(1))
    groups = match_patches(guess)
    rows, columns = (torch.arange(0, side - patch_matching.SIZE + 1, patch_matching.STEP) for side in guess.shape[-2:])
    assert torch.equal(groups[:, 0], (rows[:, None] * guess.shape[-1] + columns).flatten())
    assert all(len(set(group.tolist())) == patch_matching.MANY for group in groups[::29])


def test_images_of_a_batch_do_not_see_each_other(case):
    _, noisy, guess = case
    both, level = estimates(torch.cat([noisy.flip(-1), noisy]), torch.cat([guess.flip(-1), guess]))
    alone, level_alone = estimates(noisy, guess)
    assert all(torch.allclose(a[1:], b, atol=1e-5) for a, b in zip(both, alone))
    assert torch.allclose(level[1:], level_alone, rtol=1e-4)


def test_twice_the_contrast_comes_out_as_such(case):
    _, noisy, guess = case
    once, twice = estimates(noisy, guess)[0], estimates(2 * noisy, 2 * guess)[0]
    assert all(torch.allclose(2 * a, b, atol=1e-3) for a, b in zip(once, twice))


def test_the_level_of_the_noise_is_found_by_brightness():
    rng = torch.Generator().manual_seed(0)
    clean = torch.linspace(0.1, 0.9, 128).expand(1, 1, 128, 128)
    noisy = clean + (0.02 + 0.1 * clean) * torch.randn(clean.shape, generator=rng)
    curve = noise_curves(noisy, clean, match_patches(clean + 1e-4 * torch.rand(clean.shape, generator=rng)))[0]
    for bright in (0.2, 0.5, 0.8):
        assert float(curve(torch.tensor([bright])).sqrt()) == pytest.approx(0.02 + 0.1 * bright, rel=0.1)


def test_colors_share_their_places():
    rng = torch.Generator().manual_seed(0)
    clean = torch.cat([stripes(), stripes().flip(-2), 1 - stripes()], 1)
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=rng)
    guess = F.avg_pool2d(F.pad(clean, (2,) * 4, mode="replicate"), 5, 1)
    assert all(error(made, clean) < 0.8 * error(guess, clean) for made in estimates(noisy, guess)[0])


@pytest.mark.parametrize("size", [(8, 8), (8, 40), (16, 8)])
def test_small_and_even_images_stay_finite(size):
    flat = torch.full((1, 1, *size), 0.5)
    assert all(torch.allclose(made, flat, atol=1e-5) for made in estimates(flat, flat)[0])
    net = PatchMatchingNet(PatchMatching(ImageNetwork(1, (4, 8), 1))).eval()
    initialize(net, torch.Generator().manual_seed(0))
    assert net(torch.rand(2, 1, *size)).isfinite().all()


def test_before_its_first_step_the_net_is_believed_alone():
    first = ImageNetwork(1, (4, 8), 1).build().eval()
    initialize(first, torch.Generator().manual_seed(0))
    net = with_patch_matching(first).eval()
    initialize(net.gate, torch.Generator().manual_seed(0))
    net.zero_init()
    y = torch.rand(1, 1, 32, 32)
    assert torch.allclose(net(y), map_symmetries(first, y, range(8)).mean(0), atol=1e-6)


@pytest.mark.trained
def test_what_similar_patches_say_helps(model):
    clean, noisy = noisy_image()
    with_it = model.transform(noisy)
    without = zl.Denoiser.transform(model.set_params(patch_matching=False), noisy)
    model.set_params(patch_matching=True)
    assert error(with_it, clean) < 0.9 * error(without, clean)
    epochs = [entry["epoch"] for entry in model.history_]
    assert epochs == list(range(121)) and model.n_epochs_ == 120  # those of the net
    assert "similar patches" in str(model.describe())


def test_pixels_that_are_drawn_stand_for_all(case, monkeypatch):
    clean, noisy, _ = case
    first = ImageNetwork(1, (4, 8), 1).build().eval()
    initialize(first, torch.Generator().manual_seed(0))
    net = with_patch_matching(first).eval()
    monkeypatch.setattr(gate_training, "KEPT", 50_000)  # as many as it takes for means to settle: pixels come again
    monkeypatch.setattr(gate_training, "FLAT", 0.02)
    batch = Batch(noisy.repeat(16, 1, 1, 1), target=clean.repeat(16, 1, 1, 1))
    rows = gate_training._pixels(net, FromPairs(), batch, None, 0)
    with torch.no_grad():
        looked = patch_matching.gate_inputs(net, noisy)
    stands_for = rows[:, -1]
    assert float(stands_for.mean()) == pytest.approx(1, rel=0.02)
    apart = (looked.apart / looked.noise[:, None].sqrt())[0, :, 0].flatten(1)
    wanted = ((clean - looked.guess) / looked.noise.sqrt()).flatten()
    count = net.ESTIMATES
    for drawn, every in zip(rows[:, -count - 2 : -1].T, [*apart, wanted]):
        assert float((stands_for * drawn.square()).mean()) == pytest.approx(float(every.square().mean()), rel=0.05)
    far = rows[:, -count - 2 : -3].square().sum(1)
    assert float(far.mean()) > 1.1 * float(apart[:-1].square().sum(0).mean())  # more is drawn where there is to learn


def test_files(model, tmp_path):
    _, noisy = noisy_image()
    model.save(tmp_path / "m")
    again = zl.load(tmp_path / "m")
    assert np.array_equal(again.transform(noisy), model.transform(noisy))


def test_small_images_get_all_and_large_ones_one_pass(model, monkeypatch):
    _, noisy = noisy_image()
    best = model.set_params(patch_matching=True, n_augmentations=8).transform(noisy)
    fast = model.set_params(patch_matching=False, n_augmentations=1).transform(noisy)
    model.set_params(patch_matching="auto", n_augmentations="auto")
    assert np.array_equal(model.transform(noisy), best)
    monkeypatch.setattr(signals, "SMALL", noisy.size - 1)
    assert np.array_equal(model.transform(noisy), fast)
    model.set_params(patch_matching=True, n_augmentations=1)


@pytest.mark.trained
def test_any_size_and_no_seam(model, monkeypatch):
    for shape in [(33, 21), (7, 100), (1, 1)]:
        assert model.transform(np.full(shape, 90, np.uint8)).shape == shape
    _, noisy = noisy_image(height=150, width=170)
    whole = model.transform(noisy)
    monkeypatch.setattr(signals, "TILE", 96)
    # The noise's level is that of a tile, not of the image: nearly the same, and blended from tile to tile.
    assert np.abs(model.transform(noisy) - whole).mean() < 0.002


@pytest.mark.trained
def test_going_on(model):
    images = [stripes(phase=k)[0, 0].numpy() for k in range(3)]
    settings = {"noise": NOISE, "modality": "image", "random_state": 0, "max_epochs": 1}
    more = zl.Denoiser(patch_matching=True, **settings).fit(images, init_from=model)
    assert more.network_.net.spec == model.network_.net.spec
    plain = zl.Denoiser(**settings).fit(images, init_from=model)
    assert plain.network_.net.spec == model.network_.net.spec.first
    clean, noisy = noisy_image()
    assert error(more.transform(noisy), clean) < 1.2 * error(model.transform(noisy), clean)


def test_minutes_are_shared():
    images = [stripes(phase=k)[0, 0].numpy() for k in range(3)]
    model = zl.Denoiser(
        noise=NOISE, modality="image", hidden=(8, 16), patch_matching=True, max_minutes=0.05, random_state=0
    ).fit(images)
    assert model.stopped_by_ == "max_minutes" and model.fit_seconds_ < 8


def test_bad_input(model):
    with pytest.raises(ParameterError, match="patch_matching"):
        zl.Denoiser(patch_matching="often", modality="image").fit(np.zeros((4, 16, 16)))
    with pytest.raises(DataError, match="images alone"):
        zl.Denoiser(patch_matching=True, modality="table").fit(np.random.default_rng(0).normal(size=(50, 3)))
    plain = zl.Denoiser(noise=NOISE, modality="image", hidden=(8,), max_epochs=1, random_state=0).fit(
        [stripes()[0, 0].numpy()] * 2
    )
    with pytest.raises(DataError, match="fitted without"):
        plain.set_params(patch_matching=True).transform(np.zeros((16, 16)))
    with pytest.raises(ParameterError, match="n_augmentations"):
        plain.set_params(patch_matching=False, n_augmentations=3).transform(np.zeros((16, 16)))
