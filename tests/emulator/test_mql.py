import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.emulator.mql import Datapoint, Series, Stream, parse, parse_duration
from ocisidecar.emulator.mql_evaluation import evaluate
from ocisidecar.emulator.syntax import QueryError

STREAMS = (
    Stream({"pool": "a", "host": "a1"}, [Datapoint(0, 10.0), Datapoint(30, 20.0, count=3), Datapoint(60, 40.0)]),
    Stream({"pool": "a", "host": "a2"}, [Datapoint(59, 1.0), Datapoint(180, 5.0)]),
    Stream({"pool": "b", "host": "b1"}, [Datapoint(120, 7.0)], metadata={"unit": "count"}),
)


def ask(text: str, *, start: float = 0, end: float = 240, **options: float) -> dict[str, list[tuple[float, float]]]:
    answers = evaluate(
        parse(text), lambda metric: STREAMS if metric == "Load" else (), start=start, end=end, **options
    )
    return {",".join(sorted(series.dimensions.values())): list(series.points) for series in answers}


class TestReading:
    @pytest.mark.parametrize(
        "text",
        [
            "CpuUtilization[1m].mean()",
            "CpuUtilization[1m].mean() in (60, 80)",
            "CpuUtilization[1m].mean() not in (60, 80)",
            'Cpu[1m]{availabilityDomain = "VeBZ:PHX-AD-1", pool != "x"}.groupBy(poolId).percentile(0.9) > 85',
            'Cpu[1h]{resourceDisplayName =~ "ol8|ol7-*"}.min() >= 20',
            'Cpu[1d]{resourceId = "x"}.groupBy(resourceId).absent(20h)',
            "http.requests_total[5m].grouping().rate() > -1.5 && Cpu[1m].max() != 0 || Mem[1m].absent()",
        ],
    )
    def test_every_documented_form_is_read(self, text):
        """Intervals, matchers, groupings, statistics, predicates and joins of Oracle's reference are read."""
        assert parse(text).selections

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "expected a word at position 0"),
            ("Cpu", "expected '['"),
            ("Cpu[1x].mean()", "expected a duration"),
            ("Cpu[0m].mean()", "not within 86400 s"),
            ("Cpu[25h].mean()", "not within 86400 s"),
            ("Cpu[1m].median()", "unknown statistic 'median'"),
            ("Cpu[1m].percentile(1.5)", "between 0 and 1"),
            ("Cpu[1m].mean() >", "expected a number"),
            ("Cpu[1m].mean() in (1)", "expected ','"),
            ("Cpu[1m].grouping(pool).mean()", "grouping() takes no dimension"),
            ("Cpu[1m].groupBy().mean()", "groupBy() at least one"),
            ('Cpu[1m]{a="b" c="d"}.mean()', "expected ','"),
            ("Cpu[1m].mean() Mem[1m].mean()", "expected '&&' or '||'"),
            ("é[1m].mean()", "unreadable at position 0"),
        ],
    )
    def test_an_invalid_query_is_refused_at_its_position(self, text, complaint):
        """The error names the expected tokens."""
        with pytest.raises(QueryError) as caught:
            parse(text)
        assert complaint in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "is_condition"),
        [
            ("A[1m].mean()", False),
            ("A[1m].mean() > 1", True),
            ("A[1m].absent()", True),
            ("A[1m].absent() && B[1m].sum()", False),
        ],
    )
    def test_only_thresholds_and_absence_make_a_condition(self, text, is_condition):
        """`is_condition` is true only for queries whose every part has a threshold or detects absence."""
        assert parse(text).is_condition is is_condition

    @pytest.mark.parametrize("text", ["5m 5m", "5", "", "2d"])
    def test_a_duration_is_one_word(self, text):
        """A text that is not exactly one duration from 1m to 1d raises QueryError."""
        assert parse_duration("5m") == 300
        with pytest.raises(QueryError):
            parse_duration(text)


