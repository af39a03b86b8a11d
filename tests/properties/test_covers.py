"""Laws of comparing: what a service shows covers what was asked of it, whatever it adds and however it sorts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.state.compare import covers, difference, pair_up

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
records = st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 1), max_size=3), max_size=5)


def shuffled(value, random):
    """Return the value with every list in another order and a default of the service's in every mapping."""
    if isinstance(value, dict):
        return {**{name: shuffled(one, random) for name, one in value.items()}, "timeCreated": "now"}
    if isinstance(value, list):
        return random.sample([shuffled(one, random) for one in value], len(value))
    return value


@given(value=values)
def test_everything_covers_itself(value):
    """What is shown as it was asked for is no difference."""
    assert covers(value, value)


@given(value=values, random=st.randoms())
def test_order_and_additions_are_no_difference(value, random):
    """Services sort lists and add fields as they like."""
    assert covers(shuffled(value, random), value)


@given(shown=records, wanted=records, random=st.randoms())
def test_the_answer_does_not_depend_on_the_order(shown, wanted, random):
    """Two looks at the same thing agree."""
    again = covers(random.sample(shown, len(shown)), random.sample(wanted, len(wanted)))
    assert again == covers(shown, wanted)


@given(entries=st.lists(values, min_size=1, max_size=4), data=st.data())
def test_a_missing_or_extra_entry_is_seen(entries, data):
    """A rule too few closes a port, a rule too many opens one."""
    position = data.draw(st.integers(0, len(entries) - 1))
    fewer = entries[:position] + entries[position + 1 :]
    assert not covers(fewer, entries)
    assert not covers(entries, fewer)


@given(value=st.dictionaries(st.sampled_from("abc"), values, min_size=1), data=st.data())
def test_a_missing_field_is_seen_unless_null_was_asked_for(value, data):
    """Null and absent are the same: services do as they like."""
    name = data.draw(st.sampled_from(sorted(value)))
    assert covers({other: one for other, one in value.items() if other != name}, value) == (value[name] is None)


@given(shown=records, wanted=records)
def test_pairs_are_covers_and_each_entry_has_one(shown, wanted):
    """Nothing stands for two."""
    pairs = pair_up(shown, wanted)
    assert len(set(pairs.values())) == len(pairs)
    assert all(covers(shown[position], wanted[index]) for position, index in pairs.items())


@given(shown=records, wanted=records)
def test_as_many_are_paired_as_can_be(shown, wanted):
    """No other pairing finds a place for one more: checked by trying all."""

    def most(index: int, taken: frozenset[int]) -> int:
        if index == len(wanted):
            return 0
        places = [at for at, one in enumerate(shown) if at not in taken and covers(one, wanted[index])]
        return max([most(index + 1, taken), *(1 + most(index + 1, taken | {at}) for at in places)])

    assert len(pair_up(shown, wanted)) == most(0, frozenset())


@given(shown=values, wanted=values)
def test_a_difference_is_told_in_bounded_length(shown, wanted):
    """Whatever differs fits a line of a plan."""
    before, after = difference(shown, wanted)
    assert max(len(before), len(after)) <= 240


@given(shown=records, wanted=records)
def test_what_is_covered_has_no_difference_to_tell(shown, wanted):
    """And of lists that differ something is told."""
    assert (difference(shown, wanted) == ("", "")) == covers(shown, wanted)
