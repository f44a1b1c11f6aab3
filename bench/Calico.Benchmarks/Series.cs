namespace Calico.Benchmarks;

/// <summary>Measured values of one thing, in one unit.</summary>
public sealed class Series(IEnumerable<double> values)
{
    private readonly double[] _sorted = [.. values.Order()];

    /// <summary>Ascending.</summary>
    public IReadOnlyList<double> Values => _sorted;

    public int Count => _sorted.Length;

    public double P50 => At(0.50);

    public double P99 => At(0.99);

    public double At(double quantile) => _sorted.Length == 0 ? double.NaN
        : _sorted[Math.Min(_sorted.Length - 1, (int)(_sorted.Length * quantile))];
}
