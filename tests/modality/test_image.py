"""Images: arrays, lists, PIL images and folders; what goes in comes back in its own form, size and type."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PIL

from zandloper import Autoencoder
from zandloper.errors import DataError, DataTypeError, FileError, ParameterError
from zandloper.modality import chunks_of
from zandloper.modality.image import Image


def learned(X, **settings):
    schema, raw = Image(**settings).learn(X, "the test")
    scale = schema.scaler()
    scale.learn(chunks_of(raw))
    return schema, scale, raw


def round_trip(X, **settings):
    schema, scale, raw = learned(X, **settings)
    return schema.give(scale.restore(scale.target(torch.as_tensor(raw))[0]).numpy(), like=X)


def fit(X, **settings):
    own = {"latent_dim": 3, "hidden": (8,), "max_epochs": 2, "random_state": 0, "modality": "image"}
    return Autoencoder(**{**own, **settings}).fit(X)


def pixels(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    top = 1 if np.dtype(dtype) == bool else np.iinfo(dtype).max
    return rng.integers(0, top, shape, dtype=np.uint64, endpoint=True).astype(dtype)


def same_images(one, other):
    assert type(one) is type(other) and len(one) == len(other)
    for a, b in zip(one, other):
        assert type(a) is type(b)
        if hasattr(a, "mode"):
            assert (a.mode, a.size) == (b.mode, b.size)
        else:
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert np.array_equal(np.asarray(a), np.asarray(b))


SHAPES = [(7, 5, 9), (4, 1, 1), (3, 28, 28), (5, 6, 4, 1), (5, 6, 4, 3), (4, 5, 7, 4), (3, 6, 6, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "bool"])
def test_arrays_come_back(shape, dtype):
    X = pixels(shape, dtype)
    schema, _, _ = learned(X)
    assert schema.in_shape == (shape[3] if len(shape) == 4 else 1, *shape[1:3])
    back = round_trip(X)
    assert back.dtype == X.dtype and back.shape == X.shape
    if dtype == "float64":  # nets compute in float32
        np.testing.assert_allclose(back, X, rtol=1e-6)
    else:
        assert np.array_equal(back, X)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "bool"])
@pytest.mark.parametrize("shape", [(9, 5), (6, 4, 3), (5, 7, 4)], ids=str)
def test_lists_of_arrays_come_back(shape, dtype):
    X = [pixels(shape, dtype, seed) for seed in range(4)]
    same_images(X, round_trip(X))
    same_images(list(map(np.asarray, X)), round_trip(tuple(X)))


MODES = {"L": "uint8", "RGB": "uint8", "RGBA": "uint8", "I;16": "uint16", "F": "float32"}


@pytest.mark.parametrize("mode", MODES)
def test_pil_images_come_back(mode):
    shape = (6, 4, len(mode)) if mode.startswith("RGB") else (6, 4)
    X = [PIL.fromarray(pixels(shape, MODES[mode], seed)) for seed in range(4)]
    assert {image.mode for image in X} == {mode}
    same_images(X, round_trip(X))


@pytest.mark.parametrize(
    ("mode", "becomes"), [("1", "L"), ("P", "RGB"), ("LA", "RGBA"), ("CMYK", "RGB"), ("HSV", "RGB")]
)
def test_other_modes_become_colors(mode, becomes):
    colors = [PIL.fromarray(pixels((6, 4, 3), "uint8", seed)) for seed in range(3)]
    X = [(image.convert("L") if mode in ("LA", "1") else image).convert(mode) for image in colors]
    same_images([image.convert(becomes) for image in X], round_trip(X))


@pytest.mark.parametrize(
    "X",
    [
        pixels((12, 5, 9), "uint8"),
        pixels((12, 5, 9), "float32"),
        pixels((12, 5, 9, 3), "uint16"),
        pixels((12, 4, 4, 1), "bool"),
        [pixels((6, 5), "uint8", i) for i in range(12)],
        [PIL.fromarray(pixels((6, 5, 4), "uint8", i)) for i in range(12)],
    ],
    ids=["gray", "floats", "16 bits", "truths", "list", "PIL"],
)
@pytest.mark.parametrize("encoder", ["dense", "conv2d", "attention"])
def test_a_model_gives_images_of_the_same_form(X, encoder):
    model = fit(X, encoder=encoder)
    for back in (model.predict(X), model.inverse_transform(model.transform(X))):
        assert type(back) is type(X) and len(back) == len(X)
        assert np.asarray(back[0]).dtype == np.asarray(X[0]).dtype and np.shape(back[0]) == np.shape(X[0])
        assert getattr(back[0], "mode", None) == getattr(X[0], "mode", None)
    assert model.transform(X).shape == (12, 3) and model.transform(X).dtype == np.float32
    size = math.prod(np.shape(X[0]))
    assert model.n_features_in_ == size and model.reconstruction_error(X, per_feature=True).shape == (12, size)
    names = model.model_.schema.feature_names()
    assert len(set(names)) == size


def test_names_of_pixels_stand_where_pixels_do():
    X = pixels((2, 3, 4, 2), "uint8")
    schema, scale, raw = learned(X)
    flat = scale.target(torch.as_tensor(raw))[0].flatten(1)
    for name, value in zip(schema.feature_names(), flat[0]):
        i, j, channel = map(int, name.removeprefix("pixel_").split("_"))
        assert round(float(value) * 255) == X[0, i, j, channel]


# -------------------------------------------------------------------------------------------------------------- scaling


@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("uint16", 65_535)])
def test_integers_are_divided_by_what_their_type_holds(dtype, top):
    X = np.full((3, 4, 5), 17, dtype)
    X[0, 0, 0] = top
    x, weight = learned(X)[1].encode(torch.as_tensor(learned(X)[2]))
    assert weight is None and x.max() == 1 and x.dtype == torch.float32
    torch.testing.assert_close(x[1], torch.full((1, 4, 5), 17 / top))
    dark = np.full((3, 4, 5), 1, dtype)  # by the type, never by the largest value
    assert float(learned(dark)[1].encode(torch.as_tensor(learned(dark)[2]))[0].max()) == pytest.approx(1 / top)


@pytest.mark.parametrize("factor", [1.0, 255.0, 1e-3])
def test_floats_are_taken_as_they_are(factor):
    X = pixels((3, 4, 5), "float32") * np.float32(factor)
    x, _ = learned(X)[1].encode(torch.as_tensor(X[..., None]))
    assert np.array_equal(x[:, 0], X)


@pytest.mark.trained
@pytest.mark.parametrize("factor", [1 / 256, 256, 4096])
def test_the_unit_of_floats_does_not_matter(images, factor):
    """Pixels from 0 to 255 in floats are as good as any: nets see them in units of their own."""
    X = images.astype(np.float32) / 256
    one, other = fit(X, max_epochs=8), fit(X * np.float32(factor), max_epochs=8)
    assert one.describe().loss == "mse"
    errors = [entry["validation"] for entry in one.history_]
    assert min(errors) < 0.95 * errors[0]
    np.testing.assert_allclose([entry["validation"] / factor**2 for entry in other.history_], errors, rtol=0.01)


def test_predictions_stay_within_the_pixels():
    """However far off a model is, pixels are pixels."""
    schema, _, _ = learned(pixels((3, 4, 5), "uint8"))
    wild = np.array([-300.0, -0.6, 0.4, 254.6, 256.0, 1e9]).reshape(1, 1, 6, 1)
    assert schema.give(wild).ravel().tolist() == [0, 0, 0, 255, 255, 255]
    model = fit(pixels((20, 5, 5), "uint8"))
    point = model.module_.generated(100 * torch.randn(50, 3, generator=torch.Generator().manual_seed(0)))
    assert point.min() >= 0 and point.max() <= 255
    assert point.min() == 0 and point.max() == 255  # some were outside


def test_the_loss_follows_from_the_type():
    assert fit(pixels((9, 4, 4), "bool")).describe().loss == "bce"
    assert fit(pixels((9, 4, 4), "uint8")).describe().loss == "mse"
    assert fit(pixels((9, 4, 4), "uint8"), loss="bce").describe().loss == "bce"
    with pytest.raises(DataError, match=r"loss='bce' needs values within \[0, 1\]"):
        fit(pixels((9, 4, 4), "float32"), loss="bce")
    with pytest.raises(DataError, match="loss='cross_entropy' for images needs masks"):
        fit(pixels((9, 4, 4), "uint8"), loss="cross_entropy")


def test_errors_are_in_units_of_the_scaled_pixels(images):
    model = fit(images, max_epochs=3)
    back = model.module_.reconstruct
    assert callable(back)
    predicted = model.predict(images.astype(images.dtype)).astype(float) / 255
    error = model.reconstruction_error(images)
    wanted = ((predicted - images / 255) ** 2).mean((1, 2))
    np.testing.assert_allclose(error, wanted, atol=2e-3)  # predictions are rounded to whole pixels, errors are not


# ---------------------------------------------------------------------------------------------------- folders and files


@pytest.fixture
def folder(tmp_path, images):
    """Twelve gray PNG files, beside a file that is no image."""
    for i, image in enumerate(images[:12]):
        PIL.fromarray(image).save(tmp_path / f"{i:02d}.png")
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["text", "path"])
def test_a_folder_of_images(folder, images, kind):
    X = kind(folder)
    model = Autoencoder(3, max_epochs=2, random_state=0).fit(X)
    assert np.array_equal(model.transform(X), fit(images[:12], hidden="auto").transform(images[:12]))
    back = model.predict(X)
    assert len(back) == 12 and back[0].dtype == np.uint8 and back[0].shape == (12, 10)
    one = model.predict(folder / "03.png")
    assert len(one) == 1 and np.array_equal(one[0], back[3])
    assert model.score(X) > 0 and model.reconstruction_error(X).shape == (12,)


def test_a_folder_of_sixteen_bits(tmp_path, images):
    deep = images[:8].astype(np.uint16) * 257
    for i, image in enumerate(deep):
        PIL.fromarray(image).save(tmp_path / f"{i}.png")
    schema, _, raw = learned(tmp_path)
    assert schema.dtype == "uint16" and np.array_equal(raw[..., 0], deep)
    same_images(list(deep), round_trip(tmp_path))


@pytest.mark.parametrize("ending", ["jpg", "bmp", "tif", "webp", "PNG"])
def test_other_kinds_of_files(tmp_path, ending):
    for i in range(3):
        PIL.fromarray(pixels((6, 5, 3), "uint8", i)).save(tmp_path / f"{i}.{ending}")
    schema, _, raw = learned(tmp_path)
    assert schema.in_shape == (3, 6, 5) and raw.shape == (3, 6, 5, 3)


def test_broken_image_files_are_named(folder):
    whole = (folder / "03.png").read_bytes()
    for damaged in (whole[:60], whole[:-60], b"", b"not an image at all", whole[:40] + bytes(20) + whole[60:]):
        (folder / "03.png").write_bytes(damaged)
        with pytest.raises(FileError, match=r"03\.png"):
            fit(folder)


@pytest.mark.parametrize("name", ["nowhere", "empty", "texts"])
def test_folders_without_images(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    with pytest.raises(FileError, match=name):
        Autoencoder().fit(tmp_path / name)


# ----------------------------------------------------------------------------------------------------------- bad images


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_signed_integers_are_refused(dtype):
    X = np.ones((5, 4, 4), dtype)
    for data in (X, list(X)):
        with pytest.raises(
            DataTypeError, match=f"got images of dtype {dtype}, whose range is unknown: convert to uint8"
        ):
            fit(data)


def test_images_of_mixed_sizes_are_refused_and_can_be_resized():
    X = [pixels((6, 4, 3), "uint8"), pixels((6, 4, 3), "uint8"), pixels((5, 8, 3), "uint8")]
    with pytest.raises(
        DataError, match=r"mixed sizes: 6 x 4 pixels.* 2.*5 x 8 pixels.*zl\.modality\.Image\(size=\(height, width\)"
    ):
        fit(X)
    model = fit(X, modality=Image(size=(8, 6)))
    assert model.describe().data.startswith("images of 8 x 6 pixels, 3 channels")
    assert [image.shape for image in model.predict(X)] == [(8, 6, 3)] * 3


def test_images_of_mixed_channels_are_refused_and_can_be_converted():
    X = [pixels((6, 4, 3), "uint8"), pixels((6, 4), "uint8"), pixels((6, 4, 4), "uint8")]
    with pytest.raises(DataError, match="mixed sizes"):
        fit(X)
    for channels, shape in ((1, (6, 4)), (3, (6, 4, 3)), (4, (6, 4, 4))):
        assert [image.shape for image in fit(X, modality=Image(channels=channels)).predict(X)] == [shape] * 3
    gray = learned(X, channels=1)[2][1, ..., 0]
    assert np.array_equal(gray, X[1])  # what is gray already stays as it is


def test_resized_images_keep_their_look():
    """Halved, a picture of four even quarters has four even quarters."""
    big = np.kron(np.array([[10, 200], [90, 30]], np.uint8), np.ones((8, 6), np.uint8))
    for image in (big, PIL.fromarray(big), big.astype(np.uint16), big.astype(np.float32)):
        _, _, raw = learned([image, image], size=(8, 6))
        corners = raw[0, [0, 0, -1, -1], [0, -1, 0, -1], 0]
        np.testing.assert_allclose(corners, [10, 200, 90, 30], atol=3)
        assert raw.shape == (2, 8, 6, 1)


def test_arrays_are_resized_as_lists_are_or_refused():
    X = pixels((4, 8, 6), "uint8")
    try:
        schema, _, raw = learned(X, size=(4, 3))
    except (DataError, ParameterError) as error:
        assert "size" in str(error)
    else:
        assert schema.in_shape == (1, 4, 3)
        assert np.array_equal(raw, learned(list(X), size=(4, 3))[2])


def test_images_of_mixed_types_are_refused():
    with pytest.raises(DataError, match=r"mixed dtypes \['uint16', 'uint8'\]: convert them to one"):
        fit([pixels((6, 4), "uint8"), pixels((6, 4), "uint16")])


def test_other_images_at_transform_are_refused():
    model = fit(pixels((9, 6, 4), "uint8"))
    for use in (model.transform, model.predict, model.reconstruction_error, model.score):
        with pytest.raises(DataError, match="was fitted on images of 6 x 4 pixels and got images of 5 x 4 pixels"):
            use(pixels((3, 5, 4), "uint8"))
        with pytest.raises(DataError, match="was fitted on images of dtype uint8 and got float32"):
            use(pixels((3, 6, 4), "float32"))
        with pytest.raises(DataError, match="6 x 4 pixels and got images of 6 x 4 pixels with 3 channels"):
            use(pixels((3, 6, 4, 3), "uint8"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(value):
    X = pixels((5, 4, 4), "float32")
    X[1, 2, 3] = value
    with pytest.raises(DataError, match=r"Input X contains NaN or infinity \(1 pixels\)"):
        fit(X)


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.zeros((0, 4, 4), np.uint8), r"Found array with 0 sample\(s\)"),
        ([], r"Found array with 0 sample\(s\)"),
        (np.zeros((1, 4, 4), np.uint8), r"Found array with 1 sample\(s\)"),
        (np.zeros((4, 0, 4), np.uint8), "there are no pixels in them"),
        (np.zeros((4, 4, 4, 0), np.uint8), "there are no pixels in them"),
        (np.zeros((4, 3, 99, 99), np.uint8), r"99 channels: the channels go last.*np\.moveaxis"),
        (np.zeros((4, 4), np.uint8), r"an array of shape \(4, 4\): wanted are \(n, height, width\)"),
        (np.zeros((4, 4, 4, 1, 1), np.uint8), "wanted are"),
        (np.full((4, 4, 4), "a"), "images of dtype"),
        (np.full((4, 4, 4), 1j), "images of dtype complex128"),
        (np.full((4, 4, 4), None), "images of dtype object"),
    ],
)
def test_bad_arrays_are_refused(X, says):
    with pytest.raises((DataError, DataTypeError), match=says):
        fit(X)


def test_all_constant_images_work():
    X = np.full((9, 4, 4), 77, np.uint8)
    model = fit(X)
    assert np.array_equal(model.predict(X), X) and model.score(X) == 1


def test_floats_that_may_be_series_are_not_guessed():
    for X in (
        np.zeros((5, 4, 4), np.float32),
        np.zeros((5, 4, 4)),
        np.zeros((5, 4, 4, 3), np.float32),
        np.zeros((5, 4, 4), int),
    ):
        with pytest.raises(
            DataTypeError, match=rf"{X.ndim}-D array of shape .* may be images or .*: pass modality=\"image\""
        ):
            Autoencoder().fit(X)
    assert Autoencoder(max_epochs=1).fit(np.zeros((5, 4, 4), np.uint8)).describe().data.startswith("images")
    assert Autoencoder(max_epochs=1).fit(np.zeros((5, 4, 4), bool)).describe().data.startswith("images")


# --------------------------------------------------------------------------------------------------------------- layout


@pytest.mark.parametrize("order", ["read-only", "channels first in memory", "strided"])
def test_arrays_in_any_layout(order):
    X = pixels((10, 6, 5, 3), "uint8")
    other = {
        "read-only": X.copy(),
        "channels first in memory": np.moveaxis(np.moveaxis(X, 3, 1).copy(), 1, 3),
        "strided": np.repeat(X, 2, 1)[:, ::2],
    }[order]
    other.setflags(write=False)
    assert np.array_equal(fit(other).transform(other), fit(X).transform(X))


@given(
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sampled_from([None, 1, 3, 4]),
    st.sampled_from(["uint8", "uint16", "bool", "float32"]),
)
def test_any_images_come_back(n, height, width, channels, dtype):
    X = pixels((n, height, width) if channels is None else (n, height, width, channels), dtype)
    assert np.array_equal(round_trip(X), X) and round_trip(X).dtype == X.dtype
    same_images(list(X), round_trip(list(X)))