class TestEvaluating:
    @pytest.mark.parametrize(
        ("statistic", "first"),
        [
            ("mean", 17.5),
            ("avg", 17.5),
            ("sum", 70.0),
            ("max", 20.0),
            ("min", 10.0),
            ("count", 4.0),
            ("first", 10.0),
            ("last", 20.0),
            ("percentile(0.5)", 20.0),
        ],
    )
    def test_a_statistic_weighs_each_value_with_its_count(self, statistic, first):
        """A value with count three counts as three values, aggregated at the start of their minute."""
        call = statistic if "(" in statistic else f"{statistic}()"
        assert ask(f'Load[1m]{{host="a1"}}.{call}')["a,a1"] == [
            (0, first),
            (60, {"count": 1.0}.get(statistic, 40.0)),
        ]

    def test_without_grouping_every_stream_is_a_series(self):
        """Three streams give three series with all their dimensions."""
        assert set(ask("Load[1m].max()")) == {"a,a1", "a,a2", "b,b1"}

    def test_grouping_merges_all_streams(self):
        """grouping() gives one series without dimensions."""
        assert ask("Load[1m].grouping().count()") == {"": [(0, 5.0), (60, 1.0), (120, 1.0), (180, 1.0)]}

    def test_group_by_merges_streams_that_share_the_dimension(self):
        """groupBy(pool) gives one series per pool, with that dimension only."""
        assert ask("Load[1m].groupBy(pool).max()") == {
            "a": [(0, 20.0), (60, 40.0), (180, 5.0)],
            "b": [(120, 7.0)],
        }

    @pytest.mark.parametrize(
        ("matchers", "hosts"),
        [
            ('host = "a1"', {"a,a1"}),
            ('host != "a1"', {"a,a2", "b,b1"}),
            ('host =~ "a*"', {"a,a1", "a,a2"}),
            ('host =~ "a1|b1"', {"a,a1", "b,b1"}),
            ('pool = "a", host =~ "*2"', {"a,a2"}),
            ('rack != "1"', set()),
        ],
    )
    def test_matchers_select_streams(self, matchers, hosts):
        """All matchers must hold, and a stream without the dimension never matches."""
        assert set(ask(f"Load[1m]{{{matchers}}}.max()")) == hosts

    def test_several_dimensions_group_together(self):
        """Grouping by pool and host gives one series per pair."""
        assert set(ask("Load[1m].groupBy(pool, host).max()")) == {"a,a1", "a,a2", "b,b1"}

    def test_rate_is_the_change_per_second_and_increment_per_interval(self):
        """A change from 20 at second 30 to 40 at second 60 is an increment of 20 and a rate of 20 per 30 s."""
        assert ask('Load[1m]{host="a1"}.increment()') == {"a,a1": [(60, 20.0)]}
        assert ask('Load[1m]{host="a1"}.rate()') == {"a,a1": [(60, 20.0 / 30)]}

    def test_a_threshold_turns_values_into_truths(self):
        """Each value becomes 1 where the comparison holds and 0 elsewhere."""
        assert ask('Load[1m]{host="a1"}.max() > 20') == {"a,a1": [(0, 0.0), (60, 1.0)]}
        assert ask('Load[1m]{host="a1"}.max() in (20, 30)') == {"a,a1": [(0, 1.0), (60, 0.0)]}
        assert ask('Load[1m]{host="a1"}.max() not in (20, 30)') == {"a,a1": [(0, 0.0), (60, 1.0)]}

    def test_absence_lasts_until_the_detection_period_is_over(self):
        """After the last datapoint absence is reported for the detection period, then nothing at all."""
        assert ask('Load[1m]{host="a1"}.absent(2m)', end=420) == {
            "a,a1": [(0, 0.0), (60, 0.0), (120, 1.0), (180, 1.0)]
        }

    def test_windows_longer_than_the_resolution_overlap(self):
        """Two-minute windows begin every minute, so a datapoint counts in two of them."""
        assert ask('Load[2m]{host="b1"}.count()', resolution_seconds=60) == {"b,b1": [(60, 1.0), (120, 1.0)]}
        assert ask('Load[2m]{host="b1"}.count()', resolution_seconds=120) == {"b,b1": [(120, 1.0)]}

    def test_the_end_of_the_time_range_is_excluded(self):
        """No window begins at `end` or later."""
        assert ask('Load[1m]{host="b1"}.max()', end=120) == {}
        assert ask('Load[1m]{host="b1"}.max()', start=120, end=121) == {"b,b1": [(120, 7.0)]}

    def test_joined_conditions_meet_on_equal_dimensions(self):
        """`&&` needs both at the same moment, `||` one of them."""
        assert ask('Load[1m]{host="a1"}.max() > 20 && Load[1m].max() > 1') == {"a,a1": [(0, 0.0), (60, 1.0)]}
        assert ask("Load[1m].grouping().max() > 30 || Load[1m].grouping().min() < 2") == {
            "": [(0, 1.0), (60, 1.0), (120, 0.0), (180, 0.0)]
        }

    def test_metadata_of_a_stream_is_kept(self):
        """A series has the metadata of its stream."""
        answers = evaluate(parse('Load[1m]{pool="b"}.max()'), lambda _: STREAMS, start=0, end=240)
        assert answers == (Series({"pool": "b", "host": "b1"}, ((120, 7.0),), {"unit": "count"}),)

    @given(st.lists(st.tuples(st.floats(0, 3599), st.floats(-1e6, 1e6), st.integers(1, 5)), min_size=1))
    def test_no_datapoint_is_lost_or_counted_twice(self, raw):
        """The counts over all intervals add up to what was posted, whatever its order."""
        stream = Stream({"host": "x"}, [Datapoint(*each) for each in raw])
        (series,) = evaluate(
            parse("Load[5m].count()"), lambda _: (stream,), start=0, end=3600, resolution_seconds=300
        )
        assert sum(value for _, value in series.points) == sum(count for _, _, count in raw)
        assert [moment for moment, _ in series.points] == sorted({moment // 300 * 300 for moment, _, _ in raw})
