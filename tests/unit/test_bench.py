"""The benchmarks' own arithmetic: a figure that is wrong is worse than none."""

import asyncio
import math
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import apart, documents, million, report, results, streams
from bench.benches import BENCHES, chosen, compare
from bench.charts import Curves, draw
from bench.crowd import after, first_received
from bench.figures import GOALS, Figure, of_samples
from bench.next_day import WAITS, Seam, took
from bench.open_loop import at_rate
from bench.outcome import Outcome, Size
from bench.spread import count_over, missing, most, percentile, ratio, steps

WHERE = {
    "date": "2026-11-25T10:00:00+00:00",
    "commit": "abc",
    "load_before": 0.1,
    "cores": 2,
    "cpu": "a CPU",
    "memory_gb": 8,
    "kernel": "Linux 6",
    "python": "3.11.7",
    "versions": {"temporalio": "1.35.0"},
}


# --- percentiles ---------------------------------------------------------------------------------------


def test_percentile_is_one_of_the_samples_by_nearest_rank() -> None:
    thousand = [float(value) for value in range(1, 1001)]
    assert percentile(thousand, 0.5) == 500
    assert percentile(thousand, 0.99) == 990
    assert percentile(thousand, 1) == 1000
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.5) is None


def test_what_never_came_is_later_than_everything() -> None:
    ten_lost = [*[1.0] * 990, *[None] * 10]
    eleven_lost = [*[1.0] * 989, *[None] * 11]
    assert percentile(ten_lost, 0.99) == 1
    assert percentile(eleven_lost, 0.99) is None
    assert (missing(eleven_lost), count_over(eleven_lost, 5), most(eleven_lost)) == (11, 11, 1)


@given(st.lists(st.floats(-5, 1e6) | st.none(), min_size=1), st.floats(0.01, 1))
def test_as_many_as_the_share_says_are_at_or_below_a_percentile(
    samples: list[float | None], share: float
) -> None:
    found = percentile(samples, share)
    bound = math.inf if found is None else found
    below = sum(value is not None and value <= bound for value in samples)
    needed = math.ceil(share * len(samples))
    assert below >= needed if found is not None else below < needed


def test_ratio_says_how_many_times_better_and_nothing_about_the_unknown() -> None:
    assert ratio(5, 100) == 20
    assert ratio(6_000_000, 500_000, more_is_better=True) == 12
    assert ratio(None, 100) is None
    assert ratio(5, None) is None
    assert ratio(0, 5) is None


def test_curve_ends_below_one_when_some_never_came() -> None:
    x, y = steps([3.0, 1.0, None, 2.0])
    assert (x, y) == ([1, 2, 3], [0.25, 0.5, 0.75])


def test_a_thinned_curve_keeps_both_its_ends() -> None:
    x, y = steps([float(value) for value in range(10_000)])
    assert len(x) <= 400
    assert (x[0], x[-1], y[-1]) == (0, 9999, 1)


# --- figures -------------------------------------------------------------------------------------------


def test_a_figure_is_reached_only_when_value_ratio_and_conditions_are() -> None:
    entry = of_samples("entry_lateness_p99_ms", [100.0] * 1000, 0.99)
    assert not entry.reached  # nothing to compare with
    assert not entry.compared(1999).reached
    assert entry.compared(2000).reached
    assert not of_samples("entry_lateness_p99_ms", [301.0], 0.99).compared(100_000).reached
    assert not of_samples("entry_lateness_p99_ms", [None], 0.99).compared(100_000).reached
    assert not Figure("entry_failover_p99_ms", 1000, holds=False).reached
    assert not Figure("sleepers", 9_999).reached
    assert Figure("sleepers", 10_000).reached


def test_every_figure_of_the_table_is_given_by_one_bench() -> None:
    given_by = [name for bench in BENCHES for name in bench.figures]
    assert sorted(given_by) == sorted(GOALS)


def test_names_choose_benches_by_their_own_name_or_a_figures() -> None:
    assert {bench.name for bench in BENCHES} - {bench.name for bench in chosen([])} == {
        *("neighbours", "noisy_tenant", "streams", "telling", "paint", "next_day")
    }
    assert [bench.name for bench in chosen(["notice_p99_ms"])] == ["telling"]
    assert [bench.name for bench in chosen(["stop_burst_p99_ms", "baseline"])] == ["baseline", "trading"]
    with pytest.raises(ValueError, match="there is no nonsense"):
        chosen(["nonsense"])


