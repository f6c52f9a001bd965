"""Every action of AWS IoT: its parameters, as data.

Owns which parameters an action has, which it must have, their bounds, and which take templates.
Knows nothing of which actions are carried out.

Source: names, required members and bounds from the AWS IoT API model (shapes `…Action`);
templates and choices from the AWS IoT Core Developer Guide, "AWS IoT rule actions".
"""

from __future__ import annotations

import re
from typing import Final

from rules.actions.shapes import Flag, Form, Items, Map, Record, Text, Whole

__all__ = ["ACTIONS"]

_PLAIN: Final = Text()
_TEMPLATE: Final = Text(takes_templates=True)
_NAME: Final = Text(takes_templates=True, min_characters=1)
_FLAG: Final = Flag()
_ROLE: Final = Text(
    form=Form(
        re.compile(r"arn:[^:\s]*:iam::[^:\s]*:role/\S+"),
        "does not have the form of a role's ARN",
        "any will do here, for example arn:aws:iam::000000000000:role/gateway",
    )
)

_WILDCARD: Final = Form(
    re.compile(r"[^#+]*"), "is no topic to publish to: the wildcards '#' and '+' name many"
)
_ENDPOINT: Final = Text(
    takes_templates=True,
    form=Form(re.compile(r"https?://.*", re.DOTALL), "is no address that begins with https://"),
)
_HTTP_URL: Final = Text(
    takes_templates=True,
    max_characters=2000,
    form=Form(
        re.compile(r"https?://[^\s/?#]\S*", re.IGNORECASE),
        "is no address of an HTTP endpoint",
        "write it in full, for example https://example.org/readings",
    ),
)
_TIME_UNIT: Final = Text(
    takes_templates=True, choices=("SECONDS", "MILLISECONDS", "MICROSECONDS", "NANOSECONDS")
)

# MQTT 5 headers of a republished message. The expiry is in seconds; MQTT gives it four bytes.
_HEADER: Final = Text(takes_templates=True, max_characters=1024)
_REPUBLISH_HEADERS: Final = Record(
    optional={
        "payloadFormatIndicator": Text(
            takes_templates=True, choices=("UNSPECIFIED_BYTES", "UTF8_DATA"), max_characters=1024
        ),
        "contentType": _HEADER,
        "responseTopic": Text(takes_templates=True, max_characters=1024, form=_WILDCARD),
        "correlationData": Text(
            takes_templates=True,
            max_characters=1024,
            form=Form(
                re.compile(
                    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII
                ),
                "is not base64",
                "encode the data: ${encode(correlation, 'base64')}",
            ),
        ),
        "messageExpiry": Text(
            takes_templates=True,
            max_characters=1024,
            form=Form(re.compile(r"[0-9]{1,10}"), "is no whole number of seconds"),
        ),
        "userProperties": Items(Record({"key": _HEADER, "value": _HEADER}), 1, 100),
    }
)

# AWS takes an ARN; here the name alone is enough. An alias or a version may follow.
_FUNCTION: Final = Text(
    takes_templates=True,
    min_characters=1,
    form=Form(
        re.compile(
            r"(?:arn:[^:\s]+:lambda:[^:\s]*:[^:\s]*:function:|(?:[0-9]{12}:)?(?:function:)?)"
            r"[A-Za-z0-9_-]{1,64}(?::[A-Za-z0-9_$-]{1,128})?",
            re.ASCII,
        ),
        "is no function's name or ARN",
        "write its name, or arn:aws:lambda:REGION:ACCOUNT:function:NAME",
    ),
)

_DYNAMODB_TYPE: Final = Text(takes_templates=True, choices=("STRING", "NUMBER"))

_SEARCH: Final = Record(
    {
        "endpoint": _ENDPOINT,
        "index": _TEMPLATE,
        "type": _TEMPLATE,
        "id": _TEMPLATE,
        "roleArn": _ROLE,
    }
)

_SITEWISE_VALUE: Final = Record(
    {
        "value": Record(
            optional={
                "stringValue": Text(takes_templates=True, min_characters=1, max_characters=1024),
                "integerValue": _TEMPLATE,
                "doubleValue": _TEMPLATE,
                "booleanValue": Text(takes_templates=True, choices=("true", "false")),
            },
            any_of=(("stringValue",), ("integerValue",), ("doubleValue",), ("booleanValue",)),
        ),
        "timestamp": Record({"timeInSeconds": _TEMPLATE}, {"offsetInNanos": _TEMPLATE}),
    },
    {"quality": Text(takes_templates=True, choices=("GOOD", "BAD", "UNCERTAIN"))},
)

