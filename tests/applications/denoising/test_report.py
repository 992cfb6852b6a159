"""What denoisers show: pictures, descriptions, pages for every kind of data, and the commands that write them."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import wavfile

import zandloper as zl
from zandloper import io
from zandloper.cli import _run
from zandloper.errors import DataError, UnsupportedError

NOISE = zl.noise.Gaussian(0.1)


@pytest.fixture(scope="module")
def images():
    """Clean and noisy ones, uint8."""
    y, x = np.mgrid[:48, :64] / 10
    clean = [np.round(255 * (np.sin(x + k) * np.cos(y) / 3 + 0.5)).astype(np.uint8) for k in range(5)]
    return clean, [NOISE.apply(image[None], modality="image", random_state=k)[0] for k, image in enumerate(clean)]


@pytest.fixture(scope="module")
def model(images):
    clean, noisy = images
    return zl.Denoiser(modality="image", hidden=(8, 16), max_epochs=60, random_state=0).fit(noisy, clean)


def test_images(model, images):
    clean, noisy = images
    page = model.report(noisy, clean).html
    for words in ("PSNR", "Before and after", "The noise", model.audit_.how, "Settings"):
        assert words in page
    assert page.count("<figure>") > 4 and "PSNR" not in model.report(noisy).html
    figure = model.plot(noisy, clean, n=2)
    assert [ax.get_title() for ax in figure.axes[:3]] == ["noisy", "denoised", "clean"]
    d = model.describe()
    assert d.learned_from == "pairs" and d.epochs == 60 and "Gaussian" in str(d)


def test_sounds(rng):
    clean = [np.sin(2 * np.pi * hertz * np.arange(3000) / 8000) / 2 for hertz in (200, 440, 700)]
    pink = zl.noise.Colored("pink", snr=5.0)
    noisy = [pink.apply(sound[None], modality="audio")[0] for sound in clean]
    model = zl.Denoiser(
        noise=pink, modality=zl.modality.Audio(sample_rate=8000), hidden=(8, 16), max_epochs=2, random_state=0
    ).fit(clean)
    page = model.report(noisy, clean).html
    assert page.count("<audio") == 9 and "SI-SDR" in page
    assert len(model.plot(noisy).axes) == 6


def test_a_table(rng):
    table = pd.DataFrame({"a": rng.normal(size=80), "b": np.arange(80), "c": rng.choice(["x", "y"], 80)})
    table["d"] = table.a * 2
    model = zl.Denoiser(max_epochs=3, random_state=0).fit(table)
    gaps = table.mask(rng.random(table.shape) < 0.2)
    page = model.report(gaps, table).html
    assert "– →" in page and "right" in page and "off by" in page
    assert "off by" not in model.report(gaps).html
    with pytest.raises(UnsupportedError, match=r"report\(X\)"):
        model.plot(gaps)


def test_noise_in_a_table(rng):
    table = rng.normal(size=(100, 1)) @ np.ones((1, 4))
    model = zl.Denoiser(noise=zl.noise.Gaussian(0.5), max_epochs=3, random_state=0).fit(table)
    page = model.report(zl.noise.Gaussian(0.5).apply(table, "table"), table).html
    assert "moved by" in page and "without their noise" in page


def test_series(rng):
    steps = np.sin(np.arange(400)[:, None] / 8 + np.arange(2)) + rng.normal(0, 0.05, (400, 2))
    model = zl.Denoiser(modality=zl.modality.Series(window=32), max_epochs=3, random_state=0).fit(steps)
    gaps = steps.copy()
    gaps[rng.random(gaps.shape) < 0.2] = np.nan
    page = model.report(gaps, steps).html
    assert "window of 32 steps" in page and "off by" in page


def test_pairs_must_match(model, images):
    clean, noisy = images
    with pytest.raises(DataError, match="5 noisy items and 2 clean"):
        model.report(noisy, clean[:2])


def test_commands(model, images, tmp_path, capsys):
    clean, noisy = images
    for name, some in (("noisy", noisy), ("clean", clean)):
        (tmp_path / name).mkdir()
        for k, image in enumerate(some):
            Image.fromarray(image).save(tmp_path / name / f"{k}.png")
    model.save(tmp_path / "model")
    place = lambda name: str(tmp_path / name)  # noqa: E731
    assert _run(["run", place("model"), place("noisy"), "-o", place("out"), "--beside", place("both.png")]) == 0
    with Image.open(tmp_path / "both.png") as picture:
        assert picture.size[0] > 200
    assert _run(["report", place("model"), place("noisy"), "--clean", place("clean"), "-o", place("page.html")]) == 0
    assert "PSNR" in (tmp_path / "page.html").read_text()
    assert _run(["describe", place("model")]) == 0
    further = ["fit", "denoise", place("clean"), "--noise", "gaussian(0.1)", "--max-epochs", "1", "-o", place("more")]
    assert _run([*further, "--init-from", place("model")]) == 0
    assert _run([*further, "--force", "--patch-matching", "--init-from", place("model")]) == 0
    for effort in ("--best", "--fast"):
        assert _run(["run", place("more"), place("noisy"), "-o", place(f"out{effort}"), effort]) == 0
    best, fast = (io.read(tmp_path / f"out{effort}") for effort in ("--best", "--fast"))
    assert not all(np.array_equal(a, b) for a, b in zip(best, fast))
    assert _run(["run", place("model"), place("noisy"), "-o", place("out3"), "--best"]) == 0  # more passes alone
    capsys.readouterr()
    assert _run(["run", place("more"), place("noisy"), "-o", place("out4"), "--best", "--fast"]) == 2
    assert "give one of them" in capsys.readouterr().err and not (tmp_path / "out4").exists()
    assert _run([*further, "--force", "--init-from", place("none")]) == 2
    said = capsys.readouterr().err
    assert "none" in said and "500" not in said
    assert _run(["run", place("model"), place("noisy"), "-o", place("out2"), "--beside", place("both.jpg")]) == 2
    assert "ends in .png" in capsys.readouterr().err
    assert not (tmp_path / "out2").exists()


def test_sounds_of_different_lengths_and_rates_on_the_command_line(rng, tmp_path, capsys):
    for k, (rate, length) in enumerate(((8000, 3000), (8000, 2000), (16000, 5000))):
        sound = np.sin(2 * np.pi * 300 * np.arange(length) / rate) / 2 + rng.normal(0, 0.05, length)
        (tmp_path / "in").mkdir(exist_ok=True)
        wavfile.write(tmp_path / "in" / f"{k}.wav", rate, sound.astype(np.float32))
    place = lambda name: str(tmp_path / name)  # noqa: E731
    noise = ["--noise", "colored(pink, snr=5)", "--max-epochs", "1", "--seed", "0"]
    assert _run(["fit", "denoise", place("in"), "-o", place("model"), *noise]) == 0
    assert _run(["run", place("model"), place("in"), "-o", place("out"), "--beside", place("both.png")]) == 0
    found = [wavfile.read(tmp_path / "out" / f"{k}.wav") for k in range(3)]
    assert [(rate, len(sound)) for rate, sound in found] == [(8000, 3000), (8000, 2000), (8000, 2500)]
    assert _run(["run", place("model"), place("in/0.wav"), "-o", place("one.wav")]) == 0
    assert _run(["run", place("model"), place("in/0.wav"), "-o", place("two.wav"), "--best"]) == 2
    assert "audio data" in capsys.readouterr().err
    assert _run(["report", place("model"), place("in"), "-o", place("page.html")]) == 0
    assert (tmp_path / "page.html").read_text().count("<audio") == 6
