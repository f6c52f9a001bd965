"""`weir rule test --cases`: a line in, a line out, whatever the line is."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.main import main
from gateway.cli.rule_cases import KEYS, REMARKS, answer, answer_all
from gateway.cli.rule_input import WrongInput

NEW = "2016-03-23"
DIGITS = "1234567890123456789012345678901234"
DEEP = "[" * 1000 + "]" * 1000


def case(**members: object) -> str:
    return json.dumps({"id": 1, "sql_version": NEW, **members})


def after_id(text: str, identity: str = "1") -> str:
    head = f'{{"id":{identity},'
    assert text.startswith(head)
    assert text.endswith("}")
    return text[len(head) : -1]


@pytest.mark.parametrize(
    ("members", "out"),
    [
        # the payload as it is written
        (f'"sql":"SELECT *","payload":{{"z": 10.0, "a": {DIGITS}}}',
         f'"output":{{"z":10.0,"a":{DIGITS}}}'),
        (f'"sql":"SELECT *","payload":[1e400, {DIGITS}0]', f'"output":[1e400,{DIGITS}0]'),
        (r'"sql":"SELECT *","payload":"\u00e9 \" é"', r'"output":"\u00e9 \" é"'),
        ('"sql":"SELECT *","payload":null', '"output":null'),
        (f'"sql":"SELECT *","payload":{DEEP}', f'"output":{DEEP}'),
        ('"sql":"SELECT v FROM \'a/#\'","payload":{"v":10.0}', '"output":{"v":10.0}'),
        (f'"sql":"SELECT v + 1 AS v","payload":{{"v":{DIGITS}}}',
         f'"output":{{"v":{DIGITS[:-1]}5}}'),
        # the three forms of a payload, and none
        ('"sql":"SELECT *","payload_text":"a é"', '"output_base64":"YSDDqQ=="'),
        ('"sql":"SELECT *","payload_text":"{\\n \\"a\\" : 1.50}"', '"output":{"a":1.50}'),
        ('"sql":"SELECT *","payload_base64":"//8="', '"output_base64":"//8="'),
        ('"sql":"SELECT *"', '"output_base64":""'),
        ('"sql":"SELECT VALUE nope","payload":{}', '"output_base64":""'),
        # a later version
        ('"sql":"SELECT v","sql_version":"2016-03-23","payload":{"v":10.0}', '"output":{"v":10}'),
        # matching
        ('"sql":"SELECT * FROM \'a/#\'","topic":"a","payload":1', '"no_match":true'),
        ('"sql":"SELECT * FROM \'a/#\'","topic":"a/b","payload":1', '"output":1'),
        ('"sql":"SELECT * FROM \'a/#\'","payload":1', '"output":1'),
        ('"sql":"SELECT *","topic":"a/b","payload":1', '"output":1'),
        ('"sql":"SELECT * WHERE a","payload":{"a":"true"}', '"no_match":true'),
        ('"sql":"SELECT topic() AS t FROM \'x\'","topic":"$aws/rules/r/a/b"',
         '"output":{"t":"a/b"}'),
        ('"sql":"SELECT *","topic":"$aws/rules/r"', '"no_match":true'),
        # templates
        ('"template":"a/${v}/${topic(2)}","topic":"x/y","payload":{"v":1}', '"template":"a/1/y"'),
        ('"template":"plain"', '"template":"plain"'),
        ('"template":""', '"template":""'),
        ('"sql":"SELECT v","template":"${v}","payload":{"v":1}',
         '"output":{"v":1},"template":"1"'),
        ('"sql":"SET @a = v + 1 SELECT @a AS a","template":"${@a}","payload":{"v":1}',
         '"output":{"a":2},"template":"2"'),
        ('"sql":"SELECT * WHERE FALSE","template":"${nope}"', '"no_match":true'),
        # null is as good as missing
        ('"sql":"SELECT *","template":null,"topic":null,"context":null,"payload_text":null',
         '"output_base64":""'),
        ('"template":"t","sql":null,"sql_version":null', '"template":"t"'),
        # a payload of null is one where no other is given
        ('"sql":"SELECT *","payload_text":null,"payload_base64":null', '"output_base64":""'),
        ('"sql":"SELECT *","payload":null,"payload_text":null,"payload_base64":null',
         '"output":null'),
        ('"sql":"SELECT *","payload":null,"payload_text":"1"', '"output":1'),
        ('"sql":"SELECT *","payload":null,"payload_text":""', '"output_base64":""'),
        ('"sql":"SELECT *","payload":null,"payload_base64":"Mg=="', '"output":2'),
        ('"sql":"SELECT *","payload":3,"payload_text":null,"payload_base64":null', '"output":3'),
        ('"sql":"SELECT *","payload_text":"4","payload_base64":null', '"output":4'),
        # the default version: AWS's for a rule, the later one for a template alone
        ('"template":"${v}","payload":{"v":10.0}', '"template":"10"'),
        ('"template":"${get([1], 0)}"', '"template":"1"'),
        ('"template":"${v}","sql_version":"2015-10-08","payload":{"v":10.0}',
         '"template":"10.0"'),
        ('"sql":"SELECT v","template":"${v}","payload":{"v":10.0}',
         '"output":{"v":10.0},"template":"10.0"'),
    ],
)  # fmt: skip
def test_a_case_is_answered(members: str, out: str) -> None:
    assert after_id(answer(f'{{"id": 1, {members}}}', 1)) == out


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ('"sql":"SELECT a FORM b"', "line 1, column 10: expected "),
        ('"sql":"SELECT\\n uper(a)"', "line 2, column 2: unknown function 'uper' (did you"),
        ('"sql":"SELECT *","sql_version":"2017-01-01"', "unknown SQL version '2017-01-01'"),
        ('"template":"t","sql_version":"1"', "unknown SQL version '1'; there are 2015-10-08, "),
        ('"sql":"SELECT indexof(a, a)"', 'line 1, column 8: the function indexof is not part of '
         'version 2015-10-08 (set "sql_version" to "2016-03-23"'),
        ('"template":"${a +}"', "in the template: line 1, column 6: expected "),
        ('"sql":"SELECT *","template":"${@a}"', "in the template: line 1, column 3: "),
        ('"topic":"a"', "a case has sql, a template, or both"),
        ('"sql":"SELECT *","payload":1,"payload_text":""', "this has payload and payload_text"),
        ('"sql":"SELECT *","payload_base64":"*"', "payload_base64 is no base64"),
        ('"sql":"SELECT *","payload_base64":"é"', "payload_base64 is no base64"),
        ('"sql":"SELECT *","payload_text":"\\ud800"', "payload_text cannot be written in UTF-8"),
        ('"sql":"SELECT *","payload_text":1', "payload_text is no string"),
        ('"sql":["SELECT *"]', "sql is no string"),
        (f'"sql":{"[" * 5000}{"]" * 5000}', "sql cannot be read: it is nested too deep"),
        ('"sql":"SELECT *","topic":""', "a topic name is empty"),
        ('"sql":"SELECT *","topic":"a/#"', "holds a wildcard"),
        ('"sql":"SELECT *","pyload":1',
         "the case has an unknown key 'pyload' (did you mean 'payload'?); known keys: id, sql, "),
        ('"sql":"SELECT *","Expected":1', "unknown key 'Expected' (did you mean 'expected'?)"),
        ('"sql":"SELECT *","qqq":1', "the case has an unknown key 'qqq'; known keys: id, sql, "),
        ('"sql":"SELECT *","payload_text":"","payload_base64":""',
         "a case has one payload; this has payload_text and payload_base64"),
        ('"sql":"SELECT *","context":1', "context is no JSON object"),
        ('"sql":"SELECT *","context":{"client":"c"}',
         "context has an unknown key 'client' (did you mean 'clientId'?); known keys: clientid, "),
        ('"sql":"SELECT *","context":{"client_id":"c","clientId":"d"}',
         "context has clientid twice; one of them is spelled 'clientId'"),
        ('"sql":"SELECT *","context":{"account":1234567890123}', "account is neither a string"),
        ('"sql":"SELECT *","context":{"account":-1}', "account is neither a string nor a number"),
        ('"sql":"SELECT *","context":{"account":1.0}', "account is neither a string nor a number"),
        ('"sql":"SELECT *","context":{"account":[1]}', "account is neither a string nor a number"),
        ('"sql":"SELECT *","context":{"timestamp":"1.5"}', "timestamp is no whole number"),
        ('"sql":"SELECT *","context":{"timestamp":""}', "timestamp is no whole number"),
        ('"sql":"SELECT *","context":{"timestamp":"now"}', "timestamp is no whole number"),
        ('"sql":"SELECT *","context":{"timestamp":"99999999999999999"}', "timestamp is no whole"),
        ('"sql":"SELECT *","context":{"timestamp":1e300}', "timestamp is no whole number"),
        ('"sql":"SELECT *","context":{"timestamp":1e999}', "timestamp is no whole number"),
        ('"sql":"SELECT *","context":{"timestamp":1.5}', "timestamp is no whole number"),
        ('"sql":"SELECT *","context":{"timestamp":true}', "timestamp is no whole number"),
        (f'"sql":"SELECT *","context":{{"timestamp":{DIGITS}}}', "timestamp is no whole number"),
    ],
)  # fmt: skip
def test_a_wrong_case_is_answered_with_a_sentence(members: str, sentence: str) -> None:
    found = json.loads(answer(f'{{"id": 1, {members}}}', 1))
    assert found.keys() == {"id", "error"}
    assert sentence in found["error"]


def test_a_template_without_a_value_is_told_beside_the_output() -> None:
    found = json.loads(answer(case(sql="SELECT *", template="x${nope}", payload=1), 1))
    sentence = found.pop("template_error")
    assert found == {"id": 1, "output": 1, "template": None}
    assert sentence.startswith("${nope} has no value for this message")


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("x${nope}", "${nope} has no value for this message"),
        ("${get_secret('s', 'SecretString', 'r')}", "get_secret: there are no secrets"),
    ],
)
def test_a_template_alone_without_a_value_is_an_error_too(template: str, sentence: str) -> None:
    found = json.loads(answer(case(template=template), 1))
    assert found.keys() == {"id", "template", "template_error", "error"}
    assert found["template"] is None
    assert found["template_error"] == found["error"]
    assert found["error"].startswith(sentence)


@pytest.mark.parametrize("value", ["1", "null", '"é"', '{"output":[1]}'])
@pytest.mark.parametrize("key", REMARKS)
def test_remarks_are_passed_over(key: str, value: str) -> None:
    assert answer(f'{{"id":1,"{key}":{value},"template":"t"}}', 1) == '{"id":1,"template":"t"}'


@pytest.mark.parametrize("identity", ["1", "10.0", '"é"', '[1,{"a":null}]', "null", DIGITS])
def test_the_id_comes_back_as_it_was(identity: str) -> None:
    assert (
        after_id(answer(f'{{"id": {identity}, "template": "t"}}', 1), identity) == '"template":"t"'
    )


@pytest.mark.parametrize("line", ["x", "[]", "1", "{", '{"id":1', '{"id":1}}', '"' * 3, "\ufeff{}"])
def test_a_line_that_is_no_object_is_answered_by_its_number(line: str) -> None:
    found = json.loads(answer(line, 7))
    assert found["id"] is None
    assert found["error"].startswith("line 7 is no JSON object")


def test_a_case_without_id_is_answered() -> None:
    assert answer('{"template":"t"}', 1) == '{"id":null,"template":"t"}'


CONTEXT = {
    "clientid": "c",
    "principal": "p",
    "account": "123456789012",
    "timestamp": 1_700_000_000_123,
    "traceid": "t",
    "sourceip": "192.0.2.1",
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("clientid()", "c"),
        ("principal()", "p"),
        ("accountid()", "123456789012"),
        ("timestamp()", 1_700_000_000_123),
        ("traceid()", "t"),
        ("sourceip()", "192.0.2.1"),
    ],
)
def test_the_context_is_what_functions_tell(expression: str, value: object) -> None:
    text = case(sql=f"SELECT {expression} AS r", context=CONTEXT)
    assert json.loads(answer(text, 1)) == {"id": 1, "output": {"r": value}}


@pytest.mark.parametrize(
    ("context", "expression", "value"),
    [
        ({"client_id": "c"}, "clientid()", "c"),
        ({"clientId": "c"}, "clientid()", "c"),
        ({"clientid": None, "clientId": "c"}, "clientid()", "c"),
        ({"clientId": "c", "client_id": None}, "clientid()", "c"),
        ({"source_ip": "192.0.2.1"}, "sourceip()", "192.0.2.1"),
        ({"sourceIp": "192.0.2.1"}, "sourceip()", "192.0.2.1"),
        ({"trace_id": "t", "clientid": "c"}, "traceid()", "t"),
        ({"traceId": "t", "clientid": "c"}, "traceid()", "t"),
        ({"accountid": "123456789012"}, "accountid()", "123456789012"),
        ({"account_id": "123456789012"}, "accountid()", "123456789012"),
        ({"accountId": "123456789012"}, "accountid()", "123456789012"),
        # an account as a number
        ({"account": 123456789012}, "accountid()", "123456789012"),
        ({"account_id": 42}, "accountid()", "000000000042"),
        ({"account": "42"}, "accountid()", "42"),
        ({"account": None}, "accountid()", "000000000000"),
        # a time in other forms
        ({"timestamp": 1481825251155.0}, "timestamp()", 1_481_825_251_155),
        ({"timestamp": "1481825251155"}, "timestamp()", 1_481_825_251_155),
        ({"timestamp": "-1"}, "timestamp()", -1),
        ({"timestamp": 0}, "timestamp()", 0),
    ],
)
def test_the_context_has_other_spellings(
    context: dict[str, object], expression: str, value: object
) -> None:
    text = case(sql=f"SELECT {expression} AS r", context=context)
    assert json.loads(answer(text, 1)) == {"id": 1, "output": {"r": value}}


def test_without_a_context_the_message_came_from_nobody_now() -> None:
    sql = "SELECT clientid() AS c, principal() AS p, accountid() AS a, timestamp() > 16E11 AS t"
    found = json.loads(answer(case(sql=sql), 1))
    assert found["output"] == {"c": "n/a", "a": "000000000000", "t": True}


# --- the stream -----------------------------------------------------------------------------------


class Recorder(io.BytesIO):
    """Counts how often it is flushed."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def stream(*lines: str) -> IO[bytes]:
    return io.BytesIO("\n".join(lines).encode())


