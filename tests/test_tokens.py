import base64
import hashlib
import importlib.util
import logging
import os
import pickle
import tempfile
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import tiktoken.registry

from builders import words
from semantic_highlight import encodings, tokens
from semantic_highlight.errors import InputError
from semantic_highlight.tokens import (
    EncodingCounter,
    EstimatedCounter,
    FunctionCounter,
    TiktokenCounter,
    as_counter,
)

# Every byte is a token, and so are "ab" and "abc": enough to see byte pairs merged.
PAIRS = [bytes([n]) for n in range(256)] + [b"ab", b"abc"]
SMALL = b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(PAIRS))


def small_encoding(name):
    return tiktoken.Encoding(name, pat_str=r"\w+", mergeable_ranks=encodings._parse(SMALL), special_tokens={})


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine without any encoding, and a tiny o200k_base that could be put there."""
    monkeypatch.setattr(tokens, "_loaded", {})
    tokens._warn_of_estimates.cache_clear()
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    monkeypatch.setattr(encodings, "_CARRIERS", ())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.delenv("DATA_GYM_CACHE_DIR", raising=False)
    small = replace(encodings.ENCODINGS["o200k_base"], sha256=hashlib.sha256(SMALL).hexdigest())
    monkeypatch.setitem(encodings.ENCODINGS, "o200k_base", small)
    return tmp_path


def put(folder, content=SMALL):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / encodings.ENCODINGS["o200k_base"].cache_name
    path.write_bytes(content)
    return path


def test_cached_file_has_the_name_that_tiktoken_gives_it():
    assert encodings.ENCODINGS["o200k_base"].cache_name == "fb374d419588a4632f3f557e76b4b70aebbca790"
    assert encodings.ENCODINGS["cl100k_base"].cache_name == "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"


class TestFinding:
    @pytest.mark.parametrize("variable", ["TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"])
    def test_in_the_folder_that_the_environment_names(self, bare, monkeypatch, variable):
        put(bare / "cache")
        monkeypatch.setenv(variable, str(bare / "cache"))
        before = dict(os.environ)
        counter = TiktokenCounter()
        assert (counter.name, counter.exact, counter.count("abcab")) == ("o200k_base", True, 2)
        assert dict(os.environ) == before

    def test_in_the_folder_for_temporary_files(self, bare):
        put(bare / "tmp" / "data-gym-cache")
        assert TiktokenCounter().count("abcab") == 2

    def test_in_a_package_that_carries_it(self, bare, monkeypatch):
        (bare / "carrier").mkdir()
        (bare / "carrier" / "__init__.py").write_text("raise RuntimeError('imported')")
        put(bare / "carrier" / "files")
        monkeypatch.syspath_prepend(bare)
        monkeypatch.setattr(encodings, "_CARRIERS", (("not_there.at_all", "x"), ("carrier", "files")))
        assert TiktokenCounter().count("abcab") == 2

    def test_loaded_in_tiktoken_already(self, bare, monkeypatch):
        loaded = small_encoding("o200k_base")
        monkeypatch.setitem(tiktoken.registry.ENCODINGS, "o200k_base", loaded)
        assert TiktokenCounter().count("abcab") == 2

    def test_wrong_hash_is_not_used_and_not_deleted(self, bare, caplog):
        path = put(bare / "tmp" / "data-gym-cache", SMALL + b"\n")
        counter = TiktokenCounter()
        assert counter.name == "estimate:o200k_base"
        assert path.exists()
        assert "SHA-256" in caplog.text

    def test_found_once_for_all_threads(self, bare, monkeypatch):
        put(bare / "tmp" / "data-gym-cache")
        reads, parse = [], encodings._parse
        monkeypatch.setattr(encodings, "_parse", lambda content: reads.append(1) or parse(content))
        counters = [TiktokenCounter() for _ in range(4)]
        with ThreadPoolExecutor(16) as pool:
            counts = set(pool.map(lambda n: counters[n % 4].count("abcab"), range(64)))
        assert (counts, reads) == ({2}, [1])


class TestEstimate:
    def test_where_there_is_no_file(self, bare, caplog):
        counter = TiktokenCounter()
        assert (counter.name, counter.exact) == ("estimate:o200k_base", False)
        assert counter.count("a" * 1000) == 203
        assert counter.count("电" * 1000) == 750
        assert TiktokenCounter().count("x") == 1
        assert [record.levelno for record in caplog.records] == [logging.WARNING]

    def test_is_worked_out_per_encoding(self):
        assert EstimatedCounter("cl100k_base").count("电池。ab" * 100) == round(100 * (3 * 1.075 + 2 * 0.203))

    def test_empty_text_has_no_tokens_and_any_other_at_least_one(self):
        assert EstimatedCounter().count("") == 0
        assert EstimatedCounter().count("a") == 1

    def test_never_asks_the_network(self, bare, monkeypatch):
        def fail(*args, **kwargs):
            raise AssertionError("asked the network")

        monkeypatch.setattr(urllib.request, "urlopen", fail)
        assert not TiktokenCounter().exact


class TestDownload:
    @pytest.fixture
    def host(self, bare, monkeypatch):
        answers = {}

        class Response:
            def __enter__(self):
                return self

            def __exit__(self, *args):
                pass

            def read(self):
                return answers["content"]

        def urlopen(address, *, timeout):
            answers.update(address=address, timeout=timeout)
            if "content" not in answers:
                raise urllib.error.URLError("no route")
            return Response()

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        return answers

    def test_on_request(self, host):
        host["content"] = SMALL
        assert TiktokenCounter(allow_download=True).count("abcab") == 2
        assert host["address"] == "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
        assert host["timeout"] == 10

    def test_that_fails_leaves_an_estimate(self, host, caplog):
        assert not TiktokenCounter(allow_download=True).exact
        assert "no route" in caplog.text

    def test_of_something_else_is_not_used(self, host):
        host["content"] = b"<html>log in to the hotel</html>"
        assert not TiktokenCounter(allow_download=True).exact


@pytest.mark.skipif(
    importlib.util.find_spec("llama_index") is None or importlib.util.find_spec("llama_index.core") is None,
    reason="llama-index-core, which carries the encodings, is not installed",
)
class TestRealEncodings:
    # tiktoken's own counts of the same strings.
    @pytest.mark.parametrize(
        ("text", "o200k", "cl100k"),
        [
            ("Hello, world! It's 2024.", 9, 10),
            ("电池充满电以后可以使用十个小时。", 12, 16),
            ("<|endoftext|> in a document", 10, 10),
        ],
    )
    def test_counts_as_tiktoken_does(self, text, o200k, cl100k):
        assert TiktokenCounter().exact
        assert TiktokenCounter().count(text) == o200k
        assert TiktokenCounter("cl100k_base").count(text) == cl100k

    def test_pattern_is_tiktokens_own(self, monkeypatch):
        """Asks tiktoken's definition of every encoding, with the file of ranks taken away."""
        from tiktoken_ext import openai_public

        def ranks(address, expected_hash):
            return address, expected_hash

        monkeypatch.setattr(openai_public, "load_tiktoken_bpe", ranks)
        for name, spec in encodings.ENCODINGS.items():
            theirs = getattr(openai_public, name)()
            assert spec.pattern == theirs["pat_str"]
            assert theirs["mergeable_ranks"] == (encodings._HOST + spec.file, spec.sha256)

    def test_odd_text_raises_nothing(self):
        for text in ["\ud800", "\x00", "a" * 100_000, "<|im_start|>"]:
            assert TiktokenCounter().count(text) > 0

    @pytest.mark.parametrize("encoding", ["o200k_base", "cl100k_base"])
    def test_text_that_tiktoken_panics_on(self, encoding):
        count = TiktokenCounter(encoding).count("The cat sat. " + " " * 1_000_000 + "Dog.")
        assert 7_813 <= count <= 7_840  # 128 spaces a token, a few words, and what the cuts cost

    def test_harmony_counts_as_o200k(self):
        text = "电池 battery"
        assert TiktokenCounter("o200k_harmony").count(text) == TiktokenCounter().count(text)


