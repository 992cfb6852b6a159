"""Contracts of the slots, over all parts that discovery finds: a new part is tested with no new test.

A part needs an example here only where it cannot be made without: a modality needs data, a spec with fields that have
no default needs values for them. The test that misses one says so.
"""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

import zandloper.modality
import zandloper.model.bottlenecks
import zandloper.model.corruptions
import zandloper.model.losses
import zandloper.model.networks
from zandloper.errors import DataError, FileError, ParameterError
from zandloper.modality import Modality, Schema, chunks_of
from zandloper.model.batch import Batch, BottleneckOutput, CorruptedInput, EncoderOutput
from zandloper.model.bottlenecks.plain import Plain
from zandloper.model.corruptions.observed_subset import ObservedSubset
from zandloper.model.layers import layers
from zandloper.model.layers.attention import ScaledDotProductAttention, TransformerBlock
from zandloper.model.losses.bce import BCE
from zandloper.model.losses.cross_entropy import CrossEntropy
from zandloper.model.losses.mae import MAE
from zandloper.model.losses.mixed import MixedColumns
from zandloper.model.losses.mse import MSE
from zandloper.model.losses.token_cross_entropy import TokenCrossEntropy, TokenCrossEntropyLoss
from zandloper.model.networks import Network
from zandloper.model.networks.attention import Attention, PatchLayout
from zandloper.model.networks.conv1d import Conv1dNet
from zandloper.model.networks.conv2d import Conv2dNet
from zandloper.model.networks.dense import Dense
from zandloper.model.networks.spatial import Spatial
from zandloper.model.networks.tokens import Tokens
from zandloper.model.networks.unet2d import UNet2d
from zandloper.spec import Spec, build_spec, discover

PACKAGES = [
    zandloper.model.corruptions,
    zandloper.model.networks,
    zandloper.model.bottlenecks,
    zandloper.model.losses,
    zandloper.modality,
]
PARTS = [(package, spec) for package in PACKAGES for spec in discover(package).values()]


def named(specs):
    """Specs as pytest parameters, with readable names."""
    return [pytest.param(spec, id=f"{spec.name}-{i}") for i, spec in enumerate(specs)]


def defaults_of(package):
    """One spec of each part with its default settings."""
    return [spec() for spec in discover(package).values() if not _required(spec)]


def _required(spec):
    return [f.name for f in dataclasses.fields(spec) if f.default is f.default_factory is dataclasses.MISSING]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ready(module, seed=0):
    """A module with its weights drawn, as it predicts."""
    layers.initialize(module, generator(seed))
    return module.eval()


def draw(*shape, seed=1):
    return torch.randn(*shape, generator=generator(seed))


# ---------------------------------------------------------------------------------------------------------------- specs

# Data of every modality, in each of the kinds that it takes.
SAMPLES = {
    "table": [
        np.arange(24.0).reshape(8, 3) % 7,
        np.eye(5, 3, dtype=np.float32),
        np.array([[1, np.nan], [2, 5], [np.nan, 7], [0, 1]]),
        {"a": [1.5, 2.5, None, 0.5], "b": ["u", "v", "u", None], "c": [True, False, None, True]},
    ],
    "discrete_table": [
        np.arange(24.0).reshape(8, 3) % 7,
        np.sqrt(np.arange(4800.0)).reshape(4800, 1),  # so many that a number has two digits
        np.array([[1, np.nan], [2, 5], [np.nan, 7], [0, 1]]),
        {"a": [1.5, 2.5, None, 0.5], "b": ["u", "v", "u", None], "c": [True, False, None, True]},
    ],
    "image": [
        np.arange(2 * 5 * 7, dtype=np.uint8).reshape(2, 5, 7),
        np.linspace(0, 1, 3 * 4 * 6 * 3).reshape(3, 4, 6, 3),
        [np.full((5, 4, 4), 7 * i, np.uint8) for i in range(3)],
    ],
    "series": [
        np.sin(np.arange(40, dtype=np.float32)),
        np.where(np.arange(80).reshape(40, 2) % 11, np.arange(80.0).reshape(40, 2), np.nan),
        [np.arange(3.0 * n).reshape(n, 3) % 5 for n in (30, 4, 21)],
        {"time": [*range(10), *range(12, 30)], "a": [i % 7 for i in range(28)], "b": [0.5] * 28},
    ],
    "text": [["a red cat", "a cat, blue", "red on red", "blue"] * 3],
    "audio": [
        np.sin(np.arange(3 * 2000.0).reshape(3, 2000) * 0.3),
        [(9000 * np.sin(np.arange(n) * 0.2)).astype(np.int16) for n in (900, 160, 2000)],
        np.sin(np.outer(np.arange(150_000) * 0.01, [1.0, 2.0]))[None],
    ],
}


def as_data(sample):
    import polars as pl

    return pl.DataFrame(sample) if isinstance(sample, dict) else sample


