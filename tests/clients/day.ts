// A day by a client whose types are made from the API's document: register, connect, create, START, STOP, its orders.
import createClient from "openapi-fetch";
import type { components, paths } from "./api-types";

type Strategy = components["schemas"]["StrategyOut"];

const [address, email, apiKey, apiSecret, accessToken] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl: address });

/** Return what an answer holds; fail with the problem's own sentence. */
function given<T>(answer: { data?: T; error?: { detail?: string } }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail ?? "no answer");
  return answer.data;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const clock = (at: Date) => at.toLocaleTimeString("en-GB", { timeZone: "Asia/Kolkata" });

const tokens = given(await api.POST("/auth/register", { body: { email, password: "correct horse battery" } }));
api.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${tokens.access_token}`);
    return request;
  },
});
given(await api.POST("/broker/connect", { body: { api_key: apiKey, api_secret: apiSecret, access_token: accessToken } }));
const now = Date.now();
const made = given(await api.POST("/strategy/create", {
  body: {
    symbol: "TCS", quantity: 3, stop: { percent: 5 }, exchange: "NSE", product: "CNC", on_stop: "exit",
    buy_time: clock(new Date(now + 12_000)), sell_time: clock(new Date(now + 300_000)),
  },
}));
const id = { strategy_id: made.strategy_id };
given(await api.POST("/strategy/start", { body: id }));

async function until(told: (one: Strategy) => boolean): Promise<Strategy> {
  for (let turn = 0; turn < 240; turn++) {
    const one = given(await api.GET("/strategy/{strategy_id}", { params: { path: id } }));
    if (told(one)) return one;
    await pause(250);
  }
  throw new Error("it did not come to that within a minute");
}

await until((one) => one.phase === "holding" && one.filled_quantity === 3);
const wrong = await api.PATCH("/strategy/{strategy_id}", { params: { path: id }, body: { quantity: 4 } });
if (wrong.error?.code !== "strategy_running") throw new Error(`it may be changed while it runs: ${JSON.stringify(wrong.error)}`);
given(await api.POST("/strategy/stop", { body: { ...id, on_stop: "exit" } }));
const ended = await until((one) => one.status === "stopped");
const orders = given(await api.GET("/strategy/{strategy_id}/orders", { params: { path: id } }));
const days = given(await api.GET("/strategy/{strategy_id}/days", { params: { path: id } }));
console.log(JSON.stringify({
  outcome: ended.outcome, sides: orders.items.map((order) => order.side).sort(), days: days.items.length, buy_at: ended.buy_at,
}));
