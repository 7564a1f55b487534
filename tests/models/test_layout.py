"""How tokenizer files say a pair is joined; what is wanted was read off transformers 4.57.6 once."""

from __future__ import annotations

import json

import pytest

import checkpoints
from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.layout import joined_layout, read_tokenizer, template_layout


def settings(folder, **changes):
    """Change ``tokenizer_config.json``; what is None is taken out."""
    path = folder / "tokenizer_config.json"
    merged = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in merged.items() if value is not None}))


def parts(layout):
    return layout.before, layout.between, layout.after


@pytest.mark.parametrize(
    ("tokenizer_class", "like", "more", "wanted"),
    [
        ("XLMRobertaTokenizer", "xlm-r", {}, ((0,), (2, 2), (2,))),
        ("XLMRobertaTokenizerFast", "xlm-r", {}, ((0,), (2, 2), (2,))),
        ("PreTrainedTokenizerFast", "xlm-r", {}, ((0,), (2,), (2,))),
        ("TokenizersBackend", "xlm-r", {}, ((0,), (2,), (2,))),
        ("LlamaTokenizerFast", "llama", {"add_bos_token": True, "add_eos_token": True}, ((0,), (2, 0), (2,))),
        ("LlamaTokenizer", "llama", {}, ((0,), (2,), (2,))),
        ("DebertaV2Tokenizer", "deberta", {}, ((1,), (2,), (2,))),
        (None, "xlm-r", {"cls_token": None, "sep_token": {"content": "</s>"}}, ((0,), (2,), (2,))),
    ],
)
def test_token_lists_are_joined_as_the_class_of_the_tokenizer_does(
    tmp_path, tokenizer_class, like, more, wanted
):
    checkpoints.write_unigram(tmp_path, like=like)
    settings(tmp_path, tokenizer_class=tokenizer_class, **more)
    tokenizer = read_tokenizer(tmp_path, most=500)
    assert parts(joined_layout(tmp_path, tokenizer, context_type=0)) == wanted


def test_texts_are_joined_by_the_template_whatever_the_class(tmp_path):
    checkpoints.write_unigram(tmp_path, like="xlm-r")
    settings(tmp_path, tokenizer_class="PreTrainedTokenizerFast")
    layout = template_layout(tmp_path, read_tokenizer(tmp_path, most=500), context_type=0)
    assert (*parts(layout), layout.pad) == ((0,), (2, 2), (2,), 1)


def test_without_a_template_and_settings_the_usual_tokens_are_taken(tmp_path):
    checkpoints.write_wordpiece(tmp_path, "BertTokenizer")
    content = json.loads((tmp_path / "tokenizer.json").read_text()) | {"post_processor": None}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "special_tokens_map.json").unlink()
    layout = template_layout(tmp_path, read_tokenizer(tmp_path, most=500), context_type=1)
    assert (*parts(layout), layout.context_type, layout.pad) == ((2,), (3,), (3,), 1, 0)


def test_a_tokenizer_without_special_tokens_is_refused(tmp_path):
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(CheckpointError, match="has no cls or bos token"):
        template_layout(tmp_path, read_tokenizer(tmp_path, most=2), context_type=0)


def test_truncation_and_padding_of_the_file_are_undone(tmp_path):
    checkpoints.write_wordpiece(tmp_path, "BertTokenizer")
    tokenizer = read_tokenizer(tmp_path, most=500)
    assert len(tokenizer.encode("the door " * 30, add_special_tokens=False).ids) == 60
    assert len(tokenizer.encode("door", add_special_tokens=False).ids) == 1