class PanicException(BaseException):
    pass


class Panicking:
    """An encoding of a token a word, with the space before it, that panics on long texts."""

    name = "panicking"

    def __init__(self, most):
        self.most = most
        self.given = []

    def encode_ordinary(self, text):
        if len(text) > self.most:
            raise PanicException("StackOverflow")
        self.given.append(text)
        return text.split()


class TestPanic:
    def test_long_text_is_counted_in_slices_cut_before_spaces(self):
        encoding = Panicking(tokens._SLICE)
        text = "word " * 50_000 + "x" * 150_000
        assert EncodingCounter(encoding).count(text) == 50_002  # the last word is cut: it has no space
        assert "".join(encoding.given) == text
        assert [len(part) for part in encoding.given] == [99_999, 99_995, 50_005, 100_000, 50_001]

    def test_text_that_cannot_be_counted_at_all_is_an_ordinary_error(self):
        with pytest.raises(InputError, match=r"cannot count the tokens of 'a b c'"):
            EncodingCounter(Panicking(0)).count("a b c")

    def test_interrupts_pass(self):
        class Interrupted(Panicking):
            def encode_ordinary(self, text):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            EncodingCounter(Interrupted(0)).count("a")


class TestCoercion:
    def test_name_of_an_encoding_loads_nothing(self, bare):
        counter = as_counter("o200k_base")
        assert isinstance(counter, TiktokenCounter)
        assert tokens._loaded == {}

    def test_function(self):
        counter = as_counter(words)
        assert (counter.name, counter.exact, counter.count("a b c")) == ("words", True, 3)

    def test_counter_is_taken_as_it_is(self, bare):
        counter = TiktokenCounter()
        assert as_counter(counter) is counter
        assert tokens._loaded == {}

    def test_tiktoken_encoding(self):
        encoding = small_encoding("mine")
        counter = as_counter(encoding)
        assert isinstance(counter, EncodingCounter)
        assert (counter.name, counter.exact, counter.count("abcab")) == ("mine", True, 2)

    def test_function_may_return_any_whole_number(self):
        import numpy as np

        count = FunctionCounter(lambda text: np.int64(len(text))).count("abc")
        assert (type(count), count) == (int, 3)

    @pytest.mark.parametrize("result", [None, 2.5, {"input_ids": [1, 2]}])
    def test_function_that_returns_no_number(self, result):
        with pytest.raises(InputError, match="must return the number of tokens"):
            FunctionCounter(lambda text: result).count("abc")

    def test_unknown_encoding_names_the_known(self):
        with pytest.raises(InputError, match="cl100k_base, o200k_base, o200k_harmony"):
            as_counter("gpt-4o")

    @pytest.mark.parametrize("counter", [None, 5])
    def test_what_cannot_count(self, counter):
        with pytest.raises(InputError, match="name of an encoding"):
            as_counter(counter)


COUNTERS = [
    TiktokenCounter(),
    TiktokenCounter("cl100k_base", allow_download=True),
    EstimatedCounter(),
    FunctionCounter(words),
]


@pytest.mark.parametrize("counter", COUNTERS, ids=repr)
def test_counters_can_be_pickled(counter):
    copy = pickle.loads(pickle.dumps(counter))
    assert repr(copy) == repr(counter)
