using System.Text.RegularExpressions;
using Calico.Datastore.Selectors;

namespace Calico.Datastore.Resources.Formats;

/// <summary>Formats of other texts. Each returns what is wrong with a text, or null.</summary>
public static partial class TextFormats
{
    public static string? Selector(string text) =>
        Selectors.Selector.TryParse(text, out _, out var error) ? null : $"invalid selector: {error}";

    /// <summary>A duration as Go reads it, e.g. <c>1m30s</c>, that is not negative and that 64 bits of nanoseconds hold.</summary>
    public static string? Duration(string text)
    {
        if (text == "0")
        {
            return null;
        }

        var match = DurationPattern().Match(text);
        if (!match.Success)
        {
            return text.StartsWith('-') ? "must not be negative" : "must be a duration like 1m30s";
        }

        var nanoseconds = Nanoseconds(match);
        return nanoseconds <= long.MaxValue ? null : "must be a duration of at most 292 years";
    }

    /// <summary>Reads what <see cref="Duration"/> takes.</summary>
    public static bool TryDuration(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        if (Duration(text) is not null)
        {
            return false;
        }

        duration = TimeSpan.FromMicroseconds(Nanoseconds(DurationPattern().Match(text)) / 1000);
        return true;
    }

    public static string? Mac(string text) => MacPattern().IsMatch(text) ? null : "must be a MAC address";

    /// <summary>32 bytes in base64.</summary>
    public static string? WireguardKey(string text)
    {
        Span<byte> key = stackalloc byte[48];
        return text.Length == 44 && Convert.TryFromBase64String(text, key, out var written) && written == 32
            ? null
            : "must be a WireGuard public key";
    }

    public static string? RegularExpression(string text)
    {
        try
        {
            _ = new Regex(text, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
            return null;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return "must be a regular expression";
        }
    }

    /// <summary><c>key=value</c> pairs separated by commas.</summary>
    public static string? KeyValueList(string text) => KeyValuePattern().IsMatch(text) ? null : "must be a list of key=value";

    /// <summary>Community <c>aa:nn</c> or large community <c>aa:nn:mm</c>.</summary>
    public static string? Community(string text)
    {
        var parts = text.Split(':');
        var most = parts.Length == 2 ? ushort.MaxValue : uint.MaxValue;
        return parts.Length is 2 or 3 && Array.TrueForAll(parts, part => IsNumber(part, most))
            ? null
            : "invalid community value or format used.";
    }

    /// <summary>A path of a URL without query: no blanks, which no request has.</summary>
    public static string? HttpPath(string path) => !path.StartsWith('/') ? "must start with /"
        : path.AsSpan().IndexOfAny("?#") >= 0 ? "must not contain ? or #"
        : path.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)) ? "must not contain white space" : null;

    public static Func<string, string?> Pattern(Regex pattern, string wrong) => text => pattern.IsMatch(text) ? null : wrong;

    private static double Nanoseconds(Match duration) => duration.Groups["number"].Captures.Zip(duration.Groups["unit"].Captures)
        .Sum(pair => double.Parse(pair.First.Value, System.Globalization.CultureInfo.InvariantCulture) * Nanoseconds(pair.Second.Value));

    private static double Nanoseconds(string unit) => unit switch
    {
        "ns" => 1,
        "us" or "\u00b5s" or "\u03bcs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        _ => 3600e9,
    };

    private static bool IsNumber(string text, uint most) =>
        uint.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number)
        && number <= most;

    [GeneratedRegex(@"\A\+?((?<number>[0-9]+(\.[0-9]*)?|\.[0-9]+)(?<unit>ns|us|\u00b5s|\u03bcs|ms|s|m|h))+\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex DurationPattern();

    [GeneratedRegex(@"\A([0-9a-fA-F]{2}((:[0-9a-fA-F]{2}){5}|(-[0-9a-fA-F]{2}){5})|[0-9a-fA-F]{4}(\.[0-9a-fA-F]{4}){2})\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex MacPattern();

    [GeneratedRegex(@"\A(\s*\w+=[^,]*(,\s*\w+=[^,]*)*,?)?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex KeyValuePattern();
}
