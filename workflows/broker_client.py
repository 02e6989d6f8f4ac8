"""The client of what a worker asks the broker for the API: logins, and the numbers of a check."""

import base64
from datetime import timedelta
from uuid import UUID, uuid4

from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowFailureError
from temporalio.common import Priority

from domain.broker_login import LoginKind, LoginRequest, LoginResult, LoginStatus
from domain.errors import Unavailable
from domain.strategy_check import CheckRequest, CheckResult
from workflows import policies
from workflows.broker_login import BrokerLogin
from workflows.client import AWAY, TemporalAway
from workflows.strategy_check import StrategyCheck

LOGIN_DEADLINE = timedelta(seconds=20)
CHECK_DEADLINE = timedelta(seconds=5)
"""A check before a START answers without the broker's numbers then."""


class TemporalLogins:
    """Logs stored accounts in at the broker, through a worker."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def login(self, user_id: UUID, kind: LoginKind, sealed_token: bytes) -> LoginResult:
        """Have the worker renew a login. The token is sealed for the user under the field name `kind`.

        Raises `Unavailable` when the broker, Temporal or every worker is away.
        """
        request = LoginRequest(user_id, kind, base64.urlsafe_b64encode(sealed_token).decode())
        try:
            result = await self._client.execute_workflow(
                BrokerLogin.run,
                request,
                id=f"broker-login-{user_id}-{uuid4()}",
                task_queue=self._task_queue,
                execution_timeout=LOGIN_DEADLINE,
                rpc_timeout=LOGIN_DEADLINE,
            )
        except (*AWAY, RPCTimeoutOrCancelledError, WorkflowFailureError) as error:
            raise TemporalAway("the broker login could not be carried out now") from error
        if result.status is LoginStatus.UNAVAILABLE:
            raise Unavailable(result.message)
        return result


class TemporalChecks:
    """Reads at the broker for a check before a START, through a worker."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def read(self, request: CheckRequest) -> CheckResult:
        """Have a worker read price and margins. Raises `Unavailable` when none answers in time."""
        try:
            return await self._client.execute_workflow(
                StrategyCheck.run,
                request,
                id=f"check-{uuid4()}",
                task_queue=self._task_queue,
                execution_timeout=CHECK_DEADLINE,
                rpc_timeout=CHECK_DEADLINE,
                priority=Priority(
                    priority_key=policies.CHECKS_LAST, fairness_key=str(request.strategy.user_id)
                ),
            )
        except (*AWAY, RPCTimeoutOrCancelledError, WorkflowFailureError) as error:
            raise TemporalAway("the broker could not be asked now") from error
