"""The picture of generated tables: `python docs/make_generate.py` writes `docs/images/generate_tables.png`."""

from pathlib import Path

from sklearn.datasets import load_diabetes

import zandloper as zl

X = load_diabetes(as_frame=True, scaled=False).frame
generator = zl.Generator(max_epochs=60, random_state=0).fit(X[::2])
found = generator.evaluate(X[1::2])
print(found)
found.plot().savefig(Path(__file__).parent / "images" / "generate_tables.png", dpi=100)
