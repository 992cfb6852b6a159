"""Images drawn from captions whose digit, ink and paper never stood together in training, judged one by one.

usage: python benchmarks/text_to_image.py TRAIN.parquet MNIST_FOLDER [--minutes 20] [--held 30] [-n 1000] [-o MODEL]

TRAIN has the columns image (PNG bytes), text, digit, ink, paper, turn. Some combinations of digit, ink and paper are
held out, all their rows; the model draws from captions of these. Judges: a small network, trained on MNIST, says which
digit it is and whether it is turned; ink and paper are the nearest named colors. Printed are shares in per cent: of
real images, of images that the quantized autoencoder has rebuilt (what is drawn can hardly be better), and of drawn
ones at several ways to draw; the spread within one caption is the deviation of its pixels, from 0 to 255.
"""

import argparse
import gzip
import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from figures import figure
from PIL import Image
from torch import nn
from torch.nn import functional as F

import zandloper as zl

COLORS = {
    "red": (220, 40, 40),
    "green": (40, 170, 60),
    "blue": (50, 80, 220),
    "yellow": (240, 220, 60),
    "white": (245, 245, 245),
    "black": (10, 10, 10),
}
NAMES, VALUES = list(COLORS), np.array(list(COLORS.values()), float)
WAYS = [{}, {"guidance": 1.0}, {"guidance": 2.0}, {"guidance": 3.0}, {"temperature": 1.0, "top_p": 1.0}]


def idx(path: Path, offset: int) -> np.ndarray:
    return np.frombuffer(gzip.open(path).read(), np.uint8, offset=offset)


def digit_judge(folder: Path) -> nn.Module:
    """A small network: digits, and digits turned by a quarter, as 20 classes."""
    images = torch.tensor(idx(folder / "train-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28) / 255.0).float()
    labels = torch.tensor(idx(folder / "train-labels-idx1-ubyte.gz", 8).astype(int))
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten()]
    judge = nn.Sequential(*convolutions, nn.Linear(1568, 128), nn.ReLU(), nn.Linear(128, 20))
    x = torch.cat([images, torch.rot90(images, -1, (2, 3))])
    y = torch.cat([labels, labels + 10])
    optimizer = torch.optim.Adam(judge.parameters(), 2e-3)
    for _ in range(2):
        for rows in torch.randperm(len(x)).split(256):
            loss = F.cross_entropy(judge(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return judge.eval()


def nearest(color: np.ndarray) -> int:
    return int(((VALUES - color) ** 2).sum(1).argmin())


def ink_and_paper(image: np.ndarray) -> tuple[int, int]:
    """Paper is what the rim is of, ink what is farthest from it."""
    rim = np.concatenate([image[:2].reshape(-1, 3), image[-2:].reshape(-1, 3), image[:, [0, 1, -2, -1]].reshape(-1, 3)])
    paper = nearest(np.median(rim, 0))
    far = np.abs(image - VALUES[paper]).sum(-1)
    return nearest(np.median(image[far >= np.quantile(far, 0.95)], 0)), paper


def verdict(images: np.ndarray, told: pd.DataFrame, judge: nn.Module) -> list[float]:
    """Shares in per cent: digit, ink, paper, turn, and all of them."""
    images = images.astype(float)
    ink, paper = np.array([ink_and_paper(image) for image in images]).T
    way = VALUES[ink] - VALUES[paper]
    off = ((images - VALUES[paper][:, None, None]) * way[:, None, None]).sum(-1)
    strokes = np.clip(off / np.maximum(1.0, (way**2).sum(1))[:, None, None], 0, 1)
    with torch.no_grad():
        said = judge(torch.tensor(strokes[:, None]).float()).argmax(1).numpy()
    color = lambda column: told[column].map(NAMES.index).to_numpy()  # noqa: E731
    wanted = [told["digit"].to_numpy(), color("ink"), color("paper"), (told["turn"] > 0).to_numpy().astype(int)]
    right = np.stack([got == want for got, want in zip([said % 10, ink, paper, said // 10], wanted)])
    return [round(100 * float(share), 1) for share in [*right.mean(1), right.all(0).mean()]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("mnist", type=Path)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--held", type=int, default=30, help="combinations that are held out")
    parser.add_argument("-n", type=int, default=1000, help="captions to draw from")
    parser.add_argument("--model", type=Path, help="an earlier output, instead of training")
    parser.add_argument("-o", "--output", type=Path, help="where to save the model")
    given = parser.parse_args()
    table = pd.read_parquet(given.train)
    images = np.stack([np.asarray(Image.open(io.BytesIO(data))) for data in table.pop("image")])
    combination = table.groupby(["digit", "ink", "paper"]).ngroup().to_numpy()
    out = np.isin(combination, np.random.default_rng(1).choice(combination.max() + 1, given.held, replace=False))
    train, test = np.flatnonzero(~out), np.flatnonzero(out)[: given.n]
    told, judge = table.iloc[test], digit_judge(given.mnist)
    captions = told["text"].tolist()
    print(
        f"{len(train)} images train; {given.held} combinations are held out, {len(test)} captions of theirs are drawn"
    )

    begin = time.perf_counter()
    if given.model:
        generator = zl.load(given.model)
    else:
        generator = zl.Generator(modality="image", max_minutes=given.minutes, random_state=0)
        generator.fit(images[train], condition=table["text"].iloc[train].tolist())
    model = generator.autoencoder_
    print(f"fit {time.perf_counter() - begin:.0f} s, of which the autoencoder {model.fit_seconds_:.0f} s")
    for part, history in (("autoencoder", model.history_), ("prior", getattr(model, "prior_history_", []))):
        print(f"{part}: validation {[round(entry['validation'], 4) for entry in history]}")
    if given.output:
        generator.save(given.output, overwrite=True)
    rebuilt = model.predict(images[test])
    print(f"squared error of rebuilt pixels {((rebuilt - images[test].astype(float)) ** 2).mean():.0f}; ", end="")
    print(model.code_usage(images[test]))
    print("digit, ink, paper, turn, all right, in per cent")
    real, again = verdict(images[test], told, judge), verdict(rebuilt, told, judge)
    print(f"  real     {real}\n  rebuilt  {again}")
    for way in WAYS:
        begin = time.perf_counter()
        drawn = generator.sample(condition=captions, random_state=0, **way)
        seconds = time.perf_counter() - begin
        same = generator.sample(16, condition=captions[:1], random_state=0, **way).astype(float).std(0).mean()
        found = verdict(drawn, told, judge)
        print(f"  drawn    {found} {way or 'by default'}: spread {same:.1f}, {seconds:.1f} s")
        if not way:
            for k, (what, least) in enumerate((("digit", 88), ("ink", 97), ("paper", 97), ("turn", 94))):
                remark = f"% of images; real {real[k]}, rebuilt {again[k]}"
                figure(f"text to image, unseen combinations: {what}", found[k], remark, f">= {least}", schema=".1f")
            figure("text to image: deviation of pixels within one caption", same, "of 255", schema=".1f")


if __name__ == "__main__":
    main()
