"""The story of a run in Temporal's Web UI, as an operator reads it: without a manual."""

from urllib.parse import quote

import pytest
from playwright.async_api import Browser, ViewportSize, expect

from tests.browser.phone import PATIENCE, Phone
from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

pytestmark = [pytest.mark.proof, pytest.mark.timeout(180)]
SCREEN = ViewportSize(width=1400, height=900)


async def test_an_operator_finds_a_run_reads_it_and_cancels_it(browser: Browser, product: Product) -> None:
    trader = await Trader.signed_up(product)
    buy_at = await soon(1, length=180)
    strategy = await trader.create(buy_at, buy_at.replace(hour=23, minute=59, second=59))
    await trader.start(strategy)
    run = (await trader.until(strategy, phase="holding"))["workflow_id"]
    ui = product.endpoints["temporal_ui"]
    async with Phone.of(browser, product, SCREEN) as operator:
        page = operator.page
        query = f"StopwatchUser='{(await trader.get('/auth/me'))['user_id']}' AND StopwatchPhase='holding'"
        await page.goto(f"{ui}/namespaces/default/workflows?query={quote(query)}")
        await page.get_by_text(run).first.wait_for()
        await operator.picture("temporal-1-find")
        await page.get_by_role("link", name=run, exact=True).first.click()
        await page.get_by_text("User Metadata").click()
        # Markdown is shown in frames of its own: the summary, and the details of this moment.
        summary, details = (page.frame_locator("iframe").nth(number) for number in (0, 1))
        await expect(summary.get_by_text("TCS ×10 · buy")).to_be_visible(timeout=PATIENCE)
        await expect(details.get_by_text("cancelling this run stops the strategy and sells")).to_be_visible()
        await operator.picture("temporal-2-read")
        await (
            page.get_by_role("link", name="Timeline")
            .or_(page.get_by_role("tab", name="Timeline"))
            .first.click()
        )
        await page.wait_for_timeout(2000)
        await operator.picture("temporal-3-timeline")
        await page.get_by_role("button", name="Request Cancellation").first.click()
        await operator.picture("temporal-4-cancel")
        await page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    stopped = await trader.until(strategy, status="stopped")
    assert (stopped["outcome"], stopped["position"]) == ("cancelled", "sold")
    await trader.http.aclose()