def schemas():
    """Every modality with every one of its samples."""
    found = [spec for spec in discover(zandloper.modality).values() if issubclass(spec, Modality)]
    return [
        pytest.param(spec, i, id=f"{spec.name}-{i}") for spec in found for i in range(len(SAMPLES.get(spec.name, [0])))
    ]


def learned(spec, i):
    assert spec.name in SAMPLES, f"the modality {spec.name!r} needs example data in SAMPLES"
    X = as_data(SAMPLES[spec.name][i])
    schema, raw = spec().learn(X, "the test")
    return X, schema, np.asarray(raw[:])


SPECS = [
    *itertools.chain(*map(defaults_of, PACKAGES)),
    Dense((7, 5), "tanh", 3),
    Dense(()),
    Conv2dNet((4,), "relu"),
    Conv1dNet((4, 5)),
    Attention((8, 9), "tanh", 3, 2, 1),
    MSE(0.0, 1.0),
    MAE(-1.0, None),
    CrossEntropy(5),
    MixedColumns((0, 1, 4)),
    TokenCrossEntropy((3, 2)),
    ObservedSubset((3, 2)),
    zandloper.modality.Image((12, 9), 3),
]


def there_and_back(package, spec):
    """A spec through JSON text."""
    return build_spec(package, json.loads(json.dumps(spec.to_dict(), allow_nan=False)))


@pytest.mark.parametrize(("package", "spec"), PARTS, ids=lambda p: getattr(p, "name", None))
def test_every_part_is_frozen_and_has_a_name_of_its_own(package, spec):
    assert dataclasses.is_dataclass(spec) and spec.__dataclass_params__.frozen and issubclass(spec, Spec)
    assert [s for p, s in PARTS if s.name == spec.name] == [spec]
    assert isinstance(spec.__doc__, str)


@pytest.mark.parametrize("spec", named(SPECS))
def test_specs_go_to_json_and_back(spec):
    package = next(p for p in PACKAGES if spec.name in discover(p))
    back = there_and_back(package, spec)
    assert back == spec and hash(back) == hash(spec) and type(back) is type(spec)
    assert there_and_back(package, spec).to_dict() == spec.to_dict()


@pytest.mark.parametrize("spec", named(SPECS))
def test_settings_that_a_part_does_not_have_are_refused(spec):
    package = next(p for p in PACKAGES if spec.name in discover(p))
    with pytest.raises(FileError, match=rf"part '{spec.name}' do not fit this version: \['novel'\] unknown or missing"):
        build_spec(package, {**spec.to_dict(), "novel": 1})
    for field in dataclasses.fields(spec):
        less = {k: v for k, v in spec.to_dict().items() if k != field.name}
        with pytest.raises(FileError, match="unknown or missing"):
            build_spec(package, less)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_a_part_that_does_not_exist_is_named(package):
    with pytest.raises(ParameterError, match=f"no part named 'magic' in {package.__name__}, there is: "):
        build_spec(package, {"name": "magic"})


# ----------------------------------------------------------------------------------------------------------------- nets

IMAGES = [(1, 13, 9), (3, 28, 28), (1, 5, 5), (2, 1, 3), (4, 16, 7)]
SERIES = [(1, 1), (3, 2), (1, 3), (2, 7), (1, 61)]
# What is set apart from the defaults.
VARIANTS = [
    Dense(()),
    Dense((6,), "tanh"),
    Dense((9, 8, 4), "linear"),
    Conv1dNet((4,), "relu"),
    Conv1dNet((3, 5, 6, 7), "gelu"),
    Conv2dNet((4,), "relu"),
    Conv2dNet((3, 5, 6, 7), "gelu"),
    UNet2d((4, 8), "silu"),
    UNet2d((4, 6, 8), residual=2),
    UNet2d((5,), bias=False, residual=1),
    Attention((10, 6), "relu", patch=3, heads=2, summaries=1),
    Attention((5,), "gelu", patch=100, heads=1),
    Spatial((5, 6), "relu", depth=1),
    Tokens((10, 6), "relu", heads=2, summaries=1),
]
NETS = [*defaults_of(zandloper.model.networks), *VARIANTS]


def on(*shapes):
    """Every net on those of some shapes that it fits."""
    return pytest.mark.parametrize(
        ("spec", "shape"),
        [
            pytest.param(spec, shape, id=f"{spec.name}-{i}-{shape}")
            for i, spec in enumerate(NETS)
            for shape in shapes
            if spec.fits(shape)
        ],
    )


every_net = on((2, 7, 6), (2, 13))


@pytest.mark.parametrize("spec", discover(zandloper.model.networks).values(), ids=lambda s: s.name)
def test_nets_say_what_they_read(spec):
    assert issubclass(spec, Network) and spec.reads and "3" in spec.layer.format(3)
    fitting = [shape for shape in ((6,), *SERIES, *IMAGES) if spec.fits(shape)]
    assert fitting
    if not spec.shallow:
        assert spec().hidden


