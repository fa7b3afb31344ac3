from __future__ import annotations

import random
import statistics

from hocket.clock import thread_cpu_time
from hocket.knowledge.index import LexicalIndex
from hocket.sim.loop import run
from hocket.stages.llm import Passage
from tests.stages.contract import check_retriever

PASSAGES = (
    Passage("We are open from nine until six.", "a.md#Opening hours", 0.0),
    Passage("Dogs may come along in a double kayak.", "a.md#Dogs", 0.0),
    Passage("The department answers questions about invoices.", "a.md#The billing department", 0.0),
    Passage("A double kayak costs ten pounds.", "a.md#Prices", 0.0),
)


def sources(query: str, limit: int = 3) -> list[str]:
    return [passage.source.split("#")[1] for passage in LexicalIndex(PASSAGES).closest(query, limit)]


def test_it_keeps_the_contract_of_a_retriever() -> None:
    check_retriever(lambda: LexicalIndex(PASSAGES), "double kayak", run)


def test_the_closest_passage_comes_first() -> None:
    assert sources("can I bring my dog")[0] == "Dogs"
    assert sources("how much is a double kayak")[0] == "Prices"
    assert sources("when are you open")[0] == "Opening hours"
    assert sources("double kayak", limit=1) != []


def test_a_heading_counts_as_the_subject() -> None:
    assert sources("billing department")[0] == "The billing department"


def test_misheard_words_are_found() -> None:
    assert sources("billing apartment")[0] == "The billing department"
    assert sources("answeres please")[0] == "The billing department"


def test_nothing_is_close_to_another_subject_or_to_no_words() -> None:
    for query in ("the capital of france", "", "um yes", "is there a sauna in the clubhouse with a view of the dogs"):
        assert sources(query) == [], query


def test_one_shared_word_of_many_is_not_close() -> None:
    assert sources("department") == ["The billing department"]
    assert sources("department store escalator repair") == []


def test_an_index_of_nothing_finds_nothing() -> None:
    assert LexicalIndex(()).closest("anything") == ()


def test_five_hundred_passages_are_searched_within_a_millisecond() -> None:
    rng = random.Random(1)
    vocabulary = ["".join(rng.choices("abcdefghijklmnoprstuvw", k=rng.randint(3, 9))) for _ in range(3_000)]
    index = LexicalIndex(
        Passage(" ".join(rng.choices(vocabulary, k=110)), f"f.md#{rng.choice(vocabulary)}", 0.0) for _ in range(500)
    )
    queries = [" ".join(rng.choices(vocabulary, k=12)) + " mispeled" for _ in range(30)]
    spent = []
    for query in queries * 3:
        before = thread_cpu_time()
        index.closest(query)
        spent.append((thread_cpu_time() - before) / 1e6)
    assert statistics.median(spent) < 1.0, f"{statistics.median(spent):.2f} ms"
