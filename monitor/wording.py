"""How numbers are written in the sentences that people read, in alerts, on pages and in reports alike."""


def signed(value: float) -> str:
    """A change with two decimals and its sign, which 0.00 does not have; the minus is a minus, not a hyphen."""
    digits = f"{value:+.2f}"
    return digits[1:] if float(digits) == 0 else digits.replace("-", "−")


def interval(confidence: float, low: float, high: float) -> str:
    """`90 % interval +0.30 to +0.55`."""
    return f"{confidence * 100:.0f} % interval {signed(low)} to {signed(high)}"
