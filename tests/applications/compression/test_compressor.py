"""The compressor: bounds that hold for every value, bytes that only their model reads, damage that is found."""

import io

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

import zandloper as zl
from zandloper.applications.compression import latent_codec
from zandloper.applications.compression.context_fitting import fit_context_model
from zandloper.applications.compression.entropy_coding import RangeDecoder, RangeEncoder
from zandloper.applications.compression.streaming import write_stream
from zandloper.errors import DataError, FileError, MissingExtraError, ParameterError, UnsupportedError

pytest.importorskip("constriction")
QUICK = {"max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2_000))
    return np.stack([a, a**2 + 0.1 * b, 100 * b, np.round(10 * a)], axis=1)


@pytest.fixture(scope="module")
def fitted(rows: np.ndarray) -> zl.Compressor:
    return zl.Compressor(max_error=0.01, **QUICK).fit(rows)


@pytest.fixture(scope="module")
def steps() -> np.ndarray:
    t = np.arange(2_000)
    noise = np.random.default_rng(0).normal(size=(2_000, 2))
    return np.stack([np.sin(t / 7), np.cos(t / 11)], axis=1) + 0.01 * noise


def test_every_value_is_within_the_bound(rows, fitted):
    data = fitted.compress(rows)
    back = fitted.decompress(data)
    assert back.shape == rows.shape and back.dtype == rows.dtype
    assert np.abs(back - rows).max() <= 0.01 and (back[:, 3] == rows[:, 3]).all()
    assert len(data) < rows.nbytes / 4


def test_a_relative_bound_is_a_share_of_each_range(rows):
    model = zl.Compressor(max_error=0.001, relative=True, **QUICK).fit(rows)
    off = np.abs(model.decompress(model.compress(rows)) - rows).max(0)
    assert (off <= 0.001 * np.ptp(rows, axis=0)).all() and off[2] > 0.01


@settings(max_examples=12)
@given(
    X=hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int16]), st.tuples(st.integers(6, 40), st.integers(1, 4)),
        elements=st.integers(-1000, 1000), fill=st.nothing(),
    ),
    scale=st.sampled_from([1e-6, 0.37, 1.0, 1e9]),
    share=st.sampled_from([0.0, 1e-7, 0.003, 0.2, 3.0]),
    model=st.sampled_from([zl.Autoencoder, zl.VariationalAutoencoder, zl.SparseAutoencoder, zl.QuantizedAutoencoder]),
    wild=st.floats(-(2.0**40), 2.0**40, width=32),
)  # fmt: skip
def test_the_bound_holds_for_random_models_data_and_bounds(X, scale, share, model, wild):
    X = X if X.dtype.kind == "i" else (X * scale).astype(X.dtype)
    bound = float(share * max(1e-9, np.ptp(X.astype(float))))
    compressor = zl.Compressor(model(hidden=(4,), validation=0), max_error=bound, max_epochs=1, random_state=0).fit(X)
    new = X.copy()
    if X.dtype.kind == "f":  # values such as it never saw, and gaps
        new[0, 0], new[1, -1] = wild, np.nan
    back = compressor.decompress(compressor.compress(new))
    assert back.dtype == new.dtype and (np.isnan(back.astype(float)) == np.isnan(new.astype(float))).all()
    assert np.nanmax(np.abs(back.astype(np.float64) - new.astype(np.float64)), initial=0) <= bound