@on(*IMAGES, *SERIES)
@pytest.mark.parametrize("context", [0, 3])
def test_encoders_claim_the_neck_that_they_emit(spec, shape, context):
    net = ready(spec.encoder(shape, context))
    neck = net(draw(4, *shape), draw(4, context) if context else None)
    assert isinstance(neck, EncoderOutput) and neck.value.shape == (4, net.encoding_dim) and neck.skips == ()
    assert neck.value.isfinite().all()


@on(*IMAGES, *SERIES)
@pytest.mark.parametrize("context", [0, 3])
def test_decoders_give_the_shape_that_was_asked_for(spec, shape, context):
    net = ready(spec.decoder(6, shape, context))
    out = net(draw(4, 6), (), draw(4, context) if context else None)
    assert out.shape[0] == 4 and out[0].numel() == math.prod(shape)
    assert out.reshape(4, *shape).isfinite().all()


@every_net
def test_nets_hear_the_context(spec, shape):
    x, z, one, other = draw(4, *shape), draw(4, 6), draw(4, 3, seed=2), draw(4, 3, seed=3)
    encoder, decoder = ready(spec.encoder(shape, 3)), ready(spec.decoder(6, shape, 3))
    for net, value in ((lambda c: encoder(x, c).value, one), (lambda c: decoder(z, (), c), one)):
        assert not torch.equal(net(value), net(other))
        assert torch.equal(net(value), net(value.double()))  # whatever the type of its numbers


@every_net
@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_a_gradient_reaches_every_parameter(spec, shape, side):
    net = ready(spec.encoder(shape) if side == "encoder" else spec.decoder(5, shape)).train()
    out = net(draw(8, *shape)).value if side == "encoder" else net(draw(8, 5))
    if list(net.parameters()):  # a net may have no layers
        (out * draw(*out.shape, seed=2)).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
        assert parameter.grad.isfinite().all(), name


@every_net
def test_a_row_does_not_depend_on_the_others(spec, shape):
    encoder, decoder = ready(spec.encoder(shape)), ready(spec.decoder(5, shape))
    for net, rows in ((lambda x: encoder(x).value, draw(6, *shape)), (lambda z: decoder(z), draw(6, 5))):
        whole = net(rows)
        others = torch.cat([rows[:2], 100 * rows[2:] + 1])
        assert torch.equal(net(others)[:2], whole[:2])
        torch.testing.assert_close(torch.cat([net(row[None]) for row in rows]), whole, rtol=1e-4, atol=1e-5)


@on(*IMAGES, *SERIES)
def test_a_row_does_not_depend_on_its_place(spec, shape):
    """In blocks of one size, bit for bit: that is how rows are scored, in blocks of 32 and more."""
    encoder, decoder = ready(spec.encoder(shape)), ready(spec.decoder(5, shape))
    order = torch.randperm(32, generator=generator())
    with torch.inference_mode():
        for net, rows in ((lambda x: encoder(x).value, draw(32, *shape)), (lambda z: decoder(z), draw(32, 5))):
            assert torch.equal(net(rows[order]), net(rows)[order])


@given(
    st.lists(st.integers(1, 20), min_size=2, max_size=3),
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.integers(1, 5),
)
def test_a_row_does_not_depend_on_its_place_in_nets_of_any_size(shape, hidden, small):
    order = torch.randperm(32, generator=generator())
    for spec in (
        Conv1dNet(tuple(hidden)),
        Conv2dNet(tuple(hidden)),
        Attention(tuple(hidden), "silu", small, small, small),
    ):
        if spec.fits(shape):
            encoder, decoder = ready(spec.encoder(tuple(shape))), ready(spec.decoder(small, tuple(shape)))
            x, z = draw(32, *shape), draw(32, small)
            with torch.inference_mode():
                assert torch.equal(encoder(x[order]).value, encoder(x).value[order])
                assert torch.equal(decoder(z[order]), decoder(z)[order])


@every_net
def test_a_decoder_that_starts_at_zero_says_nothing(spec, shape):
    net = ready(spec.decoder(5, shape))
    assert not torch.equal(net(draw(3, 5)), torch.zeros_like(net(draw(3, 5))))
    net.zero_init()
    assert torch.equal(net(draw(3, 5)), torch.zeros_like(net(draw(3, 5))))
    net(draw(3, 5)).sum().backward()  # silent, not dead: the last layer still learns
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())


@every_net
def test_the_weights_follow_from_the_generator_alone(spec, shape):
    before = torch.get_rng_state()
    for make in (lambda: spec.encoder(shape), lambda: spec.decoder(5, shape)):
        one, same, other = (ready(make(), seed).state_dict() for seed in (3, 3, 4))
        assert all(torch.equal(one[k], same[k]) for k in one)
        assert not one or not all(torch.equal(one[k], other[k]) for k in one if "weight" in k)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("spec", discover(zandloper.model.networks).values(), ids=lambda s: s.name)
