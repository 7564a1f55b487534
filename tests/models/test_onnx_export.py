from __future__ import annotations

import pytest
import torch

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.onnx_export import export_program, verify_graph


class Weighed(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, values: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        return values * self.weight - others


LONGEST = {"values": 32, "others": 32}


def inputs(length: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(1, length, generator=generator) for name in ("values", "others")}


@pytest.fixture(scope="module")
def graph():
    pytest.importorskip("onnxscript")
    return export_program(Weighed(), inputs(7, 0), longest=LONGEST).model_proto.SerializeToString()


def test_a_graph_computes_what_the_network_does_at_any_length(graph):
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for length in (4, 30):
        taken = inputs(length, length)
        found = session.run(None, {name: value.numpy() for name, value in taken.items()})[0]
        assert found == pytest.approx((taken["values"] * 2 - taken["others"]).numpy(), abs=1e-6)
    verify_graph(graph, Weighed(), [inputs(length, length) for length in (4, 30)])


def test_a_graph_that_computes_something_else_is_refused(graph):
    other = Weighed()
    with torch.no_grad():
        other.weight.add_(0.1)
    with pytest.raises(CheckpointError, match=r"differs from the network by 0\.\d+ at length 9"):
        verify_graph(graph, other, [inputs(9, 1)])


def test_what_torch_cannot_export_is_said():
    class Branches(torch.nn.Module):
        def forward(self, values: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
            return values if values.sum() > 0 else others

    with pytest.raises(CheckpointError, match="torch cannot export this network"):
        export_program(Branches(), inputs(7, 0), longest=LONGEST)