# Of the properties of the client, the developer guide names these; the ones that hold a secret
# take templates, so that it can be fetched.
_KAFKA_CLIENT: Final = Record(
    {"bootstrap.servers": _PLAIN},
    {
        "acks": Text(choices=("0", "1")),
        "compression.type": Text(choices=("none", "gzip", "snappy", "lz4", "zstd")),
        "security.protocol": Text(choices=("SSL", "SASL_SSL", "PLAINTEXT")),
        "key.serializer": Text(choices=("StringSerializer",)),
        "value.serializer": Text(choices=("ByteBufferSerializer",)),
        "ssl.truststore": _TEMPLATE,
        "ssl.truststore.password": _TEMPLATE,
        "ssl.keystore": _TEMPLATE,
        "ssl.keystore.password": _TEMPLATE,
        "ssl.key.password": _TEMPLATE,
        "sasl.mechanism": Text(choices=("PLAIN", "SCRAM-SHA-512", "GSSAPI")),
        "sasl.plain.username": _TEMPLATE,
        "sasl.plain.password": _TEMPLATE,
        "sasl.scram.username": _TEMPLATE,
        "sasl.scram.password": _TEMPLATE,
        "sasl.kerberos.keytab": _TEMPLATE,
        "sasl.kerberos.service.name": _PLAIN,
        "sasl.kerberos.krb5.kdc": _PLAIN,
        "sasl.kerberos.krb5.realm": _PLAIN,
        "sasl.kerberos.principal": _PLAIN,
    },
)
_KAFKA_HEADER: Final = Text(takes_templates=True, max_characters=16384)