def test_lossless_images_and_colors(images, rng):
    model = zl.Compressor(max_error=0, **QUICK).fit(images)
    assert np.array_equal(model.decompress(model.compress(images)), images)
    color = rng.integers(0, 255, (30, 6, 5, 3)).astype(np.uint8)
    within = zl.Compressor(max_error=3, modality="image", **QUICK).fit(color)
    back = within.decompress(within.compress(color))
    assert back.dtype == np.uint8 and np.abs(back.astype(int) - color).max() == 3


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_keep_their_dtypes_gaps_and_categories(library, rng):
    n = 300
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "small": rng.normal(size=n).astype(np.float32),
            "count": rng.integers(0, 9, n),
            "kind": pd.Categorical(rng.choice(["a", "b", "c"], n)),
            "word": pd.Series(rng.choice(["x", "y", None], n), dtype="str"),
            "yes": rng.random(n) < 0.3,
            "when": pd.date_range("2024-01-01", periods=n, freq="h").as_unit("us"),
        }
    )
    given = frame if library == "pandas" else pl.from_pandas(frame) if library == "polars" else _arrow(frame)
    model = zl.Compressor(max_error=0.02, **QUICK).fit(given)
    back = model.decompress(model.compress(given))
    assert type(back) is type(given)
    if library == "pandas":
        assert (back.dtypes == frame.dtypes).all()
        exact = ["count", "kind", "word", "yes", "when"]
        pd.testing.assert_frame_equal(back[exact], frame[exact])
        assert np.nanmax(np.abs(back["size"] - frame["size"])) <= 0.02
        assert (back["size"].isna() == frame["size"].isna()).all()
        strange = frame.assign(kind=frame["kind"].cat.rename_categories({"c": "d"}))
        with pytest.raises(DataError, match="'d', which is none of the 3 levels"):
            model.compress(strange)
    elif library == "polars":
        assert back.schema == given.schema and back["word"].equals(given["word"], null_equal=True)
    else:
        plain = [name for name in given.column_names if name != "kind"]  # pyarrow knows two kinds of text
        assert back.select(plain).schema.types == given.select(plain).schema.types
        assert back["when"].equals(given["when"]) and back["kind"].to_pylist() == given["kind"].to_pylist()


def _arrow(frame):
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def test_series_of_all_kinds_come_back_as_they_were(steps):
    model = zl.Compressor(max_error=0.01, modality=zl.modality.Series(window=32), **QUICK).fit(steps)
    parts = [steps[:1_300], steps[1_300:1_340], steps[100:700]]
    for series in (steps, parts, np.stack([steps[:500], steps[500:1_000]])):
        back = model.decompress(model.compress(series))
        assert type(back) is type(series)
        for a, b in zip(back, series):
            assert a.shape == b.shape and np.abs(a - b).max() <= 0.01
    frame = pd.DataFrame(steps[:900], columns=["a", "b"])
    for index in (False, True):
        when = pd.date_range("2024-03-01", periods=900, freq="15min").as_unit("us").rename("when")
        timed = frame.set_index(when) if index else frame.assign(when=when)[["a", "when", "b"]]
        model = zl.Compressor(max_error=0.01, modality="series", **QUICK).fit(timed)
        back = model.decompress(model.compress(timed))
        pd.testing.assert_frame_equal(back, timed, atol=0.0101, rtol=0, check_freq=False)


def test_sounds_are_lists_of_integers(rng):
    sounds = [(8_000 * np.sin(np.arange(n) / 5)).astype(np.int16) for n in (400, 700, 300)]
    model = zl.Compressor(max_error=0, modality=zl.modality.Series(window=64), **QUICK).fit(sounds)
    back = model.decompress(model.compress(sounds))
    assert all(a.dtype == np.int16 and np.array_equal(a, b) for a, b in zip(back, sounds))


def test_quality_trades_bytes_for_error(images):
    inner = zl.Autoencoder(latent_dim=6, max_epochs=30, random_state=0).fit(images)
    found = [
        zl.Compressor(FrozenEstimator(inner), quality=q, random_state=0).fit(images).measure(images) for q in (0.2, 0.9)
    ]
    assert found[0].size < found[1].size and found[0].rms_error > found[1].rms_error
    assert found[1].parts.correction == 0 and "bits a value" in str(found[1])


def test_the_same_bytes_on_any_number_of_threads_and_after_loading(rows, fitted, tmp_path):
    before, data = torch.get_num_threads(), fitted.compress(rows)
    try:
        torch.set_num_threads(3)
        assert fitted.compress(rows) == data and np.array_equal(fitted.decompress(data), fitted.decompress(data))
    finally:
        torch.set_num_threads(before)
    fitted.save(tmp_path / "m")
    back = zl.load(tmp_path / "m")
    assert back.compress(rows) == data and np.array_equal(back.decompress(data), fitted.decompress(data))
    assert zl.Compressor(max_error=0.01, **QUICK).fit(rows).compress(rows) == data


