"""What somebody said to be no finding goes on as it is from the next call on, and only that."""

from __future__ import annotations

import orjson

from orbit.demo.provider.process import ProviderHandle
from tenants import services
from tests.conftest import MakeTenant
from tests.proxy.conftest import ApiOf
from tests.proxy.personal.conftest import MAIL, looking, rule
from tests.proxy.roads import GPT

ECHO = "[[orbit-demo: echo]]"


def test_spared_value_is_sent_and_no_other(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("mask"))
    api = api_of(tenant)

    def sent() -> str:
        said = [{"role": "user", "content": f"{MAIL.upper()} or other@example.org {ECHO}"}]
        return str(
            orjson.loads(api.chat(model=GPT, messages=said).content)["choices"][0]["message"]["content"]
        )

    assert sent().startswith("[EMAIL_ADDRESS] or [EMAIL_ADDRESS]")
    services.mark_false_positive(
        organization_id=tenant.id, name="default", kind="EMAIL_ADDRESS", value=MAIL, actor="test", based_on=1
    )
    assert sent().startswith(f"{MAIL.upper()} or [EMAIL_ADDRESS]")