def test_every_line_is_answered_in_order_and_at_once() -> None:
    out = Recorder()
    answer_all(stream('{"id":2,"template":"a"}', "", "oops", " \r", '{"id":1,"template":"b"}'), out)
    first, second, third = out.getvalue().decode().splitlines()
    assert first == '{"id":2,"template":"a"}'
    assert json.loads(second)["error"].startswith("line 3 is no JSON object")
    assert third == '{"id":1,"template":"b"}'
    assert out.flushes == 4  # one a line, for somebody may wait; and one at the end


def test_a_file_is_answered_in_one_go(tmp_path: Path) -> None:
    file = tmp_path / "cases"
    file.write_text('{"id":1,"template":"a"}\n' * 3)
    out = Recorder()
    with file.open("rb") as lines:
        answer_all(lines, out)
    assert out.getvalue().count(b"\n") == 3
    assert out.flushes == 1


def test_what_is_no_utf8_ends_the_run_after_the_lines_before_it() -> None:
    out = io.BytesIO()
    with pytest.raises(WrongInput, match="line 2 of the cases is no UTF-8"):
        answer_all(io.BytesIO(b'{"id":1,"template":"a"}\n"\xff"\n{"id":3}'), out)
    assert out.getvalue() == b'{"id":1,"template":"a"}\n'


