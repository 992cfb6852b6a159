"""Sounds: files and arrays in, spectrograms and waveforms inside, sounds of their own length back."""

import builtins
import warnings

import numpy as np
import pytest
import torch
from scipy.io import wavfile

import zandloper as zl
from zandloper import cli, io
from zandloper.data import spectrogram
from zandloper.data.audio_clips import clips_of, joined, lay_sounds, sound_of
from zandloper.errors import DataError, DataTypeError, FileError, MissingExtraError, ParameterError
from zandloper.io import audio
from zandloper.modality import chunks_of, infer
from zandloper.modality.audio import Audio

RATE = 8000
QUICK = {"latent_dim": 3, "hidden": (8,), "max_epochs": 1, "random_state": 0}
TYPES = [
    zl.Autoencoder,
    zl.SparseAutoencoder,
    zl.DenoisingAutoencoder,
    zl.VariationalAutoencoder,
    zl.QuantizedAutoencoder,
]


def tone(samples, hertz=440.0, rate=RATE, size=0.5):
    return size * np.sin(2 * np.pi * hertz * np.arange(samples) / rate)


def tones(n=12, seed=0):
    rng = np.random.default_rng(seed)
    return [tone(int(rng.integers(900, 2000)), rng.uniform(200, 1500)) for _ in range(n)]


def learned(X, **settings):
    schema, raw = Audio(**{"sample_rate": RATE, **settings}).learn(X, "the test")
    scale = schema.scaler()
    scale.learn(chunks_of(raw))
    return schema, scale, raw


def there_and_back(X, **settings):
    schema, scale, _ = learned(X, **settings)
    rows = schema.read(X, "the test")
    return schema.rebuild(scale.restore(scale.encode(rows[:])[0]).numpy(), X, rows)


# ------------------------------------------------------------------------------------------------------- sound and back


def test_a_spectrogram_is_the_formula():
    x = torch.from_numpy(tone(4096, hertz=RATE / 512 * 20))
    size = spectrogram.magnitudes(x, 512)
    assert size.shape == (257, 33) and float(size[20, 16]) == pytest.approx(0.5, rel=1e-3)
    again = spectrogram.inverse(spectrogram.transform(x, 512), 512, len(x))
    torch.testing.assert_close(again, x)


