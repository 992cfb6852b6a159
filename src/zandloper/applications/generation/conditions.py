"""Conditions of a generator, split into fixed columns of the data and the condition that `fit` received."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from zandloper.data.frames import is_frame
from zandloper.errors import DataError
from zandloper.fitting.fitted_model import FittedModel


def split_condition(model: FittedModel, condition: Any) -> dict[str, Any]:
    """Arguments of `sample`: `given`, columns of the data with fixed values, and `condition`, the rest."""
    columns, names = model.schema.column_names(), list(condition) if isinstance(condition, dict) else []
    if is_frame(condition):
        condition = nw.from_native(condition, eager_only=True)
        names = condition.columns
    fixed = [name for name in names if str(name) in columns]
    rest = [name for name in names if name not in fixed]
    if fixed and rest and model.blueprint.condition is None:
        raise DataError(f"columns {rest[:5]} of the condition are neither columns of the data nor of a condition")
    if not fixed:
        return {"condition": condition.to_native() if isinstance(condition, nw.DataFrame) else condition}
    return {"given": _part(condition, fixed)} | ({"condition": _part(condition, rest)} if rest else {})


def _part(condition: Any, names: list[Any]) -> Any:
    """Some columns of a condition, in its own form."""
    if isinstance(condition, dict):
        return {name: condition[name] for name in names}
    return condition.select(names).to_native()
