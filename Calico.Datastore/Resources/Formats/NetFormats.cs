using System.Globalization;
using System.Net;

namespace Calico.Datastore.Resources.Formats;

/// <summary>Formats of addresses and networks. Each returns what is wrong with a text, or null.</summary>
public static class NetFormats
{
    public static string? Address(string text) => NetText.TryParseAddress(text, out _) ? null : "must be an IP address";

    public static string? AddressV4(string text) => OfVersion(text, 4) ? null : "must be a valid IPv4 address";

    public static string? AddressV6(string text) => OfVersion(text, 6) ? null : "must be a valid IPv6 address";

    /// <summary>Address or network, host bits allowed.</summary>
    public static string? Cidr(string text) => NetText.TryParseNet(text, out _, out _) ? null : "must be an IP address or CIDR";

    public static string? CidrV4(string text) => Cidr(text) ?? CidrOfVersion(text, 4);

    public static string? CidrV6(string text) => Cidr(text) ?? CidrOfVersion(text, 6);

    /// <summary>Address or network whose host bits are clear.</summary>
    public static string? Net(string text) =>
        Cidr(text) ?? (NetText.TryParseNet(text, out var address, out var length) && NetText.Mask(address, length).Equals(address)
            ? null
            : "CIDR is not strictly masked");

    public static string? NetV4(string text) => Net(text) ?? CidrOfVersion(text, 4);

    public static string? NetV6(string text) => Net(text) ?? CidrOfVersion(text, 6);

    /// <summary>A network of exactly one address.</summary>
    public static string? SingleAddressNet(string text) =>
        Cidr(text) ?? (NetText.TryParseNet(text, out var address, out var length) && length == NetText.Bits(address)
            ? null
            : "IP network contains multiple addresses");

    /// <summary>Networks separated by commas.</summary>
    public static string? CidrList(string text) =>
        text.Split(',', StringSplitOptions.TrimEntries).Select(Cidr).FirstOrDefault(wrong => wrong is not null);

    /// <summary><c>1.2.3.4</c>, <c>1.2.3.4:179</c>, <c>aa::bb</c> or <c>[aa::bb]:179</c>.</summary>
    public static string? AddressAndPort(string text) =>
        TryParseAddressAndPort(text, out _) ? null : "must be an IP address, optionally with a port from 1 to 65535";

    /// <summary>Address of an <see cref="AddressAndPort"/> text.</summary>
    public static bool TryParseAddressAndPort(string text, out IPAddress? address)
    {
        if (NetText.TryParseAddress(text, out address))
        {
            return true;
        }

        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !IsPort(text.AsSpan(colon + 1)))
        {
            return false;
        }

        var host = text[..colon];
        var bracketed = host.StartsWith('[') && host.EndsWith(']');
        return NetText.TryParseAddress(bracketed ? host[1..^1] : host, out address)
            && NetText.Version(address) == (bracketed ? 6 : 4);
    }

    private static bool IsPort(ReadOnlySpan<char> text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0;

    private static bool OfVersion(string text, int version) =>
        NetText.TryParseAddress(text, out var address) && NetText.Version(address) == version;

    private static string? CidrOfVersion(string text, int version) =>
        NetText.TryParseNet(text, out var address, out _) && NetText.Version(address) == version ? null : $"must be IPv{version}";
}
