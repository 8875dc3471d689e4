"""The page that a report is poured into: our template with the names and the number formats that it uses."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ..comparing.breakdown import COUNTED_ONLY, count_text
from ..comparing.comparison_text import both_change_lines
from ..comparing.verdict import logprob_facts, sureness_lines
from ..number_text import interval_text, nats, p_text, points
from ..results.known_items import KINDS
from ..results.result_text import FEW_QUESTIONS
from ..results.result_words import (
    CONTEXT_NAMES,
    POLARITY_NAMES,
    auc_text,
    both_forms_lines,
    counts_text,
    gain_text,
    histogram_text,
    number_text,
    percent,
    reading_text,
    said_to_fit,
)
from .charts import HEIGHT, WIDTH, reliability_points

TEMPLATES = Path(__file__).with_name("templates")


@cache
def report_template() -> Any:
    """The compiled template; every value it is given is escaped, and an unknown name is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Our own two files, written into the page as they are; everything else is escaped.
    for name in ("css", "js"):
        environment.globals[name] = Markup((TEMPLATES / f"report.{name}").read_text(encoding="utf-8"))  # noqa: S704
    environment.globals |= {
        "width": WIDTH, "height": HEIGHT, "kinds": KINDS, "reliability_points": reliability_points,
        "few_questions": FEW_QUESTIONS, "polarities": POLARITY_NAMES, "context_names": CONTEXT_NAMES,
        "counted_only": COUNTED_ONLY,
    }  # fmt: skip
    environment.filters |= {
        "percent": percent,
        "said_to_fit": said_to_fit,
        "points": points,
        "p_text": p_text,
        "interval": interval_text,
        "nats": nats,
        "logprob_facts": logprob_facts,
        "sureness_lines": sureness_lines,
        "count": count_text,
        "counts": counts_text,
        "auc": auc_text,
        "number": number_text,
        "histogram": histogram_text,
        "reading": reading_text,
        "both_forms_lines": both_forms_lines,
        "both_change_lines": both_change_lines,
        "gain": gain_text,
    }
    return environment.get_template("report.html.j2")