def test_a_burst_is_compared_with_the_signal_path_and_shows_the_baseline() -> None:
    burst = of_samples("stop_burst_p99_ms", [500.0], 0.99)
    compare(
        Outcome([burst], {"burst": {"the signal path alone": [9000.0, 10_000.0], "the baseline": [4000.0]}})
    )
    assert (burst.against, burst.ratio, burst.also["baseline_p99"]) == (10_000, 20, 4000)


def test_orders_count_by_user_and_side_from_the_first_after_an_instant() -> None:
    ledger = [
        {"user_id": "A", "transaction_type": "BUY", "received_at": 9.0},
        {"user_id": "A", "transaction_type": "BUY", "received_at": 10.5},
        {"user_id": "A", "transaction_type": "BUY", "received_at": 11.0},
        {"user_id": "B", "transaction_type": "SELL", "received_at": 12.0},
    ]
    assert first_received(ledger, "BUY", 10.0) == {"A": 10.5}
    assert after(10.5, 10.0) == 500
    assert after(None, 10.0) is None


def test_a_next_day_that_never_waits_is_later_than_all() -> None:
    due = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
    at = due.timestamp()
    nowhere: Any = None
    seam = Seam(nowhere, ["a", "b"], due, WAITS, {"a": at + 3}, {"a": at + 1, "b": at + 1})
    assert not seam.over
    assert (took(seam, seam, 10).value, took(seam, seam, 10).also["never"]) == (None, 1)
    seam.seen["b"] = at + 4
    figure = took(seam, seam, 10)
    assert (figure.value, figure.also["from_the_sale_p99_s"], seam.over) == (3, 4, True)


# --- the open loop -------------------------------------------------------------------------------------


async def test_waiting_behind_a_stalled_answer_is_part_of_a_calls_time() -> None:
    stall = 0.3

    async def stalls() -> bool:
        time.sleep(stall)  # noqa: ASYNC251 - everything stands still, the clock does not
        return True

    async def quick() -> bool:
        return True

    found = await at_rate([stalls, quick, quick], per_second=100)
    assert found.seconds[1] >= stall - 0.02
    assert found.seconds[2] >= stall - 0.03
    assert found.failed == 0


async def test_a_call_leaves_at_its_moment_whatever_became_of_the_one_before() -> None:
    left: list[int] = []
    all_left = asyncio.Event()

    async def waits_for_all(number: int) -> bool:
        left.append(number)
        if len(left) == 3:
            all_left.set()
        await all_left.wait()
        return number != 1

    found = await at_rate([partial(waits_for_all, n) for n in range(3)], per_second=200)
    assert left == [0, 1, 2]
    assert found.failed == 1


# --- results and documents -----------------------------------------------------------------------------


def some_results(size: Size | None = None) -> results.Results:
    outcome = Outcome(
        [
            of_samples("entry_lateness_p99_ms", [100.0] * 1000, 0.99).compared(4000),
            Figure("sleepers", 10_000, _SLEEPERS),
        ],
        facts={"strategy_day": {"postgres_commits": 20.0, "postgres_wal_bytes": 18_000}},
    )
    return results.merged({}, outcome, WHERE, size or Size(), {"trading": 100.0})


_SLEEPERS = {
    "empty_parts": {"worker": {"memory_mb": 100.0}, "temporal": {"memory_mb": 100.0}},
    "sleepers_parts": {"worker": {"memory_mb": 110.0}, "temporal": {"memory_mb": 400.0}},
}
SAMPLES: dict[str, Curves] = {
    "entry": {"Stopwatch": [10.0, 20.0, None], "the baseline": [100.0, 2000.0, 4000.0]}
}


def test_a_smaller_load_judges_nothing() -> None:
    assert some_results()["figures"]["entry_lateness_p99_ms"]["reached"] is True
    small = some_results(Size(accounts=50))["figures"]["entry_lateness_p99_ms"]
    assert small["reached"] is None


def test_what_was_not_measured_again_stays_with_its_own_date() -> None:
    before = some_results()
    now = results.merged(before, Outcome([Figure("read_p99_ms", 12)]), WHERE | {"date": "later"}, Size(), {})
    assert now["figures"]["entry_lateness_p99_ms"]["measured_at"] == WHERE["date"]
    assert now["figures"]["read_p99_ms"]["measured_at"] == "later"
    assert now["facts"] == before["facts"]


