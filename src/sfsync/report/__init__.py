"""The page of ``sfsync report``: figures as plain values in, one HTML document out. Pure."""
