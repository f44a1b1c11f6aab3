using System.Globalization;

namespace Calico.Cli.Input;

/// <summary>Spans of time as users write and read them: <c>500ms</c>, <c>10s</c>, <c>2m</c>, <c>1h</c>.</summary>
internal static class Duration
{
    /// <summary>Reads one number with one unit; only what is longer than nothing and shorter than a month.</summary>
    internal static bool TryParse(string text, out TimeSpan span)
    {
        var digits = text.AsSpan().TrimEnd("msh");
        var seconds = text.AsSpan(digits.Length) switch { "ms" => 0.001, "s" => 1, "m" => 60, "h" => 3600, _ => 0 };
        var isNumber = double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number);
        var total = number * seconds;
        var isSpan = isNumber && total > 0 && total < TimeSpan.FromDays(31).TotalSeconds;
        span = isSpan ? TimeSpan.FromSeconds(total) : default;
        return isSpan;
    }

    /// <summary>The two largest units, or seconds with one digit: <c>2d3h</c>, <c>4h12m</c>, <c>1m05s</c>, <c>3.2s</c>.</summary>
    internal static string Format(double seconds)
    {
        var span = TimeSpan.FromSeconds(seconds);
        return FormattableString.Invariant(span switch
        {
            { TotalDays: >= 1 } => $"{span.Days}d{span.Hours}h",
            { TotalHours: >= 1 } => $"{span.Hours}h{span.Minutes:00}m",
            { TotalMinutes: >= 1 } => $"{span.Minutes}m{span.Seconds:00}s",
            _ => (FormattableString)$"{span.TotalSeconds:0.#}s",
        });
    }
}
