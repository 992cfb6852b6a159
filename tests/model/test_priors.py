"""The score prior: where it begins, what it draws, and that parts of a drawing are the drawing."""

import numpy as np
import pytest
import torch

from zandloper.model.layers.layers import initialize
from zandloper.model.networks.spatial import SUMMARIES, Spatial, places
from zandloper.model.priors import score
from zandloper.model.priors.score import Score


def begun(codes, **settings):
    """A prior that knows codes and has not trained."""
    rng = torch.Generator().manual_seed(0)
    prior = Score(**settings).build(codes.shape[1])
    initialize(prior, rng)
    prior.start(codes, rng)
    return prior.eval()


def drawn(n, *shape, seed=1):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def test_one_gaussian_by_the_formula():
    """E[z | x] = m + C (C + s^2)^-1 (x - m), for values that go together and values that do not."""
    codes = drawn(5000, 3) @ torch.tensor([[0.2, 0.0, 0.0], [0.0, 1.0, 2.0], [0.0, 0.0, 3.0]]) + 5
    prior, x = begun(codes, components=1), drawn(9, 3)
    units = (codes - prior.mean) / prior.unit
    c = units.T.cov()
    own = prior.component_axes[0] * prior.component_variances[0] @ prior.component_axes[0].T
    # A tenth of the codes is held out: of the covariance of all it has what 4,500 draws can have.
    assert torch.allclose(own, c, atol=0.05 * float(c.diag().max()))
    assert torch.allclose(prior.component_means[0], torch.zeros(3), atol=0.05)
    for level in (0.7, 3.0):
        wanted = (x - prior.component_means[0]) @ torch.linalg.solve(
            own + level**2 * torch.eye(3), own
        ) + prior.component_means[0]
        assert torch.allclose(prior.denoised(x, torch.full((9, 1), level)), wanted, atol=1e-4)


def test_correlations_are_kept_where_codes_are_many():
    """Six thousand codes near a line, bent where it is: Gaussians along it, not a hundred balls."""
    along = drawn(6000, 1)
    codes = torch.cat([along, along + 0.05 * drawn(6000, 1, seed=2), along.abs() + 0.05 * drawn(6000, 1, seed=3)], 1)
    prior = begun(codes)
    used = prior.component_weights > 0
    assert used.sum() == score.FULL and prior.full_covariance
    made = prior.sample(2000, torch.Generator().manual_seed(0))
    assert (made[:, 0] - made[:, 1]).std() < 0.08


def test_untrained_it_draws_calm_and_wild_codes_as_they_come():
    """Values that are calm together and wild together, which no single Gaussian is: kurtosis well above 3."""
    wild = torch.rand(4000, 1, generator=torch.Generator().manual_seed(3)) < 0.2
    codes = drawn(4000, 6) * torch.where(wild, 3.0, 0.3)
    made = begun(codes).sample(4000, torch.Generator().manual_seed(4)).numpy()
    for of in (made, codes.numpy()):
        assert (of**4).mean() / (of**2).mean() ** 2 > 6
    assert abs(made.std() / codes.numpy().std() - 1) < 0.1
    calm = lambda of: (np.abs(of) < 1).all(1).mean()  # noqa: E731
    assert abs(calm(made) - calm(codes.numpy())) < 0.05


def test_drawing_in_parts_is_drawing_at_once(monkeypatch):
    prior = begun(drawn(200, 3))
    whole = prior.sample(50, torch.Generator().manual_seed(0))
    monkeypatch.setattr(score, "PART", 16)
    assert torch.allclose(whole, prior.sample(50, torch.Generator().manual_seed(0)), atol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 40])
def test_few_codes_and_constant_ones(n):
    codes = torch.cat([drawn(n, 2), torch.full((n, 1), 4.0)], 1)
    made = begun(codes).sample(20, torch.Generator().manual_seed(0))
    assert torch.isfinite(made).all() and (made[:, 2] - 4).abs().max() < 0.1


@pytest.mark.trained
def test_summaries_stand_before_the_places():
    shape = (3, 28, 28)
    about = Spatial.latents(shape, 49)
    assert about == 49 + SUMMARIES
    net = Spatial.auto(shape, about)
    assert net.summaries == SUMMARIES and places(shape, len(net.hidden)) == 49
    assert Spatial.auto(shape, 49).summaries == 0
    encoder, decoder = net.encoder(shape), net.decoder(about * 4, shape)
    for part in (encoder, decoder):
        initialize(part, torch.Generator().manual_seed(0))
    x = torch.rand(2, *shape)
    neck = encoder(x).value
    assert neck.shape == (2, encoder.encoding_dim) and encoder.encoding_dim % encoder.n_positions == 0
    code = torch.randn(2, about * 4)
    other = code.clone()
    other[:, 0] += 1  # of the first summary
    change = (decoder(code) - decoder(other)).abs().amax((0, 1))
    assert (change > 0).float().mean() > 0.9  # is seen everywhere
    other = code.clone()
    other[:, -1] += 1  # of the last place
    change = (decoder(code) - decoder(other)).abs().amax((0, 1))
    assert change[-4:, -4:].max() > 0 and change[:4, :4].max() == 0  # is seen nearby


@pytest.mark.trained
def test_contexts_say_which_gaussians_are_meant():
    label = torch.arange(900) % 3
    codes = drawn(900, 4) + 4 * torch.nn.functional.one_hot(label, 4)
    context = torch.cat([torch.nn.functional.one_hot(label, 3), torch.ones(900, 1)], 1).float()
    prior = Score(components=9).build(4, 4)
    rng = torch.Generator().manual_seed(0)
    initialize(prior, rng)
    prior.start(codes, rng, None, context)
    prior.eval()
    made = prior.sample(300, torch.Generator().manual_seed(1), context[:300])
    assert (made[:, :3].argmax(1) == label[:300]).float().mean() > 0.95
    free = prior.sample(300, torch.Generator().manual_seed(1), torch.zeros(300, 4))
    counts = free[:, :3].argmax(1).bincount(minlength=3)
    assert counts.min() > 60  # told nothing, all of them


@pytest.mark.trained
def test_what_is_not_told_of_a_context_says_nothing():
    """Two columns, a class and a number that moves codes far: told the class alone, the number is as it comes."""
    label, number = torch.arange(3000) % 2, drawn(3000)
    context = torch.stack([1.0 - label, 1.0 * label, number, torch.ones(3000), torch.ones(3000)], 1)
    codes = torch.stack([3.0 * label, number], 1) + 0.1 * drawn(3000, 2, seed=2)
    prior = Score().build(2, 5)
    rng = torch.Generator().manual_seed(0)
    initialize(prior, rng)
    prior.start(codes, rng, None, context)
    prior.eval()
    half = context[label == 1][:500].clone()
    half[:, [2, 4]] = 0
    made = prior.sample(500, torch.Generator().manual_seed(1), half)
    assert ((made[:, 0] - 3).abs() < 1).float().mean() > 0.95
    assert 0.8 < made[:, 1].std() < 1.2
    whole = prior.sample(500, torch.Generator().manual_seed(1), context[:500])
    assert (whole[:, 1] - number[:500]).abs().mean() < 0.3
