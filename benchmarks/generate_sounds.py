"""Spoken digits drawn by class: what a classifier that learned on real recordings hears.

usage: python benchmarks/generate_sounds.py FSDD_FOLDER [--minutes 15] [--seconds 1] [--seed 0] [--out FOLDER]

Files are called digit_speaker_take.wav. One recording in five trains nothing; a classifier
learns on the others and is measured on those.
"""

import argparse
from pathlib import Path

import numpy as np
from figures import figure

import zandloper as zl
from zandloper import io

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--minutes", type=float, default=15)
parser.add_argument("--seconds", type=float, default=1.0)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path)
args = parser.parse_args()

sounds = io.read(args.folder)
digit = np.array([Path(name).name.split("_")[0] for name in sounds.names])
order = np.random.default_rng(args.seed).permutation(len(digit))
train, held = np.sort(order[len(order) // 5 :]), np.sort(order[: len(order) // 5])
some = lambda rows: io.Sounds([sounds.files[i] for i in rows], [sounds.names[i] for i in rows])  # noqa: E731

reader = zl.modality.Audio(seconds=args.seconds)
generator = zl.Generator(modality=reader, max_minutes=args.minutes, random_state=args.seed)
generator.fit(some(train), condition=digit[train])
print(generator.describe())
verdict = generator.evaluate(
    some(held), labels=digit[held], random_state=args.seed, classifier_data=(some(train), digit[train])
)
print(verdict)
figure("fsdd: digit recognized", verdict["recognized"], f"real {verdict.real['recognized']:.3f}", ">= 0.90")
figure("fsdd: spectral distance of reconstructions", verdict["reconstruction"], "decibels")
figure("fsdd: variety / real variety", verdict["variety"] / verdict.real["variety"], "inside a class")
if args.out:
    names = [f"{d}_{i}" for d in range(10) for i in range(4)]
    drawn = generator.sample(4, condition=[str(d) for d in range(10)], random_state=0)
    io.write(args.out, drawn, names, force=True, rate=generator.autoencoder_.model_.schema.rate)
    print(f"written {args.out}")
