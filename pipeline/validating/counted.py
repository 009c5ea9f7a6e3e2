"""Expectations as VALIDATE asks them: for counts and positions alone, at half of what Great Expectations takes for a small batch.

Used by `expectations`; importing this imports Great Expectations. What is judged, and how, is the expectation's own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from great_expectations.compatibility import pydantic
from great_expectations.core.metric_function_types import SummarizationMetricNameSuffixes
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration


class _Counted:
    """What is laid over an expectation's class."""

    _told: Any
    _needed: Any

    @property
    def configuration(self) -> Any:
        """Worked out once: Great Expectations asks for it sixty times a rule, which nobody changes meanwhile."""
        if self._told is None:
            self._told = super().configuration  # type: ignore[misc] # of the expectation
            self._told.__class__ = _Kept
        return self._told

    def get_validation_dependencies(self, *args: Any, **kwargs: Any) -> Any:
        """Without the values that fail: nobody is to see them, and gathering them takes as long as counting does.

        Great Expectations asks once to work them out, and once to read them, for one run.
        """
        if self._needed is None:
            needed = super().get_validation_dependencies(*args, **kwargs)  # type: ignore[misc] # as above
            values = f"{getattr(self, 'map_metric', None)}.{SummarizationMetricNameSuffixes.UNEXPECTED_VALUES.value}"
            if values in needed.get_metric_names():
                needed.remove_metric_configuration(values)
            self._needed = needed
        return self._needed


class _Kept(ExpectationConfiguration):
    """A configuration whose expectation is made once: Great Expectations makes one to ask what it needs, and another to judge."""

    _made: Any = None

    def to_domain_obj(self) -> Any:
        if self._made is None:
            self._made = super().to_domain_obj()
        return self._made


@cache
def counted(expectation: type[Any]) -> type[Any]:
    """The same expectation, asked in this way; registered under a name of its own, so that Great Expectations' own stays as it is."""
    fields = {"__module__": __name__, "_told": pydantic.PrivateAttr(None), "_needed": pydantic.PrivateAttr(None)}
    metaclass: Any = type(expectation)
    made: type[Any] = metaclass(f"Counted{expectation.__name__}", (_Counted, expectation), fields)
    return made
