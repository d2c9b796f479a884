"""Growth over time: fits through histories, verdicts on them, rules that raise alarms. Pure: no clock, no SQL."""
