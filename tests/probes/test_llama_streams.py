"""Which nodes of the prefix tree are decoded together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from probes.backends.llama_native import MICRO_BATCH
from probes.backends.llama_streams import DECODE, LEAST, runs

nodes = st.lists(
    st.tuples(st.integers(1, 2 * MICRO_BATCH), st.integers(0, 3 * MICRO_BATCH)), max_size=9
).map(sorted)


def cost(lengths: list[int], found: list[range]) -> int:
    """Tokens that are decoded, with what each decode costs besides."""
    return sum(max(LEAST, lengths[run[-1]]) * len(run) + DECODE for run in found)


@given(nodes)
def test_runs_hold_every_node_once_and_fit(pairs: list[tuple[int, int]]) -> None:
    """In their order, within a micro-batch and every stream's room, unless alone."""
    lengths = [length for length, _ in pairs]
    rooms = [length + spare for length, spare in pairs]
    found = runs(lengths, rooms)
    assert [i for run in found for i in run] == list(range(len(pairs)))
    for run in found:
        width = max(LEAST, lengths[run[-1]])
        assert len(run) == 1 or width * len(run) <= MICRO_BATCH
        assert len(run) == 1 or all(width <= rooms[i] for i in run)


@given(nodes, st.integers(1, 8))
def test_no_cut_is_cheaper(pairs: list[tuple[int, int]], cut: int) -> None:
    """What is found costs no more than the best for the two parts of any cut."""
    lengths = [length for length, _ in pairs]
    rooms = [length + spare for length, spare in pairs]
    begun = cost(lengths[:cut], runs(lengths[:cut], rooms[:cut]))
    rest = cost(lengths[cut:], runs(lengths[cut:], rooms[cut:]))
    assert cost(lengths, runs(lengths, rooms)) <= begun + rest


def test_padding_is_weighed_against_a_decode() -> None:
    """Lengths that are near each other are decoded together, a much longer one apart."""
    assert runs([8, 9, 9, 60], [256] * 4) == [range(3), range(3, 4)]
    assert runs([8, 9, 9, 10], [256] * 4) == [range(4)]
