using System.Globalization;
using System.Net.NetworkInformation;

namespace Calico.Linux.Route;

/// <summary>MAC addresses as every tool of the system prints them; the framework's own text has no colons.</summary>
public static class MacText
{
    public static string Of(PhysicalAddress mac)
    {
        ArgumentNullException.ThrowIfNull(mac);
        return string.Join(':', mac.GetAddressBytes().Select(b => b.ToString("x2", CultureInfo.InvariantCulture)));
    }
}
