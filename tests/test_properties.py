"""What holds for every text, every choice of sentences and every way of calling."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import words
from contracts import ANY_TEXT, PROSE_AND_STRUCTURE
from semantic_highlight import Highlighter, TargetCompression, Threshold, TokenBudget, TopK, split
from semantic_highlight.assembly import Assembler
from semantic_highlight.selection import KeepHeadings, KeepLeading, MinKept, MustKeep, Neighbours
from semantic_highlight.tokens import EstimatedCounter, FunctionCounter
from semantic_highlight.types import HighlightedDocument

EXAMPLES = settings(max_examples=150, deadline=None)

TEXTS = st.one_of(ANY_TEXT, PROSE_AND_STRUCTURE)
QUERIES = st.sampled_from(["Why did Dr. Lee leave?", "句子好吗", "x", "title a b 10:32", "\ud800?"])
GAPS = st.sampled_from(["", " […] ", "…", "\n"])
COUNTERS = st.sampled_from([FunctionCounter(words), FunctionCounter(len), EstimatedCounter()])


@st.composite
def highlighted_documents(draw):
    text = draw(TEXTS)
    spans = tuple(split(text))
    scores = draw(st.lists(st.floats(0, 1), min_size=len(spans), max_size=len(spans)))
    return HighlightedDocument(text, spans, tuple(scores), max(scores, default=0.0), "drawn")


@st.composite
def choices(draw):
    document = draw(highlighted_documents())
    size = len(document.spans)
    return document, draw(st.lists(st.booleans(), min_size=size, max_size=size))


BASES = st.one_of(
    st.builds(Threshold, st.floats(0, 1)),
    st.builds(TopK, st.integers(1, 8)),
    st.builds(TokenBudget, st.integers(1, 60)),
    st.builds(TargetCompression, st.floats(0, 1)),
)
SELECTORS = st.recursive(
    BASES,
    lambda inner: st.one_of(
        st.builds(TokenBudget, st.integers(1, 60), inner),
        st.builds(TargetCompression, st.floats(0, 1), inner),
        st.builds(Neighbours, inner, st.integers(1, 2)),
        st.builds(KeepLeading, inner, always=st.booleans()),
        st.builds(KeepHeadings, inner),
        st.builds(MustKeep, inner, st.just(r"\d")),
        st.builds(MinKept, inner, st.integers(0, 2), st.integers(0, 3)),
    ),
    max_leaves=4,
)


class TestPrunedText:
    @EXAMPLES
    @given(choices(), GAPS)
    def test_is_slices_of_the_original_in_order(self, choice, gap):
        document, keep = choice
        pruned = Assembler(FunctionCounter(len), gap).prune(document, keep, selector="")
        at = 0
        for piece in pruned.pieces:
            assert at <= piece.start < piece.end <= len(document.text)
            assert piece.text == (gap if piece.is_gap else document.text[piece.start : piece.end])
            at = piece.end

    @EXAMPLES
    @given(choices(), GAPS)
    def test_has_every_kept_sentence_whole_and_of_the_others_only_white_space(self, choice, gap):
        document, keep = choice
        pruned = Assembler(FunctionCounter(len), gap).prune(document, keep, selector="")
        shown = {i for piece in pruned.pieces if not piece.is_gap for i in range(piece.start, piece.end)}
        for sentence in pruned.sentences:
            here = set(range(sentence.start, sentence.end))
            if sentence.kept:
                assert here <= shown
            else:
                assert not any(document.text[i].strip() for i in here & shown)

    @EXAMPLES
    @given(choices(), GAPS)
    def test_keeps_what_was_chosen(self, choice, gap):
        document, keep = choice
        pruned = Assembler(FunctionCounter(len), gap).prune(document, keep, selector="")
        for span, chosen, sentence in zip(document.spans, keep, pruned.sentences, strict=True):
            assert sentence.kept or not chosen or span.is_blank(document.text)

    @EXAMPLES
    @given(choices(), GAPS)
    def test_is_never_longer_than_the_original(self, choice, gap):
        document, keep = choice
        pruned = Assembler(FunctionCounter(len), gap).prune(document, keep, selector="")
        assert len(pruned.text) <= len(document.text)
        assert pruned.savings.tokens_saved >= 0

    @EXAMPLES
    @given(choices(), GAPS)
    def test_offsets_map_back(self, choice, gap):
        document, keep = choice
        pruned = Assembler(FunctionCounter(len), gap).prune(document, keep, selector="")
        for piece in pruned.pieces:
            for i, char in enumerate(piece.text):
                original = pruned.original_offset(piece.offset + i)
                assert original == piece.start if piece.is_gap else document.text[original] == char

    @EXAMPLES
    @given(highlighted_documents(), GAPS)
    def test_is_the_original_where_everything_is_kept(self, document, gap):
        pruned = Assembler(FunctionCounter(len), gap).prune(
            document, [True] * len(document.spans), selector=""
        )
        assert pruned.text == document.text
        assert len(pruned.pieces) <= 1

    @EXAMPLES
    @given(choices())
    def test_begins_every_heading_and_item_on_a_line_of_its_own(self, choice):
        document, keep = choice
        pruned = Assembler(FunctionCounter(len), " […] ").prune(document, keep, selector="")
        text = pruned.text
        for piece in pruned.pieces:
            begins_line = piece.start == 0 or document.text[piece.start - 1] == "\n"
            if begins_line and piece.offset and not piece.is_gap:
                assert text[piece.offset - 1] in "\r\n"


class TestSelection:
    @EXAMPLES
    @given(st.lists(highlighted_documents(), max_size=3), st.integers(1, 80), COUNTERS, GAPS)
    def test_budget_is_never_exceeded(self, documents, n, counter, gap):
        documents = [document for document in documents if document.text.strip()]
        assembler = Assembler(counter, gap)
        masks = TokenBudget(n).select(documents, assembler)
        assert sum(map(assembler.size, documents, masks)) <= n

    @EXAMPLES
    @given(st.lists(highlighted_documents(), max_size=3), st.floats(0, 1), COUNTERS)
    def test_target_is_reached(self, documents, rate, counter):
        documents = [document for document in documents if document.text.strip()]
        assembler = Assembler(counter)
        masks = TargetCompression(rate).select(documents, assembler)
        before = sum(counter.count(document.text) for document in documents)
        after = sum(map(assembler.size, documents, masks))
        assert before - after >= before * rate - 1e-6

    @EXAMPLES
    @given(st.lists(highlighted_documents(), min_size=1, max_size=3), SELECTORS)
    def test_context_is_never_empty_where_there_is_one(self, documents, selector):
        assembler = Assembler(FunctionCounter(words))
        masks = MinKept(selector).select(documents, assembler)
        assert any(map(any, masks)) or not any(document.text.strip() for document in documents)

    @EXAMPLES
    @given(st.lists(highlighted_documents(), max_size=3), SELECTORS)
    def test_every_policy_flags_every_span_and_chooses_no_white_space(self, documents, selector):
        masks = selector.select(documents, Assembler(FunctionCounter(words)))
        assert [len(mask) for mask in masks] == [len(document.spans) for document in documents]
        for document, mask in zip(documents, masks, strict=True):
            assert not any(
                span.is_blank(document.text) for span, kept in zip(document.spans, mask, strict=True) if kept
            )


class TestCalling:
    """With a threshold a document's fate is its own affair, however it comes in."""

    HIGHLIGHTER = Highlighter.lexical(counter=words)

    @EXAMPLES
    @given(QUERIES, st.lists(TEXTS, max_size=5))
    def test_alone_and_in_a_batch(self, query, texts):
        together = self.HIGHLIGHTER.prune(query, texts)
        assert together == [self.HIGHLIGHTER.prune(query, [text])[0] for text in texts]
        assert [document.original for document in together] == texts

    @EXAMPLES
    @given(QUERIES, st.lists(TEXTS, max_size=5), st.randoms(use_true_random=False))
    def test_in_any_order(self, query, texts, random):
        order = random.sample(range(len(texts)), len(texts))
        shuffled = self.HIGHLIGHTER.prune(query, [texts[i] for i in order])
        straight = self.HIGHLIGHTER.prune(query, texts)
        assert shuffled == [straight[i] for i in order]

    @settings(max_examples=10, deadline=None)
    @given(QUERIES, st.lists(TEXTS, max_size=4), SELECTORS)
    def test_one_thread_and_sixteen(self, query, texts, selector):
        alone = self.HIGHLIGHTER.prune(query, texts, selector=selector)
        with ThreadPoolExecutor(16) as pool:
            calls = pool.map(lambda _: self.HIGHLIGHTER.prune(query, texts, selector=selector), range(32))
            assert all(pruned == alone for pruned in calls)
