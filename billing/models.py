"""What an organization wants to be told: saved reports and their mail, alerts of budgets. Rates of exchange, proposed prices."""

from billing.alerts.models import Alert, Notice, NoticeDelivery
from billing.approval.models import PriceProposal
from billing.exchange.models import ExchangeRate
from billing.reports.models import ReportMail, ReportView

__all__ = ["Alert", "ExchangeRate", "Notice", "NoticeDelivery", "PriceProposal", "ReportMail", "ReportView"]