def test_the_table_has_a_row_for_every_figure_and_says_what_was_not_measured() -> None:
    rows = {row[0]: row for row in report.rows(some_results()["figures"])}
    assert list(rows) == list(GOALS)
    assert rows["entry_lateness_p99_ms"][1:] == (
        *("100 ms", "≤ 300; ratio ≥ 20", "yes"),
        *("4,000 ms (the baseline)", "40.0 ×"),
    )
    assert rows["read_p99_ms"][1] == report.NOT_MEASURED


def test_a_percentile_that_never_came_is_said_in_words() -> None:
    assert report.number(None, "ms") == "never came"


def page(root: Path) -> None:
    (root / "docs").mkdir()
    passages = ("machine", "table", "beside", "charts", "steps", "million")
    marked = "\n".join(f"<!-- bench:{name} -->\nold\n<!-- /bench:{name} -->" for name in passages)
    (root / documents.PERFORMANCE).write_text(f"before\n{marked}\nafter\n")
    (root / documents.README).write_text("# R\n<!-- bench:table -->\n<!-- /bench:table -->\n")


def test_documents_written_twice_are_the_same_to_the_byte(tmp_path: Path) -> None:
    page(tmp_path)
    results.write(tmp_path / "bench", some_results(), SAMPLES)
    files = [documents.PERFORMANCE, documents.README, documents.CHARTS / "entry.svg"]
    documents.write(tmp_path, tmp_path / "bench")
    first = [(tmp_path / file).read_bytes() for file in files]
    documents.write(tmp_path, tmp_path / "bench")
    assert [(tmp_path / file).read_bytes() for file in files] == first
    text = first[0].decode()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| entry_lateness_p99_ms | 100 ms |" in text
    assert "1,000,000 strategies × 20 commits = **20,000,000**" in text


def test_documents_without_results_say_that_nothing_was_measured(tmp_path: Path) -> None:
    page(tmp_path)
    documents.write(tmp_path, tmp_path / "nowhere")
    assert (tmp_path / documents.PERFORMANCE).read_text().count(documents.NOTHING) == 6


def test_a_mark_without_its_end_is_refused() -> None:
    with pytest.raises(ValueError, match="no end"):
        documents.replaced("<!-- bench:table -->\n", {"table": "x"})
    with pytest.raises(ValueError, match="nothing is written"):
        documents.replaced("<!-- bench:other -->\n<!-- /bench:other -->", {"table": "x"})


def test_the_documents_marks_are_all_written() -> None:
    root = Path(__file__).parent.parent.parent
    everything = dict.fromkeys(("machine", "table", "beside", "charts", "steps", "million"), "x")
    for path in (documents.PERFORMANCE, documents.README):
        assert "<!-- bench:" in documents.replaced((root / path).read_text(), everything)


def test_one_sleeper_costs_what_the_sleepers_added() -> None:
    costs = million.Costs.of(some_results())
    assert costs.temporal_kb_asleep == pytest.approx(30.72)
    assert million.arithmetic({}) is None


def test_charts_are_drawn_for_what_there_are_samples_of(tmp_path: Path) -> None:
    assert set(draw(tmp_path, some_results(), SAMPLES)) == {"entry", "sleepers"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["entry.svg", "sleepers.svg"]


# --- apart ---------------------------------------------------------------------------------------------


async def test_a_function_is_called_in_a_process_of_its_own() -> None:
    assert (await apart.called("bench.environment", "environment"))["cores"]


async def test_what_fails_apart_says_so() -> None:
    with pytest.raises(apart.Apart, match="no_such_function"):
        await apart.called("bench.environment", "no_such_function")


def test_a_module_that_is_not_there_is_known_to_be_missing() -> None:
    assert apart.is_there("bench.spread")
    assert not apart.is_there("bench.no_such_module")


# --- streams -------------------------------------------------------------------------------------------


def test_each_second_has_another_price_to_give() -> None:
    """The looks of the listener and of the API are a second apart each: at most two seconds lie between."""
    prices = [price for _, price in streams.path()]
    looks = range(round(1 / streams.MOVE_EVERY), round(2 / streams.MOVE_EVERY) + 1)
    assert all(a != b for later in looks for a, b in zip(prices, prices[later:], strict=False))
