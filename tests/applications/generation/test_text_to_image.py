"""Images drawn from captions: a grid of symbols, a prior that reads words, and how its symbols are picked."""

import numpy as np
import pytest
import torch

import zandloper as zl
from zandloper.errors import DataError, ParameterError, UnsupportedError
from zandloper.fitting.conditioning import are_texts
from zandloper.model.batch import Batch
from zandloper.model.layers.attention import KeyValueCache, TransformerBlock
from zandloper.model.layers.layers import initialize
from zandloper.model.priors.autoregressive import Autoregressive, SamplingConfig

INK = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220)}
SIDES = {"left": 0, "right": 8}
PHRASES = (
    "a {ink} square on {paper}, {side}",
    "{side} on {paper} a {ink} square",
    "the {ink} square is {side} on {paper}",
)


def scenes(n=300, seed=0):
    """Squares of one color on another, at one of two sides, and their captions."""
    rng = np.random.default_rng(seed)
    images, captions = np.empty((n, 12, 12, 3), np.uint8), []
    for image in images:
        ink, paper = rng.choice(list(INK), 2, replace=False)
        side, top = rng.choice(list(SIDES)), rng.integers(0, 9)
        image[:] = INK[paper]
        image[top : top + 4, SIDES[side] : SIDES[side] + 4] = INK[ink]
        captions.append(str(rng.choice(PHRASES)).format(ink=ink, paper=paper, side=side))
    return images, captions


@pytest.fixture(scope="module")
def told():
    images, captions = scenes()
    small = Autoregressive(width=32, layers=2)
    model = zl.QuantizedAutoencoder(latent_dim=9, encoder="spatial", codes=32, code_dim=4, prior=small, batch_size=32)
    return zl.Generator(model, modality="image", max_epochs=20, random_state=0).fit(images, condition=captions)


@pytest.mark.trained
def test_captions_are_followed(told):
    made = told.sample(20, condition=["a red square on blue, left", "a blue square on green, right"], random_state=0)
    assert made.shape == (40, 12, 12, 3) and made.dtype == np.uint8
    for images, paper in ((made[:20], "blue"), (made[20:], "green")):
        middle = images[:, :, 5:7].reshape(20, -1, 3).mean(1)
        nearest = np.array([min(INK, key=lambda c: np.abs(m - INK[c]).sum()) for m in middle])
        assert (nearest == paper).mean() > 0.8
    assert made[:20].astype(float).std(0).mean() > 1  # one caption, many pictures


def test_the_same_number_gives_the_same_pictures(told, tmp_path):
    captions = scenes()[1][:3]
    one = told.sample(2, condition=captions, random_state=1)
    assert np.array_equal(one, told.sample(2, condition=captions, random_state=1))
    assert not np.array_equal(one, told.sample(2, condition=captions, random_state=2))
    told.save(tmp_path / "model")
    assert np.array_equal(zl.load(tmp_path / "model").sample(2, condition=captions, random_state=1), one)
    drawn = told.sample(2, condition=captions, random_state=1, guidance=3.0, top_k=4, top_p=0.9, temperature=0.7)
    assert drawn.shape == one.shape and not np.array_equal(drawn, one)
    assert told.sample(3, random_state=0).shape == (3, 12, 12, 3)  # nothing is told


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        ("a purple square on blue", "no training text had: 'purple'; it knows .* say it with these"),
        ("", "is empty"),
        ("a red square " * 9, "has 27 tokens and .* reads 7.*shorten it"),
    ],
)
def test_captions_that_cannot_be_followed(told, caption, said):
    with pytest.raises(DataError, match=said):
        told.sample(condition=[caption])


def test_more_images_than_captions():
    images, captions = scenes(30)
    with pytest.raises(DataError, match="X has 30 samples and condition has 29"):
        zl.Generator(modality="image", max_epochs=1).fit(images, condition=captions[1:])


@pytest.mark.parametrize(
    "setting",
    [{"temperature": 0}, {"top_k": 0}, {"top_p": 1.5}, {"guidance": -1.0}, {"top_k": 2.5}, {"guidance": True}],
    ids=str,
)
def test_ways_to_draw_that_cannot_be(told, setting):
    with pytest.raises(ParameterError, match=f"parameter `{next(iter(setting))}` of sample must be"):
        told.sample(condition=["a red square on blue, left"], **setting)


def test_only_symbols_are_drawn_so():
    model = zl.Generator(max_epochs=1, random_state=0).fit(np.random.default_rng(0).normal(size=(60, 4)))
    with pytest.raises(UnsupportedError, match="settings for sampling tokens"):
        model.sample(2, guidance=2.0)


def test_names_are_no_texts():
    assert are_texts(scenes(60)[1])
    assert not are_texts(["cat", "dog", "cat"]) and not are_texts(["sports car", "city bus", "sports car"])
    assert not are_texts([1, 2]) and not are_texts([]) and not are_texts(np.array(["a b", "b a", "a a"]))


def ready(module):
    rng = torch.Generator().manual_seed(0)
    initialize(module, rng)
    if hasattr(module, "start"):
        module.start(torch.zeros(1), rng)
        module.head.weight.data.mul_(5)
    return module.eval()


def test_a_block_that_remembers_says_the_same():
    block, h = (
        ready(TransformerBlock(8, 2, causal=True)),
        torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(1)),
    )
    past = KeyValueCache(7)
    with torch.inference_mode():
        parts = [block.extend(h[:, :3], past), *(block.extend(h[:, i : i + 1], past) for i in range(3, 7))]
        torch.testing.assert_close(torch.cat(parts, 1), block(h))


