"""Writes down what a run does: its phases, its alarms and its messages to the store."""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from activities.runs import RunActivities
from domain.day import Day
from domain.order import Reason
from domain.run import Alarm, PhaseChange, RunNote, RunRef, StartRun
from domain.run_texts import PhaseWords, day_in_brief, exit_words, phase_words
from domain.strategy import Move, Phase
from domain.timeline import EventKind
from workflows import policies

PHASE = SearchAttributeKey.for_keyword("StopwatchPhase")


class RunWrites:
    """Writes in turn what does not hold the day up, and waits for what does."""

    def __init__(self, start: StartRun, day: Day) -> None:
        self._start = start
        self._day = day
        self._writing: asyncio.Task[None] | None = None

    async def finish(self) -> None:
        """Wait until what was written in turn is written."""
        if self._writing is not None:
            await self._writing

    def ref(self) -> RunRef:
        """Return which run is speaking."""
        info, strategy = workflow.info(), self._start.strategy
        return RunRef(
            strategy.strategy_id,
            strategy.user_id,
            info.workflow_id,
            info.run_id,
            self._start.start_id,
            info.workflow_start_time,
        )

    def move(self, move: Move, words: PhaseWords | None = None) -> None:
        """Enter the next phase, and say so."""
        phase = self._day.move(move)
        self.show_phase()
        kind, text = words or phase_words(self._day)
        change = PhaseChange(self.ref(), phase, text, kind, round=self._day.round)
        self._in_turn(RunActivities.change_phase, change, f"write: {phase}")

    def move_to_exit(self, reason: Reason, words: PhaseWords | None = None) -> None:
        """Enter the exit's phase, unless it is on already."""
        if self._day.phase is Phase.EXITING:
            return
        move = Move.SELL_ONLY if self._start.sell_only else Move.EXIT_DUE
        self.move(move, words or exit_words(self._day, reason))

    async def alarm(self, kind: str, text: str, line: EventKind = EventKind.ALERT) -> None:
        """Tell a person now; the timeline's line is written when Postgres takes it."""
        strategy = self._start.strategy
        once = f"{kind}-{workflow.info().run_id}-{workflow.info().get_current_history_length()}"
        note = RunNote(self.ref(), line, text, once)
        self._in_turn(RunActivities.note, note, f"write: {kind}")
        alarm = Alarm(kind, text, strategy.user_id, strategy.strategy_id)
        await self.write(RunActivities.alarm, alarm, f"alert: {kind}")

    async def write(self, what: Callable[..., Any], message: Any, summary: str) -> Any:
        """Write something down, however long the store is away."""
        return await workflow.execute_activity_method(
            what,
            message,
            start_to_close_timeout=policies.WRITE_TIMEOUT,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.WRITE_RETRY,
            summary=summary,
        )

    def show_phase(self, listed: bool = False) -> None:
        """Show the phase in Temporal; `listed`: the start of the run has listed it already."""
        if not listed:
            workflow.upsert_search_attributes([PHASE.value_set(self._day.phase)])
        workflow.set_current_details(day_in_brief(self._day))

    def _in_turn(self, what: Callable[..., Any], message: Any, summary: str) -> None:
        """Write something after what was written before it, without holding the day up."""
        before = self._writing

        async def write() -> None:
            if before is not None:
                await before
            await self.write(what, message, summary)

        self._writing = asyncio.create_task(write())
