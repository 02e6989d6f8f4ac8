"""Tables and charts in the documents, from `results.json`: what stands between two marks is written anew."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import charts, million, report, results

PERFORMANCE, README = Path("docs/performance.md"), Path("README.md")
CHARTS = Path("docs/charts")
NOTHING = "Not measured yet: `make bench` measures, `python -m bench --write-docs` writes it here."


def write(root: Path, directory: Path) -> None:
    """Write every marked passage and every chart under `root` from the results in `directory`."""
    found, samples = results.read(directory, results.RESULTS), results.read(directory, results.SAMPLES)
    passages = {
        "machine": _machine(found),
        "table": _table(found),
        "beside": _beside(found),
        "charts": _charts(charts.draw(root / CHARTS, found, samples)),
        "steps": million.steps(found) or NOTHING,
        "million": million.arithmetic(found) or NOTHING,
    }
    for page in (PERFORMANCE, README):
        path = root / page
        path.write_text(replaced(path.read_text(), passages))


def replaced(text: str, passages: Mapping[str, str]) -> str:
    """Return a page with what stands between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` replaced.

    Raises `ValueError` for a mark that no bench writes, or one without its end.
    """
    opened = re.findall(r"<!-- bench:(\w+) -->", text)
    for name in opened:
        if name not in passages:
            raise ValueError(f"nothing is written for the mark {name}")
        pattern = rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)"
        text, count = re.subn(pattern, lambda found: _between(found, passages[name]), text, flags=re.DOTALL)  # noqa: B023
        if count != 1:
            raise ValueError(f"the mark {name} has no end, or stands twice")
    return text


def _between(found: "re.Match[str]", passage: str) -> str:
    return f"{found[1]}{passage.rstrip()}\n{found[2]}"


def _machine(found: Mapping[str, Any]) -> str:
    if not found:
        return NOTHING
    where = found["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    return (
        f"Measured {where['date'][:16].replace('T', ' ')} UTC at commit `{where['commit']}`: "
        f"{where['cores']} cores ({where['cpu']}), {where['memory_gb']:g} GB, {where['kernel']}, "
        f"Python {where['python']}; load before it began: {where['load_before']:g}. {versions}."
    )


def _table(found: Mapping[str, Any]) -> str:
    if not found:
        return NOTHING
    return markdown(report.TITLES, report.rows(found["figures"]))


def _beside(found: Mapping[str, Any]) -> str:
    """Everything else that was noted with a figure: counts, maxima, memory."""
    if not found:
        return NOTHING
    shown = {"load_before", "value", "unit", "what", "target", "reached", "baseline", "ratio", "ratio_to"}
    lines = []
    for name, entry in found["figures"].items():
        rest = ", ".join(f"{key} {_plain(value)}" for key, value in entry.items() if key not in shown)
        lines.append(f"- `{name}`: {entry['what']}. {rest}.")
    facts = [f"- `{name}`: {_plain(value)}." for name, value in found["facts"].items()]
    return "\n".join(lines + facts)


def _charts(drawn: Mapping[str, str]) -> str:
    if not drawn:
        return NOTHING
    return "\n\n".join(f"![{caption}](charts/{name}.svg)\n*{caption}*" for name, caption in drawn.items())


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items()) + ")"
    if isinstance(value, list):
        return " ".join(_plain(inner) for inner in value)
    return f"{value:,g}" if isinstance(value, float) else str(value)


def markdown(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table; the first column on the left, the others on the right."""
    lines = [titles, ("---", *["---:"] * (len(titles) - 1)), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