@pytest.mark.parametrize("shape", [*IMAGES, *SERIES, (1, 200, 300), (2, 16_000)], ids=str)
@pytest.mark.parametrize("latent", [1, 700])
def test_nets_choose_sizes_for_any_shape(spec, shape, latent):
    if not spec.fits(shape):
        return
    chosen = spec.auto(shape, latent, "relu")
    assert isinstance(chosen, spec) and chosen.activation == "relu" and chosen.hidden
    if math.prod(shape) < 5000:
        assert ready(chosen.decoder(latent, shape))(draw(2, latent)).numel() == 2 * math.prod(shape)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=3), st.integers(1, 12))
def test_patches_are_put_together_as_they_were_cut(shape, side):
    patches, x = PatchLayout(tuple(shape), side), draw(3, *shape)
    cut = patches.cut(x)
    assert cut.shape == (3, patches.count, patches.values) and torch.equal(patches.join(cut), x)
    assert cut.numel() == 3 * shape[0] * patches.rows * patches.side[0] * patches.columns * patches.side[1]
    corner = x[..., : patches.side[1]] if len(shape) == 2 else x[..., : patches.side[0], : patches.side[1]]
    assert torch.equal(cut[:, 0], corner.flatten(1))


@given(st.integers(1, 70), st.integers(1, 5))
def test_series_of_any_length_pass_the_convolutions(length, stages):
    spec = Conv1dNet((3,) * stages)
    encoder, decoder = ready(spec.encoder((2, length))), ready(spec.decoder(4, (2, length)))
    assert encoder(draw(2, 2, length)).value.shape == (2, encoder.encoding_dim)
    assert decoder(draw(2, 4)).shape == (2, 2, length)


def test_attention_knows_where_patches_stand():
    """Without positions the summaries of a picture and of the same patches in another order would be equal."""
    encoder, x = ready(Attention((16,), patch=2).encoder((1, 4, 4))), draw(2, 1, 4, 4)
    other = x.roll(2, dims=3)
    assert not torch.allclose(encoder(x).value, encoder(other).value, atol=1e-3)
    encoder.positions.weight.data[4:] = 0
    torch.testing.assert_close(encoder(x).value, encoder(other).value, rtol=1e-4, atol=1e-5)


def test_attention_is_the_formula():
    q, k, v = draw(2, 3, 5, 4), draw(2, 3, 7, 4, seed=2), draw(2, 3, 7, 4, seed=3)
    share = (q @ k.transpose(-1, -2) / 2).softmax(-1)
    torch.testing.assert_close(ScaledDotProductAttention()(q, k, v), share @ v)
    block, h = ready(TransformerBlock(6, 2, causal=True)), draw(2, 5, 6)
    torch.testing.assert_close(block(h)[:, :3], block(h[:, :3]))  # later tokens are not heard


def test_weights_keep_the_size_of_what_passes():
    """The drawn weights neither fade nor blow up what passes: He et al. 2015 for layers that rectify."""
    encoder = ready(Dense((512,) * 8, "relu").encoder((512,)))
    assert 0.5 < encoder(draw(256, 512)).value.square().mean() < 2  # 1 in expectation
    images = ready(Conv2dNet((64, 64, 64), "relu").encoder((64, 32, 32)))
    assert 0.3 < images(draw(8, 64, 32, 32)).value.square().mean() < 2
    series = ready(Conv1dNet((64, 64, 64), "relu").encoder((64, 512)))
    assert 0.3 < series(draw(8, 64, 512)).value.square().mean() < 2
    for back in (layers.ConvTranspose1d(64, 64, 4, 2, 1), layers.ConvTranspose2d(64, 64, 4, 2, 1)):
        x = draw(8, 64, *(32,) * len(back.kernel_size))
        assert 1.6 < ready(back)(x).var() < 2.4  # 2 for inputs of unit variance, which rectifying halves


def test_an_ensemble_is_its_members_computed_apart():
    spec, alone = Dense((7, 5), members=3), Dense((7, 5))
    encoder, decoder = ready(spec.encoder((2, 3), 1)), ready(spec.decoder(4, (2, 3), 1))
    x, c, z = draw(6, 2, 3), draw(6, 1), draw(6, 4)
    necks, outs = encoder(x, c).value, decoder(z, (), c)
    assert necks.shape == (3, 6, 5) and outs.shape == (3, 6, 6)
    assert not torch.allclose(necks[0], necks[1])
    for i in range(3):
        one, back = alone.encoder((2, 3), 1), alone.decoder(4, (2, 3), 1)
        for net, whole in ((one, encoder), (back, decoder)):
            for mine, theirs in zip(net.layers, whole.layers):
                mine.weight.data.copy_(theirs.weight[i].T)
                mine.bias.data.copy_(theirs.bias[i, 0] + 1)
                theirs.bias.data[i] += 1  # biases start at zero: make them tell
        torch.testing.assert_close(encoder(x, c).value[i], one(x, c).value)
        torch.testing.assert_close(decoder(z, (), c)[i], back(z, (), c))
    apart = draw(3, 6, 4, seed=7)  # a code of its own for each member
    both = decoder(apart, (), c.expand(3, 6, 1))
    for i in range(3):
        torch.testing.assert_close(both[i], decoder(apart[i], (), c)[i])


