"""Decides whether a worker is alive that takes new runs, by the version that Temporal gives them to."""

from collections.abc import Collection

DEPLOYMENT = "stopwatch"
"""The name under which Temporal knows the versions of the worker."""


def why_nobody_takes_runs(current: str, alive: Collection[str]) -> str | None:
    """Return why a START would not be taken, with the command that helps; None where a worker takes it.

    `current` is the version that Temporal gives new runs to, `alive` those of the workers that are there; an
    empty name is a worker without versions, to which new runs go while no version is current.
    """
    if current in alive:
        return None
    if not alive:
        return "No worker is alive, so no run begins and none goes on: start one (`stopwatch worker`)."
    named = sorted(version for version in alive if version)
    goes_to = f"version {current}" if current else "workers without a version"
    there = f"alive are those of {', '.join(named)}" if named else "those that are alive name no version"
    way = (
        f"`temporal worker deployment set-current-version --deployment-name {DEPLOYMENT} --build-id "
        f"{named[-1] if named else 'VERSION'} --yes`"
        if named
        else f"start a worker with STOPWATCH_BUILD_ID={current}, or `temporal worker deployment "
        f"set-current-version --deployment-name {DEPLOYMENT} --unversioned --yes`"
    )
    return f"New runs go to {goes_to}, of which no worker is alive ({there}): no run begins. {way}"
