"""A checkpoint's tokenizer, and how it joins a query and a context."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Encoding, Tokenizer

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.family import PairLayout
from semantic_highlight.models.files import TOKENIZER_NAME
from semantic_highlight.models.source import read_json

# Tokenizers of transformers that carry no rule of their own for joining a pair of token lists.
_WITHOUT_RULE = ("", "PreTrainedTokenizer", "TokenizersBackend")
_WITH_SETTINGS = ("LlamaTokenizer", "GemmaTokenizer")
_PLAIN = {
    "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"),
    "pad": ("[PAD]", "<pad>"),
    "bos": ("<s>",),
    "eos": ("</s>",),
}


def read_tokenizer(folder: Path, *, most: int) -> Tokenizer:
    """Read ``tokenizer.json``, without truncation and padding.

    Args:
        folder: The checkpoint.
        most: How many tokens the encoder knows.

    Raises:
        CheckpointError: If it is missing or broken, or knows more tokens than the encoder.
    """
    path = folder / TOKENIZER_NAME
    if not path.is_file():
        raise CheckpointError(
            f"{folder} has no {TOKENIZER_NAME}. Where transformers can load the tokenizer, this writes it: "
            "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise CheckpointError(f"{path} cannot be read as a tokenizer: {error}") from error
    if tokenizer.get_vocab_size() > most:
        raise CheckpointError(f"{path} has {tokenizer.get_vocab_size()} tokens, and the encoder knows {most}")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def template_layout(folder: Path, tokenizer: Tokenizer, *, context_type: int) -> PairLayout:
    """Return the layout of the pair template in ``tokenizer.json``: what ``tokenizer(query, context)`` gives.

    Args:
        folder: The checkpoint.
        tokenizer: Its tokenizer.
        context_type: Token type of the context.

    Raises:
        CheckpointError: If special tokens are missing.
    """
    pair = tokenizer.encode("a", "b", add_special_tokens=True)
    places = {side: [i for i, of in enumerate(pair.sequence_ids) if of == side] for side in (0, 1)}
    if not all(places.values()) or None not in pair.sequence_ids:
        return token_layout(folder, tokenizer, context_type=context_type)
    return PairLayout(
        before=_ids(pair, 0, places[0][0]),
        between=_ids(pair, places[0][-1] + 1, places[1][0]),
        after=_ids(pair, places[1][-1] + 1, len(pair.ids)),
        context_type=context_type,
        pad=_special(folder, tokenizer, "pad"),
    )


def token_layout(folder: Path, tokenizer: Tokenizer, *, context_type: int) -> PairLayout:
    """Return the layout ``CLS query SEP context SEP``.

    Raises:
        CheckpointError: If special tokens are missing.
    """
    cls = _special(folder, tokenizer, "cls", "bos")
    sep = _special(folder, tokenizer, "sep", "eos")
    pad = _special(folder, tokenizer, "pad")
    return PairLayout((cls,), (sep,), (sep,), context_type, pad)


def joined_layout(folder: Path, tokenizer: Tokenizer, *, context_type: int) -> PairLayout:
    """Return the layout in which transformers 4 joins two token lists, which Open Provence relies on.

    A tokenizer class of an architecture follows the template of its ``tokenizer.json``, and Llama's its own
    settings. The bare class, as ModernBERT's has, follows none; there, and where Llama's sets no end,
    Open Provence writes ``CLS query SEP context SEP``.

    Raises:
        CheckpointError: If special tokens are missing.
    """
    settings = _settings(folder, "tokenizer_config.json")
    named = str(settings.get("tokenizer_class") or "").removesuffix("Fast")
    if (
        named in _WITH_SETTINGS
        and settings.get("add_bos_token", True)
        and settings.get("add_eos_token", False)
    ):
        begin, end = _special(folder, tokenizer, "bos"), _special(folder, tokenizer, "eos")
        pad = _special(folder, tokenizer, "pad")
        return PairLayout((begin,), (end, begin), (end,), context_type, pad)
    apart = named in _WITH_SETTINGS or named in _WITHOUT_RULE
    layout = token_layout if apart else template_layout
    return layout(folder, tokenizer, context_type=context_type)


def _ids(pair: Encoding, first: int, last: int) -> tuple[int, ...]:
    return tuple(pair.ids[first:last])


def _special(folder: Path, tokenizer: Tokenizer, *roles: str) -> int:
    """Return the id of the token in the first of the roles that the checkpoint's files give one."""
    for role in roles:
        for file in ("tokenizer_config.json", "special_tokens_map.json"):
            found = _settings(folder, file).get(f"{role}_token")
            content = found.get("content") if isinstance(found, Mapping) else found
            row = tokenizer.token_to_id(content) if isinstance(content, str) else None
            if row is not None:
                return row
    usual = [tokenizer.token_to_id(token) for token in _PLAIN[roles[0]]]
    known = [row for row in usual if row is not None]
    if not known:
        raise CheckpointError(
            f"the tokenizer in {folder} has no {' or '.join(roles)} token: name it in tokenizer_config.json"
        )
    return known[0]


def _settings(folder: Path, file: str) -> dict[str, Any]:
    return read_json(folder / file) if (folder / file).is_file() else {}