@pytest.mark.parametrize("told_by", ["texts", "numbers", "nothing"])
def test_drawing_one_by_one_is_drawing_from_the_whole(told_by):
    spec = Autoregressive(16, 2, 2, 11, (5, 3) if told_by == "texts" else ())
    prior = ready(spec.build(6, 4 if told_by == "numbers" else 0))
    rng = torch.Generator().manual_seed(2)
    words = torch.randint(0, 5, (140, 3), generator=rng).float()
    words[::7, 1:] = torch.nan
    condition = {"texts": words, "numbers": torch.randn(140, 4, generator=rng), "nothing": None}[told_by]
    drawn = prior.sample(140, torch.Generator().manual_seed(3), condition)
    lots, slow = torch.rand(140, 6, generator=torch.Generator().manual_seed(3)), torch.zeros(140, 6, dtype=torch.long)
    with torch.inference_mode():
        for i in range(6):
            slow[:, i] = SamplingConfig().pick(prior(slow, condition)[:, i], lots[:, i])
    assert (drawn == slow).float().mean() > 0.99  # a lot may fall on a border that rounding moves
    chance = prior.log_prob(drawn, condition)
    assert chance.shape == (140,) and (chance < 0).all()


def test_what_is_told_matters_and_nothing_can_be_told():
    prior = ready(Autoregressive(16, 2, 2, 11, (5, 3)).build(6))
    symbols = torch.zeros(2, 6, dtype=torch.long)
    one, other, nothing = (torch.full((2, 3), v) for v in (1.0, 2.0, torch.nan))
    assert not torch.equal(prior(symbols, one), prior(symbols, other))
    assert torch.equal(prior(symbols, nothing), prior(symbols, None))
    prior.train()
    batch = Batch(symbols.repeat(200, 1), condition=one.repeat(200, 1))
    assert torch.equal(batch.condition, one.repeat(200, 1))
    heard = prior.loss(batch, torch.Generator().manual_seed(0)).total  # a tenth is kept from it
    assert not torch.equal(heard, prior.loss(batch).total) and not batch.condition.isnan().any()


def test_picking():
    scores = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(1000, 1)
    lots = torch.rand(1000, generator=torch.Generator().manual_seed(0))
    share = lambda how: torch.bincount(how.pick(scores, lots), minlength=4) / 1000  # noqa: E731
    torch.testing.assert_close(share(SamplingConfig()), scores[0].exp(), atol=0.04, rtol=0)
    assert (share(SamplingConfig(top_k=2)) > 0).tolist() == [True, True, False, False]
    assert (share(SamplingConfig(top_p=0.9)) > 0).tolist() == [True, True, True, False]
    assert (share(SamplingConfig(top_p=0.4)) > 0).tolist() == [True, False, False, False]
    assert share(SamplingConfig(temperature=0.2))[0] > 0.9
    edges = torch.tensor([0.0, 1.0])
    assert SamplingConfig(top_k=1).pick(scores[:2], edges).tolist() == [0, 0]


@pytest.mark.trained
def test_symbols_of_a_grid_are_local():
    images, _ = scenes(200)
    model = zl.QuantizedAutoencoder(latent_dim=9, encoder="spatial", codes=32, max_epochs=3, random_state=0).fit(images)
    other = images.copy()
    other[:, :1, :1] = 255 - other[:, :1, :1]  # one corner: the far places of the grid do not notice
    assert (model.encode_symbols(images) == model.encode_symbols(other)).mean() > 0.5
    assert model.latent_shape_ == (9, 8)


@pytest.mark.parametrize(("shape", "latents"), [((3, 28, 28), 49), ((1, 13, 9), 12), ((2, 30), 8)])
def test_a_grid_has_about_as_many_places_as_latents(shape, latents):
    from zandloper.model.networks.spatial import Spatial, places

    chosen = Spatial.auto(shape, latents)
    assert places(shape, len(chosen.hidden)) == latents
    encoder = chosen.encoder(shape)
    assert encoder.n_positions == latents and encoder.encoding_dim % latents == 0


@pytest.mark.trained
def test_captions_straight_to_images():
    images, captions = scenes(300)
    model = zl.VariationalAutoencoder(8, target="y", max_epochs=25, random_state=0).fit(captions, images)
    made = model.predict(["a red square on blue, left", "a blue square on green, right"])
    for image, paper in zip(made, ("blue", "green")):
        assert np.abs(image[:, 5:7].mean((0, 1)) - INK[paper]).max() < 60


def test_captions_on_the_command_line(tmp_path, monkeypatch, capsys):
    from PIL import Image

    from zandloper import cli

    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    images, captions = scenes(60)
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / "images" / f"{i}.png")
    rows = [f'{i}.png,"{caption}"' for i, caption in reversed(list(enumerate(captions)))]  # names decide, not the order
    (tmp_path / "captions.csv").write_text("\n".join(["file,text", *rows]))

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        return ended.value.code

    quick = ("--max-epochs", "1", "--seed", "0", "-q")
    assert not run("fit", "generate", "images", "--captions", "captions.csv", "-o", "model", *quick)
    assert not run("run", "model", "--text", captions[0], "-o", "out.png", "--seed", "1")
    assert np.asarray(Image.open(tmp_path / "out.png")).shape == (12, 12, 3)
    assert not run("run", "model", "--text", captions[0], "--text", captions[1], "-n", "2", "-o", "out")
    assert len(list((tmp_path / "out").glob("*.png"))) == 4
    assert run("run", "model", "--text", "a purple square", "-o", "odd.png")
    assert "no training text had: 'purple'" in capsys.readouterr().err
    (tmp_path / "captions.csv").write_text("\n".join(["file,text", *rows[1:]]))
    assert run("fit", "generate", "images", "--captions", "captions.csv", "-o", "other", *quick)
    assert "no caption for 1 of 60 items, such as 59.png" in capsys.readouterr().err
