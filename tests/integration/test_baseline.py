"""The baseline trades: a comparison with something that does not work would be worth nothing."""

from pathlib import Path

from bench.baseline.measure import measured


async def test_the_baseline_buys_and_is_stopped_out(tmp_path: Path) -> None:
    found = await measured(tmp_path / "baseline", 3, ["TCS"], lambda text: None)
    for samples, count in (
        (found.single_entry, 1),
        (found.single_stop, 1),
        (found.entry, 3),
        (found.burst, 3),
    ):
        assert len(samples) == count
        assert None not in samples
