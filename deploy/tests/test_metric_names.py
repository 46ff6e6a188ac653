"""The list of metrics that alerts and dashboard may ask for is what components really tell."""

from __future__ import annotations

import re

from dovetail import connect
from dovetail.metrics import Metrics
from todo.monitoring.monitor import Monitor

from .metric_names import EXPORTED, asked_for

#: What each type of a metric is called by, beside its name.
_SUFFIXES = {"histogram": ("_bucket", "_count", "_sum")}


async def test_all_of_them_are_exported() -> None:
    async with connect("memory://metric-names") as queue:
        monitor = Monitor(queue=queue, answers_requests=True)
        monitor.metrics.live_pages = 0
        Metrics(queue, registry=monitor.registry)
        text = (await monitor.answer("/metrics")).body.decode()
    families = re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE)
    told = {name + suffix for name, kind in families for suffix in _SUFFIXES.get(kind, ("",))}
    assert told >= EXPORTED


def test_metrics_are_found_in_an_expression() -> None:
    expression = (
        'sum by (group, le) (rate(a_total{group=~"b"}[5m])) / on (c) group_left '
        'max_over_time(d:e:f{g="h"}[1h:5m] offset 1d) > bool 1e3 unless absent(i) and 0.5 < j'
    )
    assert asked_for(expression) == {"a_total", "d:e:f", "i", "j"}
