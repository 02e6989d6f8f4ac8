"""Logs a stored account in at the broker, in the worker because the API cannot open the secret."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.logins import LoginActivities
    from domain.broker_login import LoginRequest, LoginResult
    from workflows import policies


@workflow.defn(name="BrokerLogin")
class BrokerLogin:
    """One login, one activity, one answer; the token in it is sealed."""

    @workflow.run
    async def run(self, request: LoginRequest) -> LoginResult:
        return await workflow.execute_activity_method(
            LoginActivities.log_in,
            request,
            start_to_close_timeout=policies.LOGIN_TIMEOUT,
            retry_policy=policies.LOGIN_RETRY,
            summary=f"broker login by {request.kind}",
        )
