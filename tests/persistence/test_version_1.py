"""Models of format version 1: each folder in `data/version_1` is read, and gives what the code that wrote it gave.

How they came about: `data/make_version_1.py`. The outputs beside each folder are those of the model before it was
saved; whole numbers and texts must be equal, floats equal but for what another processor may add differently.
"""

import importlib.util
import json
import sys
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import zandloper as zl

DATA = Path(__file__).parents[1] / "data"
KINDS = sorted(path.parent.name for path in DATA.glob("version_1/*/recipe.json"))
NEEDS = {"compressor": "constriction", "subwords": "tokenizers"}  # extras
# Shares of the largest value that floats may be off by. Another processor adds in another order, which may choose
# another of two patches that look alike, and lead the search for a sound's phases elsewhere.
OFF, OFF_SIMILAR, OFF_LOUDNESS = 1e-5, 0.01, 0.1


def inputs() -> ModuleType:
    """The module beside the folders that makes inputs and outputs."""
    if "version_1_inputs" not in sys.modules:
        spec = importlib.util.spec_from_file_location("version_1_inputs", DATA / "version_1_inputs.py")
        assert spec is not None and spec.loader is not None
        sys.modules["version_1_inputs"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["version_1_inputs"]


def compare(kind, model, saved, given):
    """Whether a model gives all that was kept, and nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few rows are worth a warning here and there
        made = inputs().outputs(model, **given)
    kept = {key.removeprefix("output/"): saved[key] for key in saved.files if key.startswith("output/")}
    assert made.keys() == kept.keys()
    for name, wanted in kept.items():
        got = made[name]
        assert (got.shape, got.dtype.kind) == (wanted.shape, wanted.dtype.kind), name
        if wanted.dtype.kind == "f":
            assert got.dtype == wanted.dtype, name
            off = OFF_LOUDNESS if name.endswith("loudness") else OFF_SIMILAR if name.endswith("similar") else OFF
            far = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
            np.testing.assert_allclose(got, wanted, rtol=off, atol=off * far, err_msg=f"{kind}: {name}")
        else:
            np.testing.assert_array_equal(got, wanted, err_msg=f"{kind}: {name}")


@pytest.mark.parametrize("kind", KINDS)
def test_models_of_version_1_come_back(kind, tmp_path):
    for word, library in NEEDS.items():
        if word in kind:
            pytest.importorskip(library)
    saved = np.load(DATA / "version_1" / f"{kind}.npz", allow_pickle=False)
    sources = {key.removeprefix("made/"): str(saved[key]) for key in saved.files if key.startswith("made/")}
    given = {slot: getattr(inputs(), source)() for slot, source in sources.items() if slot != "unlabelled"}
    given |= {key.removeprefix("input/"): saved[key] for key in saved.files if key.startswith("input/")}
    given.pop("unlabelled", None)  # what only `fit` saw
    parts = given.pop("parts", None)
    model = zl.load(DATA / "version_1" / kind, parts=parts)
    compare(kind, model, saved, given)
    # What was read is written in the format of today, and is the same model then too.
    model.save(tmp_path / kind)
    compare(kind, zl.load(tmp_path / kind, parts=parts and inputs().own_parts()), saved, given)


def test_every_type_is_there():
    from zandloper.persistence.load import loadable

    own = {name for name in loadable() if name in zl.__all__}
    assert own == {json.loads(path.read_text())["estimator"] for path in DATA.glob("version_1/*/recipe.json")}
