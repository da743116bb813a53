"""The management API's paths of this app, below /api/v1/."""

from django.urls import path

from tenants.api import keys, management_keys, oauth_clients, organizations, projects

ORGANIZATION = "organizations/<slug:organization>"

urlpatterns = [
    path("me", organizations.Me.as_view()),
    path("organizations", organizations.Organizations.as_view()),
    path(ORGANIZATION, organizations.OrganizationItem.as_view()),
    path(f"{ORGANIZATION}/restore", organizations.RestoreOrganization.as_view()),
    path(f"{ORGANIZATION}/suspend", organizations.SuspendOrganization.as_view()),
    path(f"{ORGANIZATION}/resume", organizations.ResumeOrganization.as_view()),
    path(f"{ORGANIZATION}/projects", projects.Projects.as_view()),
    path(f"{ORGANIZATION}/projects/<slug:project>", projects.ProjectItem.as_view()),
    path(f"{ORGANIZATION}/projects/<slug:project>/suspend", projects.SuspendProject.as_view()),
    path(f"{ORGANIZATION}/projects/<slug:project>/resume", projects.ResumeProject.as_view()),
    path(f"{ORGANIZATION}/keys", keys.Keys.as_view()),
    path(f"{ORGANIZATION}/keys/revoke", keys.RevokeKeys.as_view()),
    path(f"{ORGANIZATION}/keys/<uuid:key>", keys.KeyItem.as_view()),
    path(f"{ORGANIZATION}/keys/<uuid:key>/revoke", keys.RevokeKey.as_view()),
    path(f"{ORGANIZATION}/keys/<uuid:key>/suspend", keys.SuspendKey.as_view()),
    path(f"{ORGANIZATION}/keys/<uuid:key>/resume", keys.ResumeKey.as_view()),
    path(f"{ORGANIZATION}/keys/<uuid:key>/rotate", keys.RotateKey.as_view()),
    path(f"{ORGANIZATION}/management-keys", management_keys.ManagementKeys.as_view()),
    path(
        f"{ORGANIZATION}/management-keys/<uuid:key>/revoke",
        management_keys.RevokeManagementKey.as_view(),
    ),
    path(f"{ORGANIZATION}/oauth-clients", oauth_clients.OAuthClients.as_view()),
    path(f"{ORGANIZATION}/oauth-clients/<uuid:client>", oauth_clients.OAuthClientItem.as_view()),
    path(f"{ORGANIZATION}/oauth-clients/<uuid:client>/revoke", oauth_clients.RevokeOAuthClient.as_view()),
    path("oauth-clients", oauth_clients.OperatorClients.as_view()),
    path("oauth-clients/<uuid:client>", oauth_clients.OperatorClientItem.as_view()),
    path("oauth-clients/<uuid:client>/revoke", oauth_clients.RevokeOperatorClient.as_view()),
]
