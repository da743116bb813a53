"""What an organization wants to be told: saved reports and their mail, alerts of budgets."""

from billing.alerts.models import Alert, Notice, NoticeDelivery
from billing.reports.models import ReportMail, ReportView

__all__ = ["Alert", "Notice", "NoticeDelivery", "ReportMail", "ReportView"]
