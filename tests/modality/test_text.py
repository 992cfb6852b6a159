"""Texts: in, out, through every type, and what cannot be read."""

import itertools
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zandloper as zl
from zandloper.data.tokenizer import learn_vocabulary
from zandloper.errors import DataError, DataTypeError, MissingExtraError, ParameterError
from zandloper.modality.text import Text

COLORS, THINGS = ("red", "blue", "green"), ("cat", "dog", "bird", "tree")
CAPTIONS = [f"a {c} {t} on {d}" for c, t, d in itertools.product(COLORS, THINGS, COLORS)] + [
    f"{t}, {c}" for t, c in itertools.product(THINGS, COLORS)
]
texts = st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=8)


def fit(kind=zl.Autoencoder, X=CAPTIONS * 6, **settings):
    return kind(**{"latent_dim": 8, "max_epochs": 15, "random_state": 0, **settings}).fit(X)


def pieces(found):
    """Words and commas: a drawn text may put a comma after any word."""
    return set(" ".join(found).replace(",", " ,").split())


@given(texts, st.sampled_from(["words", "characters"]))
def test_pieces_join_to_the_text_again(given_texts, kind):
    vocabulary = learn_vocabulary(given_texts, kind, 10_000)
    assert vocabulary.join(_filled(vocabulary.split(given_texts))) == given_texts


@given(texts)
def test_subwords_join_to_the_text_again(given_texts):
    pytest.importorskip("tokenizers")
    vocabulary = learn_vocabulary(given_texts, "subwords", 300)
    assert vocabulary.join(_filled(vocabulary.split(given_texts))) == given_texts
    assert learn_vocabulary(given_texts, "subwords", 300) == vocabulary


def _filled(rows):
    raw = np.zeros((len(rows), max(map(len, rows)) + 1))
    for row, numbers in zip(raw, rows):
        row[: len(numbers)] = numbers
    return raw


def test_few_words_are_words_and_many_are_subwords():
    assert learn_vocabulary(CAPTIONS, "auto", 512).kind == "words"
    assert learn_vocabulary(CAPTIONS, "words", 512).pieces[:3] == ("", " a", " on")
    pytest.importorskip("tokenizers")
    assert learn_vocabulary(CAPTIONS, "auto", 6).kind == "subwords"
    assert learn_vocabulary([f"word{i}" for i in range(50)], "auto", 512).kind == "subwords"


@pytest.mark.trained
@pytest.mark.parametrize(
    "kind",
    [zl.Autoencoder, zl.DenoisingAutoencoder, zl.VariationalAutoencoder, zl.QuantizedAutoencoder],
    ids=lambda k: k.__name__,
)
def test_types_give_texts_back(kind, tmp_path):
    model = fit(kind, max_epochs=25)
    said = model.predict(CAPTIONS)
    right = np.mean([a == b for mine, theirs in zip(CAPTIONS, said) for a, b in zip(mine.split(), theirs.split())])
    assert right > 0.9
    assert model.inverse_transform(model.transform(CAPTIONS[:3])) == said[:3]
    if hasattr(kind, "sample"):
        drawn = model.sample(5, random_state=0)
        assert all(isinstance(text, str) for text in drawn) and pieces(drawn) <= pieces(CAPTIONS)
    model.save(tmp_path / "model")
    assert zl.load(tmp_path / "model").predict(CAPTIONS) == said


@pytest.mark.trained
def test_sparse_codes_of_texts():
    assert fit(zl.SparseAutoencoder, max_epochs=25).score(CAPTIONS) > 0.3


def test_rows_do_not_depend_on_their_batch():
    model = fit(max_epochs=2)
    whole = model.transform(CAPTIONS)
    assert np.array_equal(np.concatenate([model.transform([text]) for text in CAPTIONS[:5]]), whole[:5])


@pytest.mark.trained
def test_what_follows_the_end_counts_nothing():
    model = fit(max_epochs=2)
    short = [i for i, text in enumerate(CAPTIONS) if "," in text]
    errors = model.reconstruction_error(CAPTIONS, per_feature=True)
    assert (errors[short, 4:] == 0).all()
    whole = model.reconstruction_error(CAPTIONS)[short]  # a mean over thing, comma, color and the end
    np.testing.assert_allclose(whole, errors[short, :4].sum(1) / 4, rtol=1e-5)


