"""What no endpoint is at: the same answer as for a thing that is not there, whatever the method."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.renderers import JSONRenderer

from orbit.lib.ids import uuid7
from tenants.api import problems
from tenants.api.endpoint import REQUEST_ID


@csrf_exempt
def missing(request: HttpRequest) -> HttpResponse:
    request_id = str(uuid7())
    told = problems.answer(Http404(), request_id)
    body = b"" if request.method == "HEAD" else JSONRenderer().render(told.data)
    answer = HttpResponse(body, status=told.status_code, content_type=problems.CONTENT_TYPE)
    answer[REQUEST_ID] = request_id
    answer["Cache-Control"] = "no-store"
    return answer
