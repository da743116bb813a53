"""What an organization wants to be told: saved reports and their mail."""

from billing.reports.models import ReportMail, ReportView

__all__ = ["ReportMail", "ReportView"]