@pytest.mark.trained
def test_texts_towards_other_data_and_back(images):
    captions = [f"bright in column {image.sum(0).argmax()}" for image in images]
    model = zl.Autoencoder(8, target="y", max_epochs=20, random_state=0).fit(captions, images)
    made = model.predict(captions[:4])
    assert made.shape == images[:4].shape and model.score(captions, images) > 0.1
    back = zl.Autoencoder(8, target="y", target_modality="text", max_epochs=20, random_state=0).fit(images, captions)
    assert all(text.startswith("bright in column") for text in back.predict(images[:4]))


@pytest.mark.parametrize(
    "X", [np.array(CAPTIONS), pd.Series(CAPTIONS), tuple(CAPTIONS)], ids=lambda x: type(x).__name__
)
def test_texts_of_many_kinds(X):
    schema, raw = Text().learn(X, "me")
    assert schema.give(raw) == CAPTIONS


def test_longer_texts():
    schema, _ = Text().learn(CAPTIONS, "me")
    with pytest.raises(DataError, match=r"position 1 .* has 6 tokens and me reads 5.*window=6"):
        schema.read(["a cat", "a cat on a red cat"], "me")
    schema, _ = Text(window=3).learn(CAPTIONS, "me")
    assert schema.give(schema.read(["a red cat on blue", "a cat"], "me")) == ["a red cat", "a cat"]
    with pytest.raises(DataError, match="longest of me's texts has 601 tokens"):
        Text().learn(["a " * 600] * 2, "me")


def test_words_never_seen():
    schema, _ = Text().learn(CAPTIONS, "me")
    with pytest.warns(
        UserWarning, match=r"1 of 2 texts \(first at position 1\) hold what no .*: 'purple', 'é'; they are"
    ):
        raw = schema.read(["a red cat", "a purple é cat"], "me")
    assert np.isnan(raw[1]).sum() == 2 and schema.give(raw)[1] == "a cat"
    with pytest.raises(DataError, match=r"'purple'; it knows 'a', 'on'.* say it with these"):
        schema.read_known(["a purple cat"], "me")


@pytest.mark.parametrize(
    ("X", "error", "said"),
    [
        (["a", " "], DataError, r"position 1 \(from 0\) of me's data is empty"),
        (["a", ""], DataError, "is empty"),
        (["a", None], DataTypeError, "is None, no str"),
        (["a", 3], DataTypeError, "is 3, no str"),
        ([], DataError, "0 sample"),
        ("a text", DataTypeError, "wanted is a list of str"),
        (3, DataTypeError, "got int as texts"),
    ],
)
def test_what_is_no_text(X, error, said):
    with pytest.raises(error, match=said):
        Text().learn(X, "me")


@pytest.mark.parametrize(
    "setting", [{"tokens": "bits"}, {"vocabulary": 1}, {"vocabulary": True}, {"window": 0}, {"window": 2.5}], ids=str
)
def test_settings_that_cannot_be(setting):
    with pytest.raises(ParameterError, match=f"parameter `{next(iter(setting))}` of Text must be"):
        Text(**setting).learn(CAPTIONS, "me")


def test_other_losses_are_refused():
    with pytest.raises(ParameterError, match=r"'cross_entropy' or an nn\.Module for texts"):
        fit(loss="mse")


def test_too_many_words():
    with pytest.raises(DataError, match=r"hold 10 different words, more than the vocabulary of 5: .*'subwords'"):
        Text(tokens="words", vocabulary=5).learn(CAPTIONS, "me")


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert Text().learn(CAPTIONS, "me")[0].vocabulary.kind == "words"
    with pytest.raises(MissingExtraError, match=r"pip install 'zandloper\[text\]'"):
        Text(tokens="subwords").learn(CAPTIONS, "me")


def test_captions_that_were_held_out(data_folder):
    captions = pd.read_parquet(data_folder / "text2image" / "train.parquet", columns=["text"])["text"].tolist()
    model = zl.Autoencoder(max_epochs=8, random_state=0).fit(captions[:3000])
    said, wanted = (model.model_.schema.read(t, "test") for t in (model.predict(captions[-500:]), captions[-500:]))
    assert (said == wanted)[~np.isnan(wanted)].mean() > 0.98
