using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Calico.Datastore.Resources.Formats;

/// <summary>Addresses and networks as Go reads them: no leading zeros, no shortened IPv4, no zone, IPv4-mapped ones are IPv4.</summary>
public static class NetText
{
    /// <summary>Reads an address.</summary>
    public static bool TryParseAddress(string text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        if (text.Contains(':', StringComparison.Ordinal))
        {
            if (text.AsSpan().IndexOfAny("%[]/ ") >= 0 || !IPAddress.TryParse(text, out var parsed))
            {
                return false;
            }

            address = parsed.IsIPv4MappedToIPv6 ? parsed.MapToIPv4() : parsed;
            return true;
        }

        Span<byte> octets = stackalloc byte[4];
        var count = 0;
        foreach (var range in text.AsSpan().Split('.'))
        {
            var part = text.AsSpan(range);
            if (count == 4 || part.Length is 0 or > 3 || (part.Length > 1 && part[0] == '0')
                || !byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out octets[count]))
            {
                return false;
            }

            count++;
        }

        address = count == 4 ? new IPAddress(octets) : null;
        return address is not null;
    }

    /// <summary>Reads an address or a network; host bits may be set. An address alone is a network of that one.</summary>
    public static bool TryParseNet(string text, [NotNullWhen(true)] out IPAddress? address, out int prefixLength)
    {
        prefixLength = 0;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!TryParseAddress(slash < 0 ? text : text[..slash], out address))
        {
            return false;
        }

        var bits = Bits(address);
        if (slash < 0)
        {
            prefixLength = bits;
            return true;
        }

        var length = text.AsSpan(slash + 1);
        if (length.Length is > 0 and <= 3 && (length.Length == 1 || length[0] != '0')
            && int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out prefixLength) && prefixLength <= bits)
        {
            return true;
        }

        address = null;
        return false;
    }

    /// <summary>32 or 128.</summary>
    public static int Bits(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;

    /// <summary>4 or 6.</summary>
    public static int Version(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? 4 : 6;

    /// <summary>The address with the bits after the prefix cleared.</summary>
    public static IPAddress Mask(IPAddress address, int prefixLength)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var written);
        for (var i = 0; i < written; i++)
        {
            var kept = Math.Clamp(prefixLength - (i * 8), 0, 8);
            bytes[i] &= (byte)(0xff << (8 - kept));
        }

        return new IPAddress(bytes[..written]);
    }

    /// <summary>Whether two networks have an address in common.</summary>
    public static bool Overlap(IPAddress a, int lengthA, IPAddress b, int lengthB)
    {
        var shorter = Math.Min(lengthA, lengthB);
        return a.AddressFamily == b.AddressFamily && Mask(a, shorter).Equals(Mask(b, shorter));
    }

    /// <summary>Canonical text of a network (host bits cleared); the text itself when it is none.</summary>
    public static string Canonical(string text) =>
        TryParseNet(text, out var address, out var length) ? $"{Mask(address, length)}/{length}" : text;
}
