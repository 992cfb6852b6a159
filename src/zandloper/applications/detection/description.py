"""Description of a fitted anomaly detector, for programs and for readers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zandloper.applications.detection.parameters import rate_of
from zandloper.inspection.description import Description, describe

if TYPE_CHECKING:
    from zandloper.applications.detection.detector import AnomalyDetector


@dataclass(frozen=True)
class DetectorDescription:
    """Description of a detector: fields to compute with, and a text to read.

    `model` describes the first of its models; `known` is the number of training rows in the neighbor index. The
    `false_alarm_rate` is None where `contamination` sets the threshold.
    """

    data: str
    models: int
    levels: tuple[float, ...]
    known: int
    calibrated_on: int
    unit: str
    false_alarm_rate: float | None
    contamination: float | None
    reachable_rate: float
    threshold: float
    model: Description

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)

    def __str__(self) -> str:
        share = f"{self.contamination or 0:.2%} of the training rows"
        if self.false_alarm_rate is not None:
            share = f"a false-alarm rate of {max(self.false_alarm_rate, self.reachable_rate):.2%}"
        levels = f"at {len(self.levels)} noise levels, {self.levels[0]:.3g} to {self.levels[-1]:.3g}"
        lines = [
            f"AnomalyDetector: {self.models} model{'s' if self.models > 1 else ''}",
            f"  data         {self.data}",
            f"  scores       {'once' if len(self.levels) == 1 else levels}"
            + (f"; distances to {self.known:,} stored rows" if self.known else ""),
            f"  calibrated   on {self.calibrated_on:,} {self.unit}",
            f"  threshold    score {self.threshold:.4g}, {share}",
        ]
        return "\n".join([*lines, "each model", *str(self.model).splitlines()])


def describe_detector(detector: AnomalyDetector) -> DetectorDescription:
    """Describe a fitted anomaly detector."""
    ensemble, contamination = detector.ensemble_, detector.contamination
    first = ensemble.members[0]
    model = describe(first.model)
    return DetectorDescription(
        data=ensemble.schema.in_words(),
        models=len(ensemble.members),
        levels=first.levels,
        known=0 if ensemble.neighbors is None else len(ensemble.neighbors.points),
        calibrated_on=len(detector.calibration_),
        unit={"series_schema": "time steps", "image_schema": "images", "audio_schema": "sounds"}.get(
            ensemble.schema.name, "rows"
        ),
        false_alarm_rate=rate_of(detector) if contamination is None else None,
        contamination=contamination,
        reachable_rate=1 / (ensemble.independent(len(detector.calibration_)) + 1),
        threshold=-float(detector.offset_),
        model=model,
    )
