"""One trace from a press of START to the order at the broker, through every process in between."""

from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon
from tests.otlp_receiver import Receiver, attributes, receiving


def parents(receiver: Receiver, span: Span) -> list[str]:
    """Return the names above a span in its trace, nearest first."""
    known = {one.span_id: one for _, one in receiver.spans if one.trace_id == span.trace_id}
    names, at = [], span
    while at.parent_span_id in known:
        at = known[at.parent_span_id]
        names.append(at.name)
    return names


async def test_one_trace_leads_from_start_to_the_brokers_order(home: Path) -> None:
    async with receiving() as receiver:
        product = Product.start(home, STOPWATCH_OTLP_ENDPOINT=receiver.endpoint)
        try:
            trader = await Trader.signed_up(await product.ready())
            buy_at = await soon(2, length=180)
            strategy_id = await trader.create(buy_at, buy_at.replace(hour=23, minute=59, second=59))
            started = await trader.start(strategy_id)
            await trader.until(strategy_id, phase="holding")
            (bought,) = await trader.ledger()
            await receiver.until(lambda: bool(receiver.named("broker order BUY")))
            await receiver.until(lambda: bool(receiver.named("POST /strategy/start")))
            email = (await trader.get("/auth/me"))["email"]
            await trader.http.aclose()
        finally:
            assert await product.end() == 0

    (order,) = receiver.named("broker order BUY")
    (request,) = receiver.named("POST /strategy/start")
    assert order.trace_id == request.trace_id
    above = parents(receiver, order)
    assert above[-1] == "POST /strategy/start"
    assert any(name.startswith("RunActivity:arm_entry") for name in above), above
    said = attributes(order)
    assert (said["stopwatch.tag"], said["stopwatch.outcome"]) == (bought["tag"], "accepted")
    assert said["stopwatch.broker_order_id"] == bought["order_id"]
    assert said["stopwatch.strategy_id"] == strategy_id
    assert said["stopwatch.run_id"] == started["run_id"]
    assert {process for process, span in receiver.spans if span.trace_id == order.trace_id} >= {
        "stopwatch-api",
        "stopwatch-worker",
    }
    asked = attributes(request)
    assert (asked["stopwatch.strategy_id"], asked["stopwatch.run_id"]) == (strategy_id, started["run_id"])
    sent = b"".join(receiver.bodies)
    secrets = [email, *(trader.account[name] for name in ("api_key", "api_secret", "access_token"))]
    for secret in secrets:
        assert secret.encode() not in sent
