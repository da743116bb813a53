from __future__ import annotations

import pytest

from orbit.lib.peer import client_address


@pytest.mark.parametrize(
    ("hops", "forwarded", "expected"),
    [
        (0, "203.0.113.9", "peer"),
        (1, "", "peer"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "10.6.6.6, 203.0.113.9", "203.0.113.9"),  # what the client wrote stands on the left
        (2, "10.6.6.6, 203.0.113.9, 198.51.100.1", "203.0.113.9"),
        (2, "203.0.113.9", "peer"),  # came past the outer proxy
        (2, " , 203.0.113.9,,", "peer"),
    ],
)
def test_address_is_what_our_own_proxies_vouch_for(hops: int, forwarded: str, expected: str) -> None:
    assert client_address(hops, forwarded, "peer") == expected