@pytest.mark.parametrize("name", sorted(layers.ACTIVATIONS))
def test_activations_are_used(name):
    x = draw(4, 6)
    net = ready(Dense((5,), name).encoder((6,)))
    torch.testing.assert_close(net(x).value, layers.ACTIVATIONS[name](x @ net.layers[0].weight.T))


# ----------------------------------------------------------------------------------------------------------- bottleneck

every_bottleneck = pytest.mark.parametrize("spec", named(defaults_of(zandloper.model.bottlenecks)))
every_linear_bottleneck = pytest.mark.parametrize(
    "spec", named([spec for spec in defaults_of(zandloper.model.bottlenecks) if spec.linear])
)


@every_bottleneck
@pytest.mark.parametrize(("encoding_dim", "latent_dim"), [(9, 4), (4, 9), (1, 1)])
def test_bottlenecks_give_the_code_that_they_claim(spec, encoding_dim, latent_dim):
    part = ready(spec.build(encoding_dim, latent_dim))
    for rng in (None, generator()):
        code = part(draw(5, encoding_dim), None, rng)
        assert isinstance(code, BottleneckOutput) and code.z.shape == (5, *part.latent_shape)
        assert code.z.isfinite().all()
        assert code.cost is None or (code.cost.shape == (5,) and code.cost.isfinite().all())


@every_linear_bottleneck
def test_the_linear_path_is_added_to_the_head(spec):
    part, neck, offset = ready(spec.build(9, 4)), draw(5, 9), draw(5, 4, seed=2)
    torch.testing.assert_close(part(neck, offset).z, part(neck, None).z + offset)


@every_linear_bottleneck
def test_a_bottleneck_that_starts_at_zero_lets_the_linear_path_speak(spec):
    part, offset = ready(spec.build(9, 4)), draw(5, 4, seed=2)
    assert not torch.equal(part(draw(5, 9), offset).z, offset)
    part.zero_init()
    assert torch.equal(part(draw(5, 9), offset).z, offset)
    part(draw(5, 9), offset).z.sum().backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in part.parameters())


@every_bottleneck
def test_a_code_does_not_depend_on_the_other_rows(spec):
    part, necks = ready(spec.build(9, 4)), draw(6, 9)
    other = torch.cat([necks[:2], 100 * necks[2:] + 1])
    assert torch.equal(part(necks).z[:2], part(other).z[:2])


@every_bottleneck
def test_a_gradient_reaches_every_parameter_of_a_bottleneck(spec):
    part = ready(spec.build(9, 4)).train()
    code = part(draw(8, 9), draw(8, 4, seed=3), generator())
    ((code.z * draw(*code.z.shape, seed=2)).sum() + (0 if code.cost is None else code.cost.sum())).backward()
    for name, parameter in part.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_the_plain_bottleneck_is_one_affine_layer_and_free():
    part, neck = ready(Plain().build(9, 4)), draw(5, 9)
    part.head.bias.data.fill_(3)
    code = part(neck)
    torch.testing.assert_close(code.z, neck @ part.head.weight.T + 3)
    assert code.cost is None


# -------------------------------------------------------------------------------------------------------------- corrupt

CORRUPTIONS = [
    *(
        pytest.param(spec, shape, shape, id=f"{spec.name}-{shape}")
        for spec in defaults_of(zandloper.model.corruptions)
        for shape in ((7,), (2, 6, 5))
    ),
    pytest.param(
        ObservedSubset((2, 3)), (7,), (2,), id="places"
    ),  # a value a symbol and a rank a place; a target a place
]


@pytest.mark.parametrize(("spec", "shape", "target_shape"), CORRUPTIONS)
@pytest.mark.parametrize("reweight", [False, True])
def test_corruptions_keep_shapes_and_leave_the_batch_alone(spec, shape, target_shape, reweight):
    part = spec.build()
    x = draw(4, *shape)
    valid = (draw(4, *shape, seed=2) > 0).float() if reweight else None
    target = draw(4, *target_shape, seed=3)
    batch = Batch(x, valid, target, (draw(4, *target_shape, seed=2) > 0).float() if reweight else None)
    before = x.clone(), None if valid is None else valid.clone(), target.clone()
    seen, again = (part(batch, generator(5)) for _ in range(2))
    assert isinstance(seen, CorruptedInput) and seen.x.shape == x.shape and seen.x.isfinite().all()
    assert seen.valid is None or seen.valid.shape == x.shape
    assert seen.level is None or len(seen.level) == 4
    assert seen.loss_weight is None or seen.loss_weight.shape in (x.shape, target.shape)
    assert torch.equal(batch.x, before[0]) and torch.equal(batch.target, before[2])
    assert valid is None or torch.equal(valid, before[1])
    assert torch.equal(seen.x, again.x)  # the same generator, the same noise


