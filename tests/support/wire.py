"""Reads wire tables and plays their cases. What a table may hold: tests/wire/README.md."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from support.hub import Hub, unique
from support.identity import Identity
from support.raw_http import Reply

_KNOWN = {
    "name", "method", "path", "api_version", "headers", "json", "body", "hex", "auth",
    "given", "status", "code", "mentions", "answer", "header", "then", "changes", "envelope",
}  # fmt: skip
_REPEATED = re.compile(r"<(.)\*(\d+)>", re.S)
_KEYS = {
    "key": base64.b64encode(b"k" * 32).decode(),
    "key2": base64.b64encode(b"l" * 32).decode(),
}
_NAMED = re.compile(r"<([a-z0-9-]+)>")


@dataclass(frozen=True)
class Case:
    """A request and what must come of it."""

    table: str
    name: str
    fields: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.table}:{self.name}"


def load(folder: Path) -> list[Case]:
    """All cases of a folder; a key that no table knows is an error, not a silent pass."""
    cases = []
    for file in sorted(folder.glob("*.yaml")):
        table = yaml.safe_load(file.read_text())
        for variant, names in table.get("variants", {"": {}}).items():
            name = f"{file.stem}-{variant}" if variant else file.stem
            defaults = table.get("defaults", {})
            cases += [
                _case(name, _rename(entry, names), _rename(defaults, names)) for entry in table["cases"]
            ]
    return cases


def _case(table: str, entry: dict[str, Any], defaults: dict[str, Any]) -> Case:
    fields = {**defaults, **entry}
    fields["headers"] = {**defaults.get("headers", {}), **entry.get("headers", {})}
    if unknown := set(fields) - _KNOWN:
        raise ValueError(f"{table}: {entry.get('name')}: unknown keys {unknown}")
    if missing := {"name", "method", "path", "status"} - set(fields):
        raise ValueError(f"{table}: {entry.get('name')}: no {missing}")
    return Case(table, fields["name"], fields)


class Scene:
    """A device with the module `m`, made for one case, and the names for it."""

    def __init__(self, hub: Hub, given: dict[str, Any]):
        self.hub = hub
        given = substitute(given, _KEYS)
        modules = given.pop("modules", 0)
        twin = {"tags": given.pop("tags", {})}
        if "desired" in given:
            twin["properties"] = {"desired": given.pop("desired")}
        if given.pop("edge", False):
            given["capabilities"] = {"iotEdge": True}
        self.device = hub.with_device("wire", **given)
        self.module = self.device.with_module("m")
        for number in range(modules):
            self.device.with_module(f"extra-{number}")
        if twin["tags"] or "properties" in twin:
            self.device.patch_twin(twin)
            self.module.patch_twin(twin)
        self.names = self._names()

    def _names(self) -> dict[str, str]:
        device = self.device.document
        return {
            "host": self.hub.host,
            "device": self.device.device_id,
            "device-encoded": "".join(f"%{ord(letter):02x}" for letter in self.device.device_id),
            "other-case": self.device.device_id.upper(),
            "new": unique("new"),
            "new2": unique("new"),
            "etag": self.device.get()["etag"],
            "module-etag": self.module.get()["etag"],
            "twin-etag": self.device.twin()["etag"],
            "module-twin-etag": self.module.twin()["etag"],
            "other-etag": base64.b64encode(b"1234567").decode(),
            "other-twin-etag": "AAAAAAAAJxA=",
            "generation": device["generationId"],
            "scope": device.get("deviceScope", ""),
            **_KEYS,
        }

    def snapshot(self) -> dict[str, Any]:
        """Everything a refused request must leave as it was."""
        get = self.hub.http
        seen = {}
        for path in (
            self.device.path, f"{self.device.path}/modules", self.device.twin_path, self.module.twin_path,
            f"/devices/{self.names['new']}", f"/devices/{self.names['new2']}",
        ):  # fmt: skip
            reply = get("GET", path)
            seen[path] = reply.json() if reply.status == 200 else reply.status
        return seen


def _rename(value: Any, names: dict[str, str]) -> Any:
    """Fills in a variant's names, and leaves what can be large for the moment of sending."""
    if isinstance(value, dict):
        return {_rename(k, names): _rename(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [_rename(item, names) for item in value]
    return _NAMED.sub(lambda m: names.get(m[1], m[0]), value) if isinstance(value, str) else value


def substitute(value: Any, names: dict[str, str]) -> Any:
    """Fills in `<name>`, `<c*N>` and `<repeat>` in all strings of a document."""
    if isinstance(value, dict):
        if "<repeat>" in value:
            return [
                substitute(value["item"], {**names, "n": str(number)}) for number in range(value["<repeat>"])
            ]
        return {substitute(k, names): substitute(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [substitute(item, names) for item in value]
    if isinstance(value, str):
        value = _REPEATED.sub(lambda m: m[1] * int(m[2]), value)
        return _rename(value, names)
    return value


def play(hub: Hub, case: Case) -> None:
    """Sends the case's request and checks everything that it says."""
    scene = Scene(hub, case.fields.get("given", {}))
    fields = substitute({k: v for k, v in case.fields.items() if k != "given"}, scene.names)
    refused = _first(fields["status"]) >= 400
    unchanged = refused and not fields.get("changes", False)
    before = scene.snapshot() if unchanged else None

    reply = _send(scene, fields)

    statuses = fields["status"] if isinstance(fields["status"], list) else [fields["status"]]
    assert reply.status in statuses, f"expected {statuses}, got {reply}"
    if "code" in fields:
        _check_error(reply, fields["code"])
    if "mentions" in fields:
        assert fields["mentions"] in f"{reply.headers} {reply.body.decode()}", str(reply)
    if "answer" in fields:
        _check_subset(fields["answer"], reply.json(), "answer")
    for name, value in fields.get("header", {}).items():
        assert reply.header(name) == value, f"{name}: {reply.header(name)!r}, expected {value!r}"
    for probe in fields.get("then", []):
        seen = hub.http("GET", probe["get"]).expect(probe.get("status", 200))
        _check_subset(probe.get("answer", {}), seen.json(), probe["get"])
    if before is not None:
        assert scene.snapshot() == before, "the refused request changed something"


def _send(scene: Scene, fields: dict[str, Any]) -> Reply:
    body = fields["body"].encode() if "body" in fields else None
    if "hex" in fields:
        body = bytes.fromhex(fields["hex"])
    if "json" in fields:
        body = json.dumps(fields["json"]).encode()
    options: dict[str, Any] = {"headers": fields["headers"], "body": body}
    if "api_version" in fields:
        options["api_version"] = fields["api_version"]
    auth = fields.get("auth", "iothubowner")
    match auth:
        case "none":
            options["token"] = None
        case "operator":
            options["token"] = f"Bearer {scene.hub.operator_token}"
        case "device-key":
            options["token"] = scene.device.sas()
        case "module-key":
            options["token"] = scene.module.sas()
        case "stranger-key":
            options["token"] = scene.hub.with_device("stranger").sas()
        case _:
            options["policy"] = auth
    return scene.hub.http(fields["method"], fields["path"], **options)


def _first(status: int | list[int]) -> int:
    return status[0] if isinstance(status, list) else status


def _check_error(reply: Reply, codes: str | list[str]) -> None:
    """The header and the body name the same one of the allowed codes."""
    allowed = codes if isinstance(codes, list) else [codes]
    code = reply.error_code
    assert code in allowed, f"iothub-errorcode is {code!r}, expected {allowed}: {reply}"
    assert (reply.header("content-type") or "").startswith("application/json"), str(reply.headers)
    if reply.error_number is not None:
        assert reply.error_number // 1000 == reply.status, str(reply)
    else:
        assert reply.error_name_in_body == code, f"the body names another code: {reply}"
        text = reply.json()["Message"].split(";", 1)[1]
        assert ";" not in text and "{" not in text, f"clients split the message there: {text!r}"


def _check_subset(expected: Any, actual: Any, where: str) -> None:
    """Dictionaries may hold more than expected; everything else is equal."""
    if isinstance(expected, dict):
        assert isinstance(actual, dict), f"{where}: expected an object, got {actual!r}"
        for key, value in expected.items():
            if value == "<absent>":
                assert key not in actual, f"{where}.{key} is {actual[key]!r}, expected to be absent"
                continue
            assert key in actual, f"{where}.{key} is missing"
            _check_subset(value, actual[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(actual, list) and len(actual) == len(expected), f"{where}: {actual!r}"
        for index, value in enumerate(expected):
            _check_subset(value, actual[index], f"{where}[{index}]")
    elif expected == "<any>":
        assert actual is not None, f"{where} is null"
    else:
        assert actual == expected, f"{where} is {actual!r}, expected {expected!r}"
