"""Data as raw arrays, read once, and which rows train and which validate."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from zandloper.data.frames import dims_of, is_frame
from zandloper.errors import DataError, bad_parameter
from zandloper.fitting.conditioning import learn_condition, read_condition
from zandloper.modality import Schema, modality

SHARE = 0.1  # of the rows validates, where nobody says another
FEWEST_ROWS, SMALL_TABLE = 6, 1_000  # from the first and below the second, folds choose


@dataclass(frozen=True)
class Rows:
    """The data as raw arrays, and which rows train and which choose."""

    raw: Any
    target: Any
    condition: Any
    train: np.ndarray | None
    validation: tuple[Any, Any, Any, np.ndarray | None] | None
    crossed: bool = False  # whether folds choose the number of epochs

    @property
    def n_train(self) -> int:
        """How many rows train."""
        return len(self.raw) if self.train is None else len(self.train)


def _read(
    estimator: Any, X: Any, y: Any, caller: str, seed: int, init_from: Any, condition: Any
) -> tuple[Schema, Schema | None, Schema | None, Rows]:
    reader = estimator._reader(X, caller)
    supervised = estimator.target == "y"
    if supervised and y is None:
        raise DataError(f'{caller} with target="y" requires y to be passed, but the target y is None')
    if init_from is not None:  # columns and categories keep the places that the weights know them by
        schema: Schema = init_from.model_.schema
        raw = schema.read_to_train(X, caller)
    else:
        schema, raw = reader.learn(
            X, caller, estimator.loss if isinstance(estimator.loss, str) and not supervised else "auto"
        )
    if len(raw) < 2:
        raise DataError(
            f"Found array with {len(raw)} sample(s) (shape={raw.shape}) while a minimum of 2 is required by "
            f"{caller}: 1 sample cannot show what varies"
        )
    target_schema, target = None, None
    if supervised:
        choice = (
            "table"
            if estimator.target_modality == "auto" and dims_of(y) == 1 and not isinstance(y, list | tuple)
            else estimator.target_modality
        )
        y = np.asarray(y) if isinstance(y, list) and len(y) and np.isscalar(y[0]) else y
        target_reader = modality(choice, y, caller, "target_modality").beside(schema)
        target_schema, target = target_reader.learn(
            y, f"{caller}'s y", estimator.loss if isinstance(estimator.loss, str) else "auto", target=True
        )
        if len(target) != len(raw):
            raise DataError(f"X has {len(raw)} samples and y has {len(target)}: they must be as many")
    condition_schema, known = None, None
    if condition is not None and init_from is not None and init_from.model_.blueprint.condition is not None:
        condition_schema = init_from.model_.blueprint.condition
        known = read_condition(condition_schema, by_row(schema, condition, raw), caller)
    elif condition is not None:
        condition_schema, known = learn_condition(by_row(schema, condition, raw), len(raw), caller)
    if crossed := _crossed(estimator, schema, raw):
        return schema, target_schema, condition_schema, Rows(raw, target, known, None, None, crossed)
    choice = SHARE if _is_auto(estimator.validation) else estimator.validation
    train, validation = _split(choice, schema, target_schema, raw, target, known, y, caller, seed)
    return schema, target_schema, condition_schema, Rows(raw, target, known, train, validation)


def _crossed(estimator: Any, schema: Schema, raw: Any) -> bool:
    """Whether folds choose the number of epochs: of small tables, where nothing else was asked for."""
    few = FEWEST_ROWS <= len(raw) < SMALL_TABLE
    return _is_auto(estimator.validation) and estimator.max_minutes is None and schema.exchangeable and few


def _is_auto(choice: Any) -> bool:
    return isinstance(choice, str) and choice == "auto"


def by_row(schema: Schema, condition: Any, raw: Any) -> Any:
    """What is known of each sample, for each raw row: the windows of a series or a sound share it."""
    return condition if is_frame(condition) or dims_of(condition) != 1 else schema.labels(condition, raw)


def _split(
    choice: Any,
    schema: Schema,
    target_schema: Schema | None,
    raw: Any,
    target: Any,
    condition: Any,
    y: Any,
    caller: str,
    seed: int,
) -> tuple[np.ndarray | None, tuple[Any, Any, Any, np.ndarray | None] | None]:
    """Which rows train (None: all), and what validates: arrays with the rows of them that count."""
    wanted = "'auto', a share of the rows from 0 to below 1, validation data, or a scikit-learn splitter"
    if isinstance(choice, numbers.Real) and not isinstance(choice, bool):
        if not 0 <= float(choice) < 1:
            raise bad_parameter(caller, "validation", wanted, choice)
        n = round(len(raw) * float(choice))
        if n == 0:
            return None, None
        if len(raw) - n < 1:
            raise bad_parameter(
                caller, "validation", f"a share that leaves some of the {len(raw)} rows to train on", choice
            )
        train, held = schema.split(raw, float(choice), seed)
        return train, None if held is None else (raw, target, condition, held)
    if hasattr(choice, "split") and not isinstance(choice, str):
        train, held = schema.split_by(choice, raw, y, caller)
        return train, (raw, target, condition, held)
    if choice is None or isinstance(choice, str | bool):
        raise bad_parameter(caller, "validation", wanted, choice)
    X, held_y = (
        choice if isinstance(choice, tuple) and len(choice) == 2 and target_schema is not None else (choice, None)
    )
    if target_schema is not None and held_y is None:
        raise bad_parameter(caller, "validation", 'a pair (X, y), since target="y"', type(choice).__name__)
    held = schema.read(X, caller)
    if len(held) == 0:
        raise DataError(f"Found array with 0 sample(s) in `validation` of {caller} while a minimum of 1 is required")
    # Other data come without a condition: they are measured as rows of which nothing is known.
    return None, (held, None if target_schema is None else target_schema.read(held_y, caller), None, None)