def test_the_identity_changes_nothing():
    batch = Batch(draw(4, 3), torch.ones(4, 3))
    seen = zandloper.model.corruptions.identity.Identity().build()(batch, generator())
    assert seen.x is batch.x and seen.valid is batch.valid and seen.level is None


# -------------------------------------------------------------------------------------------------------------- compare


def zeros_and_ones(*shape, rate=0.3, seed=4):
    """A target that every comparison takes: numbers, probabilities, truth values and class numbers at once."""
    return (torch.rand(*shape, generator=generator(seed)) < rate).float()


MIXED = MixedColumns((0, 1, 3, 0))


def mixed_target(n, seed=4):
    columns = [
        draw(n, seed=seed),
        zeros_and_ones(n),
        (3 * torch.rand(n, generator=generator(seed))).floor(),
        draw(n, seed=9),
    ]
    return torch.stack(columns, 1)


def case(spec, target):
    return pytest.param(spec, target, id=f"{spec.name}-{tuple(target.shape)[1:]}")


COMPARISONS = [
    *(case(spec, zeros_and_ones(60, 1)) for spec in defaults_of(zandloper.model.losses)),
    *(case(spec, zeros_and_ones(20, 2, 3, 5)) for spec in defaults_of(zandloper.model.losses) if spec.name != "mixed"),
    case(MSE(), draw(60, 4)),
    case(MAE(), draw(61, 4)),
    case(MSE(0.0, 1.0), draw(60, 4).sigmoid()),
    case(MAE(0.0, 1.0), draw(61, 4).sigmoid()),
    case(BCE(), draw(60, 4).sigmoid()),
    case(CrossEntropy(3), (3 * draw(60, 4).sigmoid()).floor()),
    case(MIXED, mixed_target(60)),
    case(TokenCrossEntropy((2, 3)), torch.cat([zeros_and_ones(60, 1), (3 * draw(60, 1).sigmoid()).floor()], 1)),
]
every_comparison = pytest.mark.parametrize(("spec", "target"), COMPARISONS)


def build(spec, target):
    return spec.build(tuple(target.shape[1:]))


def shares(part, target):
    """The target laid out as the parameters are, flat: class numbers one by one."""
    if part.params_shape == tuple(target.shape[1:]):
        return target.flatten(1)
    if isinstance(part, TokenCrossEntropyLoss):
        return torch.cat([F.one_hot(target[:, i].long(), k).float() for i, k in enumerate(part.sizes)], 1)
    if part.params_shape[:-1] == tuple(target.shape[1:]):
        return F.one_hot(target.long(), part.params_shape[-1]).float().flatten(1)
    assert tuple(target.shape[1:]) == (4,) and part.params_shape == (6,)
    return torch.cat([target[:, :2], F.one_hot(target[:, 2].long(), 3), target[:, 3:]], 1)


def best_constant(part, target):
    """The parameters that stand for the best constant prediction, as a fit finds them: (1, *params_shape)."""
    laid = shares(part, target)
    middle = laid.median(0).values if part.statistic == "median" else laid.mean(0)
    bias, weight = part.start(middle, torch.zeros(len(middle), 2))
    assert bias.shape == middle.shape and weight.shape == (len(middle), 2) and not weight.any()
    return bias.reshape(1, *part.params_shape)


