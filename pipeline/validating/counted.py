"""Expectations as VALIDATE asks them: for counts and positions alone, at half of what Great Expectations takes for a small batch.

Used by `expectations`; importing this imports Great Expectations. What is judged, and how, is the expectation's own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from great_expectations.compatibility import pydantic
from great_expectations.core.metric_function_types import SummarizationMetricNameSuffixes


class _Counted:
    """What is laid over an expectation's class."""

    _told: Any

    @property
    def configuration(self) -> Any:
        """Worked out once: Great Expectations asks for it sixty times a rule, which nobody changes meanwhile."""
        if self._told is None:
            self._told = super().configuration  # type: ignore[misc] # of the expectation
        return self._told

    def get_validation_dependencies(self, *args: Any, **kwargs: Any) -> Any:
        """Without the values that fail: nobody is to see them, and gathering them takes as long as counting does."""
        needed = super().get_validation_dependencies(*args, **kwargs)  # type: ignore[misc] # as above
        values = f"{getattr(self, 'map_metric', None)}.{SummarizationMetricNameSuffixes.UNEXPECTED_VALUES.value}"
        if values in needed.get_metric_names():
            needed.remove_metric_configuration(values)
        return needed


@cache
def counted(expectation: type[Any]) -> type[Any]:
    """The same expectation, asked in this way; registered under a name of its own, so that Great Expectations' own stays as it is."""
    fields = {"__module__": __name__, "_told": pydantic.PrivateAttr(None)}
    metaclass: Any = type(expectation)
    made: type[Any] = metaclass(f"Counted{expectation.__name__}", (_Counted, expectation), fields)
    return made
