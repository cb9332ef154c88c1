"""The service: two listeners in one process around the reactors.

`run` is the lifecycle, `data_plane` the hot route, `auth` every refusal that the headers alone
decide, `errors` the table of failures, `limits` every bound.
"""
