"""Segmentation: masks of any classes, images of any size, few labels, bad input, files."""

import types

import numpy as np
import pytest
import torch
from PIL import Image as PIL
from scipy.ndimage import gaussian_filter
from sklearn.base import clone

import zandloper as zl
from zandloper.applications.segmentation import training
from zandloper.applications.segmentation.augmentation import Augmentation, SegmentationPatches, augmented
from zandloper.applications.segmentation.mask_alignment import mask_offset, shifted
from zandloper.applications.segmentation.masks import Classes, confusion, iou_by_class, read_masks
from zandloper.data.signals import Field
from zandloper.errors import DataError, DataTypeError, FileError, ParameterError
from zandloper.model.losses.dice import Dice

SMALL = {"hidden": (8, 16), "patch": 32, "random_state": 0}


def scenes(n, shape=(48, 40), classes=2, seed=0):
    """Images with a bright square a class, and their masks."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((n, *shape), np.uint8)
    for mask in masks:
        for k in range(1, classes):
            y, x = (int(rng.integers(1, side - 13)) for side in shape)
            mask[y : y + 12, x : x + 12] = k
    images = 60 + 120 * masks / (classes - 1) + rng.normal(0, 20, masks.shape)
    return np.clip(images, 0, 255).astype(np.uint8), masks


@pytest.fixture(scope="module")
def model():
    X, y = scenes(6)
    return zl.Segmenter(max_epochs=60, **SMALL).fit(X, y)


@pytest.mark.trained
def test_two_classes_are_learned(model):
    X, y = scenes(4, seed=1)
    said = model.predict(X)
    assert said.shape == y.shape and said.dtype == y.dtype and set(np.unique(said)) == {0, 1}
    assert model.score(X, y) > 0.8
    iou = model.iou(X, y)
    assert set(iou) == {0, 1} and model.score(X, y) == pytest.approx(np.mean(list(iou.values())))
    by_hand = ((said == 1) & (y == 1)).sum() / ((said == 1) | (y == 1)).sum()
    assert iou[1] == pytest.approx(by_hand)
    table = model.confusion(X, y)
    assert table.sum() == y.size and table[1, 1] == ((said == 1) & (y == 1)).sum()


@pytest.mark.trained
def test_probabilities_and_uncertainty_agree_with_the_prediction(model):
    X, _ = scenes(2, seed=2)
    p, unsure = model.predict_proba(X), model.uncertainty(X)
    assert p.shape == (*X.shape, 2) and np.allclose(p.sum(-1), 1, atol=1e-5)
    assert np.array_equal(p.argmax(-1), model.predict(X))
    assert unsure.shape == X.shape and unsure.min() >= 0 and unsure.max() <= 1 + 1e-6
    assert unsure[p.max(-1) > 0.99].mean() < unsure[p.max(-1) < 0.8].mean()


def test_images_of_any_size_as_they_came(model):
    images = [scenes(1, shape, seed=3)[0][0] for shape in ((30, 90), (17, 33), (64, 64))]
    said = model.predict(images)
    assert isinstance(said, list) and [s.shape for s in said] == [i.shape for i in images]
    assert np.array_equal(model.predict(images[0]), said[0])  # one image: one mask
    assert np.array_equal(model.predict([PIL.fromarray(i) for i in images])[1], said[1])
    assert np.array_equal(model.predict(images[::-1])[2], said[0])  # whatever else was asked


@pytest.mark.trained
@pytest.mark.parametrize("skips", [True, False])
def test_several_classes_of_any_numbers_in_color(skips):
    X, places = scenes(4, classes=3)
    numbers = np.array([7, -2, 300])
    y = numbers[places]
    X = np.stack([X, 255 - X, X // 2], -1) / np.float32(255)
    model = zl.Segmenter(skips=skips, max_epochs=80, augment=False, class_weight="balanced", **SMALL).fit(
        list(X), list(y)
    )
    assert model.classes_.tolist() == [-2, 7, 300]
    said = model.predict(list(X))
    assert set(np.unique(said)) <= set(numbers) and model.score(list(X), list(y)) > 0.4
    assert ("without skips" in str(model.describe())) != skips


def test_the_same_seed_gives_the_same_bits(model):
    X, y = scenes(6)
    again = clone(model).fit(X, y)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(other.predict_proba(X), model.predict_proba(X))


def test_pixels_that_nobody_knows_do_not_count():
    X, y = scenes(6)
    y = y.astype(np.int64)
    y[:, :, :20] = -9
    model = zl.Segmenter(ignore=-9, max_epochs=40, **SMALL).fit(X, y)
    assert model.classes_.tolist() == [0, 1] and set(np.unique(model.predict(X))) <= {0, 1}
    assert model.confusion(X, y).sum() == (y >= 0).sum()


def test_minutes_are_kept_and_the_rate_ends_with_them():
    X, y = scenes(6)
    model = zl.Segmenter(max_minutes=0.02, **SMALL).fit(X, y)
    assert model.stopped_by_ == "max_minutes" and model.fit_seconds_ < 6


def test_unlabeled_images_bring_up_the_encoder():
    X, y = scenes(1)
    more = list(scenes(4, seed=5)[0])
    settings = {**SMALL, "max_epochs": 4}
    alone, helped = (zl.Segmenter(**settings).fit(X, y, unlabeled=u) for u in (None, more))
    one, two = (m.module_.encoder.levels[0][0][0].weight for m in (alone, helped))
    assert not torch.equal(one, two) and helped.n_epochs_ == 4


def test_validation_is_of_images_that_do_not_train():
    X, y = scenes(8)
    model = zl.Segmenter(validation=0.25, max_epochs=3, **SMALL).fit(X, y)
    assert all(np.isfinite(e["validation"]) for e in model.history_)


def test_a_model_comes_back_from_its_folder(model, tmp_path):
    X, y = scenes(2, seed=4)
    model.save(tmp_path / "m")
    back = zl.load(tmp_path / "m")
    assert isinstance(back, zl.Segmenter) and back.get_params() == model.get_params()
    assert np.array_equal(back.predict_proba(X), model.predict_proba(X)) and back.score(X, y) == model.score(X, y)
    assert str(back.describe()).splitlines()[:4] == str(model.describe()).splitlines()[:4]
    with pytest.raises(FileError, match="exists already"):
        model.save(tmp_path / "m")
    reweight = zl.Segmenter(class_weight={0: 1.0, 1: 3.0}, max_epochs=1, **SMALL).fit(X, y > 0)
    reweight.save(tmp_path / "w")
    back = zl.load(tmp_path / "w")
    assert back.class_weight == {0: 1.0, 1: 3.0} and back.predict(X).dtype == bool


def test_the_page_and_the_pictures(model, tmp_path):
    X, y = scenes(2, seed=4)
    assert len(model.plot(X, y).axes) == 2 * 4 + 1 and len(model.plot(X, n=1).axes) == 3 + 1
    report = model.report(X, y)
    report.save(tmp_path / "report.html")
    assert "mean IoU" in report.html and "Intersection over union" in report.html
    assert "mean IoU" not in model.report(X).html


# ------------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda X, y: (X, None), DataError, "requires y to be passed"),
        (lambda X, y: (X, y[:2]), DataError, "got 3 images and 2 masks: pass one mask for each image"),
        (lambda X, y: (X, y[:, :-1]), DataError, r"position 0 \(from 0\) has 48 x 40 pixels and its mask 47 x 40"),
        (lambda X, y: (X, 0 * y), DataError, "hold only class 0: there is nothing to tell apart"),
        (lambda X, y: (X, y + 0.5), DataError, "numbers that are not whole at position 0"),
        (lambda X, y: (X, np.stack([y] * 3, -1)), DataError, r"a mask of shape \(48, 40, 3\)"),
        (lambda X, y: (X, y.astype(str)), DataTypeError, "mask of dtype"),
        (lambda X, y: (X, 7), DataTypeError, "masks of type int"),
        (lambda X, y: (X, np.arange(y.size).reshape(y.shape)), DataError, "numbers of single objects are no classes"),
        (lambda X, y: (np.where(X > 99, np.nan, 0.0), y), DataError, "NaN or infinity"),
        (lambda X, y: (X.astype(int), y), DataTypeError, "whose range is unknown"),
        (lambda X, y: ([X[0], X[1], np.stack([X[2]] * 3, -1)], y), DataError, r"images of \[1, 3\] channels"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(change, error, words):
    X, y = change(*scenes(3))
    with pytest.raises(error, match=words):
        zl.Segmenter(max_epochs=1, **SMALL).fit(X, y)


def test_what_was_not_learned_is_refused(model):
    X, y = scenes(2)
    with pytest.raises(DataError, match=r"position 1 \(from 0\) holds class 5, which Segmenter has not seen"):
        model.score(X, np.stack([y[0], 5 * y[1]]))
    with pytest.raises(DataError, match="fitted on images of 1 channels and got one of 3"):
        model.predict(np.stack([X] * 3, -1))


def test_single_images_without_any_foreground_are_welcome():
    X, y = scenes(4)
    y[:2] = 0
    X[:2] = 60
    model = zl.Segmenter(max_epochs=20, **SMALL).fit(X, y)
    assert np.isfinite(model.score(X[:2], y[:2]))  # no such pixels: the class that is there counts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", ()),
        ("hidden", (0, 8)),
        ("patch", 3),
        ("n_augmentations", 3),
        ("n_augmentations", 0),
        ("n_augmentations", True),
        ("n_augmentations", 8.0),
        ("n_augmentations", "auto"),
        ("class_weight", "even"),
        ("validation", 1.0),
        ("max_epochs", 0),
        ("max_minutes", -1),
        ("ignore", "none"),
    ],
)
def test_parameters_that_cannot_be(name, value):
    with pytest.raises(ParameterError, match=f"parameter `{name}` of Segmenter must be"):
        zl.Segmenter(**{name: value}).fit(*scenes(2))


def test_augmentations_are_copies_whose_mean_is_the_result(model):
    X = scenes(1)[0]
    whole = model.predict_proba(X)
    assert model.n_augmentations == 8
    try:
        one = model.set_params(n_augmentations=1).predict_proba(X)
        other = model.predict_proba(X[:, ::-1, ::-1].swapaxes(1, 2)).swapaxes(1, 2)[:, ::-1, ::-1]
        two = model.set_params(n_augmentations=2).predict_proba(X)
        assert np.abs(whole - one).max() > 1e-4
        assert model.mask_offset_ == (0, 0) and np.allclose(two, (one + other) / 2, atol=1e-5)
        with pytest.raises(ParameterError, match=r"`n_augmentations` of Segmenter must be one of \[1, 2, 4, 8\], got"):
            model.set_params(n_augmentations=True).predict(X)
    finally:
        model.set_params(n_augmentations=8)


# ------------------------------------------------------------------------------------------------------------ the parts


def test_dice_by_hand():
    rates = torch.tensor([[[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]]])
    error = Dice(2).build((3,))(rates.log(), torch.tensor([[0.0, 1.0, -1.0]]))
    background, foreground = 2 * 0.8 / (0.8 + 0.4 + 1), 2 * 0.6 / (0.2 + 0.6 + 1)
    miss = 1 - (background + foreground) / 2
    wanted = torch.tensor([[-np.log(0.8) + miss, -np.log(0.6) + miss, 0.0]], dtype=torch.float32)
    torch.testing.assert_close(error, wanted)
    reweight = Dice(2, (1.0, 3.0), overlap=0.0).build((3,))(rates.log(), torch.tensor([[0.0, 1.0, 1.0]]))
    torch.testing.assert_close(reweight, torch.tensor([[-np.log(0.8), -3 * np.log(0.6), -3 * np.log(0.5)]]).float())


def test_images_and_masks_are_changed_alike(rng):
    """The mask is the image: after any change it still is."""
    image = (rng.random((1, 64, 64)) > 0.5).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    items, masks = [Field(image * 255, 255.0)], [Field(image, 1.0)]
    source = SegmentationPatches(
        items, masks, (64, 64), 6, 0, Augmentation(deformed_share=1.0, light=0.0, noise=0.0), 0.5
    )
    (batch, *_) = source.epoch(0)
    assert ((batch.x > 0.5) == (batch.target > 0.5)).float().mean() > 0.95
    assert not torch.equal(batch.target, next(source.epoch(1)).target)
    assert torch.equal(batch.x, next(source.epoch(0)).x)
    (_, second, *_) = source.epoch(0)
    assert torch.equal(second.x, next(source.epoch(0, first=1)).x)
    same = augmented(batch, Augmentation(0.0, 0.0, 0.0, 0.0, 0.0), 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(same.x, batch.x)


def test_blocks_hold_every_pixel():
    image = np.arange(70 * 50, dtype=np.float32).reshape(1, 70, 50)
    source = SegmentationPatches([Field(image, 1.0)], None, (32, 32), 2, 0, None)
    seen = torch.cat([b.x.flatten() for b in source.in_order(2)])
    assert set(seen.tolist()) == set(image.ravel().tolist()) and source.rows == 6


def test_masks_of_many_kinds(tmp_path):
    for given in (
        np.eye(4, dtype=bool),
        [np.eye(4)],
        np.eye(4, dtype=np.int64)[None, ..., None],
        [PIL.new("L", (4, 4))],
    ):
        (mask,) = read_masks(given, "me")
        assert mask.shape == (4, 4) and mask.dtype.kind in "biu"
    PIL.fromarray(np.eye(4, dtype=np.uint8)).save(tmp_path / "a.png")
    assert np.array_equal(read_masks(tmp_path, "me")[0], np.eye(4))
    classes = Classes.learn([np.eye(4, dtype=np.uint8) * 255], None, "me")
    assert np.array_equal(classes.decode(classes.encode(np.eye(4) * 255, "me", 0)), np.eye(4) * 255)


def test_overlaps_by_hand():
    table = confusion(np.array([0, 0, 1, 1, -1]), np.array([0, 1, 1, 1, 1]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert np.allclose(iou_by_class(table), [1 / 2, 2 / 3, np.nan], equal_nan=True)


# --------------------------------------------------------------------------------------------------------- command line


def test_the_command_line(tmp_path, monkeypatch, capsys):
    from zandloper import cli

    monkeypatch.chdir(tmp_path)
    X, y = scenes(3)
    for name, arrays in (("images", X), ("masks", y)):
        (tmp_path / name).mkdir()
        for i, array in enumerate(arrays):
            PIL.fromarray(array).save(tmp_path / name / f"{i}.png")

    def zandloper(line):
        with pytest.raises(SystemExit) as left:
            cli.main(line.split())
        said = capsys.readouterr()
        return left.value.code, said.out + said.err

    code, said = zandloper("fit segment images --masks masks -o model --max-epochs 1 --seed 0 --n-augmentations 2")
    assert code == 0 and "Segmenter: U-Net with skips" in said
    code, said = zandloper("run model images -o out")
    assert code == 0 and "masks and overlays" in said
    model = zl.load("model")
    assert model.n_augmentations == 2
    assert np.array_equal(np.asarray(PIL.open("out/masks/1.png")), model.predict(X[1]))
    assert np.asarray(PIL.open("out/overlays/1.png")).shape == (48, 40, 3)
    assert zandloper("run model images -o out.npy")[0] == 0 and np.load("out.npy").shape == y.shape
    assert zandloper("report model images --masks masks -o page.html")[0] == 0
    (tmp_path / "masks" / "2.png").unlink()
    code, said = zandloper("fit segment images --masks masks -o other")
    assert code == 2 and "3 images and 2 masks" in said


@pytest.mark.trained
def test_scores_are_tipped_to_where_overlap_is_best(monkeypatch, rng):
    """Unsure pixels go to the rare class: from half its Dice on, not from one half."""
    sure = rng.random((300, 400)) ** 3 * 0.9  # that a pixel is of the rare class
    truth = (rng.random(sure.shape) < sure).astype(np.int64)
    monkeypatch.setattr(training, "probabilities", lambda *_: np.stack([1 - sure, sure], -1).astype(np.float32))
    module = types.SimpleNamespace(baseline=torch.zeros(1, 1, 2))
    field = Field(truth[None], 1.0)
    training.tune_class_scores(module, [field], [field], 2)
    added = module.baseline.flatten()
    assert added[0] == 0 and added[1] > 0.2
    overlap = lambda said: np.nanmean(iou_by_class(confusion(truth, said, 2)))  # noqa: E731
    threshold = 1 / (1 + np.exp(float(added[1])))
    assert overlap((sure > threshold).astype(int)) > overlap((sure > 0.5).astype(int)) + 0.01


def test_classes_of_few_pixels_are_not_tipped(monkeypatch):
    truth = np.zeros((100, 100), np.int64)
    truth[0, :5] = 1
    p = np.full((100, 100, 2), 0.5, np.float32)
    monkeypatch.setattr(training, "probabilities", lambda *_: p)
    module, field = types.SimpleNamespace(baseline=torch.zeros(1, 1, 2)), Field(truth[None], 1.0)
    training.tune_class_scores(module, [field], [field], 2)
    assert not module.baseline.any()


def test_large_images_are_tipped_by_their_middle_and_weights_are_left_alone(monkeypatch, model):
    seen = []
    monkeypatch.setattr(training, "TUNING_SIDE", 16)
    monkeypatch.setattr(
        training, "probabilities", lambda _, item, *__: seen.append(item.size) or np.full((*item.size, 2), 0.5)
    )
    field = Field(np.zeros((1, 40, 20), np.int64), 1.0)
    training.tune_class_scores(types.SimpleNamespace(baseline=torch.zeros(1, 1, 2)), [field], [field], 2)
    assert seen == [(16, 16)]
    X, y = scenes(4)
    zl.Segmenter(max_epochs=1, class_weight="balanced", **SMALL).fit(X, y)
    assert seen == [(16, 16)]


def displaced(n, rows, columns, side=96, seed=0):
    """Blobs in noise, and masks that lie so many quarters of a pixel below and right of them."""
    rng = np.random.default_rng(seed)
    fine = np.stack([gaussian_filter(rng.normal(size=(4 * side, 4 * side)), 20) > 0 for _ in range(n)])
    pooled = lambda f: f.reshape(n, side, 4, side, 4).mean((2, 4))  # noqa: E731
    images, masks = pooled(fine), pooled(np.roll(fine, (rows, columns), (1, 2))) > 0.5
    return np.clip(80 + 90 * images + rng.normal(0, 25, images.shape), 0, 255).astype(np.uint8), masks.astype(np.uint8)


def fields(values, unit=1.0):
    return [Field(v[None], unit) for v in values]


@pytest.mark.parametrize("rows, columns", [(0, 0), (-2, 0), (4, -8), (3, 6)])
@pytest.mark.parametrize("n", [2, 10])
def test_where_masks_lie_is_measured(rows, columns, n):
    images, masks = displaced(n, rows, columns)
    found = mask_offset(fields(images, 255.0), fields(masks.astype(np.int16)), 2)
    assert np.allclose(found, (rows / 4, columns / 4), atol=0.2)
    assert all(f == 0 for f, true in zip(found, (rows, columns)) if true == 0)


def test_where_masks_lie_is_not_guessed(rng):
    images, masks = displaced(8, 4, 0)
    unrelated = mask_offset(fields(images, 255.0), fields(rng.permutation(masks).astype(np.int16)), 2)
    nothing = mask_offset(fields(images, 255.0), fields(np.zeros(masks.shape, np.int16)), 2)
    tiny = mask_offset(fields(images[:, :16, :16], 255.0), fields(masks[:, :16, :16].astype(np.int16)), 2)
    assert unrelated == nothing == tiny == (0.0, 0.0)


@pytest.mark.parametrize("share", [0.5, 0.15])
@pytest.mark.parametrize("shift", [0, 1])
def test_edges_that_all_face_one_way_say_nothing(share, shift, rng):
    """Horizons: what lies below and how much of it there is must not be taken for an offset."""
    line = 96 * (1 - share) + gaussian_filter(rng.normal(size=(8, 96)), (0, 6)) * 20
    below = lambda by: (np.arange(96)[None, :, None] > line[:, None, :] + by).astype(np.int16)  # noqa: E731
    images = np.clip(80 + 80 * below(0) + rng.normal(0, 20, (8, 96, 96)), 0, 255).astype(np.uint8)
    assert mask_offset(fields(images, 255.0), fields(below(shift)), 2) == (0.0, 0.0)


def test_of_several_classes_with_unknown_pixels_in_color():
    images, masks = displaced(8, -4, 4)
    places = masks.astype(np.int16) + (np.roll(masks, 20, 1) & masks)
    places[:, :30, :30] = -1
    colored = [Field(np.stack([x, 255 - x, x // 2]), 255.0) for x in images]
    assert np.allclose(mask_offset(colored, fields(places), 3), (-1, 1), atol=0.25)


def test_sliding_by_whole_pixels_moves_them(rng):
    x = rng.normal(size=(12, 10, 3)).astype(np.float32)
    moved = shifted(x, (2.0, -3.0))
    assert np.array_equal(moved[2:, :-3], x[:-2, 3:]) and moved.dtype == x.dtype
    assert np.array_equal(moved[0, :-3], x[0, 3:])
    half = shifted(x, (0.5, 0.0))
    assert np.allclose(half[1:], (x[1:] + x[:-1]) / 2, atol=1e-6)


@pytest.mark.trained
def test_predictions_lie_where_masks_do(monkeypatch, tmp_path):
    images, masks = displaced(8, -6, 0, side=64)
    model = zl.Segmenter(max_epochs=60, **SMALL).fit(images, masks)
    assert model.mask_offset_[0] == pytest.approx(-1.5, abs=0.2) and model.mask_offset_[1] == 0
    assert "pixels above what images show" in str(model.describe())
    fresh, truth = displaced(4, -6, 0, side=64, seed=1)
    model.save(tmp_path / "m")
    back = zl.load(tmp_path / "m")
    assert back.mask_offset_ == model.mask_offset_ and np.array_equal(back.predict(fresh), model.predict(fresh))
    monkeypatch.setattr("zandloper.applications.segmentation.segmenter.mask_offset", lambda *a: (0.0, 0.0))
    without = zl.Segmenter(max_epochs=60, **SMALL).fit(images, masks)
    assert "above" not in str(without.describe())
    assert model.score(fresh, truth) > without.score(fresh, truth) + 0.02
    assert zl.Segmenter(max_epochs=1, augment=False, **SMALL).fit(images, masks).mask_offset_ == (0.0, 0.0)


def test_masks_are_moved_onto_the_images_patch_by_patch(rng):
    masks = rng.integers(0, 2, (2, 40, 40)).astype(np.int16)
    patches = SegmentationPatches(fields(masks), fields(masks), (24, 24), 4, 0, None, offset=(1.0, -2.0))
    for batch in patches.epoch(0):
        assert torch.equal(batch.target[..., :-1, 2:], batch.x[..., 1:, :-2])
    # Beyond the patch the image goes on; beyond the image its last row does, and short images are mirrored.
    whole = SegmentationPatches(fields(masks), fields(masks), (48, 40), 4, 0, None, offset=(1.0, 0.0))
    batch = next(whole.epoch(0))
    assert torch.equal(batch.target[..., :39, :], batch.x[..., 1:40, :])
    assert torch.equal(batch.target[..., 39, :], batch.x[..., 39, :])
    inner = SegmentationPatches(fields(masks), fields(masks), (16, 16), 1, 0, None, offset=(2.0, 0.0))
    (batch,) = [inner._batch_of([(0, (4, 4), 0)])]
    assert torch.equal(batch.target[0, 0], torch.from_numpy(masks[0, 6:22, 4:20]).float())
    ramp = np.broadcast_to(np.arange(40, dtype=np.int16)[:, None], (2, 40, 40))
    patches = SegmentationPatches(fields(ramp), fields(ramp), (24, 24), 64, 0, None, offset=(0.25, 0.0))
    batch = next(patches.epoch(0))
    moved = (batch.target - batch.x)[..., :-1, :].mean((1, 2, 3))
    assert set(moved.tolist()) == {0.0, 1.0} and moved.mean() == pytest.approx(0.25, abs=0.15)


def test_patches_that_are_not_square_are_flipped():
    ramp = np.broadcast_to(np.arange(24, dtype=np.int16)[:, None], (1, 24, 40))
    source = SegmentationPatches(fields(ramp), fields(ramp), (24, 40), 32, 0, Augmentation(0, 0, 0, 0, 0))
    firsts = {int(x[0, 0, 0]) for x in next(source.epoch(0)).target}
    assert firsts == {0, 23}


def test_two_hundred_classes(rng):
    masks = (np.arange(4 * 32 * 32).reshape(4, 32, 32) // 16) % 200
    images = rng.integers(0, 255, masks.shape).astype(np.uint8)
    model = zl.Segmenter(max_epochs=1, **SMALL).fit(images, masks)
    assert len(model.classes_) == 200 and model.predict(images).max() < 200


def test_a_number_of_numpy_that_nobody_knows_is_kept(tmp_path):
    X, y = scenes(3)
    y[:, :4] = 255
    model = zl.Segmenter(max_epochs=1, ignore=y.max(), **SMALL).fit(X, y)
    model.save(tmp_path / "m")
    assert np.array_equal(zl.load(tmp_path / "m").predict(X), model.predict(X))


def test_pre_training_is_a_share_of_the_steps(monkeypatch):
    X, y = scenes(40, shape=(64, 64))
    steps, real = [], training.train
    monkeypatch.setattr(
        training, "train", lambda m, s, v, t, **k: steps.append(s.steps * t.max_epochs) or real(m, s, v, t, **k)
    )
    zl.Segmenter(max_epochs=50, **SMALL).fit(X[:2], y[:2], unlabeled=X[2:])
    assert steps[0] < 0.5 * steps[1]
