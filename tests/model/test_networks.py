"""Nets in whole models: what they learn, what they cost, and data of one axis, for which a small form is made here."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from zandloper import Autoencoder
from zandloper.errors import DataError, ParameterError
from zandloper.fitting.blueprint import Blueprint, flops_per_row
from zandloper.fitting.choose_network import _net
from zandloper.modality import Modality, Scaler, Schema
from zandloper.model.bottlenecks.plain import Plain
from zandloper.model.corruptions.identity import Identity
from zandloper.model.layers.layers import initialize
from zandloper.model.losses.mse import MSE
from zandloper.model.networks.attention import Attention
from zandloper.model.networks.conv1d import Conv1dNet
from zandloper.model.networks.conv2d import Conv2dNet
from zandloper.model.networks.dense import Dense
from zandloper.model.networks.unet2d import UNet2d


@dataclass(frozen=True)
class Waves(Modality):
    """Arrays (n, channels, length), taken as they are."""

    name: ClassVar[str] = "waves"

    def learn(self, X, caller, loss="auto", target=False):
        return WavesSchema(X.shape[1:]), X


@dataclass(frozen=True)
class WavesSchema(Schema):
    name: ClassVar[str] = "waves_schema"
    shape: tuple[int, ...] = (1, 1)

    @property
    def in_shape(self):
        return self.shape

    def feature_names(self):
        return [f"value_{i}" for i in range(int(np.prod(self.shape)))]

    def loss(self, given):
        return MSE()

    def read(self, X, caller):
        return X

    def give(self, values, like=None):
        return values

    def scaler(self):
        return WavesScaler()


class WavesScaler(Scaler):
    def encode(self, raw):
        return raw.float(), None

    def restore(self, point):
        return point


@pytest.fixture(scope="module")
def waves():
    """Sines of any phase and of one to three periods in 61 steps, (300, 2, 61), the second channel a quarter behind."""
    rng, t = np.random.default_rng(0), np.linspace(0, 2 * np.pi, 61)
    angle = rng.uniform(1, 3, (300, 1)) * t + rng.uniform(0, 2 * np.pi, (300, 1))
    return np.stack([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)


@pytest.mark.trained
@pytest.mark.parametrize("encoder", ["conv1d", "attention"])
@pytest.mark.parametrize("linear_path", [True, False])
def test_waves_are_learned(encoder, linear_path, waves):
    model = Autoencoder(
        4,
        hidden=(16, 32) if encoder == "conv1d" else (32,),
        encoder=encoder,
        modality=Waves(),
        linear_path=linear_path,
        max_epochs=15,
        batch_size=32,
        random_state=0,
    ).fit(waves)
    assert model.predict(waves).shape == waves.shape and model.score(waves) > 0.5
    whole = model.transform(waves)
    assert np.array_equal(np.concatenate([model.transform(waves[i : i + 1]) for i in range(9)]), whole[:9])
    if linear_path:
        assert min(entry["validation"] for entry in model.history_) < 0.9 * model.history_[0]["validation"]


@pytest.mark.trained
def test_images_are_learned_by_attention_alone(images):
    """Better than the constant prediction without the linear path, and than the start at PCA with it."""
    settings = {"encoder": "attention", "hidden": (32,), "batch_size": 32, "random_state": 0}
    alone = Autoencoder(3, linear_path=False, max_epochs=40, **settings).fit(images)
    assert alone.score(images) > 0.5
    both = Autoencoder(3, max_epochs=40, **settings).fit(images)
    assert min(entry["validation"] for entry in both.history_) < 0.9 * both.history_[0]["validation"]


@pytest.mark.parametrize(
    ("shape", "net"),
    [
        ((5000,), Dense),
        ((1, 4096), Dense),
        ((2, 2049), Conv1dNet),
        ((1, 64, 64), Dense),
        ((1, 64, 65), Conv2dNet),
    ],
    ids=str,
)
def test_what_auto_takes(shape, net):
    chosen = _net("auto", WavesSchema(shape), 8, Autoencoder(), "me", "encoder")
    assert isinstance(chosen, net)


def test_series_are_no_images():
    with pytest.raises(
        ParameterError, match=r"'auto' or 'attention' or 'conv1d' or 'dense' or .*for samples of shape \(2, 9\)"
    ):
        _net("conv2d", WavesSchema((2, 9)), 8, Autoencoder(), "me", "encoder")


def work_of(encoder, decoder, shape):
    schema = WavesSchema(shape)
    return flops_per_row(Blueprint(schema, None, Identity(), encoder, Plain(), decoder, MSE(), 3, False).build({}))


def test_operations_are_counted():
    """Two for each weight that a value meets: worked out by hand."""
    assert work_of(Dense((5,)), Dense((5,)), (7,)) == 2 * (7 * 5 + 5 * 3 + 3 * 5 + 5 * 7)
    # 9 steps to 5 of 4 channels; back from 5 steps, each of whose values meets 2 x 4 weights.
    conv = 5 * 4 * 2 * 3 + 20 * 3 + 3 * 20 + 5 * 4 * 2 * 4
    assert work_of(Conv1dNet((4,)), Conv1dNet((4,)), (2, 9)) == 2 * conv
    image = 3 * 3 * 4 * 2 * 9 + 36 * 3 + 3 * 36 + 3 * 3 * 4 * 2 * 16
    assert work_of(Conv2dNet((4,)), Conv2dNet((4,)), (2, 6, 5)) == 2 * image
    # 5 patches of 2 x 2 values and 1 summary; a block of width 8: 8 x (24 + 8 + 32 + 32) weights, and twice the
    # products of every token with every other.
    net = Attention((8,), patch=2, heads=2, summaries=1)
    block = lambda tokens: tokens * 8 * (24 + 8 + 32 + 32) + 2 * tokens * tokens * 8  # noqa: E731
    attention = 5 * 4 * 8 + block(6) + 8 * 3 + 3 * 40 + block(5) + 5 * 8 * 4
    assert work_of(net, net, (2, 9)) == 2 * attention


def test_bfloat16_trains_attention(images):
    model = Autoencoder(3, hidden=(16,), encoder="attention", precision="bfloat16", max_epochs=2, random_state=0).fit(
        images
    )
    assert np.isfinite(model.transform(images)).all() and all(
        p.dtype == torch.float32 for p in model.module_.parameters()
    )


def grids(spec, outputs=2):
    """Encoder and decoder of a U-Net on grids as one function, its weights drawn."""
    encoder, decoder = spec.encoder((1, 0, 0)).eval(), spec.decoder(spec.hidden[-1], (outputs, 0, 0)).eval()
    for part in (encoder, decoder):
        initialize(part, torch.Generator().manual_seed(0))

    def both(x):
        neck = encoder(x)
        return decoder(neck.value, neck.skips)

    return both


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("residual", [0, 2])
def test_one_unet_reads_images_of_any_size(skips, residual, rng):
    """What it says in the middle of a large image it says of that part alone: nothing depends on the size."""
    net = grids(UNet2d((4, 8, 8), skips=skips, residual=residual, grid=True))
    image = torch.from_numpy(rng.normal(size=(2, 1, 160, 136)).astype(np.float32))
    with torch.no_grad():
        whole, part = net(image), net(image[..., 16:144, 16:120])
    assert whole.shape == (2, 2, 160, 136)
    torch.testing.assert_close(whole[..., 64:96, 64:72], part[..., 48:80, 48:56], rtol=1e-4, atol=1e-5)
    with pytest.raises(DataError, match="reads sizes that 4 divides, got \\(30, 32\\)"):
        net(image[..., :30, :32])


@pytest.mark.parametrize("residual", [0, 4])
@pytest.mark.parametrize("skips", [True, False])
def test_a_unet_without_biases_keeps_a_factor(residual, skips, rng):
    net = grids(UNet2d((4, 8, 16), bias=False, residual=residual, skips=skips, grid=True))
    image = torch.from_numpy(rng.normal(size=(1, 1, 32, 32)).astype(np.float32))
    with torch.no_grad():
        torch.testing.assert_close(net(10 * image), 10 * net(image), rtol=1e-4, atol=1e-4)
        assert 0.01 < net(image).std() < 100  # many blocks in a row neither fade nor blow up
    with pytest.raises(ParameterError, match=r"relu.*with bias=False"):
        UNet2d(activation="silu", bias=False)


@pytest.mark.parametrize("residual", [0, 1])
def test_skips_carry_what_the_code_lacks(residual, rng):
    """From the same code, other skips decode to something else; without skips there is the code alone."""
    x = torch.from_numpy(rng.normal(size=(2, 1, 16, 16)).astype(np.float32))
    for skips in (True, False):
        spec = UNet2d((4, 8, 8), skips=skips, residual=residual, grid=True)
        encoder, decoder = spec.encoder((1, 0, 0)).eval(), spec.decoder(8, (1, 0, 0)).eval()
        for part in (encoder, decoder):
            initialize(part, torch.Generator().manual_seed(0))
        with torch.no_grad():
            mine, other = encoder(x), encoder(2 * x)
            assert len(mine.skips) == (2 if skips else 0)
            one, two = decoder(mine.value, mine.skips), decoder(mine.value, other.skips)
        assert torch.equal(one, two) != skips


def test_bfloat16_trains_a_unet(images):
    model = Autoencoder(3, hidden=(4, 8), encoder="unet2d", precision="bfloat16", max_epochs=2, random_state=0).fit(
        images
    )
    assert model.predict(images).shape == images.shape and np.isfinite(model.transform(images)).all()
