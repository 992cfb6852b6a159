"""What a model shows of itself: the drawing of its layers, the report on its latents, and the page about it."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

import zandloper as zl
from zandloper import cli, io
from zandloper.errors import DataError, FileError
from zandloper.inspection.architecture import architecture
from zandloper.plotting import style
from zandloper.report.html import say
from zandloper.report.labels import Labels
from zandloper.report.section import Section


def fitted(X, y=None, **settings):
    return zl.Autoencoder(**{"max_epochs": 2, "random_state": 0} | settings).fit(X, y)


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(0)
    return rng.normal(size=(120, 3)) @ rng.normal(size=(3, 6)) + 0.05 * rng.normal(size=(120, 6))


@pytest.fixture(scope="module")
def pictures():
    y, x = np.mgrid[:12, :10]
    rng = np.random.default_rng(0)
    top, left = rng.uniform(2, 9, (60, 1, 1)), rng.uniform(2, 7, (60, 1, 1))
    return (255 * np.exp(-((y - top) ** 2 + (x - left) ** 2) / 8)).astype(np.uint8)


@pytest.fixture(scope="module")
def people(small):
    return pd.DataFrame(
        {
            "age": small[:, 0].round(1),
            "job": np.where(small[:, 1] > 0, "cook & baker", "smith <b>"),
            "insured": small[:, 2] > 0,
            "born": pd.to_datetime("2000-01-01") + pd.to_timedelta((100 * small[:, 3]).round(), unit="D"),
            "pay": np.where(small[:, 4] > 1, np.nan, small[:, 5]),
        }
    )


@pytest.fixture(scope="module")
def image_model(pictures):
    return fitted(pictures, latent_dim=3)


@pytest.fixture(scope="module")
def image_page(image_model, pictures):
    return image_model.report(pictures, labels=np.arange(60) % 3).html


# ----------------------------------------------------------------------------------------------------- the architecture


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def test_the_drawing_shows_every_layer(small):
    model = fitted(small, latent_dim=2, hidden=(7, 5))
    said = texts(model.plot_architecture())
    for part in ("6  input", "7", "5", "2  code", "6  output", "dense", "linear path", "49 parameters"):
        assert part in said, part
    assert "deep undercomplete" in said


def test_layers_are_those_that_run(small):
    found = architecture(fitted(small, latent_dim=2, hidden=(7, 5)))
    assert [layer.width for layer in found.layers] == [6, 7, 5, 2, 5, 7, 6]
    assert [layer.parameters for layer in found.layers] == [0, 49, 40, 12, 15, 42, 48]
    assert found.bypass == (14, 18) and found.waist == 3
    assert found.parameters == sum(layer.parameters for layer in found.layers) + 14 + 18


@pytest.mark.parametrize(
    ("settings", "widths"),
    [
        ({"latent_dim": 9, "hidden": ()}, [6, 9, 6]),
        ({"latent_dim": 9, "hidden": (8,), "linear_path": False}, [6, 8, 9, 8, 6]),
        ({"latent_dim": 2, "encoder": nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Tanh())}, [6, 4, 2, 6]),
        ({"latent_dim": 2, "hidden": (), "encoder": nn.Flatten()}, [6, 2, 6]),
    ],
)
def test_all_shapes_are_drawn(small, settings, widths):
    if isinstance(settings.get("encoder"), nn.Module):
        settings = {"decoder": nn.Linear(2, 6)} | settings
    model = fitted(small, **settings)
    before = {k: v.clone() for k, v in model.module_.state_dict().items()}
    found = architecture(model)
    assert [layer.width for layer in found.layers] == widths
    assert ("linear path" in texts(model.plot_architecture())) == (found.bypass is not None)
    assert all(torch.equal(v, before[k]) for k, v in model.module_.state_dict().items())


def test_convolutions_are_drawn(pictures):
    model = fitted(pictures, latent_dim=3, encoder="conv2d", hidden=(4, 6))
    said = texts(model.plot_architecture())
    for part in ("12 × 10  input", "4 × 6 × 5", "6 × 3 × 3", "convolution 3 × 3", "transposed", "12 × 10  output"):
        assert part in said, part


def test_attention_is_drawn(pictures):
    model = fitted(pictures, latent_dim=3, encoder="attention", hidden=(8, 6))
    found = architecture(model)
    # 12 x 10 pixels in patches of 3 x 3: 4 x 4 tokens, and 4 that sum them up.
    sizes = ["12 × 10", "20 × 8", "20 × 8", "20 × 6", "4 × 6", "3", "16 × 6", "16 × 6", "16 × 8", "16 × 8", "12 × 10"]
    assert [layer.size for layer in found.layers] == sizes
    kinds = ["input", "dense", "attention, 4 heads", "dense", "attention, 4 heads", "dense"]
    assert [layer.kind for layer in found.layers][:6] == kinds
    assert found.parameters == sum(layer.parameters for layer in found.layers) + sum(found.bypass)
    assert "attention, 4 heads" in texts(model.plot_architecture())


def test_long_labels_are_not_cut_off(pictures):
    model = fitted(pictures, latent_dim=3, encoder="conv2d", hidden=(64, 128))
    figure = model.plot_architecture()
    figure.draw_without_rendering()
    right = max(text.get_window_extent().x1 for text in figure.axes[0].texts)
    assert right <= figure.bbox.x1


def test_a_very_deep_net_is_drawn_with_its_middle_left_out(small):
    assert "⋮" in texts(fitted(small, latent_dim=2, hidden=(4,) * 20).plot_architecture())


def test_an_unfitted_model_has_nothing_to_draw(small):
    for call in (zl.Autoencoder().plot_architecture, lambda: zl.Autoencoder().latent_report(small)):
        with pytest.raises(NotFittedError):
            call()
    with pytest.raises(NotFittedError):
        zl.Autoencoder().report(small)


def test_figures_show_themselves(small):
    assert fitted(small).plot_architecture()._repr_png_().startswith(b"\x89PNG")
    assert style.loss_curves([])._repr_png_().startswith(b"\x89PNG")


# ---------------------------------------------------------------------------------------------------------- the latents


def test_numbers_of_a_linear_model_are_those_of_pca(small):
    # Steps too small to see: the model is PCA, with latents of unit variance.
    model = fitted(small, latent_dim=3, hidden=(), max_epochs=1, lr=1e-12, validation=0)
    report = model.latent_report(small)
    scaled = (small - small.mean(0)) / small.std(0)
    values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    values, vectors = values[::-1], vectors[:, ::-1]
    share = values / values.sum()
    assert report.rows == 120
    np.testing.assert_allclose(report.score_drop, share[:3], rtol=1e-3)
    np.testing.assert_allclose(report.score, share[:3].sum(), rtol=1e-4)
    np.testing.assert_allclose(report.variance_share, 1 / 3, rtol=1e-3)
    np.testing.assert_allclose(report.correlation, np.eye(3), atol=1e-3)
    for i in range(3):
        np.testing.assert_allclose(
            report.input_sensitivity[i], abs(vectors[:, i]) / values[i] ** 0.5, rtol=1e-2, atol=1e-3
        )
        np.testing.assert_allclose(
            report.output_sensitivity[i], abs(vectors[:, i]) * values[i] ** 0.5, rtol=1e-2, atol=1e-3
        )
    assert not report.dead.any() and report.order.tolist() == [0, 1, 2]
    strongest = report.frame["moves"].tolist()
    assert strongest == [f"x{abs(vectors[:, i]).argmax()}" for i in range(3)]


def test_dead_latents_are_found():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 5))  # two numbers a row: more latents have nothing to say
    model = fitted(X, latent_dim=4, hidden=(), max_epochs=1, lr=1e-12)
    report = model.latent_report(X)
    assert report.dead.tolist() == [False, False, True, True]
    np.testing.assert_allclose(report.score_drop[2:], 0, atol=1e-6)
    np.testing.assert_array_equal(report.correlation[2, [0, 1, 3]], 0)
    assert "2 dead" in str(report) and str(report).count("  dead\n") + str(report).endswith("  dead") == 2


def test_a_latent_that_the_decoder_ignores_is_dead(small):
    model = fitted(small, latent_dim=2, hidden=(4,))
    with torch.no_grad():
        model.module_.decoder.layers[0].weight[:, 1] = 0
        model.module_.linear.Q.weight[:, 1] = 0
    assert model.latent_report(small).dead.tolist() == [False, True]


def test_mixed_tables_have_a_column_each(people):
    report = fitted(people, latent_dim=2).latent_report(people)
    assert report.input_names == report.output_names == ("age", "job", "insured", "born", "pay")
    assert report.input_sensitivity.shape == report.output_sensitivity.shape == (2, 5)
    assert (report.output_sensitivity > 0).all() and np.isfinite(report.input_sensitivity).all()
    assert report.traversal is None
    assert "job" in texts(report.plot())


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 3)])
def test_images_have_traversals(pictures, shape):
    X = pictures if len(shape) == 2 else np.repeat(pictures[..., None], 3, axis=3)
    report = fitted(X, latent_dim=3).latent_report(X)
    assert report.traversal.shape == (3, len(report.steps), *shape) and report.traversal.dtype == np.uint8
    best = report.traversal[0].astype(int)
    assert abs(best[0] - best[-1]).sum() > abs(best[0] - best[1]).sum() > 0
    assert "+2.5 σ" in texts(report.plot())


def test_the_same_report_every_time_and_the_model_stays(image_model, pictures):
    before = {k: v.clone() for k, v in image_model.module_.state_dict().items()}
    grads = [p.grad for p in image_model.module_.parameters()]
    first, second = image_model.latent_report(pictures), image_model.latent_report(pictures)
    for name in ("score_drop", "input_sensitivity", "output_sensitivity", "correlation", "traversal"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert all(torch.equal(v, before[k]) for k, v in image_model.module_.state_dict().items())
    assert all(a is b for a, b in zip(grads, [p.grad for p in image_model.module_.parameters()], strict=True))


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slope):
        return 2 * slope


class Twice(nn.Linear):
    def forward(self, x):
        return Once.apply(super().forward(x))


def test_own_decoders_that_can_be_differentiated_once_only(small):
    model = fitted(small, latent_dim=2, hidden=(), decoder=Twice(2, 6))
    report = model.latent_report(small)
    weight = 2 * model.module_.decoder.module.weight.detach().numpy().T
    np.testing.assert_allclose(report.output_sensitivity, abs(weight) * report.deviation[:, None], rtol=2e-3, atol=1e-4)


def test_supervised_models_want_their_target(small):
    y = np.where(small[:, 0] > 0, "up", "down")
    model = fitted(small, y, latent_dim=2, target="y")
    assert model.latent_report(small, y).output_sensitivity.shape == (2, 1)
    for call in (model.latent_report, model.report):
        with pytest.raises(DataError, match="pass y"):
            call(small)


def test_one_row_says_nothing(small):
    model = fitted(small)
    for call in (model.latent_report, model.report):
        with pytest.raises(DataError, match="at least 2 rows"):
            call(small[:1])


def test_many_latents_and_constant_data(small):
    assert len(fitted(small, latent_dim=300, hidden=()).latent_report(small).latents) == 256
    flat = np.ones((30, 4))
    report = fitted(flat, latent_dim=2).latent_report(flat)
    assert np.isfinite(report.score_drop).all() and report.dead.all()
    assert "nothing" in fitted(flat, latent_dim=2).report(flat).html.lower()


def test_latent_reports_print_and_show(image_model, pictures):
    report = image_model.latent_report(pictures)
    assert str(report).startswith("3 latents, none dead") and "pixel_" in str(report)
    assert list(report.frame.columns)[:2] == ["latent", "mean"] and len(report.frame) == 3
    assert report._repr_html_().startswith("<pre>3 latents")


# ------------------------------------------------------------------------------------------------------------- the page

VOID = {"meta", "link", "br", "img", "input", "hr"}
LOOSE = {"path", "use", "rect", "polygon", "image", "circle", "stop", "line"}


class Page(HTMLParser):
    """Checks as it reads: every tag is closed by its own, names occur once, pictures say what they show."""

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.links, self.faults, self.words = [], [], [], [], []
        self.script = {}
        self.feed(text)
        self.close()
        assert not self.open and not self.faults, (self.open, self.faults[:5])

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append((tag, attrs))
        self.look(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self.look(tag, dict(attrs))

    def look(self, tag, attrs):
        self.names += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs[name] for name in ("src", "href", "srcset", "data", "action") if name in attrs]
        if tag == "img" and not attrs.get("alt"):
            self.faults.append("an image without words")
        if tag in ("svg", "canvas") and not (attrs.get("role") == "img" and attrs.get("aria-label")):
            self.faults.append(f"a {tag} without words")

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, text):
        if self.open and self.open[-1][0] == "script":
            self.script[self.open[-1][1].get("id", "code")] = text
        elif self.open and self.open[-1][0] != "style":
            self.words.append(text)


def check(html):
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert len(page.names) == len(set(page.names))
    assert not re.search(r"(https?:)?//[\w-]+\.\w|@import|url\((?!#)", html.split("<script>")[0])
    assert "://" not in html and "fetch(" not in html and "XMLHttp" not in html
    for link in page.links:
        assert link.startswith(("data:", "#")), link
        assert not link.startswith("#") or link[1:] in page.names, link
    return page, json.loads(page.script["map-data"])


def numbers(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_the_page_is_whole_and_fetches_nothing(image_page):
    page, _ = check(image_page)
    said = " ".join(page.words)
    titles = ("The hourglass", "Training", "Originals beside", "latent map", "latents do", "Beside PCA", "error sits")
    for title in (*titles, "worst", "Settings", "torch", "latent_dim", "training"):
        assert title in said, title
    for rule in ("prefers-color-scheme: dark", "@media print", "max-width: 52rem"):
        assert rule in image_page, rule


def test_the_map_holds_every_item(image_model, image_page, pictures):
    _, data = check(image_page)
    points = numbers(data["points"], "<u2").reshape(-1, 2)
    assert points.shape == (60, 2) and points.min() == 0 and points.max() == 65535
    assert numbers(data["labels"], "u1").tolist() == (np.arange(60) % 3).tolist() and data["names"] == ["0", "1", "2"]
    error = image_model.reconstruction_error(pictures)
    shades = numbers(data["errors"], "u1")
    assert shades[error.argmax()] == 254 and shades[error.argmin()] == 0
    items = numbers(data["items"], "<u4")
    assert items.tolist() == list(range(60)) and len(data["captions"]) == 60
    assert data["captions"][7] == f"item 7 · label 1 · error {error[7]:.3g}"


def test_what_hovers_are_the_pictures(image_page, pictures):
    _, data = check(image_page)
    (pane,) = data["panes"]
    assert (pane["kind"], pane["width"], pane["height"]) == ("pictures", 10, 12)
    kind, content = pane["atlas"].split(",")
    assert kind == "data:image/webp;base64"
    import io

    from PIL import Image

    atlas = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("L"))
    for i in (0, 31, 59):  # originals and reconstructions take turns
        y, x = divmod(2 * i, pane["columns"])
        tile = atlas[y * 12 : y * 12 + 12, x * 10 : x * 10 + 10]
        assert abs(tile.astype(int) - pictures[i]).mean() < 8


def test_with_two_latents_the_map_is_the_latent_space(pictures):
    model = fitted(pictures, latent_dim=2)
    _, data = check(model.report(pictures).html)
    z, points = model.transform(pictures), numbers(data["points"], "<u2").reshape(-1, 2)
    np.testing.assert_allclose(points / 65535, (z - z.min(0)) / np.ptp(z, axis=0), atol=1e-4)
    assert data["axes"] == ["latent 0", "latent 1"] and data["labels"] is None


def test_what_hovers_are_the_rows(people):
    model = fitted(people, latent_dim=2)
    page = model.report(people, labels=pd.Series(people["pay"]))
    _, data = check(page.html)
    (pane,) = data["panes"]
    assert pane["names"] == list(people.columns) and pane["words"] == ["original", "reconstruction"]
    first = {pane["names"][j]: (value, made) for j, value, made in pane["rows"][0]}
    assert first["job"][0] == people["job"][0] and first["born"][0].startswith(str(people["born"][0])[:10])
    assert first["insured"][0] in ("yes", "no") and float(first["age"][0]) == people["age"][0]
    missing = int(np.flatnonzero(people["pay"].isna())[0])
    assert dict((j, value) for j, value, _ in pane["rows"][missing])[4] == "–"
    assert numbers(data["labels"], "u1")[missing] == 255 and data["names"] is None


@pytest.mark.parametrize("make", [lambda f: f, pl.from_pandas, lambda f: f[["age", "pay"]].to_numpy()])
def test_all_kinds_of_tables(people, make):
    X = make(people)
    model = fitted(X, latent_dim=1)
    check(model.report(X).html)


def test_wide_tables_show_what_is_worst():
    X = np.random.default_rng(0).normal(size=(50, 70))
    _, data = check(fitted(X, latent_dim=2).report(X).html)
    assert {len(row) for row in data["panes"][0]["rows"]} == {14}


def test_binary_tables_and_large_images():
    rng = np.random.default_rng(0)
    B = (rng.random((60, 12)) < 0.4).astype(float)
    check(fitted(B, latent_dim=2).report(B).html)
    C = rng.integers(0, 256, (12, 70, 40, 3), dtype=np.uint8)
    _, data = check(fitted(C, latent_dim=2, hidden=(4, 4)).report(C).html)
    assert (data["panes"][0]["width"], data["panes"][0]["height"]) == (18, 32)


TYPES = {
    "SparseAutoencoder": ("What is active", "dead neurons", 2),
    "DenoisingAutoencoder": ("What is done about noise", "gain", 1),
    "VariationalAutoencoder": ("What the code says", "KL divergence", 4),
    "QuantizedAutoencoder": ("What the symbols say", "perplexity", 3),
}


def chapter_of(page):
    return page.split('<section id="type"')[1].split("</section>")[0]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("data", ["pictures", "colors", "people", "numbers"])
def test_every_type_has_its_chapter(kind, data, pictures, people, small, tmp_path):
    X = {
        "pictures": pictures,
        "colors": list(np.repeat(pictures[..., None], 3, 3)),
        "people": people,
        "numbers": small,
    }
    title, figure, drawn = TYPES[kind]
    model = getattr(zl, kind)(latent_dim=4, max_epochs=2, random_state=0).fit(X[data])
    html = model.report(X[data], labels=np.arange(len(X[data])) % 2).html
    page, _ = check(html)
    assert kind in " ".join(page.words) and "#type" in page.links
    assert title in chapter_of(html) and figure in chapter_of(html) and chapter_of(html).count("<svg") == drawn
    model.save(tmp_path / "m")
    again = zl.load(tmp_path / "m").report(X[data]).html
    words = lambda page: re.sub("<svg.*?</svg>", "", chapter_of(page), flags=re.DOTALL)  # noqa: E731
    assert words(again) == words(html)


def test_the_plain_type_has_no_chapter(image_page):
    assert 'id="type"' not in image_page


def test_chapters_say_what_is_wrong(pictures, small):
    sparse = zl.SparseAutoencoder(latent_dim=60, sparsity=1, max_epochs=1, random_state=0).fit(pictures)
    assert "neurons are dead" in chapter_of(sparse.report(pictures).html)
    with pytest.warns(RuntimeWarning, match="collapsed"):
        settings = {"beta": 1e4, "warmup": 0.0, "linear_path": False, "max_epochs": 40, "random_state": 0}
        empty = zl.VariationalAutoencoder(latent_dim=2, **settings).fit(small)
    said = chapter_of(empty.report(small).html)
    assert "has collapsed" in said and "<code>beta</code>" in said and "<code>free_bits</code>" in said
    quantized = zl.QuantizedAutoencoder(latent_dim=2, codes=256, max_epochs=1, random_state=0).fit(small[:40])
    assert "never chosen" in chapter_of(quantized.report(small[:40]).html)


def test_noise_is_named_in_the_units_of_the_data(pictures, small):
    model = zl.DenoisingAutoencoder(4, noise=zl.noise.Gaussian(0.1), max_epochs=2, random_state=0).fit(pictures)
    said = chapter_of(model.report(pictures).html)
    assert "Gaussian(sigma=0.1)" in said and "Gaussian sigma, in units of uint8" in said and ">25.5<" in said
    assert "PSNR" in said
    with pytest.warns(UserWarning, match="does not look like"):
        noisy = zl.noise.SaltAndPepper(0.3).apply(pictures, random_state=0)
        model.fit(pictures, noisy=noisy)
    said = chapter_of(model.report(pictures).html)
    assert "does not look like" in said and said.count("<svg") == 2


def test_numbers_of_a_chapter_are_those_of_the_methods(small):
    model = zl.VariationalAutoencoder(latent_dim=2, max_epochs=5, random_state=0).fit(small)
    said = chapter_of(model.report(small).html)
    bound, nats = model.elbo(small).mean(), model.latent_usage(small).kl.sum()
    for value in (bound, bound + nats, nats):
        assert f">{value:.2f} nats<" in said


@pytest.mark.parametrize("kind", ["SparseAutoencoder", "DenoisingAutoencoder", "VariationalAutoencoder"])
def test_supervised_types_have_chapters(kind, pictures):
    target = pictures.astype(np.float32) / 255
    settings = {"latent_dim": 4, "target": "y", "target_modality": "image", "max_epochs": 2, "random_state": 0}
    model = getattr(zl, kind)(**settings).fit(pictures, target)
    assert "<svg" in chapter_of(model.report(pictures, target).html)


def test_images_in_figures_keep_their_scale(image_model, pictures):
    """A tenth is too coarse for a factor: the picture would not fill its axes."""
    found = re.findall(r'<image[^>]*transform="matrix\(([\d.]+)', image_model.report(pictures).html)
    assert found and all(len(scale.partition(".")[2]) > 1 for scale in found)


def test_supervised_pages_show_targets(pictures):
    y = np.where(np.arange(60) % 2, "odd", "even")
    model = fitted(pictures, y, latent_dim=2, target="y")
    page, data = check(model.report(pictures, y).html)
    assert [pane["kind"] for pane in data["panes"]] == ["pictures", "rows"] and data["names"] == ["even", "odd"]
    said = " ".join(page.words)
    assert "Targets beside predictions" in said and "PCA can only rebuild the input" in said
    small = pictures[:, :3, :2].reshape(60, 6) / 255.0
    model = fitted(small, pictures, latent_dim=2, target="y", target_modality="image")
    check(model.report(small, pictures).html)


def test_names_cannot_break_out(small):
    evil = "</script><script>alert(1)</script>"
    frame = pd.DataFrame(small[:, :3], columns=[evil, '"><img src=x>', "c"])
    html = fitted(frame, latent_dim=2).report(frame, labels=[evil, "b"] * 60).html
    check(html)
    assert "<script>alert" not in html and "<img src=x" not in html


def test_many_items_stay_small(small):
    X = np.tile(small, (200, 1))
    html = fitted(small, latent_dim=2).report(X, labels=np.arange(len(X)) % 10).html
    assert len(html) < 2e6
    _, data = check(html)
    assert len(numbers(data["points"], "<u2")) == 2 * len(X) and len(data["captions"]) < 3_000


def test_more_items_than_are_measured(monkeypatch, small):
    monkeypatch.setattr("zandloper.report.measurements.MOST_ROWS", 50)
    page, data = check(fitted(small, latent_dim=2).report(small, labels=np.arange(120)).html)
    assert "50 of 120 items" in " ".join(page.words)
    assert data["captions"][-1].startswith("item 119 · label 119")


def test_pca_beside_the_model_is_pca(small):
    from sklearn.decomposition import PCA

    model = fitted(small, latent_dim=2)
    from zandloper.report.pca import against_pca

    found = against_pca(model, model.model_.read(small))
    scaled = model.module_.scaler.encode(model.model_.read(small))[0].numpy()
    for k in (1, 2, 5):
        pca = PCA(k).fit(scaled)
        wanted = ((pca.inverse_transform(pca.transform(scaled)) - scaled) ** 2).mean()
        np.testing.assert_allclose(found.pca[k - 1], wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.model, model.reconstruction_error(small).mean(), rtol=1e-5)
    gaps = small.copy()
    gaps[::7, 2] = np.nan
    holed = against_pca(model, model.model_.read(gaps))
    assert len(holed.pca) == 6 and holed.pca[-1] < 1e-6 < holed.pca[0]


def test_studies_and_sections_can_be_added(small):
    study = zl.compare_with_pca(small, [1, 2], max_epochs=1, random_state=0)
    html = fitted(small).report(small, extra=[study, Section("More", "<p>of it</p>")]).html
    page, _ = check(html)
    assert study.title in " ".join(page.words) and "#more" in page.links


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([0, 1, 2], ("0", "1", "2")),
        ([True, False, True], ("False", "True")),
        (["b", "a", None], ("a", "b")),
        ([1.0, 2.0, np.nan], ("1", "2")),
        ([0.5, 2.25, 1.0], ()),
        (pd.Series(["x", "y", "x"], dtype="category"), ("x", "y")),
        (pl.Series([1, 2, 2]), ("1", "2")),
    ],
)
def test_labels_are_classes_or_a_scale(labels, names):
    found = Labels.read(labels, 3)
    assert found.names == names and len(found.codes) == 3
    assert all(found.text(i) for i in range(3))


def test_rare_classes_are_called_other():
    found = Labels.read([f"c{i % 60}" for i in range(600)], 600)
    assert len(found.names) == 40 and found.names[-1] == "other"
    assert Labels.read(np.arange(600), 600).names == ()


@pytest.mark.parametrize("labels", [[1, 2], [[1, 2]] * 120, "no"])
def test_wrong_labels_are_refused(small, labels):
    with pytest.raises(DataError, match="labels must be one a row"):
        fitted(small).report(small, labels=labels)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (np.nan, "–"), (True, "yes"), (3, "3"), (0.123456, "0.1235"), ("x" * 50, "x" * 39 + "…")],
)
def test_values_in_words(value, text):
    assert say(value) == text


def test_save_is_careful(tmp_path, image_model, pictures):
    page = image_model.report(pictures)
    assert re.fullmatch(r"Report of 0\.\d MB: write it with \.save\('report\.html'\)", repr(page))
    assert "srcdoc=" in page._repr_html_() and "<script" not in page._repr_html_()
    page.save(tmp_path / "x.html")
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == page.html
    for place, why in (("x.html", "exists already"), ("x.pdf", "ends in .html"), ("x", "ends in .html")):
        with pytest.raises(FileError, match=why):
            page.save(tmp_path / place)
    page.save(tmp_path / "x.html", overwrite=True)


# --------------------------------------------------------------------------------------------------------- in notebooks


def test_fitted_models_have_a_card(small, image_model):
    blank = zl.Autoencoder()
    assert "deep undercomplete" not in blank._repr_html_()
    shown = image_model._repr_html_()
    assert "Autoencoder: deep undercomplete" in shown and "images of 12 x 10 pixels" in shown
    assert "sk-container" in blank._repr_html_() and "sk-container" in shown  # scikit-learn's own picture follows
    assert image_model._repr_mimebundle_()["text/html"].startswith("<div") and "<svg" in shown
    with sklearn.config_context(display="text"):
        assert not hasattr(image_model, "_repr_html_")
        assert "text/html" not in image_model._repr_mimebundle_()


# ----------------------------------------------------------------------------------------------------- the command line


@pytest.fixture
def zandloper(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(line):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main(line.split())
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


def test_report_on_the_command_line(zandloper, tmp_path, people, pictures):
    io.write(tmp_path / "t.csv", people)
    io.write(tmp_path / "l.npy", np.arange(120))
    io.write(tmp_path / "two.csv", people[["age", "pay"]])
    io.write(tmp_path / "i.npy", pictures)
    assert zandloper("fit reduce t.csv -o m --drop job --max-epochs 1 --seed 0")[0] == 0
    code, out, err = zandloper("report m t.csv -o r.html --labels job")
    assert (code, err) == (0, "") and re.search(r"written  r\.html \(0\.\d MB\): open it in a browser", out)
    _, data = check((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert data["names"] == ["cook & baker", "smith <b>"]
    assert data["panes"][0]["names"] == ["age", "insured", "born", "pay"]
    assert zandloper("report m t.csv -o r.html --labels l.npy --force -q") == (0, "", "")
    for line, why in (
        ("report m t.csv -o r.html", "exists already"),
        ("report m t.csv -o r.txt", "ends in .html"),
        (
            "report m t.csv -o m/r.html --labels no",
            "neither a column of the data nor a file: the data have the columns",
        ),
        ("report m t.csv -o s.html --labels two.csv", "must hold one value a row"),
        ("report m i.npy -o s.html --labels no", "the data have no named columns"),
        ("report no t.csv -o s.html", "no"),
        ("report m t.csv -o s.html --target nothing", "--target nothing is neither"),
    ):
        code, out, err = zandloper(line)
        assert code == 2 and why in err and not (tmp_path / "s.html").exists(), (line, err)


def test_report_of_images_beside_pca(zandloper, tmp_path, pictures):
    io.write(tmp_path / "i.npy", pictures)
    zandloper("fit reduce i.npy -o m --max-epochs 1 --seed 0 --latent-dim 2")
    assert zandloper("report m i.npy -o r.html --compare-pca")[0] == 0
    assert "Test error of PCA and autoencoder" in (tmp_path / "r.html").read_text(encoding="utf-8")
