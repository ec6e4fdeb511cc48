"""Controls whose answers can halt a therapy: each option that does says so, and the page turns with it (forms.css)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms


class _Halting(forms.widgets.ChoiceWidget):
    """`halting`: the values that halt. Their options carry `data-halts`."""

    def __init__(self, halting: Collection[str] = (), attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.halting = halting

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if str(value) in self.halting:
            option["attrs"]["data-halts"] = ""
        return option


class HaltingRadios(_Halting, forms.RadioSelect):
    pass


class HaltingSelect(_Halting, forms.Select):
    pass
