// The price while this page is open, with the stop, the entry and the exit: TradingView's Lightweight Charts.

const IST = 19_800; // the library draws UTC: seconds are moved so that its axis reads exchange time

/** A chart in `place`; `add` takes the strategy each time it is read. */
export class PriceChart {
  constructor(place, strategy) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.colours = { act: colour("--act"), good: colour("--good"), bad: colour("--bad"), quiet: colour("--quiet") };
    this.chart = LightweightCharts.createChart(place, {
      autoSize: true,
      layout: { background: { color: "transparent" }, textColor: colour("--quiet") },
      grid: { vertLines: { visible: false }, horzLines: { color: colour("--line") } },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: true },
      handleScroll: false,
      handleScale: false,
    });
    this.prices = this.chart.addLineSeries({
      color: this.colours.act, lineWidth: 2, priceLineVisible: false,
      // The stop must be in the picture, however far the price is from it.
      autoscaleInfoProvider: (original) => this.#range(original()),
    });
    this.stop = strategy.stop_price;
    this.lines = {};
    this.#line("stop", strategy.stop_price, this.colours.bad);
  }

  add(strategy) {
    this.stop = strategy.stop_price;
    this.#line("stop", strategy.stop_price, this.colours.bad);
    this.#line("target", strategy.target_price, this.colours.good);
    this.#line("entry", strategy.entry_price, this.colours.good);
    this.#line("exit", strategy.exit_price, this.colours.quiet);
    if (strategy.last_price === null) return;
    this.prices.update({ time: Math.floor(Date.now() / 1000) + IST, value: strategy.last_price });
    this.chart.timeScale().scrollToRealTime();
  }

  remove() {
    this.chart.remove();
  }

  #line(title, price, color) {
    if (price === null) return;
    const known = this.lines[title];
    if (known) known.applyOptions({ price });
    else this.lines[title] = this.prices.createPriceLine({ title, price, color, lineWidth: 1, lineStyle: 2, axisLabelVisible: true });
  }

  #range(range) {
    const { stop } = this;
    if (stop === null) return range;
    if (!range) return { priceRange: { minValue: stop * 0.99, maxValue: stop * 1.01 } };
    const { minValue, maxValue } = range.priceRange;
    return { priceRange: { minValue: Math.min(minValue, stop), maxValue: Math.max(maxValue, stop) } };
  }
}
