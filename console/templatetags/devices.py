"""`{{ user_agent|device }}`"""

from __future__ import annotations

from django import template

from console import devices

register = template.Library()
register.filter(devices.device)
