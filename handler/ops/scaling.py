"""StandardScaler and MinMaxScaler: the same float64 operations in the same order, so equal to the last bit.

Source: the ``transform`` methods in scikit-learn's sklearn/preprocessing/_data.py.
"""


def standard_scaler(step, tensors, n_features, generated):
    """``(x - mean) / scale``; either part may be absent."""
    mean = tensors.get(step["mean"], "d", n_features).tolist() if step["mean"] else None
    scale = tensors.get(step["scale"], "d", n_features).tolist() if step["scale"] else None

    if mean and scale:
        triples = list(zip(mean, scale))

        def transform(row):
            return [(x - m) / s for x, (m, s) in zip(row, triples)]
    elif mean:

        def transform(row):
            return [x - m for x, m in zip(row, mean)]
    elif scale:

        def transform(row):
            return [x / s for x, s in zip(row, scale)]
    else:

        def transform(row):
            return row

    return "transformer", transform


def minmax_scaler(step, tensors, n_features, generated):
    """``x * scale + min``, clipped to the feature range when the scaler clips."""
    scale = tensors.get(step["scale"], "d", n_features).tolist()
    minimum = tensors.get(step["min"], "d", n_features).tolist()
    pairs = list(zip(scale, minimum))
    if step["clip"] is None:

        def transform(row):
            return [x * s + m for x, (s, m) in zip(row, pairs)]
    else:
        low, high = map(float, step["clip"])

        def transform(row):
            return [min(max(x * s + m, low), high) for x, (s, m) in zip(row, pairs)]

    return "transformer", transform


BUILDERS = {"standard_scaler": standard_scaler, "minmax_scaler": minmax_scaler}
