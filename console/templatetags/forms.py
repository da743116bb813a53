"""Form fields in our look; for forms that we did not write, such as the sign-in package's."""

from __future__ import annotations

from django import template
from django.forms import BoundField, CheckboxInput
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def is_checkbox(field: BoundField) -> bool:
    return isinstance(field.field.widget, CheckboxInput)


@register.simple_tag
def styled(field: BoundField) -> SafeString:
    """The field's input. Django itself links the errors and the help text to it."""
    attrs: dict[str, str | bool] = {"class": "field-check" if is_checkbox(field) else "field-input"}
    if field.errors:
        attrs["aria-describedby"] = f"{field.auto_id}_error"
    # The label says it already, and a placeholder vanishes as soon as one types.
    field.field.widget.attrs.pop("placeholder", None)
    return field.as_widget(attrs=attrs)
