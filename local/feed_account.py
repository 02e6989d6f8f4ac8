"""The paper account whose token carries the price feed."""

import aiohttp

from local.start_errors import ProcessFailed

_USER = "SWFEED"


async def opened(paper: str) -> dict[str, str]:
    """Log the feed's account in, opening it on first use; return its settings."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
            http.post(f"{paper}/_paper/accounts", json={"user_id": _USER}) as answer,
        ):
            answer.raise_for_status()
            account = await answer.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ProcessFailed(f"The paper exchange opened no account for the price feed: {error}.") from error
    return {"FEED_API_KEY": account["api_key"], "FEED_ACCESS_TOKEN": account["access_token"]}
