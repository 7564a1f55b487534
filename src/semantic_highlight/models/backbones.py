"""The encoders of published checkpoints, built from the installed transformers library's own classes.

Nothing of a checkpoint is executed: of its configuration only values are taken, and what names code, an
attention kernel or a quantiser is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.family import Source
from semantic_highlight.models.network import PairNetwork, RankingHead

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

_LEFT_OUT = frozenset(
    {
        "architectures",
        "attn_implementation",
        "auto_map",
        "dtype",
        "experts_implementation",
        "is_decoder",
        "model_type",
        "output_attentions",
        "output_hidden_states",
        "problem_type",
        "quantization_config",
        "reference_compile",
        "return_dict",
        "torch_dtype",
        "transformers_version",
    }
)


@dataclass(frozen=True, slots=True)
class Backbone:
    """One architecture of transformers.

    Attributes:
        config: Name of its configuration class.
        model: Name of its sequence classifier, whose head is the ranking head.
        body: Name of the encoder in it, and of the encoder's weights.
        ranking: Takes the ranking head out of the classifier, and leaves an encoder whose last hidden state
            is the one that a token head is trained on.
        takes_types: Whether the encoder takes token types.
        attention: Implementation of attention.
    """

    config: str
    model: str
    body: str
    ranking: Callable[[Any], RankingHead]
    takes_types: bool = True
    attention: str = "sdpa"

    def build(self, settings: Mapping[str, Any], *, labels: int) -> PreTrainedModel:
        """Build the sequence classifier; its parameters have shapes and no memory.

        Args:
            settings: The encoder's configuration.
            labels: Outputs of the ranking head.

        Raises:
            CheckpointError: If the configuration does not describe a network.
        """
        import transformers

        values = {k: v for k, v in settings.items() if k not in _LEFT_OUT and not k.startswith("_")}
        config_class, model_class = (getattr(transformers, name) for name in (self.config, self.model))
        try:
            ours = {"num_labels": labels, "attn_implementation": self.attention, "reference_compile": False}
            config = config_class(**values | ours)
            with Unallocated():
                model: PreTrainedModel = model_class(config)
        except Exception as error:  # whatever a strange value does inside the library
            raise CheckpointError(f"config.json describes no {self.config}: {error}") from error
        return model

    def context_type(self, config: PretrainedConfig) -> int:
        """Return the token type of the context: 1 where the encoder tells it from the query."""
        return int(self.takes_types and config.type_vocab_size > 1)

    def network(self, model: PreTrainedModel, token_head: nn.Linear, *, ranked: bool = True) -> PairNetwork:
        """Take a filled classifier apart into the network that runs.

        Args:
            model: What ``build`` made; it is of no use afterwards.
            token_head: The two-way head on every token.
            ranked: Whether the ranking head is worth using.
        """
        ranking = self.ranking(model)
        body = getattr(model, self.body)
        network = PairNetwork(body, token_head, ranking if ranked else None, takes_types=self.takes_types)
        return network.eval()


class Unallocated(TorchFunctionMode):
    """Gives parameters no memory, since weights replace them; tables that are computed are real.

    ``torch.device("meta")`` would leave the tables of positions and rotations empty as well.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Send what ``torch.empty`` makes to the meta device."""
        del types
        extra = {"device": "meta"} if func is torch.empty else {}
        return func(*args, **(kwargs or {}) | extra)


def backbone_of(source: Source) -> Backbone:
    """Return the backbone that ``base_model_config`` of a configuration names.

    Raises:
        CheckpointError: If it names none, or one that is not here.
    """
    settings = source.config.get("base_model_config")
    named = settings.get("model_type") if isinstance(settings, Mapping) else None
    if named not in BACKBONES:
        raise CheckpointError(
            f"config.json of {source.name!r} has base_model_config.model_type {named!r}; encoders that load: "
            + ", ".join(BACKBONES)
        )
    return BACKBONES[str(named)]


def token_head(config: PretrainedConfig) -> nn.Linear:
    """Return a two-way head without memory for its weights."""
    with Unallocated():
        return nn.Linear(config.hidden_size, 2)


def positions(config: PretrainedConfig) -> int:
    """Return how many tokens the encoder's positions reach; XLM-R's begin after the id of padding."""
    most: int = config.max_position_embeddings
    return most - config.pad_token_id - 1 if config.model_type == "xlm-roberta" else most


def _modernbert(model: Any) -> RankingHead:
    # Open Provence reads hidden_states[-1], which in transformers 4, where its models were trained, is the
    # state before the final norm, and in 5 the one after it. The ranking head is behind the norm in both.
    norm, model.model.final_norm = model.model.final_norm, nn.Identity()
    layers = nn.Sequential(nn.Flatten(1), model.head, model.classifier)
    return RankingHead(layers, norm=norm, mean=model.config.classifier_pooling == "mean")


def _bert(model: Any) -> RankingHead:
    pooler, model.bert.pooler = model.bert.pooler, None
    return RankingHead(nn.Sequential(pooler, model.classifier))


def _xlm_roberta(model: Any) -> RankingHead:
    return RankingHead(model.classifier)


def _deberta(model: Any) -> RankingHead:
    return RankingHead(nn.Sequential(model.pooler, model.classifier))


BACKBONES: Mapping[str, Backbone] = {
    "modernbert": Backbone(
        "ModernBertConfig", "ModernBertForSequenceClassification", "model", _modernbert, takes_types=False
    ),
    "bert": Backbone("BertConfig", "BertForSequenceClassification", "bert", _bert),
    "xlm-roberta": Backbone(
        "XLMRobertaConfig", "XLMRobertaForSequenceClassification", "roberta", _xlm_roberta
    ),
    "deberta-v2": Backbone(
        "DebertaV2Config", "DebertaV2ForSequenceClassification", "deberta", _deberta, attention="eager"
    ),
}
"""By the ``model_type`` of their configuration."""
