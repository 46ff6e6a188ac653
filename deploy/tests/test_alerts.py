"""The alert rules: valid, tested, explained, and about metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from todo.components import COMPONENTS

from .metric_names import EXPORTED, OF_PROMETHEUS, asked_for
from .promtool import OBSERVABILITY, RULES, promtool

ROOT = Path(__file__).parents[2]
CONFIGURATION = OBSERVABILITY / "prometheus" / "prometheus.yml"
TESTS = sorted((Path(__file__).parent / "alerts").glob("*.yml"))
ALL_RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in ALL_RULES if "alert" in rule}


def test_configuration_is_valid() -> None:
    promtool("check", "config", CONFIGURATION)


def test_every_component_is_looked_for() -> None:
    job = yaml.safe_load(CONFIGURATION.read_text())["scrape_configs"][0]
    services = [f"todo-{one}" if one in ("web", "api") else one for one in COMPONENTS]
    assert job["dns_sd_configs"][0]["names"] == services


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_alerts_do_what_their_tests_say(file: Path) -> None:
    promtool("test", "rules", file)


def test_every_alert_is_seen_quiet_then_firing_then_quiet() -> None:
    seen = {name for file in TESTS for name in _coming_and_going(file)}
    assert seen == set(ALERTS)


def _coming_and_going(file: Path) -> set[str]:
    """The alerts that one scenario of this file sees come and go."""
    found = set()
    for scenario in yaml.safe_load(file.read_text())["tests"]:
        looks = sorted(scenario["alert_rule_test"], key=lambda look: _seconds(look["eval_time"]))
        for name in {look["alertname"] for look in looks}:
            states = [bool(look.get("exp_alerts")) for look in looks if look["alertname"] == name]
            if True in states and not states[0] and not states[-1]:
                found.add(name)
    return found


def _seconds(span: str) -> int:
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", span))


@pytest.mark.parametrize("name", ALERTS)
def test_alert_says_what_is_wrong_and_where_to_read_on(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("info", "warning", "critical")
    assert alert["annotations"].keys() == {"summary", "description", "runbook"}
    assert alert["annotations"]["runbook"] == f"docs/operating.md#{name.lower()}"
    assert f"\n### {name}\n" in (ROOT / "docs" / "operating.md").read_text()


def test_rules_ask_for_metrics_that_exist() -> None:
    recorded = {rule["record"] for rule in ALL_RULES if "record" in rule}
    for rule in ALL_RULES:
        assert asked_for(rule["expr"]) <= EXPORTED | OF_PROMETHEUS | recorded, rule["expr"]


def test_every_recorded_series_is_used() -> None:
    used = {name for rule in ALL_RULES for name in asked_for(rule["expr"])}
    assert {rule["record"] for rule in ALL_RULES if "record" in rule} <= used
