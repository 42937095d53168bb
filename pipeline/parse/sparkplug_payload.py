"""The protobuf message of Sparkplug B, described by the field numbers of its specification.

Source: Eclipse Sparkplug 3.0, section 6.4 (the payload). Fields that no reading needs are left out: protobuf skips what
it does not know.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Protobuf = Any
"""A message whose class protobuf makes as it runs."""

_Field = descriptor_pb2.FieldDescriptorProto

_UINT32, _UINT64, _FLOAT = _Field.TYPE_UINT32, _Field.TYPE_UINT64, _Field.TYPE_FLOAT
_DOUBLE, _BOOL, _STRING, _BYTES = _Field.TYPE_DOUBLE, _Field.TYPE_BOOL, _Field.TYPE_STRING, _Field.TYPE_BYTES

_PACKAGE = "casestream.sparkplug_b"

_PAYLOAD = (("timestamp", 1, _UINT64), ("metrics", 2, "Metric"), ("seq", 3, _UINT64))
_METRIC = (
    ("name", 1, _STRING),
    ("alias", 2, _UINT64),
    ("timestamp", 3, _UINT64),
    ("datatype", 4, _UINT32),
    ("is_historical", 5, _BOOL),
    ("is_transient", 6, _BOOL),
    ("is_null", 7, _BOOL),
    ("properties", 9, "PropertySet"),
)
_METRIC_VALUE = (
    ("int_value", 10, _UINT32),
    ("long_value", 11, _UINT64),
    ("float_value", 12, _FLOAT),
    ("double_value", 13, _DOUBLE),
    ("boolean_value", 14, _BOOL),
    ("string_value", 15, _STRING),
    ("bytes_value", 16, _BYTES),
    ("dataset_value", 17, _BYTES),  # a message, which has no single value and stays unopened
    ("template_value", 18, _BYTES),  # the same
)
_PROPERTY_SET = (("keys", 1, _STRING), ("values", 2, "PropertyValue"))
_PROPERTY = (("type", 1, _UINT32), ("is_null", 2, _BOOL))
_PROPERTY_VALUE = (
    ("int_value", 3, _UINT32),
    ("long_value", 4, _UINT64),
    ("float_value", 5, _FLOAT),
    ("double_value", 6, _DOUBLE),
    ("boolean_value", 7, _BOOL),
    ("string_value", 8, _STRING),
)
_REPEATED = frozenset({"metrics", "keys", "values"})


def _payload_class() -> Protobuf:
    file = descriptor_pb2.FileDescriptorProto(name="casestream/sparkplug_b.proto", package=_PACKAGE, syntax="proto2")
    _describe(file, "PropertyValue", _PROPERTY, _PROPERTY_VALUE)
    _describe(file, "PropertySet", _PROPERTY_SET)
    _describe(file, "Metric", _METRIC, _METRIC_VALUE)
    _describe(file, "Payload", _PAYLOAD)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


def _describe(
    file: descriptor_pb2.FileDescriptorProto,
    name: str,
    fields: tuple[tuple[str, int, int | str], ...],
    one_of: tuple[tuple[str, int, int | str], ...] = (),
) -> None:
    message = file.message_type.add(name=name)
    if one_of:
        message.oneof_decl.add(name="value")
    for field, number, kind in (*fields, *one_of):
        described = message.field.add(name=field, number=number)
        described.label = _Field.LABEL_REPEATED if field in _REPEATED else _Field.LABEL_OPTIONAL
        if isinstance(kind, str):
            described.type = _Field.TYPE_MESSAGE
            described.type_name = f".{_PACKAGE}.{kind}"
        else:
            described.type = _Field.Type.ValueType(kind)
        if (field, number, kind) in one_of:
            described.oneof_index = 0


Payload = _payload_class()
