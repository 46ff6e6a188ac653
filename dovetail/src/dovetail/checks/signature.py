"""What a handler's parameters say; those that can never work are refused when it is registered."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import Parameter
from types import SimpleNamespace, UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

from dovetail.codec.envelope import Received
from dovetail.context import Context
from dovetail.errors import ConfigurationError
from dovetail.message import Message

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_LISTS = (list, Sequence)
_UNIONS = (Union, UnionType)
#: An annotation that cannot be read here, as of a name that is imported for type checkers only.
_UNREADABLE = object()


@dataclass(frozen=True)
class Signature:
    """How a handler is called."""

    name: str
    wants_context: bool
    #: A plain function: it holds up the thread that it runs in.
    blocking: bool


def signature_of(function: Any, message: type[Message] | None, *, batch: bool) -> Signature:
    """Raises ConfigurationError where the function can never work as a handler of this message.

    `message` is None for what takes whatever matches a pattern.
    """
    name = _name(function)
    _check_callable(function, name)
    parameters = _parameters(function, name)
    _check_shape(function, parameters, name)
    positional = [one for one in parameters if one.kind in _POSITIONAL]
    annotations = [_annotation(one, function) for one in positional]
    if positional:
        _check_message(annotations[0], message, batch, name)
    if len(positional) > 1:
        _check_context(positional[1], annotations[1], batch, name)
    return Signature(name, len(positional) > 1, not _is_async(function))


def _name(function: Any) -> str:
    target = _innermost(function)
    name = getattr(target, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def _innermost(function: Any) -> Any:
    """The function that was written, behind partials and bound methods."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function) or isinstance(function, staticmethod):
            function = function.__func__
        else:
            return function


def _is_async(function: Any) -> bool:
    target = _innermost(function)
    # A plain decorator around an async function returns what is to be awaited.
    return inspect.iscoroutinefunction(inspect.unwrap(target)) or inspect.iscoroutinefunction(
        getattr(target, "__call__", None)  # noqa: B004 - an object's own method is looked for
    )


def _check_callable(function: Any, name: str) -> None:
    if isinstance(function, type):
        _refuse(name, "is a class; give an object of it, or its method")
    if not callable(function):
        _refuse(name, "cannot be called; a handler is a function")
    target = _innermost(function)
    call = target if inspect.isroutine(target) else type(target).__call__
    if inspect.isasyncgenfunction(call) or inspect.isgeneratorfunction(call):
        _refuse(name, "yields; a handler returns the messages that it causes, in a list")


def _parameters(function: Any, name: str) -> list[Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        _refuse(name, "does not tell its parameters; write a function around it")


def _check_shape(function: Any, parameters: Sequence[Parameter], name: str) -> None:
    positional = [one for one in parameters if one.kind in _POSITIONAL]
    if _is_method_without_object(function, positional):
        _refuse(
            name,
            f"is a method without its object ({positional[0].name!r} would be the message): register "
            "the bound method, as in group.on(Message)(service.method), for instance in __init__",
        )
    for one in parameters:
        if one.kind is Parameter.KEYWORD_ONLY and one.default is Parameter.empty:
            _refuse(
                name,
                f"needs the keyword argument {one.name!r}; a handler is given none "
                "(functools.partial gives it others)",
            )
    takes_any = any(one.kind is Parameter.VAR_POSITIONAL for one in parameters)
    if len(positional) > 2 or not (positional or takes_any):
        _refuse(
            name,
            f"takes {len(positional)} parameters; a handler takes the message and, if it likes, its "
            "Context (functools.partial gives it others)",
        )


def _is_method_without_object(function: Any, positional: Sequence[Parameter]) -> bool:
    if not inspect.isfunction(function) or not positional:
        return False
    place = function.__qualname__.rpartition(".")[0]
    in_class = bool(place) and not place.endswith("<locals>")
    return in_class and positional[0].name in ("self", "cls", "this")


def _check_message(annotation: Any, message: type[Message] | None, batch: bool, name: str) -> None:
    wanted: type = Received if message is None else message
    is_list = get_origin(annotation) in _LISTS or annotation in _LISTS
    taken = f"list[{wanted.__name__}]" if batch else wanted.__name__
    if is_list and not batch:
        _refuse(name, f"takes a list; give batch=… to `on`, or let it take {taken}")
    inside = next(iter(get_args(annotation)), Any) if is_list else annotation
    if (batch and not is_list and _contradicts(annotation, list)) or (
        is_list == batch and _contradicts(inside, wanted)
    ):
        given = " | ".join(getattr(one, "__name__", str(one)) for one in _parts(inside))
        _refuse(name, f"takes {given}; registered like this it is given {taken}")


def _contradicts(annotation: Any, wanted: type) -> bool:
    """Whether nothing of this class can be meant."""
    return all(_excludes(one, wanted) for one in _parts(annotation))


def _excludes(annotation: Any, wanted: type) -> bool:
    if annotation in (Any, Parameter.empty) or getattr(annotation, "_is_protocol", False):
        return False
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and not issubclass(wanted, kind)


def _parts(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)


def _check_context(parameter: Parameter, annotation: Any, batch: bool, name: str) -> None:
    wanted = "list[Context]" if batch else "Context"
    if annotation is _UNREADABLE:
        right = "Context" in str(parameter.annotation)
    elif annotation in (Parameter.empty, Any, object):
        right = parameter.default is Parameter.empty
    else:
        right = any(_is_context(one, batch) for one in _parts(annotation))
    if not right:
        _refuse(
            name,
            f"has a second parameter, {parameter.name!r}, that is not annotated with {wanted}, which is "
            "what it would be given (functools.partial gives it others)",
        )


def _is_context(annotation: Any, batch: bool) -> bool:
    if batch:
        inside = get_args(annotation)
        return get_origin(annotation) in _LISTS and (not inside or inside[0] in (Context, Any))
    return annotation is Context


def _annotation(parameter: Parameter, function: Any) -> Any:
    annotation = parameter.annotation
    if annotation is Parameter.empty:
        return annotation
    target = inspect.unwrap(_innermost(function))
    target = target if inspect.isroutine(target) else type(target).__call__
    try:
        return get_type_hints(
            SimpleNamespace(__annotations__={"it": annotation}),
            globalns=getattr(target, "__globals__", {}),
            localns=_closed_over(target),
        )["it"]
    except Exception:  # noqa: BLE001 - a name that is not there, or an expression that fails
        return _UNREADABLE


def _closed_over(function: Any) -> dict[str, Any]:
    """Names of the function around it that it uses itself."""
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    found = {}
    for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _refuse(name: str, why: str) -> NoReturn:
    raise ConfigurationError(f"{name} {why}")