@pytest.mark.parametrize(("frame", "rate", "bands"), [(512, 8000, 80), (1024, 16000, 80), (2048, 44100, 128)])
def test_bands_hear_all_frequencies(frame, rate, bands):
    filters = spectrogram.bands_of(frame, rate, bands)
    assert filters.shape == (bands, frame // 2 + 1) and (filters >= 0).all()
    torch.testing.assert_close(filters.sum(1), torch.ones(bands))
    assert (filters.sum(0)[1:-1] > 0).all()


def test_phases_are_found():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(tone(4000, 300) + tone(4000, 810) * np.linspace(0, 1, 4000) + 0.01 * rng.normal(size=4000))
    size = spectrogram.magnitudes(x, 512)
    error = [
        float(
            (spectrogram.magnitudes(spectrogram.with_phases(size, 512, 4000, rounds), 512) - size).norm() / size.norm()
        )
        for rounds in (0, 8, 32)
    ]
    assert error[0] > error[1] > error[2] and error[2] < 0.05


@pytest.mark.trained
@pytest.mark.parametrize("representation", ["spectrogram", "waveform"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "int32"])
def test_sounds_come_back(representation, dtype):
    top = np.iinfo(dtype).max if "int" in dtype else 1.0
    X = [(x * top).astype(dtype) for x in tones(4)]
    again = there_and_back(X, representation=representation)
    assert [a.shape for a in again] == [x.shape for x in X] and all(a.dtype == x.dtype for a, x in zip(again, X))
    for a, x in zip(again, X):
        if representation == "waveform":
            assert np.abs(a.astype(float) - x).max() <= 1e-4 * top
        else:
            bands = spectrogram.bands_of(512, RATE, 80)
            loud = [bands @ spectrogram.magnitudes(torch.from_numpy(v / top).float(), 512) for v in (a, x)]
            assert (loud[0] - loud[1]).norm() < 0.2 * loud[1].norm()


@pytest.mark.parametrize("shape", [(3, 900), (3, 900, 2), (2000,), (1, 900, 1)], ids=str)
def test_arrays_come_back_as_they_were(shape):
    X = np.random.default_rng(0).normal(size=shape).astype(np.float32) * 0.1
    again = there_and_back(X, representation="waveform")
    assert again.shape == X.shape and np.allclose(again, X, atol=1e-6)


def test_long_sounds_are_cut_and_joined():
    X = [tone(20_000), tone(700, 300), tone(9000, 600)]
    again = there_and_back(X, representation="waveform", seconds=0.25)
    assert all(np.allclose(a, x, atol=1e-5) for a, x in zip(again, X))
    schema, _, raw = learned(X, seconds=0.25)
    assert schema.length == 2000 and schema.stride == 1750 and raw.shape[1:] == (1, 2000)
    rows = schema.read(X, "me")
    assert np.bincount(sound_of(rows)).tolist() == [12, 1, 5]
    assert schema.labels(np.array(["a", "b", "c"]), rows).tolist() == ["a"] * 12 + ["b"] + ["c"] * 5
    places = schema.places(X, rows, per_sample=False)
    assert places["sound"].tolist() == sound_of(rows).tolist() and places["end"].max() == 2.5
    train, held = schema.split(rows, 0.34, 0)
    assert not set(sound_of(rows)[train]) & set(sound_of(rows)[held])


def test_lengths_follow_from_the_data():
    assert learned([tone(800), tone(20_000)])[0].length == 20_000
    assert learned([tone(800)] * 10 + [tone(40_000)])[0].length == 800
    assert learned([tone(80), tone(100_000)])[0].length == RATE


def test_a_model_learns_where_sounds_end():
    schema, scale, raw = learned(tones())
    x, weight = scale.encode(raw[:])
    assert schema.varies and set(x[:, :, -1].unique().tolist()) == {-1.0, 1.0}
    assert bool((weight[:, :, :-1] == 0).any()) and bool((weight[:, :, -1] == 1).all())
    lengths = [len(y) for y in schema.give(scale.restore(x).numpy())]
    assert np.abs(np.array(lengths) - [len(x) for x in tones()]).max() <= schema.frame // 4


def test_what_lies_behind_the_end_counts_nothing():
    model = zl.Autoencoder(modality=Audio(RATE), **QUICK).fit(tones())
    alone = model.reconstruction_error(tones()[:1])
    assert alone == pytest.approx(model.reconstruction_error(tones())[:1])
    assert model.reconstruction_error(tones()).shape == (12,)


# ----------------------------------------------------------------------------------------------------------- estimators


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("representation", ["spectrogram", "waveform"])
def test_all_types_take_sounds(kind, representation, tmp_path):
    X = tones()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*collapsed")
        model = kind(modality=Audio(RATE, representation=representation), **QUICK).fit(X)
    again = model.predict(X)
    assert [len(a) for a in again] == [len(x) for x in X] and model.transform(X).shape[0] == 12
    model.save(tmp_path / "m")
    loaded = zl.load(tmp_path / "m")
    assert loaded.modality == Audio(RATE, representation=representation)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.predict(X), again))
    if kind in (zl.VariationalAutoencoder, zl.QuantizedAutoencoder):
        made = model.sample(3, random_state=0)
        assert len(made) == 3 and all(1 <= len(m) <= 2000 and np.isfinite(m).all() for m in made)


def test_sounds_need_no_more_than_the_word():
    model = zl.Autoencoder(modality="audio", **QUICK).fit(np.stack([tone(1000, h) for h in (200, 300, 400)]))
    assert "at 16,000 Hz" in str(model.describe()) and model.predict(np.stack([tone(1000)])).shape == (1, 1000)


def test_results_do_not_depend_on_how_sounds_are_batched():
    X = tones(40)
    model = zl.Autoencoder(modality=Audio(RATE), **QUICK).fit(X)
    assert np.array_equal(model.transform(X)[5:9], model.transform(X[5:9]))
    assert all(np.array_equal(a, b) for a, b in zip(model.predict(X)[33:36], model.predict(X[33:36])))


def test_reports_have_players():
    X = tones()
    page = zl.VariationalAutoencoder(modality=Audio(RATE), **QUICK).fit(X).report(X).html
    assert page.count("<audio controls") == 2 * 12 * 2 and "data:audio/wav;base64,UklGR" in page


# ---------------------------------------------------------------------------------------------------------------- files


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "sounds"
    place.mkdir()
    for i, x in enumerate(tones(4)):
        wavfile.write(place / f"{i}.wav", RATE, (x * 32767).astype(np.int16))
    return place


