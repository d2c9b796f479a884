"""Opening: each crack followed from capture to capture, and how far it gapes at fixed stations along it.

`tracks` tell which crack is which, `stations` lie along it, `gaps` and `lips` measure there in two independent
ways, and `following` does all of that for the captures of one location. Pure: no clock, no SQL, no network.
"""
