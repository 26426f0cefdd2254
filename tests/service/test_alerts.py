"""Rules that tell of what happens to runs."""

from __future__ import annotations

import math

import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.alert import NewRule, When
from epochal.errors import InvalidInput
from epochal.service import alerts


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"when": When.FAILED}, "one target"),
        ({"when": When.FAILED, "webhook": "http://a", "email": "a@b"}, "one target"),
        ({"when": When.FAILED, "webhook": "file:///etc/passwd"}, "an address like"),
        ({"when": When.FAILED, "webhook": "https://"}, "an address like"),
        ({"when": When.FAILED, "webhook": "http://a:99999/"}, "an address like"),
        ({"when": When.FAILED, "webhook": "http://a/\r\nX: y"}, "webhook|address"),
        ({"when": When.FAILED, "webhook": "http://u:p@a/"}, "name and password"),
        ({"when": When.FAILED, "email": "a@b,c@d"}, "one address|mail server|no mail"),
        ({"when": When.FAILED, "email": "a@b"}, "no mail can be sent"),
        ({"when": When.THRESHOLD, "webhook": "http://a"}, "needs a key"),
        ({"when": When.THRESHOLD, "webhook": "http://a", "key": "x"}, "above or below"),
        ({"when": When.STALLED, "webhook": "http://a", "minutes": 0}, "minutes"),
        ({"when": When.STALLED, "webhook": "http://a", "minutes": math.nan}, "minutes"),
    ],
)  # fmt: skip
def test_a_rule_that_could_tell_nothing_is_refused(store, rule, words):
    with pytest.raises(InvalidInput, match=words):
        alerts.add_rule(store, LOCAL_USER, None, "p", NewRule(**rule))
