"""The masked type, for tables: from whatever places of a row are seen, how likely is each symbol at the others?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import narwhals as nw
import numpy as np
import pyarrow as pa
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.data.binning import UNKNOWN
from zandloper.data.columns import read_column
from zandloper.data.frames import is_frame
from zandloper.errors import DataError, bad_parameter
from zandloper.modality import Modality, modality
from zandloper.modality.discrete_table import DiscreteTable, DiscreteTableSchema
from zandloper.model.batch import CorruptedInput
from zandloper.model.bottlenecks.dropout import Dropout
from zandloper.model.corruptions.observed_subset import ObservedSubset
from zandloper.model.losses.token_cross_entropy import TokenCrossEntropyLoss
from zandloper.spec import Spec
from zandloper.training import defaults

SEEN, EPOCHS = 800_000, (20, 400)  # rows in all passes together; passes, at least and at most


@dataclass(eq=False, repr=False, kw_only=True)
class MaskedAutoencoder(BaseAutoencoder):
    """An autoencoder that completes rows of a table, encoded as symbols: the one that draws new tables.

    Places of a row are hidden, the encoder sees the rest, and the decoder says how likely each symbol is at each hidden
    place. A row is drawn place by place, each from what the decoder says given those before it. So everything that
    symbols encode is drawn exactly: rare levels, spikes, whole numbers, missing values; any columns may be given.

    Takes the parameters of `Autoencoder` (but `bottleneck`, `corrupt`, `linear_path`, `loss` and those of a target),
    and:

    Parameters
    ----------
    dropout : float
        Share of the code that is dropped while training.

    Examples
    --------
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris(as_frame=True).frame
    >>> model = zl.MaskedAutoencoder(max_epochs=5, random_state=0).fit(X)
    >>> model.sample(2, given={"target": [1]}, random_state=0)["target"].tolist()
    [1, 1]

    References
    ----------
    Uria, Murray and Larochelle 2014, "A deep and tractable density estimator". Hoogeboom et al. 2022, "Autoregressive
    diffusion models".
    """

    encoder: Any = "residual"
    dropout: float = 0.1

    def _reader(self, X: Any, caller: str) -> Modality:
        given = modality(self.modality, X, caller)
        if given.name not in ("table", "discrete_table"):
            raise bad_parameter(caller, "modality", "'auto' or 'table', and the data a table", self.modality)
        return DiscreteTable()

    def _corrupt_spec(self, schema: Any) -> Spec:
        return ObservedSubset(schema.sizes)

    def _bottleneck_spec(self) -> Any:
        share = self.dropout
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
            raise bad_parameter(type(self).__name__, "dropout", "a share from 0 to below 1", share)
        return Dropout(float(share))

    def _default_latents(self, features: int) -> int | None:
        return min(256, max(64, 2 ** math.ceil(math.log2(features))))

    def _default_epochs(self, rows: int, work: int = 0) -> int:
        return int(np.clip(-(-SEEN // max(1, rows)), *EPOCHS))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = False
        return tags

    def sample(self, n: int = 1, given: Any = None, condition: Any = None, random_state: Any = None) -> Any:
        """New rows in the form of the training data.

        Parameters
        ----------
        n : int
            How many; with `given` or `condition`, how many for each of its rows, which lie together.
        given : frame or dict of columns, optional
            Columns of the data, with the values that they shall have; what is missing there is drawn.
        condition : labels, array or frame, optional
            Of the kind that `fit` was given.
        random_state : int or None
            The same number gives the same rows.
        """
        check_is_fitted(self)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise bad_parameter("sample", "n", "a positive integer", n)
        schema, seed = self._table, int(np.random.default_rng(random_state).integers(2**31))
        conditions = self.model_.read_condition(condition, int(n))
        count = int(n) if conditions is None else len(conditions)
        fixed = np.full((count, len(schema.alphabets)), np.nan)
        if given is not None:
            fixed = np.repeat(self._fixed(given), int(n), axis=0)
            if conditions is not None and len(conditions) != len(fixed):
                raise DataError(
                    f"given has {len(fixed) // int(n)} rows and condition {len(conditions) // int(n)}: "
                    "they must be as many"
                )
        start = schema.encode(fixed)
        start[np.isnan(fixed)[:, [column for column, _ in schema.digits]]] = UNKNOWN
        symbols = self._completed(torch.from_numpy(start), conditions, seed).numpy()
        values = schema.decode(symbols, np.random.default_rng(seed))
        return schema.table.give(np.where(np.isnan(fixed), values, fixed))

    @property
    def _table(self) -> DiscreteTableSchema:
        return cast(DiscreteTableSchema, self.model_.schema)

    def _fixed(self, given: Any) -> np.ndarray:
        """Given columns as the table's numbers, (n, columns), NaN where nothing is given."""
        caller, table = type(self).__name__, self._table.table
        if is_frame(given):
            frame = nw.from_native(given, eager_only=True)
            columns = {name: frame.get_column(name) for name in frame.columns}
        else:
            columns = {
                name: nw.from_native(pa.table({"x": pa.array(list(v))}), eager_only=True).get_column("x")
                for name, v in dict(given).items()
            }
        known = {column.name: (i, column) for i, column in enumerate(table.columns)}
        odd = [name for name in columns if name not in known]
        if odd or not columns:
            raise DataError(f"{odd[:5]} are no columns of the data: there are {list(known)[:20]}")
        rows = len(next(iter(columns.values())))
        out = np.full((rows, len(table.columns)), np.nan)
        for name, series in columns.items():
            i, column = known[name]
            if column.kind == "number" and series.dtype == nw.String:
                try:
                    series = series.cast(nw.Float64)
                except Exception as error:
                    raise DataError(
                        f"column {name!r} holds numbers, and is given as {series.to_list()[0]!r}"
                    ) from error
            out[:, i] = read_column(column, series, caller)
            unseen = [v for v, x in zip(series.to_list(), out[:, i]) if x != x and v is not None and v == v]
            if unseen:
                raise DataError(
                    f"column {name!r} is given as {unseen[0]!r}, which {caller} never saw while training: it saw "
                    + ", ".join(repr(level) for level in column.levels[:8])
                )
        return out

    def _completed(self, symbols: Tensor, condition: Any, seed: int) -> Tensor:
        """Rows (n, places) with every place that is unknown drawn, from left to right."""
        before = torch.get_num_threads()
        block = self.model_.inference_batch_size
        torch.set_num_threads(defaults.threads(self.model_.flops_per_row * block))
        try:
            with torch.inference_mode():
                parts = []
                for number, start in enumerate(range(0, len(symbols), block)):
                    conditions = None if condition is None else condition[start : start + block]
                    rng = torch.Generator().manual_seed((seed + 7919 * number) % 2**31)
                    parts.append(self._drawn(symbols[start : start + block].clone(), conditions, rng))
                return torch.cat(parts)
        finally:
            torch.set_num_threads(before)

    def _drawn(self, symbols: Tensor, condition: Any, rng: torch.Generator) -> Tensor:
        module = self.module_
        context = module.embed_condition(len(symbols), torch.zeros(()), condition)
        context = None if context is None else context.float()
        sizes = cast(TokenCrossEntropyLoss, module.compare).sizes
        for place, (end, size) in enumerate(zip(np.cumsum(sizes), sizes)):
            open_ = (symbols[:, place] == UNKNOWN).nonzero()[:, 0]
            if len(open_) == 0:
                continue
            x = module.scaler.encode(symbols[open_])[0]
            conditions = None if context is None else context[open_]
            code, _ = module.encode(CorruptedInput(x), conditions)
            logits = module.decode(code.z, (), conditions)[:, end - size : end]
            drawn = torch.multinomial(logits.float().softmax(1), 1, generator=rng)[:, 0]
            symbols[open_, place] = drawn.to(symbols.dtype)
        return symbols