@every_comparison
def test_the_error_is_a_map_of_the_targets_shape(spec, target):
    part = build(spec, target)
    params = draw(len(target), *part.params_shape)
    error = part(params, target)
    assert error.shape == target.shape and error.dtype == torch.float32
    assert error.isfinite().all() and (error >= 0).all()
    # An element's error is its own: what the others are predicted to be does not matter.
    half = part(torch.cat([params[: len(params) // 2], params[len(params) // 2 :] + 5]), target)
    assert torch.equal(half[: len(params) // 2], error[: len(params) // 2])


@every_comparison
def test_the_parameters_of_least_error_predict_the_target(spec, target):
    part = build(spec, target)
    params = best_constant(part, target).expand(len(target), *part.params_shape).clone().requires_grad_()
    optimizer = torch.optim.Adam([params], 0.05)
    start = part(params, target).sum().item()
    for step in range(600):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 600)
        optimizer.zero_grad()
        part(params, target).sum().backward()
        optimizer.step()
    assert part(params, target).sum().item() < start
    point = part.point(params.detach())
    assert point.shape == target.shape
    torch.testing.assert_close(point, target, atol=0.05, rtol=0)


@every_comparison
def test_the_start_is_the_best_constant(spec, target):
    part = build(spec, target)
    baseline = best_constant(part, target)
    least = part(baseline.expand(len(target), *part.params_shape), target).sum().item()
    least -= 0.0 if part.exact_start else 0.5 * abs(least)
    for seed in range(20):
        for size in (0.02, 0.3):
            other = baseline + size * draw(*baseline.shape, seed=seed)
            assert least <= part(other.expand(len(target), *part.params_shape), target).sum().item() + 1e-4
    part.check(target)


@every_comparison
def test_the_point_is_in_the_targets_units(spec, target):
    part = build(spec, target)
    point = part.point(3 * draw(50, *part.params_shape))
    assert point.shape == (50, *target.shape[1:])
    if getattr(spec, "low", None) is not None:
        assert point.min() == 0 and point.max() == 1
    if spec.name == "bce":
        assert point.min() > 0 and point.max() < 1
    if spec.name == "cross_entropy":
        assert set(point.flatten().tolist()) == set(range(spec.classes))


@every_comparison
def test_the_error_has_a_gradient(spec, target):
    part = build(spec, target)
    params = draw(len(target), *part.params_shape, seed=8).requires_grad_()
    part(params, target).sum().backward()
    assert params.grad.isfinite().all() and (params.grad.flatten(1).abs().amax(1) > 0).all()


@pytest.mark.parametrize(
    ("spec", "params", "target", "error"),
    [
        (MSE(), [1.0, -2.0], [3.0, -2.0], [4.0, 0.0]),
        (MSE(0.0, 1.0), [1.5, -2.0], [1.0, 0.5], [0.0, 0.25]),
        (MAE(), [1.0, -2.0], [3.0, -2.0], [2.0, 0.0]),
        (BCE(), [0.0, math.log(3)], [1.0, 0.25], [math.log(2), -0.25 * math.log(0.75) - 0.75 * math.log(0.25)]),
        (MixedColumns((0, 1)), [1.0, 0.0], [3.0, 1.0], [2.0, math.log(2)]),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_errors_by_hand(spec, params, target, error):
    found = spec.build((2,))(torch.tensor([params]), torch.tensor([target]))
    torch.testing.assert_close(found, torch.tensor([error]))


def test_categorical_errors_by_hand():
    rates = torch.tensor([[[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]])
    error = CrossEntropy(3).build((2,))(rates.log(), torch.tensor([[2.0, 0.0]]))
    torch.testing.assert_close(error, -torch.tensor([[0.5, 0.1]]).log())
    mixed = MixedColumns((3, 0)).build((2,))(
        torch.cat([rates[:, 0].log(), torch.ones(1, 1)], 1), torch.tensor([[1.0, 3.0]])
    )
    torch.testing.assert_close(mixed, torch.tensor([[-math.log(0.3), 2.0]]))


def test_the_gradient_passes_straight_through_the_clip():
    part = MSE(0.0, 1.0).build((3,))
    params = torch.tensor([[1.5, -0.5, 0.4]], requires_grad=True)
    target = torch.tensor([[0.2, 0.7, 0.1]])
    part(params, target).sum().backward()
    # Of the clipped prediction's error, as if it were not clipped: 2 (clip(p) - t).
    torch.testing.assert_close(params.grad, 2 * (torch.tensor([[1.0, 0.0, 0.4]]) - target))
    assert torch.equal(part.point(params.detach()), torch.tensor([[1.0, 0.0, 0.4]]))
    params.grad = None
    part(params, torch.tensor([[1.0, 0.0, 0.4]])).sum().backward()
    torch.testing.assert_close(params.grad, torch.zeros(1, 3))


def test_half_a_bound_clips_on_its_side_only():
    part = MSE(None, 1.0).build((2,))
    assert torch.equal(part.point(torch.tensor([[-9.0, 9.0]])), torch.tensor([[-9.0, 1.0]]))


@pytest.mark.parametrize("spec", [MSE(), BCE()], ids=lambda s: s.name)
def test_the_start_follows_directions_to_first_order(spec):
    part, mean, directions = spec.build((4,)), torch.tensor([0.2, 0.5, 0.9, 0.4]), draw(4, 3)
    bias, weight = part.start(mean, directions)
    z = 1e-4 * draw(5, 3, seed=2)
    torch.testing.assert_close(part.point(bias + z @ weight.T), mean + z @ directions.T, atol=1e-5, rtol=0)


@pytest.mark.parametrize("spec", [CrossEntropy(3), MixedColumns((3,))], ids=lambda s: s.name)
def test_the_start_of_categories_follows_directions_to_first_order(spec):
    part, rates, directions = spec.build((1,)), torch.tensor([0.2, 0.5, 0.3]), draw(3, 2)
    directions -= directions.mean(0)  # rates add up to 1 all along
    bias, weight = part.start(rates, directions)
    z = 1e-3 * draw(5, 2, seed=2)
    torch.testing.assert_close((bias + z @ weight.T).softmax(1), rates + z @ directions.T, atol=1e-5, rtol=0)


@pytest.mark.parametrize("outside", [-0.001, 1.001, 255.0])
def test_bce_refuses_targets_that_are_no_probabilities(outside):
    part, target = BCE().build((3,)), torch.tensor([[0.0, 1.0, 0.5]])
    part.check(target)
    target[0, 1] = outside
    with pytest.raises(DataError, match=r"loss='bce' needs values within \[0, 1\], got values from .*: scale the data"):
        part.check(target)


@pytest.mark.parametrize("odd", [-1.0, 3.0, 0.5])
def test_categories_refuse_what_is_no_class(odd):
    part, target = CrossEntropy(3).build((3,)), torch.tensor([[0.0, 1.0, 2.0]])
    part.check(target)
    target[0, 1] = odd
    with pytest.raises(DataError, match="loss='cross_entropy' needs whole numbers from 0 to 2"):
        part.check(target)


# ------------------------------------------------------------------------------------------------------------- modality


@pytest.mark.parametrize(("spec", "i"), schemas())
def test_forms_go_to_json_and_back(spec, i):
    X, schema, raw = learned(spec, i)
    back = there_and_back(zandloper.modality, schema)
    assert isinstance(schema, Schema) and back == schema and hash(back) == hash(schema)
    assert np.array_equal(back.read_to_train(X, "the test")[:], raw, equal_nan=True)
    assert np.array_equal(schema.read_to_train(X, "the test")[:], raw, equal_nan=True)


@pytest.mark.parametrize(("spec", "i"), schemas())
def test_scales_give_the_shapes_that_forms_claim(spec, i):
    _, schema, raw = learned(spec, i)
    scale, chunks = schema.scaler(), chunks_of(raw)
    scale.learn(chunks)
    (rows,) = chunks()
    n = len(raw)
    compare = schema.loss("auto").build(schema.target_shape)
    for (value, weight), shape in (
        (scale.encode(rows), schema.in_shape),
        (scale.target(rows), schema.target_shape),
    ):
        assert value.shape == (n, *shape) and value.dtype == torch.float32 and value.isfinite().all()
        assert weight is None or (weight.shape == value.shape and set(weight.unique().tolist()) <= {0, 1})
    laid, weight = scale.shares(rows)
    assert laid.flatten(1).shape == (n, math.prod(compare.params_shape))
    assert weight is None or weight.shape == laid.shape
    assert len(schema.feature_names()) == len(set(schema.feature_names())) == math.prod(schema.target_shape)
    for values in (math.prod(schema.in_shape), math.prod(compare.params_shape)):
        of = schema.feature_of(values)
        assert of is None or (len(of) == values and set(of) == set(range(len(schema.feature_names()))))
    assert scale.restore(scale.target(rows)[0]).shape == rows.shape
    compare.check(scale.target(rows)[0])


@pytest.mark.parametrize(("spec", "i"), schemas())
def test_both_is_encode_and_target(spec, i):
    _, schema, raw = learned(spec, i)
    scale = schema.scaler()
    scale.learn(chunks_of(raw))
    rows = torch.as_tensor(raw)
    for one, other in zip(scale.both(rows), (*scale.encode(rows), *scale.target(rows))):
        assert (one is None and other is None) or torch.equal(one, other)


@pytest.mark.parametrize(("spec", "i"), schemas())
def test_what_a_scale_learned_does_not_depend_on_chunks_and_is_saved(spec, i):
    _, schema, raw = learned(spec, i)
    scale, in_parts, loaded = schema.scaler(), schema.scaler(), schema.scaler()
    scale.learn(chunks_of(raw))
    in_parts.learn(lambda: iter(torch.as_tensor(raw).split(1)))
    loaded.load_state_dict(scale.state_dict())
    rows = torch.as_tensor(raw)
    torch.testing.assert_close(in_parts.encode(rows)[0], scale.encode(rows)[0])
    assert torch.equal(loaded.encode(rows)[0], scale.encode(rows)[0])
    point = scale.target(rows)[0]
    assert np.array_equal(loaded.restore(point), scale.restore(point), equal_nan=True)


@pytest.mark.parametrize(("spec", "i"), schemas())
def test_a_missing_value_has_weight_zero_and_no_say(spec, i):
    _, schema, raw = learned(spec, i)
    scale = schema.scaler()
    scale.learn(chunks_of(raw))
    target, weight = scale.target(torch.as_tensor(raw))
    missing = torch.as_tensor(raw != raw)
    assert target.isfinite().all()
    if weight is not None and weight.shape != missing.shape:  # spectrograms of sounds
        assert bool((weight == 0).any()) == bool(missing.any())
        return
    assert not missing.any() if weight is None else torch.equal(weight == 0, missing)
