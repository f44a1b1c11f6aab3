using System.Globalization;

namespace Calico.Felix.Rules;

/// <summary>Ports from <paramref name="First"/> to <paramref name="Last"/>, both included.</summary>
public readonly record struct PortRange(ushort First, ushort Last)
{
    /// <summary>Parses <c>80</c> or <c>80:90</c>; anything else is a name.</summary>
    public static bool TryParse(string text, out PortRange range)
    {
        range = default;
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var (first, last) = colon < 0 ? (text, text) : (text[..colon], text[(colon + 1)..]);
        if (!ushort.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var low)
            || !ushort.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var high) || low > high)
        {
            return false;
        }

        range = new(low, high);
        return true;
    }

    public override string ToString() => First == Last ? $"{First}" : $"{First}-{Last}";
}
