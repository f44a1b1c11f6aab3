using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Calico.Datastore.Resources.Formats;

/// <summary>Formats of fields that are a number or a text. Each returns what is wrong, or null.</summary>
public static class NumberFormats
{
    private static readonly FrozenDictionary<string, string> ProtocolNames =
        new[] { "TCP", "UDP", "ICMP", "ICMPv6", "SCTP", "UDPLite" }.ToFrozenDictionary(name => name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Protocol: 1 to 255 or one of the six names, spelt exactly.</summary>
    public static string? Protocol(NumberOrString value) => value switch
    {
        { Number: >= 1 and <= 255 } => null,
        { Text: { } text } when ProtocolNames.TryGetValue(text, out var name) && name == text => null,
        { Text: { } text } when byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 => null,
        _ => "protocol name or number invalid",
    };

    /// <summary>The exact spelling of a protocol's name; other text as it is.</summary>
    public static string CanonicalProtocol(string text) => ProtocolNames.GetValueOrDefault(text, text);

    /// <summary>Whether a protocol is one of those, by name or number.</summary>
    public static bool IsProtocol(NumberOrString? protocol, string name, int number) => protocol is { } value
        && (value.Number == number || string.Equals(value.Text, name, StringComparison.OrdinalIgnoreCase)
            || value.Text == number.ToString(CultureInfo.InvariantCulture));

    /// <summary>Whether ports mean something to a protocol.</summary>
    public static bool HasPorts(NumberOrString? protocol) =>
        IsProtocol(protocol, "TCP", 6) || IsProtocol(protocol, "UDP", 17) || IsProtocol(protocol, "SCTP", 132);

    /// <summary>Port: number, <c>least:most</c>, or name.</summary>
    public static string? Port(NumberOrString value)
    {
        if (!TryParsePorts(value, out var least, out var most))
        {
            return value.Text is { Length: > 0 } name && !name.Contains(':', StringComparison.Ordinal)
                ? NameFormats.PortName(name)
                : "port range invalid, must be least:most";
        }

        return least > most ? "port range invalid, port 1 must be less than port 2"
            : least < 1 || most > ushort.MaxValue ? "port must be from 1 to 65535" : null;
    }

    /// <summary>As <see cref="Port"/>, without names.</summary>
    public static string? NumericPort(NumberOrString value) =>
        TryParsePorts(value, out _, out _) ? Port(value) : "must be a port number or range";

    /// <summary>Reads a number or range; false for names.</summary>
    public static bool TryParsePorts(NumberOrString value, out long least, out long most)
    {
        (least, most) = (value.Number ?? 0, value.Number ?? 0);
        if (value.Text is not { } text)
        {
            return value.Number is not null;
        }

        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return long.TryParse(colon < 0 ? text : text[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out least)
            && long.TryParse(colon < 0 ? text : text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out most);
    }

    /// <summary>A range of ports to choose from; 0 stands for none.</summary>
    public static string? PortRange(NumberOrString value) => value.Number == 0 ? null : NumericPort(value);

    /// <summary>AS number: 32 bits, also as <c>high.low</c>.</summary>
    public static string? AsNumber(NumberOrString value) => TryParseAsNumber(value, out _) ? null : "AS number is invalid";

    /// <summary>Reads an AS number.</summary>
    public static bool TryParseAsNumber(NumberOrString value, out uint number)
    {
        number = 0;
        if (value.Number is { } direct)
        {
            number = unchecked((uint)direct);
            return direct is >= 0 and <= uint.MaxValue;
        }

        var parts = (value.Text ?? "").Split('.');
        if (parts.Length != 2)
        {
            return uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out number) && parts.Length == 1;
        }

        var ok = ushort.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var high)
            & ushort.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var low);
        number = ((uint)high << 16) | low;
        return ok;
    }

    /// <summary>DSCP: 0 to 63 or a name of RFC 4594.</summary>
    public static string? Dscp(NumberOrString value) => value switch
    {
        { Number: >= 0 and <= 63 } => null,
        { Text: { } text } when IsDscpName(text.ToUpperInvariant()) => null,
        _ => "must be from 0 to 63 or one of DF, EF, AFxy, CSx",
    };

    [SuppressMessage("Style", "IDE0078", Justification = "one line per family of names reads better")]
    private static bool IsDscpName(string name) =>
        name is "DF" or "EF"
        || (name.Length == 3 && name.StartsWith("CS", StringComparison.Ordinal) && name[2] is >= '0' and <= '7')
        || (name.Length == 4 && name.StartsWith("AF", StringComparison.Ordinal) && name[2] is >= '1' and <= '4'
            && name[3] is >= '1' and <= '3');
}
