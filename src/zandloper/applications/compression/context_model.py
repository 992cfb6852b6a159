"""The context model: distributions of the integers of a block, given those that are already decoded.

A block is an array (steps, channels, sequences): pixels, channels and images; columns and rows of a table; time steps,
channels and pieces of a series. All sequences are coded in parallel, step by step, channel by channel. Each value has
an external prediction (of the autoencoder, or a constant) and *taps*: previous values. From these follow

1. a center: the external prediction plus a linear combination of its errors at the taps;
2. a shift of the center and a scale, the expected error, from a small network;
3. a class from center and scale, whose frequency table a range coder uses to code the value.

All of it is computed with integers, held by float64 and far below 2^53: sums are exact in any order, so that every
machine and any number of threads computes the same class. The scheme is that of CALIC (Wu and Memon 1997,
"Context-based, adaptive, lossless image coding"): prediction, context of error energy, tables by context, here with
learned parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zandloper.applications.compression.entropy_coding import Coder, Tables, code_plain

FINE = 8  # predictions are in eighths of a step
MOST = 2**28  # integers are smaller than this
THIRDS = 3  # classes an octave of scale
SMALLEST, LARGEST = -5, 3  # octaves of scale with separate tables, in steps; above, low bits are coded without a table
SPLIT = (1 - SMALLEST) * THIRDS  # below 2 steps, classes depend on the center's position within its step
BUCKETS = (LARGEST - SMALLEST) * THIRDS
CLASSES = 4 * SPLIT + (BUCKETS - SPLIT) + THIRDS
REACH = 31  # largest distance in a table; larger ones are escaped
NEAR = 6  # taps that the network receives and whose errors sum to the energy
EXTRA = 6  # further inputs of the network
UNIT = 64  # unit of the network's integers


@dataclass
class ContextModel:
    """The learned parameters; all arrays hold integers.

    Parameters
    ----------
    height, width : int
        Of an image; a series has height 1 and width 0, which is any number of steps; a row of a table 1 and 1.
    taps : ndarray (channels, taps, 3)
        Rows back, columns back, channel; channel -1: no tap.
    weights, bias, precision : ndarray (channels, taps + 2), (channels,), (channels,)
        The linear combination, its weights in units of 2^-precision.
    unit : ndarray (channels,)
        Binary logarithm of the typical error, in eighths of a step.
    level, shifts : ndarray (channels,), (channels, inputs)
        Mean of the prediction, and binary logarithms of the divisors of the network's inputs.
    place : ndarray (steps, channels)
        Logarithm of the typical error at each position; no rows: not used.
    w1, b1, w2, b2 : ndarray
        The network, in units of 1/256.
    mode : ndarray (channels,)
        0: tables hold distances to the center, 1: they hold the values, 2: values, classes by prediction and first tap.
    low, first, shape : ndarray (channels,), (channels,), (channels, 3)
        Of tables of values: the lowest value, the channel's first row in `values`, its buckets of the center, of the
        scale, and its number of values.
    centers, scales : ndarray (channels, most), (channels, most, most)
        Between the buckets.
    distances, values : ndarray (classes, symbols)
        Tables as logarithms: eighths of an octave.
    """

    height: int
    width: int
    taps: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    precision: np.ndarray
    unit: np.ndarray
    level: np.ndarray
    shifts: np.ndarray
    position_errors: np.ndarray
    w1: np.ndarray
    b1: np.ndarray
    w2: np.ndarray
    b2: np.ndarray
    mode: np.ndarray
    low: np.ndarray
    first: np.ndarray
    shape: np.ndarray
    center_edges: np.ndarray
    scale_edges: np.ndarray
    distance_tables: np.ndarray
    values: np.ndarray

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.taps)

    def code(self, coder: Coder, prediction: np.ndarray, present: np.ndarray, values: np.ndarray | None) -> np.ndarray:
        """Write the values of a block, or read them.

        Parameters
        ----------
        coder : Writer or Reader
        prediction : ndarray (steps, channels, sequences)
            External prediction, in eighths of a step.
        there : ndarray of bool, of the same shape
            Flags of values to code.
        values : ndarray of the same shape, or None to read

        Returns
        -------
        ndarray of int64, of the same shape; the prediction for values that are not coded.
        """
        state, tables = (
            ContextFeatures(self, prediction),
            (Tables(antilog(self.distance_tables)), Tables(antilog(self.values))),
        )
        out = np.floor((prediction + FINE / 2) / FINE)
        for step in range(len(prediction)):
            for c in range(self.channels):
                center, scale, _ = state.features_at(step, c)
                sequences = present[step, c]
                if sequences.any():
                    known = None if values is None else values[step, c][sequences]
                    first_tap = state.first_tap(step, c)
                    out[step, c][sequences] = self._code_values(
                        coder,
                        tables,
                        c,
                        center[sequences],
                        scale[sequences],
                        prediction[step, c][sequences],
                        first_tap[sequences],
                        known,
                    )
                state.update(step, c, out[step, c])
        return out.astype(np.int64)

    def _code_values(
        self,
        coder: Coder,
        tables: tuple[Tables, Tables],
        c: int,
        center: np.ndarray,
        scale: np.ndarray,
        prediction: np.ndarray,
        tap: np.ndarray,
        known: np.ndarray | None,
    ) -> np.ndarray:
        """Code the values of one step and channel, (n,)."""
        if self.mode[c]:
            classes, low, n = self.value_classes(c, center, scale, prediction, tap)
            last = self.values.shape[1] - 1  # the escape symbol
            symbols = None if known is None else np.where((known >= low) & (known < low + n), known - low, last)
            got = coder.code(tables[1], classes, symbols)
            escaped, out = got == last, got + low
        else:
            classes, base, sign, shift = distance_classes(center, scale)
            size = 2**shift
            if known is None:
                got = coder.code(tables[0], classes)
            else:
                distance = sign * (known - base)
                high = np.floor(distance / size)
                got = coder.code(tables[0], classes, np.where(abs(high) > REACH, 2 * REACH + 1, high + REACH))
            escaped = got == 2 * REACH + 1
            wide = (shift > 0) & ~escaped
            low_bits = np.zeros(len(got))
            low_bits[wide] = coder.uniform(size[wide], None if known is None else (distance - high * size)[wide])
            out = base + sign * ((got - REACH) * size + low_bits)
        if escaped.any():
            out = np.asarray(out, np.float64)
            out[escaped] = code_plain(coder, None if known is None else known[escaped], int(escaped.sum()))
        return out

    def value_classes(
        self, c: int, center: np.ndarray, scale: np.ndarray, prediction: np.ndarray, tap: np.ndarray
    ) -> tuple[np.ndarray, int, int]:
        """The rows in `values`, the lowest value and the number of values of a channel."""
        rows, columns, n = (int(v) for v in self.shape[c])
        if self.mode[c] == 2:
            row = np.floor(prediction / FINE).clip(0, rows - 1).astype(np.int64)
            column = tap.clip(0, columns - 1).astype(np.int64)
        else:
            row = np.searchsorted(self.center_edges[c, : rows - 1], center, side="right")
            column = (self.scale_edges[c, :, : columns - 1][row] <= scale[:, None]).sum(1)
        return int(self.first[c]) + row * columns + column, int(self.low[c]), n


class ContextFeatures:
    """Features of a block, step by step, from the values coded so far."""

    def __init__(self, context: ContextModel, prediction: np.ndarray) -> None:
        self.context, self.prediction = context, prediction
        steps, channels, sequences = prediction.shape
        width = context.width or steps
        y, x = np.divmod(np.arange(steps), width)
        dy, dx, self._channel = np.moveaxis(context.taps, -1, 0)
        column = x[:, None, None] + dx
        self._valid = (self._channel >= 0) & (y[:, None, None] + dy >= 0) & (column >= 0) & (column < width)
        self._step = np.where(self._valid, np.arange(steps)[:, None, None] + dy * width + dx, 0)
        self.off = np.zeros(prediction.shape)  # errors of the external prediction
        self.missed = np.zeros(prediction.shape)  # errors of the linear center, in units of the typical error

        def real(a: np.ndarray) -> np.ndarray:
            return a.astype(np.float64)

        self._weights, self._bias = real(context.weights), real(context.bias)
        self._precision, self._shift = 2.0 ** -real(context.precision), 2.0 ** (real(context.unit) - 6)
        self._shifts, self._unit = 2.0 ** -real(context.shifts)[:, :, None], 2.0 ** (6 - real(context.unit))
        self._w1, self._b1 = real(context.w1), real(context.b1)[:, :, None]
        self._w2, self._b2 = real(context.w2), real(context.b2)[:, :, None]
        self._usual = np.zeros((channels, sequences))  # its moving mean
        self.linear_center = np.zeros(sequences)
        self._values = np.zeros(prediction.shape)

    def linear(self, step: int, c: int) -> np.ndarray:
        """Inputs of the linear combination, (taps + 2, sequences)."""
        taps = self.context.taps.shape[1]
        out = np.zeros((taps + 2, self.prediction.shape[2]))
        valid = self._valid[step, c]
        at, channel = self._step[step, c][valid], self._channel[c][valid]
        out[:-2][valid] = self.off[at, channel]
        for k in range(min(2, taps)):  # differences of the external prediction to its nearest neighbors
            if valid[k] and self._channel[c, k] == c:
                out[taps + k] = self.prediction[self._step[step, c, k], c] - self.prediction[step, c]
        return out

    def features_at(self, step: int, c: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Center (eighths of a step), scale (logarithm, sixty-fourths of an octave of steps), and network inputs."""
        k, here = self.context, self.prediction[step, c]
        linear = self.linear(step, c)
        self.linear_center = here + np.floor((self._weights[c] @ linear + self._bias[c]) * self._precision[c])
        near = min(NEAR, k.taps.shape[1])
        valid = self._valid[step, c, :near]
        energy = self.missed[self._step[step, c, :near][valid], self._channel[c, :near][valid]].sum(0)
        position_errors = k.position_errors[step, c] if len(k.position_errors) else 0
        inputs = np.empty((near + EXTRA, len(here)))
        inputs[:near] = linear[:near]
        inputs[near : near + 2] = linear[-2:]
        inputs[near + 2] = here - k.level[c]
        inputs[near + 3] = log2(energy)
        inputs[near + 4] = log2(self._usual[c])
        inputs[near + 5] = position_errors
        inputs = np.floor(inputs * self._shifts[c]).clip(-4096, 4096)
        hidden = np.floor((self._w1[c] @ inputs + self._b1[c]) / 256).clip(0, 2**20)
        shift, scale = np.floor((self._w2[c] @ hidden + self._b2[c]) / 256)
        shift = np.floor(shift.clip(-(2**20), 2**20) * self._shift[c])
        return (self.linear_center + shift).clip(-FINE * MOST, FINE * MOST), scale, inputs

    def first_tap(self, step: int, c: int) -> np.ndarray:
        """The value at a channel's first tap, (sequences,)."""
        if not self.context.taps.shape[1] or not self._valid[step, c, 0]:
            return np.zeros(self.prediction.shape[2])
        return self._values[self._step[step, c, 0], self._channel[c, 0]]

    def update(self, step: int, c: int, values: np.ndarray) -> None:
        """Update the state with the values of a step and channel, (sequences,)."""
        self._values[step, c] = values
        self.off[step, c] = FINE * values - self.prediction[step, c]
        missed = np.floor(abs(FINE * values - self.linear_center) * self._unit[c]).clip(0, 2**40)
        self.missed[step, c] = missed
        if len(self.prediction) > 1:
            self._usual[c] += np.floor((missed * 16 - self._usual[c]) / 16)


