"""The rules: every class derived from `Rule` in a module of this folder, found by listing it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from replica.audit.rule import Rule


def all_rules() -> tuple[Rule, ...]:
    """Return one of each rule, ordered by module and then by place in it."""
    found: list[Rule] = []
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        module = importlib.import_module(f"{__name__}.{name}")
        found.extend(
            member()
            for member in vars(module).values()
            if inspect.isclass(member)
            and issubclass(member, Rule)
            and member.__module__ == module.__name__
            and not inspect.isabstract(member)
        )
    return tuple(found)
