using System.Globalization;
using System.Net;
using Calico.Datastore.Addresses;

namespace Calico.Datastore.Resources.Formats;

/// <summary>Formats of addresses and networks. Each returns what is wrong with a text, or null.</summary>
public static class NetFormats
{
    public static string? Address(string text) => AddressText.TryParse(text, out _) ? null : "must be an IP address";

    public static string? AddressV4(string text) => OfVersion(text, 4) ? null : "must be a valid IPv4 address";

    public static string? AddressV6(string text) => OfVersion(text, 6) ? null : "must be a valid IPv6 address";

    /// <summary>Address or network, host bits allowed.</summary>
    public static string? Cidr(string text) => Addresses.Cidr.TryParse(text, out _) ? null : "must be an IP address or CIDR";

    public static string? CidrV4(string text) => Cidr(text) ?? CidrOfVersion(text, 4);

    public static string? CidrV6(string text) => Cidr(text) ?? CidrOfVersion(text, 6);

    /// <summary>Address or network whose host bits are clear.</summary>
    public static string? Net(string text) =>
        Cidr(text) ?? (AddressText.TryParse(text, out var address, out _) && Addresses.Cidr.Parse(text).FirstAddress().Equals(address)
            ? null
            : "CIDR is not strictly masked");

    public static string? NetV4(string text) => Net(text) ?? CidrOfVersion(text, 4);

    public static string? NetV6(string text) => Net(text) ?? CidrOfVersion(text, 6);

    /// <summary>A network of exactly one address.</summary>
    public static string? SingleAddressNet(string text) =>
        !Addresses.Cidr.TryParse(text, out var cidr) ? Cidr(text) : cidr.IsHost ? null : "IP network contains multiple addresses";

    /// <summary>Networks separated by commas.</summary>
    public static string? CidrList(string text) =>
        text.Split(',', StringSplitOptions.TrimEntries).Select(Cidr).FirstOrDefault(wrong => wrong is not null);

    /// <summary><c>1.2.3.4</c>, <c>1.2.3.4:179</c>, <c>aa::bb</c> or <c>[aa::bb]:179</c>.</summary>
    public static string? AddressAndPort(string text) =>
        TryParseAddressAndPort(text, out _) ? null : "must be an IP address, optionally with a port from 1 to 65535";

    /// <summary>Address of an <see cref="AddressAndPort"/> text.</summary>
    public static bool TryParseAddressAndPort(string text, out IPAddress? address)
    {
        if (AddressText.TryParse(text, out address))
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
        return AddressText.TryParse(bracketed ? host[1..^1] : host, out address)
            && Addresses.Cidr.From(address).IsIpv6 == bracketed;
    }

    private static bool IsPort(ReadOnlySpan<char> text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0;

    private static bool OfVersion(string text, int version) =>
        AddressText.TryParse(text, out var address) && Addresses.Cidr.From(address).Version == version;

    private static string? CidrOfVersion(string text, int version) =>
        Addresses.Cidr.TryParse(text, out var cidr) && cidr.Version == version ? null : $"must be IPv{version}";
}
