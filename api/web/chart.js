// The day's price with the stop as it moved, the purchase, the target and the sale: TradingView's Lightweight Charts.

const IST = 19_800; // the library draws UTC: seconds are moved so that its axis reads exchange time
const FAR = 0.04;
const second = (instant) => Math.floor(new Date(instant).getTime() / 1000) + IST;

/** The library is 160 kB: only who looks at a price waits for it. @returns {Promise<any>} */
export function loadCharts() {
  const { LightweightCharts } = /** @type {any} */ (window);
  if (LightweightCharts) return Promise.resolve(LightweightCharts);
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/app/lightweight-charts.js";
    script.onload = () => resolve(/** @type {any} */ (window).LightweightCharts);
    script.onerror = () => reject(new Error("The chart could not be loaded: try again when you are online."));
    document.head.append(script);
  });
}

/** A chart in `place`: `begin` takes the day so far, `add` the strategy each time it changes. */
export class DayChart {
  constructor(charts, place) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.colours = { price: colour("--act"), good: colour("--good"), bad: colour("--bad"), quiet: colour("--quiet") };
    this.lines = {};
    this.newest = 0;
    this.chart = charts.createChart(place, {
      autoSize: true,
      layout: { background: { color: "transparent" }, textColor: this.colours.quiet },
      grid: { vertLines: { visible: false }, horzLines: { color: colour("--line") } },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false },
      handleScroll: false,
      handleScale: false,
    });
    this.prices = this.chart.addLineSeries({ color: this.colours.price, lineWidth: 2, priceLineVisible: false });
    this.stops = this.chart.addLineSeries({
      color: this.colours.bad, lineWidth: 1, lineStyle: 2, lineType: 1, title: "stop", priceLineVisible: false, crosshairMarkerVisible: false,
      // A stop far away would press the price to a line: it is in the picture where it is near.
      autoscaleInfoProvider: () => this.#near(this.stop),
    });
    this.stop = null;
    this.last = null;
  }

  /** Draw what is known of the day: `minutes` as the API has them, and its filled orders. */
  begin(minutes, orders) {
    this.newest = 0;
    const newest = minutes[minutes.length - 1];
    if (newest) [this.last, this.stop] = [newest.price, newest.stop_price];
    const priced = minutes.filter((one) => second(one.at) > this.newest);
    this.prices.setData(priced.map((one) => ({ time: second(one.at), value: one.price })));
    this.stops.setData(priced.filter((one) => one.stop_price !== null).map((one) => ({ time: second(one.at), value: one.stop_price })));
    this.newest = priced.length ? second(priced[priced.length - 1].at) : 0;
    this.mark(orders);
    this.chart.timeScale().fitContent();
  }

  /** Mark what was bought and sold, at its moment. */
  mark(orders) {
    const filled = orders.filter((order) => order.filled_quantity && order.filled_at);
    filled.sort((one, other) => (one.filled_at < other.filled_at ? -1 : 1));
    this.prices.setMarkers(filled.map((order) => {
      const bought = order.side === "BUY";
      return {
        time: second(order.filled_at), position: bought ? "belowBar" : "aboveBar", shape: bought ? "arrowUp" : "arrowDown",
        color: bought ? this.colours.good : this.colours.quiet, text: `${bought ? "bought" : "sold"} ${order.filled_quantity}`,
      };
    }));
  }

  add(strategy) {
    this.#line("target", strategy.target_price, this.colours.good);
    this.#line("bought", strategy.entry_price, this.colours.quiet);
    if (strategy.status !== "running") return;
    [this.last, this.stop] = [strategy.last_price ?? this.last, strategy.stop_price ?? this.stop];
    const now = second(Date.now());
    if (now < this.newest) return;
    this.newest = now;
    if (strategy.last_price !== null) this.prices.update({ time: now, value: strategy.last_price });
    if (strategy.stop_price !== null) this.stops.update({ time: now, value: strategy.stop_price });
    this.chart.timeScale().fitContent();
  }

  remove() {
    this.chart.remove();
  }

  #near(price) {
    if (price === null || this.last === null || Math.abs(price - this.last) > FAR * this.last) return null;
    return { priceRange: { minValue: Math.min(price, this.last), maxValue: Math.max(price, this.last) } };
  }

  #line(title, price, color) {
    if (price === null) return;
    const known = this.lines[title];
    if (known) known.applyOptions({ price });
    else this.lines[title] = this.prices.createPriceLine({ title, price, color, lineWidth: 1, lineStyle: 3, axisLabelVisible: title !== "bought" });
  }
}
