"""Chapter "SQL versions": what 2015-10-08 does not have is refused when the rule is created."""

from __future__ import annotations

import pytest

import rules
from rules.functions import FUNCTIONS
from rules.values import V2016


@pytest.mark.parametrize("name", [each.name for each in FUNCTIONS.values() if each.since is V2016])
def test_later_functions_are_refused_in_the_old_version(name: str) -> None:
    function = FUNCTIONS[name.lower()]
    arguments = ", ".join(["a"] * (function.counts or (1,))[0])
    sql = f"SELECT {name}({arguments}) AS x FROM 't'"
    with pytest.raises(rules.SqlError, match=f"{name} is not part of version 2015-10-08") as caught:
        rules.compile(sql)
    assert '"awsIotSqlVersion" to "2016-03-23"' in caught.value.hint
    with pytest.raises(rules.SqlError, match="not part of"):
        rules.compile_template(f"${{{name}({arguments})}}")


def test_the_later_functions_are_those_of_the_reference() -> None:
    later = {each.name for each in FUNCTIONS.values() if each.since is V2016}
    assert later == {
        "decode", "encode", "get_dynamodb", "get_mqtt_property", "get_or_default",
        "get_registry_data", "get_secret", "get_thing_shadow", "get_user_properties", "indexof",
        "isUndefined", "length", "numbytes", "parse_time", "sourceip", "time_to_epoch",
        "transform",
    }  # fmt: skip
