"""8 and 4 bits through bitsandbytes, in forms whose result for a row does not depend on the other rows.

8 bits: row-wise scales on both sides (Dettmers et al., arXiv 2208.07339) without that paper's mixed-precision
outliers: which columns they are depends on all rows of a pack, so that scores would depend on batch mates.
4 bits: NormalFloat blocks of 64 (Dettmers et al., arXiv 2305.14314), multiplied in the compute type.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from threading import Lock
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray

from gristmill.errors import MissingExtraError

BLOCK = 64
_importing = Lock()


def load_bitsandbytes() -> ModuleType:
    """Import bitsandbytes without letting it fetch anything. Raises: MissingExtraError."""
    with _importing:
        if "bitsandbytes" in sys.modules:
            return sys.modules["bitsandbytes"]
        # On processors with AVX512-BF16 the import asks the package "kernels", where there is one, to download a
        # compiled kernel that is not used here. None in sys.modules makes that inner import fail, as if there were none.
        hidden = "kernels" not in sys.modules
        log = logging.getLogger("bitsandbytes.backends.cpu.ops")
        was_disabled, log.disabled = log.disabled, True
        if hidden:
            sys.modules["kernels"] = None  # type: ignore[assignment]
        try:
            return import_module("bitsandbytes")
        except ImportError as error:
            raise MissingExtraError(
                f"int8 and int4 of a checkpoint of floats need bitsandbytes, and importing it failed ({error});"
                " install it: pip install 'gristmill[torch]', or quantise the model first: gristmill quantize"
            ) from error
        finally:
            log.disabled = was_disabled
            if hidden:
                sys.modules.pop("kernels", None)


def eight_bit_linear(
    weight: NDArray[np.float32], bias: torch.Tensor, device: torch.device, dtype: torch.dtype
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A linear layer of 8-bit integers times 8-bit integers; inputs are quantised row by row as they come."""
    load_bitsandbytes()
    largest = np.abs(weight).max(axis=1)
    rounded = np.rint(weight * (127.0 / np.where(largest == 0, 1, largest))[:, None]).astype(np.int8)
    return partial(
        _eight_bits,
        integers=torch.from_numpy(rounded).to(device),
        largest=torch.from_numpy(largest.astype(np.float32)).to(device),
        bias=bias,
        dtype=dtype,
    )


def four_bit_linear(weight: torch.Tensor, bias: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """A linear layer whose weight, given in the compute type on its device, is held in 4-bit NormalFloat."""
    bitsandbytes = load_bitsandbytes()
    packed, state = bitsandbytes.functional.quantize_4bit(
        weight.contiguous(), blocksize=BLOCK, quant_type="nf4"
    )
    return partial(bitsandbytes.matmul_4bit, B=packed, quant_state=state, bias=bias)


def _eight_bits(
    x: torch.Tensor, integers: torch.Tensor, largest: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    operators = torch.ops.bitsandbytes
    rows, scales, _ = operators.int8_vectorwise_quant.default(x.contiguous())
    result: torch.Tensor = operators.int8_scaled_mm.default(
        rows, integers, scales, largest, bias=bias, dtype=dtype
    )
    return result
