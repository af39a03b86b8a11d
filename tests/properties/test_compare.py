"""Laws of comparing what a service shows with what was asked of it, whatever it adds and however it sorts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.state.compare import difference, is_satisfied_by, match_entries

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
def test_everything_is_satisfied_by_itself(value):
    """Any value that is shown exactly as it was asked for satisfies the request."""
    assert is_satisfied_by(value, value)


@given(value=values, random=st.randoms())
def test_order_and_additions_are_not_a_difference(value, random):
    """A shuffled list and an added field still satisfy what was asked for."""
    assert is_satisfied_by(value, shuffled(value, random))


@given(shown=records, wanted=records, random=st.randoms())
def test_the_result_does_not_depend_on_the_order(shown, wanted, random):
    """Shuffling either side does not change whether it is satisfied."""
    again = is_satisfied_by(random.sample(wanted, len(wanted)), random.sample(shown, len(shown)))
    assert again == is_satisfied_by(wanted, shown)


@given(entries=st.lists(values, min_size=1, max_size=4), data=st.data())
def test_a_missing_or_extra_entry_is_seen(entries, data):
    """A list with one entry fewer or one more does not satisfy what was asked for."""
    position = data.draw(st.integers(0, len(entries) - 1))
    fewer = entries[:position] + entries[position + 1 :]
    assert not is_satisfied_by(entries, fewer)
    assert not is_satisfied_by(fewer, entries)


@given(value=st.dictionaries(st.sampled_from("abc"), values, min_size=1), data=st.data())
def test_a_missing_field_is_seen_unless_null_was_asked_for(value, data):
    """Without one of its fields a mapping satisfies the request only where that field was asked to be null."""
    name = data.draw(st.sampled_from(sorted(value)))
    assert is_satisfied_by(value, {other: one for other, one in value.items() if other != name}) == (
        value[name] is None
    )


@given(shown=records, wanted=records)
def test_matched_entries_satisfy_each_other_and_each_is_matched_once(shown, wanted):
    """Every match is of entries that satisfy each other, and no entry is in two matches."""
    pairs = match_entries(shown, wanted)
    assert len(set(pairs.values())) == len(pairs)
    assert all(is_satisfied_by(wanted[index], shown[position]) for position, index in pairs.items())


@given(shown=records, wanted=records)
def test_the_matching_is_as_large_as_possible(shown, wanted):
    """No other matching is larger: all are tried."""

    def largest(index: int, taken: frozenset[int]) -> int:
        if index == len(wanted):
            return 0
        places = [at for at, one in enumerate(shown) if at not in taken and is_satisfied_by(wanted[index], one)]
        return max([largest(index + 1, taken), *(1 + largest(index + 1, taken | {at}) for at in places)])

    assert len(match_entries(shown, wanted)) == largest(0, frozenset())


@given(shown=values, wanted=values)
def test_a_difference_is_shown_in_bounded_length(shown, wanted):
    """Whatever the values, each side of a difference has at most 240 characters here."""
    before, after = difference(shown, wanted)
    assert max(len(before), len(after)) <= 240


@given(shown=records, wanted=records)
def test_a_difference_is_shown_exactly_where_there_is_one(shown, wanted):
    """The texts of a difference are empty if and only if what is live satisfies what is wanted."""
    assert (difference(shown, wanted) == ("", "")) == is_satisfied_by(wanted, shown)
