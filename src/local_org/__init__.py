"""A small Salesforce on this computer, over HTTP on loopback.

It stands on its own: nothing here imports the rest of sfsync, so that a misreading of Salesforce's
rules cannot agree with itself at both ends of the wire.
"""
