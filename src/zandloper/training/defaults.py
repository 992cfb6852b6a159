"""The defaults behind "auto": batch size, learning rate, epochs, threads, precision. All follow from shapes alone."""

from __future__ import annotations

import math

import torch

from zandloper.errors import bad_parameter

MULTITHREAD_MIN_FLOPS_PER_STEP = 5e7  # for less, one thread is faster than several
BFLOAT16_MIN_FLOPS_PER_ROW = 5e5  # per pass; for less, bfloat16 does not pay for its conversions
LARGE_NETWORK_PARAMETERS = 2.5e5  # networks from this size on take smaller batches and lower rates
FLOPS_PER_INFERENCE_BATCH = 4e8  # bounds the memory of activations


def device(choice: str, caller: str) -> str:
    """Return the device by its torch name; "auto" is CUDA where there is one."""
    if choice == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(choice).type
    except RuntimeError as error:
        raise bad_parameter(
            caller, "device", "'auto', 'cpu', 'cuda' or another name that torch knows", choice
        ) from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise bad_parameter(caller, "device", "'auto' or 'cpu' (torch finds no CUDA device)", choice)
    return choice


def precision(choice: str, where: str, flops: int, caller: str) -> str:
    """Return "float32", or "bfloat16" for networks that are large enough on hardware that multiplies it natively."""
    if choice in ("float32", "bfloat16"):
        return choice
    if choice != "auto":
        raise bad_parameter(caller, "precision", "'auto', 'float32' or 'bfloat16'", choice)
    if where.startswith("cuda"):
        native = torch.cuda.is_bf16_supported()
    else:
        native = torch.backends.mkldnn.is_available() and _avx512_bf16()
    return "bfloat16" if native and flops >= BFLOAT16_MIN_FLOPS_PER_ROW else "float32"


def _avx512_bf16() -> bool:
    """Return whether the processor multiplies bfloat16 itself; emulated, it is slower than float32."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return supported is not None and bool(supported())


def threads(flops: float) -> int:
    """Return the number of threads for a step of so many operations: one, or as many as torch may use now."""
    return 1 if flops < MULTITHREAD_MIN_FLOPS_PER_STEP else torch.get_num_threads()


def batch_size(rows: int, parameters: int = 0) -> int:
    """Return the rows per batch: a power of two from 32 to 512, about ten batches per epoch; at most 256 if large.

    In small networks the fixed cost of a step dominates, and larger batches are cheap. Large networks learn more from
    twice as many steps.
    """
    most = 256 if parameters >= LARGE_NETWORK_PARAMETERS else 512
    return int(min(most, max(32, 2 ** round(math.log2(max(1, rows) / 10)))))


def epochs(rows: int) -> int:
    """Return the number of epochs: 12, or for few rows as many as make about 50,000 rows in all, at most 200."""
    return int(min(200, max(12, -(-50_000 // max(1, rows)))))


def learning_rate(width: int, parameters: int = 0) -> float:
    """Return the learning rate, which falls with the square root of the widest layer.

    It is 0.02 for a width of 64, and for large networks 0.003 at 1024.

    Large networks make many small steps: `benchmarks/likelihood.py` with `--importance 1 --epochs 6 --copies 2` and
    `--lr` shows the effect of the rate.
    """
    return (0.1 if parameters >= LARGE_NETWORK_PARAMETERS else 0.16) / math.sqrt(min(4096, max(64, width)))


def beta2_horizon(parameters: int) -> int:
    """Return the steps over which Adam averages squares: few for small networks, which may train for a few hundred."""
    return 100 if parameters >= LARGE_NETWORK_PARAMETERS else 20


def inference_batch_size(flops: int) -> int:
    """Return the rows per inference batch: a power of two from 32 to 1024 that bounds operations and memory.

    Not below 32: torch computes activations 32 values at a time and rounds the remainder differently. With fewer rows,
    outputs of networks of odd widths would depend on a row's index in its batch.
    """
    return int(min(1024, max(32, 2 ** int(math.log2(max(1.0, FLOPS_PER_INFERENCE_BATCH / max(1, flops)))))))
