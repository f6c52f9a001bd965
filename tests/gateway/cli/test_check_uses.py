"""`weir check`: queues, functions, buckets and secrets that rules name and the settings do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rig.judged import Site, action

ARN = "arn:aws:lambda:us-east-1:123456789012:function:{}"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_function_of_an_action_and_of_sql(site: Site) -> None:
    one = site.rule("one", {"lambda": {"functionArn": ARN.format("alarm:live")}})
    two = site.rule("two", sql="SELECT aws_lambda('alarm', *) AS x FROM 'a'")
    site.rule("three", {"lambda": {"functionArn": "${topic()}"}})
    verdict = site.judge()
    assert verdict.warnings == [
        f'{one} and {two}: the rules one and two call the function "alarm", which the settings do '
        "not declare; add the lines below to the settings."
    ]
    (site.folder / "functions").mkdir()
    file = site.folder / "functions" / "alarm.py"
    file.write_text("def lambda_handler(event, context): pass")
    after = site.take(verdict)
    assert (after.problems, after.warnings, after.lines_to_add) == ([], [], [])


def test_a_name_that_no_function_can_have(site: Site) -> None:
    site.rule("one", sql="SELECT aws_lambda('a b', *) AS x FROM 'a'")
    (warning,) = site.judge().warnings
    assert "calls the function \"a b\", but no function can have the name 'a b': it must" in warning


def test_buckets_of_actions_error_actions_and_descriptors(site: Site) -> None:
    site.rule("one", error=action("s3", bucketName="images", key="${topic()}"))
    site.rule("two", sql="SELECT decode(*, 'proto', 'protos', 'k', 'p.proto', 'T') AS x FROM 'a'")
    verdict = site.judge()
    images, protos = verdict.warnings
    assert 'one.json: the rule one uses the bucket "images", which the' in images
    assert 'two.json: the rule two uses the bucket "protos", which the' in protos
    after = site.take(verdict)
    assert (after.problems, after.warnings) == ([], [])
    assert not (site.folder / "buckets").exists()  # it makes nothing


def test_an_object_that_no_folder_can_hold(site: Site) -> None:
    site.add("[[s3.buckets]]", 'name = "images"', 'dir = "images"')
    site.rule("one", action("s3", bucketName="images", key="x" * 300))
    (warning,) = site.judge().warnings
    assert "the rule one cannot write its object: a part of the key" in warning


def test_a_bucket_name_that_cannot_be(site: Site) -> None:
    site.rule("one", action("s3", bucketName="Images", key="a"))
    verdict = site.judge()
    (warning,) = verdict.warnings
    assert "but no bucket can have the name 'Images': it must be 3 to 63" in warning
    assert verdict.lines_to_add == []


GET_SECRET = "SELECT get_secret({}, 'SecretString', 'r') AS x FROM 'a'"


def test_secrets_without_a_file(site: Site) -> None:
    site.rule("one", sql=GET_SECRET.format("'key'"))
    site.rule("two", sql=GET_SECRET.format("name"))
    verdict = site.judge()
    (warning,) = verdict.warnings
    assert "the rules one and two ask for secrets, and the settings name no file" in warning
    (problem,) = site.take(verdict).problems
    assert "weir.toml:8: secrets.file: cannot open the secrets file" in problem


def test_a_secret_that_the_file_does_not_have(site: Site) -> None:
    secrets = site.folder / "secrets.json"
    secrets.write_text(json.dumps({"known": "x"}))
    secrets.chmod(0o600)
    site.add("[secrets]", 'file = "secrets.json"')
    site.rule("one", sql=GET_SECRET.format("'known'"))
    site.rule("two", sql=GET_SECRET.format("'unknown'"))
    site.rule("three", sql=GET_SECRET.format("name"))
    (warning,) = site.judge().warnings
    assert f'two.json: the rule two asks for the secret "unknown", which {secrets} does' in warning


def test_what_is_not_there_to_be_asked(site: Site) -> None:
    site.rule("one", sql="SELECT get_thing_shadow('t', 'r').state AS s FROM 'a'")
    site.rule("two", sql="SELECT get_registry_data('DescribeThing', 't', 'r') AS s FROM 'a'")
    shadow, registry = site.judge().warnings
    assert "the rule one calls get_thing_shadow, and there are no device shadows here" in shadow
    assert "the rule two calls get_registry_data, and there is no registry of thi" in registry


def test_actions_without_meaning_here_are_told_by_name(site: Site) -> None:
    site.rule("one", action("kinesis", streamName="s"), action("firehose", deliveryStreamName="d"))
    site.rule("two", action("fire", hose=1))
    kinesis, firehose, fire = site.judge().warnings
    assert "$.actions[0].kinesis: the action 'kinesis' is not there yet" in kinesis
    assert "$.actions[1].firehose: the action 'firehose' has no meaning on this" in firehose
    assert "unknown action 'fire'" in fire
