"""sfsync keeps an email platform and a Salesforce org in step.

The parts, lowest first, are listed in ``docs/architecture.md``; this module only holds the version.
"""

__version__ = "0.1.0"