@pytest.mark.parametrize(
    ("given", "out", "code"),
    [
        (b'{"id":1,"template":"\xc3\xa9"}\nx\n', '{"id":1,"template":"é"}\n{"id":null,"error":', 0),
        (b"", "", 0),
        (b"\xff", "", 2),
    ],
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_answers_on_stdout_in_utf8(
    given: bytes, out: str, code: int, options: list[str]
) -> None:
    command = [sys.executable, "-m", "gateway.cli.main", "rule", "test", "--cases", *options]
    done = subprocess.run(
        command, input=given, capture_output=True, timeout=60, env={"LC_ALL": "C"}
    )
    assert done.returncode == code
    assert done.stdout.decode().startswith(out)
    assert (b"is no UTF-8" in done.stderr) == (code == 2)


def test_somebody_can_talk_with_it() -> None:
    command = [sys.executable, "-m", "gateway.cli.main", "rule", "test", "--cases"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(f'{{"id":{number},"template":"a"}}\n'.encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["rule.json"], "FILE"),
        (["--sql", "SELECT *"], "--sql"),
        (["--topic", "a"], "--topic"),
        (["--payload-base64", ""], "--payload-base64"),
        (["--timestamp", "0"], "--timestamp"),
    ],
)
def test_a_case_brings_everything_itself(
    options: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rule", "test", "--cases", *options]) == 2
    assert capsys.readouterr().err.startswith(f"weir: {named} does not go with --cases.")


# --- hostile lines --------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(derandomize=True, deadline=None, database=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_object_has_an_answer_of_the_right_form(members: dict[str, object]) -> None:
    text = answer(json.dumps(members), 1)
    assert "\n" not in text
    found = json.loads(text)
    assert found["id"] == members.get("id")
    kinds = {"output", "output_base64", "no_match", "error", "template", "template_error"}
    assert found.keys() - {"id"} <= kinds
    assert len(found) > 1
    assert "fault of Weir's" not in found.get("error", "")
