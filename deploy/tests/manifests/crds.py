"""Schemas of the objects that are not Kubernetes' own: only the fields that are used here.

Written after the definitions of KEDA 2.20 (keda.sh_scaledobjects) and of the Prometheus Operator
(monitoring.coreos.com_podmonitors); the trigger's metadata after KEDA's prometheusMetadata.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT = {"type": "string", "minLength": 1}
_COUNT = {"type": "integer", "minimum": 0}
_SECONDS = {"type": "integer", "minimum": 1}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


_METADATA = _object(
    {"name": _TEXT, "namespace": _TEXT},
    {"labels": {"type": "object", "additionalProperties": _TEXT}},
)
_SCALING = _object(
    {
        "stabilizationWindowSeconds": {"type": "integer", "minimum": 0, "maximum": 3600},
        "policies": _list(
            _object(
                {
                    "type": {"enum": ["Pods", "Percent"]},
                    "value": {"type": "integer", "minimum": 1},
                    "periodSeconds": {"type": "integer", "minimum": 1, "maximum": 1800},
                }
            )
        ),
    }
)
#: KEDA reads every value as text.
_PROMETHEUS = _object(
    {
        "serverAddress": _TEXT,
        "query": _TEXT,
        "threshold": {"type": "string", "pattern": r"^[\d.]+$"},
    },
    {
        "activationThreshold": {"type": "string", "pattern": r"^[\d.]+$"},
        "ignoreNullValues": {"enum": ["true", "false"]},
    },
)
_SCALED_OBJECT = _object(
    {
        "scaleTargetRef": _object({"name": _TEXT}),
        "triggers": _list(_object({"type": {"const": "prometheus"}, "metadata": _PROMETHEUS})),
        "minReplicaCount": _COUNT,
        "maxReplicaCount": {"type": "integer", "minimum": 1},
    },
    {
        "pollingInterval": _SECONDS,
        "cooldownPeriod": _COUNT,
        "fallback": _object(
            {"failureThreshold": _COUNT, "replicas": _COUNT},
            {"behavior": {"enum": ["static", "currentReplicas", "currentReplicasIfHigher"]}},
        ),
        "advanced": _object(
            {
                "horizontalPodAutoscalerConfig": _object(
                    {"behavior": _object({"scaleUp": _SCALING, "scaleDown": _SCALING})}
                )
            }
        ),
    },
)
_POD_MONITOR = _object(
    {
        "selector": _object({"matchLabels": {"type": "object", "additionalProperties": _TEXT}}),
        "podMetricsEndpoints": _list(
            _object(
                {"port": _TEXT},
                {
                    "path": {"type": "string", "pattern": "^/"},
                    "interval": {"type": "string", "pattern": r"^\d+s$"},
                    "relabelings": _list(
                        _object({"sourceLabels": _list(_TEXT), "targetLabel": _TEXT})
                    ),
                },
            )
        ),
    }
)

#: (apiVersion, kind) → its schema.
SCHEMAS: dict[tuple[str, str], Schema] = {
    (version, kind): _object(
        {
            "apiVersion": {"const": version},
            "kind": {"const": kind},
            "metadata": _METADATA,
            "spec": spec,
        }
    )
    for version, kind, spec in (
        ("keda.sh/v1alpha1", "ScaledObject", _SCALED_OBJECT),
        ("monitoring.coreos.com/v1", "PodMonitor", _POD_MONITOR),
    )
}