def test_noise_of_another_machine_changes_nothing(rows, monkeypatch):
    """The decoder's floats are shaken by more than machines differ; what is close to an edge is written down."""
    inner = zl.Autoencoder(latent_dim=3, max_epochs=5, random_state=0).fit(rows)
    model = zl.Compressor(FrozenEstimator(inner), max_error=1e-4, random_state=0).fit(rows)
    code = model.codec_
    if code.latents is None:  # latents are to be used here, whether they pay or not
        from zandloper.applications.compression.block_codec import _learn_latents

        block = next(iter(code.layout.blocks(rows)))
        samples = code.layout.samples(code.layout.values(block)[0])
        code.latent_codec.steps = np.full(3, 0.1)
        codes = code.layout.codes(code.latent_codec.encode(samples), len(rows))
        code.latents = _learn_latents(code.latent_codec, codes, code.layout, 1_000, 0)
    data, decode = model.compress(rows), latent_codec.LatentCodec.decode
    shaken = np.random.default_rng(0).normal(size=rows.shape)

    def noisy(self, codes):
        out, close = decode(self, codes)
        return out * (1 + 1e-12 * shaken), close

    monkeypatch.setattr(latent_codec.LatentCodec, "decode", noisy)
    assert np.abs(model.decompress(data) - rows).max() <= 1e-4
    monkeypatch.setattr(latent_codec.LatentCodec, "decode", lambda self, codes: (decode(self, codes)[0] + 0.1, False))


def test_a_flipped_bit_anywhere_is_found(rows, fitted):
    data = fitted.compress(rows[:40])
    for at in range(len(data)):
        wrong = bytearray(data)
        wrong[at] ^= 1 << at % 8
        with pytest.raises(FileError):
            fitted.decompress(bytes(wrong))