ACTIONS: Final[dict[str, Record]] = {
    "cloudwatchAlarm": Record(
        {
            "alarmName": _TEMPLATE,
            "stateReason": _TEMPLATE,
            "stateValue": Text(takes_templates=True, choices=("OK", "ALARM", "INSUFFICIENT_DATA")),
            "roleArn": _ROLE,
        }
    ),
    "cloudwatchLogs": Record({"logGroupName": _NAME, "roleArn": _ROLE}, {"batchMode": _FLAG}),
    "cloudwatchMetric": Record(
        {
            "metricNamespace": _NAME,
            "metricName": _NAME,
            "metricValue": _TEMPLATE,
            "metricUnit": _TEMPLATE,
            "roleArn": _ROLE,
        },
        {"metricTimestamp": _TEMPLATE},
    ),
    "dynamoDB": Record(
        {
            "tableName": _NAME,
            "hashKeyField": _NAME,
            "hashKeyValue": _TEMPLATE,
            "roleArn": _ROLE,
        },
        {
            "hashKeyType": _DYNAMODB_TYPE,
            "rangeKeyField": _TEMPLATE,
            "rangeKeyValue": _TEMPLATE,
            "rangeKeyType": _DYNAMODB_TYPE,
            "payloadField": _TEMPLATE,
            "operation": Text(takes_templates=True, choices=("INSERT", "UPDATE", "DELETE")),
        },
    ),
    "dynamoDBv2": Record({"putItem": Record({"tableName": _NAME}), "roleArn": _ROLE}),
    "elasticsearch": _SEARCH,
    "firehose": Record(
        {"deliveryStreamName": _TEMPLATE, "roleArn": _ROLE},
        {"separator": Text(choices=("\n", "\t", "\r\n", ",")), "batchMode": _FLAG},
    ),
    "http": Record(
        {"url": _HTTP_URL},
        {
            "confirmationUrl": _HTTP_URL,
            "headers": Items(
                Record({"key": Text(min_characters=1, max_characters=256), "value": _TEMPLATE}),
                maximum=100,
            ),
            "auth": Record(
                optional={
                    "sigv4": Record(
                        {"signingRegion": _PLAIN, "serviceName": _PLAIN, "roleArn": _ROLE}
                    )
                }
            ),
            "enableBatching": _FLAG,
            "batchConfig": Record(
                optional={
                    "maxBatchOpenMs": Whole(5, 200),
                    "maxBatchSize": Whole(2, 10),
                    "maxBatchSizeBytes": Whole(100, 131072),
                    "batchAcrossTopics": _FLAG,
                }
            ),
        },
    ),
    "influxDB": Record(
        {
            "destinationArn": _PLAIN,
            "databaseName": Text(
                min_characters=2,
                max_characters=64,
                form=Form(
                    re.compile(r'[^_"][^"]*'),
                    "is no database's name: it begins with '_', or has '\"'",
                ),
            ),
            "tableName": Text(
                takes_templates=True,
                min_characters=1,
                max_characters=1024,
                form=Form(
                    re.compile(r"(?!_).*", re.DOTALL), "is no table's name: it begins with '_'"
                ),
            ),
            "roleArn": _ROLE,
        },
        {
            "organization": Text(min_characters=1, max_characters=64),
            "tags": Map(_TEMPLATE, _TEMPLATE, 498),
            "timestampUnit": Text(choices=("s", "ms", "us", "ns")),
            "batchConfig": Record(
                optional={
                    "maxBatchOpenMs": Whole(5, 1000),
                    "maxBatchSize": Whole(1, 500),
                    "maxBatchSizeBytes": Whole(100, 131072),
                    "batchAcrossTopics": _FLAG,
                }
            ),
        },
    ),
    "iotAnalytics": Record(
        optional={
            "channelName": _TEMPLATE,
            "channelArn": _PLAIN,
            "batchMode": _FLAG,
            "roleArn": _ROLE,
        },
        any_of=(("channelName",), ("channelArn",)),
    ),
    "iotEvents": Record(
        {
            "inputName": Text(takes_templates=True, min_characters=1, max_characters=128),
            "roleArn": _ROLE,
        },
        {"messageId": Text(takes_templates=True, max_characters=128), "batchMode": _FLAG},
    ),
    "iotSiteWise": Record(
        {
            "putAssetPropertyValueEntries": Items(
                Record(
                    {"propertyValues": Items(_SITEWISE_VALUE, 1)},
                    {
                        "entryId": _TEMPLATE,
                        "assetId": _TEMPLATE,
                        "propertyId": _TEMPLATE,
                        "propertyAlias": Text(takes_templates=True, min_characters=1),
                    },
                    any_of=(("propertyAlias",), ("assetId", "propertyId")),
                ),
                1,
            ),
            "roleArn": _ROLE,
        }
    ),
    "kafka": Record(
        {"destinationArn": _PLAIN, "topic": _TEMPLATE, "clientProperties": _KAFKA_CLIENT},
        {
            "key": _TEMPLATE,
            "partition": _TEMPLATE,
            "headers": Items(Record({"key": _KAFKA_HEADER, "value": _KAFKA_HEADER}), 1, 100),
        },
    ),
    "kinesis": Record({"streamName": _TEMPLATE, "roleArn": _ROLE}, {"partitionKey": _TEMPLATE}),
    "lambda": Record({"functionArn": _FUNCTION}),
    "location": Record(
        {
            "trackerName": _TEMPLATE,
            "deviceId": _TEMPLATE,
            "latitude": _TEMPLATE,
            "longitude": _TEMPLATE,
            "roleArn": _ROLE,
        },
        {"timestamp": Record({"value": _TEMPLATE}, {"unit": _TIME_UNIT})},
    ),
    "openSearch": _SEARCH,
    "republish": Record(
        {
            "topic": Text(takes_templates=True, min_characters=1, form=_WILDCARD, is_topic=True),
            "roleArn": _ROLE,
        },
        {"qos": Whole(0, 1), "headers": _REPUBLISH_HEADERS},
    ),
    "s3": Record(
        {"bucketName": _NAME, "key": _NAME, "roleArn": _ROLE},
        {
            "cannedAcl": Text(
                choices=(
                    "private",
                    "public-read",
                    "public-read-write",
                    "aws-exec-read",
                    "authenticated-read",
                    "bucket-owner-read",
                    "bucket-owner-full-control",
                    "log-delivery-write",
                )
            )
        },
    ),
    "salesforce": Record({"url": Text(max_characters=2000), "token": Text(min_characters=40)}),
    "sns": Record(
        {"targetArn": _TEMPLATE, "roleArn": _ROLE}, {"messageFormat": Text(choices=("RAW", "JSON"))}
    ),
    "sqs": Record(
        {"queueUrl": Text(takes_templates=True, min_characters=1), "roleArn": _ROLE},
        {"useBase64": _FLAG},
    ),
    "stepFunctions": Record(
        {"stateMachineName": _TEMPLATE, "roleArn": _ROLE}, {"executionNamePrefix": _TEMPLATE}
    ),
    "timestream": Record(
        {
            "databaseName": _TEMPLATE,
            "tableName": _TEMPLATE,
            "dimensions": Items(Record({"name": _PLAIN, "value": _TEMPLATE}), 1, 128),
            "roleArn": _ROLE,
        },
        {"timestamp": Record({"value": _TEMPLATE, "unit": _TIME_UNIT})},
    ),
}
