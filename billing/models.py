"""Every table of the app; each part has its own beside what uses them."""

from billing.alerts.models import Alert, Notice, NoticeDelivery
from billing.approval.models import PriceProposal
from billing.exchange.models import ExchangeRate
from billing.reconcile.models import BilledRow, BillException, BillSource, Comparison, Run
from billing.reports.models import ReportMail, ReportView

__all__ = [
    "Alert",
    "BillException",
    "BillSource",
    "BilledRow",
    "Comparison",
    "ExchangeRate",
    "Notice",
    "NoticeDelivery",
    "PriceProposal",
    "ReportMail",
    "ReportView",
    "Run",
]