def distance_classes(center: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For each value its class, the step of its center, the sign of distances, and the number of bits without a table.

    All have the shape (n,).
    """
    third = np.floor(scale * THIRDS / UNIT)
    bucket = (third - SMALLEST * THIRDS).clip(0, BUCKETS - 1)
    shift = (np.floor(third / THIRDS) - (LARGEST - 1)).clip(0, 24)
    base = np.floor((center + FINE / 2) / FINE)
    part = center + FINE / 2 - FINE * base
    mirrored = (part < FINE / 2) & (bucket < SPLIT)
    part = np.where(part < FINE / 2, part, FINE - 1 - part)
    classes = np.where(bucket < SPLIT, 4 * bucket + part, 4 * SPLIT + bucket - SPLIT)
    classes = np.where(shift > 0, CLASSES - THIRDS + third % THIRDS, classes)
    return classes.astype(np.int64), base, np.where(mirrored, -1.0, 1.0), shift


def log2(x: np.ndarray) -> np.ndarray:
    """Binary logarithm of 1 + x in sixteenths, linear between powers of two: exact for integers x >= 0."""
    part, power = np.frexp(1 + x)
    return np.floor(16 * (power + 2 * part - 2))


def antilog(logs: np.ndarray) -> np.ndarray:
    """Frequencies from logarithms in eighths of an octave. No power is close to a half: rounding is exact."""
    return np.rint(np.exp2(np.asarray(logs, np.float64) / 8)).astype(np.int64).clip(1)


def log_of(shares: np.ndarray) -> np.ndarray:
    """Tables as logarithms, (classes, symbols) uint8, from shares whose rows sum to 1."""
    return np.rint(8 * np.log2(np.maximum(shares, 1e-9) * 2.0**16)).clip(0, 128).astype(np.uint8)
