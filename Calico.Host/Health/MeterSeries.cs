using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Calico.Host.Health;

/// <summary>What one instrument has measured, by its labels. Used under its collector's lock.</summary>
internal sealed class MeterSeries
{
    /// <summary>Seconds; what an operation on one machine takes.</summary>
    private static readonly double[] DefaultBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly string _help;
    private readonly string _type;
    private readonly bool _isObserved;
    private readonly bool _adds;
    private readonly double[]? _bounds;
    private readonly SortedDictionary<string, Point> _points = new(StringComparer.Ordinal);

    public MeterSeries(Instrument instrument)
    {
        var kind = instrument.GetType().IsGenericType ? instrument.GetType().GetGenericTypeDefinition() : instrument.GetType();
        (Name, _help, _isObserved) = (Legal(instrument.Name), instrument.Description ?? "", instrument.IsObservable);
        _bounds = kind == typeof(Histogram<>) ? Bounds(instrument) : null;
        _type = _bounds is not null ? "histogram" : kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>) ? "counter" : "gauge";
        // Of these a measurement is a difference; the others tell the value itself.
        _adds = kind == typeof(Counter<>) || kind == typeof(UpDownCounter<>);
    }

    /// <summary>The metric's.</summary>
    public string Name { get; }

    /// <summary>Before a collection: what is told anew each time is forgotten, so that a label that is gone does not stay.</summary>
    public void Begin()
    {
        if (_isObserved)
        {
            _points.Clear();
        }
    }

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = Labels(tags);
        if (!_points.TryGetValue(labels, out var point))
        {
            _points.Add(labels, point = new(_bounds is null ? [] : new long[_bounds.Length]));
        }

        point.Count++;
        point.Value = _adds || _bounds is not null ? point.Value + value : value;
        for (var i = 0; i < point.Buckets.Length; i++)
        {
            // Cumulative, as the format wants them.
            point.Buckets[i] += value <= _bounds![i] ? 1 : 0;
        }
    }

    /// <param name="text">Where to.</param>
    /// <param name="withHead">False: another instrument of the same name has written it.</param>
    public void Write(StringBuilder text, bool withHead)
    {
        if (withHead)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {Name} {Escape(_help)}\n# TYPE {Name} {_type}\n");
        }

        foreach (var (labels, point) in _points)
        {
            if (_bounds is null)
            {
                Line(text, "", labels, point.Value);
                continue;
            }

            for (var i = 0; i < _bounds.Length; i++)
            {
                Line(text, "_bucket", With(labels, string.Create(CultureInfo.InvariantCulture, $"le=\"{_bounds[i]}\"")), point.Buckets[i]);
            }

            Line(text, "_bucket", With(labels, "le=\"+Inf\""), point.Count);
            Line(text, "_sum", labels, point.Value);
            Line(text, "_count", labels, point.Count);
        }
    }

    private static double[] Bounds(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { Count: > 0 } bounds } => [.. bounds],
        _ => DefaultBounds,
    };

    private static string With(string labels, string more) => labels.Length == 0 ? more : $"{labels},{more}";

    private void Line(StringBuilder text, string suffix, string labels, double value) =>
        text.Append(CultureInfo.InvariantCulture, $"{Name}{suffix}{(labels.Length > 0 ? $"{{{labels}}}" : "")} {value}\n");

    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in tags)
        {
            text.Append(text.Length > 0 ? "," : "").Append(Legal(name)).Append("=\"")
                .Append(Escape(System.Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
                    .Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
        }

        return text.ToString();
    }

    private static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);

    // An adapter may name its instruments as OpenTelemetry does, with dots.
    private static string Legal(string name) =>
        string.Concat(name.Select((c, i) => char.IsAsciiLetter(c) || c is '_' or ':' || (i > 0 && char.IsAsciiDigit(c)) ? c : '_'));

    private sealed class Point(long[] buckets)
    {
        public double Value { get; set; }

        public long Count { get; set; }

        public long[] Buckets => buckets;
    }
}
