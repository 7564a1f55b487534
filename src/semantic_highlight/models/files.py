"""The files of a checkpoint folder."""

from __future__ import annotations

CONFIG_NAME, ONNX_NAME, TOKENIZER_NAME = "config.json", "model.onnx", "tokenizer.json"
WEIGHTS_NAME = "model.safetensors"
