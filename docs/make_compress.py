"""The picture of docs/compress.md: bytes against error of an autoencoder and PCA, on digits.

usage: python docs/make_compress.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import zandloper as zl

X = load_digits().images.astype(np.uint8) * 16
inner = zl.Autoencoder(latent_dim=32, hidden=(128, 64), max_epochs=300, random_state=0)
model = zl.Compressor(inner, quality=0.8, random_state=0).fit(X[:1_200])
curve = model.rate_error(X[1_200:], np.linspace(0, 1, 8))
print(curve.frame)
curve.plot().savefig(Path(__file__).parent / "images" / "compress.png", dpi=100)
