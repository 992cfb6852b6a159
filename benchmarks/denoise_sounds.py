"""Spoken digits in pink noise: what the denoiser gains, beside a spectral gate and a Wiener filter.

usage: python benchmarks/denoise_sounds.py FSDD_FOLDER [--minutes 10] [--snr 0] [-o MODEL]

Takes 0 to 9 of each speaker and digit are heard for the first time, the others train; where takes 0 to 9 are not there,
one file in five. Measured are SI-SDR in dB (Le Roux and others 2019, "SDR - half-baked or well done?",
eq. 3) and the distance of log spectra in dB, before and after. Beside: `noisereduce` (Sainburg 2020, spectral gating),
given nothing but the sound, and given the noise itself; and a Wiener filter that knows the noise's mean spectrum.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from figures import figure
from scipy.signal import istft, stft

import zandloper as zl
from zandloper import io

FRAME = 256


def si_sdr(made: np.ndarray, clean: np.ndarray) -> float:
    """In dB: the part of `made` that is the clean sound at some loudness, beside the rest."""
    target = (made @ clean) / (clean @ clean) * clean
    return float(10 * np.log10((target @ target) / max(1e-12, (made - target) @ (made - target))))


def log_spectra(sound: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.maximum(1e-4, np.abs(stft(sound / np.sqrt(np.mean(sound**2)), nperseg=FRAME)[2])))


def spectral_distance(made: np.ndarray, clean: np.ndarray) -> float:
    """Root mean square difference of log spectra, in dB."""
    return float(np.sqrt(np.mean((log_spectra(made) - log_spectra(clean)) ** 2)))


def wiener(noisy: np.ndarray, noise_power: np.ndarray) -> np.ndarray:
    """Each time and frequency times its share of signal, at least a tenth, where the noise's mean power is known."""
    spectra = stft(noisy, nperseg=FRAME)[2]
    share = np.maximum(0.1, 1 - noise_power[:, None] / np.maximum(1e-12, np.abs(spectra) ** 2))
    return istft(spectra * share, nperseg=FRAME)[1][: len(noisy)]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path)
    ask.add_argument("--minutes", type=float, default=10)
    ask.add_argument("--snr", type=float, default=0.0)
    ask.add_argument("-o", "--output", type=Path)
    given = ask.parse_args()
    found = io.read(given.folder)
    rate = found.rates[0]
    take = np.array([int(Path(name).stem.rpartition("_")[2]) for name in found.names])
    held = take < 10 if (take < 10).any() else np.arange(len(take)) % 5 == 0
    sounds = [np.asarray(sound, np.float32).ravel() for sound in found]
    train = [s for s, out in zip(sounds, held) if not out]
    clean = [s.astype(float) for s, out in zip(sounds, held) if out]
    print(f"{len(train)} sounds train, {len(clean)} are heard for the first time")

    noise = zl.noise.Colored("pink", snr=given.snr)
    noisy = [noise.apply(s[None], "audio", k)[0] for k, s in enumerate(clean)]
    reader = zl.modality.Audio(sample_rate=rate)
    model = zl.Denoiser(noise=zl.noise.Colored("pink", snr=(-5.0, 10.0)), modality=reader, max_minutes=given.minutes)
    model.set_params(random_state=0).fit(train)
    if given.output:
        model.save(given.output, overwrite=True)
    begin = time.perf_counter()
    ways = {"ours": model.transform([y.astype(np.float32) for y in noisy])}
    seconds = time.perf_counter() - begin
    power = np.mean([np.mean(np.abs(stft(y - s, nperseg=FRAME)[2]) ** 2, 1) for y, s in zip(noisy, clean)], 0)
    ways["Wiener filter"] = [wiener(y, power) for y in noisy]
    try:
        import noisereduce

        quiet = {"sr": rate, "n_fft": FRAME, "stationary": True}
        ways["noisereduce"] = [noisereduce.reduce_noise(y, **quiet) for y in noisy]
        ways["noisereduce, told"] = [noisereduce.reduce_noise(y, y_noise=y - s, **quiet) for y, s in zip(noisy, clean)]
    except ImportError:
        print("noisereduce is not installed")
    before = np.array([[si_sdr(y, s), spectral_distance(y, s)] for y, s in zip(noisy, clean)]).mean(0)
    print(f"noisy: SI-SDR {before[0]:.2f} dB, spectral distance {before[1]:.2f} dB; fit {model.fit_seconds_:.0f} s")
    gain = {}
    for name, made in ways.items():
        after = np.array([[si_sdr(np.asarray(y, float), s), spectral_distance(y, s)] for y, s in zip(made, clean)])
        gain[name] = after.mean(0)[0] - before[0]
        print(
            f"{name:<18s} SI-SDR {after.mean(0)[0]:6.2f} dB, gain {gain[name]:5.2f}, spectra {after.mean(0)[1]:.2f} dB"
        )
    others = ", ".join(f"{name} {value:.2f}" for name, value in gain.items() if name != "ours")
    figure("spoken digits in pink noise at 0 dB: SI-SDR gain", gain["ours"], f"{others} dB", ">= 8")
    print(f"ours took {seconds:.1f} s for {sum(map(len, clean)) / rate:.0f} s of sound")


if __name__ == "__main__":
    main()
