"""``semantic-highlight demo``: the documents are in ``documents``, with where they come from."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from semantic_highlight.cli.options import Model, make_highlighter
from semantic_highlight.cli.writing import write
from semantic_highlight.errors import InputError
from semantic_highlight.types import BUNDLED, Savings

TOP_K = 2

QUESTIONS = {
    ("LangChain", "English"): "How did the number of people living in the Amazon region change after 1500?",
    ("LangChain", "Chinese"): "皮纳图博火山1991年的爆发对全球气温和臭氧层有什么影响？",
    ("LlamaIndex", "English"): "What happens to the local disk of an s2.large when I stop the machine?",
    ("LlamaIndex", "Chinese"): "HengGate 虚拟版从哪个版本开始修复了漏洞？暂时不能升级怎么办？",
}
"""A question for each framework and language."""

FOLDERS = {"English": "en", "Chinese": "zh"}

Prompts = Callable[..., tuple[str, str]]


def demo(model: Model = BUNDLED) -> None:
    """Show prompts before and after pruning.

    Asks LangChain's ContextualCompressionRetriever and a LlamaIndex query engine, with a mock LLM, about
    documents in English and Chinese that ship with this package. Nothing leaves this machine.
    """
    frameworks = _frameworks()
    highlighter = make_highlighter(model)
    counter = highlighter.counter
    summary = []
    for (framework, language), question in QUESTIONS.items():
        before, after = frameworks[framework](
            question, documents(FOLDERS[language]), highlighter, top_k=TOP_K
        )
        savings = Savings(counter.count(before), counter.count(after), counter.name, counter.exact)
        title = f"{framework}, {language}"
        write(
            f"━━ {title}: the LLM would have got {savings.tokens_before} tokens\n\n{before}\n\n"
            f"━━ {title}: it gets {savings.tokens_after}\n\n{after}\n\n"
        )
        summary.append(f"{title:<21}{savings}\n")
    write(f"━━ Tokens of the whole prompts, scored by {highlighter.scorer.name}\n\n{''.join(summary)}")


def documents(language: str) -> list[str]:
    """Return the demo's documents in ``en`` or ``zh``, sorted by their names."""
    folder = files(__name__) / "documents" / language
    return [file.read_text(encoding="utf-8") for file in sorted(folder.iterdir(), key=lambda file: file.name)]


def _frameworks() -> dict[str, Prompts]:
    try:
        from semantic_highlight.cli.demo import langchain, llama_index
    except ModuleNotFoundError as error:
        msg = f"{error.name} is not installed. Run: pip install 'semantic-highlight[demo]'"
        raise InputError(msg) from error
    return {"LangChain": langchain.prompts, "LlamaIndex": llama_index.prompts}
