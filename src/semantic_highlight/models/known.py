"""Published checkpoints that load, as their publishers describe them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownCheckpoint:
    """One published checkpoint.

    Attributes:
        id: Its Hugging Face id.
        family: The name of its family.
        size: Its parameters, for example ``"568M"``; None where the publisher states none.
        languages: Those it was trained on.
        window: Most tokens of a window; None where its ``config.json`` alone says.
        default_threshold: The score above which a sentence is kept, in [0, 1].
        licence: Of the weights, as an SPDX-like id in lower case.
    """

    id: str
    family: str
    size: str | None
    languages: str
    window: int | None
    default_threshold: float
    licence: str


_XPROVENCE = "ar bn en es fa fi fr hi id ja ko ru sw te th zh"

# From the publishers' model cards, papers and code.
KNOWN_CHECKPOINTS: tuple[KnownCheckpoint, ...] = (
    KnownCheckpoint("zilliz/semantic-highlight-bilingual-v1", "zilliz", "568M", "en zh", 8192, 0.5, "mit"),
    KnownCheckpoint(
        "hotchpotch/open-provence-reranker-v1-gte-modernbert-base",
        "open_provence",
        "149M",
        "en",
        None,
        0.1,
        "mit",
    ),
    KnownCheckpoint(
        "hotchpotch/open-provence-reranker-xsmall-v1", "open_provence", "30M", "en ja", None, 0.1, "mit"
    ),
    KnownCheckpoint(
        "hotchpotch/open-provence-reranker-v1", "open_provence", "130M", "en ja", None, 0.1, "mit"
    ),
    KnownCheckpoint(
        "hotchpotch/open-provence-reranker-large-v1", "open_provence", "310M", "en ja", None, 0.1, "mit"
    ),
    KnownCheckpoint(
        "opensearch-project/opensearch-semantic-highlighter-v1",
        "opensearch",
        None,
        "en",
        512,
        0.5,
        "apache-2.0",
    ),
    KnownCheckpoint(
        "naver/provence-reranker-debertav3-v1", "provence", "430M", "en", 512, 0.1, "cc-by-nc-nd-4.0"
    ),
    KnownCheckpoint(
        "naver/xprovence-reranker-bgem3-v1", "xprovence", "568M", _XPROVENCE, 8192, 0.3, "cc-by-nc-nd-4.0"
    ),
    KnownCheckpoint(
        "naver/xprovence-reranker-bgem3-v2", "xprovence", "568M", _XPROVENCE, 8192, 0.3, "cc-by-nc-nd-4.0"
    ),
)
