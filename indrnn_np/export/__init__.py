"""Write trained networks for programs without this package: ONNX, safetensors and C (docs/export.md).

`indrnn export RUN_DIR --format onnx|safetensors|c` calls these functions.
"""

from __future__ import annotations

from .c_source import to_c
from .metadata import of_run
from .onnx_model import to_onnx
from .safetensors_file import to_safetensors

__all__ = ["of_run", "to_c", "to_onnx", "to_safetensors"]
