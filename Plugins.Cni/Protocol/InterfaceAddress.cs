using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>An address with the length of its network's prefix, as CNI writes it (<c>10.88.3.2/24</c>).</summary>
internal readonly record struct InterfaceAddress(IPAddress Address, int PrefixLength)
{
    public static InterfaceAddress Host(IPAddress address) => new(address, LengthOf(address));

    public bool IsIpv4 => Address.AddressFamily == AddressFamily.InterNetwork;

    /// <summary>Also without a prefix: then it is the whole address.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out InterfaceAddress result)
    {
        result = default;
        var slash = text.IndexOf('/');
        var host = slash < 0 ? text : text[..slash];
        // The framework also reads "1", "0x7f.1" and "012.0.0.1" (as 10.0.0.1), and zones and brackets: no runtime means those.
        if (host.IndexOfAny("%[] ") >= 0 || !IPAddress.TryParse(host, out var address)
            || (address.AddressFamily == AddressFamily.InterNetwork && !host.SequenceEqual(address.ToString())))
        {
            return false;
        }

        var length = LengthOf(address);
        if (slash >= 0 && (!int.TryParse(text[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var given)
            || (length = given <= length ? given : -1) < 0))
        {
            return false;
        }

        result = new(address, length);
        return true;
    }

    /// <summary>The network it lies in.</summary>
    public IPNetwork ToNetwork()
    {
        var bytes = Address.GetAddressBytes();
        for (var bit = PrefixLength; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        return new IPNetwork(new IPAddress(bytes), PrefixLength);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address}/{PrefixLength}");

    private static int LengthOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
}
