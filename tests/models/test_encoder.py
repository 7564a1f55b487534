from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pair_builders import PAD, random_network
from semantic_highlight.errors import CancelledError
from semantic_highlight.models.pair_windows import PairWindow

torch = pytest.importorskip("torch")
from semantic_highlight.models.encoder import TorchEncoder, plan_batches  # noqa: E402 - it needs torch


def windows_of(lengths, *, seed=0):
    random = np.random.default_rng(seed)
    return [
        PairWindow(random.integers(4, 200, n), np.repeat([0, 1], [3, n - 3]), 3, (0, n - 4)) for n in lengths
    ]


def same(some, others, *, within=1e-5):
    for one, other in zip(some, others, strict=True):
        assert one.log_odds == pytest.approx(other.log_odds, abs=within)
        assert one.ranking == pytest.approx(other.ranking, abs=within)


LENGTHS = [9, 60, 17, 17, 33, 8, 100, 41, 17]


class TestPlanBatches:
    def test_every_window_is_in_one_batch(self):
        assert sorted(i for batch in plan_batches(LENGTHS, 100) for i in batch) == list(range(len(LENGTHS)))

    def test_padded_tokens_stay_within_the_budget(self):
        for batch in plan_batches(LENGTHS, 100):
            assert len(batch) * max(LENGTHS[i] for i in batch) <= 100

    def test_like_lengths_go_together_longest_first(self):
        assert plan_batches([4, 9, 4, 8], 18) == [[1, 3], [0, 2]]

    def test_one_that_is_over_the_budget_goes_alone(self):
        assert plan_batches([300, 5, 5], 100) == [[0], [1, 2]]

    def test_nothing(self):
        assert plan_batches([], 100) == []


@pytest.fixture(scope="module")
def network():
    return random_network()


class TestTorchEncoder:
    @pytest.mark.parametrize("batch_tokens", [1, 64, 200, 4096])
    def test_gives_what_the_network_says_of_each_window_alone(self, network, batch_tokens):
        windows = windows_of(LENGTHS)
        encoded = TorchEncoder(network, pad=PAD, batch_tokens=batch_tokens).encode(windows)
        for window, found in zip(windows, encoded, strict=True):
            ids, types = torch.from_numpy(window.ids)[None], torch.from_numpy(window.types)[None]
            with torch.no_grad():
                log_odds, ranking = network(ids, torch.ones_like(ids), types)
            assert found.log_odds == pytest.approx(log_odds[0, 3:-1].numpy(), abs=1e-5)
            assert found.ranking == pytest.approx(float(ranking[0]), abs=1e-5)

    def test_a_padded_token_changes_nothing_but_its_absence_from_the_mask_would(self, network):
        # The check on the check: without the mask the same batch does differ.
        windows = windows_of([20, 60])
        alone = TorchEncoder(network, pad=PAD).encode(windows[:1])
        same(TorchEncoder(network, pad=PAD).encode(windows)[:1], alone)

        class Unmasked(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = network

            def forward(self, ids, mask, types):
                return self.inner(ids, torch.ones_like(mask), types)

        with pytest.raises(AssertionError):
            same(TorchEncoder(Unmasked(), pad=PAD).encode(windows)[:1], alone)

    def test_without_a_ranking_head_there_is_no_ranking(self):
        encoded = TorchEncoder(random_network(ranking=False), pad=PAD).encode(windows_of([9, 12]))
        assert [found.ranking for found in encoded] == [None, None]
        assert [len(found.log_odds) for found in encoded] == [5, 8]

    def test_batches_grow_with_the_threads_of_a_cpu(self, network, monkeypatch):
        for threads, tokens in ((1, 512), (2, 1024), (16, 2048)):
            monkeypatch.setattr(torch, "get_num_threads", lambda n=threads: n)
            assert TorchEncoder(network, pad=PAD).batch_tokens == tokens

    def test_no_windows(self, network):
        assert TorchEncoder(network, pad=PAD).encode([]) == []

    def test_keeps_no_graph_and_makes_float32(self):
        encoder = TorchEncoder(random_network().to(torch.bfloat16), pad=PAD)
        (found,) = encoder.encode(windows_of([12]))
        assert found.log_odds.dtype == np.float32

    def test_sixteen_threads_give_the_results_of_one(self, network):
        encoder = TorchEncoder(network, pad=PAD, batch_tokens=128)
        works = [windows_of(LENGTHS, seed=seed) for seed in range(32)]
        wanted = [encoder.encode(work) for work in works]
        with ThreadPoolExecutor(16) as pool:
            for found, one in zip(pool.map(encoder.encode, works), wanted, strict=True):
                same(found, one)

    def test_batches_of_threads_take_turns(self):
        class Counting(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(1))
                self.running = self.most = 0

            def forward(self, ids, mask, types):
                self.running += 1
                self.most = max(self.most, self.running)
                threading.Event().wait(0.005)
                self.running -= 1
                return torch.zeros(ids.shape), None

        network = Counting()
        encoder = TorchEncoder(network, pad=PAD)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(encoder.encode, [windows_of([9])] * 16))
        assert network.most == 1


class Interrupted(torch.nn.Module):
    """Raises at its second batch, once."""

    def __init__(self):
        super().__init__()
        self.inner = random_network()
        self.calls = 0

    def forward(self, ids, mask, types):
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return self.inner(ids, mask, types)


class TestStopping:
    def test_cancelled_between_batches_and_usable_after(self):
        event = threading.Event()
        calls = []

        def cancelled():
            calls.append(1)
            if len(calls) == 3:
                event.set()
            return event.is_set()

        encoder = TorchEncoder(random_network(), pad=PAD, batch_tokens=1)
        windows = windows_of(LENGTHS)
        with pytest.raises(CancelledError, match="after 2 of 9 batches"):
            encoder.encode(windows, cancelled=cancelled)
        assert len(encoder.encode(windows)) == len(windows)

    def test_interrupted_in_a_batch_and_usable_after(self):
        encoder = TorchEncoder(Interrupted(), pad=PAD, batch_tokens=1)
        with pytest.raises(KeyboardInterrupt):
            encoder.encode(windows_of(LENGTHS))
        windows = windows_of(LENGTHS)
        same(encoder.encode(windows), TorchEncoder(random_network(), pad=PAD).encode(windows))


class TestProgress:
    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch):
        monkeypatch.setattr("semantic_highlight.models.pair_engine.PROGRESS_DELAY", 0.0)

    def test_shown_on_request(self, capsys):
        TorchEncoder(random_network(), pad=PAD).encode(windows_of(LENGTHS), progress=True)
        assert "9/9" in capsys.readouterr().err

    def test_not_shown_otherwise(self, capsys):
        TorchEncoder(random_network(), pad=PAD).encode(windows_of(LENGTHS))
        assert capsys.readouterr().err == ""

    def test_short_work_shows_none(self, capsys, monkeypatch):
        monkeypatch.setattr("semantic_highlight.models.pair_engine.PROGRESS_DELAY", 60.0)
        TorchEncoder(random_network(), pad=PAD).encode(windows_of(LENGTHS), progress=True)
        assert capsys.readouterr().err.strip() == ""


def test_the_scorer_does_not_load_torch_and_tqdm_waits_until_it_is_asked_for():
    code = "import semantic_highlight.models.pair_scorer, sys; print({'torch', 'tqdm'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
