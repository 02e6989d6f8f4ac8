"""Reads a user's margins and a price at the broker, in the worker because the API cannot open the login."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.checks import CheckActivities
    from domain.strategy_check import CheckRequest, CheckResult
    from workflows import policies


@workflow.defn(name="StrategyCheck")
class StrategyCheck:
    """One reading, one activity, one answer; it holds nothing, so it may be cut short at any time."""

    @workflow.run
    async def run(self, request: CheckRequest) -> CheckResult:
        return await workflow.execute_activity_method(
            CheckActivities.read_for_check,
            request,
            schedule_to_close_timeout=policies.CHECK_TIMEOUT,
            retry_policy=policies.ONCE,
            summary=f"price and margins of {request.strategy.symbol}",
        )
