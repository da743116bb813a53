"""What the gateway refuses arrives as the exception that the library has for it, after as few requests as it takes."""

from __future__ import annotations

import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed
from tests.clients.conftest import MakeCaller
from tests.clients.driver import Answer
from tests.clients.libraries import Caller, Use, each_use

RETRIES = 2
# What LiteLLM and Vercel have is not the vendors' own.
NAMES = {
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    400: "BadRequestError",
    429: "RateLimitError",
}


def is_for(answer: Answer, use: Use, status: int) -> None:
    """The class that an application catches."""
    error = answer.error
    assert error["status"] == status
    if use.library.name.startswith("vercel"):
        assert error["last"] == "APICallError"
    else:
        assert NAMES[status] in error.get("bases", [error["class"]])


def shown(answer: Answer) -> str:
    return f"{answer.error['message']} {answer.error['body']}"


@each_use("errors")
def test_bad_key_is_the_librarys_authentication_error_and_not_tried_again(caller: Caller, use: Use) -> None:
    key = "orb_" + "A" * 43
    answer = caller.refused(key=key, max_retries=RETRIES)
    is_for(answer, use, 401)
    assert answer.sent == 1
    assert key not in shown(answer)
    assert caller.tenant.events() == []


@each_use("errors")
def test_unknown_model_is_the_librarys_not_found_error_and_not_tried_again(caller: Caller, use: Use) -> None:
    answer = caller.refused(model="no-such-model", max_retries=RETRIES)
    is_for(answer, use, 404)
    assert answer.sent == 1
    assert "does not exist" in shown(answer)
    assert caller.tenant.events() == []


@each_use("errors")
def test_refused_stream_is_the_same_error_as_a_refused_plain_call(caller: Caller, use: Use) -> None:
    answer = caller.refused("stream", model="no-such-model")
    is_for(answer, use, 404)
    assert answer.sent == 1


@each_use("errors")
def test_spent_limit_is_the_librarys_rate_limit_error_and_tried_again_only_by_those_that_cannot_be_told(
    make_caller: MakeCaller, use: Use, provider: ProviderHandle
) -> None:
    caller = make_caller(limits=[{"name": "rpd", "meter": "requests", "per": "day", "limit": 1}])
    caller.told("plain", "tokens=2")
    retries = RETRIES if use.library.obeys else 1  # as each of theirs takes seconds
    answer = caller.refused(max_retries=retries)
    is_for(answer, use, 429)
    assert answer.sent == (1 if use.library.obeys else 1 + retries)
    assert "rpd" in shown(answer)
    agreed(caller.tenant, provider)


@each_use("errors")
def test_request_over_a_whole_limit_is_a_bad_request_and_not_tried_again(
    make_caller: MakeCaller, use: Use
) -> None:
    caller = make_caller(limits=[{"name": "tpd", "meter": "tokens", "per": "day", "limit": 50}])
    answer = caller.refused(max_tokens=100, max_retries=RETRIES)
    is_for(answer, use, 400)
    assert answer.sent == 1
    assert caller.tenant.events() == []


@each_use("errors of the provider")
def test_providers_objection_keeps_its_status_and_its_words(
    caller: Caller, use: Use, provider: ProviderHandle
) -> None:
    """The gateway knows nothing of the field that this provider does not like."""
    field = "input" if use.has_responses else "messages"
    answer = caller.refused("plain", f"refuse_params={field}", max_retries=RETRIES)
    is_for(answer, use, 400)
    assert answer.sent == 1
    assert field in shown(answer)
    [event] = caller.tenant.events()
    assert (event["status"], event["http_status"], event["cost_nano"]) == ("provider_failed", 400, 0)


@pytest.mark.parametrize(
    "directive", ["error_after_chunks=4", "error_after_chunks=4 error_event", "cut_after_chunks=4"]
)
@each_use("broken streams")
def test_stream_that_breaks_off_raises_and_is_charged_for_what_came(
    caller: Caller, use: Use, provider: ProviderHandle, directive: str
) -> None:
    answer = caller.ask("stream", "tokens=50", directive)
    assert answer.sent == 1
    [event] = caller.tenant.events()
    if directive == "error_after_chunks=4" and use.has_responses:
        # The provider's last event is a failed response, which OpenAI's client for Node gives out as it is.
        assert answer.error or answer.value["finish"] == "failed"
        assert (event["status"], event["finish_reason"]) == ("settled", "failed")
    else:
        assert answer.error, answer.value
        assert answer.error["class"] != "TypeValidationError"  # Vercel's, of an event that it cannot read
        assert event["status"] == "provider_failed"
    assert 0 < event["cost_nano"] <= event["reserved"]["cost_nano"]
