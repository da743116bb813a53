"""The management API's paths of this app, below /api/v1/."""

from django.urls import path

from audit import schema
from console.api import contents, exports, invitations, ledger, metrics, proof, schemas
from tenants.api.urls import ORGANIZATION

urlpatterns = [
    path(f"{ORGANIZATION}/invitations", invitations.Invitations.as_view()),
    path(f"{ORGANIZATION}/invitations/<uuid:invitation>/revoke", invitations.RevokeInvitation.as_view()),
    path(f"{ORGANIZATION}/metrics", metrics.OwnMetrics.as_view()),
    path(f"{ORGANIZATION}/calls", ledger.Calls.as_view()),
    path(f"{ORGANIZATION}/calls/<uuid:call>", ledger.CallItem.as_view()),
    path(f"{ORGANIZATION}/calls/<uuid:call>/content", contents.CallContent.as_view()),
    path(f"{ORGANIZATION}/contents/erase", contents.EraseContents.as_view()),
    path(f"{ORGANIZATION}/contents/destroy", contents.DestroyContents.as_view()),
    path(f"{ORGANIZATION}/events", ledger.Events.as_view()),
    path(f"{ORGANIZATION}/events/export", exports.EventsExport.as_view()),
    path(f"{ORGANIZATION}/events/<uuid:event>/proof", proof.EventProof.as_view()),
    path(f"{ORGANIZATION}/exports", exports.Exports.as_view()),
    path(f"{ORGANIZATION}/exports/<uuid:export>", exports.ExportItem.as_view()),
    path(f"{ORGANIZATION}/exports/<uuid:export>/link", exports.ExportLink.as_view()),
    path("audit/public-keys", proof.PublicKeys.as_view()),
    path(schema.PATH, schemas.events, name="event_schema"),
]