def test_a_folder_of_sounds_is_read(folder):
    found = io.read(folder)
    assert isinstance(found, io.Sounds) and found.names == ["0.wav", "1.wav", "2.wav", "3.wav"]
    assert infer(folder, "me") == infer(str(folder / "0.wav"), "me") == infer(found, "me") == "audio"
    model = zl.Autoencoder(**QUICK).fit(folder)
    assert model.model_.schema.rate == RATE and [len(x) for x in model.predict(found)] == [len(x) for x in tones(4)]
    np.testing.assert_allclose(found[1], tones(4)[1], atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*values outside -1 to 1 are clipped")
def test_the_command_line_takes_sounds(folder, tmp_path, capsys):
    go = lambda *words: cli._run([str(w) for w in words])  # noqa: E731
    quick = ("--max-epochs", 1, "--hidden", 8, "--latent-dim", 2, "--seed", 0)
    assert go("fit", "reduce", folder, "-o", tmp_path / "m", "--type", "variational", *quick) == 0
    assert "4 sounds of" in capsys.readouterr().out
    assert go("run", tmp_path / "m", folder, "-o", tmp_path / "again", "--what", "reconstruction") == 0
    again = io.read(tmp_path / "again")
    assert again.names == [f"{i}.wav" for i in range(4)] and again.rates == [RATE] * 4
    assert [len(x) for x in again] == [len(x) for x in tones(4)]
    assert go("run", tmp_path / "m", folder, "-o", tmp_path / "z.csv") == 0
    assert io.read(tmp_path / "z.csv").column_names[0] == "sound"
    assert go("sample", tmp_path / "m", "-o", tmp_path / "new", "-n", 3) == 0 and len(io.read(tmp_path / "new")) == 3
    assert go("run", tmp_path / "m", folder, "-o", tmp_path / "z.wav") == 2
    assert "is for sounds" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*values outside -1 to 1 are clipped")
def test_the_command_line_draws_sounds(folder, tmp_path, capsys):
    go = lambda *words: cli._run([str(w) for w in words])  # noqa: E731
    assert go("fit", "generate", folder, "-o", tmp_path / "m", "--max-epochs", 1, "--seed", 0) == 0
    assert "-n 16 -o samples" in capsys.readouterr().out
    assert go("run", tmp_path / "m", "-o", tmp_path / "new", "-n", 3, "--seed", 0) == 0
    new = io.read(tmp_path / "new")
    assert isinstance(new, io.Sounds) and new.names == ["0.wav", "1.wav", "2.wav"] and new.rates == [RATE] * 3


@pytest.mark.parametrize("end", [".wav", ".flac", ".ogg"])
def test_sounds_are_written_and_read_again(end, tmp_path):
    pytest.importorskip("soundfile")
    x = np.stack([tone(6000), tone(6000, 700)], 1)
    io.write(tmp_path / f"a{end}", x, rate=RATE)
    again = io.read(tmp_path / f"a{end}")
    assert again.rates == [RATE] and again[0].shape == x.shape
    assert np.abs(again[0] - x).max() < (0.1 if end == ".ogg" else 1e-4)
    io.write(tmp_path / "many", tones(3), rate=RATE)
    assert [p.name for p in sorted((tmp_path / "many").iterdir())] == ["0.wav", "1.wav", "2.wav"]
    with pytest.raises(FileError, match="pass rate="):
        io.write(tmp_path / "b.wav", x)


@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_without_soundfile_wav_is_read_all_the_same(kind, tmp_path, monkeypatch):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.wav", tone(3000), RATE, kind)
    with_it = io.read(tmp_path / "a.wav")[0]
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "soundfile":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    np.testing.assert_allclose(io.read(tmp_path / "a.wav")[0], with_it, atol=1e-6)
    (tmp_path / "a.flac").write_bytes(b"fLaC")
    with pytest.raises(MissingExtraError, match=r"zandloper\[audio\]"):
        io.read(tmp_path / "a.flac")


@pytest.mark.parametrize(("given", "wanted"), [(44100, 8000), (8000, 16000), (22050, 16000), (48000, 8000)])
def test_resampling_in_pieces_is_resampling_at_once(given, wanted):
    from scipy.signal import resample_poly

    x = np.random.default_rng(0).normal(size=(10_007, 2)).astype(np.float32)
    pieces = np.concatenate(list(audio.resampled(iter(np.split(x, [1, 2500, 2501, 7000])), given, wanted)))
    assert len(pieces) == audio.resampled_length(len(x), given, wanted)
    common = np.gcd(given, wanted)
    np.testing.assert_allclose(pieces, resample_poly(x, wanted // common, given // common, axis=0), atol=1e-5)


def test_files_of_several_rates_become_one(folder):
    wavfile.write(folder / "9.wav", 22_050, tone(22_050, rate=22_050).astype(np.float32))
    schema, raw = Audio().learn(folder, "me")
    assert schema.rate == RATE and schema.length == RATE
    np.testing.assert_allclose(raw[4][0, 500:-500], tone(RATE)[500:-500], atol=2e-3)


def test_a_long_file_is_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr("zandloper.data.audio_clips.IN_MEMORY", 1000)
    monkeypatch.setattr(audio, "PIECE", 777)
    wavfile.write(tmp_path / "a.wav", RATE, tone(49_000).astype(np.float32))
    schema, raw = Audio().learn(tmp_path / "a.wav", "me")
    rows = schema.read(tmp_path / "a.wav", "me")
    assert schema.length == RATE and len(raw) == len(rows) - 1
    np.testing.assert_allclose(next(joined(rows[:].numpy(), rows))[:, 0], tone(49_000), atol=1e-6)


# ------------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        ([np.zeros(900), np.zeros(500)], DataError, "all 2 sounds .* silent or constant"),
        ([np.full(900, 0.3)] * 3, DataError, "silent or constant"),
        ([tone(900), np.stack([tone(900)] * 2, 1)], DataError, r"mixed channels.*sound 1 .*channels=1"),
        ([tone(900), np.zeros(0)], DataError, "sound 1 .* with samples"),
        ([tone(900), np.array([0.1, np.nan])], DataError, "sound 1 .* NaN or infinity"),
        (np.zeros((2, 3, 4, 5)), DataError, "wanted are"),
        ([tone(900).astype(np.uint8)], DataTypeError, "uint8: convert to int16"),
        ([np.zeros((2, 900))], DataError, "time goes first"),
        (["nothing.wav"], FileError, "there is nothing at nothing.wav"),
    ],
)
def test_bad_sounds_are_refused(X, error, words):
    with pytest.raises(error, match=words):
        zl.Autoencoder(modality="audio", **QUICK).fit(X)


def test_stereo_among_mono_is_mixed_down_where_asked():
    X = [tone(900), np.stack([tone(900), np.zeros(900)], 1)]
    _, raw = Audio(RATE, channels=1).learn(X, "me")
    np.testing.assert_allclose(raw[1][0], tone(900) / 2, atol=1e-6)
    assert Audio(RATE, channels=2).learn(X, "me")[1].shape == (2, 2, 900)


@pytest.mark.trained
def test_one_silent_sound_among_others_is_no_fault():
    model = zl.Autoencoder(modality=Audio(RATE), **QUICK).fit([*tones(), np.zeros(1000)])
    assert np.abs(model.predict([np.zeros(1000)])[0]).max() < 1


def test_clips_of_ten_milliseconds():
    model = zl.Autoencoder(modality=Audio(RATE), **QUICK).fit([tone(80, h) for h in (300, 500, 700, 900)])
    assert [len(x) for x in model.predict([tone(80), tone(3)])] == [80, 3]


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_damaged_files_are_named(damage, folder):
    path = folder / "2.wav"
    if damage == "cut" and pytest.importorskip("soundfile"):
        io.write(folder / "2.flac", np.random.default_rng(0).normal(size=9000) * 0.1, rate=RATE)
        path.unlink()
        path = folder / "2.flac"
        path.write_bytes(path.read_bytes()[:3000])
    elif damage == "text":
        path.write_text("no sound")
    else:
        wavfile.write(path, RATE, np.zeros(0, np.int16))
    with pytest.raises(FileError, match=str(path)):
        zl.Autoencoder(**QUICK).fit(folder)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sample_rate": 0}, "`sample_rate` of Audio"),
        ({"seconds": -1}, "`seconds` of Audio"),
        ({"representation": "mel"}, "`representation` of Audio must be 'spectrogram' or 'waveform'"),
        ({"channels": 3}, "`channels` of Audio"),
        ({"bands": 1}, "`bands` of Audio"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(ParameterError, match=words):
        Audio(**settings).learn(tones(), "me")


def test_a_fitted_model_wants_its_channels():
    model = zl.Autoencoder(modality=Audio(RATE), **QUICK).fit(
        [np.stack([tone(900, h)] * 2, 1) for h in (300, 500, 800)]
    )
    with pytest.raises(DataError, match=r"2 channels, and .* has 3"):
        model.predict([np.stack([tone(900)] * 3, 1)])
    assert model.predict([tone(900)])[0].shape == (900, 2)


def test_windows_lie_one_after_the_other():
    rows = lay_sounds(clips_of([tone(100), tone(40)], RATE, None, "me"), 1, 50, 50)
    assert rows.shape == (3, 1, 50) and int(rows[2].isnan().sum()) == 10
