"""The dashboard: what Grafana needs is there, its queries parse and ask for metrics that exist."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .metric_names import EXPORTED, OF_PROMETHEUS, asked_for
from .promtool import OBSERVABILITY, promtool

GRAFANA = OBSERVABILITY / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "todo.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
GRAPHS = [panel for panel in PANELS if panel["type"] != "row"]
VARIABLES: dict[str, dict[str, Any]] = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
#: Widest a panel may be, in Grafana's columns.
COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def _expressions() -> list[str]:
    """Every query, with Grafana's variables replaced as it would."""
    given = {"$__rate_interval": "1m", "$group": ".*", "$component": ".*"}
    found = [target["expr"] for panel in GRAPHS for target in panel["targets"]]
    for variable, value in given.items():
        found = [one.replace(variable, value) for one in found]
    return found


def test_queries_are_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(_expressions())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", file)


def test_queries_ask_for_metrics_that_exist() -> None:
    for expression in _expressions():
        assert asked_for(expression)
        assert asked_for(expression) <= EXPORTED | OF_PROMETHEUS, expression


def test_no_variable_is_left_unknown() -> None:
    used = {
        name for one in json.dumps(PANELS).split("$")[1:] for name in re.findall(r"^\{?(\w+)", one)
    }
    assert used == {*VARIABLES, "__rate_interval"}


def test_variables_ask_for_what_exists() -> None:
    for name in ("group", "component"):
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", VARIABLES[name]["query"]["query"])
        assert found
        assert asked_for(found[1]) <= EXPORTED | OF_PROMETHEUS
        assert found[2] == name


def test_it_works_with_any_datasource() -> None:
    assert VARIABLES["datasource"]["type"] == "datasource"
    for part in [*GRAPHS, *(target for panel in GRAPHS for target in panel["targets"])]:
        assert part["datasource"] == DATASOURCE
    assert {one["datasource"]["uid"] for one in VARIABLES.values() if "datasource" in one} == {
        "${datasource}"
    }


def test_panels_have_their_place() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
    for one, other in itertools.combinations(PANELS, 2):
        assert not _overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or below)


@pytest.mark.parametrize("panel", GRAPHS, ids=lambda panel: panel["title"])
def test_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    unit = panel["fieldConfig"]["defaults"].get("unit") or panel["options"]["yAxis"]["unit"]
    assert unit == _unit_of(panel["targets"][0]["expr"]) or unit in ("short", "none", "percentunit")


def _unit_of(expression: str) -> str:
    """What a query counts, by the names of its metrics."""
    names = asked_for(expression)
    if any("seconds" in name for name in names - {"dovetail_status_seconds"}):
        return "s"
    if "rate(" in expression:
        return "reqps" if "http_requests_total" in names else "ops"
    return "bytes" if any(name.endswith("bytes") for name in names) else "short"


def test_grafana_finds_dashboard_and_prometheus() -> None:
    provisioning = GRAFANA / "provisioning"
    providers = yaml.safe_load((provisioning / "dashboards" / "todo.yml").read_text())["providers"]
    assert providers[0]["options"]["path"] == "/etc/grafana/dashboards"
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())
    assert [(one["type"], one["url"]) for one in source["datasources"]] == [
        ("prometheus", "http://prometheus:9090")
    ]
