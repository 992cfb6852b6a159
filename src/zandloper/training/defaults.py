"""What "auto" means: batch size, rate, epochs, threads, precision. All follow from shapes, nothing from timing."""

from __future__ import annotations

import math
from typing import Any

import torch

from zandloper.errors import bad_parameter

MULTITHREAD_MIN_FLOPS_PER_STEP = 5e7  # operations a training step below which one thread beats several
BFLOAT16_MIN_FLOPS_PER_ROW = 5e5  # operations a row and pass above which bfloat16 pays for its conversions
LARGE_NETWORK_PARAMETERS = 2.5e5  # parameters from which a net is large
FLOPS_PER_INFERENCE_BATCH = 4e8  # operations a block of rows when scoring


def device(choice: str, caller: str) -> str:
    """The device by its torch name; "auto" takes CUDA when it is there."""
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
    """float32, or bfloat16 for nets large enough on hardware that multiplies it natively."""
    if choice in ("float32", "bfloat16"):
        return choice
    if choice != "auto":
        raise bad_parameter(caller, "precision", "'auto', 'float32' or 'bfloat16'", choice)
    if where.startswith("cuda"):
        native = torch.cuda.is_bf16_supported()
    else:
        native = (
            torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported() and _avx512_bf16()
        )
    return "bfloat16" if native and flops >= BFLOAT16_MIN_FLOPS_PER_ROW else "float32"


def _avx512_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself; emulated, it is slower than float32."""
    supported: Any = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return bool(supported())


def threads(flops: float) -> int:
    """How many threads a step of so many operations is worth, at most as many as torch may use now."""
    return 1 if flops < MULTITHREAD_MIN_FLOPS_PER_STEP else torch.get_num_threads()


def batch_size(rows: int, parameters: int = 0) -> int:
    """About ten batches an epoch, between 32 and 512 rows, a power of two; at most 256 for large nets.

    For small nets a step's fixed cost counts, and larger batches are cheap. Large nets have no such cost to share out,
    and learn more from twice as many steps.
    """
    most = 256 if parameters >= LARGE_NETWORK_PARAMETERS else 512
    return int(min(most, max(32, 2 ** round(math.log2(max(1, rows) / 10)))))


def epochs(rows: int) -> int:
    """At least 12, and more for few rows: about 50,000 rows in all, at most 200 epochs."""
    return int(min(200, max(12, -(-50_000 // max(1, rows)))))


def learning_rate(width: int, parameters: int = 0) -> float:
    """Falls with the square root of the widest layer, 0.02 at 64; less for large nets: 0.003 at 1024.

    Those make many small steps: `benchmarks/likelihood.py` with `--importance 1 --epochs 6 --copies 2` and `--lr` shows
    what the rate is worth.
    """
    return (0.1 if parameters >= LARGE_NETWORK_PARAMETERS else 0.16) / math.sqrt(min(4096, max(64, width)))


def beta2_horizon(parameters: int) -> int:
    """How many steps Adam's mean of squares goes back: few for small nets, which may train for a few hundred in all."""
    return 100 if parameters >= LARGE_NETWORK_PARAMETERS else 20


def inference_batch_size(flops: int) -> int:
    """Rows scored at a time: a power of two between 32 and 1024, so that a block is neither slow nor tiny.

    Not below 32: torch computes activations of 32 values at once, and rounds what is left over in another way. With
    fewer rows, results of nets of odd sizes would depend on a row's place in its block.
    """
    return int(min(1024, max(32, 2 ** int(math.log2(max(1.0, FLOPS_PER_INFERENCE_BATCH / max(1, flops)))))))
