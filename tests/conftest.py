"""Makes ``builders`` and ``contracts`` importable from every test folder."""

from __future__ import annotations

import pytest

import tiny


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A model folder that runs on ONNX Runtime, and the network that it was exported from."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("tiny")
    return folder, tiny.write_model(folder)
