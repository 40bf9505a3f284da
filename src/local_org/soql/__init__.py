"""SOQL: the language, and running it over the org's records.

``run`` and ``holds`` are the door; everything else in this package is how they do it.
"""

from local_org.soql.columns import Output
from local_org.soql.query import holds, run
from local_org.soql.result import Result

__all__ = ["Output", "Result", "holds", "run"]