def test_what_is_cut_off_gives_what_is_whole_and_says_what_is_lost(rows, fitted):
    parts = (rows[i : i + 500] for i in range(0, 2_000, 500))
    file = io.BytesIO()
    fitted.codec_.layout.joined, plain = (lambda given: given), fitted.codec_.layout.joined
    try:
        write_stream(fitted.codec_, fitted.model_hash_, file, parts, "Compressor")
    finally:
        del fitted.codec_.layout.joined
    assert plain is not None
    data = file.getvalue()
    for keep in (0.99, 0.6, 0.3):
        with pytest.warns(UserWarning, match="cut off at byte .* blocks with .* rows are whole"):
            back = fitted.decompress(data[: int(keep * len(data))])
        assert len(back) % 500 == 0 and len(back) < 2_001 and np.abs(back - rows[: len(back)]).max() <= 0.01
    with pytest.raises(FileError, match="cut off"):
        fitted.decompress(data[:20])
    wrong = bytearray(data)
    wrong[len(data) // 2] ^= 4
    with pytest.raises(FileError, match="checksum"):
        fitted.decompress(bytes(wrong))
    with pytest.warns(UserWarning, match="500 rows are left out"):
        assert len(fitted.decompress(bytes(wrong), damaged="skip")) == 1_500
    assert np.array_equal(fitted.decompress(data, rows=(700, 1_200)), fitted.decompress(data)[700:1_200])


def test_another_model_and_other_files_are_refused(rows, fitted, tmp_path):
    other = zl.Compressor(max_error=0.02, **QUICK).fit(rows)
    with pytest.raises(FileError, match="another model"):
        other.decompress(fitted.compress(rows))
    for junk in (b"", b"junk", b"\0" * 100):
        with pytest.raises(FileError):
            fitted.decompress(junk)
    with pytest.raises(FileError, match="does not exist"):
        fitted.decompress(tmp_path / "none.zl")


def test_files_are_written_and_read_part_by_part(steps, tmp_path):
    model = zl.Compressor(max_error=0.01, modality="series", **QUICK).fit(steps)
    np.save(tmp_path / "x.npy", steps)
    found = model.compress_file(tmp_path / "x.npy", tmp_path / "x.zl")
    assert found.size == (tmp_path / "x.zl").stat().st_size and found.values == steps.size
    joined = np.concatenate(list(model.decompress_blocks(tmp_path / "x.zl")))
    assert np.abs(joined - steps).max() <= 0.01
    model.compress_file((steps[i : i + 700] for i in range(0, 2_000, 700)), tmp_path / "y.zl")
    assert np.array_equal(model.decompress(tmp_path / "y.zl"), joined)
    with pytest.raises(FileError, match="exists already"):
        model.compress_file([steps], tmp_path / "x.zl")


def test_the_curve_beside_pca(images):
    model = zl.Compressor(zl.Autoencoder(latent_dim=4), quality=0.5, **QUICK).fit(images)
    curve = model.rate_error(images, (0.2, 0.8))
    assert curve.bits[0] < curve.bits[1] and len(curve.pca_errors) == 2
    assert curve.plot() is not None and "bits" in str(curve.frame)


def test_contexts_code_what_is_new_to_them(rng):
    """Values and gaps unlike any that were learned from still come back."""
    learned = rng.integers(-3, 4, (5, 2, 50)).astype(float)
    there = np.ones(learned.shape, bool)
    context = fit_context_model(learned, 0 * learned, there, 1, 0, ("number", "category"), 500)
    new = rng.integers(-100_000, 100_000, learned.shape).astype(float)
    there = rng.random(learned.shape) < 0.7
    writer = RangeEncoder()
    context.code(writer, 0 * new, there, new)
    back = context.code(RangeDecoder(writer.bytes()), 0 * new, there, None)
    assert np.array_equal(back[there], new[there])


def test_errors_say_what_to_do(rows, images, monkeypatch):
    for wrong in ({"max_error": -1}, {"max_error": np.nan}, {"quality": 2}, {"quality": 0.5, "max_error": 1.0}):
        with pytest.raises(ParameterError, match="of Compressor must be"):
            zl.Compressor(**wrong).fit(rows)
    with pytest.raises(ParameterError, match="an autoencoder"):
        zl.Compressor("zip").fit(rows)
    with pytest.raises(UnsupportedError, match="noise_conditional"):
        zl.Compressor(zl.DenoisingAutoencoder(noise_conditional=True), **QUICK).fit(rows)
    assert clone(zl.Compressor(max_error=1)).max_error == 1
    monkeypatch.setitem(__import__("sys").modules, "constriction", None)
    with pytest.raises(MissingExtraError, match=r"zandloper\[compress\]"):
        zl.Compressor().fit(rows)


def test_the_command_line_both_ways(rows, tmp_path, monkeypatch, capsys):
    from zandloper.cli import main

    monkeypatch.chdir(tmp_path)
    pd.DataFrame(rows[:600], columns=list("abcd")).assign(kind=["x", "y", "y"] * 200).to_csv("d.csv", index=False)

    def run(*argv):
        with pytest.raises(SystemExit) as done:
            main(argv)
        return done.value.code, capsys.readouterr()

    code, said = run("fit", "compress", "d.csv", "-o", "m", "--max-error", "0.01", "--max-epochs", "2", "--seed", "0")
    assert code == 0 and "next     zandloper compress d.csv -m m -o d.zl" in said.out
    assert run("compress", "d.csv", "-m", "m", "-o", "d.zl")[0] == 0
    assert run("decompress", "d.zl", "-m", "m", "-o", "back.csv")[0] == 0
    before, after = pd.read_csv("d.csv"), pd.read_csv("back.csv")
    assert (before["kind"] == after["kind"]).all()
    assert np.abs(before[list("abcd")] - after[list("abcd")]).max().max() <= 0.01
    assert run("decompress", "d.zl", "-m", "m", "-o", "part.csv", "--rows", "5:9")[0] == 0
    pd.testing.assert_frame_equal(pd.read_csv("part.csv"), after[5:9].reset_index(drop=True))
    code, said = run("run", "m", "d.csv", "-o", "x.csv")
    assert code == 2 and "zandloper compress FILE" in said.err
    code, said = run("compress", "d.csv", "-m", "m", "-o", "d.zl")
    assert code == 2 and "exists already" in said.err
