using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Calico.Datastore.Addresses;

/// <summary>The one rule by which addresses are read, which is Go's. The framework also takes <c>10.1</c>, <c>0x0a000001</c> and
/// <c>012.0.0.1</c> for IPv4, and zones, brackets and ports behind IPv6: nobody means those in a resource.</summary>
/// <remarks>An IPv4 address written as IPv6 (<c>::ffff:10.0.0.1</c>) is read as IPv4, and a length behind it counts from there.</remarks>
public static class AddressText
{
    /// <summary>Reads an address.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address) =>
        text.Contains(':') ? TryParseIpv6(text, out address) : TryParseIpv4(text, out address);

    /// <summary>Reads <c>address/length</c>, or an address alone with the length of its whole family. Host bits stay: an interface's
    /// address is written so.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address, out int prefixLength)
    {
        prefixLength = 0;
        var slash = text.IndexOf('/');
        if (!TryParse(slash < 0 ? text : text[..slash], out address))
        {
            return false;
        }

        var bits = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        if (slash < 0)
        {
            prefixLength = bits;
            return true;
        }

        if (TryParseNumber(text[(slash + 1)..], out var given) && given <= bits)
        {
            prefixLength = given;
            return true;
        }

        address = null;
        return false;
    }

    private static bool TryParseIpv6(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        if (text.IndexOfAny("%[]/ ") >= 0 || !IPAddress.TryParse(text, out var parsed))
        {
            return false;
        }

        address = parsed.IsIPv4MappedToIPv6 ? parsed.MapToIPv4() : parsed;
        return true;
    }

    private static bool TryParseIpv4(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        Span<byte> octets = stackalloc byte[4];
        for (var i = 0; i < octets.Length; i++)
        {
            var dot = text.IndexOf('.');
            if (dot < 0 != (i == octets.Length - 1) || !TryParseNumber(dot < 0 ? text : text[..dot], out octets[i]))
            {
                return false;
            }

            text = text[(dot + 1)..];
        }

        address = new IPAddress(octets);
        return true;
    }

    /// <summary>Up to three digits, none of them a leading zero.</summary>
    private static bool TryParseNumber(ReadOnlySpan<char> text, out byte number)
    {
        var value = 0;
        foreach (var digit in text)
        {
            value = char.IsAsciiDigit(digit) && value <= byte.MaxValue ? (value * 10) + (digit - '0') : int.MaxValue;
        }

        number = (byte)value;
        return text.Length is 1 or 2 or 3 && (text.Length == 1 || text[0] != '0') && value <= byte.MaxValue;
    }
}
