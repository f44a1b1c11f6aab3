using System.Globalization;
using System.Net.NetworkInformation;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>MAC addresses as CNI writes them: six octets, colons.</summary>
internal static class MacAddress
{
    /// <summary>Refuses multicast addresses: the kernel would refuse the link later, with a text nobody connects to its cause.</summary>
    public static bool TryParse(string text, out PhysicalAddress mac)
    {
        mac = PhysicalAddress.None;
        if (text.Length != 17)
        {
            return false;
        }

        var octets = new byte[6];
        for (var i = 0; i < 6; i++)
        {
            if (i > 0 && text[i * 3 - 1] is not (':' or '-')
                || !byte.TryParse(text.AsSpan(i * 3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out octets[i]))
            {
                return false;
            }
        }

        if ((octets[0] & 1) != 0)
        {
            return false;
        }

        mac = new PhysicalAddress(octets);
        return true;
    }

    public static string Format(PhysicalAddress mac) =>
        string.Join(':', mac.GetAddressBytes().Select(octet => octet.ToString("x2", CultureInfo.InvariantCulture)));
}
