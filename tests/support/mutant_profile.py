"""A pytest plugin for `make mutants`: Hypothesis tries the same examples each time, and stops at the first that fails."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutants",
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    report_multiple_bugs=False,
    suppress_health_check=(HealthCheck.too_slow,),
)
settings.load_profile("mutants")
